"""The promise at the street: nothing of others changes what one contact is sent and what is kept.

Two days that are equal in what one contact may read and writes, and differ in the folders of
others, in what the owner wrote of them, and in what they send, must give that contact the same
replies and the same receipts, byte for byte. How long it took is told apart in a receipt, and left
out: others take their turns.
"""

import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from hypothesis import strategies as st

from tests.ollama_double import OllamaDouble, echo
from tests.strategies import Story, sentences, worlds_equal_for
from tests.worlds import World, build

ASKER = "15550100001"
PUBLIC = "public"
# Old enough that nobody is still writing it.
OLD_S = 60.0


class Responding(Protocol):
    """Answers from one box."""

    def drain(self) -> None:
        """Answer all that can be answered now."""
        ...

    def close(self) -> None:
        """Let go of everything."""
        ...


Open = Callable[[Path, str], Responding]
"""From the folder of a box and the address of Ollama."""

Drop = Mapping[str, bytes]
"""Files of the inbox by their names. Those whose names begin with `young` are being written."""


@dataclass(frozen=True, slots=True)
class Day:
    """A box, and what others drop into its inbox before each time it is drained."""

    world: World
    others: tuple[Drop, ...] = ()


@dataclass(frozen=True, slots=True)
class Seen:
    """All that is for one contact."""

    replies: tuple[str, ...]
    receipts: Mapping[str, str]


def check_untouched(open_one: Open, first: Day, second: Day, *, asked: Sequence[str]) -> Seen:
    """Live through both days and demand that the asker cannot tell them apart.

    Args:
        open_one: Opens what answers.
        first: A day.
        second: Another, equal in what the asker may read.
        asked: What the asker writes, in this order.

    Returns:
        What was seen on both.
    """
    one, other = (live(open_one, day, asked=asked) for day in (first, second))
    assert one.replies == other.replies, "replies differ"
    assert one.receipts.keys() == other.receipts.keys(), "receipts differ in number"
    for name, receipt in one.receipts.items():
        assert receipt == other.receipts[name], f"receipts differ: {name}"
    return one


def live(open_one: Open, day: Day, *, asked: Sequence[str]) -> Seen:
    """Say what the asker gets on a day: they write twice at once, then once each time."""
    with (
        tempfile.TemporaryDirectory() as folder,
        OllamaDouble(answer=with_a_fingerprint) as double,
    ):
        root = build(day.world, Path(folder) / "OMBox")
        for name in ("inbox", "outbox"):
            (root / name).mkdir(exist_ok=True)
        replies: list[str] = []
        running = open_one(root, double.host)
        try:
            for moment in range(len(asked) + 2):
                for number, said in enumerate(asked):
                    if max(0, number - 1) == moment:
                        _write(root, number, said)
                _drop(root, day.others[moment] if moment < len(day.others) else {})
                running.drain()
                replies += _pick_up(root, moment)
        finally:
            running.close()
        return Seen(tuple(replies), _receipts(root))


def with_a_fingerprint(rendered: str) -> str:
    """Answer so that every character of the prompt shows."""
    digest = hashlib.sha256(rendered.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{echo(rendered)} {digest}"


def _write(root: Path, number: int, said: str) -> None:
    (root / ASKER).mkdir(exist_ok=True)
    with (root / ASKER / "chat.log").open("ab") as chat:
        chat.write(f"[2026-01-01 10:{number:02}:00] them: {said}\n".encode())
    body = json.dumps({"sender": ASKER, "text": said, "ts": number}).encode()
    _drop(root, {f"{ASKER}_{number:013}.json": body})


def _drop(root: Path, files: Drop) -> None:
    for name, body in files.items():
        path = root / "inbox" / name
        path.write_bytes(body)
        if not name.startswith("young"):
            then = path.stat().st_mtime - OLD_S
            os.utime(path, (then, then))


def _pick_up(root: Path, moment: int) -> list[str]:
    """Take every reply, as the bridge does, and give those to the asker."""
    mine: list[str] = []
    for path in sorted((root / "outbox").glob("[0-9]*.txt")):
        said = path.read_bytes().decode()
        path.unlink()
        if path.stem == ASKER:
            mine.append(said)
        (root / path.stem).mkdir(exist_ok=True)  # of an alias, that nobody else makes
        with (root / path.stem / "chat.log").open("a") as chat:
            chat.write(f"[2026-01-01 11:{moment:02}:00] me: {said}\n")
    return mine


def _receipts(root: Path) -> dict[str, str]:
    kept: dict[str, str] = {}
    for path in (root / ".prag" / "partitions" / ASKER / "receipts").glob("*"):
        receipt = json.loads(path.read_text())
        del receipt["timings"]
        kept[path.name] = json.dumps(receipt)
    return kept


# ---------------------------------------------------------------- strategies

# Who could be taken for the asker by a sloppy program, and who is nobody.
SENDERS = (
    "15550100002", "5550100001", "155501000010", "120363025246125486", "1555010000", "mallory",
    "friend", "", "1555010000²", "15550100001@x", "public", "oscar@example.org",
)  # fmt: skip
BROKEN = (
    b"", b"{", b"\xff\xfe", b"[]", b'{"sender": "15550100001"', b'{"sender": "15550100001"}',
    b'{"sender": "15550100001", "sender": "15550100002", "text": "om me"}', b"[" * 5_000,
    b'{"sender": ["15550100001"], "text": "om whose"}',
)  # fmt: skip
NAMES = (
    "0.json", f"{ASKER}_0.json", f"{ASKER}.json", "zz.json", "youngling.json", "\udcff.json",
    "15550100002_1.json", "15550100002_2.json", "note.txt",
)  # fmt: skip
FLOOD = 110
LISTED = (
    "",
    '[contacts.mallory]\nname = "Pip"\n',
    '[contacts.15550100002]\naliases = ["oscar@example.org", "5550100001"]\nmax_per_hour = 1\n',
    '[contacts.mallory]\nalso = ["Juno"]\naliases = ["15550100002", "120363025246125486"]\n',
)
MINE = f'owner = "Juno"\n[contacts.{ASKER}]\nname = "Pip"\naliases = ["pip@example.org"]\n'


@st.composite
def days(draw: st.DrawFn) -> tuple[Day, Day]:
    """Draw two days that the asker must not be able to tell apart."""
    has_list = draw(st.booleans())
    first, second = (
        Day(_listed(draw, story, has_list=has_list), tuple(draw(st.lists(drops(), max_size=3))))
        for story in draw(worlds_equal_for(ASKER))
    )
    return first, second


def questions() -> st.SearchStrategy[list[str]]:
    """Draw what the asker writes; some of it is not for us."""
    said = st.builds("{}{}".format, st.sampled_from(["om: ", "om ", "OM:", ""]), sentences())
    return st.lists(said, min_size=1, max_size=3)


@st.composite
def drops(draw: st.DrawFn) -> Drop:
    """Draw what others drop: questions, ruins, now and then a flood."""
    if draw(st.integers(0, 9)) == 0:
        sender, said = draw(st.sampled_from(SENDERS[:4])), draw(sentences())
        return {f"{sender}_{n:03}.json": message(sender, f"om {said}") for n in range(FLOOD)}
    asked = st.builds(message, st.sampled_from(SENDERS), st.builds("om {}".format, sentences()))
    return draw(
        st.dictionaries(
            st.sampled_from(NAMES), st.one_of(asked, asked, st.sampled_from(BROKEN)), max_size=4
        )
    )


def message(sender: str, said: str) -> bytes:
    """Write a message as the bridge does."""
    return json.dumps({"sender": sender, "text": said, "ts": 0}).encode()


def _listed(draw: st.DrawFn, story: Story, *, has_list: bool) -> World:
    if not has_list:
        return story.world
    return {**story.world, "contacts.toml": (MINE + draw(st.sampled_from(LISTED))).encode()}
