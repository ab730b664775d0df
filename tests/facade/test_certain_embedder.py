"""An embedder whose version turns out as it embeds: its vectors never lie among others."""

from pathlib import Path

from partitioned_rag import OMBox
from tests.facade.counting import CountingEmbedder


class Expected(CountingEmbedder):
    """One of which everything is known."""

    @property
    def version(self) -> str:
        return "expected"


class Turning(CountingEmbedder):
    """One that is expected to be like that, and is not."""

    @property
    def version(self) -> str:
        return "found" if self.batches else "expected"


def make_box(folder: Path, **contacts: str) -> Path:
    for contact, text in contacts.items():
        (folder / contact).mkdir(parents=True)
        (folder / contact / "a.txt").write_text(text)
    return folder


def notes(box: OMBox) -> dict[str, str]:
    return {report.id: report.note for report in box.index().partitions}


SAID = "the index was made by embedder counting (expected), not counting (found): rebuilt from"


def test_what_is_begun_as_expected_is_made_as_found(tmp_path: Path) -> None:
    folder = make_box(tmp_path / "box", friend="The ferry leaves at nine.")
    with OMBox(folder, Turning()) as box:
        assert notes(box)["friend"].startswith(SAID)
        assert box.status().embedder_version == "found"
        assert notes(box)["friend"] == ""


def test_a_process_that_expects_another_throws_nothing_away(tmp_path: Path) -> None:
    folder = make_box(tmp_path / "box", friend="The ferry leaves at nine.")
    with OMBox(folder, Turning()) as box:
        box.index()
    again = Turning()
    with OMBox(folder, again) as box:
        (hit,) = box.view("friend").search("the ferry")
        assert hit.text == "The ferry leaves at nine."
        assert notes(box)["friend"] == ""
    assert "The ferry leaves at nine." not in again.texts


def test_asking_an_index_that_is_as_expected_makes_sure_of_nothing(tmp_path: Path) -> None:
    folder = make_box(tmp_path / "box", friend="The ferry leaves at nine.")
    with OMBox(folder, Expected()) as box:
        box.index()
    turning = Turning()
    with OMBox(folder, turning) as box:
        assert box.view("friend").search("the ferry")
    assert turning.texts == []


def test_a_partition_that_was_open_before_it_turned_is_made_anew_whole(tmp_path: Path) -> None:
    folder = make_box(tmp_path / "box", friend="The ferry leaves.", other="Lemon cake.")
    with OMBox(folder, Expected()) as box:
        box.index()
    turning = Turning()
    with OMBox(folder, turning) as box:
        view = box.view("friend")
        assert view.search("the ferry")
        (folder / "other" / "b.txt").write_text("The key is under the mat.")
        assert notes(box)["other"].startswith(SAID)
        (folder / "friend" / "b.txt").write_text("The cat sleeps.")
        before = len(turning.texts)
        assert len(view.search("the cat")) == 2
        assert {"The ferry leaves.", "The cat sleeps."} <= set(turning.texts[before:])
