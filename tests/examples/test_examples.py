"""The face of the project stays true: the example, the demo, the README and the docs."""

import contextlib
import io
import re
import runpy
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

import click
import pytest

import partitioned_rag
from partitioned_rag.cli.main import prag, run
from partitioned_rag.tokens.estimate import estimator
from tests.ollama_double import OllamaDouble
from tests.prompts import a_prompt

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
OMBOX = EXAMPLES / "OMBox"
CONTACTS = ("15550100123", "friend")
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), EXAMPLES / "README.md"])
BLOCK = re.compile(
    r"^```(\w+)\n(.*?)^```$\n?(?:\n?^```text\n(.*?)^```$)?", re.MULTILINE | re.DOTALL
)
WINDOW_TOKENS = 4096


def blocks(*languages: str) -> list[tuple[str, str, str]]:
    """List code blocks: where, what, and the output that stands under it."""
    return [
        (f"{page.name}-{number}", found[2], found[3] or "")
        for page in PAGES
        for number, found in enumerate(BLOCK.finditer(page.read_text(encoding="utf-8")), start=1)
        if found[1] in languages
    ]


def timeless(shown: str) -> str:
    """Leave out how long it took."""
    return re.sub(r"in \d+\.\d s", "in some time", shown).strip()


def shell_lines() -> list[str]:
    """List every `prag` command that the docs tell a reader to type."""
    lines = [
        line.removeprefix("$ ").strip()
        for _, code, _ in blocks("sh", "console")
        for line in code.splitlines()
    ]
    written = [
        found for page in PAGES for found in re.findall(r"`(prag [^`…]*)`", page.read_text())
    ]
    return [line for line in [*lines, *written] if line.startswith("prag ")]


@pytest.fixture(scope="module")
def typed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    """Type what the README says to type: where, what a reader sees, and what the README shows."""
    home = tmp_path_factory.mktemp("home")
    shutil.copytree(EXAMPLES, home / "examples", ignore=shutil.ignore_patterns(".prag"))
    (shown,) = (code for where, code, _ in blocks("console") if where.startswith("README"))
    seen = ""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)
        for line in shown.splitlines():
            if not line.startswith("$ "):
                continue
            seen += f"{line}\n"
            command, *arguments = shlex.split(line)[1:]
            if command == "export":
                patch.setenv(*arguments[0].split("=", 1))
            else:
                out = io.StringIO()
                with contextlib.redirect_stdout(out):
                    assert run(arguments) == 0
                seen += out.getvalue()
    return home, seen, shown


@pytest.fixture
def at_home(typed: tuple[Path, str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand where the examples are as they are in the project, and indexed already."""
    shutil.copytree(typed[0], tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def tour(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Callable[..., None]]:
    """Load the demo without running it."""
    return runpy.run_path(str(EXAMPLES / "demo.py"))


# ---------------------------------------------------------------- the example


def test_the_example_would_not_fit_the_window_as_a_whole() -> None:
    count = estimator().count
    texts = [path.read_text() for path in OMBOX.rglob("*.*") if path.suffix != ".pdf"]
    assert sum(map(count, texts)) > 3 * WINDOW_TOKENS


@pytest.mark.parametrize("contact", CONTACTS)
def test_each_chat_is_long_and_as_the_bridge_writes_it(contact: str) -> None:
    lines = (OMBOX / contact / "chat.log").read_text(encoding="utf-8").splitlines()
    stamps = [line[:21] for line in lines]
    assert len(lines) >= 200
    for line in lines:
        assert re.fullmatch(r"\[\d{4}(-\d\d){2} \d\d(:\d\d){2}\] (them|me): \S.*", line), line
    assert stamps == sorted(stamps)


def test_the_pdf_is_what_its_script_writes() -> None:
    script = runpy.run_path(str(EXAMPLES / "make_example.py"))
    assert (OMBOX / "public" / "cargo-bike-hire.pdf").read_bytes() == script["pdf"](script["PAGES"])


def test_the_example_names_nobody_who_could_be_called_or_written_to() -> None:
    for path in OMBOX.rglob("*.*"):
        text = path.read_bytes().decode("utf-8", errors="replace")
        for address in re.findall(r"[\w.-]+@[\w.-]+", text):
            assert address.endswith("example.org"), (path, address)
        for digits in re.findall(r"\+[\d -]{8,}", text):
            assert re.sub(r"\D", "", digits).startswith("1555010"), (path, digits)


# ---------------------------------------------------------------- the demo


def test_the_demo_gives_four_askers_their_own_answers_and_fits_a_terminal(
    tour: dict[str, Callable[..., None]],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = sorted(OMBOX.rglob("*"))
    with OllamaDouble() as ollama:
        monkeypatch.setenv("OLLAMA_HOST", ollama.host)
        tour["main"]()
    shown = capsys.readouterr().out
    assert shown.count(" 0 ok") == 6
    assert len(re.findall(r"\d,\d{3} LEAK", shown)) == 2  # in one pile of it all, and only there
    for source in ("public/schedule.txt", "15550100123/chat.log", "$ rm friend/chat.log"):
        assert source in shown
    told = " ".join(shown.split())
    assert re.search(r"first ten: [1-9]\d* before it was deleted, 0 in the very next search", told)
    assert len(re.findall(r"You said: Are you free on Sunday\?", shown)) == 4
    assert [line for line in shown.splitlines() if len(line) > 80] == []
    assert sorted(OMBOX.rglob("*")) == before


def test_without_ollama_the_demo_ends_in_what_to_do(
    tour: dict[str, Callable[..., None]],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OLLAMA_HOST", "127.0.0.1:9")  # nobody serves the discard port
    tour["reply"]({})
    assert "`ollama pull" in capsys.readouterr().out


def test_the_check_of_the_demo_sees_a_leak(
    tour: dict[str, Callable[..., None]], capsys: pytest.CaptureFixture[str]
) -> None:
    leaking = a_prompt((OMBOX / "friend/notes.md").read_text())
    with pytest.raises(SystemExit, match="this is a bug"):
        tour["check"](OMBOX, {"Odile": leaking})
    assert re.search(r"prompt for Odile +theirs +\d+ LEAK$", capsys.readouterr().out, re.MULTILINE)


def test_the_library_example_runs(
    at_home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["library.py", str(at_home / "examples" / "OMBox")])
    runpy.run_path(str(at_home / "examples" / "library.py"), run_name="__main__")
    shown = capsys.readouterr().out
    assert "15550100123/" in shown
    assert "friend/" in shown


# ---------------------------------------------------------------- the docs


@pytest.mark.parametrize(
    ("code", "output"),
    [(code, output) for _, code, output in blocks("python")],
    ids=[where for where, _, _ in blocks("python")],
)
@pytest.mark.usefixtures("at_home")
def test_python_in_the_docs_runs_and_says_what_it_is_said_to(
    code: str, output: str, capsys: pytest.CaptureFixture[str]
) -> None:
    exec(compile(code, "docs", "exec"), {"__name__": "docs"})  # noqa: S102 — our own docs
    if output:
        assert capsys.readouterr().out == output


def test_commands_in_the_readme_print_what_it_shows(typed: tuple[Path, str, str]) -> None:
    _, seen, shown = typed
    assert timeless(seen) == timeless(shown)


@pytest.mark.parametrize("line", sorted(set(shell_lines())))
def test_commands_in_the_docs_are_ones_that_exist(line: str) -> None:
    typed = line.partition(" #")[0].partition(" > ")[0].partition(" | ")[0]
    arguments = shlex.split(typed)[1:]
    if arguments == ["--help"]:
        return
    command = prag.commands[arguments[0]]
    if len(arguments) == 1 and any(param.required for param in command.params):
        return  # only named
    command.make_context(arguments[0], arguments[1:])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?://)([^)#]*)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


def test_every_public_name_stands_in_the_library_page() -> None:
    page = (ROOT / "docs" / "library.md").read_text(encoding="utf-8")
    assert len(partitioned_rag.__all__) > 2
    assert [name for name in partitioned_rag.__all__ if f"`{name}`" not in page] == []


def test_every_command_stands_in_its_page() -> None:
    page = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    assert isinstance(prag, click.Group)
    assert [name for name in prag.commands if f"## prag {name}" not in page] == []
