"""`prag index`: what it says of the folder."""

import os
import pty
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from tests.cli.running import BINARY, FRIEND, PATIENCE_S, PHONE, Prag

Rows = list[dict[str, object]]


def partitions(result: Mapping[str, object]) -> dict[str, dict[str, object]]:
    return {str(row["id"]): row for row in cast("Rows", result["partitions"])}


def test_the_contract(prag: Prag, folder: Path) -> None:
    result = prag("index", "--json").json()
    assert set(result) == {"box", "partitions", "skipped", "seconds", "contacts_error"}
    assert result["box"] == str(folder)
    rows = partitions(result)
    assert list(rows) == ["public", PHONE, FRIEND]
    for row in rows.values():
        assert set(row) == {
            *("id", "sources", "chunks", "added", "changed", "renamed", "removed"),
            *("skipped", "note", "error"),
        }
    assert (rows["public"]["sources"], rows["public"]["added"]) == (2, 2)
    (skipped,) = cast("Rows", rows["public"]["skipped"])
    assert set(skipped) == {"source", "reason", "detail"}
    assert (skipped["source"], skipped["reason"]) == ("public/picture.png", "unsupported")
    (stray,) = cast("Rows", result["skipped"])
    assert stray["source"] == "stray.txt"


def test_it_counts_what_changed_since_last_time(prag: Prag, folder: Path) -> None:
    assert prag("index").code == 0
    (folder / "public" / "schedule.txt").write_text("Closed on Sunday.\n")
    (folder / "public" / "about.md").rename(folder / "public" / "me.md")
    (folder / FRIEND / "chat.log").unlink()
    (folder / PHONE / "new.txt").write_text("A ladder leans at the back.\n")
    rows = partitions(prag("index", "--json").json())
    counts = {
        name: tuple(row[key] for key in ("added", "changed", "renamed", "removed"))
        for name, row in rows.items()
    }
    assert counts == {"public": (0, 1, 1, 0), PHONE: (1, 0, 0, 0), FRIEND: (0, 0, 0, 1)}
    assert "nothing had changed" in prag("index").out


def test_odd_names_are_listed_and_drive_nothing(prag: Prag, folder: Path) -> None:
    names = [
        b"\x1b[2J.txt",
        b"line\nbreak.txt",
        b"-dash.txt",
        b"\xff\xfe.txt",
        b"x" * 251 + b".txt",
    ]
    for name in names:
        (folder / "public" / os.fsdecode(name)).write_text("sunday\n")
        (folder / "public" / os.fsdecode(name[:-3] + b"exe")).write_bytes(b"MZ\x00\x01")
    shown = prag("index")
    assert shown.code == 0
    assert not any(ord(c) < 32 and c != "\n" for c in shown.out + shown.err)
    public = partitions(prag("index", "--json").json())["public"]
    listed = {str(row["source"]) for row in cast("Rows", public["skipped"])}
    assert {f"public/{os.fsdecode(name[:-3] + b'exe')}" for name in names} <= listed
    assert public["sources"] == 2 + len(names)


def test_a_partition_that_fails_is_said_and_the_others_are_done(prag: Prag, folder: Path) -> None:
    index = folder / ".prag" / "partitions"
    index.mkdir(parents=True)
    (index / FRIEND).write_text("a file where a folder must be")
    ran = prag("index", "--json")
    assert (ran.code, ran.out) == (1, "")
    last = ran.err.splitlines()[-1]
    assert last.startswith("error: ")
    assert FRIEND in last
    done = {line.split()[0]: line.split()[1:] for line in ran.err.splitlines() if line.strip()}
    assert done[PHONE][0] == "1"


def test_on_a_terminal_the_bar_is_drawn_on_stderr_and_leaves_stdout_alone(
    env: Mapping[str, str], folder: Path
) -> None:
    for number in range(20):
        (folder / "public" / f"{number}.txt").write_text(f"note {number}\n" * 50)
    drawn, plain = on_terminal(env, TERM="xterm"), on_terminal(env, TERM="dumb")
    assert "chunks/s" in drawn
    assert "files" in drawn
    assert plain == ""


def on_terminal(env: Mapping[str, str], **more: str) -> str:
    """Index anew with stderr on a terminal of 80 columns, and give what was drawn there."""
    ours, theirs = pty.openpty()
    done = subprocess.Popen(
        [BINARY, "index", "--json"],
        env=dict(env) | more | {"COLUMNS": "80", "PRAG_INDEX": f"{env['HOME']}/{more['TERM']}"},
        stdout=subprocess.PIPE,
        stderr=theirs,
    )
    os.close(theirs)
    drawn = b""
    try:
        while piece := os.read(ours, 65536):
            drawn += piece
    except OSError:  # how Linux says that nobody holds the terminal any more
        pass
    os.close(ours)
    out, _ = done.communicate(timeout=PATIENCE_S)
    assert done.returncode == 0
    assert out.startswith(b'{"box"')
    return drawn.decode()
