"""JSON and JSON lines: each value a line `path.to.key: value`, each record of a list one line.

Floor: edge. Either the whole file is JSON, or it is corrupt: nothing is guessed. The tree is walked
without recursion, so that depth costs no stack; what the parser itself cannot bear is corrupt.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from partitioned_rag.sources.composing import Piece, compose
from partitioned_rag.sources.decoding import decode
from partitioned_rag.sources.raw import RawFile, Unreadable
from partitioned_rag.values import Document, SegmentKind, SkipReason

MAX_PATH_CHARS: Final = 120
"""A path stands before each value, so a deep tree or a long key would multiply the text."""


class _Object(NamedTuple):
    """A JSON object with every pair it had: a `dict` would forget all but the last of a key."""

    pairs: Sequence[tuple[str, "_Json"]]


_Json = str | list["_Json"] | _Object

_END_OF_RECORD: Final = _Object(())


def read(raw: RawFile) -> Document:
    """Read one JSON value, or one on each line.

    Raises:
        Unreadable: It cannot be decoded, is not JSON from end to end, or holds no value.
    """
    text = decode(raw.data)
    values = _values(text, raw.name)
    return compose(raw.path, _rows(values[0] if len(values) == 1 else values))


def _values(text: str, name: str) -> list[_Json]:
    by_line = name.endswith((".jsonl", ".ndjson"))
    try:
        return _of_lines(text) if by_line else [_parse(text)]
    except _NotJsonError as error:
        # Each is found under the other's name; both must be right to the last character.
        try:
            return [_parse(text)] if by_line else _of_lines(text)
        except _NotJsonError:
            raise Unreadable(SkipReason.CORRUPT, f"is not JSON: line {error.line}") from error


def _of_lines(text: str) -> list[_Json]:
    # Only a line feed: a JSON string may hold the other line ends that `splitlines` knows.
    return [
        _parse(line, first_line=number)
        for number, line in enumerate(text.split("\n"), 1)
        if line.strip()
    ]


class _NotJsonError(Exception):
    """A text breaks off or is broken in `line`, counted from 1."""

    def __init__(self, line: int) -> None:
        super().__init__(line)
        self.line = line


def _parse(text: str, *, first_line: int = 1) -> _Json:
    try:
        # Numbers stay as they are written; a thousand digits are no reason to fail.
        value: _Json | bool | None = json.loads(
            text, object_pairs_hook=_Object, parse_int=str, parse_float=str, parse_constant=str
        )
    except json.JSONDecodeError as error:
        raise _NotJsonError(first_line + error.lineno - 1) from error
    return _word(value) if value is None or isinstance(value, bool) else value


def _word(value: bool | None) -> str:  # noqa: FBT001 - a JSON value, not a switch
    return {None: "null", True: "true", False: "false"}[value]


class _Node(NamedTuple):
    """A value still to be rendered; `in_record` when it is part of a list's element."""

    path: str
    value: _Json | bool | None
    in_record: bool


def _rows(value: _Json) -> Iterator[Piece]:
    """Render one line for each value, one for each element of the outermost lists."""
    row: list[str] = []
    stack = [_Node("", value, in_record=False)]
    while stack:
        path, here, in_record = stack.pop()
        if here is _END_OF_RECORD:
            yield Piece(SegmentKind.ROW, "; ".join(row))
            row.clear()
        elif isinstance(here, _Object):
            stack.extend(
                _Node(_join(path, key), member, in_record) for key, member in reversed(here.pairs)
            )
        elif isinstance(here, list):
            if not any(isinstance(element, (list, _Object)) for element in here):
                row += _labelled(path, ", ".join(_scalar(element) for element in here))
            elif in_record:
                stack.extend(_Node(path, element, in_record) for element in reversed(here))
            else:
                for element in reversed(here):
                    stack.append(_Node("", _END_OF_RECORD, in_record=False))
                    stack.append(_Node(path, element, in_record=True))
                continue
        else:
            row += _labelled(path, _scalar(here))
        if not in_record and row:
            yield Piece(SegmentKind.ROW, "; ".join(row))
            row.clear()


def _scalar(value: object) -> str:
    return value if isinstance(value, str) else _word(value if isinstance(value, bool) else None)


def _join(path: str, key: str) -> str:
    """Extend a path, and forget its beginning when it grows too long."""
    whole = f"{path}.{key}" if path else key
    if len(whole) <= MAX_PATH_CHARS:
        return whole
    return "…" + whole[1 - MAX_PATH_CHARS :]


def _labelled(path: str, value: str) -> list[str]:
    if not value.strip():
        return []
    return [f"{path}: {value}" if path else value]
