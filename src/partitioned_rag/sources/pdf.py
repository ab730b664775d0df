"""PDF through pypdf: the text of each page, a group of its own.

Floor: edge, in the child process. A page that cannot be read makes the whole file corrupt: the
owner learns of it, where an index of the other pages would keep silent about it.
"""

import io
import struct
import zlib
from collections.abc import Iterator
from typing import Final

from pypdf import PasswordType, PdfReader
from pypdf.errors import (
    DependencyError,
    FileNotDecryptedError,
    LimitReachedError,
    PyPdfError,
)

from partitioned_rag.sources.composing import Piece, compose, in_paragraphs
from partitioned_rag.sources.raw import RawFile, Unreadable
from partitioned_rag.values import Document, SegmentKind, SkipReason

_HEADER_WITHIN_BYTES: Final = 64 * 1024

_CIPHER: Final = "is encrypted in a way that cannot be read here"

# pypdf says itself that broken files make it raise whatever Python raises.
_BROKEN: Final = (
    PyPdfError,
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    NotImplementedError,
    OSError,
    RecursionError,
    RuntimeError,
    StopIteration,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)


def read(raw: RawFile) -> Document:
    """Read a PDF.

    Raises:
        Unreadable: It is damaged, encrypted with a password, larger inside than out, or a scan.
    """
    if b"%PDF-" not in raw.data[:_HEADER_WITHIN_BYTES]:
        raise Unreadable(SkipReason.CORRUPT, "does not begin as a PDF does")
    try:
        return compose(raw.path, _pages(raw.data))
    except Unreadable as verdict:
        if verdict.reason is SkipReason.NO_TEXT:
            raise Unreadable(SkipReason.NO_TEXT, "holds no text: a scan, or drawings") from None
        raise


def _pages(data: bytes) -> Iterator[Piece]:
    try:
        reader = PdfReader(io.BytesIO(data))
        # Many files are encrypted with an empty password, only to forbid printing.
        locked = reader.is_encrypted and reader.decrypt("") is PasswordType.NOT_DECRYPTED
        if locked:
            raise Unreadable(SkipReason.ENCRYPTED, "needs a password")
        count = len(reader.pages)
    except LimitReachedError as error:
        raise _over_limit(error, "its structure") from error
    except FileNotDecryptedError as error:
        raise Unreadable(SkipReason.ENCRYPTED, "needs a password") from error
    except DependencyError as error:
        raise Unreadable(SkipReason.ENCRYPTED, _CIPHER) from error
    except _BROKEN as error:
        if isinstance(error, NotImplementedError) and b"/Encrypt" in data:
            raise Unreadable(SkipReason.ENCRYPTED, _CIPHER) from error
        raise Unreadable(SkipReason.CORRUPT, "its structure is damaged") from error
    # Named with the first text or never: of a mere scan nothing is read, and that is said once.
    silent: list[int] = []
    has_text = False
    for number in range(1, count + 1):
        pieces = list(in_paragraphs(_page(reader, number), group=number - 1, page=number))
        if pieces:
            yield from _named(silent)
            silent.clear()
            yield from pieces
            has_text = True
        else:
            silent.append(number)
    if has_text:
        yield from _named(silent)


def _named(pages: list[int]) -> Iterator[Piece]:
    """Name neighbouring pages without text: what is not there to be found must be seen to be."""
    if not pages:
        return
    first, last = pages[0], pages[-1]
    which = f"page {first} holds" if first == last else f"pages {first} to {last} hold"
    note = f"[{which} no text: a scan, a drawing or nothing]"
    yield Piece(SegmentKind.PARAGRAPH, note, group=first - 1, page=first)


def _page(reader: PdfReader, number: int) -> str:
    try:
        return reader.pages[number - 1].extract_text()
    except LimitReachedError as error:
        raise _over_limit(error, f"page {number}") from error
    except DependencyError as error:
        raise Unreadable(SkipReason.ENCRYPTED, _CIPHER) from error
    except _BROKEN as error:
        raise Unreadable(SkipReason.CORRUPT, f"page {number} cannot be read") from error


def _over_limit(error: LimitReachedError, part: str) -> Unreadable:
    # Of a size that is only claimed, the file has shown nothing.
    if str(error).startswith("Declared"):
        return Unreadable(SkipReason.CORRUPT, f"{part} claims an impossible size")
    return Unreadable(SkipReason.TOO_LARGE, f"{part} unfolds to more than a PDF may hold")
