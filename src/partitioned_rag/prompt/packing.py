"""Hits, recent turns and a message → what is sent, within an exact budget.

Floor: core, pure. Nothing is left out without a line in `Prompt.omitted`, and the sum of parts is
never taken for the whole: sums only guide, and the composed prompt is measured before it is given
away.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from partitioned_rag.errors import MessageTooLongError
from partitioned_rag.prompt.composing import GAP, compose, label_of, place_of, rules
from partitioned_rag.prompt.fencing import FENCE, label
from partitioned_rag.prompt.meter import Meter
from partitioned_rag.prompt.priority import by_priority
from partitioned_rag.prompt.wording import CONTEXT, SUMMARIES
from partitioned_rag.values import (
    BillItem,
    Hit,
    Message,
    Names,
    OmitReason,
    Omitted,
    Prompt,
    Summary,
    Turn,
)

CONVERSATION_SHARE: Final = 4
"""Recent turns get this part of the budget, a quarter, and more only if no hit wants it."""

SUMMARY_SHARE: Final = 8
"""Summaries get this part of the budget, an eighth, which is kept for them; no more."""

TURN_OVERHEAD_TOKENS: Final = 8
"""What a template adds to a message, about: a first guess before the whole is measured."""

SLACK_TOKENS: Final = 48
"""By how much the sum of parts may be above the whole, since parts overlap: so much is tried."""

JOIN_TOKENS: Final = 4
"""By how much the cost of a hit may differ from what was guessed, by what it is joined to; besides
what it may spare, which is two gaps."""

NOBODY: Final = Names()

_CALL = re.compile(r"om:?\s*", re.IGNORECASE)


def pack(
    message: str,
    hits: Sequence[Hit],
    turns: Sequence[Turn],
    *,
    summaries: Sequence[Summary] = (),
    names: Names = NOBODY,
    window_tokens: int,
    reply_tokens: int,
    budget_tokens: int,
    meter: Meter,
    is_whole_folder: bool,
) -> Prompt:
    """Compose a prompt that fits.

    The system text and the message stand in any case. Then come the recent turns, from the newest
    back without a gap, up to a share of the budget; then hits in the order of `by_priority`, each
    that still fits and is no copy; then summaries of what is left out, in a share that turns and
    hits left to them; then hits and older turns once more, if that was more than they needed. So
    nothing that was left out, copies aside, would have fitted into what is left free.

    How the parts stand in the prompt is said by `compose`.

    Args:
        message: What is to be answered. A last turn that is this very message, with or without the
            call `om` before it, is left to it, so that the question stands once.
        hits: What was found, in rank order.
        turns: The last turns of the chat, oldest first, in the order of their source.
        summaries: What a model made of the partitions' sources, the most wanted first.
        names: Of the two who talk; they stand in the system text.
        window_tokens: What will be asked of the model, for the receipt.
        reply_tokens: How many of them the reply may take.
        budget_tokens: The most that the prompt may take.
        meter: How the model at hand counts.
        is_whole_folder: Whether `hits` are all that there is, for the receipt.

    Returns:
        The prompt; each hit, turn and summary stands in it or in its `omitted`.

    Raises:
        MessageTooLongError: System text and message alone are over the budget.
    """
    packing = _Packing(
        meter=meter,
        budget_tokens=budget_tokens,
        said=meter.neutralise(message).strip(),
        turns=_without_the_message(turns, message),
        hits=hits,
        summaries=summaries,
        names=names,
        is_whole_folder=is_whole_folder,
    )
    packing.check_message()
    packing.reserve()
    packing.take_turns()
    packing.take_hits()
    packing.take_summaries()
    packing.take_missed_hits()
    packing.take_older_turns()
    return packing.prompt(window_tokens=window_tokens, reply_tokens=reply_tokens)


@dataclass(slots=True, kw_only=True)
class _Packing:
    """A prompt in the making: what there is, and what has been taken of it."""

    meter: Meter
    budget_tokens: int
    said: str = field(repr=False)
    turns: Sequence[Turn]
    hits: Sequence[Hit]
    summaries: Sequence[Summary]
    names: Names
    is_whole_folder: bool
    first_turn: int = 0
    taken: list[Hit] = field(default_factory=list)
    labelled: set[tuple[str, int]] = field(default_factory=set)
    quoted: set[str] = field(default_factory=set)
    guesses: dict[int, int] = field(default_factory=dict)
    told: list[Summary] = field(default_factory=list)
    missed: list[Hit] = field(default_factory=list)
    reserved_tokens: int = 0

    # ------------------------------------------------------------ measuring

    def messages(
        self,
        *,
        first_turn: int | None = None,
        hits: Sequence[Hit] | None = None,
        told: Sequence[Summary] | None = None,
    ) -> tuple[Message, ...]:
        """Compose what was taken, or what is tried in its place."""
        return compose(
            self.said,
            turns=self.turns[self.first_turn if first_turn is None else first_turn :],
            hits=self.taken if hits is None else hits,
            summaries=self.told if told is None else told,
            names=self.names,
            neutralise=self.meter.neutralise,
        )

    def free(self, messages: Sequence[Message]) -> int:
        return self.budget_tokens - self.reserved_tokens - self.meter.cost(messages)

    # ------------------------------------------------------------ taking

    def check_message(self) -> None:
        self.first_turn = len(self.turns)
        free = self.free(self.messages())
        if free < 0:
            raise MessageTooLongError(
                f"the message is {-free} tokens too long for a budget of"
                f" {self.budget_tokens} ({self.meter.kind} count)",
                excess_tokens=-free,
                fix="shorten it, or give a larger budget or window",
            )

    def reserve(self) -> None:
        """Keep for the summaries what they want, up to their share."""
        if self.summaries:
            wanted = sum(map(self._guess_summary, self.summaries))
            share = min(wanted, self.budget_tokens // SUMMARY_SHARE)
            share += self.meter.count(f"\n\n{SUMMARIES}\n{FENCE}")
            self.reserved_tokens = max(0, min(share, self.free(self.messages())))

    def take_turns(self) -> None:
        """Take the newest turns without a gap, up to their share, or more if no hit wants it."""
        free = self.free(self.messages())
        unwanted = free
        for hit in self.hits:
            if unwanted <= 0:
                break
            unwanted -= self._guess(hit)
        share = max(min(free, self.budget_tokens // CONVERSATION_SHARE), unwanted)
        first = len(self.turns)
        while first:
            share -= self._guess_turn(self.turns[first - 1])
            if share < 0:
                break
            first -= 1
        while first < len(self.turns) and self.free(self.messages(first_turn=first)) < 0:
            first += 1
        self.first_turn = first

    def take_hits(self) -> None:
        """Take what fits in order of priority; then let the measure of the whole decide."""
        wanted = [hit for hit in self.hits if not self._is_said(hit)]
        order = by_priority(wanted)
        left = self.free(self.messages()) - self.meter.count(f"\n\n{CONTEXT}\n{FENCE}")
        missed: list[Hit] = []
        for hit in map(wanted.__getitem__, order):
            if self._is_repeated(hit):
                continue
            if _least_tokens(hit) <= left and (needs := self._needs(hit)) <= left:
                left -= needs
                self._take(hit)
            else:
                missed.append(hit)
        while self.taken and self.free(self.messages()) < 0:
            # The whole takes more than its parts: the last that was taken goes.
            self.taken.pop()
        self.labelled = {place_of(hit) for hit in self.taken}
        self.quoted = {_words_of(hit) for hit in self.taken}
        self.missed = missed
        self.take_missed_hits()

    def take_missed_hits(self) -> None:
        """Take what by the sum of parts did not fit, as long as any of it does."""
        # What was taken last may have closed a gap, and so have made room.
        while self._fill(self.missed):
            self.missed = [hit for hit in self.missed if hit not in self.taken]

    def _fill(self, missed: Sequence[Hit]) -> bool:
        """Take what by the sum of parts just did not fit, and by the measure of the whole does.

        Returns:
            Whether there was any.
        """
        before = len(self.taken)
        join_tokens = JOIN_TOKENS + 2 * self.meter.count(GAP)
        too_much = self.free(self.messages()) + SLACK_TOKENS
        for hit in missed:
            if self._is_repeated(hit):
                continue
            if _least_tokens(hit) > too_much or (needs := self._needs(hit)) > too_much:
                continue
            free = self.free(self.messages(hits=[*self.taken, hit]))
            if free >= 0:
                self._take(hit)
                too_much = min(too_much, free + SLACK_TOKENS)
            else:
                # What needs more than what did not fit need not be measured.
                too_much = min(too_much, needs + join_tokens)
        return len(self.taken) > before

    def _take(self, hit: Hit) -> None:
        self.taken.append(hit)
        self.labelled.add(place_of(hit))
        self.quoted.add(_words_of(hit))

    def _is_repeated(self, hit: Hit) -> bool:
        """Say whether the same words stand in the context already, perhaps out of another file.

        Where all of a folder is told, its copies are told as well.
        """
        return not self.is_whole_folder and _words_of(hit) in self.quoted

    def take_summaries(self) -> None:
        self.reserved_tokens = 0
        share = self.budget_tokens // SUMMARY_SHARE
        for summary in self.summaries:
            if self._why(summary) is not OmitReason.OVER_BUDGET:
                continue  # it can be read there in full
            cost = self._guess_summary(summary)
            if cost > share:
                continue
            if self.free(self.messages(told=[*self.told, summary])) >= 0:
                self.told.append(summary)
                share -= cost

    def take_older_turns(self) -> None:
        """Fill what is left with turns before those that stand already."""
        while self.first_turn:
            guess = self._guess_turn(self.turns[self.first_turn - 1])
            free = self.free(self.messages())
            if guess > free + SLACK_TOKENS + TURN_OVERHEAD_TOKENS:
                break
            if self.free(self.messages(first_turn=self.first_turn - 1)) < 0:
                break
            self.first_turn -= 1

    # ------------------------------------------------------------ guessing

    def _needs(self, hit: Hit) -> int:
        """Guess what a hit adds: itself, and a label if it is the first of its place."""
        is_first = place_of(hit) not in self.labelled
        heading = self.meter.count(label_of(hit) + "\n") if is_first else 0
        return self._guess(hit) + heading

    def _guess(self, hit: Hit) -> int:
        if hit.rank not in self.guesses:
            self.guesses[hit.rank] = self.meter.count(self.meter.neutralise(hit.text) + GAP)
        return self.guesses[hit.rank]

    def _guess_summary(self, summary: Summary) -> int:
        return self.meter.count(f"{label(summary.source, None)}\n{summary.text}\n")

    def _guess_turn(self, turn: Turn) -> int:
        return self.meter.count(self.meter.neutralise(turn.text) + "\n") + TURN_OVERHEAD_TOKENS

    # ------------------------------------------------------------ the receipt

    def prompt(self, *, window_tokens: int, reply_tokens: int) -> Prompt:
        """Write the prompt with its bill and its receipt."""
        messages = self.messages()
        in_order = sorted(self.taken, key=lambda hit: hit.rank)
        return Prompt(
            messages=messages,
            tokens=self.meter.cost(messages),
            budget=self.budget_tokens,
            window=window_tokens,
            reply_reserve=reply_tokens,
            count=self.meter.kind,
            margin=self.meter.margin,
            bill=self._bill(),
            is_whole_folder=self.is_whole_folder,
            hits=tuple(in_order),
            hit_tokens=tuple(map(self._guess, in_order)),
            turns=tuple(self.turns[self.first_turn :]),
            summaries=tuple(self.told),
            omitted=tuple(self._omitted()),
            rendered=self.meter.render(messages),
        )

    def _bill(self) -> tuple[BillItem, ...]:
        """Say what each part adds to the whole, so that the items add up to it."""
        cost = self.meter.cost
        bare = cost(self.messages(first_turn=len(self.turns), hits=(), told=()))
        with_turns = cost(self.messages(hits=(), told=()))
        with_summaries = cost(self.messages(hits=()))
        whole = cost(self.messages())
        system = self.meter.count(rules(self.names, self.meter.neutralise))
        said = self.meter.count(self.said)
        return (
            BillItem(part="system", tokens=system),
            BillItem(part="conversation", tokens=with_turns - bare),
            BillItem(part="summary", tokens=with_summaries - with_turns),
            BillItem(part="context", tokens=whole - with_summaries),
            BillItem(part="message", tokens=said),
            BillItem(part="template", tokens=bare - system - said),
        )

    def _omitted(self) -> list[Omitted]:
        stands = {id(each) for each in (*self.taken, *self.told)}
        considered: list[Hit | Turn | Summary] = [
            *self.turns[: self.first_turn],
            *self.hits,
            *self.summaries,
        ]
        return [
            Omitted(
                source=each.source,
                start=each.start,
                end=each.end,
                reason=self._why(each),
            )
            for each in considered
            if id(each) not in stands
        ]

    def _why(self, each: Hit | Turn | Summary) -> OmitReason:
        if self._is_said(each):
            return OmitReason.IN_CONVERSATION
        at = each.start
        for hit in sorted(self.taken, key=lambda hit: hit.start):
            if hit.source == each.source and hit.start - len(hit.lead) <= at:
                at = max(at, hit.end)
        if at >= each.end:
            return OmitReason.IN_CONTEXT
        if isinstance(each, Hit) and self._is_repeated(each):
            return OmitReason.REPEATED
        return OmitReason.OVER_BUDGET

    def _is_said(self, span: Hit | Turn | Summary) -> bool:
        """Say whether all of a span can be read in the conversation, which has no gap."""
        conversation = self.turns[self.first_turn :]
        return (
            bool(conversation)
            and span.source == conversation[0].source
            and conversation[0].start <= span.start
            and span.end <= conversation[-1].end
        )


def _least_tokens(hit: Hit) -> int:
    """Say at a glance what a hit costs at least: no token reaches over white space into a word."""
    return len(hit.text.split())


def _words_of(hit: Hit) -> str:
    """Reduce a hit to its words, by which a copy of a file is seen to be one."""
    return " ".join(hit.text.split()).casefold()


def _without_the_message(turns: Sequence[Turn], message: str) -> Sequence[Turn]:
    if turns and turns[-1].speaker == "them" and _asked(turns[-1].text) == _asked(message):
        return turns[:-1]
    return turns


def _asked(text: str) -> str:
    """Reduce a message to its words: the bridge trims it, and the call is no part of it."""
    text = text.strip()
    called = _CALL.match(text)
    return " ".join((text[called.end() :] if called else text).split())
