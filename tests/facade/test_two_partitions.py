"""What a contact may know beside `public` is judged by itself, however much there is of either."""

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given
from hypothesis import strategies as st

from partitioned_rag import Hit, OMBox
from tests.strategies import examples

WORDS = "harbour lantern key vase boat cake sunday lake".split()
notes = st.lists(
    st.lists(st.sampled_from(WORDS), min_size=2, max_size=8).map(" ".join), min_size=1, max_size=4
)


def hits_of(ours: list[str], theirs: list[str], question: str) -> list[Hit]:
    with TemporaryDirectory() as scratch:
        root = Path(scratch) / "OMBox"
        for folder, written in (("friend", ours), ("public", theirs)):
            (root / folder).mkdir(parents=True)
            for number, text in enumerate(written):
                (root / folder / f"{number:04}.txt").write_text(text)
        with OMBox(root, "hashing") as box:
            return box.view("friend").search(question, k=10)


@examples(40)
@given(notes, notes, st.integers(0, 40), st.lists(st.sampled_from(WORDS), min_size=1, max_size=3))
def test_a_partition_s_own_scores_and_order_stay_whatever_the_other_holds(
    ours: list[str], theirs: list[str], many: int, asked: list[str]
) -> None:
    question = " ".join(asked)
    alone = hits_of(ours, [], question)
    beside = hits_of(
        ours, theirs + ["harbour boat key " * (n % 5 + 1) for n in range(many)], question
    )
    of_ours = [hit for hit in beside if hit.partition == "friend"]
    assert [(hit.source, hit.score) for hit in of_ours] == [
        (hit.source, hit.score) for hit in alone[: len(of_ours)]
    ]
    # Whatever stands before our best hit answers at least as well by what no size has a part in.
    at = beside.index(of_ours[0]) if of_ours else len(beside)
    assert all(hit.score >= alone[0].score for hit in beside[:at])
    assert of_ours or all(hit.score >= alone[0].score for hit in beside)
