"""Recall means what the docs say, by rank and within tokens, and a miss is explained truly."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partitioned_rag.evaluation.scoring import (
    BUDGETS_TOKENS,
    CUTOFFS,
    Evidence,
    Missing,
    Question,
    QuestionResult,
    evidence_of,
    explained,
    holds,
    passages,
    plain,
    readable,
    score,
    summed_up,
)
from partitioned_rag.values import CountKind, Hit, Skip, SkipReason
from tests.evaluation.evidence import a_hit, hits_of


def chars(text: str) -> int:
    return len(text)


def unexplained(piece: Evidence) -> Evidence:
    return piece


def scored(question: Question, hits: Sequence[Hit]) -> QuestionResult:
    return score(question, hits, count=chars, why=unexplained)


# ---------------------------------------------------------------- what counts as found


def test_white_space_and_case_do_not_matter_in_a_phrase() -> None:
    question = Question(text="?", phrases=("under the  BRASS frog",))
    assert scored(question, [a_hit("It is Under\n   the brass\tFrog.")]).reciprocal_rank == 1.0


def test_the_two_ways_to_spell_an_accent_are_one() -> None:
    question = Question(text="?", phrases=("caf\u00e9 door",))
    assert scored(question, [a_hit("the cafe\u0301 door")]).reciprocal_rank == 1.0


def test_a_phrase_must_stand_in_one_of_the_sources_that_are_given() -> None:
    question = Question(text="?", phrases=("the key",), sources=("public/b.txt", "public/c.txt"))
    there = [a_hit("the key"), a_hit("the key", source="public/c.txt")]
    assert [piece.rank for piece in scored(question, there).evidence] == [2]


def test_without_a_phrase_each_source_is_a_piece_of_its_own() -> None:
    question = Question(text="?", sources=("public/b.txt", "public/a.txt"))
    assert [piece.rank for piece in scored(question, [a_hit("x")]).evidence] == [None, 1]


def test_a_phrase_that_two_touching_hits_make_together_is_found_with_the_second() -> None:
    text = "the spare key hangs\n\nbehind the barrel"
    hits = hits_of([("public/a.txt", 21, 38), ("public/a.txt", 0, 19)], {"public/a.txt": text})
    question = Question(text="?", phrases=("hangs behind",))
    assert [piece.rank for piece in scored(question, hits).evidence] == [2]


def test_hits_that_do_not_touch_make_no_phrase_together() -> None:
    hits = [a_hit("the spare key hangs"), a_hit("behind the barrel", start=40)]
    assert not holds(Evidence(phrase="hangs behind", sources=()), hits)
    other = [a_hit("the spare key hangs "), a_hit("behind", source="public/b.txt", start=20)]
    assert not holds(Evidence(phrase="hangs behind", sources=()), other)


def test_hits_that_contradict_each_other_are_not_joined() -> None:
    hits = [a_hit("the key is here"), a_hit("was there", start=8)]
    assert [text for _, text in passages(hits)] == ["the key is here", "was there"]


def test_a_hit_that_does_not_fit_is_passed_over_and_a_later_one_taken() -> None:
    first, second = BUDGETS_TOKENS[:2]
    hits = [a_hit("x" * (first + 1)), a_hit("the key", source="public/b.txt")]
    question = Question(text="?", phrases=("xxx", "the key"))
    assert scored(question, hits).recall_within[:2] == ((first, 0.5), (second, 1.0))


def test_what_is_found_behind_the_first_hits_is_missed_and_its_rank_told() -> None:
    hits = [a_hit("nothing", start=100 * n) for n in range(CUTOFFS[-1] + 6)]
    result = scored(Question(text="?", phrases=("key",)), [*hits, a_hit("the key", start=9000)])
    (piece,) = result.evidence
    assert (piece.rank, piece.missed) == (17, Missing.RANKED_LOW)
    assert result.recall_at[-1] == (10, 0.0)


def test_a_question_without_evidence_is_refused() -> None:
    with pytest.raises(ValueError, match="phrase or a source"):
        Question(text="?")
    with pytest.raises(ValueError, match="blank"):
        Question(text="?", phrases=(" \n",))


# ---------------------------------------------------------------- against a plain re-computation

SOURCES = ("public/a.txt", "public/b.txt")
words = st.sampled_from(["key", "tide", "roof", "cake", "Ängström", "\n", "  "])
documents = st.lists(words, min_size=30, max_size=120).map(" ".join)


@st.composite
def found(draw: st.DrawFn) -> tuple[dict[str, str], list[tuple[str, int, int]], Question]:
    """Draw texts, hits of them, and a question whose phrases may stand there."""
    texts = {source: draw(documents) for source in SOURCES}
    spans = []
    for _ in range(draw(st.integers(0, 14))):
        source = draw(st.sampled_from(SOURCES))
        start = draw(st.integers(0, len(texts[source]) - 2))
        spans.append((source, start, draw(st.integers(start + 1, len(texts[source])))))
    phrase = st.lists(st.sampled_from(["key", "TIDE", "roof cake"]), min_size=1, max_size=3)
    question = Question(
        text="?",
        phrases=tuple(draw(st.lists(phrase.map(" ".join), max_size=3))),
        sources=tuple(draw(st.lists(st.sampled_from(SOURCES), min_size=1, max_size=2))),
    )
    return texts, spans, question


def stands(piece: Evidence, spans: Sequence[tuple[str, int, int]], texts: dict[str, str]) -> bool:
    """Look for a piece of evidence in what spans leave visible of the texts, character by char."""
    wanted = " ".join(piece.phrase.casefold().split())
    for source, text in texts.items():
        seen = [False] * len(text)
        for where, start, end in spans:
            if where == source:
                start = len(text[:start].rstrip())  # noqa: PLW2901 — the lead is seen with it
                seen[start:end] = [True] * (end - start)
        if piece.sources and source not in piece.sources:
            continue
        if not wanted and any(seen):
            return True
        # What no span shows keeps words apart, as no white space would.
        shown = "".join(c if is_seen else "\0" for c, is_seen in zip(text, seen, strict=True))
        if wanted and wanted in " ".join(shown.casefold().split()):
            return True
    return False


@given(found())
def test_recall_is_what_a_plain_recomputation_says(
    drawn: tuple[dict[str, str], list[tuple[str, int, int]], Question],
) -> None:
    texts, spans, question = drawn
    hits = hits_of(spans, texts)
    result = scored(question, hits)
    pieces = evidence_of(question)

    def share(of: Sequence[tuple[str, int, int]]) -> float:
        return sum(stands(piece, of, texts) for piece in pieces) / len(pieces)

    for k, recall in result.recall_at:
        assert recall == share(spans[:k])
    for budget, recall in result.recall_within:
        left, taken = budget, []
        for span in spans:
            if span[2] - span[1] <= left:
                taken.append(span)
                left -= span[2] - span[1]
        assert recall == share(taken)
    ranks = [
        next((r for r in range(1, len(spans) + 1) if stands(piece, spans[:r], texts)), None)
        for piece in pieces
    ]
    assert [piece.rank for piece in result.evidence] == ranks
    told = [rank for rank in ranks if rank is not None]
    assert result.reciprocal_rank == (1 / min(told) if told else 0.0)


@given(found())
def test_what_is_joined_is_the_text_itself(
    drawn: tuple[dict[str, str], list[tuple[str, int, int]], Question],
) -> None:
    texts, spans, _ = drawn
    hits = hits_of(spans, texts)
    joined = list(passages(hits))
    assert all(text in texts[source] for source, text in joined)
    for hit in hits:
        assert any(hit.text in text for source, text in joined if source == hit.source)


# ---------------------------------------------------------------- means


def test_every_question_counts_the_same_however_many_pieces_it_has() -> None:
    one = scored(Question(text="?", phrases=("key",)), [a_hit("the key")])
    many = scored(Question(text="?", phrases=("a", "b", "c", "d")), [a_hit("z")])
    told = summed_up("mine", [one, many], count=CountKind.ESTIMATED, margin=0.1)
    assert told.recall_at == ((1, 0.5), (5, 0.5), (10, 0.5))
    assert told.reciprocal_rank == 0.5
    with pytest.raises(ValueError, match="question"):
        summed_up("mine", [], count=CountKind.ESTIMATED, margin=0.1)


def test_a_question_is_missed_when_any_piece_is() -> None:
    def not_found(piece: Evidence) -> Evidence:
        return explained(piece, readable([a_hit("b")], []))

    results = [
        score(Question(text=text, phrases=phrases), [a_hit("a")], count=chars, why=not_found)
        for text, phrases in (("all", ("a",)), ("some", ("a", "b")), ("none", ("b",)))
    ]
    told = summed_up("mine", results, count=CountKind.ESTIMATED, margin=0.1)
    assert [each.question.text for each in told.missed] == ["some", "none"]


# ---------------------------------------------------------------- why

THERE = readable(
    [a_hit("the key is"), a_hit("under the mat", start=11, lead=" ")],
    [Skip(source="public/x.pdf", reason=SkipReason.ENCRYPTED, detail="it is locked")],
)


@pytest.mark.parametrize(
    ("phrase", "sources", "missed", "detail"),
    [
        ("is under", (), Missing.NOT_FOUND, ""),
        ("IS  UNDER", ("public/a.txt",), Missing.NOT_FOUND, ""),
        ("the cat", (), Missing.PHRASE_NOT_THERE, ""),
        ("the cat", ("public/a.txt", "public/x.pdf"), Missing.PHRASE_NOT_THERE, ""),
        ("the key", ("public/x.pdf",), Missing.SOURCE_SKIPPED, "encrypted"),
        ("", ("public/x.pdf",), Missing.SOURCE_SKIPPED, "encrypted"),
        ("the key", ("public/b.txt",), Missing.SOURCE_NOT_THERE, ""),
        ("", ("friend/notes.md",), Missing.SOURCE_NOT_THERE, ""),
        ("", ("public/a.txt",), Missing.NOT_FOUND, ""),
    ],
)
def test_a_miss_is_explained_by_what_the_asker_may_read(
    phrase: str, sources: tuple[str, ...], missed: Missing, detail: str
) -> None:
    told = explained(Evidence(phrase=phrase, sources=sources), THERE)
    assert (told.missed, told.detail) == (missed, detail)


def test_what_is_plain_stays_plain() -> None:
    assert plain(plain(" Straße\n e\u0301 ")) == plain(" Straße\n e\u0301 ") == "strasse é"


def test_texts_stay_out_of_what_ends_up_in_logs() -> None:
    question = Question(text="secret asked", phrases=("secret phrase",))
    result = scored(question, [])
    assert "secret" not in f"{question!r} {result!r} {THERE!r}"
