"""A prompt as text for a person: what would be sent, what it costs, and what was left out.

Floor: street. Pure, as `render`, and bound by the same rule: what comes from the folder begins no
line.
"""

from collections.abc import Sequence
from itertools import accumulate

from partitioned_rag.cli.render import MARGIN, block, hung, many, padded, visible
from partitioned_rag.values import CountKind, Omitted, Prompt, Reply

# What a part of the window is drawn with, in the order of the bar.
PARTS = (
    ("system", "s"),
    ("summary", "y"),
    ("context", "c"),
    ("conversation", "t"),
    ("message", "m"),
    ("template", "+"),
    ("reply reserve", "r"),
    ("free", "·"),
)
EDGES = 2


def prompt(made: Prompt, *, width: int) -> str:
    """Show what would be sent, what it costs and what was left out."""
    lines: list[str] = []
    for message in made.messages:
        lines += [_rule(str(message.role), width), *block(message.content, width=width), ""]
    lines += [_rule("bill", width), *_bill(made, width=width), ""]
    lines += _packed(made, width=width)
    lines += _left_out(made.omitted, width=width)
    return "\n".join(lines) + "\n"


def raw(made: Prompt) -> str:
    """Give the prompt as the model sees it, with what could drive a terminal escaped."""
    return visible(made.rendered or "", keep="\n\t").rstrip("\n") + "\n"


def _rule(title: str, width: int) -> str:
    return f"── {title} ".ljust(width, "─")


def _bill(made: Prompt, *, width: int) -> list[str]:
    """Draw the window as one bar, and list what each letter in it stands for."""
    costs = {item.part: item.tokens for item in made.bill}
    costs["reply reserve"] = made.reply_reserve
    costs["free"] = made.window - sum(costs.values())
    shown = [(part, mark, max(0, costs.get(part, 0))) for part, mark in PARTS]
    columns = shares([tokens for _, _, tokens in shown], width - len(MARGIN) - EDGES)
    drawn = "".join(mark * size for (_, mark, _), size in zip(shown, columns, strict=True))
    digits = len(str(made.window))
    names = max(len(part) for part, _ in PARTS)
    rows = [
        f"{MARGIN}{mark}  {padded(part, names)}  {tokens:>{digits}}"
        for part, mark, tokens in shown
        if tokens
    ]
    total = f"{made.tokens} of {made.budget} tokens ({counted(made)}), window {made.window}"
    return [f"{MARGIN}[{drawn}]", *rows, f"{MARGIN}   {padded('total', names)}  {total}"]


def shares(parts: Sequence[int], width: int) -> list[int]:
    """Share columns out among parts, so that together they fill the width.

    >>> shares([1, 1, 2], 8), shares([1, 999], 10)
    ([2, 2, 4], [0, 10])
    """
    whole = sum(parts)
    if not whole:
        return [0] * len(parts)
    ends = [round(width * reached / whole) for reached in accumulate(parts)]
    return [end - start for start, end in zip([0, *ends], ends, strict=False)]


def counted(made: Prompt) -> str:
    """Say how far a count can be trusted."""
    if made.count is CountKind.EXACT:
        return str(made.count)
    return f"{made.count}, {made.margin:.0%} on top"


def _packed(made: Prompt, *, width: int) -> list[str]:
    """List what stands in the context, with what each of it costs."""
    if not made.hits:
        return []
    how = "all there is, nothing was searched for" if made.is_whole_folder else "by rank"
    digits = max(len(str(tokens)) for tokens in made.hit_tokens)
    lines = [_rule(f"packed ({len(made.hits)}, {how})", width)]
    for hit, tokens in zip(made.hits, made.hit_tokens, strict=True):
        score = "" if made.is_whole_folder else f"  {hit.score:.3f}"
        place = f"{hit.source}:{hit.start}-{hit.end}"
        lines += hung(place, width=width, lead=f"{MARGIN}{tokens:>{digits}} tokens{score}  ")
    return [*lines, ""]


def _left_out(omitted: Sequence[Omitted], *, width: int) -> list[str]:
    if not omitted:
        return ["left out: nothing"]
    lines = [_rule(f"left out ({len(omitted)})", width)]
    places: dict[tuple[str, str], list[str]] = {}
    for each in omitted:
        places.setdefault((each.source, each.reason), []).append(f"{each.start}-{each.end}")
    for (source, reason), spans in places.items():
        lines += hung(f"{source}  {reason}: {', '.join(spans)}", width=width)
    return lines


def reply_summary(answer: Reply) -> str:
    """Say in a line what a reply was made of and how long it took."""
    made, times = answer.prompt, answer.timings
    return (
        f"{answer.model} answered in {times.total_s:.1f} s"
        f" (first words after {times.first_words_s:.1f} s)"
        f" from {made.tokens} of {made.budget} tokens ({made.count}):"
        f" {many(len(made.hits), 'hit')}, {many(len(made.turns), 'turn')} of the chat,"
        f" {len(made.omitted)} left out"
    )
