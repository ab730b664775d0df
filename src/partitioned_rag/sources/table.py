"""Tables: each row a line of `header: value` pairs, so that a row can be understood alone.

Floor: edge. No value is lost: not under a repeated or missing header, not beyond the last one.
"""

import csv
import io
from collections.abc import Iterator
from typing import Final

from partitioned_rag.sources.composing import Piece, compose
from partitioned_rag.sources.decoding import decode
from partitioned_rag.sources.raw import MAX_FILE_BYTES, RawFile, Unreadable
from partitioned_rag.values import Document, SegmentKind, SkipReason

MAX_LABEL_CHARS: Final = 60
"""A header stands in each row, so a long one would multiply the text."""

_DELIMITERS: Final = (",", ";", "\t", "|")
_SNIFFED_LINES: Final = 20


def read(raw: RawFile) -> Document:
    """Read a table with its header in the first row.

    Raises:
        Unreadable: It cannot be decoded, or all of its cells are empty.
    """
    text = decode(raw.data)
    return compose(raw.path, _rendered(_rows(text, raw.name)))


def _rows(text: str, name: str) -> list[list[str]]:
    # The standard library's own limit on a cell (128 KiB) is lower than ours on a file.
    csv.field_size_limit(MAX_FILE_BYTES)
    delimiter = _delimiter(text, name)
    try:
        return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error:
        # A quote that is never closed, or closed in mid-cell: then quotes are plain characters
        # here, and a lone one must not swallow the rows that follow.
        plain = csv.reader(
            io.StringIO(text, newline=""), delimiter=delimiter, quoting=csv.QUOTE_NONE
        )
        try:
            return list(plain)
        except csv.Error as error:
            raise Unreadable(SkipReason.CORRUPT, "is no table of rows and cells") from error


def _delimiter(text: str, name: str) -> str:
    """Choose the character that cuts the first rows most evenly; the name breaks a tie."""
    head = [line for line in text[: 64 * 1024].splitlines() if line.strip()][:_SNIFFED_LINES]
    first = "\t" if name.endswith((".tsv", ".tab")) else ","
    if not head:
        return first

    def evenness(delimiter: str) -> tuple[int, int, bool]:
        counts = [_cuts(line, delimiter) for line in head]
        return (
            sum(n == counts[0] for n in counts if counts[0]),
            counts[0],
            delimiter == first,
        )

    best = max(_DELIMITERS, key=evenness)
    return best if evenness(best)[0] else first


def _cuts(line: str, delimiter: str) -> int:
    """Count delimiters outside of quotes."""
    return sum(part.count(delimiter) for part in line.split('"')[::2])


def _rendered(rows: list[list[str]]) -> Iterator[Piece]:
    filled = [row for row in rows if any(cell.strip() for cell in row)]
    if not filled:
        return
    # The header is a row of its own too: it may be data, in a table that has no header.
    header = [_in_line(cell) for cell in filled[0]]
    yield Piece(SegmentKind.ROW, "; ".join(cell for cell in header if cell))
    labels = [label(cell) for cell in header]
    for row in filled[1:]:
        cells = []
        for column, cell in enumerate(row):
            value = _in_line(cell)
            if value:
                named = column < len(labels) and labels[column]
                cells.append(f"{labels[column]}: {value}" if named else value)
        yield Piece(SegmentKind.ROW, "; ".join(cells))


def label(name: str) -> str:
    """Shorten a name that stands before each of its values."""
    return name if len(name) <= MAX_LABEL_CHARS else name[: MAX_LABEL_CHARS - 1].rstrip() + "…"


def _in_line(cell: str) -> str:
    return " ".join(cell.split())
