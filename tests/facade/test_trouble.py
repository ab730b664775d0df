"""Damage, crowds and odd places: an index that is as good as ever is never thrown away."""

import random
import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from partitioned_rag.box import OPEN_AT_MOST, OMBox
from partitioned_rag.errors import BoxError, PragError, StoreError
from partitioned_rag.values import Progress
from tests.worlds import Write, apply, build

SEED = 20_260_102
ASK = """
import sys
from partitioned_rag import OMBox
with OMBox(sys.argv[1], "hashing") as box:
    box.index()
    print(*(hit.source for hit in box.view("friend").search(sys.argv[2])))
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    texts = {f"friend/{n}.txt": f"note number {n} of the harbour".encode() for n in range(20)}
    return build(texts | {"public/a.txt": b"hello"}, tmp_path / "OMBox")


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def box(root: Path, said: list[str]) -> Iterator[OMBox]:
    with OMBox(root, "hashing", notify=said.append) as opened:
        yield opened


def ask_elsewhere(root: Path, question: str) -> list[str]:
    """Index and search in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", ASK, str(root), question],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    return done.stdout.split()


# ---------------------------------------------------------------- who holds what


def test_to_look_at_the_status_drops_no_lock_of_the_catalog(root: Path, box: OMBox) -> None:
    view = box.view("friend")
    view.search("harbour")
    log = root / ".prag" / "partitions" / "friend" / "catalog.sqlite3-wal"
    inode = log.stat().st_ino
    box.status()
    apply(Write("friend/zebra.txt", b"a zebra"), root)
    assert "friend/zebra.txt" in ask_elsewhere(root, "zebra")
    # Had the other process taken itself for the last one, it would have removed the log.
    assert log.stat().st_ino == inode
    apply(Write("friend/giraffe.txt", b"a giraffe"), root)
    assert view.search("giraffe", k=1)[0].source == "friend/giraffe.txt"
    assert ask_elsewhere(root, "giraffe")[0] == "friend/giraffe.txt"


def test_two_boxes_of_one_folder_see_the_same_and_rebuild_nothing(
    root: Path, said: list[str]
) -> None:
    with (
        OMBox(root, "hashing", notify=said.append) as one,
        OMBox(root, "hashing", notify=said.append) as other,
    ):
        for opened in (one, other):
            opened.view("friend").search("harbour")
        apply(Write("friend/zebra.txt", b"a zebra"), root)
        ask_elsewhere(root, "zebra")
        for opened in (one, other):
            assert opened.view("friend").search("zebra", k=1)[0].source == "friend/zebra.txt"
    assert said == []


def test_a_catalog_that_another_program_holds_is_an_error_and_not_damage(
    root: Path, box: OMBox, said: list[str]
) -> None:
    box.index()
    path = root / ".prag" / "partitions" / "friend" / "catalog.sqlite3"
    with closing(sqlite3.connect(path, isolation_level=None)) as backup:
        backup.execute("BEGIN IMMEDIATE")
        apply(Write("friend/zebra.txt", b"a zebra"), root)
        with pytest.raises(StoreError, match="close the program that has its files open"):
            box.view("friend").search("zebra")
        backup.execute("ROLLBACK")
    assert box.view("friend").search("zebra", k=1)[0].source == "friend/zebra.txt"
    assert said == []


def test_however_many_views_are_held_few_partitions_stay_open(tmp_path: Path) -> None:
    names = [f"1555{n:04d}" for n in range(3 * OPEN_AT_MOST)]
    root = build({f"{name}/a.txt": b"hello" for name in names}, tmp_path / "OMBox")
    with OMBox(root, "hashing") as box:
        views = [box.view(name) for name in names]
        for view in views:
            view.search("hello")
        for view in views:
            assert view.search("hello")
        assert len(_open_catalogs(root)) <= OPEN_AT_MOST


def _open_catalogs(root: Path) -> set[str]:
    found = set()
    descriptors = Path("/proc/self/fd")
    if not descriptors.exists():
        pytest.skip("needs /proc to see what is open")
    for descriptor in descriptors.iterdir():
        try:
            path = str(descriptor.readlink())
        except FileNotFoundError:
            continue
        if path.startswith(str(root)) and path.endswith("catalog.sqlite3"):
            found.add(path)
    return found


def test_threads_that_share_a_box_get_one_handle_of_each_partition(box: OMBox) -> None:
    failures: list[BaseException] = []

    def ask() -> None:
        try:
            for _ in range(5):
                assert box.view("friend").search("harbour", k=1)
                box.close()
        except BaseException as error:  # noqa: BLE001 — shown by the test
            failures.append(error)

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_a_view_of_one_contact_is_made_while_another_contact_is_indexed(tmp_path: Path) -> None:
    names = [f"1555{n:04d}" for n in range(OPEN_AT_MOST + 3)]
    root = build({f"{name}/a.txt": b"hello" for name in names}, tmp_path / "OMBox")
    with OMBox(root, "hashing") as box:
        began, may_end = threading.Event(), threading.Event()

        def hold(_: Progress) -> None:
            began.set()
            assert may_end.wait(60)

        thread = threading.Thread(target=lambda: box.index(progress=hold))
        thread.start()
        assert began.wait(60)
        for name in reversed(names[2:]):
            assert box.view(name).search("hello")
        may_end.set()
        thread.join()


def test_who_asks_a_partition_from_its_own_callback_is_told_so(root: Path) -> None:
    with OMBox(root, "hashing") as box:
        view = box.view("friend")

        def ask(_: Progress) -> None:
            view.search("harbour")

        with pytest.raises(ValueError, match="calls back"):
            box.index(progress=ask)
        assert view.search("harbour")


# ---------------------------------------------------------------- damage


@pytest.mark.slow
def test_whatever_happens_to_a_catalog_the_answer_is_that_of_a_fresh_index(
    root: Path, tmp_path: Path
) -> None:
    with OMBox(root, "hashing") as box:
        box.index()
        wanted = [hit.source for hit in box.view("friend").search("note number 17", k=5)]
    whole = tmp_path / "whole"
    shutil.copytree(root / ".prag", whole)
    rng = random.Random(SEED)
    path = root / ".prag" / "partitions" / "friend" / "catalog.sqlite3"
    size = path.stat().st_size
    for trial in range(60):
        shutil.rmtree(root / ".prag")
        shutil.copytree(whole, root / ".prag")
        raw = bytearray(path.read_bytes())
        if trial % 3:
            # A page that a power cut left half written.
            page = rng.randrange(0, size, 4096)
            begin = page + rng.randrange(200)
            raw[begin : page + 4096] = b"\0" * (page + 4096 - begin)
        else:
            del raw[rng.randrange(size) :]
        path.write_bytes(raw)
        with OMBox(root, "hashing") as box:
            box.status()
            found = [hit.source for hit in box.view("friend").search("note number 17", k=5)]
        assert found == wanted, f"trial {trial}, seed {SEED}"


@pytest.mark.slow
def test_a_page_of_a_catalog_that_looks_like_an_empty_one_hides_nothing(root: Path) -> None:
    path = root / ".prag" / "partitions" / "friend" / "catalog.sqlite3"
    with OMBox(root, "hashing") as box:
        box.index()
        wanted = [hit.source for hit in box.view("friend").search("note number 17", k=5)]
    assert wanted
    whole = path.read_bytes()
    # The first byte of a page is its kind, the next say what it holds.
    for begin in range(1, len(whole), 4096):
        raw = bytearray(whole)
        raw[begin : begin + 4095] = b"\0" * 4095
        path.write_bytes(raw)
        with OMBox(root, "hashing") as box:
            found = [hit.source for hit in box.view("friend").search("note number 17", k=5)]
        assert found == wanted, f"page {begin // 4096 + 1}"
        whole = path.read_bytes()


def test_vectors_that_a_crash_left_behind_are_removed(root: Path, said: list[str]) -> None:
    with OMBox(root, "hashing") as box:
        box.index()
    partition = root / ".prag" / "partitions" / "friend"
    (current,) = partition.glob("vectors-*")
    generation = int(current.name.removeprefix("vectors-"))
    shutil.copytree(current, partition / f"vectors-{generation + 1}")
    with OMBox(root, "hashing", notify=said.append) as box:
        assert box.view("friend").search("harbour")
    assert list(partition.glob("vectors-*")) == [current]
    assert said == []


def test_what_is_deleted_is_gone_from_the_log_of_the_catalog_at_once(
    root: Path, box: OMBox
) -> None:
    apply(Write("friend/secret.txt", b"the code is xyzzy4711"), root)
    view = box.view("friend")
    view.search("code")
    (root / "friend" / "secret.txt").unlink()
    view.search("code")
    for path in (root / ".prag" / "partitions" / "friend").glob("catalog*"):
        assert b"xyzzy4711" not in path.read_bytes(), path.name


# ---------------------------------------------------------------- places


@pytest.mark.parametrize("place", ["public/index", "index", "."])
def test_an_index_among_the_sources_is_refused(root: Path, place: str) -> None:
    with pytest.raises(BoxError, match="among the sources"):
        OMBox(root, "hashing", index=root / place)
    assert not (root / "index").exists()
    assert not (root / "public" / "index").exists()


def test_an_index_elsewhere_or_in_a_hidden_folder_of_the_box_is_fine(
    root: Path, tmp_path: Path
) -> None:
    for place in (root / ".elsewhere", tmp_path / "index"):
        with OMBox(root, "hashing", index=place) as box:
            assert box.view("friend").search("harbour")


@pytest.mark.parametrize("linked", [".prag/partitions", ".prag/partitions/friend"])
def test_a_link_within_the_index_is_not_followed(root: Path, tmp_path: Path, linked: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (root / linked).parent.mkdir(parents=True)
    (root / linked).symlink_to(elsewhere)
    with OMBox(root, "hashing") as box, pytest.raises(PragError, match="is a link"):
        box.view("friend").search("harbour")
    assert list(elsewhere.iterdir()) == []


def test_what_lies_about_in_the_index_stops_nobody(root: Path, box: OMBox) -> None:
    box.index()
    (root / ".prag" / "partitions" / ".DS_Store").write_bytes(b"\0")
    report = box.index()
    assert [each.id for each in report.partitions] == ["public", "friend"]
    assert not any(each.error for each in report.partitions)


def test_processes_that_begin_together_all_get_an_index(root: Path) -> None:
    started = [
        subprocess.Popen(
            [sys.executable, "-m", "partitioned_rag", "index", str(root), "--embedder", "hashing"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        for _ in range(3)
    ]
    ended = [(process.communicate(timeout=120)[1], process.returncode) for process in started]
    assert [code for _, code in ended] == [0, 0, 0], ended


@pytest.mark.parametrize("held", ["t.tex", "partitions/thesis/t.tex"])
def test_a_folder_that_holds_something_else_is_taken_for_no_index(
    root: Path, tmp_path: Path, held: str
) -> None:
    index = build({held: b"years of work"}, tmp_path / "precious")
    index.chmod(0o755)
    with OMBox(root, "hashing", index=index) as box:
        for use in (box.index, box.view, box.status):
            with pytest.raises(BoxError, match="something else"):
                use()
    assert [path for path in index.rglob("*") if path.is_file()] == [index / held]
    assert index.stat().st_mode & 0o777 == 0o755


def test_a_box_within_its_index_is_refused(tmp_path: Path) -> None:
    root = build({"public/a.txt": b"hello", "inbox/x.json": b"{}"}, tmp_path / "partitions")
    with pytest.raises(BoxError, match="among the sources, or they in it"):
        OMBox(root, "hashing", index=tmp_path)
    assert (root / "inbox" / "x.json").exists()


def test_of_what_lies_among_the_partitions_nothing_foreign_is_removed(
    root: Path, box: OMBox
) -> None:
    box.index()
    mine = root / ".prag" / "partitions" / "mine" / "hi.txt"
    mine.parent.mkdir()
    mine.write_text("not an index")
    reports = {each.id: each for each in box.index().partitions}
    assert mine.read_text() == "not an index"
    assert "left alone" in next(each.note for name, each in reports.items() if name == "mine")


def test_a_box_that_is_gone_is_an_error_and_is_not_made_anew(root: Path, box: OMBox) -> None:
    view = box.view("friend")
    assert view.search("harbour")
    box.close()
    root.rename(root.with_name("moved"))
    with pytest.raises(PragError, match="is gone"):
        view.search("harbour")
    assert not root.exists()


@pytest.mark.parametrize(
    "meta", [{"erased": None}, {"revision": "x"}, {"generation": ""}, {"dimensions": "-1"}]
)
def test_an_index_that_says_nonsense_of_itself_is_made_anew_and_said(
    root: Path, said: list[str], meta: dict[str, str | None]
) -> None:
    with OMBox(root, "hashing") as box:
        box.index()
    path = root / ".prag" / "partitions" / "friend" / "catalog.sqlite3"
    with closing(sqlite3.connect(path, isolation_level=None)) as catalog:
        for key, value in meta.items():
            if value is None:
                catalog.execute("DELETE FROM meta WHERE key = ?", (key,))
            else:
                catalog.execute("UPDATE meta SET value = ? WHERE key = ?", (value, key))
    apply(Write("friend/zebra.txt", b"a zebra"), root)
    with OMBox(root, "hashing", notify=said.append) as box:
        assert box.view("friend").search("zebra", k=1)[0].source == "friend/zebra.txt"
    assert len(said) == 1
    assert "rebuilt from the folder" in said[0]


def test_a_catalog_that_was_emptied_is_made_anew_and_said(root: Path, said: list[str]) -> None:
    with OMBox(root, "hashing") as box:
        box.index()
    (root / ".prag" / "partitions" / "friend" / "catalog.sqlite3").write_bytes(b"")
    with OMBox(root, "hashing", notify=said.append) as box:
        assert box.view("friend").search("harbour")
    assert len(said) == 1


def test_what_could_surprise_is_said(root: Path, box: OMBox) -> None:
    assert box.surprises("friend") == []
    (root / "+1 555 0001").mkdir()
    told = " ".join(box.surprises("15550001"))
    assert "has no folder" in told
    assert "'+1 555 0001' is not read" in told
    (root / "Public").mkdir()
    assert "nothing public is read: another folder has the same name" in box.surprises("friend")[0]
    (root / "Public").rmdir()
    (root / "public").rename(root / "private")
    assert "no folder public/" in box.surprises("friend")[0]


def test_with_too_few_file_handles_a_good_index_is_kept(root: Path) -> None:
    with OMBox(root, "hashing") as box:
        box.index()
    before = sorted(path.name for path in (root / ".prag" / "partitions" / "friend").iterdir())
    code = (
        "import resource, sys\n"
        "import chromadb, numpy, partitioned_rag.store.chroma\n"
        "from partitioned_rag import OMBox, PragError\n"
        "view = OMBox(sys.argv[1], 'hashing').view('friend')\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (int(sys.argv[2]),) * 2)\n"
        "try:\n    view.search('harbour')\n"
        "except PragError as error:\n    print(error)\n"
    )
    for handles in (8, 12, 16, 20, 24):
        done = subprocess.run(
            [sys.executable, "-c", code, str(root), str(handles)],
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        assert "damaged" not in done.stdout, (handles, done.stdout)
        now = sorted(path.name for path in (root / ".prag" / "partitions" / "friend").iterdir())
        assert [name for name in now if "-shm" not in name and "-wal" not in name] == before


def test_a_folder_that_was_emptied_is_forgotten_by_the_next_question(root: Path) -> None:
    apply(Write("friend/0.txt", b"the code is xyzzy4711"), root)
    with OMBox(root, "hashing") as box:
        view = box.view("friend")
        assert view.search("code")
        for partition in ("public", "friend"):
            shutil.rmtree(root / partition)
            (root / partition).mkdir()
        assert view.search("code") == []
        assert [each.sources for each in box.status().partitions] == [0, 0]
        for path in (root / ".prag" / "partitions" / "friend").glob("catalog*"):
            assert b"xyzzy4711" not in path.read_bytes()
