"""What the owner writes in `contacts.toml` while messages wait holds for those as well."""

from collections.abc import Callable
from pathlib import Path

from tests.ollama_double import OllamaDouble
from tests.responder.side_by_side import wait
from tests.responder.test_queueing import queue_of, take
from tests.responder.test_round_trip import ASKER, drop, rendered
from tests.responder.test_running import PATIENCE_S, Running


def says(root: Path, text: str) -> None:
    """Write it as an editor does, whole."""
    new = root / ".contacts.new"
    new.write_text(text)
    new.rename(root / "contacts.toml")


def until(condition: Callable[[], bool]) -> None:
    """Wait for what nobody tells of."""
    wait(condition, lambda: "it did not come about", patience_s=PATIENCE_S)


def limit(contact: str, answers: int) -> str:
    return f"[contacts.{contact}]\nmax_per_hour = {answers}\n"


def use_up_the_hour(root: Path, running: Running) -> None:
    """Have one of two messages answered and the word that it was the last delivered."""
    drop(root, ASKER, "om a?", 1)
    drop(root, ASKER, "om b?", 2)
    for n in (1, 2):
        running.seen.wait(lambda n=n: len(running.seen.outcomes) == n)  # type: ignore[misc]
        (said,) = take(root)
    assert "within an hour" in said
    rounds = len(running.seen.counts)
    running.seen.wait(lambda: len(running.seen.counts) >= rounds + 2)  # by then it waits


def test_a_raised_limit_holds_for_who_waits_already(root: Path, double: OllamaDouble) -> None:
    says(root, limit(ASKER, 1))
    with Running(root, double) as running:
        use_up_the_hour(root, running)
        says(root, limit(ASKER, 9))
        running.seen.wait(lambda: len(running.seen.outcomes) == 3)
        assert "b?" in take(root)[0]


def test_a_lowered_limit_holds_for_who_waits_already(root: Path, double: OllamaDouble) -> None:
    with Running(root, double) as running:
        drop(root, ASKER, "om a?", 1)
        running.seen.wait(lambda: len(running.seen.outcomes) == 1)
        drop(root, ASKER, "om b?", 2)
        until(lambda: queue_of(root, ASKER).waiting() == 1)
        says(root, limit(ASKER, 1))
        until(lambda: queue_of(root, ASKER).unfinished()[0].is_notice)
    assert len(double.chats) == 1


def test_who_waits_as_one_contact_is_answered_as_who_they_are_by_now(
    root: Path, double: OllamaDouble
) -> None:
    (root / "friend").mkdir()
    (root / "friend" / "note.txt").write_text("the walrus knows\n")
    says(root, f'{limit("friend", 1)}aliases = ["{ASKER}"]\n')
    with Running(root, double) as running:
        use_up_the_hour(root, running)
        says(root, limit(ASKER, 1))  # of their own, of which nothing is used up
        running.seen.wait(lambda: len(running.seen.outcomes) == 3)
        assert "b?" in take(root)[0]
    assert running.seen.outcomes[-1].contact == ASKER
    assert ["walrus" in seen for seen in rendered(double)] == [True, False]


def test_while_the_file_is_broken_what_waits_is_not_tried_and_is_answered_once_it_is_mended(
    root: Path, double: OllamaDouble
) -> None:
    says(root, limit(ASKER, 9))
    with Running(root, double) as running:
        drop(root, ASKER, "om a?", 1)
        running.seen.wait(lambda: len(running.seen.outcomes) == 1)
        for n in (2, 3):
            drop(root, ASKER, f"om b{n}?", n)
            until(lambda: queue_of(root, ASKER).waiting() == 1)
            told = len(running.seen.texts)
            says(root, "nobody = 1\n")
            running.seen.wait(lambda told=told: len(running.seen.texts) > told)  # type: ignore[misc]
            assert "messages wait" in running.seen.texts[-1]
            assert "line 1" in running.seen.texts[-1]
            take(root)
            says(root, limit(ASKER, 9))
            running.seen.wait(lambda n=n: len(running.seen.outcomes) == n)  # type: ignore[misc]
    assert {each.state for each in running.seen.outcomes} == {"delivered"}


def test_a_fault_while_the_model_thinks_is_no_failure_of_the_message(
    root: Path, double: OllamaDouble
) -> None:
    double.on_chat(lambda _: says(root, "nobody = 1\n"))
    with Running(root, double) as running:
        drop(root, ASKER, "om a?", 1)
        running.seen.wait(lambda: bool(running.seen.outcomes) and bool(running.seen.texts))
        (message,) = queue_of(root, ASKER).unfinished()
        assert (str(message.state), message.attempts) == ("received", 0)
        double.on_chat(lambda _: None)
        says(root, "")
        running.seen.wait(lambda: len(running.seen.outcomes) == 2)
    assert [each.state for each in running.seen.outcomes] == ["received", "delivered"]
