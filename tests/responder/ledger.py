"""What was asked and what was answered, and whether that is as it must be.

Each question holds a word of its own, which the model's double repeats, so each reply tells which
message it answers.
"""

import json
import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from tests.ollama_double import echo


@dataclass(frozen=True, slots=True)
class Asked:
    """A question.

    Attributes:
        at: When its file was whole, in seconds since 1970.
    """

    contact: str
    word: str
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class Sent:
    """A reply.

    Attributes:
        contact: To whom it went.
        word: Of the question that it answers; empty where it answers none.
        appeared_at: When it was renamed to where the bridge takes it, in seconds since 1970.
        at: When the bridge took it.
    """

    contact: str
    word: str
    appeared_at: float = 0.0
    at: float = 0.0


@dataclass(slots=True)
class Ledger:
    """All that happened, in the order in which it did.

    Attributes:
        is_quiet: Nobody will ask any more.
    """

    asked: list[Asked] = field(default_factory=list)
    sent: list[Sent] = field(default_factory=list)
    is_quiet: bool = False

    def waiting(self) -> list[str]:
        """Name the questions that have no reply."""
        answered = {reply.word for reply in self.sent}
        return [question.word for question in self.asked if question.word not in answered]

    def faults(self) -> list[str]:
        """Say what was lost, doubled, sent to somebody else, out of order or never asked for."""
        contact_of = {question.word: question.contact for question in self.asked}
        found = [f"lost {word}" for word in self.waiting()]
        counts = Counter(reply.word for reply in self.sent)
        found += [f"doubled {word}" for word, times in counts.items() if word and times > 1]
        latest: dict[str, str] = defaultdict(str)
        for reply in self.sent:
            if reply.word not in contact_of:
                found.append(f"nobody asked for what {reply.contact} got")
            elif contact_of[reply.word] != reply.contact:
                found.append(f"{reply.word} went to {reply.contact}")
            elif reply.word < latest[reply.contact]:
                found.append(f"{reply.word} after {latest[reply.contact]}")
            latest[reply.contact] = max(latest[reply.contact], reply.word)
        return found


def read(path: Path) -> Ledger:
    """Read what the bridge entered; a line that it is still writing is left for later."""
    ledger = Ledger()
    if not path.exists():
        return ledger
    for line in path.read_text(encoding="utf-8").splitlines(keepends=True):
        if not line.endswith("\n"):
            break
        entry = json.loads(line)
        match entry["what"]:
            case "asked":
                ledger.asked.append(Asked(entry["contact"], entry["word"], entry["at"]))
            case "sent":
                word = answered(entry["text"])
                sent = Sent(entry["contact"], word, entry["appeared_at"], entry["at"])
                ledger.sent.append(sent)
            case "quiet":
                ledger.is_quiet = True
    return ledger


def answered(reply: str) -> str:
    """Say which question a reply of the double answers; empty if none."""
    found = re.match(r"You said: (q\d+)", reply)
    return found[1] if found else ""


def asked_in(rendered: str) -> str:
    """Say which question the model was asked, from what it saw."""
    return answered(echo(rendered))
