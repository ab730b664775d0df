"""`prag status`: what is there, without changing it, whether Ollama runs or not."""

from pathlib import Path
from typing import cast

from partitioned_rag import OMBox, Responder
from tests.cli.running import FRIEND, NO_OLLAMA, PHONE, Prag
from tests.ollama_double import OllamaDouble
from tests.responder.test_round_trip import drop

Rows = list[dict[str, object]]
Row = dict[str, object]


def test_the_contract(prag: Prag, folder: Path) -> None:
    prag("index", "--json").json()
    (folder / "public" / "new.txt").write_text("new\n")
    result = prag("status", "--json").json()
    assert set(result) == {
        *("box", "index", "embedder", "embedder_version", "embedder_runtime"),
        *("index_bytes", "contacts_error", "partitions", "skipped", "ollama"),
        *("waiting", "quarantined"),
    }
    assert result["box"] == str(folder)
    assert result["index"] == str(folder / ".prag")
    assert result["embedder"] == "hashing"
    assert result["embedder_runtime"] == "numpy"
    assert cast("int", result["index_bytes"]) > 0
    rows = {str(row["id"]): row for row in cast("Rows", result["partitions"])}
    assert list(rows) == ["public", PHONE, FRIEND]
    assert all(
        set(row) == {"id", "sources", "chunks", "pending", "skipped", "summarised", "spans"}
        for row in rows.values()
    )
    assert (rows["public"]["sources"], rows["public"]["pending"]) == (2, 1)
    assert [row["source"] for row in cast("Rows", rows["public"]["skipped"])] == [
        "public/picture.png"
    ]
    assert [row["source"] for row in cast("Rows", result["skipped"])] == ["stray.txt"]


def test_before_any_index_everything_is_pending_and_nothing_is_made(
    prag: Prag, folder: Path
) -> None:
    before = sorted(folder.iterdir())
    rows = cast("Rows", prag("status", "--json").json()["partitions"])
    assert [row["pending"] for row in rows] == [3, 1, 1]
    assert sorted(folder.iterdir()) == before


def let_wait(folder: Path, *, number: int) -> None:
    """Have messages recorded by a responder whose Ollama is down, and one file put away."""
    for name in ("inbox", "outbox"):
        (folder / name).mkdir(exist_ok=True)
    for n in range(number):
        drop(folder, PHONE, f"om q{n}?", n)
    drop(folder, "15550100002", "nothing that is asked")  # of whom nothing waits
    (folder / "inbox" / "x.json").write_text('{"sender": 7, "text": "om"}')
    with OMBox(folder, "hashing", ollama_host=NO_OLLAMA) as box:
        Responder(box).drain()


def everything(folder: Path) -> list[tuple[str, int]]:
    return sorted((str(path), path.stat().st_mtime_ns) for path in folder.rglob("*"))


def test_what_waits_and_what_was_put_away_is_counted_and_nothing_is_changed(
    prag: Prag, folder: Path
) -> None:
    let_wait(folder, number=3)
    before = everything(folder)
    result = prag("status", "--json").json()
    assert result["waiting"] == [{"contact": PHONE, "messages": 3}]
    assert result["quarantined"] == 1
    shown = prag("status").out
    assert f"3 messages to be answered, as `prag run` does:\n  {PHONE}: 3\n" in shown
    assert "1 file put away as no message, in:" in shown
    assert everything(folder) == before


def test_where_nothing_waits_nothing_is_said_of_it(prag: Prag, folder: Path) -> None:
    assert folder
    result = prag("status", "--json").json()
    assert (result["waiting"], result["quarantined"]) == ([], 0)
    shown = prag("status").out
    assert "answered" not in shown
    assert "put away" not in shown


def test_a_queue_that_must_be_mended_is_shown_and_left_to_the_responder(
    prag: Prag, folder: Path
) -> None:
    let_wait(folder, number=1)
    queue = folder / ".prag" / "partitions" / PHONE / "queue.sqlite3"
    queue.write_bytes(b"no database at all" * 100)
    before = everything(folder)
    assert prag("status", "--json").json()["waiting"] == [{"contact": PHONE, "messages": None}]
    assert f"{PHONE}: the queue cannot be read now" in prag("status").out
    assert everything(folder) == before


def test_an_ollama_that_runs_is_shown(prag: Prag, folder: Path) -> None:
    assert folder
    with OllamaDouble() as double:
        ollama = cast("Row", prag("status", "--json", OLLAMA_HOST=double.host).json()["ollama"])
        shown = prag("status", OLLAMA_HOST=double.host).out
    assert set(ollama) == {"host", "running", "version", "models", "problem"}
    assert ollama["running"] is True
    assert ollama["host"] == double.host
    assert "gemma4:latest" in cast("list[str]", ollama["models"])
    assert f"running at {double.host}, version {ollama['version']}" in " ".join(shown.split())


def test_an_ollama_that_does_not_run_is_a_finding_not_a_failure(prag: Prag, folder: Path) -> None:
    assert folder
    ollama = cast("Row", prag("status", "--json").json()["ollama"])
    assert (ollama["running"], ollama["version"]) == (False, None)
    assert ollama["host"] == NO_OLLAMA
    assert "ollama serve" in str(ollama["problem"])
    shown = prag("status")
    assert shown.code == 0
    assert "ollama serve" in " ".join(shown.out.split())


def test_an_address_of_ollama_that_is_none_is_a_finding_too(prag: Prag, folder: Path) -> None:
    assert folder
    ollama = cast("Row", prag("status", "--json", OLLAMA_HOST="ftp://x").json()["ollama"])
    assert ollama["running"] is False
    assert ollama["problem"]
