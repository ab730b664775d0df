"""The table of scores on a terminal, the best of each column standing out.

Floor: street; the home of rich, so it is imported inside a function only.
"""

import io
from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text


def drawn(rows: Sequence[Sequence[str]], *, width: int) -> str:
    """Draw rows, the first of them heads, as this terminal can show them.

    What best is told by colour alone can be read in the numbers too. `NO_COLOR` and a terminal
    that cannot draw are seen to by rich.

    Args:
        rows: Names in the first column, numbers in the others; harmless text.
        width: Columns of the terminal.
    """
    heads, *others = rows
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for at, head in enumerate(heads):
        table.add_column(Text(head), justify="right" if at else "left", no_wrap=True)
    best = [max(float(row[at]) for row in others) if at else 0.0 for at in range(len(heads))]
    for name, *numbers in others:
        shown = [
            Text(number, style="bold" if len(others) > 1 and float(number) == top else "")
            for number, top in zip(numbers, best[1:], strict=True)
        ]
        table.add_row(Text(name), *shown)
    # As stdout would be drawn on, but through the one file that writes to it.
    console = Console(
        file=io.StringIO(), force_terminal=True, width=width, highlight=False, emoji=False
    )
    with console.capture() as captured:
        console.print(table)
    return captured.get()
