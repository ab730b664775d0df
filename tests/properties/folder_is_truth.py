"""The promise: what can be found is what is on disk, at every moment, for everyone who may read it.

A machine does to a folder whatever people and programs do, and after each step asks. The model is a
dict: which phrases stand in which file. Every phrase is written once and never again, so that what
is found and should not be can be told from what should.
"""

import os
import posixpath
import shutil
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
# A folder has now one of these names, now the other.
SUBFOLDERS = ("sub", "sub.old")
LINK = "link.txt"

folders = st.sampled_from(FOLDERS)
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
        self.links: dict[str, str] = {}
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
        new.parent.mkdir(parents=True, exist_ok=True)
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
        self._at(to).parent.mkdir(parents=True, exist_ok=True)
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

    @precondition(lambda self: self.files)
    @rule(data=st.data(), folder=folders)
    def link(self, data: st.DataObject, folder: str) -> None:
        """Lead from a folder to a file of its own, or to another's, which is then not to be had."""
        path = f"{folder}/{LINK}"
        target = posixpath.relpath(self._any(data), folder)
        self._at(path).parent.mkdir(exist_ok=True)
        self._at(path).unlink(missing_ok=True)
        self._at(path).symlink_to(target)
        self.links[path] = target

    @precondition(lambda self: self.links)
    @rule(data=st.data())
    def unlink(self, data: st.DataObject) -> None:
        path = data.draw(st.sampled_from(sorted(self.links)))
        self._at(path).unlink()
        del self.links[path]

    @rule(folder=folders)
    def rename_subfolder(self, folder: str) -> None:
        there = [name for name in SUBFOLDERS if self._at(f"{folder}/{name}").exists()]
        if len(there) == 1:
            (other,) = {*SUBFOLDERS} - {*there}
            self._rename_folder(f"{folder}/{there[0]}", f"{folder}/{other}")

    @rule()
    def swap_contacts(self) -> None:
        """Give two contacts each other's folder, and each other's name."""
        one, other = CONTACTS
        self._rename_folder(one, ".aside")
        self._rename_folder(other, one)
        self._rename_folder(".aside", other)

    @rule(folder=st.sampled_from([*FOLDERS, *(f"{name}/sub" for name in FOLDERS)]))
    def remove_folder(self, folder: str) -> None:
        shutil.rmtree(self._at(folder), ignore_errors=True)
        inside = f"{folder}/"
        self.files = {
            path: each for path, each in self.files.items() if not path.startswith(inside)
        }
        self.links = {
            path: each for path, each in self.links.items() if not path.startswith(inside)
        }

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
                for path, phrases in self._readable().items()
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

    def _readable(self) -> dict[str, list[str]]:
        """Say what can be read under which path: every file, and the links that stay at home."""
        linked = {
            path: self.files.get(_led_to(path, target), []) for path, target in self.links.items()
        }
        return {**self.files, **linked}

    def _rename_folder(self, old: str, new: str) -> None:
        if not self._at(old).exists():
            return
        self._at(old).rename(self._at(new))
        self.files = {_renamed(path, old, new): each for path, each in self.files.items()}
        self.links = {_renamed(path, old, new): each for path, each in self.links.items()}

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
        self._at(path).parent.mkdir(parents=True, exist_ok=True)
        self._at(path).write_text(_text(phrases))
        self.files[path] = phrases


def _text(phrases: Sequence[str]) -> str:
    """Put each phrase in a sentence of its own, long enough that three make more than a chunk."""
    return "".join(f"{phrase} {'and the tide comes in ' * 10}.\n\n" for phrase in phrases)


def _led_to(path: str, target: str) -> str:
    """Say where a link leads within its own partition; a name of nothing if it leads out of it."""
    folder = posixpath.dirname(path)
    led_to = posixpath.normpath(posixpath.join(folder, target))
    return led_to if led_to.startswith(f"{folder}/") else ""


def _renamed(path: str, old: str, new: str) -> str:
    return new + path.removeprefix(old) if path.startswith(f"{old}/") else path
