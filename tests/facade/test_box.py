"""What the owner's object does with folders, contacts and an index that is not as it should be."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from partitioned_rag.box import OMBox
from partitioned_rag.errors import (
    BoxError,
    ContactError,
    EmbedderError,
    InputError,
    StoreError,
)
from partitioned_rag.values import PartitionReport, SkipReason
from tests.facade.counting import CountingEmbedder, Vectors

FRIEND = "friend"
NUMBER = "15550100001"


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(
        tmp_path / "OMBox",
        {
            "public/about.md": "I play the accordion in the harbour band.\n",
            f"{FRIEND}/secret.txt": "The party for Ada is on the roof.\n",
            f"{NUMBER}/note.txt": "The spare key hangs behind the barrel.\n",
            "inbox/x.json": "{}",
            "outbox/x.txt": "a reply",
        },
    )


@pytest.fixture
def embedder() -> CountingEmbedder:
    return CountingEmbedder()


@pytest.fixture
def box(folder: Path, embedder: CountingEmbedder) -> Iterator[OMBox]:
    with OMBox(folder, embedder) as opened:
        yield opened


def report_of(box: OMBox, partition: str) -> PartitionReport:
    return next(report for report in box.index().partitions if report.id == partition)


def sources(box: OMBox, question: str, *contacts: str) -> set[str]:
    return {hit.source for hit in box.view(*contacts).search(question)}


# ---------------------------------------------------------------- who reads what


def test_a_contact_reads_public_and_its_own_folder_and_no_other(box: OMBox) -> None:
    assert box.view(FRIEND).partitions == ("public", FRIEND)
    assert sources(box, "party key accordion", FRIEND) == {
        "public/about.md",
        f"{FRIEND}/secret.txt",
    }
    assert sources(box, "party key accordion") == {"public/about.md"}
    assert sources(box, "party key accordion", FRIEND, NUMBER) == {"public/about.md"}


def test_a_number_is_the_same_contact_however_it_is_written(box: OMBox) -> None:
    assert box.view("+1 (555) 010-0001").partitions == ("public", NUMBER)


def test_a_contact_without_a_folder_reads_public_alone(box: OMBox) -> None:
    assert box.view("stranger").partitions == ("public",)
    assert not box.has_folder("stranger")
    assert box.has_folder(FRIEND)


@pytest.mark.parametrize("contact", ["", " ", "public", "inbox", "..", "a/b", "a\nb", "\x00"])
def test_an_id_that_could_mean_something_else_is_refused(box: OMBox, contact: str) -> None:
    with pytest.raises(ContactError):
        box.view(contact)


def test_folders_that_look_the_same_are_refused_and_never_merged(box: OMBox, folder: Path) -> None:
    write(folder, {"zo\u00eb/a.txt": "composed", "zoe\u0308/b.txt": "decomposed"})
    report = box.index()
    assert {partition.id for partition in report.partitions} == {"public", FRIEND, NUMBER}
    assert {skip.source for skip in report.skipped} == {"zo\u00eb", "zoe\u0308"}
    with pytest.raises(ContactError):
        box.view("zo\u00eb")


def test_a_partition_that_is_a_link_is_skipped_with_a_reason(box: OMBox, folder: Path) -> None:
    (folder / "shadow").symlink_to(folder / FRIEND)
    (skip,) = box.index().skipped
    assert (skip.source, skip.reason) == ("shadow", SkipReason.OUTSIDE_PARTITION)
    assert box.view("shadow").partitions == ("public",)


def test_a_file_in_the_root_belongs_to_nobody(box: OMBox, folder: Path) -> None:
    write(folder, {"chat.log": "[2026-01-01 09:00:00] them: broadcast zebra\n"})
    (skip,) = box.index().skipped
    assert skip.source == "chat.log"
    assert "chat.log" not in sources(box, "broadcast zebra")


# ---------------------------------------------------------------- the folder is the truth


def test_an_index_says_what_it_did(box: OMBox, folder: Path) -> None:
    assert report_of(box, FRIEND).added == 1
    write(folder, {f"{FRIEND}/more.txt": "One more thing."})
    (folder / FRIEND / "secret.txt").rename(folder / FRIEND / "moved.txt")
    report = report_of(box, FRIEND)
    assert (report.added, report.changed, report.renamed, report.removed) == (1, 0, 1, 0)
    write(folder, {f"{FRIEND}/more.txt": "Quite another thing."})
    (folder / FRIEND / "moved.txt").unlink()
    report = report_of(box, FRIEND)
    assert (report.added, report.changed, report.renamed, report.removed) == (0, 1, 0, 1)
    assert (report.sources, report.chunks) == (1, 1)
    report = report_of(box, FRIEND)
    assert (report.added, report.changed, report.renamed, report.removed) == (0, 0, 0, 0)


def test_a_file_moved_to_another_contact_is_read_by_that_one_alone(
    box: OMBox, folder: Path
) -> None:
    assert f"{FRIEND}/secret.txt" in sources(box, "party for Ada", FRIEND)
    (folder / FRIEND / "secret.txt").rename(folder / NUMBER / "secret.txt")
    assert f"{NUMBER}/secret.txt" in sources(box, "party for Ada", NUMBER)
    assert sources(box, "party for Ada", FRIEND) == {"public/about.md"}


def test_an_edit_of_the_same_size_with_its_time_put_back_is_seen(box: OMBox, folder: Path) -> None:
    path = folder / FRIEND / "secret.txt"
    box.index()
    before = path.stat()
    path.write_text("The party for Eve is on the roof.\n", encoding="utf-8")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    texts = [hit.text for hit in box.view(FRIEND).search("party on the roof", k=1)]
    assert texts == ["The party for Eve is on the roof."]


def test_a_chat_that_grew_embeds_its_tail_alone(
    box: OMBox, folder: Path, embedder: CountingEmbedder
) -> None:
    lines = [
        f"[2026-01-{1 + n // 24:02} {n % 24:02}:00:00] {'them' if n % 2 else 'me'}: {n} and {n * n}"
        for n in range(200)
    ]
    write(folder, {f"{FRIEND}/chat.log": "\n".join(lines) + "\n"})
    box.index()
    embedder.batches.clear()
    with (folder / FRIEND / "chat.log").open("a", encoding="utf-8") as chat:
        chat.write("[2026-01-20 09:00:00] them: the very last turn\n")
    box.index()
    assert 1 <= len(embedder.texts) <= 2
    assert "the very last turn" in embedder.texts[-1]


def test_a_renamed_file_embeds_nothing(
    box: OMBox, folder: Path, embedder: CountingEmbedder
) -> None:
    box.index()
    embedder.batches.clear()
    (folder / FRIEND / "secret.txt").rename(folder / FRIEND / "renamed.txt")
    box.index()
    assert embedder.texts == []
    assert f"{FRIEND}/renamed.txt" in sources(box, "party for Ada", FRIEND)


def test_a_batch_never_holds_texts_of_two_partitions(
    box: OMBox, embedder: CountingEmbedder
) -> None:
    box.index()
    assert sorted(len(batch) for batch in embedder.batches) == [1, 1, 1]


def test_a_question_is_embedded_once_and_alone(box: OMBox, embedder: CountingEmbedder) -> None:
    box.view(FRIEND).search("party")
    assert embedder.questions == ["party"]


def test_the_end_of_a_question_longer_than_the_window_counts(box: OMBox) -> None:
    filler = " ".join(f"word{n}" for n in range(500))

    def score(question: str) -> float:
        hits = box.view(FRIEND).search(question)
        return next(hit.score for hit in hits if hit.source == f"{FRIEND}/secret.txt")

    assert score(f"{filler} the party for Ada on the roof") > score(filler)


def test_nothing_changed_embeds_nothing(box: OMBox, embedder: CountingEmbedder) -> None:
    box.index()
    embedder.batches.clear()
    box.index()
    assert embedder.batches == []


def test_a_folder_that_is_gone_takes_its_index_with_it(box: OMBox, folder: Path) -> None:
    box.index()
    kept = folder / ".prag" / "partitions" / FRIEND
    assert kept.is_dir()
    (folder / FRIEND / "secret.txt").unlink()
    (folder / FRIEND).rmdir()
    gone = report_of(box, FRIEND)
    assert (gone.sources, gone.removed) == (0, 1)
    assert not kept.exists()
    assert FRIEND not in {partition.id for partition in box.index().partitions}


def test_a_view_of_a_folder_that_is_gone_quotes_nothing_of_it(box: OMBox, folder: Path) -> None:
    view = box.view(FRIEND)
    assert any(hit.partition == FRIEND for hit in view.search("party for Ada"))
    (folder / FRIEND / "secret.txt").unlink()
    (folder / FRIEND).rmdir()
    assert {hit.partition for hit in view.search("party for Ada")} == {"public"}


# ---------------------------------------------------------------- bad input, bad index


def test_a_missing_box_is_said(tmp_path: Path) -> None:
    with pytest.raises(BoxError, match="no such folder") as caught:
        OMBox(tmp_path / "nowhere", "hashing")
    assert caught.value.exit_code == 2


def test_a_box_that_is_a_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "OMBox").write_text("no folder")
    with pytest.raises(BoxError, match="a file"):
        OMBox(tmp_path / "OMBox", "hashing")


def test_an_index_folder_that_is_a_link_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (folder / ".prag").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BoxError, match="link"):
        OMBox(folder, "hashing")
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_two_boxes_cannot_share_an_index_folder(folder: Path, tmp_path: Path) -> None:
    other = write(tmp_path / "Other", {"public/a.txt": "another box"})
    with OMBox(folder, "hashing", index=tmp_path / "index") as box:
        box.index()
    with (
        OMBox(other, "hashing", index=tmp_path / "index") as box,
        pytest.raises(BoxError, match="another OMBox"),
    ):
        box.index()


def test_a_box_that_was_moved_keeps_its_index(folder: Path, tmp_path: Path) -> None:
    with OMBox(folder, CountingEmbedder()) as box:
        box.index()
    folder.rename(tmp_path / "Moved")
    embedder = CountingEmbedder()
    with OMBox(tmp_path / "Moved", embedder) as box:
        box.index()
    assert embedder.texts == []


def test_a_blank_question_is_refused(box: OMBox) -> None:
    with pytest.raises(InputError, match="empty"):
        box.view().search(" \n")


def test_another_embedder_rebuilds_and_says_so(folder: Path) -> None:
    with OMBox(folder, CountingEmbedder()) as box:
        box.index()
    said: list[str] = []
    with OMBox(folder, "hashing", notify=said.append) as box:
        report = report_of(box, FRIEND)
    assert "counting" in report.note
    assert "hashing" in report.note
    assert report.sources == 1
    assert said == []  # the report says it
    with OMBox(folder, CountingEmbedder(), notify=said.append) as box:
        box.view().search("accordion")
    assert ["public" in sentence and "rebuilt" in sentence for sentence in said] == [True]


class Failing(CountingEmbedder):
    """An embedder that may stop working."""

    def __init__(self, *, works: bool) -> None:
        super().__init__()
        self.works = works

    @property
    def name(self) -> str:
        return "failing"

    def embed_chunks(self, texts: Sequence[str]) -> Vectors:
        if not self.works:
            raise EmbedderError("the embedder cannot be loaded")
        return super().embed_chunks(texts)


def test_an_embedder_that_does_not_work_costs_no_index_of_another(folder: Path) -> None:
    first = CountingEmbedder()
    with OMBox(folder, first) as box:
        box.index()
        embedded = list(first.texts)
        with OMBox(folder, Failing(works=False)) as other:
            for use in (other.index, lambda: other.view(FRIEND).search("party")):
                with pytest.raises(EmbedderError, match="cannot be loaded"):
                    use()
        said = report_of(box, FRIEND)
    assert (said.note, first.texts) == ("", embedded)


def test_an_embedder_that_stops_working_costs_no_index_of_another(folder: Path) -> None:
    flaky, second = Failing(works=True), CountingEmbedder()
    with OMBox(folder, flaky) as other, OMBox(folder, second) as box:
        other.index()
        box.index()
        embedded = list(second.texts)
        flaky.works = False
        for _ in range(2):
            with pytest.raises(EmbedderError, match="cannot be loaded"):
                other.view(FRIEND).search("party")
        assert ({each.note for each in box.index().partitions}, second.texts) == ({""}, embedded)
        flaky.works = True
        assert all("counting" in each.note for each in other.index().partitions)
        assert f"{FRIEND}/secret.txt" in sources(other, "party on the roof", FRIEND)


@pytest.mark.parametrize("victims", [["catalog.sqlite3"], ["chroma.sqlite3", "array/*"]])
def test_a_damaged_partition_is_rebuilt_and_said_and_others_are_untouched(
    folder: Path, victims: list[str]
) -> None:
    with OMBox(folder, CountingEmbedder()) as box:
        box.index()
    index = folder / ".prag" / "partitions"
    for victim in victims:
        (path,) = (index / FRIEND).rglob(victim)
        path.write_bytes(b"no database at all " * 400)
    for leftover in (index / FRIEND).glob("catalog.sqlite3-*"):
        leftover.unlink()
    said: list[str] = []
    embedder = CountingEmbedder()
    with OMBox(folder, embedder, notify=said.append) as box:
        assert f"{FRIEND}/secret.txt" in sources(box, "party for Ada", FRIEND)
        assert "public/about.md" in sources(box, "accordion")
    assert embedder.texts == ["The party for Ada is on the roof."]
    assert [FRIEND in sentence for sentence in said] == [True]


@pytest.mark.parametrize("victim", ["chroma.sqlite3", "array/*"])
def test_one_damaged_copy_of_the_vectors_costs_nothing_and_is_no_news(
    folder: Path, victim: str
) -> None:
    with OMBox(folder, CountingEmbedder()) as box:
        box.index()
    (path,) = (folder / ".prag" / "partitions" / FRIEND).rglob(victim)
    path.write_bytes(b"no vectors at all " * 400)
    said: list[str] = []
    embedder = CountingEmbedder()
    with OMBox(folder, embedder, notify=said.append) as box:
        assert f"{FRIEND}/secret.txt" in sources(box, "party for Ada", FRIEND)
    assert (embedder.texts, said) == ([], [])


def test_an_index_that_cannot_be_written_fails_for_its_partition_alone(
    box: OMBox, folder: Path
) -> None:
    (folder / ".prag" / "partitions").mkdir(parents=True)
    (folder / ".prag" / "partitions" / FRIEND).write_text("in the way")
    reports = {report.id: report for report in box.index().partitions}
    assert "cannot be used" in reports[FRIEND].error  # type: ignore[index]
    assert reports["public"].sources == 1  # type: ignore[index]
    with pytest.raises(StoreError):
        box.view(FRIEND).search("party")


def test_status_changes_nothing_and_counts_what_is_pending(box: OMBox, folder: Path) -> None:
    before = box.status()
    assert [(p.id, p.sources, p.pending) for p in before.partitions] == [
        ("public", 0, 1),
        (NUMBER, 0, 1),
        (FRIEND, 0, 1),
    ]
    assert not (folder / ".prag").exists()
    box.index()
    write(folder, {f"{FRIEND}/new.txt": "new"})
    after = {p.id: (p.sources, p.pending) for p in box.status().partitions}
    assert after == {"public": (1, 0), NUMBER: (1, 0), FRIEND: (1, 1)}
    assert box.status().index_bytes > 0


def test_two_processes_at_once_both_finish_with_the_same_index(folder: Path) -> None:
    write(folder, {f"{FRIEND}/{n}.txt": f"file number {n} of many" for n in range(60)})
    command = [sys.executable, "-m", "partitioned_rag", "index", str(folder), "--json"]
    environment = os.environ | {"PRAG_EMBEDDER": "hashing"}
    both = [
        subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True)
        for _ in range(2)
    ]
    reports = [json.loads(process.communicate(timeout=120)[0]) for process in both]
    assert [process.returncode for process in both] == [0, 0]
    counts = [
        {p["id"]: (p["sources"], p["chunks"]) for p in report["partitions"]} for report in reports
    ]
    assert counts[0] == counts[1]
    assert counts[0][FRIEND][0] == 61
    added = [
        sum(p["added"] for p in report["partitions"] if p["id"] == FRIEND) for report in reports
    ]
    assert sum(added) == 61
