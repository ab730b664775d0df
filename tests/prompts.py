"""Prompts made by hand, for tests of what is done with one."""

from collections.abc import Sequence

from partitioned_rag.values import (
    BillItem,
    CountKind,
    Hit,
    Message,
    Omitted,
    Prompt,
    Role,
    Summary,
    Turn,
)


def a_prompt(
    text: str,
    *,
    count: CountKind = CountKind.ESTIMATED,
    hits: Sequence[Hit] = (),
    turns: Sequence[Turn] = (),
    summaries: Sequence[Summary] = (),
    omitted: Sequence[Omitted] = (),
    is_whole_folder: bool = False,
    rendered: str | None = None,
) -> Prompt:
    """Make a prompt of two messages that costs 30 of 100 tokens, in a window of 150."""
    return Prompt(
        messages=(
            Message(role=Role.SYSTEM, content="You are the person replying."),
            Message(role=Role.USER, content=text),
        ),
        tokens=30,
        budget=100,
        window=150,
        reply_reserve=50,
        count=count,
        margin=0.0 if count is CountKind.EXACT else 0.25,
        bill=(BillItem(part="system", tokens=10), BillItem(part="message", tokens=20)),
        is_whole_folder=is_whole_folder,
        hits=tuple(hits),
        hit_tokens=tuple(range(1, len(hits) + 1)),
        turns=tuple(turns),
        summaries=tuple(summaries),
        omitted=tuple(omitted),
        rendered=rendered,
    )
