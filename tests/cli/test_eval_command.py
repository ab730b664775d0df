"""`prag eval`: questions of one's own, as each who asks them; and questions to start from."""

import json
import os
import pty
import stat
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import pytest

from partitioned_rag.evaluation.settings import SETTINGS
from tests.cli.running import BINARY, FRIEND, PATIENCE_S, PHONE, Prag

Rows = list[dict[str, object]]
LINES = (
    {"question": "when is the shop open?", "phrase": "from ten to four"},
    {"question": "what do I bring?", "as": FRIEND, "phrase": "the lemon cake"},
    {"question": "where is the key?", "as": "+1 555 010-0001", "phrase": "behind the barrel"},
    {"question": "where is the key?", "as": FRIEND, "phrase": "behind the barrel"},
    {"question": "a picture?", "source": "public/picture.png"},
)


@pytest.fixture
def questions(folder: Path, tmp_path: Path) -> Path:
    path = tmp_path / "questions.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in LINES), encoding="utf-8")
    return path


def rows_of(result: dict[str, object], at: int = 0) -> Rows:
    return cast("Rows", cast("Rows", result["settings"])[at]["results"])


def missed(row: dict[str, object]) -> list[object]:
    return [piece["missed"] for piece in cast("Rows", row["evidence"])]


# ---------------------------------------------------------------- evaluating


def test_the_contract(prag: Prag, questions: Path, folder: Path) -> None:
    result = prag("eval", str(questions), "--json").json()
    assert set(result) == {"box", "count", "margin", "settings"}
    assert (result["box"], result["count"]) == (str(folder), "estimated")
    (setting,) = cast("Rows", result["settings"])
    assert set(setting) == {
        *("setting", "recall_at", "recall_within_tokens", "reciprocal_rank", "results"),
    }
    for each in (setting, *rows_of(result)):
        assert set(cast("dict[str, float]", each["recall_at"])) == {"1", "5", "10"}
        budgets = cast("dict[str, float]", each["recall_within_tokens"])
        assert set(budgets) == {"512", "1024", "2048", "4096"}
    assert [row["as"] for row in rows_of(result)] == [
        *("public", FRIEND, "+1 555 010-0001", FRIEND, "public"),
    ]


def test_each_question_is_asked_as_the_one_who_asks_it(prag: Prag, questions: Path) -> None:
    rows = rows_of(prag("eval", str(questions), "--json").json())
    assert [missed(row) for row in rows] == [
        *([None], [None], [None], ["phrase not there"], ["source skipped"]),
    ]


def test_a_person_sees_a_table_and_what_was_missed(prag: Prag, questions: Path) -> None:
    ran = prag("eval", str(questions))
    assert (ran.code, ran.err) == (0, "")
    head, row, *below = ran.out.splitlines()
    assert head.split() == "recall in % @1 @5 @10 512 1,024 2,048 4,096 MRR".split()
    assert row.split()[:4] == ["prompt", *row.split()[1:4]]
    assert row.split()[3] == "60.0"
    text = "\n".join(below)
    assert "2 questions missed in the first 10 hits" in text
    assert "the phrase stands in nothing that the asker may read: “behind the barrel”" in text
    assert "the source is skipped (unsupported): public/picture.png" in text


def test_a_comparison_has_a_row_for_each_setting(prag: Prag, questions: Path) -> None:
    result = prag("eval", str(questions), "--compare", "--json").json()
    settings = cast("Rows", result["settings"])
    names = [each.name for each in SETTINGS]
    assert [each["setting"] for each in settings] == names
    shown = prag("eval", str(questions), "--compare").out
    assert [line.split()[0] for line in shown.splitlines()[1 : 1 + len(names)]] == names


def test_on_a_terminal_it_is_the_same_table_drawn(env: Mapping[str, str], questions: Path) -> None:
    ours, its = pty.openpty()
    try:
        done = subprocess.run(
            [BINARY, "eval", str(questions)],
            env={**env, "TERM": "xterm-256color", "NO_COLOR": "1"},
            stdin=subprocess.DEVNULL,
            stdout=its,
            stderr=subprocess.PIPE,
            timeout=PATIENCE_S,
            check=False,
        )
    finally:
        os.close(its)
    shown = b""
    try:
        while piece := os.read(ours, 65536):
            shown += piece
    except OSError:  # the end of a terminal
        pass
    finally:
        os.close(ours)
    assert (done.returncode, done.stderr) == (0, b"")
    assert "recall in %" in shown.decode()
    assert "60.0" in shown.decode()


def test_a_contact_without_a_folder_is_told_of(prag: Prag, questions: Path) -> None:
    questions.write_text('{"question": "q", "as": "15550100002", "phrase": "from ten to four"}\n')
    ran = prag("eval", str(questions))
    assert ran.code == 0
    assert "note: contact 15550100002 has no folder in this OMBox" in ran.err


@pytest.mark.parametrize("as_json", [(), ("--json",)])
def test_a_bad_line_is_refused_with_its_number(
    prag: Prag, questions: Path, as_json: tuple[str, ...]
) -> None:
    with questions.open("a") as file:
        file.write('\n{"question": "q", "phrase": "x", "\\u001b[2J": 1}\n')
    said = prag("eval", str(questions), *as_json).failed(2)
    assert f"({questions}, line {len(LINES) + 2})" in said
    assert "\x1b" not in said
    assert len(said.splitlines()) == 1


def test_a_file_that_is_not_there_is_named(prag: Prag, folder: Path) -> None:
    assert "/nowhere.jsonl" in prag("eval", "/nowhere.jsonl").failed(2)


def test_text_of_questions_drives_nothing(prag: Prag, questions: Path) -> None:
    line = {"question": "sunday \x1b[2J\u202e", "phrase": "\x1b]0;x\x07"}
    questions.write_text(json.dumps(line) + "\n")
    ran = prag("eval", str(questions))
    assert "\\x1b[2J" in ran.out
    assert not any(ord(c) < 32 and c != "\n" for c in ran.out)


# ---------------------------------------------------------------- making


def test_what_is_proposed_is_a_file_that_can_be_evaluated(
    prag: Prag, folder: Path, tmp_path: Path
) -> None:
    path = tmp_path / "made.jsonl"
    ran = prag("eval", "--make", str(path), "--as", FRIEND, "--count", "2")
    assert (ran.code, ran.out) == (0, "")
    assert ran.err == f"note: {len(path.read_text().splitlines())} questions written to {path}\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    (first, *_) = rows_of(prag("eval", str(path), "--json").json())
    assert first["as"] == FRIEND
    assert first["phrase"] == ["yes, I bring the lemon cake"]
    assert missed(first) == [None]


def test_without_a_file_it_is_written_to_stdout_the_same_each_time(
    prag: Prag, folder: Path
) -> None:
    ran = prag("eval", "--make", "--as", PHONE)
    assert ran == prag("eval", "--make", "--as", "+1 (555) 010-0001")
    (line,) = map(json.loads, ran.out.splitlines())
    assert line["as"] == PHONE
    assert line["source"] == f"{PHONE}/note.txt"
    public = [json.loads(line) for line in prag("eval", "--make").out.splitlines()]
    assert {each["as"] for each in public} == {"public"}
    assert all(each["source"].startswith("public/") for each in public)


def test_a_file_that_is_there_is_left_alone_unless_told(
    prag: Prag, folder: Path, tmp_path: Path
) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_text("mine")
    assert str(path) in prag("eval", "--make", str(path)).failed(2)
    assert path.read_text() == "mine"
    (tmp_path / "link.jsonl").symlink_to(tmp_path / "nowhere")
    prag("eval", "--make", str(tmp_path / "link.jsonl")).failed(2)
    assert prag("eval", "--make", str(path), "--overwrite").code == 0
    assert json.loads(path.read_text().splitlines()[0])["as"] == "public"


def test_json_says_what_is_proposed_and_where_it_was_put(
    prag: Prag, folder: Path, tmp_path: Path
) -> None:
    result = prag("eval", "--make", "--json").json()
    assert set(result) == {"file", "questions"}
    assert result["file"] is None
    (first, *_) = cast("Rows", result["questions"])
    assert set(first) == {"question", "as", "source", "phrase"}
    path = str(tmp_path / "made.jsonl")
    assert prag("eval", "--make", path, "--json").json()["file"] == path


def test_a_folder_with_nothing_to_ask_about_is_told_of(prag: Prag, tmp_path: Path) -> None:
    (tmp_path / "empty" / "public").mkdir(parents=True)
    said = prag("eval", "--make", "--box", str(tmp_path / "empty")).failed(2)
    assert "nothing to make a question of" in said


def test_a_place_that_cannot_be_written_is_a_failure(prag: Prag, folder: Path) -> None:
    assert "/proc/none" in prag("eval", "--make", "/proc/none").failed(1)
