"""`prag doctor`: what is well is said in a line, what is not with what to do."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest

from tests.byte_model import BYTES, byte_tokens
from tests.cli.running import Prag
from tests.ollama_double import OllamaDouble

Rows = list[dict[str, str]]


@pytest.fixture
def double() -> Iterator[OllamaDouble]:
    with OllamaDouble(models={"gemma4:latest": BYTES}, tokens=byte_tokens) as running:
        yield running


def findings(prag: Prag, *arguments: str, code: int = 0, **env: str) -> dict[str, dict[str, str]]:
    ran = prag("doctor", "--json", *arguments, **env)
    assert ran.code == code, ran
    rows = cast("Rows", json.loads(ran.out)["findings"])
    assert all(set(row) == {"subject", "health", "detail", "fix"} for row in rows)
    assert {row["health"] for row in rows} <= {"ok", "warn", "fail"}
    assert all(bool(row["fix"]) == (row["health"] != "ok") for row in rows)
    return {row["subject"]: row for row in rows}


def test_where_all_is_well_every_line_is_ok(prag: Prag, folder: Path, double: OllamaDouble) -> None:
    assert prag("index").code == 0
    found = findings(prag, OLLAMA_HOST=double.host)
    assert {row["health"] for row in found.values()} == {"ok"}, found
    assert found["counts"]["detail"].startswith("exact")
    assert found["comparison"]["detail"] == "4 of 4 counts equal the server's, none is below"
    shown = prag("doctor", OLLAMA_HOST=double.host).out
    assert all(line.startswith(("ok    ", " ")) for line in shown.splitlines())
    assert double.cut == 0


def test_without_ollama_it_says_how_to_start_it(prag: Prag, folder: Path) -> None:
    found = findings(prag, code=1)
    assert found["ollama"]["health"] == "fail"
    assert "ollama serve" in found["ollama"]["fix"]


def test_a_model_that_is_not_pulled_is_named(
    prag: Prag, folder: Path, double: OllamaDouble
) -> None:
    found = findings(prag, "--model", "qwen3:4b", code=1, OLLAMA_HOST=double.host)
    assert "ollama pull qwen3:4b" in found["model"]["fix"]


def test_a_count_below_the_server_s_is_an_error_of_ours(prag: Prag, folder: Path) -> None:
    def more(text: str) -> list[str]:
        return [part for token in byte_tokens(text) for part in (token, "")]

    with OllamaDouble(models={"gemma4:latest": BYTES}, tokens=more) as double:
        found = findings(prag, code=1, OLLAMA_HOST=double.host)
    assert found["comparison"]["health"] == "fail"
    assert "more than we do" in found["comparison"]["detail"]


def test_an_old_server_is_a_warning(prag: Prag, folder: Path) -> None:
    with OllamaDouble(
        models={"gemma4:latest": BYTES}, tokens=byte_tokens, knows_debug_render=False
    ) as double:
        found = findings(prag, OLLAMA_HOST=double.host)
    assert found["counts"]["health"] == "warn"
    assert found["counts"]["detail"].startswith("calibrated")


def test_an_index_that_others_may_read_fails(prag: Prag, folder: Path) -> None:
    assert prag("index").code == 0
    os.chmod(folder / ".prag" / "partitions" / "public" / "catalog.sqlite3", 0o644)  # noqa: PTH101
    found = findings(prag, code=1)
    assert found["index"]["health"] == "fail"
    assert "chmod -R go-rwx" in found["index"]["fix"]


def test_a_box_without_partitions_is_a_warning(
    prag: Prag, tmp_path: Path, double: OllamaDouble
) -> None:
    (tmp_path / "empty").mkdir()
    found = findings(prag, "--box", str(tmp_path / "empty"), OLLAMA_HOST=double.host)
    assert found["box"]["health"] == "warn"
