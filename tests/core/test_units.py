"""What is summarised in one go: neighbours of one source, of one day, of so many tokens."""

from partitioned_rag.sources.chatlog import day_of
from partitioned_rag.units import GAP, Unit, halves, text_of, units
from partitioned_rag.values import Chunk, ChunkId, Piece


def piece(source: str, number: int, text: str, *, start: int = 0, lead: str = "") -> Piece:
    chunk = Chunk(
        id=ChunkId(f"{source} {number}"), start=start, end=start + len(text), text=text, lead=lead
    )
    return Piece(source=source, number=number, chunk=chunk)


def numbers(made: list[Unit]) -> list[list[str]]:
    return [[each.chunk.id for each in unit] for unit in made]


def cut(*pieces: Piece, limit: int = 100) -> list[list[str]]:
    return numbers(units(pieces, day_of=day_of, size=len, limit=limit))


def test_no_unit_is_of_two_sources() -> None:
    assert cut(piece("a", 1, "x"), piece("b", 2, "y")) == [["a 1"], ["b 2"]]


def test_no_unit_spans_what_has_a_summary() -> None:
    assert cut(piece("a", 1, "x"), piece("a", 3, "y")) == [["a 1"], ["a 3"]]


def test_a_unit_is_of_one_day_and_goes_on_over_pieces_without_a_day() -> None:
    first, second = (f"[2026-03-{day:02} 09:00:00] them: x" for day in (1, 2))
    made = cut(piece("a", 1, first), piece("a", 2, "rest"), piece("a", 3, first),
               piece("a", 4, second))  # fmt: skip
    assert made == [["a 1", "a 2", "a 3"], ["a 4"]]


def test_a_unit_keeps_to_the_limit_unless_one_piece_does_not() -> None:
    made = cut(*(piece("a", n, "x" * 40) for n in (1, 2, 3)), piece("a", 4, "x" * 200))
    assert made == [["a 1", "a 2"], ["a 3"], ["a 4"]]


def test_halves_are_the_whole_and_one_piece_has_none() -> None:
    unit = tuple(piece("a", n, "x") for n in (1, 2, 3))
    assert numbers(halves(unit)) == [["a 1"], ["a 2", "a 3"]]
    assert halves(unit[:1]) == []


def test_a_unit_reads_as_its_source_with_what_overlaps_once() -> None:
    unit = (
        piece("a", 1, "one two"),
        piece("a", 2, "two three", start=4),
        piece("a", 3, "four", start=14, lead=" "),
        piece("a", 4, "five", start=99),
    )
    assert text_of(unit) == f"one two three four{GAP}five"
