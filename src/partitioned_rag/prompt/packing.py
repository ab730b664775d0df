"""Hits, recent turns and a message → what is sent, within an exact budget.

Floor: core, pure. Nothing is left out without a line in `Prompt.omitted`, and the sum of parts is
never taken for the whole: the composed prompt is counted once more before it is given away.
"""

import re
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Final

from partitioned_rag.errors import MessageTooLongError
from partitioned_rag.prompt.fencing import FENCE, label, neutralise
from partitioned_rag.prompt.wording import CONTEXT, SYSTEM
from partitioned_rag.values import (
    PUBLIC,
    BillItem,
    CountKind,
    Hit,
    Message,
    OmitReason,
    Omitted,
    Prompt,
    Role,
    Turn,
)

MESSAGE_OVERHEAD_TOKENS: Final = 8
"""What a chat template adds to a message, at most; once more for the beginning of the reply."""

CONVERSATION_SHARE: Final = 4
"""Recent turns get at most the budget divided by this; the rest is for what answers."""

Count = Callable[[str], int]

_CALL = re.compile(r"om:?\s*", re.IGNORECASE)


def pack(
    message: str,
    hits: Sequence[Hit],
    turns: Sequence[Turn],
    *,
    budget_tokens: int,
    count: Count,
    count_kind: CountKind,
) -> Prompt:
    """Compose a prompt that fits.

    The system text and the message stand in any case. Then come the recent turns, from the newest
    back without a gap, up to a share of the budget; then hits in rank order, each that still fits.
    A larger budget therefore never loses something for what ranks below it.

    In the prompt, excerpts stand by partition (`public` first), source and place, so that what was
    written as one text is read in its order; turns alternate as user and assistant, oldest first.

    Args:
        message: What is to be answered. A last turn that is this very message, with or without the
            call `om` before it, is left to it, so that the question stands once.
        hits: What was found, in rank order.
        turns: The last turns of the chat, oldest first, in the order of their source.
        budget_tokens: The most that the prompt may take.
        count: Tokens of a text, margins included.
        count_kind: How far `count` can be trusted.

    Returns:
        The prompt; each hit and turn stands in it or in its `omitted`.

    Raises:
        MessageTooLongError: System text and message alone are over the budget.
    """
    said = neutralise(message)
    turns = _without_the_message(turns, message)
    least = _cost(_compose(said, (), ()), count)
    if least > budget_tokens:
        raise MessageTooLongError(
            f"the message is {least - budget_tokens} tokens too long for a budget of"
            f" {budget_tokens} ({count_kind} count)",
            excess_tokens=least - budget_tokens,
            fix="shorten it, or give a larger budget",
        )
    share = min(budget_tokens - least, budget_tokens // CONVERSATION_SHARE)
    taken_turns = _latest(turns, share, count)
    left = budget_tokens - _cost(_compose(said, (), taken_turns), count)
    shown = [hit for hit in hits if not _is_within(hit, taken_turns)]
    taken_hits = _that_fit(shown, left, count)
    messages = _compose(said, taken_hits, taken_turns)
    while _cost(messages, count) > budget_tokens:
        # The whole took more than its parts: the worst goes.
        if taken_hits:
            taken_hits = taken_hits[:-1]
        else:
            taken_turns = taken_turns[1:]
        messages = _compose(said, taken_hits, taken_turns)
    stands = {id(hit) for hit in taken_hits}
    return Prompt(
        messages=messages,
        tokens=_cost(messages, count),
        budget=budget_tokens,
        count=count_kind,
        bill=_bill(messages, said, count),
        hits=tuple(taken_hits),
        turns=tuple(taken_turns),
        omitted=(
            *_omitted(turns[: len(turns) - len(taken_turns)]),
            *_omitted([hit for hit in hits if id(hit) not in stands], taken_turns),
        ),
    )


def _latest(turns: Sequence[Turn], left: int, count: Count) -> Sequence[Turn]:
    """Take the newest turns without a gap; give them oldest first."""
    first = len(turns)
    while first:
        left -= count("\n" + neutralise(turns[first - 1].text)) + MESSAGE_OVERHEAD_TOKENS
        if left < 0:
            break
        first -= 1
    return turns[first:]


def _that_fit(hits: Sequence[Hit], left: int, count: Count) -> list[Hit]:
    """Take, in rank order, each hit that fits into what the better ones have left."""
    left -= count(f"\n\n{CONTEXT}\n{FENCE}")
    taken = []
    for hit in hits:
        cost = count(_excerpt(hit) + "\n")
        if cost <= left:
            left -= cost
            taken.append(hit)
    return taken


def _compose(said: str, hits: Sequence[Hit], turns: Sequence[Turn]) -> tuple[Message, ...]:
    system = SYSTEM
    if hits:
        in_order = sorted(
            hits, key=lambda hit: (hit.partition != PUBLIC, hit.partition, hit.source, hit.start)
        )
        excerpts = "\n".join(map(_excerpt, in_order))
        system = f"{SYSTEM}\n\n{CONTEXT}\n{excerpts}\n{FENCE}"
    spoken = [
        (Role.USER if turn.speaker == "them" else Role.ASSISTANT, neutralise(turn.text))
        for turn in turns
    ]
    # Models are trained on roles that alternate.
    alternating = groupby([*spoken, (Role.USER, said)], key=lambda pair: pair[0])
    return (
        Message(role=Role.SYSTEM, content=system),
        *(
            Message(role=role, content="\n".join(text for _, text in pairs))
            for role, pairs in alternating
        ),
    )


def _excerpt(hit: Hit) -> str:
    return f"{label(hit.source, hit.page)}\n{neutralise(hit.text)}"


def _cost(messages: Sequence[Message], count: Count) -> int:
    overhead = MESSAGE_OVERHEAD_TOKENS * (len(messages) + 1)
    return overhead + sum(count(message.content) for message in messages)


def _bill(messages: Sequence[Message], said: str, count: Count) -> tuple[BillItem, ...]:
    """Say what each part adds to the whole, so that the items add up to it."""
    system = count(SYSTEM)
    asked = count(said)
    conversation = sum(count(message.content) for message in messages[1:]) - asked
    return (
        BillItem(part="system", tokens=system),
        BillItem(part="context", tokens=count(messages[0].content) - system),
        BillItem(part="conversation", tokens=conversation),
        BillItem(part="message", tokens=asked),
        BillItem(part="template", tokens=MESSAGE_OVERHEAD_TOKENS * (len(messages) + 1)),
    )


def _omitted(left_out: Sequence[Hit | Turn], conversation: Sequence[Turn] = ()) -> list[Omitted]:
    return [
        Omitted(
            source=each.source,
            start=each.start,
            end=each.end,
            reason=OmitReason.IN_CONVERSATION
            if _is_within(each, conversation)
            else OmitReason.OVER_BUDGET,
        )
        for each in left_out
    ]


def _is_within(span: Hit | Turn, conversation: Sequence[Turn]) -> bool:
    """Say whether all of a span can be read in the conversation, which has no gap."""
    return (
        bool(conversation)
        and span.source == conversation[0].source
        and conversation[0].start <= span.start
        and span.end <= conversation[-1].end
    )


def _without_the_message(turns: Sequence[Turn], message: str) -> Sequence[Turn]:
    if turns and turns[-1].speaker == "them" and _asked(turns[-1].text) == _asked(message):
        return turns[:-1]
    return turns


def _asked(text: str) -> str:
    """Reduce a message to its words: the bridge trims it, and the call is no part of it."""
    text = text.strip()
    called = _CALL.match(text)
    return " ".join((text[called.end() :] if called else text).split())
