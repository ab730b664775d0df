"""Every Hypothesis strategy of the suite. They draw worlds, not luck: weights favour the nasty."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from hypothesis import settings
from hypothesis import strategies as st

from partitioned_rag.evaluation.scoring import Question
from tests.worlds import Append, Delete, Edit, Move, Round, Touch, World, Write, after

PUBLIC = "public"
WHOLE = 100


def examples(in_ci: int) -> settings:
    """Give a test that costs more than others its own number of examples, in each profile.

    Args:
        in_ci: How many under `ci`; the other profiles have as many more or fewer as they have of
            every test.
    """
    profile = settings.get_profile(settings.get_current_profile_name())
    return settings(profile, max_examples=max(1, in_ci * profile.max_examples // WHOLE))


# ---------------------------------------------------------------- names

# One small vocabulary for all texts and questions, so that everything resembles everything.
WORDS = (
    "accordion", "barrel", "cake", "dune", "ferry", "harbour", "key", "lemon", "party", "roof",
    "spare", "sunday", "tide", "yes", "ångström", "überraschung", "日曜日", "вечеринка", "🎂",
)  # fmt: skip
FILE_NAMES = (
    "note.txt", "chat.log", "plan.md", "-rf.txt", "--help", " lead.txt", "a\nb.txt", "tab\t.md",
    "é.txt", "e\u0301.txt", "\udcff\udcfe.txt", "日記.txt", "🎂.md", "public", "friend",
    "n" * 251 + ".txt", "NOTE.txt", "%s{}.txt", "a;b&c.txt", "'\".md", ".hidden.txt", "noending",
)  # fmt: skip
FOLDER_NAMES = ("sub", "-x", "deep er", "ü")
# Names that a sloppy program would take for the contact `friend`, or trip over.
NEIGHBOUR_NAMES = (
    "friend", "Ana", "ana", "friend2", "frien", "friend.bak", "15550100001", "5550100001", "-rf",
    "zoë", "zoe\u0308", "publicity", "private", "\udcff", "日記", "a b", "%s", "mallory", "oscar",
)  # fmt: skip
NOBODYS = ("inbox", "outbox", ".prag-old")


def sentences() -> st.SearchStrategy[str]:
    """Draw a few words, as a text has them or as someone asks them."""
    return st.lists(st.sampled_from(WORDS), min_size=1, max_size=8).map(" ".join)


def budgets() -> st.SearchStrategy[int]:
    """Draw the tokens of a budget: far too few, hardly enough, or enough for everything."""
    return st.one_of(st.integers(1, 150), st.integers(100, 600), st.just(100_000))


def texts() -> st.SearchStrategy[str]:
    """Draw the text of a file: paragraphs and headings, sometimes enough for many chunks."""
    paragraph = st.builds(
        lambda sentence, times: (sentence + ". ") * times,
        sentences(),
        st.sampled_from([1, 1, 1, 3, 40]),
    )
    return st.lists(paragraph, min_size=1, max_size=4).map("\n\n".join)


def chats() -> st.SearchStrategy[bytes]:
    """Draw a conversation as the bridge keeps it, with lines that only look like one."""
    said = st.one_of(sentences(), st.just("[2026-01-01 00:00:00] me: not what it seems"))
    line = st.builds("[2026-03-{:02} 09:{:02}:00] {}: {}".format, st.integers(1, 28),
                     st.integers(0, 59), st.sampled_from(["them", "me"]), said)  # fmt: skip
    return st.lists(line, min_size=1, max_size=12).map(
        lambda lines: "\n".join(lines).encode() + b"\n"
    )


BROKEN = (
    b"", b" \n\t\n", b"\x00", b"lemon \x00 cake", b"\xff\xfe", b"\xef\xbb\xbf",
    b"\xff\xfel\x00e\x00", b"caf\xe9 party on the roof", b"\x89PNG\r\n\x1a\n\x00",
    b"PK\x03\x04junk", b"\xed\xa0\x80 key", b"yes\r\nyes\rno", b"lemon " * 600, b"x" * 3_000,
)  # fmt: skip
# These are read in a process of its own, which takes its time to start.
HOSTILE = (b"%PDF-1.7\nnot at all", b"<html><script>x</script><p>party</html>")


def contents() -> st.SearchStrategy[bytes]:
    """Draw the bytes of a file: readable, empty, broken or hostile."""
    return st.one_of(
        texts().map(str.encode), texts().map(str.encode), chats(), st.sampled_from(BROKEN)
    )


def paths_in(partition: str) -> st.SearchStrategy[str]:
    """Draw the path of a file. No name is now that of a file and now that of a folder."""
    folder = st.one_of(st.just(""), st.just(""), st.sampled_from(FOLDER_NAMES).map("{}/".format))
    return st.builds(f"{partition}/{{}}{{}}".format, folder, st.sampled_from(FILE_NAMES))


def questions_of(contact: str | None) -> st.SearchStrategy[Question]:
    """Draw what a contact is evaluated with: phrases and sources of its own, of others, of nobody.

    Args:
        contact: Who asks; None for the public at large.
    """
    homes = st.sampled_from([PUBLIC, contact or PUBLIC, "friend", "mallory", "oscar"])
    return st.builds(
        Question,
        text=sentences(),
        contact=st.just(contact),
        phrases=st.lists(sentences(), min_size=1, max_size=2).map(tuple),
        sources=st.one_of(
            st.just(()),
            st.lists(homes.flatmap(paths_in), min_size=1, max_size=2).map(tuple),
        ),
    )


# ---------------------------------------------------------------- worlds


def files_of(partition: str, *, max_size: int = 5) -> st.SearchStrategy[World]:
    """Draw what lies in one partition; its folder is always there."""
    return st.dictionaries(paths_in(partition), contents(), max_size=max_size).map(
        lambda files: {f"{partition}/": b"", **files}
    )


@st.composite
def worlds(draw: st.DrawFn, contacts: Sequence[str] = ("friend", "mallory")) -> World:
    """Draw a box with `public`, some contacts, and the same files in several of them."""
    world: dict[str, bytes] = dict(draw(files_of(PUBLIC)))
    for contact in contacts:
        world |= draw(files_of(contact))
    world |= _mirrored(draw, world, draw(st.sampled_from(contacts)))
    return world


@dataclass(frozen=True, slots=True)
class Story:
    """A world and what happens to it."""

    world: World
    rounds: tuple[Round, ...] = ()


Pair = tuple[Story, Story]


@st.composite
def worlds_equal_for(draw: st.DrawFn, contact: str) -> Pair:
    """Draw two worlds that are equal in `public` and the contact's folder, and anything elsewhere.

    Nothing elsewhere has a name that a person would take for `public` or the contact: such folders
    are refused, both of them, and that is said.
    """
    known = {**draw(files_of(PUBLIC)), **draw(files_of(contact))}
    return (
        Story(known | _elsewhere(draw, known, contact)),
        Story(known | _elsewhere(draw, known, contact)),
    )


@st.composite
def stories_equal_for(draw: st.DrawFn, contact: str) -> Pair:
    """Draw two worlds as above with scripts that agree on what the contact may read.

    A file that is moved in or out in one world is written or deleted in the other: what the
    contact can see of it is the same.
    """
    first, second = draw(worlds_equal_for(contact))
    rounds: tuple[list[Round], list[Round]] = ([], [])
    worlds_now = [dict(first.world), dict(second.world)]
    for _ in range(draw(st.integers(1, 3))):
        steps: tuple[list[Edit], list[Edit]] = ([], [])
        for _ in range(draw(st.integers(1, 4))):
            for side, edits in enumerate(draw(_one_step(worlds_now, contact))):
                steps[side].extend(edits)
                worlds_now[side] = after(worlds_now[side], edits)
        for side in (0, 1):
            rounds[side].append(tuple(steps[side]))
    return Story(first.world, tuple(rounds[0])), Story(second.world, tuple(rounds[1]))


@st.composite
def _one_step(draw: st.DrawFn, now: Sequence[World], contact: str) -> tuple[list[Edit], list[Edit]]:
    readable = (f"{PUBLIC}/", f"{contact}/")
    known = sorted(p for p in now[0] if p.startswith(readable) and not p.endswith("/"))
    hidden = [
        sorted(p for p in world if not p.startswith(readable) and not p.endswith("/"))
        for world in now
    ]
    home = draw(st.sampled_from([PUBLIC, contact]))
    away = draw(st.sampled_from(_neighbours(contact)))
    kind = draw(st.sampled_from(["known", "known", "hidden", "hidden", "out", "in"]))
    if kind == "known" or (kind == "out" and not known):
        edit = draw(_edits(known, home))
        return [edit], [edit]
    if kind == "out":
        path = draw(st.sampled_from(known))
        sides: tuple[list[Edit], list[Edit]] = (
            [Move(path, draw(paths_in(away)))],
            [Delete(path)],
        )
        return sides if draw(st.booleans()) else sides[::-1]
    if kind == "in" and hidden[0]:
        path, to = draw(st.sampled_from(hidden[0])), draw(paths_in(home))
        return [Move(path, to)], [Write(to, now[0][path])]
    return (
        [draw(_edits(hidden[0], away)) for _ in range(draw(st.integers(0, 2)))],
        [draw(_edits(hidden[1], away)) for _ in range(draw(st.integers(0, 2)))],
    )


def _edits(existing: Sequence[str], partition: str) -> st.SearchStrategy[Edit]:
    fresh = st.builds(Write, paths_in(partition), contents())
    if not existing:
        return fresh
    path = st.sampled_from(existing)
    inside = path.flatmap(
        lambda old: (
            st.builds(Move, st.just(old), paths_in(old.partition("/")[0]))
            if "/" in old
            else st.just(Touch(old))
        )
    )
    return st.one_of(
        fresh,
        st.builds(Write, path, contents()),
        st.builds(Append, path, texts().map(str.encode)),
        st.builds(Delete, path),
        st.builds(Delete, path.map(lambda old: old.partition("/")[0] + "/")),
        st.builds(Touch, path),
        inside,
    )


def _elsewhere(draw: st.DrawFn, known: World, contact: str) -> dict[str, bytes]:
    """Draw what the audience must not feel: twins, crowds, ruins, folders of nobody."""
    names = draw(st.lists(st.sampled_from(_neighbours(contact)), max_size=3, unique=True))
    world: dict[str, bytes] = {}
    for name in names:
        kind = draw(st.sampled_from(["own", "twin", "crowd", "ruins"]))
        if kind == "own":
            world |= draw(files_of(name))
        elif kind == "twin":
            world |= _mirrored(draw, known, name)
        elif kind == "crowd":
            text = draw(sentences()).encode()
            world |= {f"{name}/{n}.txt": text + b" %d" % n for n in range(12)}
        else:
            kinds = BROKEN + HOSTILE if draw(st.integers(0, 9)) == 0 else BROKEN
            world |= {f"{name}/{n}.txt": content for n, content in enumerate(kinds)}
    for name in draw(st.lists(st.sampled_from(NOBODYS), max_size=2, unique=True)):
        world |= _mirrored(draw, known, name)
    if draw(st.booleans()):
        world["stray.txt"] = draw(contents())
    return world


def _mirrored(draw: st.DrawFn, known: World, name: str) -> dict[str, bytes]:
    """Put some of the files into another folder, under the same names."""
    files = sorted(path for path in known if not path.endswith("/"))
    chosen = draw(st.lists(st.sampled_from(files), unique=True)) if files else []
    return {f"{name}/": b""} | {f"{name}/{p.partition('/')[2]}": known[p] for p in chosen}


def _neighbours(contact: str) -> list[str]:
    """Leave out what a person would take for `public` or the contact: both would be refused."""

    def face(text: str) -> str:
        return unicodedata.normalize("NFKC", text).casefold()

    return [name for name in NEIGHBOUR_NAMES if face(name) not in {face(PUBLIC), face(contact)}]
