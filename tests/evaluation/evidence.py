"""Hits that tests make up, as they could come of one source each."""

from collections.abc import Iterable

from partitioned_rag.values import Hit, PartitionId


def a_hit(text: str, *, source: str = "public/a.txt", start: int = 0, lead: str = "") -> Hit:
    return Hit(
        rank=1,
        score=0.5,
        partition=PartitionId(source.partition("/")[0]),
        source=source,
        start=start,
        end=start + len(text),
        text=text,
        lead=lead,
    )


def hits_of(spans: Iterable[tuple[str, int, int]], texts: dict[str, str]) -> list[Hit]:
    """Make hits of spans of texts, in the order given; white space before one is its lead."""
    made = []
    for source, start, end in spans:
        before = texts[source][:start]
        made.append(
            a_hit(
                texts[source][start:end],
                source=source,
                start=start,
                lead=before[len(before.rstrip()) :],
            )
        )
    return made
