"""Which reader reads a file.

Floor: edge. A format is chosen by what the bytes begin with, and only then by the name. To add one,
write its reader and add a line to `FORMATS`; see `docs/formats.md`.
"""

import importlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Final

from partitioned_rag.sources.decoding import is_marked_or_utf8
from partitioned_rag.sources.raw import RawFile, Unreadable
from partitioned_rag.values import Document, SkipReason

RECIPE: Final = "4"
"""Goes up whenever a reader makes another text or other segments of the same bytes."""

HEAD_BYTES: Final = 4096
"""How much of a file its format is recognised by."""

_NEVER: Final = re.compile(rb"(?!)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """A family of files that one reader reads.

    Attributes:
        name: As in `docs/formats.md`.
        module: In `partitioned_rag.sources`; its `read(raw: RawFile) -> Document` is the reader. It
            is loaded when the first such file is read.
        signature: Matches the beginning of files that are of this format beyond doubt, whatever
            their name. Behind a UTF-8 byte order mark, too.
        endings: Of names, in lower case; a whole name is an ending, too.
        is_isolated: Read in the child process. All but the plainest formats are.
        is_growing: Its files are written at their end, and its module has `same_until` beside
            `read`.
    """

    name: str
    module: str
    signature: re.Pattern[bytes] = _NEVER
    endings: tuple[str, ...]
    is_isolated: bool = True
    is_growing: bool = False


FORMATS: Final = (
    Format(
        name="chat",
        module="chatlog",
        signature=re.compile(rb"\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\] (?:them|me):"),
        endings=("/chat.log",),
        is_isolated=False,
        is_growing=True,
    ),
    Format(name="PDF", module="pdf", signature=re.compile(rb"%PDF-"), endings=(".pdf",)),
    Format(
        name="HTML",
        module="html",
        signature=re.compile(rb"(?i)\s*(?:<\?xml[^>]*>\s*)?<(?:!doctype\s+html|html)[\s>]"),
        endings=(".html", ".htm", ".xhtml"),
    ),
    Format(
        name="mail",
        module="mail",
        signature=re.compile(
            rb"From [^\n]*\d\d:\d\d[^\n]*\n[\w-]+:"
            rb"|(?:Return-Path|Received|Delivered-To|MIME-Version): "
        ),
        endings=(".eml", ".mbox"),
    ),
    Format(
        name="calendar",
        module="calendar",
        signature=re.compile(rb"(?i)\s*BEGIN:(?:VCALENDAR|VCARD)\s"),
        endings=(".ics", ".vcf"),
    ),
    Format(name="JSON", module="jsontext", endings=(".json", ".jsonl", ".ndjson")),
    Format(name="table", module="table", endings=(".csv", ".tsv", ".tab")),
    Format(
        name="text",
        module="text",
        endings=(".txt", ".md", ".markdown", ".rst", ".log"),
        is_isolated=False,
    ),
)
"""In the order in which their signatures are asked."""

_TEXT: Final = FORMATS[-1]

_BINARIES: Final = (
    (re.compile(rb"\x89PNG\r\n"), "a PNG image"),
    (re.compile(rb"\xff\xd8\xff"), "a JPEG image"),
    (re.compile(rb"GIF8[79]a"), "a GIF image"),
    (re.compile(rb"RIFF....(?:WEBP|WAVE|AVI )", re.DOTALL), "a picture, sound or film"),
    (re.compile(rb"....ftyp", re.DOTALL), "a film or picture"),
    (re.compile(rb"ID3[\x02-\x04]|OggS|fLaC"), "a sound"),
    (
        re.compile(rb"PK(?:\x03\x04|\x05\x06|\x07\x08)"),
        "a ZIP archive or an office document",
    ),
    (
        re.compile(rb"\x1f\x8b|BZh[1-9]1AY|\xfd7zXZ\0|7z\xbc\xaf|\x28\xb5\x2f\xfd|Rar!"),
        "an archive",
    ),
    (re.compile(rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"), "an old office document"),
    (re.compile(rb"SQLite format 3\0"), "an SQLite database"),
    (
        re.compile(rb"\x7fELF|MZ[^\n]*\0|\xca\xfe\xba\xbe|[\xce\xcf]\xfa\xed\xfe|\0asm"),
        "a program",
    ),
    (re.compile(rb"\{\\rtf"), "a rich text document"),
    (re.compile(rb"%!PS"), "a PostScript document"),
)


def recognise(raw: RawFile) -> Format:
    """Choose the reader of a file: by its first bytes, else by its name.

    A file that neither vouches for is read as text if it is UTF-8 beyond doubt.

    Raises:
        Unreadable: It is of a format that is not read.
    """
    head = raw.data[:HEAD_BYTES]
    for binary, what in _BINARIES:
        if binary.match(head):
            raise Unreadable(SkipReason.UNSUPPORTED, f"is {what}")
    start = head.removeprefix(b"\xef\xbb\xbf")
    for one in FORMATS:
        if one.signature.match(start):
            return one
    name = "/" + raw.name
    for one in FORMATS:
        if name.endswith(one.endings):
            return one
    if is_marked_or_utf8(raw.data):
        return _TEXT
    raise Unreadable(SkipReason.UNSUPPORTED, "is of no format that is read, and no plain text")


def format_named(name: str) -> Format:
    """Find a format by its name; a `StopIteration` would be a mistake of the caller."""
    return next(one for one in FORMATS if one.name == name)


def load(chosen: Format) -> Callable[[RawFile], Document]:
    """Load a format's reader, at this door."""
    reader: Callable[[RawFile], Document] = _module(chosen).read
    return reader


def _module(chosen: Format) -> ModuleType:
    return importlib.import_module(f"partitioned_rag.sources.{chosen.module}")


def read_here(chosen: Format, raw: RawFile) -> Document:
    """Read a file in this process.

    Raises:
        Unreadable: There is no document in it.
    """
    reader = load(chosen)
    try:
        return reader(raw)
    except RecursionError as error:
        raise Unreadable(SkipReason.CORRUPT, "is nested too deeply") from error


def grows_at_its_end(raw: RawFile) -> bool:
    """Say whether a file is of a format whose files are written at their end.

    Args:
        raw: A file of which a document was made.
    """
    return recognise(raw).is_growing


def same_until(document: Document, raw: RawFile, before: RawFile) -> int:
    """Say up to where a document reads as that of the first bytes of its file did.

    Args:
        document: What was made of the whole file.
        raw: The file, of a format that grows.
        before: Its first bytes, of which a document was made, too.
    """
    chosen = recognise(before)
    if chosen is not recognise(raw):
        return 0
    found: Callable[[Document, RawFile], int] = _module(chosen).same_until
    return found(document, before)
