"""stdout for the result, stderr for the rest, and what is known of the terminal behind them.

Floor: street. The only file of the shell that writes, so that nothing reaches a terminal unescaped.
"""

import contextlib
import os
import shutil
import sys
from collections.abc import Iterable

from partitioned_rag.cli import render
from partitioned_rag.errors import WorkError

NARROWEST, WIDEST = 40, 100
ASSUMED = 80


class ReaderGoneError(Exception):
    """Whoever was reading stdout has left, which ends a command quietly."""


def prepare() -> None:
    """Make stdout take any text, whatever the locale can spell."""
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")


def emit(text: str) -> None:
    """Write a part of the result to stdout, at once.

    Raises:
        ReaderGoneError: Whoever was reading has left.
        WorkError: stdout cannot be written for another reason.
    """
    if sys.stdout is None:
        raise WorkError("there is no stdout to write the result to")
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError as error:
        abandon_stdout()
        raise ReaderGoneError from error
    except OSError as error:
        abandon_stdout()
        raise WorkError(
            f"the result could not be written: {error.strerror}", where="stdout"
        ) from error


def say(text: str) -> None:
    """Write a line to stderr with whatever could drive the terminal escaped."""
    if sys.stderr is None:
        return
    with contextlib.suppress(OSError):
        sys.stderr.write(render.visible(text, keep="\n") + "\n")
        sys.stderr.flush()


def note(text: str) -> None:
    """Tell the owner something besides the result."""
    say(f"note: {text}")


def complain(text: str) -> None:
    """Tell the owner that something failed."""
    say(f"error: {text}")


def complain_of_a_part(text: str, failures: Iterable[str]) -> None:
    """Tell what was done where some of it failed; not where a script would take it for the whole.

    Args:
        text: What was done.
        failures: What was not, a sentence each.
    """
    say(text.rstrip("\n"))
    for failure in failures:
        complain(failure)


def abandon_stdout() -> None:
    """Send what is still in stdout's buffer nowhere, or the interpreter fails on it at its end."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def shows_stdout() -> bool:
    """Say whether a person watches stdout."""
    return sys.stdout is not None and sys.stdout.isatty()


def draws_stderr() -> bool:
    """Say whether stderr is a terminal that can redraw a line."""
    terminal = os.environ.get("TERM", "dumb")
    return sys.stderr is not None and sys.stderr.isatty() and terminal not in {"", "dumb"}


def width_cells() -> int:
    """Say how wide the result may be: the terminal's width, or 80 where there is none."""
    if not shows_stdout():
        return ASSUMED
    return min(WIDEST, max(NARROWEST, shutil.get_terminal_size().columns))
