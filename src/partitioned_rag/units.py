"""Cuts what no summary was made of into spans that one summary each can be made of.

Floor: core, pure. The spans of a source depend on what stands before them alone, so what is added
at its end, such as the next day of a chat, leaves those before it as they were.
"""

from collections.abc import Callable, Sequence
from typing import Final

from partitioned_rag.values import ChunkId, Piece

UNIT_TOKENS: Final = 1_500
"""About how much text one summary is made of."""

CHARS_PER_TOKEN: Final = 4
"""A rule of thumb, for where a number is shown and no model is at hand."""

GAP: Final = "\n\n"

Unit = tuple[Piece, ...]
"""Neighbouring chunks of one source, at least one."""


def units(
    pieces: Sequence[Piece],
    *,
    day_of: Callable[[str], str],
    size: Callable[[str], int],
    limit: int,
) -> list[Unit]:
    """Cut pieces into units of one source each, in a chat of one day each.

    Args:
        pieces: By source and place.
        day_of: On which day a piece of a chat begins; empty for what goes on with the day before,
            and for what is no chat.
        size: Of a text; a sum of it guides only.
        limit: What a unit does not exceed, unless a single piece does.
    """
    made: list[list[Piece]] = []
    taken = 0
    day = ""
    for piece in pieces:
        cost = size(piece.chunk.text)
        today = day_of(piece.chunk.text)
        last = made[-1][-1] if made else None
        goes_on = (
            last is not None and last.source == piece.source and last.number + 1 == piece.number
        )
        if goes_on and today in ("", day) and taken + cost <= limit:
            made[-1].append(piece)
            taken += cost
        else:
            made.append([piece])
            taken = cost
            day = day if goes_on and not today else today
    return [tuple(unit) for unit in made]


def halves(unit: Unit) -> list[Unit]:
    """Cut a unit in two; one of a single piece cannot be, and gives none."""
    middle = len(unit) // 2
    return [unit[:middle], unit[middle:]] if middle else []


def text_of(unit: Unit) -> str:
    """Join the texts of a unit as they stood in the source, what overlaps once."""
    text = unit[0].chunk.text
    end = unit[0].chunk.end
    for piece in unit[1:]:
        each = piece.chunk
        if each.start < end:
            text += each.text[end - each.start :]
        else:
            text += (each.lead if each.start == end + len(each.lead) else GAP) + each.text
        end = each.end
    return text


def ids_of(unit: Unit) -> tuple[ChunkId, ...]:
    """Name the chunks of a unit."""
    return tuple(piece.chunk.id for piece in unit)
