"""Who waits, who is told so, and what becomes of a message that cannot be answered as it came."""

import json
import shutil
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partitioned_rag import Exchange, Observer, OMBox, Outcome, Responder
from partitioned_rag.folders import look_into
from partitioned_rag.responder import queues, schedule
from partitioned_rag.responder.queue import Queue, State
from tests.ollama_double import Exchange as Chat
from tests.ollama_double import Fault, OllamaDouble
from tests.responder.test_round_trip import ASKER, OTHER, Told, drop, outbox, receipts, rendered


def drain(root: Path, double: OllamaDouble, **options: object) -> Told:
    told = Told()
    with OMBox(root, "hashing", ollama_host=double.host) as box:
        Responder(box, observer=told, **options).drain()  # type: ignore[arg-type]
    return told


def take(root: Path) -> list[str]:
    """Take what lies in the outbox, as the bridge does, and say what it said."""
    taken = []
    for path in sorted((root / "outbox").glob("*.txt")):
        taken.append(path.read_text())
        path.unlink()
    return taken


def queue_of(root: Path, contact: str) -> Queue:
    return Queue(root / ".prag" / "partitions" / contact)


# ---------------------------------------------------------------- by the hour


def test_who_asks_too_much_is_told_so_once_and_waits(root: Path, double: OllamaDouble) -> None:
    (root / "contacts.toml").write_text(f"[contacts.{ASKER}]\nmax_per_hour = 2\n")
    for n in range(5):
        drop(root, ASKER, f"om q{n}?", n)
    said: list[str] = []
    for _ in range(6):
        drain(root, double)
        said += take(root)
    assert len(said) == 3
    assert said[2].startswith("That is 2 answers within an hour")
    assert len(double.chats) == 2
    assert queue_of(root, ASKER).waiting() == 3
    told = [json.loads(path.read_text()) for path in receipts(root, ASKER)]
    assert sorted(each["reason"] for each in told) == ["", "", "more than 2 messages an hour"]


def test_the_limit_of_one_is_not_that_of_another(root: Path, double: OllamaDouble) -> None:
    (root / "contacts.toml").write_text(f"[contacts.{ASKER}]\nmax_per_hour = 1\n")
    for n in range(3):
        drop(root, ASKER, f"om a{n}?", n)
        drop(root, OTHER, f"om b{n}?", n)
    for _ in range(4):
        drain(root, double)
        take(root)
    assert queue_of(root, ASKER).waiting() == 2
    assert queue_of(root, OTHER).waiting() == 0


def test_after_the_hour_it_goes_on(root: Path, double: OllamaDouble) -> None:
    (root / "contacts.toml").write_text(f"[contacts.{ASKER}]\nmax_per_hour = 1\n")
    for n in range(2):
        drop(root, ASKER, f"om q{n}?", n)
    for _ in range(3):
        drain(root, double)
        take(root)
    queue = queue_of(root, ASKER)
    for path in receipts(root, ASKER):
        queue.finish(path.stem, State.DELIVERED, at=time.time() - schedule.HOUR_S - 1)
    drain(root, double)
    assert "q1?" in take(root)[0]


def test_within_an_hour_nobody_is_told_twice(root: Path, double: OllamaDouble) -> None:
    (root / "contacts.toml").write_text(f"[contacts.{ASKER}]\nmax_per_hour = 1\n")
    for n in range(3):
        drop(root, ASKER, f"om q{n}?", n)
    said: list[str] = []
    for n in range(5):
        drain(root, double)
        said += take(root)
        if n == 2:
            (answer,) = (path for path in receipts(root, ASKER) if "-wait" not in path.name)
            long_ago = time.time() - schedule.HOUR_S - 1
            queue_of(root, ASKER).finish(answer.stem, State.DELIVERED, at=long_ago)
    assert [each[:18] for each in said].count("That is one answer") == 1
    assert len(said) == 3


@given(
    st.lists(st.integers(0, 10_000)),  # whole seconds, so that nothing is rounded
    st.integers(0, 20_000),
    st.integers(1, 5),
)
def test_never_more_in_any_hour_than_allowed(
    answered: list[int], now: int, max_per_hour: int
) -> None:
    at = schedule.next_answer_at(answered, now, max_per_hour=max_per_hour)
    past = [each for each in answered if each <= now]
    if at <= now:
        assert sum(each > now - schedule.HOUR_S for each in past) < max_per_hour
    else:
        assert sum(each > now - schedule.HOUR_S for each in past) >= max_per_hour
        assert sum(each > at - schedule.HOUR_S for each in past) < max_per_hour


def test_more_than_can_wait_is_failed_with_a_receipt(
    root: Path, double: OllamaDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("partitioned_rag.responder.intake.MOST_WAITING", 3)
    double.misbehave(*[Fault.HTTP_500] * 9)
    for n in range(5):
        drop(root, ASKER, f"om q{n}?", n)
    told = drain(root, double)
    failed = [each for each in told.outcomes if each.state == "failed"]
    assert len(failed) == 2
    assert queue_of(root, ASKER).waiting() == 3
    kept = [json.loads(path.read_text()) for path in receipts(root, ASKER)]
    assert sorted(each["message"] for each in kept) == ["om q3?", "om q4?"]
    assert queues.MOST_WAITING >= 30


# ---------------------------------------------------------------- who it is


def test_an_alias_is_answered_as_the_contact_at_its_own_address(
    root: Path, double: OllamaDouble
) -> None:
    (root / "friend").mkdir()
    (root / "friend" / "note.txt").write_text("the walrus knows\n")
    (root / "contacts.toml").write_text(
        f'[contacts.friend]\naliases = ["{ASKER}", "pip@example.org"]\n'
    )
    for n, sender in enumerate((ASKER, "pip@example.org")):
        body = json.dumps({"sender": sender, "text": f"om q{n}"})
        (root / "inbox" / f"{n}.json").write_text(body)
    drain(root, double)
    assert set(outbox(root)) == {f"{ASKER}.txt", "friend.txt"}
    assert all("the walrus knows" in seen for seen in rendered(double))


def test_while_contacts_toml_is_broken_messages_stay(root: Path, double: OllamaDouble) -> None:
    (root / "contacts.toml").write_text("nobody = 1\n")
    path = drop(root, ASKER, "om when?")
    told = drain(root, double)
    assert path.exists()
    assert (told.outcomes, double.chats) == ([], [])
    assert "contacts.toml" in told.texts[0]
    (root / "contacts.toml").unlink()
    assert [each.state for each in drain(root, double).outcomes] == ["delivered"]


def test_a_message_goes_to_whom_its_sender_is_by_now(root: Path, double: OllamaDouble) -> None:
    """What was queued as one contact's is another's by the owner's later word."""
    (root / "contacts.toml").write_text(f'[contacts.friend]\naliases = ["{ASKER}"]\n')
    (root / "friend").mkdir()
    (root / "friend" / "note.txt").write_text("the walrus knows\n")
    drop(root, ASKER, "om when?")
    double.misbehave(Fault.HTTP_500)
    drain(root, double)
    assert queue_of(root, "friend").waiting() == 1
    (root / "contacts.toml").unlink()
    (message,) = queue_of(root, "friend").unfinished()
    queue_of(root, "friend").postpone(message.id, until=0)
    for _ in range(2):
        drain(root, double)
    assert queue_of(root, "friend").unfinished() == []
    assert list(outbox(root)) == [f"{ASKER}.txt"]
    assert "walrus" not in rendered(double)[-1]
    assert [path.stem for path in receipts(root, ASKER)] == [message.id]


def test_an_alias_that_is_taken_away_while_the_model_thinks_is_not_answered_as_it_was(
    root: Path, double: OllamaDouble
) -> None:
    (root / "contacts.toml").write_text(f'[contacts.friend]\naliases = ["{ASKER}"]\n')
    (root / "friend").mkdir()
    (root / "friend" / "note.txt").write_text("the walrus knows\n")
    double.answer = lambda seen: "it says walrus" if "walrus" in seen else "not sure"

    def take_away(_: Chat) -> None:
        (root / "contacts.toml").unlink(missing_ok=True)

    double.on_chat(take_away)
    drop(root, ASKER, "om when?")
    drain(root, double)
    assert outbox(root) == {f"{ASKER}.txt": "not sure"}


# ---------------------------------------------------------------- other transports


def test_a_reply_goes_to_the_exchange_that_its_message_came_by(
    root: Path, double: OllamaDouble
) -> None:
    (root / "contacts.toml").write_text('[contacts.friend]\naliases = ["pip@example.org"]\n')
    other = Exchange(
        inbox=root / ".email" / "inbox", outbox=root / ".email" / "outbox", name="email"
    )
    other.inbox.mkdir(parents=True)
    body = json.dumps({"sender": "pip@example.org", "text": "om by mail"})
    (other.inbox / "1.json").write_text(body)
    drop(root, ASKER, "om by phone")
    with OMBox(root, "hashing", ollama_host=double.host) as box:
        Responder(box, exchanges=[Exchange.of(box), other]).drain()
    assert list(outbox(root)) == [f"{ASKER}.txt"]
    assert [path.name for path in other.outbox.iterdir()] == ["friend.txt"]


def test_what_came_by_another_exchange_waits_for_it_and_holds_nothing_up(
    root: Path, double: OllamaDouble
) -> None:
    other = Exchange(inbox=root / ".mail" / "in", outbox=root / ".mail" / "out", name="mail")
    other.inbox.mkdir(parents=True)
    (other.inbox / "1.json").write_text(json.dumps({"sender": ASKER, "text": "om by mail"}))
    double.misbehave(Fault.HTTP_500)
    drain(root, double, exchanges=[other])
    drop(root, ASKER, "om by phone")
    drain(root, double)
    assert "by phone" in outbox(root)[f"{ASKER}.txt"]
    assert queue_of(root, ASKER).waiting() == 1


# ---------------------------------------------------------------- several at a time


def test_two_contacts_can_be_answered_at_a_time_and_one_never_twice(
    root: Path, double: OllamaDouble
) -> None:
    for n in range(2):
        drop(root, ASKER, f"om a{n}", n)
        drop(root, OTHER, f"om b{n}", n)
    release = double.hold()
    seen: list[int] = []

    class Count(Observer):
        def begun(self, contact: str, id: str) -> None:  # noqa: A002
            seen.append(1)
            if len(seen) == 2:
                release.set()

        def done(self, outcome: Outcome) -> None:
            assert outcome.state == "delivered"

    with OMBox(root, "hashing", ollama_host=double.host) as box:
        Responder(box, observer=Count(), parallel=2).drain()
    # Held until both had begun: with one at a time it would never have been let go.
    assert set(outbox(root)) == {f"{ASKER}.txt", f"{OTHER}.txt"}
    assert len(seen) == 2


# ---------------------------------------------------------------- what the owner does meanwhile


@pytest.mark.parametrize("writes_again", [False, True])
def test_a_contact_whose_folder_is_removed_meanwhile_is_not_answered_nor_remembered(
    root: Path, double: OllamaDouble, *, writes_again: bool
) -> None:
    def remove(_: Chat) -> None:
        shutil.rmtree(root / ASKER)
        with OMBox(root, "hashing") as box:
            box.index()
        if writes_again:
            (root / ASKER).mkdir()

    double.on_chat(remove)
    drop(root, ASKER, "om when?")
    drain(root, double)
    assert outbox(root) == {}
    assert list((root / "outbox").iterdir()) == []
    assert not (root / ".prag" / "partitions" / ASKER / "queue.sqlite3").exists()
    assert not (root / ".prag" / "partitions" / ASKER / "receipts").exists()
    assert (root / ASKER).exists() == writes_again


def test_an_index_forgets_no_contact_who_has_just_written(
    root: Path, double: OllamaDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A message is taken in between any two steps of an index."""
    with OMBox(root, "hashing", ollama_host=double.host) as box:
        box.index()
        dropped: list[Path] = []
        is_answering = False

        def look_and_write(path: Path) -> object:
            nonlocal is_answering
            there = look_into(path)
            if not is_answering and len(dropped) < 2:
                dropped.append(drop(root, f"1555030000{len(dropped)}", "om when?"))
                double.misbehave(Fault.HTTP_500)
                is_answering = True
                with OMBox(root, "hashing", ollama_host=double.host) as other:
                    Responder(other).drain()
                is_answering = False
            return there

        monkeypatch.setattr("partitioned_rag.box.look_into", look_and_write)
        box.index()
    assert [queue_of(root, f"1555030000{n}").waiting() for n in range(2)] == [1, 1]


def test_a_raised_limit_holds_at_once(root: Path, double: OllamaDouble) -> None:
    (root / "contacts.toml").write_text(f"[contacts.{ASKER}]\nmax_per_hour = 1\n")
    for n in range(2):
        drop(root, ASKER, f"om q{n}?", n)
    drain(root, double)  # the notice is queued, and waits for the bridge
    (root / "contacts.toml").write_text(f"[contacts.{ASKER}]\nmax_per_hour = 9\n")
    take(root)
    drain(root, double)
    assert "q1?" in take(root)[0]


def test_a_flood_is_taken_in_a_little_at_a_time(root: Path, double: OllamaDouble) -> None:
    for n in range(90):
        (root / "inbox" / f"{ASKER}_{n:03}.json").write_text(
            json.dumps({"sender": ASKER, "text": f"hello {n}"})
        )
    drop(root, OTHER, "om when?")
    done_before: list[int] = []

    class Watching(Told):
        def begun(self, contact: str, id: str) -> None:  # noqa: A002 — the observer's
            assert contact == OTHER
            done_before.append(len(self.outcomes))

    watching = Watching()
    with OMBox(root, "hashing", ollama_host=double.host) as box:
        Responder(box, observer=watching).drain()
    assert len(watching.outcomes) == 91
    # The reply is begun while most of the flood has still to be taken in.
    (before,) = done_before
    assert before < 90
