"""HTML: what a reader of the page would see, without scripts, styles and comments.

Floor: edge, in the child process. selectolax (Lexbor) reads markup as browsers do, however broken.
"""

import re
from collections.abc import Iterator
from typing import Final

from selectolax.lexbor import LexborHTMLParser, LexborNode

from partitioned_rag.sources.composing import Piece, compose
from partitioned_rag.sources.decoding import decode
from partitioned_rag.sources.raw import RawFile
from partitioned_rag.values import Document, SegmentKind

_UNSEEN: Final = frozenset(
    {"script", "style", "template", "iframe", "noembed", "noframes", "object"}
)
_HEADINGS: Final = frozenset({"title", "h1", "h2", "h3", "h4", "h5", "h6"})
_CELLS: Final = frozenset({"td", "th"})
_BLOCKS: Final = _HEADINGS | frozenset(
    "address article aside blockquote body caption center dd details dialog dir div dl dt fieldset"
    " figcaption figure footer form head header hr html legend li main menu nav ol optgroup option"
    " p pre search section select summary table tbody textarea tfoot thead tr ul".split()
)
_WHITE_SPACE = re.compile(r"[ \t\n\r\f]+")
_DECLARED = re.compile(
    rb"""(?:<meta[^>]{0,500}?charset|<\?xml[^>]{0,100}?encoding)\s*=\s*["']?\s*([\w.:-]{1,40})""",
    re.IGNORECASE,
)
# The parser never yields a NUL (it becomes U+FFFD), so one can stand for a <br> until white space
# has been folded.
_BREAK: Final = "\0"


def read(raw: RawFile) -> Document:
    """Read a page.

    Raises:
        Unreadable: It cannot be decoded, or shows no text.
    """
    return compose(raw.path, pieces(decode(raw.data, declared=_declared(raw.data))))


def _declared(data: bytes) -> str:
    found = _DECLARED.search(data[:4096])
    name = found[1].decode("ascii", "replace") if found else ""
    # Whoever can read the declaration byte by byte is not looking at UTF-16.
    return "" if name.lower().startswith(("utf-16", "utf-32")) else name


def pieces(markup: str, *, group: int = 0) -> Iterator[Piece]:
    """Cut a page into headings, rows and paragraphs, in the order of its markup.

    Args:
        markup: Decoded; any string at all has a tree.
        group: That all pieces belong to.
    """
    gathered: list[str] = []
    inside = _Inside()
    node = LexborHTMLParser(markup).root
    ancestors: list[LexborNode] = []
    # By hand: markup nests deeper than Python's stack.
    while node is not None:
        tag = node.tag or ""
        if tag == "-text":
            gathered.append(node.text_content or "")
        elif tag not in _UNSEEN:
            if tag in _BLOCKS:
                yield from _flushed(gathered, inside, group)
            elif tag in _CELLS and any(map(str.strip, gathered)):
                gathered.append(" | ")
            elif tag == "br":
                gathered.append(_BREAK)
            child = node.first_child
            if child is not None:
                inside.enter(tag)
                ancestors.append(node)
                node = child
                continue
        following = node.next
        while following is None and ancestors:
            node = ancestors.pop()
            tag = node.tag or ""
            if tag in _BLOCKS:
                yield from _flushed(gathered, inside, group)
            inside.leave(tag)
            following = node.next
        node = following
    yield from _flushed(gathered, inside, group)


class _Inside:
    """How many headings, rows and preformatted blocks are open."""

    def __init__(self) -> None:
        self.headings = self.rows = self.preformatted = 0

    def enter(self, tag: str) -> None:
        self._count(tag, 1)

    def leave(self, tag: str) -> None:
        self._count(tag, -1)

    def _count(self, tag: str, step: int) -> None:
        self.headings += step * (tag in _HEADINGS)
        self.rows += step * (tag == "tr")
        self.preformatted += step * (tag in ("pre", "textarea"))

    @property
    def kind(self) -> SegmentKind:
        if self.headings:
            return SegmentKind.HEADING
        return SegmentKind.ROW if self.rows else SegmentKind.PARAGRAPH


def _flushed(gathered: list[str], inside: _Inside, group: int) -> Iterator[Piece]:
    if not gathered:
        return
    text = "".join(gathered)
    gathered.clear()
    if not inside.preformatted:
        text = _WHITE_SPACE.sub(" ", text)
    text = text.replace(_BREAK, "\n").strip()
    if text:
        yield Piece(inside.kind, text, group)
