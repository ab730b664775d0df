"""A partition's vectors are in an array and in Chroma, and neither is believed before the other."""

import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from zlib import crc32

import numpy as np
import numpy.typing as npt
import pytest

from partitioned_rag.store.array import ArrayIndex
from partitioned_rag.store.chroma import ChromaIndex
from partitioned_rag.store.index import DamagedError, VectorIndex
from partitioned_rag.store.store import BEHIND_AT_MOST, ERASED_AT_MOST, Maker, Store
from partitioned_rag.store.vectors import PartitionVectors
from partitioned_rag.values import ChunkId, Contents, Document, Reading, Source, Stamp
from tests.store.searching import entry

DIMENSIONS = 16
MAKER = Maker(embedder="test (1)", recipe="r1", dimensions=DIMENSIONS, try_out=list)
GARBAGE = b"this is no file of ours " * 500
Vectors = npt.NDArray[np.float32]
Spoil = Callable[[Path], None]


def vector(text: str) -> Vectors:
    rng = np.random.default_rng(list(text.encode()))
    row = rng.standard_normal(DIMENSIONS)
    return np.asarray(row / np.linalg.norm(row), dtype=np.float32)


def name(text: str) -> ChunkId:
    return ChunkId(text.encode().hex())


def put(store: Store, path: str, texts: Sequence[str]) -> None:
    stamp = Stamp(size_bytes=1, mtime_ns=2, ctime_ns=3, inode=4)
    reading = Reading(
        source=Source(path=path, stamp=stamp),
        settled=True,
        content_sha256=repr(texts),
        outcome=Document(path=path, text=" ".join(texts)),
    )
    entries = tuple(entry(name(text), text, start=10 * at) for at, text in enumerate(texts))
    store.put([Contents(reading=reading, entries=entries)], {text: vector(text) for text in texts})


def scores(store: Store, text: str) -> list[tuple[ChunkId, float]]:
    """Ask the vectors that the store answers from, and nothing that comes after them."""
    return store._vectors.nearest(vector(text), limit=1_000)


def found(store: Store, text: str) -> list[str]:
    return [bytes.fromhex(chunk).decode() for chunk, _ in scores(store, text)]


def array(folder: Path) -> "closing[ArrayIndex]":
    return closing(ArrayIndex(folder / "array", dimensions=DIMENSIONS))


def chroma(folder: Path) -> "closing[ChromaIndex]":
    (vectors,) = folder.glob("vectors-*")
    return closing(ChromaIndex(vectors, dimensions=DIMENSIONS))


def holding(folder: Path, text: str) -> list[str]:
    """Name the files that hold the vector of a text."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return [path.name for path in files if vector(text).tobytes() in path.read_bytes()]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "friend"


@pytest.fixture
def store(folder: Path) -> Iterator[Store]:
    opened = Store(folder, MAKER)
    yield opened
    opened.close()


# ------------------------------------------------------------ what the array lost


def remove_a_segment(array: Path) -> None:
    next(array.iterdir()).unlink()


def remove_the_array(array: Path) -> None:
    for segment in array.iterdir():
        segment.unlink()
    array.rmdir()


def cut_a_segment(array: Path) -> None:
    segment = next(array.iterdir())
    segment.write_bytes(segment.read_bytes()[:-7])


def cut_all_but_the_head(array: Path) -> None:
    segment = next(array.iterdir())
    segment.write_bytes(segment.read_bytes()[:9])


def empty_a_segment(array: Path) -> None:
    next(array.iterdir()).write_bytes(b"")


def overwrite_a_segment(array: Path) -> None:
    next(array.iterdir()).write_bytes(GARBAGE)


def turn_a_bit(at: int) -> Spoil:
    def spoil(array: Path) -> None:
        segment = next(array.iterdir())
        content = bytearray(segment.read_bytes())
        content[at] ^= 1
        segment.write_bytes(content)

    return spoil


def put_a_folder_in_its_place(array: Path) -> None:
    segment = next(array.iterdir())
    segment.unlink()
    (segment / "deeper").mkdir(parents=True)


def put_a_link_in_its_place(array: Path) -> None:
    segment = next(array.iterdir())
    elsewhere = array.parent / "elsewhere"
    segment.rename(elsewhere)
    segment.symlink_to(elsewhere)


@pytest.mark.parametrize(
    "spoil",
    [
        remove_a_segment,
        remove_the_array,
        cut_a_segment,
        cut_all_but_the_head,
        empty_a_segment,
        overwrite_a_segment,
        turn_a_bit(0),
        turn_a_bit(12),
        turn_a_bit(21),
        turn_a_bit(-1),
        put_a_folder_in_its_place,
        put_a_link_in_its_place,
    ],
    ids=lambda spoil: spoil.__qualname__.partition(".")[0],
)
def test_whatever_befalls_the_array_the_answers_are_the_same(
    store: Store, folder: Path, spoil: Spoil
) -> None:
    put(store, "friend/a.txt", ["one", "two", "three"])
    before = scores(store, "two")
    store.close()
    spoil(folder / "array")
    again = Store(folder, MAKER)
    assert scores(again, "two") == before
    assert again.note == ""
    again.close()
    with array(folder) as mended:
        assert mended.ids() == {name("one"), name("two"), name("three")}
    assert not any(path.is_symlink() for path in (folder / "array").iterdir())


def test_a_vector_of_another_time_is_not_taken_for_the_one_of_now(
    store: Store, folder: Path
) -> None:
    put(store, "friend/a.txt", ["one", "two"])
    store.close()
    with array(folder) as index:
        index.remove([name("one")])
        index.add([name("one")], vector("something else").reshape(1, -1))
    again = Store(folder, MAKER)
    assert dict(scores(again, "one"))[name("one")] == pytest.approx(1)
    again.close()


# ------------------------------------------------------------ what Chroma lost


def test_what_chroma_lost_is_found_and_given_back_to_it(store: Store, folder: Path) -> None:
    put(store, "friend/a.txt", ["one", "two"])
    store.close()
    with chroma(folder) as index:
        index.remove([name("one")])
    again = Store(folder, MAKER)
    assert found(again, "one") == ["one", "two"]
    many = [f"line {number}" for number in range(BEHIND_AT_MOST + 1)]
    put(again, "friend/b.txt", many)
    again.close()
    with chroma(folder) as index:
        assert index.ids() == {name(text) for text in ("one", "two", *many)}


def test_a_chroma_of_garbage_is_nothing_to_worry_about_and_made_anew(
    store: Store, folder: Path
) -> None:
    put(store, "friend/a.txt", ["one"])
    store.close()
    (path,) = folder.rglob("chroma.sqlite3")
    path.write_bytes(GARBAGE)
    again = Store(folder, MAKER)
    assert found(again, "one") == ["one"]
    many = [f"line {number}" for number in range(BEHIND_AT_MOST + 1)]
    put(again, "friend/b.txt", many)
    assert again.note == ""
    again.close()
    with chroma(folder) as index:
        assert index.ids() == {name(text) for text in ("one", *many)}


@pytest.mark.parametrize("altered", [False, True], ids=["missing", "altered"])
def test_a_vector_that_neither_has_is_damage(store: Store, folder: Path, *, altered: bool) -> None:
    put(store, "friend/a.txt", ["one", "two"])
    store.close()
    for copy in (array, chroma):
        with copy(folder) as index:
            index.remove([name("one")])
            if altered:
                index.add([name("one")], vector("something else").reshape(1, -1))
    again = Store(folder, MAKER)
    for _ in range(2):
        with pytest.raises(DamagedError, match="altered" if altered else "missing"):
            scores(again, "one")
    again.close()


# ------------------------------------------------------------ what a kill leaves behind


def test_a_vector_that_no_chunk_has_is_dropped_when_the_array_is_opened(
    store: Store, folder: Path
) -> None:
    put(store, "friend/a.txt", ["one"])
    store.close()
    with array(folder) as index:
        index.add([name("orphan")], vector("orphan").reshape(1, -1))
    again = Store(folder, MAKER)
    assert found(again, "orphan") == ["one"]
    again.close()
    with array(folder) as index:
        assert index.ids() == {name("one")}
    assert holding(folder / "array", "orphan") == []


def test_an_orphan_of_chroma_is_dropped_when_its_copy_is_made(store: Store, folder: Path) -> None:
    put(store, "friend/a.txt", ["one"])
    store.close()
    with chroma(folder) as index:
        index.add([name("orphan")], vector("orphan").reshape(1, -1))
    again = Store(folder, MAKER)
    many = [f"line {number}" for number in range(BEHIND_AT_MOST + 1)]
    put(again, "friend/b.txt", many)
    again.close()
    with chroma(folder) as index:
        assert index.ids() == {name(text) for text in ("one", *many)}


# ------------------------------------------------------------ how far the copy may be behind


def test_a_first_vector_is_in_chroma_at_once_and_a_further_line_need_not_be(
    store: Store, folder: Path
) -> None:
    put(store, "friend/a.txt", ["one"])
    put(store, "friend/a.txt", ["one", "two"])
    store.close()
    with chroma(folder) as index:
        assert index.ids() == {name("one")}
    with array(folder) as index:
        assert index.ids() == {name("one"), name("two")}


def test_a_first_copy_that_failed_is_made_with_the_next_vector(store: Store, folder: Path) -> None:
    in_the_way = folder / f"vectors-{store._meta['generation']}"
    in_the_way.symlink_to(folder)
    with pytest.raises(OSError, match="is a link"):
        put(store, "friend/a.txt", ["one"])
    store.close()
    in_the_way.unlink()
    again = Store(folder, MAKER)
    assert found(again, "one") == ["one"]
    put(again, "friend/a.txt", ["one", "two"])
    again.close()
    with chroma(folder) as index:
        assert index.ids() == {name("one"), name("two")}


def test_chroma_is_never_further_behind_than_it_may_be(store: Store, folder: Path) -> None:
    texts = ["one"]
    for number in range(BEHIND_AT_MOST + 3):
        put(store, "friend/a.txt", texts)
        texts.append(f"line {number}")
    store.close()
    with chroma(folder) as index, array(folder) as all_of_them:
        assert 0 < len(all_of_them.ids() - index.ids()) <= BEHIND_AT_MOST


def test_what_many_deletions_left_behind_is_no_longer_in_chroma(store: Store, folder: Path) -> None:
    many = [f"line {number}" for number in range(BEHIND_AT_MOST + 1)]
    put(store, "friend/a.txt", ["one"])
    put(store, "friend/b.txt", many)
    store.remove(["friend/b.txt"])
    store.close()
    with chroma(folder) as index:
        assert index.ids() == {name("one")}


# ------------------------------------------------------------ what is deleted


def test_a_deleted_vector_is_nowhere_in_the_array(store: Store, folder: Path) -> None:
    put(store, "friend/a.txt", ["kept", "deleted", "kept as well"])
    put(store, "friend/b.txt", ["deleted too"])
    put(store, "friend/a.txt", ["kept", "kept as well"])
    store.remove(["friend/b.txt"])
    array = folder / "array"
    assert holding(array, "kept") == holding(array, "kept as well") != []
    for text in ("deleted", "deleted too"):
        assert holding(array, text) == []
        assert [p.name for p in array.iterdir() if name(text).encode() in p.read_bytes()] == []


def test_of_a_partition_that_was_emptied_no_vector_is_left(store: Store, folder: Path) -> None:
    put(store, "friend/a.txt", ["one", "two"])
    assert holding(folder, "one") != []
    store.remove(["friend/a.txt"])
    store.compact()
    assert holding(folder, "one") == []
    assert list(folder.glob("vectors-*")) == []
    put(store, "friend/a.txt", ["three"])
    assert found(store, "three") == ["three"]
    store.close()
    with chroma(folder) as index:
        assert index.ids() == {name("three")}


def test_many_deletions_make_the_copy_be_written_anew(store: Store, folder: Path) -> None:
    many = [f"line {number}" for number in range(ERASED_AT_MOST + 1)]
    put(store, "friend/keep.txt", ["kept"])
    put(store, "friend/big.txt", many)
    (before,) = folder.glob("vectors-*")
    store.remove(["friend/big.txt"])
    store.compact()
    (after,) = folder.glob("vectors-*")
    assert after != before
    assert found(store, "kept") == ["kept"]
    store.close()
    again = Store(folder, MAKER)
    assert found(again, "kept") == ["kept"]
    again.close()
    with chroma(folder) as index:
        assert index.ids() == {name("kept")}


# ------------------------------------------------------------ small and large


class Desk:
    """Vectors that are large beyond ten, and what a catalog would say of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.wanted: dict[ChunkId, int] = {}
        self.vectors = self.opened()

    def opened(self) -> PartitionVectors:
        return PartitionVectors(
            array_folder=self.folder / "array",
            chroma_folder=self.folder / "vectors-1",
            dimensions=DIMENSIONS,
            wanted=lambda: self.wanted,
            array_at_most=10,
            array_again_at=7,
        )

    def reopen(self) -> None:
        self.vectors.close()
        self.vectors = self.opened()

    def add(self, texts: Sequence[str]) -> None:
        rows = np.stack([vector(text) for text in texts])
        self.vectors.add(list(map(name, texts)), rows)
        self.wanted |= {name(text): crc32(vector(text).tobytes()) for text in texts}

    def remove(self, texts: Sequence[str]) -> None:
        for text in texts:
            del self.wanted[name(text)]
        self.vectors.remove(list(map(name, texts)))

    def nearest(self) -> list[tuple[ChunkId, float]]:
        return self.vectors.nearest(vector("asked"), limit=5)


@pytest.fixture
def desk(folder: Path) -> Iterator[Desk]:
    desk = Desk(folder)
    yield desk
    desk.vectors.close()


def test_a_partition_that_grows_and_shrinks_answers_the_same_as_a_fresh_one(
    desk: Desk, tmp_path: Path
) -> None:
    texts: list[str] = []
    has_array: list[bool] = []
    for step in (*range(14), *range(-13, -3)):
        if step >= 0:
            texts.append(f"line {step}")
            desk.add([texts[-1]])
        else:
            desk.remove([texts.pop(0)])
        fresh = Desk(tmp_path / f"fresh {step}")
        fresh.add(texts)
        assert desk.nearest() == fresh.nearest()
        fresh.vectors.close()
        before = desk.nearest()
        desk.reopen()
        assert desk.nearest() == before
        has_array.append((desk.folder / "array").is_dir())
    # Up to ten; then not before there are seven again.
    assert has_array == [*[True] * 10, *[False] * 4, *[False] * 6, *[True] * 4]


def test_a_large_partition_whose_vectors_are_gone_is_damaged(desk: Desk) -> None:
    desk.add([f"line {number}" for number in range(12)])
    desk.vectors.close()
    with closing(ChromaIndex(desk.folder / "vectors-1", dimensions=DIMENSIONS)) as index:
        index.remove([name("line 3")])
        index.add([name("orphan")], vector("orphan").reshape(1, -1))
    desk.reopen()
    with pytest.raises(DamagedError, match="1 vectors are missing"):
        desk.nearest()


def test_a_large_partition_is_rid_of_orphans_and_of_an_array(desk: Desk) -> None:
    desk.add([f"line {number}" for number in range(12)])
    before = desk.nearest()
    desk.vectors.close()
    asked = vector("asked").reshape(1, -1)
    with closing(ChromaIndex(desk.folder / "vectors-1", dimensions=DIMENSIONS)) as index:
        index.add([name("orphan")], asked)
    with array(desk.folder) as left:
        left.add([name("orphan")], asked)
    desk.reopen()
    assert desk.nearest() == before
    assert not (desk.folder / "array").exists()


def test_a_large_partition_moves_and_answers_the_same(desk: Desk) -> None:
    desk.add([f"line {number}" for number in range(12)])
    before = desk.nearest()
    desk.vectors.move_chroma(desk.folder / "vectors-2", sorted(desk.wanted))
    assert desk.nearest() == before
    with closing(ChromaIndex(desk.folder / "vectors-2", dimensions=DIMENSIONS)) as index:
        assert index.ids() == desk.wanted.keys()


# ------------------------------------------------------------ the cold path

SEARCH = """
import sys
from partitioned_rag import OMBox

with OMBox(sys.argv[1], "hashing") as box:
    hits = box.view("friend").search("harbour", k=3)
print(len(hits), *sorted({name.partition(".")[0] for name in sys.modules}))
"""


def test_a_question_loads_no_heavy_library_where_nothing_has_changed(tmp_path: Path) -> None:
    root = tmp_path / "OMBox"
    (root / "friend").mkdir(parents=True)
    (root / "public").mkdir()
    for folder in ("friend", "public"):
        (root / folder / "a.txt").write_text("the harbour at night")
    index = [sys.executable, "-m", "partitioned_rag", "index", str(root), "--embedder", "hashing"]
    subprocess.run(index, check=True, capture_output=True)
    done = subprocess.run(
        [sys.executable, "-c", SEARCH, root], check=True, capture_output=True, text=True
    )
    hits, *loaded = done.stdout.split()
    assert hits == "2"
    assert "numpy" in loaded
    assert {"chromadb", "onnxruntime", "torch", "tokenizers", "httpx"}.isdisjoint(loaded)


def test_both_copies_agree_to_the_bit(store: Store, folder: Path) -> None:
    texts = [f"line {number}" for number in range(300)]
    put(store, "friend/a.txt", texts)
    store.close()
    copies: list[VectorIndex] = []
    with array(folder) as one, chroma(folder) as other:
        copies += [one, other]
        asked = vector("asked")
        nearest = [index.nearest(asked, limit=20) for index in copies]
        assert nearest[0] == nearest[1]
        assert one.checksums() == other.checksums()


@pytest.mark.parametrize("many", [1, 5])
def test_a_handle_notices_what_a_killed_process_did_to_the_array(
    store: Store, folder: Path, many: int
) -> None:
    put(store, "friend/a.txt", ["one", "two"])
    assert sorted(found(store, "one")) == ["one", "two"]
    # It wrote a segment, took the first one in if it was no larger, and never came to commit.
    with array(folder) as other:
        others = [f"never said {number}" for number in range(many)]
        other.add([name(text) for text in others], np.stack([vector(text) for text in others]))
    store.refresh()
    put(store, "friend/b.txt", ["three", "four", "five"])
    assert sorted(found(store, "one")) == ["five", "four", "one", "three", "two"]
    store.close()
    again = Store(folder, MAKER)
    assert sorted(found(again, "one")) == ["five", "four", "one", "three", "two"]
    assert again.note == ""
    again.close()
    assert holding(folder, "never said 0") == []
