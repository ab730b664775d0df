"""Many people who write while sources come and go, and the bridge's side of it, in this process.

Nobody here waits: each thing happens when it is asked for, so that whoever kills decides when.
"""

import json
import random
import re
import time
from dataclasses import dataclass
from pathlib import Path

from tests.ollama_double import echo
from tests.responder.ledger import Asked, Ledger, Sent, answered
from tests.responder.side_by_side import make_box, unfinished

PUBLIC = "public"
TOKEN = re.compile(r"\bs[0-9]{5}\b")
MOST_WAITING = 60
MOST_SOURCES = 40


@dataclass(frozen=True, slots=True)
class Quoted:
    """A reply that quotes what was gone already when it was given to the bridge.

    Attributes:
        too_late_s: How long it had been gone.
    """

    word: str
    token: str
    too_late_s: float


class Traffic:
    """A box, who writes, and what came out of it. Each source holds a token of its own."""

    def __init__(self, root: Path, *, contacts: int, seed: int) -> None:
        """Make the box and furnish it."""
        self.root = make_box(root, contacts=contacts)
        self.contacts = [f"1555010{n:04}" for n in range(contacts)]
        self.rng = random.Random(seed)
        self.ledger = Ledger()
        self.quoted: list[Quoted] = []
        self.leaked: list[str] = []
        self.quotes = 0
        self._there: dict[str, Path] = {}
        self._home: dict[str, str] = {}
        self._gone_at: dict[str, float] = {}
        for name in ("inbox", "outbox", *self.contacts):
            (root / name).mkdir()
        for _ in range(MOST_SOURCES // 2):
            self.add_source()

    def happen(self) -> None:
        """Have something happen."""
        draw = self.rng.random()
        if draw < 0.4:
            if len(self.ledger.waiting()) < MOST_WAITING:
                self.write(self.rng.choice(self.contacts))
        elif draw < 0.75:
            self.pick_up()
        elif draw < 0.87:
            self.add_source()
        else:
            self.remove_source()

    def write(self, contact: str) -> None:
        """Have a contact ask, as the bridge passes it on."""
        word = f"q{len(self.ledger.asked):05}"
        with (self.root / contact / "chat.log").open("a") as chat:
            chat.write(f"[2026-01-01 10:00:00] them: om {word}\n")
        self.ledger.asked.append(Asked(contact, word, time.time()))
        body = json.dumps({"sender": contact, "text": f"om {word}"})
        with (self.root / "inbox" / f"{contact}_{word}.json").open("w") as file:
            file.write(body[:20])
            file.flush()
            file.write(body[20:])

    def pick_up(self) -> None:
        """Take every reply, as the bridge does."""
        for path in sorted((self.root / "outbox").iterdir()):
            if path.suffix != ".txt":
                continue
            appeared_at = path.stat().st_ctime
            said = path.read_text()
            path.unlink()
            word = answered(said)
            self.ledger.sent.append(Sent(path.stem, word, appeared_at, time.time()))
            self._look_at_quotes(path.stem, word, said, appeared_at)
            with (self.root / path.stem / "chat.log").open("a") as chat:
                chat.write(f"[2026-01-01 10:00:00] me: answered {word}\n")

    def add_source(self) -> None:
        """Write a source into a partition, with a token that no other has."""
        if len(self._there) >= MOST_SOURCES:
            return
        token = f"s{len(self._home):05}"
        self._home[token] = self.rng.choice([PUBLIC, PUBLIC, *self.contacts])
        self._there[token] = self.root / self._home[token] / f"{token}.txt"
        self._there[token].write_text(f"The word for the harbour is {token}.\n")

    def remove_source(self) -> None:
        """Remove one of them."""
        if self._there:
            token = self.rng.choice(sorted(self._there))
            self._there.pop(token).unlink()
            self._gone_at[token] = time.time()

    @property
    def removed(self) -> int:
        """How many sources were removed."""
        return len(self._gone_at)

    def faults(self, *, moment_s: float = 0.0) -> list[str]:
        """Say what is wrong, and what is left to do.

        Args:
            moment_s: A source may have been gone for so long when a reply that quotes it appeared.
        """
        late = [
            f"{each.word} quotes {each.token}, gone for {each.too_late_s * 1000:.1f} ms"
            for each in self.quoted
            if each.too_late_s > moment_s
        ]
        return [*self.ledger.faults(), *self.leaked, *late, *unfinished(self.root)]

    def _look_at_quotes(self, contact: str, word: str, said: str, appeared_at: float) -> None:
        for token in self._home.keys() & set(TOKEN.findall(said)):
            self.quotes += 1
            if self._home[token] not in (PUBLIC, contact):
                self.leaked.append(f"{word} quotes {token} of {self._home[token]} to {contact}")
            too_late_s = appeared_at - self._gone_at.get(token, appeared_at)
            if too_late_s > 0:
                self.quoted.append(Quoted(word, token, too_late_s))


def repeat_and_quote(rendered: str) -> str:
    """Answer as the double does, and with every token that the model saw."""
    return " ".join([echo(rendered), *sorted(set(TOKEN.findall(rendered)))])
