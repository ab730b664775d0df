"""Looks over everything an answer needs, and says of each whether it is well and what to do if not.

Floor: flow. It changes nothing but what a first question would: it may load the model, and the
rebuilt tokenizer is kept.
"""

import shutil
import stat
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from partitioned_rag.embedding.embedder import Embedder
from partitioned_rag.embedding.reranker import Reranker
from partitioned_rag.errors import EmbedderError, OllamaError, PragError
from partitioned_rag.tokens.models import AtHand, Models
from partitioned_rag.values import BoxStatus, CountKind, Finding, Health, Message, Role

if TYPE_CHECKING:
    from partitioned_rag.ollama_api import Ollama

LEAST_FREE_BYTES: Final = 500_000_000
# What a server's own count is compared on; each begins in a way of its own, so that none has its
# beginning in the server's cache.
SAMPLES: Final = (
    "Alpha: are you free on Sunday? The ferry leaves at 9:40.",
    "Bravo 👍 see u there, Zoë — 11 °C, 12,345.67 €",
    "Charlie: def f(x): return [y**2 for y in x]  # <tag> {braces}",
    "Delta: 明日の午後三時に駅で会いましょう。 Мы придём вечером. مرحبا",
)


def examine(
    status: BoxStatus,
    embedder: Embedder,
    reranker: Reranker | None,
    models: Models,
    *,
    ollama: "Callable[[], Ollama]",
    model: str,
    contacts_error: PragError | None,
) -> Iterator[Finding]:
    """Look over a box and what answers from it, one thing after another.

    Args:
        status: What the box holds.
        embedder: Its embedder; it is loaded.
        reranker: Its reranker, if it has one; it is loaded.
        models: What is known of models.
        ollama: Opens a connection to the model's server.
        model: The one that would be asked.
        contacts_error: Why `contacts.toml` cannot be used, if it cannot.

    Yields:
        A finding at a time, since some take a while.
    """
    if contacts_error is not None:
        yield _finding(contacts_error, subject="contacts")
    yield from _of_index(status)
    yield _of_embedder(embedder)
    if reranker is not None:
        yield _of_reranker(reranker)
    try:
        with ollama() as server:
            yield _ok("ollama", f"version {server.version()}")
            yield from _of_model(server, models, model)
    except OllamaError as error:
        yield _finding(error, subject="ollama")


# ---------------------------------------------------------------- the box


def _of_index(status: BoxStatus) -> Iterator[Finding]:
    chunks = sum(each.chunks for each in status.partitions)
    pending = sum(each.pending for each in status.partitions)
    skipped = sum(len(each.skipped) for each in status.partitions)
    if status.partitions:
        yield _ok(
            "box",
            f"{len(status.partitions)} partitions, {chunks} chunks, {pending} files to bring up to"
            f" date, {skipped} skipped",
        )
    else:
        yield Finding(
            subject="box",
            health=Health.WARN,
            detail="there is no partition, so every answer is made of nothing",
            fix=f"make a folder public/ in {status.box}",
        )
    index = Path(status.index)
    if not index.exists():
        yield _ok("index", "not made yet; the first question makes it")
        return
    open_to_others = [path for path in [index, *index.rglob("*")] if _is_open_to_others(path)]
    if open_to_others:
        yield Finding(
            subject="index",
            health=Health.FAIL,
            detail=f"{len(open_to_others)} of its files or folders are open to other users",
            fix=f"run `chmod -R go-rwx {index}`",
        )
    else:
        yield _ok("index", f"{status.index_bytes / 1e6:.1f} MB, closed to other users")
    free = shutil.disk_usage(index).free
    if free < LEAST_FREE_BYTES:
        yield Finding(
            subject="disk",
            health=Health.WARN,
            detail=f"{free / 1e6:.0f} MB are free where the index is",
            fix="make room, or keep the index elsewhere (PRAG_INDEX)",
        )
    else:
        yield _ok("disk", f"{free / 1e9:.1f} GB free where the index is")


def _is_open_to_others(path: Path) -> bool:
    try:
        return bool(stat.S_IMODE(path.stat(follow_symlinks=False).st_mode) & 0o077)
    except FileNotFoundError:
        return False


def _of_embedder(embedder: Embedder) -> Finding:
    try:
        embedder.embed_question("Is anybody there?")
        # Chunks may be the work of another library, which only now has to show that it is right.
        embedder.embed_chunks(["Here I am."])
    except (EmbedderError, OllamaError) as error:
        return _finding(error, subject="embedder")
    told = f"{embedder.name} ({embedder.version}, {embedder.runtime})"
    return _ok("embedder", f"{told}, {embedder.dimensions} numbers")


def _of_reranker(reranker: Reranker) -> Finding:
    try:
        reranker.scores("Is anybody there?", ["Here I am."])
    except EmbedderError as error:
        return _finding(error, subject="reranker")
    return _ok("reranker", reranker.name)


# ---------------------------------------------------------------- the model


def _of_model(server: "Ollama", models: Models, model: str) -> Iterator[Finding]:
    try:
        info = server.show(model)
        at_hand = models.at_hand(server, model)
    except OllamaError as error:
        yield _finding(error, subject="model")
        return
    trained = info.context_length_tokens
    yield _ok("model", f"{model} is pulled")
    yield _ok(
        "window",
        f"{at_hand.window_tokens} tokens are asked for"
        + (f", the model was trained for {trained}" if trained else ""),
    )
    yield _of_counts(at_hand)
    if at_hand.meter.kind is not CountKind.ESTIMATED:
        yield _compared(server, at_hand, model)


def _of_counts(at_hand: AtHand) -> Finding:
    meter = at_hand.meter
    if meter.kind is CountKind.EXACT:
        return _ok("counts", "exact: the tokenizer is rebuilt, the template is seen")
    return Finding(
        subject="counts",
        health=Health.WARN,
        detail=f"{meter.kind}, {meter.margin:.0%} on top, since the server does not tell more",
        fix="update Ollama; prompts are still never cut, only somewhat shorter",
    )


def _compared(server: "Ollama", at_hand: AtHand, model: str) -> Finding:
    """Have the server count some fixed texts, and hold our counts against its own."""
    under: list[int] = []
    exact = 0
    told = 0
    for sample in SAMPLES:
        messages = _chat(at_hand.meter.neutralise(sample))
        theirs = server.count_prompt(model, messages, num_ctx=at_hand.window_tokens)
        ours = at_hand.meter.cost(messages)
        if theirs is None:
            continue
        told += 1
        exact += ours == theirs
        if theirs > ours:
            under.append(theirs - ours)
    if under:
        return Finding(
            subject="comparison",
            health=Health.FAIL,
            detail=f"the server counts up to {max(under)} tokens more than we do",
            fix="this is an error in partitioned_rag: report it with the model's name",
        )
    if not told:
        return _ok("comparison", "the server does not say how long a prompt was")
    # A server that has the beginning of a prompt in its cache counts the rest alone.
    return _ok("comparison", f"{exact} of {told} counts equal the server's, none is below")


def _chat(text: str) -> Sequence[Message]:
    return (
        Message(role=Role.SYSTEM, content=f"{text.partition(' ')[0]} speaks."),
        Message(role=Role.USER, content=text),
    )


def _ok(subject: str, detail: str) -> Finding:
    return Finding(subject=subject, health=Health.OK, detail=detail)


def _finding(error: PragError, *, subject: str) -> Finding:
    place = f" ({error.where})" if error.where else ""
    return Finding(
        subject=subject, health=Health.FAIL, detail=f"{error.what}{place}", fix=error.fix
    )
