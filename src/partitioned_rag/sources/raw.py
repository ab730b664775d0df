"""What a reader is given, and how it says that it cannot.

Floor: edge. Here lie the limits that hold for every format; no reader has limits of its own that
are wider.
"""

from dataclasses import dataclass, field

from partitioned_rag.values import SkipReason

MAX_FILE_BYTES = 20 * 1024 * 1024
"""A larger file is listed as too large without being opened for reading."""

MAX_TEXT_CHARS = 20 * 1024 * 1024
"""A small file can unfold to a large text (a compressed PDF, a table with long headers)."""

MAX_SEGMENTS = 500_000
"""About 200 bytes of memory each: what a file of a million blank-separated dots would cost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RawFile:
    """The bytes of one source, before anybody has made sense of them.

    Attributes:
        path: As in `Source.path`; only its name matters to a reader.
        data: The whole file, at most `MAX_FILE_BYTES`, never empty.
    """

    path: str
    data: bytes = field(repr=False)

    @property
    def name(self) -> str:
        """The file's own name, in lower case."""
        return self.path.rpartition("/")[2].lower()


class Unreadable(Exception):  # noqa: N818 - a verdict about a file, not an error of the program
    """A reader's verdict that a file yields no document. Never leaves `sources/`.

    Attributes:
        reason: One of the closed set.
        detail: One sentence for the owner; quotes no content.
    """

    def __init__(self, reason: SkipReason, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail
