"""Mail: one letter (`.eml`) or a mailbox of them (`.mbox`), each letter a group of its own.

Floor: edge, in the child process. Of a letter's versions the plain one is taken, unless another
says more; every text that is shown with the letter is read, and what is not is named in the text.
"""

import binascii
import re
from collections.abc import Iterable, Iterator
from email import message_from_bytes
from email.message import Message
from typing import Final, NamedTuple

from partitioned_rag.sources import html
from partitioned_rag.sources.composing import Piece, compose, in_paragraphs
from partitioned_rag.sources.decoding import decode_leniently
from partitioned_rag.sources.raw import RawFile, Unreadable
from partitioned_rag.values import Document, SegmentKind, SkipReason

_SHOWN: Final = ("From", "To", "Cc", "Subject", "Date")
_TELLING: Final = (
    *_SHOWN,
    "Received",
    "Message-ID",
    "MIME-Version",
    "Content-Type",
    "Return-Path",
)
# A line of a letter's own text may begin with "From ", so a time is asked for too.
_LETTER = re.compile(rb"^From [^\n]*\d\d:\d\d[^\n]*\n", re.MULTILINE)
_QUOTED_FROM = re.compile(rb"^>(>*From )", re.MULTILINE)
_ENCODED_WORD = re.compile(r"=\?([^?\s]{1,40})\?([bBqQ])\?([^?]*)\?=")
_WORD = re.compile(r"\w+")
_BETWEEN_WORDS = re.compile(r"(\?=)\s+(=\?)")


def read(raw: RawFile) -> Document:
    """Read a letter or a mailbox.

    Raises:
        Unreadable: It holds no letter, or letters without any text.
    """
    return compose(raw.path, _letters(raw.data))


def _letters(data: bytes) -> Iterator[Piece]:
    if data.startswith(b"From "):
        for number, letter in enumerate(_split(data)):
            yield from _letter(message_from_bytes(letter), group=number)
        return
    message = message_from_bytes(data)
    if not any(name in message for name in _TELLING):
        raise Unreadable(SkipReason.CORRUPT, "has none of the headers of a letter")
    yield from _letter(message, group=0)


def _split(data: bytes) -> Iterator[bytes]:
    """Cut a mailbox at its `From ` lines, which stand at its beginning or behind a blank line."""
    start = data.find(b"\n") + 1 or len(data)
    for line in _LETTER.finditer(data, start):
        if line.start() == start or data.endswith((b"\n\n", b"\n\r\n"), start, line.start()):
            yield _QUOTED_FROM.sub(rb"\1", data[start : line.start()])
            start = line.end()
    yield _QUOTED_FROM.sub(rb"\1", data[start:])


class _Gathered(NamedTuple):
    """What was read of a part of a letter, and what in it was not."""

    pieces: list[Piece]
    left_out: list[str]


def _letter(letter: Message, *, group: int) -> Iterator[Piece]:
    """Give the headers a person looks at, then the text, then the names of what was not read."""
    yield Piece(SegmentKind.PARAGRAPH, "\n".join(_headers(letter)), group)
    pieces, left_out = _gathered(letter, group)
    yield from pieces
    for name in left_out:
        yield Piece(SegmentKind.PARAGRAPH, f"Attachment: {name} (not read)", group)


def _gathered(part: Message, group: int) -> _Gathered:
    """Read every text of a part that is shown with the letter, and name the rest."""
    kind = part.get_content_type()
    payload = part.get_payload() if part.is_multipart() else []
    children = [child for child in payload if isinstance(child, Message)]
    if children and kind == "message/rfc822":
        return _Gathered([piece for each in children for piece in _letter(each, group=group)], [])
    if children and kind == "multipart/alternative":
        return _alternative(children, group)
    if children and part.get_content_maintype() == "multipart":
        return _joined(_gathered(child, group) for child in children)
    # What calls itself multipart without having parts is text.
    is_text = part.get_content_maintype() in ("text", "multipart") and not children
    if not is_text or part.get_content_disposition() == "attachment":
        return _Gathered([], [_name(part)])
    text = decode_leniently(_payload(part), declared=part.get_content_charset() or "")
    in_pieces = html.pieces if kind == "text/html" else in_paragraphs
    return _Gathered(list(in_pieces(text, group=group)), [])


def _joined(parts: Iterable[_Gathered]) -> _Gathered:
    joined = _Gathered([], [])
    for pieces, left_out in parts:
        joined.pieces.extend(pieces)
        joined.left_out.extend(left_out)
    return joined


def _alternative(children: list[Message], group: int) -> _Gathered:
    """Read one version of a text: the plain one, unless another says what it does not.

    "Your program cannot show HTML" is plain text, too. Where each of two versions says a good deal
    that the other does not, both are read.
    """
    versions = [_gathered(child, group) for child in children]
    words = [_words(version.pieces) for version in versions]
    for_people = [n for n, child in enumerate(children) if words[n] and _is_for_people(child)]
    if not for_people:
        return _joined(versions)
    first, *others = sorted(
        for_people,
        key=lambda n: (children[n].get_content_type() != "text/plain", -len(words[n])),
    )
    chosen = {first}
    if others:
        fullest = max(others, key=lambda n: len(words[n]))
        unsaid = len(words[fullest] - words[first])
        if unsaid * 5 > len(words[fullest]):
            chosen.add(fullest)
            if len(words[first]) * 2 < len(words[fullest]):
                chosen.remove(first)
    programs = [n for n in range(len(children)) if words[n] and n not in for_people]
    return _Gathered(
        [piece for n in sorted(chosen) for piece in versions[n].pieces],
        [name for version in versions for name in version.left_out]
        + [_name(children[n]) for n in programs],
    )


def _is_for_people(version: Message) -> bool:
    """Tell a text from what the program of its reader is told, an invitation as a calendar say."""
    kind = version.get_content_type()
    return kind in ("text/plain", "text/html") or version.is_multipart()


def _words(pieces: list[Piece]) -> set[str]:
    return {word[0] for piece in pieces for word in _WORD.finditer(piece.text.casefold())}


def _name(part: Message) -> str:
    return _in_line(part.get_filename() or "") or f"{part.get_content_type()} without a name"


def _payload(part: Message) -> bytes:
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def _headers(letter: Message) -> Iterator[str]:
    # As they stand in the file: what `Message` gives has lost all bytes that are not ASCII. They
    # are too few to tell their charset from; it is likely to be that of the letter's text.
    charset = letter.get_content_charset() or "cp1252"
    items = [(name.lower(), value) for name, value in letter.raw_items()]
    for shown in _SHOWN:
        for name, value in items:
            if name == shown.lower() and (words := _in_line(value, charset)):
                yield f"{shown}: {words}"


def _in_line(value: str, charset: str = "cp1252") -> str:
    """Decode a header into one line, so that none of its words can pose as another header."""
    text = decode_leniently(value.encode("utf-8", "surrogateescape"), declared=charset)
    text = _ENCODED_WORD.sub(_decoded_word, _BETWEEN_WORDS.sub(r"\1\2", text))
    return " ".join(text.split())


def _decoded_word(word: re.Match[str]) -> str:
    charset, encoding, content = word.groups()
    try:
        raw = content.encode("ascii")
        data = binascii.a2b_base64(raw) if encoding in "bB" else binascii.a2b_qp(raw, header=True)
    except (binascii.Error, UnicodeEncodeError):
        return word[0]
    return decode_leniently(data, declared=charset.partition("*")[0])
