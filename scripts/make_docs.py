"""Writes the pages of the docs that are made from the program itself.

python scripts/make_docs.py            writes them
python scripts/make_docs.py --check    exits 1 if one differs from what would be written
"""

import sys
from pathlib import Path

import click

from partitioned_rag.cli.main import prag

DOCS = Path(__file__).resolve().parent.parent / "docs"
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


PAGES = (("cli.md", cli_page),)


def main() -> int:
    """Write the pages, or compare them.

    Returns:
        The exit code.
    """
    made = {DOCS / name: page() for name, page in PAGES}
    if "--check" not in sys.argv[1:]:
        for path, text in made.items():
            path.write_text(text, encoding="utf-8")
        return 0
    stale = [
        path
        for path, text in made.items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
    for path in stale:
        sys.stderr.write(f"docs/{path.name} is not what the program says: run `make docs`\n")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
