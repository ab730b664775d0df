"""Whose turn it is, when to try again and who must wait. Pure: holds no text.

Floor: street.
"""

from collections.abc import Collection, Sequence
from typing import Final

FIRST_PAUSE_S: Final = 2.0
LONGEST_PAUSE_S: Final = 300.0
HOUR_S: Final = 3600.0
MAX_PER_HOUR: Final = 30
"""Answers that a contact gets in an hour, where the owner does not say."""


def next_contact(waiting: Collection[str], last: str | None) -> str:
    """Take turns, so that nobody who writes much keeps another waiting.

    Args:
        waiting: Contacts who have a message that can be answered now; at least one.
        last: Whose message was answered before.

    >>> next_contact(["1", "2", "3"], "2"), next_contact(["1", "2"], "2")
    ('3', '1')
    """
    return min(waiting, key=lambda contact: (last is not None and contact <= last, contact))


def pause_s(attempts: int) -> float:
    """Say how long to wait after so many failures, at least one.

    >>> pause_s(1), pause_s(3), pause_s(1000)
    (2.0, 8.0, 300.0)
    """
    return min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(attempts - 1, 10))


def is_stale(arrived_at: float, now: float, *, max_age_s: float) -> bool:
    """Say whether an answer would come so late that none is better."""
    return now - arrived_at > max_age_s


def next_answer_at(answered_at: Sequence[float], now: float, *, max_per_hour: int) -> float:
    """Say when a contact may be answered again, by a window of an hour that slides.

    Args:
        answered_at: When they were answered, in any order, in seconds since 1970. What is dated
            ahead of now, by a clock that was wrong, counts for nothing.
        now: In seconds since 1970.
        max_per_hour: At least 1.

    Returns:
        No later than now if they may.

    >>> next_answer_at([10.0, 20.0, 30.0], 40.0, max_per_hour=2)
    3620.0
    >>> next_answer_at([10.0, 20.0, 30.0], 40.0, max_per_hour=4) <= 40.0
    True
    """
    latest = sorted(at for at in answered_at if at <= now)[-max_per_hour:]
    return latest[0] + HOUR_S if len(latest) == max_per_hour else now
