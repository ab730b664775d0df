"""Files of the inbox that mean harm: nobody is answered for another, and nothing crashes."""

import base64
import json
import os
import shutil
import socket
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partitioned_rag import OMBox, Responder
from partitioned_rag.responder import inbox
from tests.ollama_double import OllamaDouble

DATA = Path(__file__).parents[2].parent / "shared" / "data" / "hostile"
needs_data = pytest.mark.skipif(
    not (DATA / "messages.json").is_file(), reason=f"needs the hostile messages in {DATA}"
)


def stamped(text: bytes) -> bytes:
    return text.replace(b"@NOW@", str(int(time.time() * 1000)).encode())


def place(case: dict[str, Any], folder: Path) -> Path:
    name = stamped(case["name"].encode("utf-8", "surrogateescape"))
    path = folder / os.fsdecode(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    kind = case.get("kind")
    if kind == "symlink":
        path.symlink_to(path.name if case["target"] == "@SELF@" else case["target"])
    elif kind == "socket":
        where = Path.cwd()
        os.chdir(path.parent)  # a socket's path must be short
        try:
            with socket.socket(socket.AF_UNIX) as server:
                server.bind(path.name)
        finally:
            os.chdir(where)
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "dir":
        path.mkdir()
    else:
        path.write_bytes(stamped(body(case["parts"])))
        age_s = 0 if case.get("young") else case.get("age_s", 60)
        os.utime(path, (time.time() - age_s,) * 2)
    return path


def body(parts: list[list[Any]]) -> bytes:
    return b"".join(base64.b64decode(part) * times for part, times in parts)


def seen(case: dict[str, Any], path: Path, root: Path) -> str:
    answered = (root / "outbox" / f"{case['digits']}.txt").exists()
    kept = (root / ".prag" / "quarantine").glob("*/*")
    if any(each.name == path.name for each in kept):
        return "quarantined"
    if os.path.lexists(path):
        return "retry" if case.get("young") else "left"
    return "answered" if answered else "ignored"


@needs_data
def test_each_hostile_message_ends_as_it_must(tmp_path: Path) -> None:
    cases = json.loads((DATA / "messages.json").read_text(encoding="utf-8"))["cases"]
    root = tmp_path / "OMBox"
    wrong: dict[str, str] = {}
    with OllamaDouble() as double, OMBox(_made(root), "hashing", ollama_host=double.host) as box:
        for case in cases:
            if case.get("kind") == "hardlink" or case.get("not_root"):
                continue
            shutil.rmtree(root / "outbox")
            path = place(case, root / "inbox")
            Responder(box).drain()
            replies = {each.name for each in (root / "outbox").iterdir()}
            expected = case["expect"]
            outcome = seen(case, path, root)
            if outcome not in (expected if isinstance(expected, list) else [expected]):
                wrong[case["id"]] = outcome
            if not replies <= {f"{case['digits']}.txt"}:
                wrong[case["id"]] = f"answered {replies}"
            if outcome == "retry" and "then" in case:
                path.write_bytes(stamped(body(case["then"])))
                os.utime(path, (time.time() - 60,) * 2)
                Responder(box).drain()
                then = seen(case | {"young": False}, path, root)
                if then != case["then_expect"]:
                    wrong[case["id"]] = f"then {then}"
            if os.path.lexists(path):
                path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
    assert wrong == {}


@needs_data
def test_each_hostile_sender_is_answered_at_its_own_number_or_not_at_all(tmp_path: Path) -> None:
    cases = json.loads((DATA / "senders.json").read_text(encoding="utf-8"))["cases"]
    aliases = json.loads((DATA / "senders.json").read_text(encoding="utf-8"))["aliases"]
    root = _made(tmp_path / "OMBox")
    wrong: dict[str, object] = {}
    (root / "contacts.toml").write_text(
        "".join(
            f"[contacts.{contact}]\naliases = {json.dumps(theirs, ensure_ascii=False)}\n"
            for contact, theirs in aliases.items()
        ),
        encoding="utf-8",
    )
    with OllamaDouble() as double, OMBox(root, "hashing", ollama_host=double.host) as box:
        for case in cases:
            shutil.rmtree(root / "outbox")
            (root / "inbox" / "1.json").write_text(
                json.dumps({"sender": case["sender"], "text": f"om {case['id']}"})
            )
            os.utime(root / "inbox" / "1.json", (time.time() - 60,) * 2)
            Responder(box).drain()
            replies = {each.name for each in (root / "outbox").iterdir()}
            address = case.get("digits") or case.get("contact")
            if replies != ({f"{address}.txt"} if case["expect"] == "contact" else set()):
                wrong[case["id"]] = replies
    assert wrong == {}


def as_json(value: object) -> bytes:
    return json.dumps(value).encode()


@given(st.binary() | st.recursive(st.text(), st.lists).map(as_json))
def test_any_bytes_are_a_message_or_none(raw: bytes) -> None:
    assert isinstance(inbox.parse("1.json", raw), inbox.Message | inbox.Broken)


@given(sender=st.text(), said=st.text())
def test_a_message_is_that_of_its_sender_alone(sender: str, said: str) -> None:
    parsed = inbox.parse(
        "15550100009_1.json", json.dumps({"sender": sender, "text": said}).encode()
    )
    assert isinstance(parsed, inbox.Message)
    assert parsed.sender == sender


def test_two_files_of_one_name_are_both_kept(tmp_path: Path) -> None:
    root = _made(tmp_path / "OMBox")
    with OMBox(root, "hashing") as box:
        for broken in (b"one", b"two"):
            path = root / "inbox" / "1.json"
            path.write_bytes(broken)
            os.utime(path, (0, 0))
            Responder(box).drain()
    kept = (root / ".prag" / "quarantine").glob("*/1.json")
    assert sorted(each.read_bytes() for each in kept) == [b"one", b"two"]


def _made(root: Path) -> Path:
    for name in ("public", "inbox", "outbox"):
        (root / name).mkdir(parents=True)
    return root
