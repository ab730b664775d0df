"""Catalog and vectors stay in step, whatever happens to the files of the index."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from partitioned_rag.store.full_text import COMMON_FROM
from partitioned_rag.store.index import DamagedError
from partitioned_rag.store.store import Maker, Store
from partitioned_rag.values import (
    Asked,
    ChunkId,
    Contents,
    Document,
    Entry,
    PartitionId,
    Reading,
    Skip,
    SkipReason,
    Source,
    Stamp,
    Summary,
)
from tests.store.searching import entry, nearest

MAKER = Maker(embedder="test (1)", recipe="r1", dimensions=4, try_out=list)
Vectors = npt.NDArray[np.float32]
HIDDEN = "the vault is behind the blue door"


def reading(path: str, text: str = "text", *, inode: int = 4, settled: bool = True) -> Reading:
    stamp = Stamp(size_bytes=len(text), mtime_ns=2, ctime_ns=3, inode=inode)
    return Reading(
        source=Source(path=path, stamp=stamp),
        settled=settled,
        content_sha256=f"sha of {text}",
        outcome=Document(path=path, text=text),
    )


def chunks(path: str, texts: list[str]) -> list[Entry]:
    return [entry(f"{path} {at} {text}", text, start=10 * at) for at, text in enumerate(texts)]


def contents(read: Reading, entries: list[Entry]) -> Contents:
    return Contents(reading=read, entries=tuple(entries))


def axis(number: int) -> Vectors:
    return np.asarray(np.eye(4)[number % 4], dtype=np.float32)


def put(store: Store, path: str, texts: list[str]) -> None:
    vectors = {text: axis(at) for at, text in enumerate(texts)}
    store.put([contents(reading(path, " ".join(texts)), chunks(path, texts))], vectors)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "friend"


@pytest.fixture
def store(folder: Path) -> Iterator[Store]:
    opened = Store(folder, MAKER)
    yield opened
    opened.close()


def test_a_new_store_is_empty_and_says_nothing(store: Store) -> None:
    assert (store.counts(), store.sources(), store.note) == ((0, 0), {}, "")


def test_what_was_put_is_found_by_another_opening(store: Store, folder: Path) -> None:
    put(store, "friend/a.txt", ["north", "east"])
    store.close()
    again = Store(folder, MAKER)
    found = nearest(again, axis(1), limit=1)
    again.close()
    assert [(hit.source, hit.text, hit.score) for hit in found] == [("friend/a.txt", "east", 1.0)]


def test_a_name_that_is_not_utf8_and_a_huge_inode_come_back_as_they_were(store: Store) -> None:
    odd = reading("friend/\udcff\n.txt", inode=2**64 - 1)
    store.put([Contents(reading=odd)], {})
    assert store.sources()[odd.source.path].source == odd.source


def test_a_skipped_source_is_remembered_with_its_reason(store: Store) -> None:
    skip = Skip(source="friend/a.pdf", reason=SkipReason.ENCRYPTED, detail="needs a password")
    ok = reading("friend/a.pdf")
    refused = Reading(
        source=ok.source, settled=True, content_sha256=ok.content_sha256, outcome=skip
    )
    store.put([Contents(reading=refused)], {})
    assert store.sources()["friend/a.pdf"].skip == skip
    assert store.counts() == (0, 0)


def test_only_chunks_that_differ_need_a_vector(store: Store) -> None:
    put(store, "friend/a.txt", ["one", "two"])
    texts = ["one", "two", "three"]
    store.put([contents(reading("friend/a.txt", "grown"), chunks("friend/a.txt", texts))],
              {"three": axis(2)})  # fmt: skip
    assert [hit.text for hit in nearest(store, axis(2), limit=1)] == ["three"]
    assert store.counts() == (1, 3)


def test_what_stands_before_a_place_stays_though_it_is_not_given_again(store: Store) -> None:
    put(store, "friend/a.txt", ["one", "two", "three"])
    put(store, "friend/b.txt", ["four", "five"])
    tail = tuple(chunks("friend/a.txt", ["one", "two", "more"])[2:])
    grown = Contents(reading=reading("friend/a.txt", "grown"), entries=tail, since=20)
    assert store.replaced_by([grown]) == {chunks("friend/a.txt", ["", "", "three"])[2].chunk.id}
    store.put([grown], {"more": axis(3)})
    stands = [(each.source, each.text) for each in store.everything()]
    assert stands == [
        *(("friend/a.txt", text) for text in ("one", "two", "more")),
        *(("friend/b.txt", text) for text in ("four", "five")),
    ]
    assert {hit.text for hit in nearest(store, axis(3), limit=9)} == {text for _, text in stands}


def test_a_known_text_gives_its_vector_back(store: Store) -> None:
    put(store, "friend/a.txt", ["one", "two"])
    known = store.known_vectors(["two", "never seen"])
    assert list(known) == ["two"]
    assert known["two"].tobytes() == axis(1).tobytes()


def test_two_sources_of_the_same_text_are_two_and_one_survives_the_other(store: Store) -> None:
    put(store, "friend/a.txt", ["same"])
    put(store, "friend/b.txt", ["same"])
    assert store.counts() == (2, 2)
    store.remove(["friend/a.txt"])
    assert [hit.source for hit in nearest(store, axis(0), limit=5)] == ["friend/b.txt"]


def test_ties_stand_in_the_order_of_source_and_place(store: Store) -> None:
    for path in ("friend/c.txt", "friend/a.txt", "friend/b.txt"):
        store.put([contents(reading(path), chunks(path, ["x", "x"]))], {"x": axis(0)})
    order = [(hit.source, hit.start) for hit in nearest(store, axis(0), limit=4)]
    assert order == [
        ("friend/a.txt", 0),
        ("friend/a.txt", 10),
        ("friend/b.txt", 0),
        ("friend/b.txt", 10),
    ]


def test_what_words_find_has_the_cosine_that_vectors_give_it(store: Store) -> None:
    put(store, "friend/a.txt", ["one", "two", "three"])
    question = np.asarray([0.6, 0.8, 0.0, 0.0], dtype=np.float32)
    cosine = {hit.text: hit.score for hit in nearest(store, question, limit=3)}
    matches = store.matches(Asked(embedded="", words=("three",)), question, limit=1)
    found = {hit.text: hit.score for hit in store.candidates({m.id: m.cosine for m in matches})}
    assert found == {"two": cosine["two"], "three": cosine["three"]}
    assert {match.words > 0 for match in matches} == {True, False}


def test_a_word_of_thousands_of_chunks_is_passed_over_beside_a_rarer_one(store: Store) -> None:
    common = [entry(f"{at:05}", f"common word{at}", start=20 * at) for at in range(COMMON_FROM)]
    vectors = {each.fields.embedded: axis(at) for at, each in enumerate(common)}
    store.put([contents(reading("friend/a.txt"), common)], vectors)

    def found(*words: str) -> set[str]:
        matches = store.matches(Asked(embedded="", words=words), axis(0), limit=1)
        return {str(match.id) for match in matches if match.words > 0}

    assert found("common", "word7") == {"00007"}
    assert found("common") == set()
    put(store, "friend/b.txt", ["common only"])
    more = [entry(f"more {at}", f"other {at}", start=20 * at) for at in range(COMMON_FROM)]
    store.put([contents(reading("friend/c.txt"), more)], {m.fields.embedded: axis(1) for m in more})
    put(store, "friend/d.txt", ["common and other"])
    # Two that are common, and one chunk that has both.
    assert found("common", "other") == {"friend/d.txt 0 common and other"}


def test_another_handle_sees_what_was_written_once_it_refreshes(store: Store, folder: Path) -> None:
    other = Store(folder, MAKER)
    put(store, "friend/a.txt", ["one"])
    other.refresh()
    assert nearest(other, axis(0), limit=1)[0].text == "one"
    store.remove(["friend/a.txt"])
    put(store, "friend/b.txt", ["two"])
    other.refresh()
    assert [hit.text for hit in nearest(other, axis(0), limit=5)] == ["two"]
    other.close()


def test_a_handle_notices_that_the_index_was_removed(store: Store, folder: Path) -> None:
    put(store, "friend/a.txt", ["one"])
    shutil.rmtree(folder)
    store.refresh()
    assert store.counts() == (0, 0)


def test_a_catalog_of_garbage_is_begun_anew_and_it_is_said(store: Store, folder: Path) -> None:
    put(store, "friend/a.txt", ["one"])
    store.close()
    (folder / "catalog.sqlite3").write_bytes(b"this is no database " * 500)
    for leftover in folder.glob("catalog.sqlite3-*"):
        leftover.unlink()
    again = Store(folder, MAKER)
    assert "damaged" in again.note
    assert again.counts() == (0, 0)
    assert not (folder / "array").exists()
    assert list(folder.glob("vectors-*")) == []
    put(again, "friend/a.txt", ["one"])
    assert nearest(again, axis(0), limit=1)[0].text == "one"
    again.close()


def test_a_source_that_is_not_found_by_its_path_is_damage(store: Store, folder: Path) -> None:
    for number in range(5):
        put(store, f"friend/{number}.txt", ["one"])
    store.close()
    with closing(sqlite3.connect(folder / "catalog.sqlite3")) as catalog:
        (page,) = catalog.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'sqlite_autoindex_sources_1'"
        ).fetchone()
        (page_bytes,) = catalog.execute("PRAGMA page_size").fetchone()
    # The index of paths as a power cut leaves it: its head is there, and what it lists is not.
    with (folder / "catalog.sqlite3").open("r+b") as file:
        file.seek((page - 1) * page_bytes + 39)
        file.write(bytes(page_bytes - 39))
    again = Store(folder, MAKER)
    assert len(again.sources()) == 5
    with pytest.raises(DamagedError):
        again.restamp([reading("friend/3.txt", "one")])
    again.close()


@pytest.mark.parametrize(
    ("maker", "said"),
    [
        (
            Maker(embedder="other (1)", recipe="r1", dimensions=4, try_out=list),
            "test (1), not other (1)",
        ),
        (Maker(embedder="test (1)", recipe="r2", dimensions=4, try_out=list), "another version"),
    ],
)
def test_the_index_of_another_maker_is_begun_anew_and_it_is_said(
    store: Store, folder: Path, maker: Maker, said: str
) -> None:
    put(store, "friend/a.txt", ["one"])
    store.close()
    again = Store(folder, maker)
    assert said in again.note
    assert again.note.endswith("rebuilt from the folder")
    assert again.counts() == (0, 0)
    again.close()


@pytest.mark.parametrize("how", ["removed", "edited", "emptied"])
def test_a_deleted_text_is_nowhere_in_the_files_of_the_index(
    store: Store, folder: Path, how: str
) -> None:
    put(store, "friend/kept.txt", ["kept"])
    store.put([contents(reading("friend/secret.txt"), [entry("c1", HIDDEN)])], {HIDDEN: axis(0)})
    assert HIDDEN in [hit.text for hit in nearest(store, axis(0), limit=5)]
    if how == "removed":
        store.remove(["friend/secret.txt"])
    else:
        left = {"edited": ["nothing here"], "emptied": []}[how]
        put(store, "friend/secret.txt", left)
    store.close()  # closing folds the write-ahead log into the database
    holding = [path for path in folder.rglob("*") if path.is_file()]
    assert holding, "the index has files"
    assert [path.name for path in holding if HIDDEN.encode() in path.read_bytes()] == []
    # Nor its words one by one, as the full text holds them.
    words = [b"vault", b"door"]
    assert [path.name for path in holding for word in words if word in path.read_bytes()] == []


def test_a_summary_outlives_a_change_around_its_chunks_and_no_change_in_them(store: Store) -> None:
    def write(*around: str) -> None:
        entries = [
            replace(each, fields=replace(each.fields, words=f"{each.fields.words} {beside}"))
            for each, beside in zip(chunks("friend/a.txt", ["one", "two"]), around, strict=True)
        ]
        named = [
            replace(each, chunk=replace(each.chunk, id=ChunkId(f"{each.chunk.id} {beside}")))
            for each, beside in zip(entries, around, strict=True)
        ]
        vectors = {text: axis(at) for at, text in enumerate(["one", "two"])}
        store.put([contents(reading("friend/a.txt", repr(around)), named)], vectors)

    write("before", "before")
    ids = sorted(store.replaced_by([Contents(reading=reading("friend/a.txt"))]))
    told = Summary(
        partition=PartitionId("friend"), source="friend/a.txt", start=0, end=13, text="said"
    )
    assert store.keep_summary(told, ids)
    write("before", "after")
    assert store.summaries(PartitionId("friend")) == [told]
    assert sorted(store.replaced_by([Contents(reading=reading("friend/a.txt"))])) != ids
    assert store.matches(Asked(embedded="", words=("after",)), axis(0), limit=1)[0].words > 0
    put(store, "friend/a.txt", ["one", "other"])
    assert store.summaries(PartitionId("friend")) == []


def test_every_file_of_the_index_is_private(store: Store, folder: Path) -> None:
    put(store, "friend/a.txt", ["one"])
    everything = [folder, *folder.rglob("*")]
    assert len(everything) > 3
    assert [path for path in everything if path.stat().st_mode & 0o077] == []
