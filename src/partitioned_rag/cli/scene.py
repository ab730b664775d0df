"""What a responder has told so far → the lines of a screen that is left open.

Floor: street. Pure but for what `Scene` remembers, which is bounded. What others wrote is shown
escaped, and begins no line.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import Final

from partitioned_rag.cli.render import MARGIN, block, cells, clip, many, padded, visible
from partitioned_rag.responder.observer import Outcome
from partitioned_rag.values import IndexReport

NARROWEST, LOWEST = 20, 8
HEAD_CELLS: Final = 9
NAME_CELLS: Final = 20
NAMES_AT_MOST: Final = 50
TAIL_CHARS: Final = 4000
REPLIES_AT_MOST: Final = 3
OUTCOMES_KEPT: Final = 100
REMARKS_KEPT: Final = 3


@dataclass(slots=True)
class Making:
    """A reply that is being made.

    Attributes:
        began_at: In seconds since 1970.
        tail: The end of what has come of it.
    """

    id: str
    began_at: float
    tail: str = field(default="", repr=False)


@dataclass(slots=True, kw_only=True)
class Scene:
    """What there is to show.

    Attributes:
        ollama: How Ollama is, in a sentence; empty before it was asked.
        waiting: Messages that wait, by contact.
        making: The reply that is being made, by contact.
        delivered, failed: How many messages were answered, and could not be.
        outcomes: When, and what; the last ones.
        remarks: When, and what was the matter; the last ones.
        indexed: When the index was last brought up to date, and what that found.
        is_ending: True once an end was asked for.
    """

    ollama: str = ""
    waiting: Mapping[str, int] = field(default_factory=dict)
    making: dict[str, Making] = field(default_factory=dict)
    delivered: int = 0
    failed: int = 0
    outcomes: deque[tuple[float, Outcome]] = field(
        default_factory=lambda: deque(maxlen=OUTCOMES_KEPT)
    )
    remarks: deque[tuple[float, str]] = field(default_factory=lambda: deque(maxlen=REMARKS_KEPT))
    indexed: tuple[float, IndexReport] | None = None
    is_ending: bool = False

    def say(self, contact: str, text: str) -> None:
        """Add a piece of a reply; only its end is kept."""
        if making := self.making.get(contact):
            making.tail = (making.tail + text)[-TAIL_CHARS:]

    def withdraw(self, contact: str) -> None:
        """Forget what has come of a reply."""
        if making := self.making.get(contact):
            making.tail = ""

    def finish(self, outcome: Outcome, *, now: float) -> None:
        """Note what became of a message."""
        making = self.making.get(outcome.contact)
        if making is not None and making.id == outcome.id:
            del self.making[outcome.contact]
        self.delivered += outcome.state == "delivered"
        self.failed += outcome.state == "failed"
        self.outcomes.append((now, outcome))


def drawn(scene: Scene, *, width: int, height: int, now: float) -> list[str]:
    """Lay a scene out: at most `height` lines of at most `width` columns.

    What has no room is counted where that can be told; the newest stays.
    """
    width, height = max(NARROWEST, width), max(LOWEST, height)
    top = [
        padded("prag run", HEAD_CELLS) + _counts(scene),
        padded("index", HEAD_CELLS) + _index(scene),
        padded("ollama", HEAD_CELLS) + (visible(scene.ollama) or "being asked"),
        padded("waiting", HEAD_CELLS) + _waiting(scene.waiting, width - HEAD_CELLS),
    ]
    remarks = [f"{_clock(at)}  note: {visible(text)}" for at, text in scene.remarks]
    end = "Ctrl-C ends it; a reply that is being made has ten seconds"
    if scene.is_ending:
        end = "ending: a reply that is being made has ten seconds"
    room = height - len(top) - len(remarks) - 1
    while room < 1 and remarks:
        del remarks[0]
        room += 1
    replies = _replies(scene.making, width=width, height=max(1, room * 2 // 3), now=now)
    outcomes = _outcomes(scene.outcomes, height=room - len(replies))
    lines = [*top, *replies, *outcomes, *remarks, end]
    return [clip(line, width) for line in lines][:height]


def _counts(scene: Scene) -> str:
    return f"{scene.delivered} answered, {scene.failed} failed"


def _index(scene: Scene) -> str:
    if scene.indexed is None:
        return "being brought up to date"
    at, report = scene.indexed
    sources = sum(each.sources for each in report.partitions)
    chunks = sum(each.chunks for each in report.partitions)
    errors = [each.error for each in report.partitions if each.error]
    errors += [report.contacts_error] if report.contacts_error else []
    did = (
        f"{many(sources, 'source')}, {many(chunks, 'chunk')}, in {report.seconds:.1f} s"
        f" at {_clock(at)}"
    )
    return did + (f"; {many(len(errors), 'error')}: {visible(errors[0])}" if errors else "")


def _waiting(counts: Mapping[str, int], width: int) -> str:
    """Name those who wait, those with most messages first, as many as there is room for."""
    if not counts:
        return "nobody"
    ranked = sorted(counts.items(), key=lambda each: (-each[1], each[0]))
    names = [
        f"{clip(visible(contact), NAME_CELLS)} {count}"
        for contact, count in islice(ranked, NAMES_AT_MOST)
    ]
    for shown in range(len(names), 0, -1):
        more = f" and {len(counts) - shown} more" if shown < len(counts) else ""
        text = ", ".join(names[:shown]) + more
        if cells(text) <= width:
            return text
    return many(len(counts), "contact")


def _replies(making: Mapping[str, Making], *, width: int, height: int, now: float) -> list[str]:
    """Show the end of each reply that is being made, in equal shares."""
    shown = min(len(making), REPLIES_AT_MOST, height)
    if not shown:
        return []
    hidden = len(making) - shown
    each_lines = max(1, (height - bool(hidden)) // shown)
    lines: list[str] = []
    for contact, reply in islice(making.items(), shown):
        lasted = f"{max(0.0, now - reply.began_at):.0f} s"
        lines.append(f"{padded('reply', HEAD_CELLS)}to {visible(contact)}, {lasted}")
        if reply.tail and each_lines > 1:
            lines += block(reply.tail, width=width)[1 - each_lines :]
    if hidden:
        lines.append(f"{MARGIN}and {hidden} more")
    return lines[:height]


def _outcomes(outcomes: Sequence[tuple[float, Outcome]], *, height: int) -> list[str]:
    last = list(outcomes)[-height:] if height > 0 else []
    return [f"{_clock(at)}  {_outcome(done)}" for at, done in last]


def _outcome(done: Outcome) -> str:
    who = clip(visible(done.contact or done.id), NAME_CELLS)
    taken = f" in {done.total_s:.1f} s" if done.total_s else ""
    reason = f": {visible(done.reason)}" if done.reason else ""
    return f"{padded(who, NAME_CELLS)}  {visible(done.state)}{taken}{reason}"


def _clock(at: float) -> str:
    return f"{datetime.fromtimestamp(at, tz=UTC).astimezone():%H:%M:%S}"
