"""`prag status`: what the OMBox holds and whether everything is there to answer from it.

Floor: street.
"""

from dataclasses import dataclass

import click

from partitioned_rag.cli import options, render, shapes, terminal
from partitioned_rag.errors import PragError

# A server that runs says its version at once.
PATIENCE_S = 3.0


@click.command("status", short_help="Show what is indexed and whether Ollama answers.")
@options.box_options
def status(*, box: str | None, embedder: str | None, as_json: bool) -> None:
    """Show what is indexed and whether Ollama answers.

    Shows where the OMBox and its index are, the index's size on disk, the
    embedder, Ollama's version, and per partition the sources and chunks that
    are indexed, the files that wait to be (pending), and the skipped ones
    with their reasons; and of how many spans of text there is a summary, and
    of how many there could be, about. If there are any, it shows how many
    messages of each contact wait to be answered, and how many files of the
    inbox were no messages. Changes nothing and loads no model.

    \b
    Examples:
      prag status
      prag status --box ~/OMBox --json
    """  # noqa: D301 — click looks for a real backspace
    from partitioned_rag.cli import lines  # noqa: PLC0415 — a door
    from partitioned_rag.responder.backlog import backlog_of  # noqa: PLC0415 — a door

    with options.open_box(box, embedder) as opened:
        found = opened.status()
        backlog = backlog_of(opened)
    ollama = _look_for_ollama()
    if as_json:
        shape = shapes.status(
            found,
            host=ollama.host,
            version=ollama.version,
            models=ollama.models,
            problem=ollama.problem,
        )
        terminal.emit(shapes.encode(shape | shapes.backlog(backlog)))
    else:
        width = terminal.width_cells()
        text = render.status(found, ollama=_in_words(ollama), width=width)
        terminal.emit(text + lines.backlog(backlog, width=width))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ollama:
    """What was seen at Ollama's address; without a version it did not answer."""

    host: str
    version: str | None = None
    models: tuple[str, ...] = ()
    problem: str = ""


def _look_for_ollama() -> _Ollama:
    """Ask Ollama for its version; that it does not run is a finding, not a failure."""
    from partitioned_rag.ollama_address import host_of  # noqa: PLC0415 — the door of httpx
    from partitioned_rag.ollama_api import Ollama  # noqa: PLC0415 — the door of httpx

    named = options.ollama_host()
    try:
        host = host_of(named)
    except PragError as error:
        return _Ollama(host=named or "", problem=str(error))
    try:
        with Ollama(host, timeout_s=PATIENCE_S) as server:
            return _Ollama(host=host, version=server.version(), models=server.models())
    except PragError as error:
        return _Ollama(host=host, problem=str(error))


def _in_words(ollama: _Ollama) -> str:
    if ollama.version is None:
        return ollama.problem
    models = f"{len(ollama.models)} model{'' if len(ollama.models) == 1 else 's'}"
    return f"running at {ollama.host}, version {ollama.version}, {models} pulled"
