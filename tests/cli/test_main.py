"""What holds for every command: help, exit codes, a quiet stdout on failure, lightness."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from partitioned_rag.store.lock import hold
from tests.cli.running import BINARY, PATIENCE_S, Prag

COMMANDS = (
    "index",
    "search",
    "prompt",
    "ask",
    "run",
    "log",
    "retry",
    "summarize",
    "eval",
    "status",
    "doctor",
)
QUESTIONS = ("search", "prompt", "ask")
HEAVY = (
    "chromadb",
    "numpy",
    "torch",
    "tokenizers",
    "httpx",
    "pypdf",
    "rich",
    "selectolax",
    "tiktoken",
    "sentence_transformers",
    "transformers",
)


# ---------------------------------------------------------------- help


def test_help_lists_the_commands_in_the_order_in_which_they_are_met(prag: Prag) -> None:
    ran = prag("--help")
    listed = ran.out.partition("Commands:\n")[2].splitlines()
    assert [line.split()[0] for line in listed] == list(COMMANDS)
    assert all(line.split()[1:] for line in listed)


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_help_with_a_purpose_options_and_two_examples(
    prag: Prag, command: str
) -> None:
    ran = prag(command, "--help")
    assert ran.code == 0
    assert ran.err == ""
    assert max(map(len, ran.out.splitlines())) <= 80
    assert ran.out.count(f"\n    prag {command}") == 2
    assert "--box DIR" in ran.out
    assert "--json" in ran.out
    assert ran == prag(command, "-h")


def test_the_page_of_the_docs_is_what_help_prints(prag: Prag) -> None:
    root = Path(__file__).resolve().parents[2]
    page = (root / "docs" / "cli.md").read_text(encoding="utf-8")
    assert page.count("```\n") == 2 * (len(COMMANDS) + 1)
    for arguments in ((), *((command,) for command in COMMANDS)):
        assert f"```\n{prag(*arguments, '--help', COLUMNS='80').out}```\n" in page
    made = subprocess.run(
        [sys.executable, root / "scripts" / "make_docs.py", "--check"], check=False
    )
    assert made.returncode == 0


def test_version(prag: Prag) -> None:
    name, version = prag("--version").out.split()
    assert name == "prag"
    assert version[0].isdigit()


def test_the_module_is_the_command(env: Mapping[str, str]) -> None:
    as_module = subprocess.run(
        [sys.executable, "-m", "partitioned_rag", "--help"],
        env=env,
        capture_output=True,
        timeout=PATIENCE_S,
        check=True,
    )
    assert as_module.stdout.startswith(b"Usage: prag ")


@pytest.mark.parametrize(
    "statement",
    [
        "import partitioned_rag",
        "from partitioned_rag.cli.main import run; run(['--help'])",
        "from partitioned_rag.cli.main import run; run(['search', '--help'])",
        "from partitioned_rag.cli.main import run; run(['search'])",
    ],
)
def test_help_and_import_load_no_heavy_library(statement: str, env: Mapping[str, str]) -> None:
    program = f"{statement}\nimport sys, json; print('\\n' + json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=env,
        capture_output=True,
        timeout=PATIENCE_S,
        check=True,
    )
    loaded = set(json.loads(done.stdout.splitlines()[-1]))
    assert "partitioned_rag" in loaded
    assert loaded.isdisjoint(HEAVY)


# ---------------------------------------------------------------- wrong usage and input


def test_no_command_shows_the_help_as_wrong_usage(prag: Prag) -> None:
    ran = prag()
    assert (ran.code, ran.out) == (2, "")
    assert "Commands:" in ran.err


@pytest.mark.parametrize(
    "arguments",
    [
        ("nonsense",),
        ("index", "--nonsense"),
        ("index", "a", "b"),
        ("search",),
        ("search", "x", "-k", "0"),
        ("search", "x", "-k", "1001"),
        ("search", "x", "-k", "many"),
        ("search", "x", "--as"),
        ("prompt", "x", "--budget", "0"),
        ("eval",),
        ("eval", "a", "b"),
        ("eval", "a", "--as", "friend"),
        ("eval", "a", "--overwrite"),
        ("eval", "a", "--count", "3"),
        ("eval", "--make", "--count", "0"),
        ("eval", "--make", "--compare"),
        ("ask",),
    ],
)
def test_wrong_usage(prag: Prag, arguments: tuple[str, ...]) -> None:
    last = prag(*arguments).failed(2).splitlines()[-1]
    assert last.startswith("Help: prag ")
    assert last.endswith(" --help")


@pytest.mark.parametrize("command", QUESTIONS)
def test_a_question_in_several_words_is_told_of_quotes(prag: Prag, command: str) -> None:
    assert "put the question in quotes" in prag(command, "are", "you", "free").failed(2)


def test_what_was_typed_wrongly_cannot_drive_the_terminal(prag: Prag) -> None:
    for arguments in ((b"\x1b[2J\xff\xc2\x9b",), ("search", "x", "--\x1b[2J"), ("\x1b]0;x\x07",)):
        said = prag(*arguments).failed(2)
        assert not any(ord(c) < 32 and c != "\n" for c in said)
        assert "\x9b" not in said


@pytest.mark.parametrize("as_json", [(), ("--json",)])
@pytest.mark.parametrize("command", COMMANDS)
def test_a_box_that_is_not_there(prag: Prag, command: str, as_json: tuple[str, ...]) -> None:
    needed = {"retry": ("0123abcd",), "eval": ("--make",)}.get(command, ())
    needed = ("hello",) if command in QUESTIONS else needed
    said = prag(command, *needed, "--box", "/nowhere/at all", *as_json).failed(2)
    assert "/nowhere/at all" in said
    assert len(said.splitlines()) == 1


def test_a_box_that_is_a_file(prag: Prag, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("x")
    assert str(path) in prag("index", str(path)).failed(2)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("command", QUESTIONS)
@pytest.mark.parametrize("question", ["", "  \n "])
def test_a_question_that_asks_nothing(prag: Prag, command: str, question: str) -> None:
    assert "question" in prag(command, question, "--json").failed(2)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("contact", ["", "public", "inbox", "..", "a/b", "\x1b[2J", "x" * 300])
def test_a_contact_that_is_none(prag: Prag, contact: str) -> None:
    assert "\x1b" not in prag("search", "hello", "--as", contact).failed(2)


@pytest.mark.usefixtures("folder")
def test_an_embedder_that_is_none(prag: Prag) -> None:
    ran = prag("search", "hello", "--embedder", "/nowhere")
    assert ran.code in {1, 2}
    ran.failed(ran.code)


# ---------------------------------------------------------------- the box, and how it ends


def test_the_box_is_the_one_named_else_the_environments_else_on_the_desktop_else_at_home(
    prag: Prag, tmp_path: Path
) -> None:
    places = [tmp_path / name for name in ("named", "of env", "Desktop/OMBox", "OMBox")]
    for place in places:
        (place / "public").mkdir(parents=True)
    named, of_env, on_desktop, at_home = map(str, places)

    def used(*arguments: str, **env: str) -> object:
        return prag("status", *arguments, "--json", **env).json()["box"]

    assert used("--box", named, PRAG_BOX=of_env) == named
    assert used(PRAG_BOX=of_env) == of_env
    assert used() == on_desktop
    places[2].rename(tmp_path / "moved away")
    assert used() == at_home
    assert prag("index", named, "--json", PRAG_BOX=of_env).json()["box"] == named
    assert "once" in prag("index", named, "--box", of_env, "--json").failed(2)


def test_the_index_is_kept_where_the_environment_says(
    prag: Prag, folder: Path, tmp_path: Path
) -> None:
    prag("index", PRAG_INDEX=str(tmp_path / "elsewhere"))
    assert (tmp_path / "elsewhere").is_dir()
    assert not (folder / ".prag").exists()


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("arguments", [("--help",), ("search", "sunday"), ("index", "--json")])
def test_a_reader_that_leaves_ends_it_quietly(
    env: Mapping[str, str], arguments: tuple[str, ...]
) -> None:
    readable, writable = os.pipe()
    os.close(readable)
    done = subprocess.run(
        [BINARY, *arguments],
        env=env,
        stdout=writable,
        stderr=subprocess.PIPE,
        timeout=PATIENCE_S,
        check=False,
    )
    os.close(writable)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.usefixtures("folder")
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_result_that_cannot_be_written_is_a_failure(env: Mapping[str, str]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [BINARY, "search", "sunday"],
            env=env,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr.startswith("error: the result could not be written")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.usefixtures("folder")
def test_a_locale_that_cannot_spell_the_result_does_not_stop_it(prag: Prag, folder: Path) -> None:
    (folder / "public" / "日本.txt").write_text("日曜日 sunday\n", encoding="utf-8")
    ran = prag("search", "日曜日 sunday", PYTHONIOENCODING="ascii")
    assert ran.code == 0
    assert "\\u65e5\\u672c.txt" in ran.out


BROKEN = """
import sys
from partitioned_rag.cli.main import run
sys.modules["partitioned_rag.box"] = None  # an installation with a piece missing
secret = "the lemon cake"
sys.exit(run(sys.argv[1:]))
"""


def test_a_bug_is_called_one_and_shows_its_place_on_demand(env: Mapping[str, str]) -> None:
    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-c", BROKEN, *arguments],
            env=env,
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )

    plain, debugged = run("search", "lemon cake"), run("--debug", "search", "lemon cake")
    assert (plain.returncode, plain.stdout) == (1, "")
    assert len(plain.stderr.splitlines()) == 1
    assert "this is a bug in prag (ModuleNotFoundError at options.py:" in plain.stderr
    assert "prag --debug" in plain.stderr
    assert (debugged.returncode, debugged.stdout) == (1, "")
    assert "Traceback" in debugged.stderr
    assert "lemon cake" not in debugged.stderr


@pytest.mark.usefixtures("folder")
def test_debug_logs_to_stderr_and_changes_no_result(prag: Prag) -> None:
    plain, debugged = (
        prag("search", "sunday", "--json"),
        prag("--debug", "search", "sunday", "--json"),
    )
    assert plain.err == ""
    assert plain.json()["hits"] == debugged.json()["hits"]


@pytest.mark.usefixtures("folder")
def test_an_interrupted_index_says_so_and_what_it_waited_for(
    env: Mapping[str, str], folder: Path
) -> None:
    partition = folder / ".prag" / "partitions" / "public"
    with hold(partition, waiting=lambda _: None):
        waiting = subprocess.Popen(
            [BINARY, "index", "--json"],
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert waiting.stderr is not None
        first = waiting.stderr.readline()
        waiting.send_signal(signal.SIGINT)
        out, rest = waiting.communicate(timeout=PATIENCE_S)
    assert first == (f"note: partition public is being indexed by process {os.getpid()}, waiting\n")
    assert (waiting.returncode, out) == (130, "")
    assert rest.startswith("error: interrupted")
    assert len(rest.splitlines()) == 1
