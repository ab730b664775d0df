"""Files made to hurt, each with the outcome that is expected of it, at the level of this room."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TypedDict

import pytest

from partitioned_rag.sources.chatlog import turns
from partitioned_rag.sources.readers import Readers
from partitioned_rag.sources.scan import scan
from partitioned_rag.values import Document, PartitionId, Skip

MAKER = Path(__file__).parents[2].parent / "shared/data/hostile/make_files.py"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not MAKER.exists(), reason="needs shared/data/hostile beside the repository"
    ),
]


class Expected(TypedDict, total=False):
    expect: str
    phrase: str
    reasons: list[str]
    also: list[str]
    absent: list[str]
    turn: str
    may_index: bool


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    out = tmp_path_factory.mktemp("hostile")
    subprocess.run([sys.executable, MAKER, out], check=True, capture_output=True)
    yield out
    closed = out / "box/public/special/closed"
    closed.chmod(0o700)


@pytest.fixture(scope="module")
def outcomes(made: Path) -> dict[str, Document | Skip]:
    return dict(read_all(made / "box"))


def read_all(box: Path) -> Iterator[tuple[str, Document | Skip]]:
    for folder in sorted(box.iterdir()):
        if folder.is_symlink() or folder.name in ("inbox", "outbox"):
            continue
        partition = PartitionId(folder.name)
        with Readers(folder, partition) as readers:
            for found in scan(folder, partition):
                if isinstance(found, Skip):
                    yield found.source, found
                else:
                    reading = readers.read(found)
                    assert reading.source == found
                    assert reading.outcome is not None
                    yield found.path, reading.outcome


def is_as_expected(expected: Expected, outcome: Document | Skip | None) -> bool:
    kind = expected["expect"]
    if isinstance(outcome, Document):
        if kind in ("skipped", "not indexed"):
            return bool(expected.get("may_index"))
        text = spaced(outcome.text)
        return (
            spaced(expected["phrase"]) in text
            and all(spaced(one) in text for one in expected.get("also", []))
            and not any(one in outcome.text for one in expected.get("absent", []))
            and all(
                turn.speaker == expected["turn"]
                for turn in turns(outcome)
                if "turn" in expected and expected["phrase"] in turn.line
            )
        )
    if isinstance(outcome, Skip):
        return kind == "not indexed" or outcome.reason in expected.get("reasons", [])
    return kind == "not indexed"


def spaced(text: str) -> str:
    return " ".join(text.split())


def test_every_hostile_file_ends_as_expected(
    made: Path, outcomes: dict[str, Document | Skip]
) -> None:
    sources: dict[str, Expected] = json.loads((made / "expected.json").read_text())["sources"]
    wrong = {
        source: outcomes.get(source)
        for source, expected in sources.items()
        if not is_as_expected(expected, outcomes.get(source))
    }
    assert len(sources) > 100
    assert not wrong


def test_nothing_of_another_partition_is_read(
    made: Path, outcomes: dict[str, Document | Skip]
) -> None:
    private = json.loads((made / "expected.json").read_text())["private"]
    for word in private["text"]:
        owners = {
            path.split("/")[0]
            for path, outcome in outcomes.items()
            if isinstance(outcome, Document) and word in outcome.text
        }
        assert len(owners) <= 1, (word, owners)
        assert owners <= set(private["readers"].get(word, owners))


def test_outcomes_are_the_same_whatever_was_read_before(
    made: Path, outcomes: dict[str, Document | Skip]
) -> None:
    folder = made / "box/public"
    partition = PartitionId("public")
    suspects = [
        found
        for found in scan(folder, partition)
        if not isinstance(found, Skip) and found.path.startswith(("public/pdf/", "public/mail/"))
    ]
    with Readers(folder, partition) as readers:
        for found in reversed(suspects):
            assert readers.read(found).outcome == outcomes[os.fspath(found.path)], found.path
