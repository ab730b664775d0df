"""Results as text for a person.

Floor: street. Pure: values in, text out, 80 columns unless told otherwise, without colour.
Text and names from the folder are shown with control characters, bidirectional controls and lone
surrogates escaped, so that a message cannot drive the owner's terminal; and what comes from the
folder never begins a line, so that it cannot imitate what the program says.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from partitioned_rag.matching.words import telling_from
from partitioned_rag.values import (
    BoxStatus,
    Finding,
    Hit,
    IndexReport,
    PartitionReport,
    PartitionStatus,
    Skip,
    SummaryReport,
)

if TYPE_CHECKING:
    from partitioned_rag.responder.reading import Receipt

# Controls, line and paragraph separators, bidirectional marks and overrides, lone surrogates.
DRIVING = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
TAB = "    "
MARGIN = "  "
LISTED_OF_A_KIND = 5
LINES_OF_A_HIT = 4
NAME_CELLS = 24
SUBJECT_CELLS = 10
CONTACT_CELLS = 15
QUESTION_CELLS = 60
ID_CHARS = 8
KILO = 1000
UNITS = ("kB", "MB", "GB", "TB")


# ---------------------------------------------------------------- text that cannot do harm


def visible(text: str, *, keep: str = "") -> str:
    r"""Escape whatever could drive a terminal or reorder a line.

    Args:
        text: From anywhere.
        keep: Characters to leave as they are, such as line breaks.

    >>> visible("a\x1b[31mb\n\u202e")
    'a\\x1b[31mb\\x0a\\u202e'
    """
    return DRIVING.sub(lambda found: found[0] if found[0] in keep else _spelt(found[0]), text)


def _spelt(character: str) -> str:
    code = f"{ord(character):02x}"
    return f"\\x{code}" if len(code) == len("ff") else f"\\u{code:0>4}"


def cells(text: str) -> int:
    """Say how many columns a line takes on a terminal.

    >>> cells("né"), cells("日本")
    (2, 4)
    """
    return len(text) if text.isascii() else sum(map(_cell, text))


def _cell(character: str) -> int:
    if unicodedata.category(character) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if unicodedata.east_asian_width(character) in {"W", "F"} else 1


def fold(line: str, width: int) -> list[str]:
    """Cut a line into pieces of at most `width` columns, after spaces where there are any.

    Joined, the pieces are the line again: nothing is dropped.

    >>> fold("one two three", 8)
    ['one two ', 'three']
    """
    pieces: list[str] = []
    start = taken = after_space = 0
    for at, character in enumerate(line):
        room = _cell(character)
        if taken + room > width and at > start:
            cut = after_space if after_space > start else at
            pieces.append(line[start:cut])
            start = cut
            taken = cells(line[start:at])
        taken += room
        if character == " ":
            after_space = at + 1
    pieces.append(line[start:])
    return pieces


def block(text: str, *, width: int) -> list[str]:
    """Lay out text from the folder or for the model: indented, folded, harmless."""
    inner = width - len(MARGIN)
    return [
        (MARGIN + piece).rstrip(" ")
        for line in text.split("\n")
        for piece in fold(visible(line.replace("\t", TAB)), inner)
    ]


def clip(text: str, width: int) -> str:
    """Shorten a name to a column, saying so with an ellipsis."""
    if cells(text) <= width:
        return text
    return fold(text.replace(" ", "\u00a0"), width - 1)[0].replace("\u00a0", " ") + "…"


def padded(text: str, width: int) -> str:
    """Fill a text up to a column."""
    return text + " " * max(0, width - cells(text))


def size(amount_bytes: int) -> str:
    """Say how much that is on disk.

    >>> size(999), size(12_345_678)
    ('999 B', '12.3 MB')
    """
    if amount_bytes < KILO:
        return f"{amount_bytes} B"
    amount, unit = amount_bytes / KILO, 0
    while unit < len(UNITS) - 1 and round(amount, 1) >= KILO:
        amount, unit = amount / KILO, unit + 1
    return f"{amount:.1f} {UNITS[unit]}"


def many(count: int, one: str, more: str = "") -> str:
    """Say how many of something there are."""
    return f"{count} {one if count == 1 else more or one + 's'}"


# ---------------------------------------------------------------- index and status


def index(report: IndexReport, *, width: int) -> str:
    """Say what an index did, per partition, and what stands in no answer."""
    rows: list[tuple[str, Sequence[int]]] = [
        (
            each.id,
            (
                each.sources,
                each.chunks,
                each.added,
                each.changed,
                each.renamed,
                each.removed,
                len(each.skipped),
            ),
        )
        for each in report.partitions
    ]
    heads = ("sources", "chunks", "added", "changed", "renamed", "removed", "skipped")
    lines = (
        _table(heads, rows, width=width) if rows else [f"no partitions in {visible(report.box)}"]
    )
    lines += _remarks(report.partitions, width=width)
    lines += _skips([skip for each in report.partitions for skip in each.skipped], width=width)
    lines += _homeless(report.skipped, width=width)
    lines += _contacts(report.contacts_error, width=width)
    did = sum(sum(numbers[2:6]) for _, numbers in rows)
    ending = "" if did else ", nothing had changed"
    lines += ["", f"{many(len(rows), 'partition')} in {report.seconds:.1f} s{ending}"]
    return "\n".join(lines) + "\n"


def status(found: BoxStatus, *, ollama: str, width: int) -> str:
    """Say what a box holds, where its index is and whether it is up to date."""
    told = ", ".join(filter(None, (found.embedder_version, found.embedder_runtime)))
    facts = {
        "box": found.box,
        "index": f"{found.index} ({size(found.index_bytes)})",
        "embedder": f"{found.embedder} ({told})" if told else found.embedder,
        "ollama": ollama,
    }
    lines = [*_facts(facts, width=width), ""]
    rows: list[tuple[str, Sequence[int]]] = [
        (
            each.id,
            (
                each.sources,
                each.chunks,
                each.pending,
                len(each.skipped),
                each.summarised,
                each.spans,
            ),
        )
        for each in found.partitions
    ]
    heads = ("sources", "chunks", "pending", "skipped", "summarised", "of")
    lines += _table(heads, rows, width=width) if rows else ["no partitions"]
    lines += _pending(found.partitions)
    lines += _skips([skip for each in found.partitions for skip in each.skipped], width=width)
    lines += _homeless(found.skipped, width=width)
    lines += _contacts(found.contacts_error, width=width)
    return "\n".join(lines) + "\n"


def summarize(report: SummaryReport, *, width: int) -> str:
    """Say of each partition how much a run of summaries made, and what it could not."""
    rows: list[tuple[str, Sequence[int]]] = [
        (each.id, (each.made, each.summarised, each.spans)) for each in report.partitions
    ]
    heads = ("made", "summarised", "of")
    lines = (
        _table(heads, rows, width=width) if rows else [f"no partitions in {visible(report.box)}"]
    )
    without = (
        (sum(each.discarded for each in report.partitions), "changed meanwhile: run it again"),
        (sum(each.too_long for each in report.partitions), "too long for the model's window"),
        (sum(each.cut for each in report.partitions), "the model did not finish, or said nothing"),
    )
    for spans, why in without:
        if spans:
            lines += ["", *hung(f"{many(spans, 'span')} {why}", width=width)]
    made = sum(each.made for each in report.partitions)
    ending = f"by {visible(report.model)} in {report.seconds:.1f} s"
    did = many(made, "summary", "summaries") if made else "nothing had to be made,"
    lines += ["", *hung(f"{did} {ending}", width=width, lead="")]
    return "\n".join(lines) + "\n"


def _pending(partitions: Iterable[PartitionStatus]) -> list[str]:
    pending = sum(each.pending for each in partitions)
    if not pending:
        return []
    return [
        "",
        f"{many(pending, 'file')} to bring up to date: `prag index` does, and so does a question",
    ]


def _facts(facts: Mapping[str, str], *, width: int) -> list[str]:
    column = max(map(len, facts)) + len(MARGIN)
    return [
        line
        for name, value in facts.items()
        for line in hung(value, width=width, lead=padded(name, column))
    ]


def _table(
    heads: Sequence[str], rows: Sequence[tuple[str, Sequence[int]]], *, width: int
) -> list[str]:
    """Draw one row per partition; a name too long for its column is cut short, visibly."""
    if len(rows) > 1:
        totals = [sum(column) for column in zip(*(numbers for _, numbers in rows), strict=True)]
        rows = [*rows, ("total", totals)]
    columns = [
        max(len(head), *(len(str(numbers[at])) for _, numbers in rows)) + 2
        for at, head in enumerate(heads)
    ]
    # The names get what the numbers leave, but never too little to tell two apart.
    longest = max(len("partition"), *(cells(visible(name)) for name, _ in rows))
    names = min(longest, max(NAME_CELLS // 2, width - sum(columns)))
    lines = [padded("partition", names) + _numbers(heads, columns)]
    lines += [
        padded(clip(visible(name), names), names) + _numbers(list(map(str, numbers)), columns)
        for name, numbers in rows
    ]
    return lines


def _numbers(values: Sequence[str], columns: Sequence[int]) -> str:
    return "".join(value.rjust(column) for value, column in zip(values, columns, strict=True))


def _remarks(partitions: Iterable[PartitionReport], *, width: int) -> list[str]:
    said = [
        f"{each.id}: {remark}"
        for each in partitions
        for remark in (each.note, each.error)
        if remark
    ]
    return ["", *(line for remark in said for line in block(remark, width=width))] if said else []


def _skips(skips: Sequence[Skip], *, width: int) -> list[str]:
    """List files that stand in no answer; where many share partition and reason, the first few."""
    if not skips:
        return []
    kinds: dict[tuple[str, str], list[Skip]] = {}
    for skip in skips:
        kinds.setdefault((skip.source.partition("/")[0], skip.reason), []).append(skip)
    lines = ["", "skipped, so in no answer:"]
    for (partition, reason), alike in kinds.items():
        for skip in alike[:LISTED_OF_A_KIND]:
            lines += hung(f"{skip.source}: {_why(skip)}", width=width)
        hidden = len(alike) - LISTED_OF_A_KIND
        if hidden > 0:
            lines += hung(
                f"… and {hidden} more in {partition} ({reason}); --json lists all", width=width
            )
    return lines


def _homeless(skips: Sequence[Skip], *, width: int) -> list[str]:
    if not skips:
        return []
    lines = ["", "in no partition, so in no answer:"]
    for skip in skips[: 4 * LISTED_OF_A_KIND]:
        lines += hung(f"{skip.source}: {_why(skip)}", width=width)
    hidden = len(skips) - 4 * LISTED_OF_A_KIND
    return lines + ([f"{MARGIN}… and {hidden} more; --json lists all"] if hidden > 0 else [])


def _contacts(error: str, *, width: int) -> list[str]:
    return ["", "no contact is answered:", *hung(error, width=width)] if error else []


def _why(skip: Skip) -> str:
    return f"{skip.reason} ({skip.detail})" if skip.detail else str(skip.reason)


def hung(text: str, *, width: int, lead: str = MARGIN) -> list[str]:
    """Lay out one item of a list; what does not fit its line goes on under its beginning."""
    pieces = fold(visible(text), width - len(lead))
    leads = [lead, *[" " * len(lead)] * (len(pieces) - 1)]
    return [(before + piece).rstrip(" ") for before, piece in zip(leads, pieces, strict=True)]


def finding(found: Finding, *, width: int) -> str:
    """Say how one thing is, and below it what to do about it."""
    lead = f"{found.health:<4}  {padded(found.subject, SUBJECT_CELLS)}  "
    lines = hung(found.detail, width=width, lead=lead)
    if found.fix:
        lines += hung(f"→ {found.fix}", width=width, lead=" " * len(lead))
    return "".join(line + "\n" for line in lines)


# ---------------------------------------------------------------- search


def hits(found: Sequence[Hit], *, question: str, width: int) -> str:
    """List hits, best first: rank, score, where it stands, and the lines that tell most of it."""
    lines: list[str] = []
    for hit in found:
        page = f" (page {hit.page})" if hit.page is not None else ""
        place = f"{hit.source}:{hit.start}-{hit.end}{page}"
        lines += hung(place, width=width, lead=f"{hit.rank:>2}  {hit.score:.3f}  ")
        lines += _excerpt(hit.text, question=question, width=width - len(MARGIN))
        lines.append("")
    return "".join(line + "\n" for line in lines[:-1])


def _excerpt(text: str, *, question: str, width: int) -> list[str]:
    lines = [line for line in block(text.strip(), width=width - 2) if line.strip()]
    start = telling_from(question, lines, length=LINES_OF_A_HIT)
    shown = [MARGIN + line for line in lines[start : start + LINES_OF_A_HIT]]
    if start:
        shown[0] = f"{MARGIN}{MARGIN}… {shown[0].lstrip()}"
    if start + LINES_OF_A_HIT < len(lines):
        shown[-1] += " …"
    return shown


# ---------------------------------------------------------------- log


def logged(receipt: "Receipt") -> str:
    """Say on one line what became of a message; only what was asked is cut short, visibly."""
    parts = [
        clock(receipt.at),
        receipt.id[:ID_CHARS],
        padded(clip(visible(receipt.contact), CONTACT_CELLS), CONTACT_CELLS),
        padded(visible(receipt.outcome), len("delivered")),
    ]
    if receipt.total_s is not None:
        parts.append(f"{receipt.total_s:.1f} s".rjust(len("100.0 s")))
    if receipt.sources is not None:
        parts.append(many(receipt.sources, "source"))
    parts += [visible(each) for each in (receipt.model, receipt.reason) if each]
    if asked := visible(" ".join(receipt.question.split())):
        parts.append(f"“{clip(asked, QUESTION_CELLS)}”")
    return "  ".join(parts) + "\n"


def clock(at: float) -> str:
    """Say when that was, by this machine's clock."""
    return f"{datetime.fromtimestamp(at, tz=UTC).astimezone():%Y-%m-%d %H:%M:%S}"
