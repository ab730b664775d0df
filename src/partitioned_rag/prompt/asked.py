"""A question that stands in the chat already: said once, and no context of its own.

Floor: core, pure.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from partitioned_rag.values import Hit, Turn


def turn_of(said: str, turns: Sequence[Turn]) -> Turn | None:
    """Find the last turn of them in which a message was said, if it is among these."""
    wanted = "".join(said.split())
    return next(
        (
            turn
            for turn in reversed(turns)
            if turn.speaker == "them" and "".join(turn.text.split()) == wanted
        ),
        None,
    )


def without(hits: Iterable[Hit], turn: Turn | None) -> list[Hit]:
    """Take the line of a turn out of hits; what stands around it in a hit stays.

    Ranks stay in order and count from one.
    """
    left = [part for hit in hits for part in _around(hit, turn)]
    return [replace(hit, rank=rank) for rank, hit in enumerate(left, start=1)]


def _around(hit: Hit, turn: Turn | None) -> Iterator[Hit]:
    if turn is None or hit.source != turn.source or hit.end <= turn.start or turn.end <= hit.start:
        yield hit
        return
    before = hit.text[: max(0, turn.start - hit.start)].rstrip()
    if before:
        yield replace(hit, text=before, end=hit.start + len(before))
    if turn.end < hit.end:
        behind = hit.text[turn.end - hit.start :]
        after = behind.lstrip()
        if after:
            yield replace(hit, text=after, start=turn.end + len(behind) - len(after), lead="")
