"""Mail: one letter (`.eml`) or a mailbox of them (`.mbox`), each letter a group of its own.

Floor: edge, in the child process. Of a letter's versions the plain one is taken, else the HTML one;
attachments are named, never decoded into text.
"""

import binascii
import re
from collections.abc import Iterator
from email import message_from_bytes
from email.message import Message
from typing import Final

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


def _letter(letter: Message, *, group: int) -> Iterator[Piece]:
    """Give the headers a person looks at, then the text; of a letter within it likewise."""
    waiting = [(letter, True)]
    while waiting:
        part, is_letter = waiting.pop()
        if is_letter:
            yield Piece(SegmentKind.PARAGRAPH, "\n".join(_headers(part)), group)
        if part.is_multipart():
            within = part.get_content_type() == "message/rfc822"
            waiting += [(child, within) for child in reversed(_versions(part))]
        elif part.get_content_maintype() == "text" or is_letter:
            yield from _text(part, group)
        elif name := part.get_filename():
            yield Piece(SegmentKind.PARAGRAPH, f"Attachment: {_in_line(name)}", group)


def _versions(part: Message) -> list[Message]:
    """Give the parts to be read: of alternatives the plain text alone, if there is one."""
    children = [child for child in part.get_payload() if isinstance(child, Message)]
    if part.get_content_type() == "multipart/alternative":
        for child in children:
            if child.get_content_type() == "text/plain" and _payload(child).strip():
                return [child]
    return children


def _text(part: Message, group: int) -> Iterator[Piece]:
    if part.get_content_disposition() == "attachment":
        yield Piece(
            SegmentKind.PARAGRAPH,
            f"Attachment: {_in_line(part.get_filename() or '')}",
            group,
        )
        return
    text = decode_leniently(_payload(part), declared=part.get_content_charset() or "")
    if part.get_content_type() == "text/html":
        yield from html.pieces(text, group=group)
    else:
        yield from in_paragraphs(text, group=group)


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
