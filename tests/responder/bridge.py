"""The bridge to WhatsApp as far as its files go: a program of its own, with invented people.

`python bridge.py BOX LEDGER --contacts 20 --rate 10 --seconds 60 --seed 1`

It does what the real one does, in that order, in one thread: a message is appended to the chat and
then written into the inbox, in place and in two steps, so that a reader can see a part of it. Every
two seconds it looks into the outbox, reads a reply, removes it, and only then sends it, which here
means that it is entered in the ledger; then it is appended to the chat.

When the traffic is over it goes on sending, until its standard input ends.
"""

import argparse
import json
import random
import select
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

SERVER = "s.whatsapp.net"
# All of them are for us; the word stands on the last line, where the model's double repeats it.
FORMS = ("om: {}", "om {}", "OM {}", "Om:  {}", "om {} when does the tide turn?", "om: hi\n{}")
CHATTER = "see you on sunday"


class Bridge:
    """Carries messages into files and files into the ledger."""

    def __init__(self, box: Path, ledger: TextIO, rng: random.Random) -> None:
        """Make the folders that it uses.

        Args:
            box: The OMBox.
            ledger: Gets a line of JSON for each thing that happens.
            rng: Says where a file is torn while it is written.
        """
        self.box = box
        self.ledger = ledger
        self.rng = rng
        self.sent = 0
        self.last_ms = 0
        for name in ("inbox", "outbox", "public"):
            (box / name).mkdir(parents=True, exist_ok=True)

    def receive(self, jid: str, text: str, *, word: str) -> None:
        """Take a message in from WhatsApp.

        Args:
            jid: Who wrote, as WhatsApp says it.
            text: What they wrote.
            word: By which the ledger knows it; empty for one that asks nothing.
        """
        sender = "".join(each for each in jid.partition("@")[0] if each in "0123456789")
        self.chat(sender, "them", text)
        self.last_ms = now_ms = time.time_ns() // 1_000_000
        body = json.dumps({"sender": sender, "text": text, "ts": now_ms})
        torn_at = self.rng.randrange(len(body))
        with (self.box / "inbox" / f"{sender}_{now_ms}.json").open("w", encoding="utf-8") as file:
            file.write(body[:torn_at])
            file.flush()
            # Mostly over before anybody looks; on a busy machine it takes its time.
            time.sleep(self.rng.choice([0.0, 0.0, 0.001, 0.003, 0.1]))
            file.write(body[torn_at:])
        self.enter("asked" if word else "chatted", contact=sender, word=word)

    def send_replies(self) -> None:
        """Send whatever lies in the outbox."""
        outbox = self.box / "outbox"
        for name in sorted(path.name for path in outbox.iterdir()):
            if not name.endswith(".txt"):
                continue
            path = outbox / name
            # A rename shows there and nowhere else: it is the moment when the reply appeared.
            appeared_at = path.stat().st_ctime
            reply = path.read_text(encoding="utf-8").strip()
            path.unlink()
            sender = name.removesuffix(".txt")
            if reply:
                self.sent += 1
                self.enter("sent", contact=sender, text=reply, appeared_at=appeared_at)
                self.chat(sender, "me", reply)

    def chat(self, sender: str, who: str, text: str) -> None:
        """Append a line to a conversation."""
        folder = self.box / sender
        folder.mkdir(exist_ok=True)
        now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")
        with (folder / "chat.log").open("a", encoding="utf-8") as file:
            file.write(f"[{now}] {who}: {' ↵ '.join(text.splitlines())}\n")

    def enter(self, what: str, **more: object) -> None:
        """Write a line into the ledger."""
        self.ledger.write(json.dumps({"what": what, "at": time.time()} | more) + "\n")
        self.ledger.flush()


class Traffic:
    """Who writes, what and when."""

    def __init__(self, bridge: Bridge, rng: random.Random, options: argparse.Namespace) -> None:
        """Invent the people."""
        self.bridge = bridge
        self.rng = rng
        self.options = options
        self.jids = [f"1555010{n:04}@{SERVER}" for n in range(options.contacts)]
        self.asked = 0

    def write(self) -> None:
        """Have somebody write."""
        # Two messages of one sender within a millisecond get the same name, and the second replaces
        # the first. That is the bridge's fault, and nobody types that fast.
        while time.time_ns() // 1_000_000 <= self.bridge.last_ms:
            time.sleep(0.001)
        jid = self.rng.choice(self.jids)
        if self.rng.random() < self.options.chatter:
            self.bridge.receive(jid, CHATTER, word="")
            return
        word = f"q{self.asked:05}"
        self.asked += 1
        self.bridge.receive(jid, self.rng.choice(FORMS).format(word), word=word)

    def pause_s(self) -> float:
        """Draw the time to the next message, as independent people give it."""
        return self.rng.expovariate(self.options.rate)


def options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("box", type=Path)
    parser.add_argument("ledger", type=Path)
    parser.add_argument("--contacts", type=int, default=20)
    parser.add_argument("--rate", type=float, default=10.0, help="messages a second, of all")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long they write")
    parser.add_argument("--most", type=int, default=sys.maxsize, help="how many messages at most")
    parser.add_argument("--chatter", type=float, default=0.0, help="share that asks nothing")
    parser.add_argument(
        "--ahead", type=int, default=sys.maxsize, help="questions without a reply at most"
    )
    parser.add_argument("--poll", type=float, default=2.0, help="seconds between two looks")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def main() -> None:
    """Write and send until nobody wants it any more."""
    chosen = options()
    rng = random.Random(chosen.seed)
    with chosen.ledger.open("a", encoding="utf-8") as ledger:
        carry(Traffic(Bridge(chosen.box, ledger, rng), rng, chosen))


def carry(traffic: Traffic) -> None:
    """Do what is due, until standard input ends."""
    bridge, chosen = traffic.bridge, traffic.options
    now = time.monotonic()
    end, written, is_quiet = now + chosen.seconds, 0, False
    next_look, next_message = now + chosen.poll, now + traffic.pause_s()
    while True:
        due = next_look if is_quiet else min(next_look, next_message)
        if select.select([sys.stdin], [], [], max(0.0, due - time.monotonic()))[0]:
            return
        now = time.monotonic()
        if now >= next_look:
            bridge.send_replies()
            next_look = now + chosen.poll
        if is_quiet or now < next_message:
            continue
        if now >= end or written >= chosen.most:
            is_quiet = True
            bridge.enter("quiet")
            continue
        if traffic.asked - bridge.sent >= chosen.ahead:
            next_message = next_look
            continue
        next_message += traffic.pause_s()
        traffic.write()
        written += 1


if __name__ == "__main__":
    main()
