"""The `prag` command: its group, and errors → one line and an exit code.

Floor: street. Knows nothing of the domain. The commands import the library when they run, so that
`prag --help` is quick.
"""

import logging
import signal
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path

import click

from partitioned_rag.cli import render, terminal
from partitioned_rag.cli.ask import ask
from partitioned_rag.cli.doctor import doctor
from partitioned_rag.cli.eval import evaluate
from partitioned_rag.cli.index import index
from partitioned_rag.cli.log import log
from partitioned_rag.cli.prompt import prompt
from partitioned_rag.cli.retry import retry
from partitioned_rag.cli.run import run as run_command
from partitioned_rag.cli.search import search
from partitioned_rag.cli.status import status
from partitioned_rag.cli.summarize import summarize
from partitioned_rag.errors import PragError

FAILED, MISUSED, INTERRUPTED = 1, 2, 130


@dataclass(slots=True)
class Shell:
    """What holds for one run of the shell."""

    shows_traceback: bool = False


class _InOrder(click.Group):
    """Lists its commands in the order in which they are met."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


@click.group(
    "prag",
    cls=_InOrder,
    commands=[
        index,
        search,
        prompt,
        ask,
        run_command,
        log,
        retry,
        summarize,
        evaluate,
        status,
        doctor,
    ],
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
)
@click.version_option(
    package_name="partitioned-rag", prog_name="prag", message="%(prog)s %(version)s"
)
@click.option("--debug", is_flag=True, help="Log what is done to stderr; show where a bug struck.")
@click.pass_obj
def prag(shell: Shell, *, debug: bool) -> None:
    """Answer from a folder, telling each contact no more than it may read.

    An OMBox is a folder with public/ and one folder per contact. A question
    asked for a contact is answered from public/ and that contact's own
    folder; the rest is out of its reach.

    The result is on stdout, everything else on stderr. Exit code 0: done,
    1: the work failed, 2: wrong usage or input, 130: interrupted.

    \b
    Examples:
      prag index ~/OMBox
      prag ask "are you free on sunday?" --as 15551234567 --box ~/OMBox
    """  # noqa: D301 — click looks for a real backspace
    shell.shows_traceback = debug
    _listen(debug=debug)


def main() -> None:
    """Run the shell on the arguments of this process, and end it."""
    terminal.prepare()
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command.

    Args:
        arguments: What was typed behind `prag`.

    Returns:
        The exit code.
    """
    shell = Shell()
    code = 0
    try:
        # Not `prag.main`: click takes every broken pipe for one of stdout, even a child process's.
        with prag.make_context("prag", list(arguments), obj=shell) as context:
            prag.invoke(context)
    except click.exceptions.Exit as done:
        code = done.exit_code
    except click.ClickException as error:
        _show_usage(error)
        code = MISUSED
    except PragError as error:
        terminal.complain(str(error))
        code = error.exit_code
    except (KeyboardInterrupt, click.Abort):
        # Once is enough: a second one would cut off the word about the first.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        terminal.complain("interrupted; the index keeps what was done")
        code = INTERRUPTED
    except terminal.ReaderGoneError:
        pass
    except Exception as error:  # noqa: BLE001 — a bug, shown as one
        if isinstance(error, OSError) and _is_from_click(error):
            # What click itself writes, such as help, goes past `terminal.emit`.
            terminal.abandon_stdout()
            if not isinstance(error, BrokenPipeError):
                terminal.complain(f"the result could not be written (stdout): {error.strerror}")
                code = FAILED
        else:
            _show_bug(error, shell)
            code = FAILED
    return code


def _is_from_click(error: OSError) -> bool:
    frames = traceback.extract_tb(error.__traceback__)
    return bool(frames) and Path(frames[-1].filename).parent.name == "click"


def _show_usage(error: click.ClickException) -> None:
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        terminal.say(error.format_message())
        return
    terminal.complain(error.format_message())
    context = error.ctx if isinstance(error, click.UsageError) else None
    if context is not None:
        terminal.say(context.get_usage())
    terminal.say(f"Help: {context.command_path if context else 'prag'} --help")


def _show_bug(error: Exception, shell: Shell) -> None:
    """Say that this is a bug, without what may hold somebody's text."""
    if shell.shows_traceback:
        terminal.say("".join(traceback.format_exception(error)).rstrip("\n"))
    frames = traceback.extract_tb(error.__traceback__)
    place = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    more = "" if shell.shows_traceback else "; `prag --debug …` shows where it came from"
    terminal.complain(f"this is a bug in prag ({type(error).__name__}{place}){more}")


def _listen(*, debug: bool) -> None:
    """Send the library's log to stderr under `--debug`, and nowhere otherwise."""
    log = logging.getLogger("partitioned_rag")
    if debug:
        handler = logging.StreamHandler()
        handler.setFormatter(_Escaping("%(relativeCreated)d ms %(name)s: %(message)s"))
        log.addHandler(handler)
        log.setLevel(logging.DEBUG)
    else:
        log.addHandler(logging.NullHandler())


class _Escaping(logging.Formatter):
    """Log lines hold names of files, and a name must not drive the terminal."""

    def format(self, record: logging.LogRecord) -> str:
        return render.visible(super().format(record), keep="\n")
