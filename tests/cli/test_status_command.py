"""`prag status`: what is there, without changing it, whether Ollama runs or not."""

from pathlib import Path
from typing import cast

from tests.cli.running import FRIEND, NO_OLLAMA, PHONE, Prag
from tests.ollama_double import OllamaDouble

Rows = list[dict[str, object]]
Row = dict[str, object]


def test_the_contract(prag: Prag, folder: Path) -> None:
    prag("index", "--json").json()
    (folder / "public" / "new.txt").write_text("new\n")
    result = prag("status", "--json").json()
    assert set(result) == {
        *("box", "index", "embedder", "embedder_version", "embedder_runtime"),
        *("index_bytes", "contacts_error", "partitions", "skipped", "ollama"),
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
