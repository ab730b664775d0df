"""From a file in the inbox to a file in the outbox, with real files, processes and databases."""

import json
import os
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from partitioned_rag import Observer, OMBox, Outcome, Responder, StoreError
from tests.ollama_double import Exchange, Fault, OllamaDouble

ASKER, OTHER = "15550100001", "15550100002"


def drop(root: Path, sender: str, text: str, n: int = 1, *, age_s: float = 60) -> Path:
    """Do what the bridge does: first the chat, then the inbox."""
    (root / sender).mkdir(exist_ok=True)
    with (root / sender / "chat.log").open("a", encoding="utf-8") as chat:
        chat.write(f"[2026-01-01 10:00:{n:02}] them: {text}\n")
    path = root / "inbox" / f"{sender}_{n:013}.json"
    # Aged before it is in the inbox: a responder that runs may take it in at once.
    aged = root.parent / path.name
    aged.write_text(json.dumps({"sender": sender, "text": text, "ts": n}), encoding="utf-8")
    now = aged.stat().st_mtime
    os.utime(aged, (now - age_s, now - age_s))
    return aged.rename(path)


class Told(Observer):
    def __init__(self) -> None:
        self.outcomes: list[Outcome] = []
        self.texts: list[str] = []

    def done(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)

    def told(self, text: str) -> None:
        self.texts.append(text)


def drain(root: Path, double: OllamaDouble) -> list[Outcome]:
    told = Told()
    with OMBox(root, "hashing", ollama_host=double.host) as box:
        Responder(box, observer=told).drain()
    return told.outcomes


def outbox(root: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in sorted((root / "outbox").iterdir())}


def rendered(double: OllamaDouble) -> list[str]:
    return [chat.rendered for chat in double.chats]


def receipts(root: Path, contact: str) -> list[Path]:
    return sorted((root / ".prag" / "partitions" / contact / "receipts").iterdir())


def test_a_message_is_answered_once_and_leaves_a_private_receipt(
    root: Path, double: OllamaDouble
) -> None:
    drop(root, ASKER, "om: when does the tide turn?")
    assert [each.state for each in drain(root, double)] == ["delivered"]
    assert list(outbox(root)) == [f"{ASKER}.txt"]
    assert list((root / "inbox").iterdir()) == []
    (receipt,) = receipts(root, ASKER)
    assert stat.S_IMODE(receipt.stat().st_mode) == 0o600
    held = json.loads(receipt.read_text())
    assert held["message"] == "om: when does the tide turn?"
    assert held["question"] == "when does the tide turn?"
    assert held["partitions"] == ["public", ASKER]
    assert drain(root, double) == []
    assert len(double.chats) == 1


def test_the_question_stands_in_its_prompt_once(root: Path, double: OllamaDouble) -> None:
    drop(root, ASKER, "om the walrus parade is when?")
    drain(root, double)
    (seen,) = rendered(double)
    assert seen.count("walrus parade") == 1


def test_what_was_said_around_the_question_stays(root: Path, double: OllamaDouble) -> None:
    (root / ASKER).mkdir()
    (root / ASKER / "chat.log").write_text("[2026-01-01 09:00:00] them: I keep bees\n")
    drop(root, ASKER, "om what do I keep?")
    drain(root, double)
    assert "I keep bees" in rendered(double)[0]


def test_a_number_nobody_knows_gets_a_folder_and_reads_public_alone(
    root: Path, double: OllamaDouble
) -> None:
    (root / OTHER).mkdir()
    (root / OTHER / "secret.txt").write_text("zebra crossing\n")
    body = json.dumps({"sender": ASKER, "text": "om zebra?"})
    (root / "inbox" / "a.json").write_text(body)
    drain(root, double)
    assert (root / ASKER).is_dir()
    assert "zebra crossing" not in rendered(double)[0]
    assert "The tide turns at noon." in rendered(double)[0]


def test_what_does_not_begin_with_om_is_ignored(root: Path, double: OllamaDouble) -> None:
    drop(root, ASKER, "hello")
    drop(root, ASKER, "om:", 2)
    assert [each.state for each in drain(root, double)] == ["ignored", "ignored"]
    assert (outbox(root), double.chats, list((root / "inbox").iterdir())) == ({}, [], [])


def test_a_reply_that_was_not_picked_up_is_not_overwritten(
    root: Path, double: OllamaDouble
) -> None:
    (root / "outbox" / f"{ASKER}.txt").write_text("an earlier reply")
    drop(root, ASKER, "om when?")
    drain(root, double)
    assert outbox(root) == {f"{ASKER}.txt": "an earlier reply"}
    (root / "outbox" / f"{ASKER}.txt").unlink()
    drain(root, double)
    assert "when?" in outbox(root)[f"{ASKER}.txt"]


@pytest.fixture
def on_rename() -> Iterator[list[Callable[[str], None]]]:
    """What is called with the target of each rename, just before it happens."""
    callbacks: list[Callable[[str], None]] = []

    def watch(event: str, arguments: tuple[object, ...]) -> None:
        if event == "os.rename" and callbacks:
            callbacks[0](os.fspath(str(arguments[1])))

    sys.addaudithook(watch)  # stays for good, and does nothing without a callback
    yield callbacks
    callbacks.clear()


def test_what_is_removed_after_the_reply_was_written_is_not_quoted(
    root: Path, double: OllamaDouble, on_rename: list[Callable[[str], None]]
) -> None:
    double.answer = lambda seen: "it says walrus" if "walrus" in seen else "not sure"
    source = root / "public" / "walrus.txt"
    source.write_text("walrus\n")

    def remove(target: str) -> None:
        if target.endswith(".reply"):
            source.unlink(missing_ok=True)

    on_rename.append(remove)
    drop(root, ASKER, "om when is it?")
    drain(root, double)
    assert (len(double.chats), outbox(root)) == (2, {f"{ASKER}.txt": "not sure"})


def test_contacts_are_answered_in_the_order_in_which_each_wrote(
    root: Path, double: OllamaDouble, on_rename: list[Callable[[str], None]]
) -> None:
    """A bridge that takes a reply the moment the next is written."""

    def pick_up(target: str) -> None:
        if target.endswith(".reply"):
            for path in (root / "outbox").glob("1*.txt"):
                path.unlink()

    on_rename.append(pick_up)
    for n in range(3):
        drop(root, ASKER, f"om a{n}", n)
        drop(root, OTHER, f"om b{n}", n)
    drain(root, double)
    last = [
        each.rpartition("<|start|>user\n")[2].partition("<|end|>")[0] for each in rendered(double)
    ]
    asked = [each.strip().splitlines()[-1] for each in last]
    assert asked == ["a0", "b0", "a1", "b1", "a2", "b2"]


@pytest.mark.parametrize("n", [1, 5])
def test_the_traffic_and_folders_of_others_change_neither_reply_nor_receipt(
    tmp_path: Path, double: OllamaDouble, n: int
) -> None:
    kept: list[tuple[str, object]] = []
    for others in (0, n):
        root = tmp_path / f"{others}" / "OMBox"
        for name in ("public", "inbox", "outbox"):
            (root / name).mkdir(parents=True)
        (root / "public" / "tide.txt").write_text("The tide turns at noon.\n")
        for other in range(others):
            contact = f"1555020000{other}"
            drop(root, contact, f"om walrus {other}", other)
            (root / contact / "secret.txt").write_text("when does the tide turn: never\n")
        drop(root, ASKER, "om when does the tide turn?", 7)
        drain(root, double)
        (receipt,) = receipts(root, ASKER)
        held = json.loads(receipt.read_text())
        held.pop("timings")
        kept.append((outbox(root)[f"{ASKER}.txt"], (receipt.name, held)))
    assert kept[0] == kept[1]


def test_ollama_down_loses_nothing(root: Path, double: OllamaDouble) -> None:
    drop(root, ASKER, "om when?")
    double.misbehave(Fault.HTTP_500)
    assert [each.state for each in drain(root, double)] == ["received"]
    assert outbox(root) == {}
    assert (root / ".prag" / "partitions" / ASKER / "queue.sqlite3").exists()


def test_a_message_that_is_too_old_is_not_answered(root: Path, double: OllamaDouble) -> None:
    drop(root, ASKER, "om when?", age_s=7 * 3600)
    (told,) = drain(root, double)
    assert (told.state, told.reason) == ("failed", "it is too old to be answered")
    assert json.loads(receipts(root, ASKER)[0].read_text())["outcome"] == "failed"


def test_a_chat_that_grew_meanwhile_leaves_the_reply_good(root: Path, double: OllamaDouble) -> None:
    def more(_: Exchange) -> None:
        with (root / ASKER / "chat.log").open("a") as chat:
            chat.write("[2026-01-01 10:01:00] them: and one more thing\n")

    double.on_chat(more)
    drop(root, ASKER, "om when does the tide turn?")
    drain(root, double)
    assert len(double.chats) == 1


@pytest.mark.parametrize("trial", range(20))
def test_no_reply_quotes_what_was_removed_while_the_model_thought(
    root: Path, double: OllamaDouble, trial: int
) -> None:
    double.answer = lambda seen: "it says walrus" if "walrus" in seen else "not sure"
    source = root / (ASKER if trial % 2 else "public") / f"{trial}.txt"
    source.parent.mkdir(exist_ok=True)
    source.write_text(f"walrus {trial}\n")
    double.on_chat(lambda _: source.unlink(missing_ok=True))
    drop(root, ASKER, "om when is it?")
    drain(root, double)
    assert outbox(root) == {f"{ASKER}.txt": "not sure"}


def test_a_second_responder_is_refused(root: Path, double: OllamaDouble) -> None:
    refused: list[str] = []

    def begin_another(_: Exchange) -> None:
        with OMBox(root, "hashing", ollama_host=double.host) as box:
            try:
                Responder(box).drain()
            except StoreError as error:
                refused.append(error.what)

    double.on_chat(begin_another)
    drop(root, ASKER, "om when?")
    drain(root, double)
    assert refused == ["another responder answers from this OMBox"]


def test_what_was_kept_for_a_contact_goes_with_its_folder(root: Path, double: OllamaDouble) -> None:
    drop(root, ASKER, "om when?")
    drain(root, double)
    (root / ASKER / "chat.log").unlink()
    (root / ASKER).rmdir()
    with OMBox(root, "hashing") as box:
        box.index()
    assert not (root / ".prag" / "partitions" / ASKER).exists()
