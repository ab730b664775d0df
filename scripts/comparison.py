"""The pages' parts about other libraries and about growth, made from the results."""

from collections.abc import Mapping, Sequence
from typing import Any

from plots import Plot, svg

Result = Mapping[str, Any]

OURS = "ours"
NAMES = {
    "loop": "plain loop",
    "langchain": "LangChain",
    "llamaindex": "LlamaIndex",
    "txtai": "txtai",
    "haystack": "Haystack",
}
IN_SHORT = (
    "full",
    "full, process",
    "memory",
    "unchanged",
    "edited",
    "appended",
    "deleted",
    "cold",
    "warm p50",
)
LARGE = 100
PEERS_TEXT = """\
Every library gets the same {files:,} text files of {chunks:,} chunks.
One line more is written to a chat of {chat_kb:,} kB, which is {chat_chunks:,} chunks.
All use the same MiniLM weights, on the processor, without a network.
Our embedder is {embedder} ({version}); the peers compute in fp32, with torch.
The sides take turns; rounds: {rounds}.

Beside each figure of a peer stands how many times better ours is.
That is the median of the rounds, with the lowest and the highest; below 1 the peer is better.

Every piece of work is a process of its own.
The chunks are cut by our rules, and the peers get them for nothing.
In "the work alone" nobody pays for imports, and a peer has loaded its model before.
The plain loop, txtai and Haystack keep no account of what they did.
They do everything again whatever changed, so they are timed once for all changes.
"""
GROWTH_TEXT = """\
Embedding grows as the chunks do, so hashing takes the model's place here.
The plain loop stores the same vectors in Chroma.
Each figure is a median; rounds: {rounds}.
Beside it stands how it compares with the smallest size, round by round.
"""


def peers_section(result: Result) -> str:
    """Set out every measure of the comparison."""
    sizes = result["sizes"]
    peers = _peers(result)
    lines = [
        PEERS_TEXT.format(**sizes),
        f"| | ours | {' | '.join(NAMES[peer] for peer in peers)} |",
        f"| --- | --- |{' --- |' * len(peers)}",
    ]
    for row in result["measures"].values():
        cells = [f"{_figure(row[peer]['figure'])} ({_times(row[peer])})" for peer in peers]
        lines.append(
            f"| {row['asked']}, {row['unit']} | {_figure(row[OURS])} | {' | '.join(cells)} |"
        )
    counted = result["counted"]
    for name, asked, write in (
        ("found", "Of the questions in a chunk's own words, found", lambda it: f"{it:.0%}"),
        ("found after deletion", "Rounds in which a deleted file was still found", str),
    ):
        cells = [write(counted[name][side]) for side in (OURS, *peers)]
        lines.append(f"| {asked} | {' | '.join(cells)} |")
    return "\n".join(lines)


def peers_in_short(result: Result, others: Sequence[Result]) -> str:
    """Set out a few measures, for the README: how many times better ours is.

    Args:
        result: Of the default embedder.
        others: The same comparison on other processors, or in another precision.
    """
    peers = _peers(result)
    lines = [
        f"| ours is better by | {' | '.join(NAMES[peer] for peer in peers)} |",
        f"| --- |{' --- |' * len(peers)}",
    ]
    for name in IN_SHORT:
        row = result["measures"][name]
        cells = [f"{_figure(row[peer]['times'])} ×" for peer in peers]
        lines.append(f"| {row['asked']} | {' | '.join(cells)} |")
    sizes = result["sizes"]
    lines += [
        "",
        f"The same weights and the same {sizes['chunks']:,} chunks of {sizes['files']:,} files.",
        f"Medians on {result['machine']['cores']} cores, the sides taking turns.",
        "Where it is below 1, the other is better.",
        f"Our embedder is `{sizes['embedder']}`, and nobody has a graphics card.",
        "",
        "How fast everything is indexed depends on the processor and on the precision:",
        "",
        *map(_indexing_in_short, (result, *others)),
    ]
    return "\n".join(lines)


def _indexing_in_short(result: Result) -> str:
    work, process = (
        [result["measures"][name][peer]["times"] for peer in _peers(result)]
        for name in ("full", "full, process")
    )
    spans = [_span(times) for times in (work, process)]
    said = f"{spans[0]} ×, by whole processes {spans[1]} ×"
    return f"- `{result['sizes']['embedder']}` on {result['machine']['cpu']}: {said}"


def _span(times: Sequence[float]) -> str:
    return " to ".join(_figure(each) for each in sorted({min(times), max(times)}))


def growth_section(result: Result) -> str:
    """Show the plots and the figures in them."""
    lines = [GROWTH_TEXT.format(rounds=result["rounds"])]
    lines += [
        f"![{row['asked']}, by {row['grows']}](plots/{name}.svg)"
        for name, row in result["growth"].items()
    ]
    lines += ["", "| | side | by size |", "| --- | --- | --- |"]
    for row in result["growth"].values():
        for side, points in row["sides"].items():
            cells = ", ".join(
                f"{point['size']:,}: {_figure(point['figure'])} ({_times(point)})"
                for point in points
            )
            lines.append(f"| {row['asked']}, by {row['grows']} | {_side(side)} | {cells} |")
    return "\n".join(lines)


def growth_plots(result: Result) -> dict[str, str]:
    """Draw the plots; gives the text of each by its name in `docs/plots/`."""
    return {
        f"{name}.svg": svg(
            Plot(
                title=row["asked"],
                below=row["grows"],
                lines={
                    _side(side): [(point["size"], point["figure"]) for point in points]
                    for side, points in sorted(row["sides"].items(), key=lambda it: it[0] != OURS)
                },
            )
        )
        for name, row in result.get("growth", {}).items()
    }


def _peers(result: Result) -> list[str]:
    """Give the peers that were measured, in the order of `NAMES`."""
    return [peer for peer in NAMES if peer in result["measures"]["full"]]


def _side(side: str) -> str:
    return "partitioned_rag" if side == OURS else NAMES[side]


def _figure(value: float) -> str:
    return f"{value:,.0f}" if value >= LARGE else f"{value:.3g}"


def _times(found: Mapping[str, float]) -> str:
    times, lowest, highest = (_figure(found[it]) for it in ("times", "lowest", "highest"))
    spread = "" if lowest == highest else f", {lowest} to {highest}"
    return f"{times} ×{spread}"
