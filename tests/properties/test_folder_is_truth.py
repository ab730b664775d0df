"""What can be found is what is on disk, and an index that grew is the one that is made at once."""

from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule, run_state_machine_as_test

from tests.crash.harness import run
from tests.properties.engines import Engine, RealEngine
from tests.properties.folder_is_truth import AUDIENCES, EVERYTHING, FolderIsTruth, folders, paths
from tests.strategies import examples

# What is written to index a box for the first time takes some forty steps, a few files take ten.
STEPS = st.integers(1, 12)
SEVERAL = st.lists(paths, min_size=2, max_size=5, unique=True)


class RealBox(FolderIsTruth):
    """The product, which at the end is compared with an index made anew elsewhere."""

    def open(self) -> Engine:
        return RealEngine(self.root)

    def teardown(self) -> None:
        try:
            fresh: Engine = RealEngine(self.root, index=self.root.parent / "fresh")
            try:
                self._compare(fresh)
            finally:
                fresh.close()
        finally:
            super().teardown()

    def _compare(self, fresh: Engine) -> None:
        for contacts in AUDIENCES:
            grown = self.engine.search(contacts, "the tide", k=EVERYTHING)
            assert grown == fresh.search(contacts, "the tide", k=EVERYTHING)
        reports = [
            {
                name: (report.sources, report.chunks, report.skipped)
                for name, report in all_.items()
                if (self.root / name).is_dir()  # what was just forgotten is reported once
            }
            for all_ in (self.engine.index(), fresh.index())
        ]
        assert reports[0] == reports[1]


class KilledBox(RealBox):
    """The product, while other processes that index the same box are killed at their work."""

    def __init__(self) -> None:
        super().__init__()
        self.was_killed: list[bool] = []

    @initialize(path=paths, many=st.integers(1, 3), steps=STEPS)
    def begin(self, path: str, many: int, steps: int) -> None:
        self._write(path, self._phrases(many))
        self._kill_after(steps)

    @rule(several=SEVERAL, steps=STEPS)
    def index(self, several: list[str], steps: int) -> None:
        for path in several:
            self._write(path, self._phrases(1))
        self._kill_after(steps)

    @rule(several=SEVERAL, steps=STEPS)
    def reopen(self, several: list[str], steps: int) -> None:
        self.engine.close()
        self.index(several, steps)
        self.engine = self.open()

    @rule(folder=folders, several=SEVERAL, steps=STEPS)
    def rename_subfolder(self, folder: str, several: list[str], steps: int) -> None:
        super().rename_subfolder(folder)
        self.index(several, steps)

    @rule(several=SEVERAL, steps=STEPS)
    def swap_contacts(self, several: list[str], steps: int) -> None:
        super().swap_contacts()
        self.index(several, steps)

    def _kill_after(self, steps: int) -> None:
        was_killed, _ = run(self.root, kill_after_s=None, kill_after_steps=steps)
        self.was_killed.append(was_killed)

    def teardown(self) -> None:
        super().teardown()
        assert any(self.was_killed), "no index was killed: let it be after fewer steps"


@pytest.mark.slow
def test_what_is_found_is_what_is_on_disk_whatever_happens_to_the_folder() -> None:
    run_state_machine_as_test(RealBox, settings=settings(examples(60), stateful_step_count=15))


@pytest.mark.slow
def test_what_is_found_is_what_is_on_disk_whenever_an_index_was_killed() -> None:
    run_state_machine_as_test(KilledBox, settings=settings(examples(5), stateful_step_count=10))


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["before the search", "before the prompt"])
def test_a_deleted_file_is_absent_from_the_next_answer(tmp_path: Path, moment: str) -> None:
    for folder in ("public", "friend"):
        (tmp_path / "OMBox" / folder).mkdir(parents=True)
    victims = [f"friend/{n}.txt" for n in range(25)] + [f"public/{n}.txt" for n in range(25)]
    for path in victims:
        (tmp_path / "OMBox" / path).write_text(f"the tide of {path}")
    engine = RealEngine(tmp_path / "OMBox")
    try:
        for number, path in enumerate(victims):
            view = engine.box.view("friend")
            if moment == "before the prompt":
                assert path in {hit.source for hit in view.search(f"the tide of {path}", k=100)}
            (tmp_path / "OMBox" / path).unlink()
            if moment == "before the prompt":
                prompt = view.prompt(f"the tide of {path}")
                shown = {hit.source for hit in prompt.hits} | {o.source for o in prompt.omitted}
            else:
                shown = {hit.source for hit in view.search(f"the tide of {path}", k=100)}
            assert shown == set(victims[number + 1 :])
    finally:
        engine.close()
