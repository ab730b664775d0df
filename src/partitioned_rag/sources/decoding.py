"""Bytes to text: byte order mark, then UTF-8, then what the file says, then a detector.

Floor: edge. What cannot be decoded as a whole is refused; where one bad part must not cost a whole
mailbox or calendar, each byte that was not understood is marked with U+FFFD, never dropped or taken
for a letter that it may not be.
"""

import codecs
import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from partitioned_rag.sources.raw import Unreadable
from partitioned_rag.values import SkipReason

if TYPE_CHECKING:
    from charset_normalizer import CharsetMatch

# UTF-32 first: its little-endian mark begins with that of UTF-16.
_MARKS: Final = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# What browsers and mail programs take these names for; each is a superset of what it says.
_WIDENED: Final = MappingProxyType(
    {
        "ascii": "cp1252",
        "iso8859-1": "cp1252",
        "gb2312": "gb18030",
        "gbk": "gb18030",
        "shift_jis": "cp932",
        "euc_kr": "cp949",
    }
)
# Quadratic in their input, or escapes rather than charsets.
_REFUSED: Final = frozenset({"idna", "punycode", "unicode_escape", "raw_unicode_escape"})

# What files were written in before UTF-8, the commonest first.
_COMMON: Final = (
    *("cp1252", "cp1251", "cp1250", "cp932", "gb18030", "big5", "cp949", "euc_jp", "euc_jis_2004"),
    *("iso8859_2", "iso8859_15", "koi8_r", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257"),
    *("iso8859_5", "iso8859_7", "iso8859_8", "iso8859_9", "koi8_u", "tis_620", "cp874"),
)
_RARE_PENALTY: Final = 0.1

_SAMPLE_BYTES: Final = 64 * 1024
_FOREIGN_LINE = re.compile(rb"[^\n]*[\x80-\xff][^\n]*\n?")
_UTF8_SEQUENCE = re.compile(
    rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}"
)
_CONTROL = re.compile("[\x00-\x06\x0e-\x19\x7f-\x84\x86-\x9f]")


def decode(data: bytes, *, declared: str = "") -> str:
    r"""Decode a whole file.

    Args:
        data: Its bytes.
        declared: The charset that the file itself names, if it does. Believed only where a byte
            order mark or valid UTF-8 does not say otherwise, and only if all of the file agrees.

    Returns:
        The text, without its byte order mark. Line ends stand as they are.

    Raises:
        Unreadable: No decoding fits all of it.

    >>> decode(b"\xef\xbb\xbfcaf\xc3\xa9")
    'café'
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return _marked(data[len(mark) :], encoding)
    if not data.isascii():
        try:
            return data.decode()
        except UnicodeDecodeError:
            pass
    text = _as_declared(data, declared)
    if text is not None:
        return text
    if b"\0" in data:
        raise Unreadable(
            SkipReason.UNDECODABLE,
            "holds NUL bytes: it is no text, or UTF-16 without a byte order mark",
        )
    return data.decode() if data.isascii() else _as_detected(data)


def decode_leniently(data: bytes, *, declared: str = "") -> str:
    """Decode a part of a file whose other parts are sound, so that it does not cost them all.

    Returns:
        The text, with U+FFFD for each byte that could not be understood: nothing is guessed that
        nobody could tell from what was written.
    """
    try:
        return decode(data, declared=declared)
    except Unreadable:
        return data.decode("utf-8", "replace")


def likely_charset(data: bytes) -> str:
    """Name the charset of a file that is to be decoded line by line.

    Returns:
        One that fits all of it; UTF-8 where none does, so that what is not understood is marked.
    """
    try:
        data.decode()
    except UnicodeDecodeError:
        is_hopeless = b"\0" in data or _is_damaged_utf8(data)
        return (None if is_hopeless else _detected(data)) or "utf-8"
    return "utf-8"


def decode_as(data: bytes, declared: str, usual: str) -> str:
    """Decode a value by its own charset if that fits, else by that of its file.

    Returns:
        The text, with U+FFFD for each byte that could not be understood.
    """
    text = _as_declared(data, declared)
    return data.decode(usual, "replace") if text is None else text


def is_marked_or_utf8(data: bytes) -> bool:
    """Say whether bytes are text beyond doubt, so that no name has to vouch for them."""
    if any(data.startswith(mark) for mark, _ in _MARKS):
        return True
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return b"\0" not in data


def _marked(data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise Unreadable(
            SkipReason.UNDECODABLE,
            f"its byte order mark says {encoding.upper()}, but byte {error.start} does not fit",
        ) from error


def _as_declared(data: bytes, declared: str) -> str | None:
    """Decode as declared, or say that this does not work."""
    try:
        name = codecs.lookup(declared.strip()).name
    except (LookupError, ValueError):  # a name with a NUL in it is a ValueError
        return None
    name = _WIDENED.get(name, name)
    if name.replace("-", "_") in _REFUSED or (
        name.startswith(("utf-16", "utf-32")) and b"\0" not in data
    ):
        return None
    if name == "cp1252" and _is_damaged_utf8(data):
        # It has a letter for nearly every byte, and is what programs name by default.
        return None
    try:
        # A codec that is no charset (zlib, hex) is refused by `decode` as a LookupError.
        return data.decode(name)
    except (LookupError, UnicodeError):
        return None


def _as_detected(data: bytes) -> str:
    if _is_damaged_utf8(data):
        raise Unreadable(SkipReason.UNDECODABLE, "is UTF-8 but for some bytes that are not")
    charset = _detected(data)
    if charset is None:
        raise Unreadable(SkipReason.UNDECODABLE, "is not UTF-8, and no other charset fits it")
    return data.decode(charset)


def _detected(data: bytes) -> str | None:
    """Name the charset that bytes look like.

    The detector sees a sample, so that its cost does not grow with the file; the whole file must
    then decode without a single error, and to text.
    """
    import charset_normalizer  # noqa: PLC0415 - most files are UTF-8, and it costs 20 ms to load

    # Lines of plain ASCII say nothing about a charset.
    sample = data if len(data) <= _SAMPLE_BYTES else b"".join(_some_foreign_lines(data))
    matches = charset_normalizer.from_bytes(sample[:_SAMPLE_BYTES])
    for match in sorted(matches, key=_likelihood):
        # Without a mark or a NUL any bytes at all are rare characters of UTF-16.
        if match.encoding.startswith("utf"):
            continue
        try:
            text = data.decode(match.encoding)
        except (LookupError, UnicodeError):
            continue
        # The detector has seen the sample alone.
        if len(_CONTROL.findall(text)) * 200 <= len(text):
            return match.encoding
    return None


def _likelihood(match: "CharsetMatch") -> tuple[float, int]:
    """Order the detector's candidates, the likeliest first.

    Its own order looks at disorder before it looks at language, and so takes Polish in ISO 8859-2
    for Nordic in ISO 8859-10, where some letters mean others but no letter means nothing.
    """
    rank = _COMMON.index(match.encoding) if match.encoding in _COMMON else len(_COMMON)
    penalty = _RARE_PENALTY if rank == len(_COMMON) else 0.0
    # Disorder tells scripts apart, coherence only languages.
    return round(2 * match.chaos - match.coherence + penalty, 2), rank


def _some_foreign_lines(data: bytes) -> list[bytes]:
    found: list[bytes] = []
    size = 0
    for match in _FOREIGN_LINE.finditer(data):
        found.append(match[0])
        size += len(match[0])
        if size >= _SAMPLE_BYTES:
            break
    return found


def _is_damaged_utf8(data: bytes) -> bool:
    """Say whether some bad bytes stand in what is UTF-8 otherwise.

    A detector would read it in a charset in which any byte means something. Bytes of other
    charsets form valid UTF-8 sequences only here and there.
    """
    rest, sequences = _UTF8_SEQUENCE.subn(b"", data)
    bad = len(rest) - len(rest.translate(None, bytes(range(0x80, 0x100))))
    return sequences > 0 and sequences >= 4 * bad
