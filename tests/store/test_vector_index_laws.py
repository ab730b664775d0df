"""What every `VectorIndex` must obey; a new one is added to `INDEXES` and inherits all of it."""

import os
import platform
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from partitioned_rag.store.array import ArrayIndex
from partitioned_rag.store.chroma import ChromaIndex
from partitioned_rag.store.index import DamagedError
from partitioned_rag.values import ChunkId
from tests.store.searching import dot

if TYPE_CHECKING:
    from partitioned_rag.store.index import VectorIndex

DIMENSIONS = 8
INDEXES = [
    pytest.param(lambda folder: ArrayIndex(folder, dimensions=DIMENSIONS), id="array"),
    pytest.param(lambda folder: ChromaIndex(folder, dimensions=DIMENSIONS), id="chroma"),
]
Make = Callable[[Path], "VectorIndex"]
Vectors = npt.NDArray[np.float32]


def unit(rows: list[list[float]]) -> Vectors:
    """Make rows of length 1; a row of zeros becomes an axis."""
    matrix = np.asarray(rows, dtype=np.float32).reshape(-1, DIMENSIONS)
    matrix[~matrix.any(axis=1), 0] = 1
    return np.asarray(matrix / np.linalg.norm(matrix, axis=1, keepdims=True), dtype=np.float32)


def name(number: int) -> ChunkId:
    return ChunkId(f"{number:032x}")


# Few distinct values, so that ties and near ties are common.
rows = st.lists(st.sampled_from([-1.0, 0.0, 0.5, 1.0]), min_size=DIMENSIONS, max_size=DIMENSIONS)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "vectors"


FILL = """
import sys
from pathlib import Path
import numpy as np
from partitioned_rag.store.array import ArrayIndex
from partitioned_rag.store.chroma import ChromaIndex
folder = Path(sys.argv[1])
count = int(sys.argv[2])
vectors = np.random.default_rng(1).normal(size=(count, 8)).astype("f4")
vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
for make in (ArrayIndex, ChromaIndex):
    index = make(folder / make.__name__, dimensions=8)
    for start, end in ((0, 2), (2, count)):
        index.add([f"{row:032x}" for row in range(start, end)], vectors[start:end])
    index.remove([f"{1:032x}"])
    index.close()
"""
LOOK = """
import sys
from pathlib import Path
import numpy as np
from partitioned_rag.store.chroma import ChromaIndex
for look in ("ids", "checksums"):
    index = ChromaIndex(Path(sys.argv[1]) / "ChromaIndex", dimensions=8)
    getattr(index, look)()
    index.close()
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="fills memory with glibc's means")
@pytest.mark.parametrize("count", [3, 1_205])
def test_nothing_of_memory_that_was_never_set_is_written(folder: Path, count: int) -> None:
    # The C library fills what it allocates with 0xA5, as a use of it before would have.
    environment = {**os.environ, "MALLOC_PERTURB_": str(0x5A)}
    for program in (FILL, LOOK):
        arguments = [sys.executable, "-c", program, str(folder), str(count)]
        subprocess.run(arguments, env=environment, check=True)
        written = [path for path in folder.rglob("*") if path.is_file()]
        assert {"length.bin", "data_level0.bin"} <= {path.name for path in written}
        assert [path.name for path in written if b"\xa5" * 4 in path.read_bytes()] == []
    with closing(
        ChromaIndex(folder / "ChromaIndex", dimensions=DIMENSIONS, exact_up_to=1)
    ) as graph:
        kept = graph.vectors([name(0)])[0]
        assert [found for found, _ in graph.nearest(kept, limit=1)] == [name(0)]


def test_a_graph_with_another_header_is_told_before_any_of_it_is_blanked(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(ChromaIndex(folder, dimensions=DIMENSIONS)) as index:
        index.add([name(0)], unit([[1.0] * DIMENSIONS]))
        before = [path.read_bytes() for path in folder.glob("*/*.bin")]
        monkeypatch.setattr("partitioned_rag.store.chroma.HEADER_VERSION", 2)
        with pytest.raises(DamagedError, match="header"):
            index.remove([name(1)])
    assert [path.read_bytes() for path in folder.glob("*/*.bin")] == before


@pytest.mark.parametrize("make", INDEXES)
def test_the_nearest_are_those_of_brute_force(
    make: Make, tmp_path_factory: pytest.TempPathFactory
) -> None:
    @settings(max_examples=30, deadline=None)
    @given(
        data=st.lists(rows, min_size=1, max_size=25),
        removed=st.sets(st.integers(0, 24)),
        question=rows,
        limit=st.integers(1, 30),
    )
    def check(
        data: list[list[float]], removed: set[int], question: list[float], limit: int
    ) -> None:
        index = make(tmp_path_factory.mktemp("vectors"))
        try:
            vectors, asked = unit(data), unit([question])[0]
            index.add([name(n) for n in range(len(data))], vectors)
            index.remove([name(n) for n in removed])
            left = [n for n in range(len(data)) if n not in removed]
            exact = sorted(
                (
                    -dot(vectors[n], asked),
                    name(n),
                )
                for n in left
            )
            found = index.nearest(asked, limit=limit)
            ties = [pair for pair in exact[limit:] if pair[0] == exact[limit - 1][0]]
            assert [(-score, chunk) for chunk, score in found] == exact[:limit] + ties
            assert index.ids() == {name(n) for n in left}
        finally:
            index.close()

    check()


@pytest.mark.parametrize("make", INDEXES)
def test_the_order_of_insertion_leaves_no_trace_in_a_score(make: Make, tmp_path: Path) -> None:
    rng = np.random.default_rng(7)
    vectors = unit(rng.standard_normal((300, DIMENSIONS)).tolist())
    asked = unit(rng.standard_normal((1, DIMENSIONS)).tolist())[0]
    one, two = make(tmp_path / "one"), make(tmp_path / "two")
    try:
        one.add([name(n) for n in range(300)], vectors)
        for n in reversed(range(300)):
            two.add([name(n)], vectors[n : n + 1])
        assert one.nearest(asked, limit=20) == two.nearest(asked, limit=20)
    finally:
        one.close()
        two.close()


@pytest.mark.parametrize("make", INDEXES)
def test_vectors_come_back_bit_for_bit_after_reopening(make: Make, folder: Path) -> None:
    vectors = unit(np.random.default_rng(3).standard_normal((50, DIMENSIONS)).tolist())
    index = make(folder)
    index.add([name(n) for n in range(50)], vectors)
    sums = index.checksums()
    index.close()
    index.close()  # twice is harmless
    again = make(folder)
    try:
        order = [name(n) for n in (7, 3, 49)]
        assert again.vectors(order).tobytes() == vectors[[7, 3, 49]].tobytes()
        assert again.checksums() == sums
        assert len(sums) == 50
    finally:
        again.close()


@pytest.mark.parametrize("make", INDEXES)
def test_the_cosines_of_given_vectors_are_those_of_the_nearest_to_the_bit(
    make: Make, folder: Path
) -> None:
    rng = np.random.default_rng(5)
    vectors = unit(rng.standard_normal((60, DIMENSIONS)).tolist())
    asked = unit(rng.standard_normal((1, DIMENSIONS)).tolist())[0]
    index = make(folder)
    try:
        index.add([name(n) for n in range(60)], vectors)
        some = [name(n) for n in (59, 0, 17, 18)]
        assert index.cosines(asked, []) == {}
        before_any_search = index.cosines(asked, some)
        nearest = dict(index.nearest(asked, limit=60))
        assert before_any_search == {chunk: nearest[chunk] for chunk in some}
        assert index.cosines(asked, some) == before_any_search
        assert list(before_any_search) == some
    finally:
        index.close()


@pytest.mark.parametrize("make", INDEXES)
def test_a_missing_vector_is_damage(make: Make, folder: Path) -> None:
    index = make(folder)
    try:
        index.add([name(1)], unit([[1.0] * DIMENSIONS]))
        with pytest.raises(DamagedError):
            index.vectors([name(1), name(2)])
        with pytest.raises(DamagedError):
            index.cosines(unit([[1.0] * DIMENSIONS])[0], [name(2)])
    finally:
        index.close()


@pytest.mark.parametrize("make", INDEXES)
def test_vectors_of_another_length_are_refused(make: Make, folder: Path) -> None:
    index = make(folder)
    try:
        with pytest.raises(ValueError, match="shape"):
            index.add([name(1)], np.ones((1, DIMENSIONS + 1), dtype=np.float32))
        assert index.ids() == frozenset()
    finally:
        index.close()


@pytest.mark.parametrize("make", INDEXES)
def test_nothing_in_the_folder_is_open_to_others(make: Make, folder: Path) -> None:
    index = make(folder)
    try:
        index.add([name(1)], unit([[1.0] * DIMENSIONS]))
        open_to_others = [
            path for path in [folder, *folder.rglob("*")] if path.stat().st_mode & 0o077
        ]
        assert open_to_others == []
    finally:
        index.close()


def test_beyond_the_exact_limit_the_graph_proposes_and_scores_stay_exact(tmp_path: Path) -> None:
    rng = np.random.default_rng(11)
    vectors = unit(rng.standard_normal((400, DIMENSIONS)).tolist())
    asked = unit(rng.standard_normal((1, DIMENSIONS)).tolist())[0]
    exact = ChromaIndex(tmp_path / "e", dimensions=DIMENSIONS)
    graph = ChromaIndex(tmp_path / "g", dimensions=DIMENSIONS, exact_up_to=10)
    try:
        for index in (exact, graph):
            index.add([name(n) for n in range(400)], vectors)
        truth = dict(exact.nearest(asked, limit=400))
        found = graph.nearest(asked, limit=20)
        assert len(found) >= 20
        assert all(truth[chunk] == score for chunk, score in found)
        assert [score for _, score in found] == sorted((s for _, s in found), reverse=True)
        assert graph.checksums() == {}
    finally:
        exact.close()
        graph.close()
