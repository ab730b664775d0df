"""`prag ask`: the reply alone on stdout, and none that must not be seen."""

import contextlib
import os
import pty
import signal
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import cast

import pytest

from tests.cli.running import BINARY, FRIEND, PATIENCE_S, Prag, Ran
from tests.ollama_double import Fault, OllamaDouble

pytestmark = pytest.mark.usefixtures("folder")
Rows = list[dict[str, object]]
CAKE = "yes, and I bring\nthe lemon cake \x1b[2J"


@pytest.fixture
def ollama() -> Iterator[OllamaDouble]:
    with OllamaDouble(answer=lambda _: CAKE) as double:
        yield double


def ask(prag: Prag, ollama: OllamaDouble, *arguments: str) -> Ran:
    return prag("ask", "are you coming?", "--as", FRIEND, *arguments, OLLAMA_HOST=ollama.host)


def test_the_reply_alone_is_on_stdout(prag: Prag, ollama: OllamaDouble) -> None:
    ran = ask(prag, ollama)
    assert ran.code == 0
    assert ran.out == "yes, and I bring\nthe lemon cake \\x1b[2J\n"
    assert ran.err.startswith("note: gemma4 answered in ")
    assert ollama.cut == 0


def test_the_contract(prag: Prag, ollama: OllamaDouble) -> None:
    result = ask(prag, ollama, "--json").json()
    assert set(result) == {
        *("messages", "tokens", "budget", "window", "reply_reserve", "count", "margin", "bill"),
        *("whole_folder", "hits", "turns", "summaries", "omitted", "rendered"),
        *("reply", "model", "timings", "cut"),
    }
    assert result["reply"] == CAKE
    assert result["model"] == "gemma4"
    assert set(cast("dict[str, float]", result["timings"])) == {"first_words_s", "total_s", "asked"}
    (chat,) = ollama.chats
    assert chat.body["messages"] == result["messages"]


def test_what_is_asked_is_what_prompt_shows(prag: Prag, ollama: OllamaDouble) -> None:
    asked = ask(prag, ollama, "--budget", "900", "--json").json()
    shown = prag("prompt", "are you coming?", "--as", FRIEND, "--budget", "900", "--json").json()
    assert {key: asked[key] for key in shown} == shown


def test_the_model_is_the_one_named_else_the_environments(prag: Prag, ollama: OllamaDouble) -> None:
    ollama.models |= dict.fromkeys(("one:latest", "two:latest"), ollama.models["gemma4:latest"])
    env = {"OLLAMA_HOST": ollama.host, "PRAG_MODEL": "one"}
    assert prag("ask", "hello", "--json", **env).json()["model"] == "one"
    assert prag("ask", "hello", "--json", "--model", "two", **env).json()["model"] == "two"
    assert [chat.body["model"] for chat in ollama.chats] == ["one", "two"]


@pytest.mark.parametrize("as_json", [(), ("--json",)])
def test_without_ollama_it_says_how_to_start_it(prag: Prag, as_json: tuple[str, ...]) -> None:
    said = prag("ask", "hello", *as_json).failed(1)
    assert "ollama serve" in said
    assert len(said.splitlines()) == 1


def test_a_model_that_is_not_pulled_says_how_to_pull_it(prag: Prag, ollama: OllamaDouble) -> None:
    assert "ollama pull nonsuch" in ask(prag, ollama, "--model", "nonsuch").failed(1)


@pytest.mark.parametrize("fault", [Fault.DROP, Fault.ERROR])
def test_a_reply_that_breaks_off_leaves_nothing_in_the_pipe(
    prag: Prag, ollama: OllamaDouble, fault: Fault
) -> None:
    ollama.misbehave(fault)
    ask(prag, ollama).failed(1)


def test_a_withdrawn_reply_never_reaches_a_pipe(
    prag: Prag, ollama: OllamaDouble, folder: Path
) -> None:
    change_while_thinking(ollama, folder)
    ran = ask(prag, ollama)
    assert ran.out == "reply 2\n"
    assert "thrown away" in ran.err


def test_on_a_terminal_it_streams_and_says_what_is_withdrawn(
    env: Mapping[str, str], ollama: OllamaDouble, folder: Path
) -> None:
    change_while_thinking(ollama, folder)
    shown = on_terminal(env, ollama)
    first, withdrawn, second = (
        shown.index(part) for part in ("reply 1", "the reply above is withdrawn", "reply 2")
    )
    assert first < withdrawn < second


def change_while_thinking(ollama: OllamaDouble, folder: Path) -> None:
    """Change what was quoted during the first chat, and number the replies."""

    def change(_: object) -> None:
        if len(ollama.chats) == 1:
            (folder / "public" / "schedule.txt").write_text("Closed on sunday.\n")

    ollama.on_chat(change)
    ollama.answer = lambda _: f"reply {len(ollama.chats)}"


def on_terminal(env: Mapping[str, str], ollama: OllamaDouble) -> str:
    ours, theirs = pty.openpty()
    running = subprocess.Popen(
        [BINARY, "ask", "are you coming?", "--as", FRIEND],
        env=dict(env) | {"OLLAMA_HOST": ollama.host, "TERM": "xterm"},
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    shown = b""
    with contextlib.suppress(OSError):  # how Linux says that nobody holds the terminal any more
        while piece := os.read(ours, 65536):
            shown += piece
    os.close(ours)
    assert running.wait(PATIENCE_S) == 0
    return shown.decode().replace("\r\n", "\n")


def test_an_interrupted_question_ends_with_130(
    env: Mapping[str, str], ollama: OllamaDouble
) -> None:
    ollama.hold()
    asked = subprocess.Popen(
        [BINARY, "ask", "hello"],
        env=dict(env) | {"OLLAMA_HOST": ollama.host},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    ollama.on_chat(lambda _: asked.send_signal(signal.SIGINT))
    out, err = asked.communicate(timeout=PATIENCE_S)
    assert (asked.returncode, out) == (130, "")
    assert err.startswith("error: interrupted")
