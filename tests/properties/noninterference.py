"""The promise: nothing outside what an audience may read has any effect on what it is shown.

Two worlds that are equal in what the audience may read must show it the same, byte for byte: hits
with their scores, the prompt, what is reported of its partitions, what is logged on its behalf, and
errors. Others ask questions too, before it does.
"""

import json
import logging
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, is_dataclass
from functools import partial
from pathlib import Path

from partitioned_rag.errors import PragError
from partitioned_rag.values import PartitionReport
from tests.properties.engines import Engine, Open
from tests.strategies import PUBLIC, Story
from tests.worlds import apply, build

K = 20
BUDGET = 300
# Whose questions come first; more of them only cost time.
OTHERS = 2


@dataclass(frozen=True, slots=True)
class Seen:
    """All that an audience can perceive at one moment."""

    hits: str
    prompt: str
    reports: str
    log: str


def check_noninterference(
    engine: Open, first: Story, second: Story, *, contacts: Sequence[str], question: str
) -> None:
    """Live through both stories as one audience and demand that they look the same.

    A story without edits is indexed at once; another one piece by piece, as it unfolds.
    """
    seen = [live(engine, story, contacts=contacts, question=question) for story in (first, second)]
    for moment, (one, other) in enumerate(zip(*seen, strict=True)):
        when = f"for {list(contacts)} after {moment} rounds of edits"
        assert one.hits == other.hits, f"hits differ {when}"
        assert one.prompt == other.prompt, f"prompts differ {when}"
        assert one.reports == other.reports, f"reports differ {when}"
        assert one.log == other.log, f"log lines differ {when}"


def live(engine: Open, story: Story, *, contacts: Sequence[str], question: str) -> list[Seen]:
    """Say what an audience sees before, during and after a story."""
    with tempfile.TemporaryDirectory() as folder:
        root = build(story.world, Path(folder) / "OMBox")
        running = engine(root)
        try:
            made = _told(root, lambda: {} if story.rounds else _reports(running, contacts))
            seen = [_look(running, root, contacts, question, made)]
            for edits in story.rounds:
                for edit in edits:
                    apply(edit, root)
                seen.append(_look(running, root, contacts, question, ""))
        finally:
            running.close()
    return seen


def _look(engine: Engine, root: Path, contacts: Sequence[str], question: str, made: str) -> Seen:
    _let_others_ask(engine, root, contacts, question)
    with _logged(root) as lines:
        hits = _told(root, lambda: engine.search(contacts, question, k=K))
        prompt = _told(root, lambda: engine.prompt(contacts, question, budget=BUDGET))
    reports = _told(root, lambda: _reports(engine, contacts))
    return Seen(hits, prompt, made + reports, "\n".join(lines))


def _told(root: Path, ask: Callable[[], object]) -> str:
    """Give what was answered as text that shows every bit of it, or what went wrong."""
    try:
        return json.dumps(ask(), default=_plain, sort_keys=True)
    except PragError as error:
        return f"{type(error).__name__}: {error}".replace(str(root), "BOX")


def _plain(value: object) -> object:
    assert is_dataclass(value)
    assert not isinstance(value, type)
    return asdict(value)


def _reports(engine: Engine, contacts: Sequence[str]) -> dict[str, PartitionReport]:
    readable = (PUBLIC, *contacts) if len(contacts) == 1 else (PUBLIC,)
    return {name: report for name, report in engine.index().items() if name in readable}


def _let_others_ask(engine: Engine, root: Path, contacts: Sequence[str], question: str) -> None:
    names = sorted(path.name for path in root.iterdir() if path.is_dir())
    others = [name for name in names if name not in (PUBLIC, *contacts) and name[0] != "."]
    for other in others[:OTHERS]:
        _told(root, partial(engine.search, [other], question, k=K))
    # Whoever asks first after an edit of `public` has it brought up to date, and that is logged on
    # his behalf: so in every world somebody has asked before.
    _told(root, partial(engine.search, [], question, k=K))


@contextmanager
def _logged(root: Path) -> Iterator[list[str]]:
    lines: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(f"{record.name}: {self.format(record)}".replace(str(root), "BOX"))

    ours = logging.getLogger("partitioned_rag")
    keep, level = Keep(), ours.level
    ours.addHandler(keep)
    ours.setLevel(logging.DEBUG)
    ours.propagate = False
    try:
        yield lines
    finally:
        ours.propagate = True
        ours.removeHandler(keep)
        ours.setLevel(level)
