"""`prag summarize`: what it makes, says and keeps."""

import signal
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import cast

import pytest

from tests.cli.running import BINARY, FRIEND, PATIENCE_S, PHONE, Prag
from tests.ollama_double import OllamaDouble

Rows = list[dict[str, object]]
WINDOW = ("--window", "1400")


@pytest.fixture
def double(folder: Path) -> Iterator[OllamaDouble]:
    """A server, and a partition that is too large for a prompt."""
    lines = (f"On day {at} the accordion of number {at} was mended.\n\n" for at in range(150))
    (folder / FRIEND / "long.txt").write_text("".join(lines))
    with OllamaDouble(answer=lambda _: "Accordions were mended.") as double:
        yield double


def rows(result: Mapping[str, object]) -> dict[str, dict[str, object]]:
    return {str(row["id"]): row for row in cast("Rows", result["partitions"])}


def test_the_contract(prag: Prag, double: OllamaDouble, folder: Path) -> None:
    result = prag("summarize", *WINDOW, "--json", OLLAMA_HOST=double.host).json()
    assert set(result) == {"box", "model", "partitions", "seconds"}
    assert (result["box"], result["model"]) == (str(folder), "gemma4")
    found = rows(result)
    assert list(found) == ["public", PHONE, FRIEND]
    for row in found.values():
        assert set(row) == {
            *("id", "made", "summarised", "spans", "discarded", "too_long", "cut", "error"),
        }
    assert cast("int", found[FRIEND]["made"]) > 1
    assert found[FRIEND]["made"] == found[FRIEND]["summarised"] == found[FRIEND]["spans"]
    assert found["public"]["made"] == 0
    assert double.cut == 0


def test_progress_is_on_stderr_and_a_second_run_has_nothing_to_do(
    prag: Prag, double: OllamaDouble
) -> None:
    ran = prag("summarize", *WINDOW, "--as", FRIEND, OLLAMA_HOST=double.host)
    assert ran.code == 0
    many = len(double.chats)
    assert f"note: partition {FRIEND}: 1 of {many} summarised\n" in ran.err
    assert f"note: partition {FRIEND}: {many} of {many} summarised\n" in ran.err
    assert f"{many} summaries by gemma4" in ran.out
    again = prag("summarize", *WINDOW, OLLAMA_HOST=double.host)
    assert "nothing had to be made" in again.out
    assert again.err == ""
    assert len(double.chats) == many


def test_status_and_prompt_show_them(prag: Prag, double: OllamaDouble) -> None:
    assert prag("summarize", *WINDOW, OLLAMA_HOST=double.host).code == 0
    many = len(double.chats)
    status = rows(prag("status", "--json").json())
    assert (status[FRIEND]["summarised"], status[FRIEND]["spans"]) == (many, many)
    arguments = ("prompt", "mended?", "--as", FRIEND, *WINDOW)
    shown = prag(*arguments, "--json", OLLAMA_HOST=double.host).json()
    told = cast("Rows", shown["summaries"])
    assert {row["text"] for row in told} == {"Accordions were mended."}
    assert "made by a model" in prag(*arguments, OLLAMA_HOST=double.host).out


def test_without_ollama_it_fails_and_says_what_to_do(prag: Prag, double: OllamaDouble) -> None:
    assert double.exchanges == []
    assert "ollama serve" in prag("summarize", "--json").failed(1)


def test_a_model_that_is_not_pulled(prag: Prag, double: OllamaDouble) -> None:
    ran = prag("summarize", "--model", "other", OLLAMA_HOST=double.host)
    assert "ollama pull other" in ran.failed(1)


def test_a_contact_that_is_none(prag: Prag, double: OllamaDouble) -> None:
    prag("summarize", "--as", "..", OLLAMA_HOST=double.host).failed(2)
    assert double.exchanges == []


def test_a_partition_that_fails_is_said_and_the_others_are_done(
    prag: Prag, double: OllamaDouble, folder: Path
) -> None:
    index = folder / ".prag" / "partitions"
    index.mkdir(parents=True)
    (index / PHONE).write_text("a file where a folder must be")
    ran = prag("summarize", *WINDOW, "--json", OLLAMA_HOST=double.host)
    assert (ran.code, ran.out) == (1, "")
    assert PHONE in ran.err.splitlines()[-1]
    assert len(double.chats) > 1


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_interrupted_or_killed_it_keeps_what_was_made(
    prag: Prag, double: OllamaDouble, env: Mapping[str, str], how: signal.Signals
) -> None:
    running = subprocess.Popen(
        [BINARY, "summarize", *WINDOW],
        env=dict(env) | {"OLLAMA_HOST": double.host},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert running.stderr is not None
    for line in running.stderr:
        if ": 1 of " in line:
            running.send_signal(how)
            break
    running.stderr.read()
    assert running.wait(PATIENCE_S) in {130, -signal.SIGKILL}
    running.stderr.close()
    result = rows(prag("summarize", *WINDOW, "--json", OLLAMA_HOST=double.host).json())
    made, spans = (cast("int", result[FRIEND][key]) for key in ("made", "spans"))
    assert spans - made > 0
    assert result[FRIEND]["summarised"] == spans
