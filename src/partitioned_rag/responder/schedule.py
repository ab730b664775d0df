"""Whose turn it is, and when to try again. Pure: holds no text.

Floor: street.
"""

from collections.abc import Collection
from typing import Final

FIRST_PAUSE_S: Final = 2.0
LONGEST_PAUSE_S: Final = 300.0


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
