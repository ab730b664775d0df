"""Parts of a prompt → the messages that are sent.

Floor: core, pure. All text from outside passes through `neutralise` here, after whatever is joined
has been joined: two harmless halves can make a whole that is not.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from typing import Final

from partitioned_rag.prompt.fencing import FENCE, label
from partitioned_rag.prompt.wording import CONTEXT, SUMMARIES, SUMMARISE, SYSTEM, naming
from partitioned_rag.values import Hit, Message, Names, Role, Summary, Turn

GAP: Final = "\n…\n"
"""Between two spans of one source with something left out between them."""

Neutralise = Callable[[str], str]


def compose(
    said: str,
    *,
    hits: Sequence[Hit] = (),
    turns: Sequence[Turn] = (),
    summaries: Sequence[Summary] = (),
    names: Names,
    neutralise: Neutralise,
) -> tuple[Message, ...]:
    """Write the messages of a prompt.

    The system message holds our own words, then what a model has summarised, then the excerpts.
    Sources stand in the order of their best hits, the best of all last: models use best what
    stands at the beginning and the end of their window, and worst what stands in the middle (Liu
    et al., "Lost in the middle", TACL 2024). Within a source excerpts stand as they were written,
    and what follows on what stands before is one text again.

    The turns follow, oldest first, alternating as user and assistant as models are trained on, and
    the message comes last.

    Args:
        said: The message, neutralised already.
        hits: In any order.
        turns: Oldest first.
        summaries: In the order in which they are shown.
        names: Of the two who talk.
        neutralise: Makes text from outside harmless.
    """
    system = [rules(names, neutralise)]
    if summaries:
        told = (f"{label(each.source, None)}\n{neutralise(each.text)}" for each in summaries)
        system.append("\n".join([SUMMARIES, *told, FENCE]))
    if hits:
        system.append("\n".join([CONTEXT, *_excerpts(hits, neutralise), FENCE]))
    spoken = [
        (Role.USER if turn.speaker == "them" else Role.ASSISTANT, neutralise(turn.text).strip())
        for turn in turns
    ]
    # A template may leave out what is empty, and takes white space off the ends of what is not.
    spoken = [pair for pair in spoken if pair[1]]
    alternating = groupby([*spoken, (Role.USER, said)], key=lambda pair: pair[0])
    return (
        Message(role=Role.SYSTEM, content="\n\n".join(system)),
        *(
            Message(role=role, content="\n".join(text for _, text in pairs))
            for role, pairs in alternating
        ),
    )


def to_summarise(source: str, text: str, *, neutralise: Neutralise) -> tuple[Message, ...]:
    """Write the messages that ask for a summary of a span of one source.

    Args:
        source: As in `Source.path`.
        text: Of the span.
        neutralise: Makes text from outside harmless.
    """
    excerpt = "\n".join([label(source, None), neutralise(text), FENCE])
    return (
        Message(role=Role.SYSTEM, content=SUMMARISE),
        Message(role=Role.USER, content=excerpt),
    )


def rules(names: Names, neutralise: Neutralise) -> str:
    """Write what stands first in every prompt: our own words, and who talks with whom."""
    return " ".join(filter(None, [SYSTEM, neutralise(naming(names))]))


def place_of(hit: Hit) -> tuple[str, int]:
    """Say what an excerpt is labelled with: hits of one place share a label."""
    return hit.source, hit.page or 0


def label_of(hit: Hit) -> str:
    """Make the line before the excerpts of a hit's source, or of its page."""
    return label(hit.source, hit.page)


def _excerpts(hits: Sequence[Hit], neutralise: Neutralise) -> Iterator[str]:
    places: dict[tuple[str, int], list[Hit]] = {}
    for hit in sorted(hits, key=lambda hit: hit.rank):
        places.setdefault(place_of(hit), []).append(hit)
    for of_one_place in reversed(places.values()):
        runs = _runs(sorted(of_one_place, key=lambda hit: (hit.start, hit.end)))
        yield f"{label_of(of_one_place[0])}\n{GAP.join(map(neutralise, runs))}"


def _runs(hits: Sequence[Hit]) -> list[str]:
    """Join what follows on what stands before it, or overlaps with it, into one text.

    Args:
        hits: Of one source, in the order of their places.
    """
    runs: list[str] = []
    end = -1
    for hit in hits:
        if hit.start == end + len(hit.lead):
            runs[-1] += hit.lead + hit.text
        elif hit.start < end and hit.text.startswith(shared := _shared(runs[-1], end, hit)):
            runs[-1] += hit.text[len(shared) :]
        else:
            runs.append(hit.text)
        end = max(end, hit.end)
    return runs


def _shared(run: str, end: int, hit: Hit) -> str:
    """Give what stands in a run, which ends at `end`, where a hit begins."""
    at = len(run) - (end - hit.start)
    return run[at : at + len(hit.text)]
