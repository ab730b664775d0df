"""`prag retry`: what failed comes in again, as it was written; nothing is answered twice by it."""

import json
import os
from pathlib import Path

import pytest

from partitioned_rag import OMBox, Responder
from tests.cli.receipts import ID, OTHER_ID, delivered, failed, keep
from tests.cli.running import FRIEND, PHONE, Prag
from tests.ollama_double import OllamaDouble


def inbox(folder: Path) -> list[Path]:
    return sorted((folder / "inbox").glob("*")) if (folder / "inbox").exists() else []


def test_the_message_lies_in_the_inbox_as_it_was_written(prag: Prag, folder: Path) -> None:
    said = "OM:  what\n\ud800 is “it”?"
    keep(folder, PHONE, failed(sender="+1 555 010 0001", message=said))
    done = prag("retry", OTHER_ID[:4].upper())
    assert (done.code, done.out) == (0, "")
    assert "`prag run`" in done.err
    (put,) = inbox(folder)
    assert put.name.startswith(f"retry-{OTHER_ID}-")
    assert put.suffix == ".json"
    assert json.loads(put.read_text()) == {"sender": "+1 555 010 0001", "text": said}


def test_the_contract(prag: Prag, folder: Path) -> None:
    keep(folder, PHONE, failed())
    done = prag("retry", OTHER_ID, "--json").json()
    (put,) = inbox(folder)
    assert done == {"id": OTHER_ID, "contact": PHONE, "file": str(put)}


def test_what_failed_is_answered_after_all(prag: Prag, folder: Path) -> None:
    dropped = folder / "inbox" / "a.json"
    dropped.parent.mkdir()
    dropped.write_text(json.dumps({"sender": PHONE, "text": "om is it sunday?"}))
    os.utime(dropped, (1e9, 1e9))
    with OllamaDouble() as double, OMBox(folder, "hashing", ollama_host=double.host) as box:
        Responder(box).drain()
        told = json.loads(prag("log", "--json").out)
        assert (told["outcome"], double.chats) == ("failed", [])
        assert prag("retry", told["id"][:8]).code == 0
        Responder(box).drain()
    assert "is it sunday?" in (folder / "outbox" / f"{PHONE}.txt").read_text()
    outcomes = [json.loads(line)["outcome"] for line in prag("log", "--json").out.splitlines()]
    assert outcomes == ["retried", "delivered"]
    assert "before" in prag("retry", told["id"]).failed(2)
    assert inbox(folder) == []


def test_a_message_that_came_by_a_bridge_goes_back_to_its_inbox(prag: Prag, folder: Path) -> None:
    keep(folder, PHONE, failed(exchange="email", sender="a@example.org"))
    assert "are not in this OMBox" in prag("retry", OTHER_ID).failed(2)
    (folder / ".email").mkdir()
    assert prag("retry", OTHER_ID).code == 0
    assert len(list((folder / ".email" / "inbox").glob("*.json"))) == 1
    assert inbox(folder) == []


@pytest.mark.parametrize("exchange", ["../x", "a/../../x", ".", ""])
def test_no_receipt_leads_out_of_the_box(prag: Prag, folder: Path, exchange: str) -> None:
    (folder.parent / ".x").mkdir()
    keep(folder, PHONE, failed(exchange=exchange))
    before = sorted(folder.parent.rglob("*"))
    done = prag("retry", OTHER_ID)
    if exchange:
        assert done.code == 2
        assert sorted(folder.parent.rglob("*")) == before
    else:
        assert len(inbox(folder)) == 1


def test_what_was_answered_is_refused(prag: Prag, folder: Path) -> None:
    keep(folder, PHONE, delivered())
    assert "answered twice" in prag("retry", ID).failed(2)
    assert inbox(folder) == []


def test_what_was_given_back_before_is_refused(prag: Prag, folder: Path) -> None:
    keep(folder, PHONE, failed())
    assert prag("retry", OTHER_ID).code == 0
    assert "before" in prag("retry", OTHER_ID).failed(2)
    assert len(inbox(folder)) == 1


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("aaaa", "no message with this id"),
        ("fed", "4 to 24"),
        ("", "4 to 24"),
        ("../a", "4 to 24"),
        ("f" * 25, "4 to 24"),
        ("fedc", "2 messages"),
    ],
)
def test_an_id_that_is_none_or_not_one_is_refused(
    prag: Prag, folder: Path, written: str, said: str
) -> None:
    keep(folder, PHONE, failed())
    keep(folder, FRIEND, failed("fedc" + "0" * 20))
    assert said in prag("retry", written).failed(2)
    assert inbox(folder) == []


def test_a_receipt_that_cannot_be_read_is_said_and_hides_no_other(prag: Prag, folder: Path) -> None:
    keep(folder, PHONE, failed()).write_text("not ours")
    keep(folder, FRIEND, failed(ID))
    assert "cannot be read" in prag("retry", OTHER_ID).failed(1)
    assert prag("retry", ID).code == 0


def test_an_inbox_that_cannot_be_written_is_said(prag: Prag, folder: Path) -> None:
    keep(folder, PHONE, failed())
    (folder / "inbox").write_text("a file")
    assert "cannot be put into the inbox" in prag("retry", OTHER_ID).failed(1)
