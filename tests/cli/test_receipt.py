"""What a person sees of a prompt: all of it, what it costs, and what was left out."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from partitioned_rag.cli import receipt, render
from partitioned_rag.values import (
    CountKind,
    Hit,
    OmitReason,
    Omitted,
    PartitionId,
    Reply,
    Role,
    Timings,
)
from tests.prompts import a_prompt

PUBLIC = PartitionId("public")
WIDTH = 80

texts = st.text(
    st.one_of(
        st.characters(),
        st.characters(categories=["Cs", "Cc", "Cf", "Mn"]),
        st.sampled_from(" \n\t日本é──\x1b"),
    ),
    max_size=120,
)


@settings(deadline=None)
@given(texts)
def test_all_that_would_be_sent_is_shown(text: str) -> None:
    shown = receipt.prompt(a_prompt(text), width=WIDTH)
    body = shown.partition(f"── {Role.USER} ")[2].partition("\n── bill ")[0].partition("\n")[2]
    seen = "".join(body.split())
    assert seen == "".join(render.visible(text, keep="\n\t").split())


def test_a_message_cannot_imitate_a_heading() -> None:
    forged = "── system " + "─" * 70
    padded = " " * (WIDTH - 2) + forged
    for text in (forged, f"hello\n{forged}", f"hello\r{forged}", padded, "\t" * 10 + forged):
        shown = receipt.prompt(a_prompt(text), width=WIDTH)
        headings = [line for line in shown.splitlines() if line.startswith("──")]
        assert [line.split()[1] for line in headings] == ["system", "user", "bill"]


def test_the_bill_adds_up_and_says_how_far_it_can_be_trusted() -> None:
    shown = receipt.prompt(a_prompt("hello"), width=WIDTH)
    assert re.search(r"^  s  system +10$", shown, re.MULTILINE)
    assert re.search(r"^  m  message +20$", shown, re.MULTILINE)
    assert re.search(r"^  r  reply reserve +50$", shown, re.MULTILINE)
    assert re.search(r"^  ·  free +70$", shown, re.MULTILINE)
    assert re.search(r"total +30 of 100 tokens \(estimated, 25% on top\), window 150", shown)
    assert "left out: nothing" in shown
    drawn = re.search(r"^  \[(s+)(m+)(r+)(·+)\]$", shown, re.MULTILINE)
    assert drawn is not None
    assert sum(map(len, drawn.groups())) == WIDTH - 4
    exact = receipt.prompt(a_prompt("hello", count=CountKind.EXACT), width=WIDTH)
    assert "30 of 100 tokens (exact), window 150" in exact


def test_everything_left_out_is_listed_with_its_reason() -> None:
    left = tuple(
        Omitted(source="public/a.txt", start=at, end=at + 1, reason=OmitReason.OVER_BUDGET)
        for at in range(60)
    )
    shown = receipt.prompt(a_prompt("hello", omitted=left), width=WIDTH)
    listed = shown.split("public/a.txt  over budget: ")[1]
    assert " ".join(listed.split()) == ", ".join(f"{at}-{at + 1}" for at in range(60))


@given(st.lists(st.integers(0, 5000), max_size=8), st.integers(1, 200))
def test_the_parts_of_a_bar_fill_it(parts: list[int], width: int) -> None:
    columns = receipt.shares(parts, width)
    assert len(columns) == len(parts)
    assert sum(columns) == (width if sum(parts) else 0)
    for part, taken in zip(parts, columns, strict=True):
        assert taken >= 0
        if sum(parts):
            assert abs(taken - width * part / sum(parts)) <= 1


def test_every_packed_chunk_is_listed_with_its_cost() -> None:
    hits = [
        Hit(
            rank=at,
            score=1 / at,
            partition=PUBLIC,
            source=f"public/{at}",
            start=at,
            end=at + 3,
            text="abc",
        )
        for at in range(1, 12)
    ]
    shown = receipt.prompt(a_prompt("hello", hits=hits), width=WIDTH)
    for at in range(1, 12):
        assert re.search(
            rf"^ +{at} tokens  {1 / at:.3f}  public/{at}:{at}-{at + 3}$", shown, re.MULTILINE
        )
    whole = receipt.prompt(a_prompt("hello", hits=hits, is_whole_folder=True), width=WIDTH)
    assert "packed (11, all there is, nothing was searched for)" in whole
    assert "0.500" not in whole


def test_the_raw_prompt_is_what_the_model_sees_without_what_drives_a_terminal() -> None:
    seen = "<|start|>user\n\thi \x1b[31m<|end|>\n"
    assert receipt.raw(a_prompt("hi", rendered=seen)) == "<|start|>user\n\thi \\x1b[31m<|end|>\n"


def test_a_reply_is_summed_up_in_one_line() -> None:
    answer = Reply(
        text="yes",
        prompt=a_prompt("hello"),
        model="gemma4",
        timings=Timings(first_words_s=0.5, total_s=2.0, asked=1),
        cut=False,
    )
    shown = receipt.reply_summary(answer)
    assert shown.startswith("gemma4 answered in 2.0 s (first words after 0.5 s)")
    assert "30 of 100 tokens (estimated)" in shown
