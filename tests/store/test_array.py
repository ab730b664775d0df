"""The files of the array: few of them, each whole, and nothing left of what was removed."""

import math
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from partitioned_rag.store.array import ArrayIndex
from partitioned_rag.store.exact import cosines
from partitioned_rag.values import ChunkId
from tests.store.searching import dot

DIMENSIONS = 64
Vectors = npt.NDArray[np.float32]


def rows(many: int, *, seed: int = 1) -> Vectors:
    drawn = np.random.default_rng(seed).standard_normal((many, DIMENSIONS))
    unit = drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
    return np.asarray(unit, dtype=np.float32)


def names(start: int, end: int) -> list[ChunkId]:
    return [ChunkId(f"{number:032x}") for number in range(start, end)]


def files(folder: Path) -> dict[str, tuple[int, int]]:
    return {p.name: (p.stat().st_ino, p.stat().st_mtime_ns) for p in folder.iterdir()}


@contextmanager
def opened(folder: Path) -> Iterator[ArrayIndex]:
    index = ArrayIndex(folder, dimensions=DIMENSIONS)
    try:
        yield index
    finally:
        index.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "array"


def test_a_line_added_to_many_leaves_the_many_as_they_are(folder: Path) -> None:
    vectors = rows(1_100)
    with opened(folder) as index:
        index.add(names(0, 1_000), vectors[:1_000])
        (large,) = files(folder).items()
        for number in range(1_000, 1_100):
            index.add(names(number, number + 1), vectors[number : number + 1])
            assert large in files(folder).items()
            assert sum(path.stat().st_size for path in folder.iterdir()) < 400_000
    # As many as a hundred has ones in binary, and the large one.
    assert len(files(folder)) == 4
    with opened(folder) as index:
        assert index.vectors(names(0, 1_100)).tobytes() == vectors.tobytes()


def test_batches_of_one_size_become_few_files(folder: Path) -> None:
    vectors = rows(64 * 16)
    with opened(folder) as index:
        for at in range(0, 64 * 16, 16):
            index.add(names(at, at + 16), vectors[at : at + 16])
            assert len(files(folder)) <= 7
        assert len(files(folder)) == 1
        assert index.vectors(names(0, 64 * 16)).tobytes() == vectors.tobytes()


def test_what_a_kill_left_half_written_is_removed(folder: Path) -> None:
    with opened(folder) as index:
        index.add(names(0, 3), rows(3))
    (folder / ".0000000002.4711-1.new").write_bytes(b"half of a segm")
    with opened(folder) as index:
        assert index.ids() == set(names(0, 3))
    assert list(files(folder)) == ["0000000001"]


def test_a_kill_before_what_was_taken_in_is_removed_leaves_no_second_copy(folder: Path) -> None:
    vectors = rows(4)
    with opened(folder) as index:
        index.add(names(0, 2), vectors[:2])
        taken_in = folder / "0000000001"
        aside = folder.parent / "aside"
        shutil.copy(taken_in, aside)
        index.add(names(2, 4), vectors[2:])
        assert not taken_in.exists()
    shutil.copy(aside, taken_in)
    with opened(folder) as index:
        assert index.vectors(names(0, 4)).tobytes() == vectors.tobytes()
        assert len(index.nearest(vectors[0], limit=2)) == 2
        index.remove(names(0, 1))
        assert index.ids() == set(names(1, 4))
    for path in folder.iterdir():
        assert vectors[0].tobytes() not in path.read_bytes()
    with opened(folder) as index:
        assert index.ids() == set(names(1, 4))


def test_a_name_that_is_no_text_is_one_that_nobody_asks_for(folder: Path) -> None:
    vectors = rows(2)
    with opened(folder) as index:
        index.add(names(0, 2), vectors)
    (path,) = folder.iterdir()
    path.write_bytes(path.read_bytes().replace(names(0, 1)[0].encode(), b"\xff" * 32))
    with opened(folder) as index:
        assert index.vectors(names(1, 2)).tobytes() == vectors[1].tobytes()
        index.remove(index.ids() - set(names(1, 2)))
        assert index.ids() == set(names(1, 2))
    assert vectors[0].tobytes() not in path.read_bytes()


def test_several_files_may_empty_at_once(folder: Path) -> None:
    with opened(folder) as index:
        for start, end in ((0, 9), (9, 13), (13, 15), (15, 16)):
            index.add(names(start, end), rows(16)[start:end])
        assert len(files(folder)) == 4
        index.remove(names(0, 15))
        assert index.ids() == set(names(15, 16))
        assert len(files(folder)) == 1


def test_where_more_is_removed_than_left_the_file_is_written_anew(folder: Path) -> None:
    vectors = rows(100)
    with opened(folder) as index:
        index.add(names(0, 100), vectors)
        before = sum(path.stat().st_size for path in folder.iterdir())
        index.remove(names(0, 50))
        assert sum(path.stat().st_size for path in folder.iterdir()) == before
        index.remove(names(50, 51))
        assert 2 * sum(path.stat().st_size for path in folder.iterdir()) < before + 1_000
        assert index.vectors(names(51, 100)).tobytes() == vectors[51:].tobytes()
        index.remove(names(0, 100))
        assert files(folder) == {}
        assert index.nearest(vectors[0], limit=3) == []


def test_no_removed_row_is_in_anyone_s_way(folder: Path) -> None:
    # All that is left points away from the question: erased rows, of zeros, would be nearer.
    question = np.eye(DIMENSIONS, dtype=np.float32)[0]
    vectors = rows(40)
    vectors[:, 0] = -np.abs(vectors[:, 0])
    with opened(folder) as index:
        index.add(names(0, 40), vectors)
        index.remove(names(0, 15))
        assert len(index.nearest(question, limit=10)) == 10
        nearest = index.nearest(question, limit=25)
    exact = sorted(
        (-dot(question, vectors[number]), names(number, number + 1)[0]) for number in range(15, 40)
    )
    assert [(-score, chunk) for chunk, score in nearest] == exact


def test_rows_that_float32_cannot_tell_apart_are_all_looked_at_exactly(folder: Path) -> None:
    question = rows(1, seed=2)[0]
    # A unit in the last place of one number each: far less than a sum of 64 of them is off by.
    vectors = np.repeat(rows(1, seed=3), 3 * DIMENSIONS, axis=0)
    for number in range(3 * DIMENSIONS):
        at = number % DIMENSIONS
        up = np.float32(math.inf if number % 3 else -math.inf)
        vectors[number, at] = np.nextafter(vectors[number, at], up)
    with opened(folder) as index:
        index.add(names(0, len(vectors)), vectors)
        found = index.nearest(question, limit=5)
    exact = sorted(
        (-dot(row, question), names(number, number + 1)[0]) for number, row in enumerate(vectors)
    )
    assert [(-score, chunk) for chunk, score in found][:5] == exact[:5]


def test_an_array_of_vectors_of_another_length_is_none(folder: Path) -> None:
    with opened(folder) as index:
        index.add(names(0, 2), rows(2))
    again = ArrayIndex(folder, dimensions=DIMENSIONS // 2)
    assert again.ids() == frozenset()
    again.close()


def test_what_stands_beside_a_row_leaves_no_trace_in_its_cosine() -> None:
    for dimensions in (3, 64, 384, 1_000):
        vectors = np.random.default_rng(dimensions).standard_normal((257, dimensions))
        rows_, question = vectors[1:].astype(np.float32), vectors[0].astype(np.float32)
        together = cosines(names(0, 256), rows_, question)
        # Rows of a larger array, as those of a mapped file are, and in another order.
        backwards = cosines(names(0, 256)[::-1], rows_[::-1], question)
        assert together == backwards
        for number in range(0, 256, 5):
            (alone,) = cosines(names(0, 1), rows_[number : number + 1], question).values()
            assert alone == together[names(number, number + 1)[0]] == dot(rows_[number], question)
            assert alone == pytest.approx(math.fsum(map(float, rows_[number] * question)), abs=1e-4)
