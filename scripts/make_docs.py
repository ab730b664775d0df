"""Writes the pages of the docs that are made from the program itself.

python scripts/make_docs.py            writes them
python scripts/make_docs.py --check    exits 1 if one differs from what would be written
"""

import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from comparison import growth_plots, growth_section, peers_in_short, peers_section

from partitioned_rag.cli.main import prag

DOCS = Path(__file__).resolve().parent.parent / "docs"
RESULTS = DOCS.parent / "benchmarks" / "results"
# What click prints on a terminal of 80 columns.
WIDTH = 78


def cli_page() -> str:
    """Show the help of `prag` and of each of its commands, as it is printed."""
    settings = {**prag.context_settings, "terminal_width": WIDTH}
    top = click.Context(prag, info_name="prag", **settings)
    parts = [
        "# The `prag` command",
        "This page is made from `--help` by `make docs`.",
        _as_printed(top),
    ]
    for name in prag.list_commands(top):
        command = prag.commands[name]
        within = click.Context(command, info_name=name, parent=top)
        parts += [f"## prag {name}", _as_printed(within)]
    return "\n\n".join(parts) + "\n"


def _as_printed(context: click.Context) -> str:
    return f"```\n{context.get_help()}\n```"


BENCHMARKS_HEAD = """\
# Benchmarks

This page is made from `benchmarks/results/` by `make docs`; `make bench` measures anew.

Each benchmark is a question.
In one of speed, both sides get the same input in the same run, taking turns.
What counts is the median of the ratios, with its spread.
A ratio travels from machine to machine; a number of seconds does not.
"""


def _parts(parts: dict[str, dict[str, Any] | None]) -> list[str]:
    """Set out what was measured a part at a time, and say which parts were not."""
    done = {name: found for name, found in parts.items() if found is not None}
    told = f"Measured a part at a time: {'; '.join(done) or 'none yet'}."
    if missing := [name for name in parts if name not in done]:
        told += f" Not measured yet: {'; '.join(missing)}."
    lines = [f"{told}\n"]
    for name, found in done.items():
        machine = found["machine"]
        where = f"{machine['cores']} cores of {machine['cpu']}, {machine['system']}"
        lines += [f"### {name}\n", *_findings(found["answers"])]
        packages = _versions(machine["packages"])
        lines.append(f"\nOn {where}, Python {machine['python']}, {packages}.\n")
    return lines


def _findings(answers: dict[str, Any]) -> list[str]:
    """Make a table of settings against measures if there are several of each, else of counts."""
    rows = {name: found for name, found in answers.items() if isinstance(found, dict)}
    counts = {name: found for name, found in answers.items() if name not in rows}
    lines: list[str] = []
    if rows:
        columns = list(dict.fromkeys(column for found in rows.values() for column in found))
        lines += [
            f"| | {' | '.join(columns)} |",
            f"| --- |{' --- |' * len(columns)}",
        ]
    for name, found in rows.items():
        values = (found.get(column, "") for column in columns)
        shown = (f"{value:.3g}" if isinstance(value, float) else f"{value}" for value in values)
        lines.append(f"| {name} | {' | '.join(shown)} |")
    return _apart(_counts(counts), lines)


def _apart(*tables: list[str]) -> list[str]:
    """Put a line between tables: the rows of a second would be rows of the first without it."""
    lines: list[str] = []
    for table in filter(None, tables):
        lines += ["", *table] if lines else table
    return lines


def _counts(counts: dict[str, object]) -> list[str]:
    if not counts:
        return []
    return [
        "| counted | |",
        "| --- | --- |",
        *(f"| {name} | {value} |" for name, value in counts.items()),
    ]


def benchmarks_page() -> str:
    """Set out what the benchmarks found, each file of results with the machine it was made on."""
    parts = [BENCHMARKS_HEAD]
    for path in sorted(RESULTS.glob("*.json")):
        result = _read(path)
        if "parts" in result:
            parts += [f"## {path.stem}\n", *_parts(result["parts"])]
            continue
        machine = result["machine"]
        section = dict(SECTIONS).get(path.stem.partition("-")[0], _answers)(result)
        parts.append(f"## {path.stem}\n\n{section}\n")
        parts.append(
            f"On {machine['cores']} cores of {machine['cpu']}, {machine['system']},"
            f" Python {machine['python']}, {_versions(machine['packages'])}.\n"
        )
        if "peers" in machine:
            parts.append(f"The peers: {_versions(machine['peers'])}.\n")
    return "\n".join(parts)


SECTIONS: tuple[tuple[str, Callable[[Any], str]], ...] = (
    ("peers", peers_section),
    ("growth", growth_section),
)


def _versions(packages: dict[str, str]) -> str:
    return ", ".join(f"{name} {number}" for name, number in packages.items())


def _answers(result: dict[str, Any]) -> str:
    """Make a table of the ratios and one of the counts, of what there is."""
    answers: dict[str, Any] = result["answers"]
    ratios = {name: found for name, found in answers.items() if isinstance(found, dict)}
    counts = {name: found for name, found in answers.items() if not isinstance(found, dict)}
    lines: list[str] = []
    if ratios:
        lines += [
            "| question | ratio, median (lowest to highest) | in figures |",
            "| --- | --- | --- |",
        ]
    for found in ratios.values():
        spread = (
            f" ({found['ratio_min']:.3g} to {found['ratio_max']:.3g})"
            if "ratio_min" in found
            else ""
        )
        ratio = found.get("ratio_median", found.get("ratio", 0.0))
        figures = ", ".join(
            f"{name.replace('_', ' ')} {value:.4g}"
            for name, value in found.items()
            if isinstance(value, int | float) and not name.startswith("ratio")
        )
        lines.append(f"| {found['question']} | {ratio:.3g}{spread} | {figures} |")
    return "\n".join(_apart(lines, _counts(counts)))


README = DOCS.parent / "README.md"
# What stands between two marks is made, the marks stay.
BETWEEN_MARKS = re.compile(r"(?<=<!-- peers -->\n).*?(?=<!-- /peers -->)", re.DOTALL)


def readme_page() -> str:
    """Put the comparison, if there is one, between its marks in the README."""
    found = _result("peers")
    others = [_read(path) for path in sorted(RESULTS.glob("peers-*.json"))]
    table = f"\n{peers_in_short(found, others)}\n\n" if found else ""
    return BETWEEN_MARKS.sub(lambda _: table, README.read_text(encoding="utf-8"), count=1)


def plots() -> dict[Path, str]:
    """Draw what there is to draw."""
    found = _result("growth")
    return {DOCS / "plots" / name: text for name, text in growth_plots(found or {}).items()}


def _result(name: str) -> dict[str, Any] | None:
    path = RESULTS / f"{name}.json"
    return _read(path) if path.exists() else None


def _read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


PAGES = (
    (DOCS / "cli.md", cli_page),
    (DOCS / "benchmarks.md", benchmarks_page),
    (README, readme_page),
)


def main() -> int:
    """Write the pages, or compare them.

    Returns:
        The exit code.
    """
    made = {path: page() for path, page in PAGES} | plots()
    if "--check" not in sys.argv[1:]:
        for path, text in made.items():
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return 0
    stale = [
        path
        for path, text in made.items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
    for path in stale:
        sys.stderr.write(
            f"{path.relative_to(DOCS.parent)} is not what the program says: run `make docs`\n"
        )
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
