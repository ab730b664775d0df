"""What does not fit a prompt → summaries of it, made one partition and one span at a time.

Floor: flow. It is given one partition, a meter and a way to ask; it knows neither box nor client.
Whatever is put to the model holds text of that partition alone, and what comes back is bound to the
very chunks that it was made of.
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from itertools import islice
from typing import Final, NamedTuple

from partitioned_rag.errors import ContextLengthError, EmptyReplyError
from partitioned_rag.partition import Partition
from partitioned_rag.prompt.composing import compose, to_summarise
from partitioned_rag.prompt.meter import Meter
from partitioned_rag.prompt.packing import NOBODY
from partitioned_rag.units import UNIT_TOKENS, Unit, halves, ids_of, text_of, units
from partitioned_rag.values import (
    Message,
    PartitionId,
    PartitionSummaries,
    Summary,
    SummaryProgress,
)

SUMMARY_TOKENS: Final = 256
"""What the model may take for one summary; it is asked for much less."""

MOST_CHARS_PER_TOKEN: Final = 8
PROMPT_SUMMARIES: Final = 40


class Said(NamedTuple):
    """What a model answered, and whether it was stopped before it had finished."""

    text: str
    cut: bool


class Outcome(Enum):
    """Why a span got no summary."""

    GONE = "gone"
    CUT = "cut"


def summary_tokens(window_tokens: int) -> int:
    """Say how much of a window is kept free for a summary."""
    return min(SUMMARY_TOKENS, window_tokens // 4)


def summarise(
    partition: Partition,
    *,
    meter: Meter,
    window_tokens: int,
    whole_tokens: int,
    ask: Callable[[Sequence[Message]], Said],
    progress: Callable[[SummaryProgress], None],
) -> PartitionSummaries:
    """Make the summaries that a partition has not got.

    Each is kept as soon as it is made. One whose text changed while the model was thinking is
    thrown away, and is made of what then stands there the next time.

    Args:
        partition: Brought up to date with its folder first.
        meter: How the model at hand counts.
        window_tokens: Of the model, prompt and summary together.
        whole_tokens: A partition that takes no more than this needs no summaries.
        ask: Puts a prompt to the model and waits.
        progress: Told before the first and after each span.

    Raises:
        OllamaError: Whatever `ask` raises, but for a span that is too long: it is cut in two; and
            for one of which the model says nothing: it gets no summary.
        StoreError: The index cannot be read or written.
    """
    room = window_tokens - summary_tokens(window_tokens)
    limit = min(UNIT_TOKENS, room - meter.cost(to_summarise("", "", neutralise=meter.neutralise)))
    waiting: deque[Unit] = deque()
    if not _fits(partition, meter, whole_tokens):
        waiting += units(partition.pieces(), day_of=partition.day_of, size=meter.count, limit=limit)
    made = discarded = too_long = cut = 0

    def tell() -> None:
        done = made + discarded + too_long + cut
        progress(SummaryProgress(partition=partition.id, done=done, total=done + len(waiting)))

    if waiting:
        tell()
    while waiting:
        unit = waiting.popleft()
        said = _asked(unit, partition, meter=meter, room=room, ask=ask)
        if isinstance(said, list) and said:
            waiting.extendleft(reversed(said))
            continue
        if isinstance(said, list):
            too_long += 1
        elif said is Outcome.CUT:
            cut += 1
        elif isinstance(said, Summary) and partition.keep_summary(said, ids_of(unit)):
            made += 1
        else:
            discarded += 1
        tell()
    held = len(partition.summaries())
    return PartitionSummaries(
        id=partition.id,
        made=made,
        summarised=held,
        spans=held + discarded + too_long + cut,
        discarded=discarded,
        too_long=too_long,
        cut=cut,
    )


def _asked(
    unit: Unit,
    partition: Partition,
    *,
    meter: Meter,
    room: int,
    ask: Callable[[Sequence[Message]], Said],
) -> Summary | list[Unit] | Outcome:
    """Have one unit summarised.

    Returns:
        Its summary; or what to ask instead, where it is too long: its halves, or nothing; or why
        there is none.
    """
    source, text = unit[0].source, text_of(unit)
    messages = to_summarise(source, text, neutralise=meter.neutralise)
    if meter.cost(messages) > room:
        return halves(unit)
    if not partition.can_be_summarised(ids_of(unit), source):
        return Outcome.GONE
    try:
        said = ask(messages)
    except ContextLengthError:
        return halves(unit)
    except EmptyReplyError:
        # It may have used up what it could say on thinking; of another span it may have words.
        return Outcome.CUT
    if said.cut:
        # Half a sentence can say the opposite of the whole one.
        return Outcome.CUT
    return Summary(
        partition=partition.id,
        source=source,
        start=unit[0].chunk.start,
        end=unit[-1].chunk.end,
        text=said.text,
    )


def _fits(partition: Partition, meter: Meter, whole_tokens: int) -> bool:
    """Say whether all of a partition would stand in a prompt anyway."""
    room = whole_tokens - meter.cost(compose("", names=NOBODY, neutralise=meter.neutralise))
    held = partition.everything(at_most_chars=max(0, room) * MOST_CHARS_PER_TOKEN)
    return held is not None and sum(meter.count(each.text) for each in held) <= room


def told(partitions: Mapping[PartitionId, Partition], *, chat: Partition | None) -> list[Summary]:
    """Give what a prompt may tell of what was summarised, the most wanted first.

    Returns:
        The newest of the audience's own chat first, then the others: the last partition first,
        each in the order of sources and places; so many at most.
    """
    held = {name: each.summaries() for name, each in partitions.items()}
    own = (
        [each for each in held.get(chat.id, ()) if each.source == chat.chat_path]
        if chat is not None
        else []
    )
    others = (each for name in reversed(held) for each in held[name] if each not in own)
    return list(islice((*reversed(own), *others), PROMPT_SUMMARIES))


def summaries_stand(
    summaries: Sequence[Summary], partitions: Mapping[PartitionId, Partition]
) -> bool:
    """Say whether all that summaries were made of is in the folders as it was."""
    return all(
        each.keeps([summary for summary in summaries if summary.partition == name])
        for name, each in partitions.items()
    )
