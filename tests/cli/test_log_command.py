"""`prag log`: what became of the messages, oldest first, harmless, and without the index."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partitioned_rag.box import OMBox
from partitioned_rag.cli.log import moment
from partitioned_rag.errors import StoreError
from partitioned_rag.responder.reading import Receipt, Receipts, as_line
from tests.cli.receipts import AT, ID, OTHER_ID, delivered, failed, keep
from tests.cli.running import BINARY, FRIEND, PATIENCE_S, PHONE, Prag


def test_each_message_is_one_line_oldest_first(prag: Prag, folder: Path) -> None:
    keep(folder, PHONE, failed())
    keep(folder, FRIEND, delivered(ID, timings={"at": AT, "total_s": 3.25}))
    shown = prag("log", TZ="UTC")
    assert shown.code == 0
    first, second = shown.out.splitlines()
    assert first == (
        "2026-03-01 12:00:00  01234567  friend           delivered    3.2 s  2 sources  gemma4"
        "  “are you free on sunday?”"
    )
    assert second == (
        "2026-03-01 12:01:00  fedcba98  15550100001      failed     "
        "it is too old to be answered  “what is the tide?”"
    )


def test_a_word_that_nobody_asked_for_is_shown_with_its_reason(prag: Prag, folder: Path) -> None:
    notice = failed(outcome="delivered", message="", question="", reason="more than 30 an hour")
    keep(folder, PHONE, notice)
    assert prag("log", TZ="UTC").out == (
        "2026-03-01 12:01:00  fedcba98  15550100001      delivered  more than 30 an hour\n"
    )


def test_json_is_the_receipt_as_it_stands(prag: Prag, folder: Path) -> None:
    kept = [delivered(), failed(message="om \ud800 \u202e", question="\ud800 \u202e")]
    for shape in kept:
        keep(folder, PHONE, shape)
    shown = prag("log", "--json")
    assert shown.out.isascii()
    assert [json.loads(line) for line in shown.out.splitlines()] == kept


def test_without_a_receipt_nothing_is_shown_and_nothing_is_made(prag: Prag, folder: Path) -> None:
    before = sorted(folder.rglob("*"))
    shown = prag("log")
    assert (shown.code, shown.out, shown.err) == (0, "", "note: nothing found\n")
    assert sorted(folder.rglob("*")) == before


def test_only_the_folder_of_the_contact_is_looked_into(prag: Prag, folder: Path) -> None:
    (folder / "contacts.toml").write_text(f'[contacts.{PHONE}]\naliases = ["a@example.org"]\n')
    keep(folder, PHONE, delivered())
    broken = keep(folder, FRIEND, failed())
    broken.write_text("not ours")
    for written in (PHONE, "+1 (555) 010-0001", "a@example.org"):
        shown = prag("log", "--as", written)
        assert (shown.code, shown.err, shown.out.count("\n")) == (0, "", 1), written
    assert prag("log", "--as", FRIEND).code == 1
    assert "reserved" in prag("log", "--as", "public").failed(2)


def test_a_broken_contacts_file_leaves_nobody_to_look_for(prag: Prag, folder: Path) -> None:
    keep(folder, PHONE, delivered())
    (folder / "contacts.toml").write_text("broken")
    assert "contacts.toml" in prag("log", "--as", PHONE).failed(2)
    assert prag("log").code == 0


@pytest.mark.parametrize(
    ("since", "shown"),
    [("2026-03-01T12:00:30Z", 1), ("2026-03-01", 2), ("2026-03-02", 0), ("1s", 0), ("9999d", 2)],
)
def test_since_leaves_out_what_was_before(prag: Prag, folder: Path, since: str, shown: int) -> None:
    keep(folder, PHONE, delivered())
    keep(folder, PHONE, failed())
    assert prag("log", "--since", since, TZ="UTC").out.count("\n") == shown


@pytest.mark.parametrize("written", ["", "2", "h", "-2h", "2w", "yesterday", "2026-13-01", "٢h"])
def test_a_time_that_is_none_is_misuse(prag: Prag, folder: Path, written: str) -> None:
    assert folder
    assert "2h or 7d" in prag("log", f"--since={written}").failed(2)


@given(st.text() | st.from_regex(r"[0-9]{1,30}[smhd]") | st.datetimes().map(str))
def test_whatever_is_typed_as_a_time_is_one_or_refused(written: str) -> None:
    try:
        found = moment(written, now=AT)
    except ValueError:
        return
    assert isinstance(found, float)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"{}",
        b"[" * 100_000,
        b'{"id": "fedcba9876543210fedcba98", "timings": {"at": NaN}}',
        json.dumps(failed(timings={"at": 10**400})).encode(),
        json.dumps(failed(timings={"at": 1e300})).encode(),
        json.dumps(failed(timings={})).encode(),
        json.dumps(failed(timings={"at": True})).encode(),
        json.dumps(failed(ID)).encode(),
        json.dumps(failed(outcome="sent")).encode(),
        json.dumps(failed(question=7)).encode(),
        json.dumps(delivered(OTHER_ID, packed=[{"source": 7}])).encode(),
    ],
    ids=range(14),
)
def test_a_receipt_that_cannot_be_read_is_one_complaint_and_hides_no_other(
    prag: Prag, folder: Path, content: bytes
) -> None:
    keep(folder, PHONE, delivered())
    keep(folder, PHONE, failed()).write_bytes(content)
    shown = prag("log")
    assert (shown.code, shown.out.count("\n")) == (1, 1)
    assert shown.err.startswith("error: a receipt cannot be read")
    assert shown.err.count("\n") == 1
    assert f"{OTHER_ID}.json" in shown.err


def test_what_is_no_file_and_what_is_no_receipt_stop_nothing(prag: Prag, folder: Path) -> None:
    kept = keep(folder, PHONE, delivered())
    os.mkfifo(kept.with_name(f"{'1' * 24}.json"))
    (folder / "elsewhere").write_text(json.dumps(delivered("2" * 24)))
    kept.with_name(f"{'2' * 24}.json").symlink_to(folder / "elsewhere")
    kept.with_name(f"{'3' * 24}.json").mkdir()
    kept.with_name(f".{'4' * 24}.json.1-1.new").write_text("half")
    gone = folder / ".prag" / "partitions" / ".gone-7" / "receipts"
    gone.mkdir(parents=True)
    (gone / f"{'5' * 24}.json").write_text("somebody who was forgotten")
    shown = prag("log")
    assert (shown.code, shown.out.count("\n"), shown.err.count("\n")) == (1, 1, 3)


def test_nothing_in_a_receipt_drives_the_terminal_or_begins_a_line(
    prag: Prag, folder: Path
) -> None:
    nasty = "\x1b[2J\u202e\nerror: all is lost\r\x9b31m"
    keep(
        folder,
        PHONE,
        delivered(question=nasty + "x" * 500, model=nasty, sender=nasty, message=nasty),
    )
    keep(folder, PHONE, failed(reason=nasty, question=nasty))
    shown = prag("log")
    assert shown.out.count("\n") == 2
    assert not {*"\x1b\u202e\r\x9b"} & set(shown.out)
    assert "…”" in shown.out


def test_what_was_read_is_not_read_again(folder: Path) -> None:
    keep(folder, PHONE, delivered())
    with OMBox(folder, "hashing") as box:
        receipts = Receipts(box)
        assert [_id(each) for each in receipts.unread()] == [ID]
        keep(folder, FRIEND, failed())
        assert [_id(each) for each in receipts.unread()] == [OTHER_ID]
        assert list(receipts.unread()) == []


def test_a_receipt_that_went_with_its_contact_is_no_fault(folder: Path) -> None:
    kept = keep(folder, PHONE, delivered())
    with OMBox(folder, "hashing") as box:
        (receipt,) = Receipts(box).unread()
    kept.unlink()
    assert isinstance(receipt, Receipt)
    assert as_line(receipt) is None


def test_follow_shows_what_comes_and_ends_with_ctrl_c(env: Mapping[str, str], folder: Path) -> None:
    keep(folder, PHONE, delivered())
    with subprocess.Popen(
        [BINARY, "log", "--follow"],
        env=dict(env),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            assert "01234567" in process.stdout.readline()
            keep(folder, FRIEND, failed())
            assert "fedcba98" in process.stdout.readline()
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=PATIENCE_S)
        finally:
            process.kill()
    assert (process.returncode, out, err) == (0, "", "")


def test_no_engine_is_loaded(env: Mapping[str, str], folder: Path) -> None:
    keep(folder, PHONE, delivered())
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "partitioned_rag", "log"],
        env={name: value for name, value in env.items() if name != "PRAG_EMBEDDER"},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=True,
    )
    loaded = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.split("\n")}
    assert "partitioned_rag" in loaded
    assert loaded.isdisjoint({"chromadb", "torch", "numpy", "httpx", "rich", "tokenizers"})


def _id(each: Receipt | StoreError) -> str:
    assert isinstance(each, Receipt), each
    return each.id
