"""Whose turn it is, and when to try again."""

from partitioned_rag.responder.schedule import LONGEST_PAUSE_S, is_stale, next_contact, pause_s


def test_everybody_who_waits_has_a_turn_before_anybody_has_two() -> None:
    waiting = ["1", "2", "3"]
    last, seen = None, []
    for _ in range(6):
        last = next_contact(waiting, last)
        seen.append(last)
    assert seen == ["1", "2", "3", "1", "2", "3"]


def test_pauses_grow_to_a_limit() -> None:
    pauses = [pause_s(attempts) for attempts in range(1, 20)]
    assert pauses == sorted(pauses)
    assert pauses[0] < pauses[1]
    assert pauses[-1] == LONGEST_PAUSE_S


def test_age_decides_what_is_stale() -> None:
    assert not is_stale(0, 10, max_age_s=10)
    assert is_stale(0, 11, max_age_s=10)
