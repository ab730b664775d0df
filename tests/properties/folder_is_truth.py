"""The promise: what can be found is what is on disk, at every moment, for everyone who may read it.

A machine does to a folder whatever people and programs do, and after each step asks. The model is a
dict: which phrases stand in which file. Every phrase is written once and never again, so that what
is found and should not be can be told from what should.
"""

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from partitioned_rag.embedding.registry import open_embedder
from tests.properties.engines import Engine
from tests.worlds import expected_hits, readable_folders

EVERYTHING = 200
CONTACTS = ("friend", "mallory")
FOLDERS = ("public", *CONTACTS)
AUDIENCES: Sequence[Sequence[str]] = ((), ("friend",), ("mallory",), CONTACTS)
NAMES = ("note.txt", "-rf.md", "sub/note.txt", "sub/é.txt", "a\nb.txt", "\udcff.txt", "chat.log")

paths = st.builds("{}/{}".format, st.sampled_from(FOLDERS), st.sampled_from(NAMES))


class FolderIsTruth(RuleBasedStateMachine):
    """Edits a box and asks, after each edit, as everyone. Subclasses say which engine."""

    def __init__(self) -> None:
        super().__init__()
        self._scratch = tempfile.TemporaryDirectory()
        self.root = Path(self._scratch.name) / "OMBox"
        for folder in FOLDERS:
            (self.root / folder).mkdir(parents=True)
        self.files: dict[str, list[str]] = {}
        self.ever: list[str] = []
        self.engine = self.open()
        self.embedder = open_embedder("hashing")

    def open(self) -> Engine:
        """Start the engine on `root`."""
        raise NotImplementedError

    # ------------------------------------------------------------ what happens to the folder

    @initialize(path=paths, many=st.integers(1, 3))
    def begin(self, path: str, many: int) -> None:
        self._write(path, self._phrases(many))

    @rule(path=paths, many=st.integers(1, 3))
    def create(self, path: str, many: int) -> None:
        """Make a file, or replace one, by a rename as editors do."""
        phrases = self._phrases(many)
        new = self._at(path).with_name(".new")
        new.parent.mkdir(exist_ok=True)
        new.write_text(_text(phrases))
        new.rename(self._at(path))
        self.files[path] = phrases

    @precondition(lambda self: self.files)
    @rule(data=st.data())
    def append(self, data: st.DataObject) -> None:
        path = self._any(data)
        phrases = self._phrases(1)
        with self._at(path).open("a") as file:
            file.write(_text(phrases))
        self.files[path] = [*self.files[path], *phrases]

    @precondition(lambda self: self.files)
    @rule(data=st.data())
    def edit_in_place(self, data: st.DataObject) -> None:
        """Change a file to something of the same size, and put its time back."""
        path = self._any(data)
        before = self._at(path).stat()
        self._write(path, self._phrases(len(self.files[path])))
        os.utime(self._at(path), ns=(before.st_atime_ns, before.st_mtime_ns))

    @precondition(lambda self: self.files)
    @rule(data=st.data(), to=paths)
    def move(self, data: st.DataObject, to: str) -> None:
        """Rename, or move to another contact; over another file, if there is one."""
        path = self._any(data)
        self._at(to).parent.mkdir(exist_ok=True)
        self._at(path).rename(self._at(to))
        self.files[to] = self.files.pop(path)

    @precondition(lambda self: self.files)
    @rule(data=st.data())
    def swap(self, data: st.DataObject) -> None:
        """Give two files each other's name."""
        one, other = self._any(data), self._any(data)
        if one != other:
            aside = self._at(one).with_name(".aside")
            self._at(one).rename(aside)
            self._at(other).rename(self._at(one))
            aside.rename(self._at(other))
            self.files[one], self.files[other] = self.files[other], self.files[one]

    @precondition(lambda self: self.files)
    @rule(data=st.data(), to=paths)
    def copy(self, data: st.DataObject, to: str) -> None:
        """Put the same content in two places, maybe of two contacts."""
        self._write(to, self.files[self._any(data)])

    @precondition(lambda self: self.files)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        path = self._any(data)
        self._at(path).unlink()
        del self.files[path]

    @precondition(lambda self: self.files)
    @rule(data=st.data())
    def empty(self, data: st.DataObject) -> None:
        self._write(self._any(data), [])

    @precondition(lambda self: self.files)
    @rule(data=st.data())
    def touch(self, data: st.DataObject) -> None:
        os.utime(self._at(self._any(data)))

    @rule()
    def reopen(self) -> None:
        self.engine.close()
        self.engine = self.open()

    @rule()
    def index(self) -> None:
        self.engine.index()

    # ------------------------------------------------------------ what must hold

    @invariant()
    def what_is_found_is_what_is_on_disk(self) -> None:
        question = " ".join(self.ever[-2:]) or "anything"
        for contacts in AUDIENCES:
            hits = self.engine.search(contacts, question, k=EVERYTHING)
            found = {(hit.source, each) for hit in hits for each in self.ever if each in hit.text}
            partitions = readable_folders(self.root, contacts)
            there = {
                (path, each)
                for path, phrases in self.files.items()
                for each in phrases
                if path.partition("/")[0] in partitions
            }
            who = list(contacts) or "the public"
            assert not found - there, f"found for {who}, not on disk: {sorted(found - there)}"
            assert not there - found, f"on disk, not found for {who}: {sorted(there - found)}"
            assert hits == expected_hits(
                self.root, contacts, question, self.embedder, k=EVERYTHING
            ), f"hits for {who} are not those that a reading of the folder gives"

    def teardown(self) -> None:
        try:
            self.engine.close()
        finally:
            self._scratch.cleanup()

    # ------------------------------------------------------------ how it is done

    def _any(self, data: st.DataObject) -> str:
        return data.draw(st.sampled_from(sorted(self.files)))

    def _at(self, path: str) -> Path:
        return self.root / path

    def _phrases(self, many: int) -> list[str]:
        """Make phrases that were never used, all of one length."""
        new = [f"phrase{len(self.ever) + n:05}" for n in range(many)]
        self.ever += new
        return new

    def _write(self, path: str, phrases: list[str]) -> None:
        self._at(path).parent.mkdir(exist_ok=True)
        self._at(path).write_text(_text(phrases))
        self.files[path] = phrases


def _text(phrases: Sequence[str]) -> str:
    """Put each phrase in a sentence of its own, long enough that three make more than a chunk."""
    return "".join(f"{phrase} {'and the tide comes in ' * 10}.\n\n" for phrase in phrases)
