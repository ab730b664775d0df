"""A box of hostile files through the whole program: each comes out as it must.

The files are made by a generator that is not part of the project; where it is missing, these tests
are skipped.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from partitioned_rag.box import OMBox

DATA = Path(__file__).parents[2].parent / "shared" / "data" / "hostile"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not DATA.is_dir(), reason=f"needs the hostile samples in {DATA}"),
]
READERS = ("15550001111", "15550002222")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hostile")
    subprocess.run(
        [sys.executable, str(DATA / "make_files.py"), str(folder)], check=True, capture_output=True
    )
    return folder


@pytest.fixture(scope="module")
def report(made: Path) -> dict[str, Any]:
    return index(made)


@pytest.fixture(scope="module")
def expected(made: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((made / "expected.json").read_text(encoding="utf-8"))
    return found


def index(made: Path) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "partitioned_rag", "index", str(made / "box"), "--json"],
        capture_output=True,
        env=os.environ | {"PRAG_EMBEDDER": "hashing"},
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    assert b"Traceback" not in done.stderr
    told: dict[str, Any] = json.loads(done.stdout)
    return told


def skips(report: dict[str, Any]) -> dict[str, str]:
    listed = [skip for part in report["partitions"] for skip in part["skipped"]]
    return {skip["source"]: skip["reason"] for skip in [*listed, *report["skipped"]]}


def words(text: str) -> str:
    return " ".join(text.split())


def test_each_source_comes_out_as_it_must(
    made: Path, report: dict[str, Any], expected: dict[str, Any]
) -> None:
    skipped = skips(report)
    wrong = []
    with OMBox(made / "box", "hashing") as box:
        for source, wanted in expected["sources"].items():
            partition = source.split("/")[0]
            view = box.view(*([] if partition == "public" else [partition]))
            hits = view.search(wanted.get("phrase", source.split("/")[-1]), k=60)
            own = [hit for hit in hits if hit.source == source]
            text = words(" ".join(hit.text for hit in own))
            anywhere = words(" ".join(hit.text for hit in hits))
            phrase = words(wanted.get("phrase", ""))
            has_phrase = phrase in (anywhere if wanted.get("may_merge") else text)
            is_indexed = bool(own) and has_phrase
            is_skipped = skipped.get(source) in wanted.get("reasons", [])
            match wanted["expect"]:
                case "indexed":
                    good = is_indexed or (wanted.get("may_merge", False) and has_phrase)
                case "skipped":
                    good = is_skipped and not own
                case "either":
                    good = is_indexed or is_skipped
                case _:
                    good = not own or wanted.get("may_index", False)
            good &= all(word not in text for word in wanted.get("absent", []))
            if wanted.get("turn") == "them":
                good &= not any(
                    line.startswith("[") and "] me:" in line.split("them:")[0]
                    for hit in own
                    for line in hit.text.split("\n")
                )
            if not good:
                wrong.append((source, wanted["expect"], skipped.get(source), text[:80]))
    assert wrong == []


def test_what_must_be_found_beside_the_phrase_is_found(
    made: Path, report: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert report
    wrong = []
    with OMBox(made / "box", "hashing") as box:
        for source, wanted in expected["sources"].items():
            for also in wanted.get("also", []):
                hits = box.view().search(also, k=60)
                if not any(hit.source == source and also in words(hit.text) for hit in hits):
                    wrong.append((source, also))
    assert wrong == []


def test_what_is_private_is_found_by_its_reader_alone(
    made: Path, report: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert report
    private = expected["private"]
    leaks = []
    with OMBox(made / "box", "hashing") as box:
        for text in private["text"]:
            for audience in ((), *((reader,) for reader in READERS), READERS):
                if list(audience) == private["readers"].get(text):
                    continue
                hits = box.view(*audience).search(text, k=100)
                leaks += [(text, audience, hit.source) for hit in hits if text in hit.text]
    assert leaks == []


def test_folders_that_are_no_partition_are_refused(
    report: dict[str, Any], expected: dict[str, Any]
) -> None:
    there = {part["id"] for part in report["partitions"]}
    listed = {skip["source"] for skip in report["skipped"]}
    for name, wanted in expected["partitions"].items():
        if wanted in ("refused", "not a partition"):
            assert name not in there
        if wanted == "refused":
            assert name in listed


def test_a_second_index_of_the_unchanged_box_reports_no_change(
    made: Path, report: dict[str, Any]
) -> None:
    again = index(made)
    done = [
        (part["id"], part["added"], part["changed"], part["renamed"], part["removed"])
        for part in again["partitions"]
    ]
    assert [each for each in done if any(each[1:])] == []
    assert skips(again) == skips(report)
