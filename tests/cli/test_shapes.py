"""The `--json` contract, key by key, on values that are not equal to each other anywhere."""

import json
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from partitioned_rag.cli import shapes
from partitioned_rag.evaluation.scoring import (
    Evaluation,
    Evidence,
    Missing,
    Question,
    QuestionResult,
)
from partitioned_rag.values import (
    Audience,
    BillItem,
    BoxStatus,
    ContactId,
    CountKind,
    Hit,
    IndexReport,
    Message,
    OmitReason,
    Omitted,
    PartitionId,
    PartitionReport,
    PartitionStatus,
    PartitionSummaries,
    Prompt,
    Reply,
    Role,
    Skip,
    SkipReason,
    Summary,
    SummaryReport,
    Timings,
    Turn,
)

PUBLIC = PartitionId("public")
SKIP = Skip(source="public/x", reason=SkipReason.TOO_LARGE, detail="over 100 MB")
SKIP_JSON = {"source": "public/x", "reason": "too large", "detail": "over 100 MB"}
HIT = Hit(
    rank=1, score=0.75, partition=PUBLIC, source="public/a", start=2, end=5, text="abc", page=9
)
HIT_JSON = {
    "rank": 1,
    "score": 0.75,
    "partition": "public",
    "source": "public/a",
    "start": 2,
    "end": 5,
    "text": "abc",
    "page": 9,
}
PROMPT = Prompt(
    messages=(Message(role=Role.SYSTEM, content="be brief"),),
    tokens=11,
    budget=22,
    window=32,
    reply_reserve=10,
    count=CountKind.CALIBRATED,
    margin=0.05,
    bill=(BillItem(part="system", tokens=11),),
    is_whole_folder=True,
    hits=(HIT,),
    hit_tokens=(7,),
    turns=(
        Turn(
            source="friend/chat.log", start=6, end=7, at="2026", speaker="them", text="t", line="l"
        ),
    ),
    summaries=(
        Summary(
            partition=PartitionId("friend"),
            source="friend/chat.log",
            start=0,
            end=5,
            text="they met",
        ),
    ),
    omitted=(Omitted(source="public/b", start=8, end=10, reason=OmitReason.OVER_BUDGET),),
    rendered="<s>be brief</s>",
)
PROMPT_JSON = {
    "messages": [{"role": "system", "content": "be brief"}],
    "tokens": 11,
    "budget": 22,
    "window": 32,
    "reply_reserve": 10,
    "count": "calibrated",
    "margin": 0.05,
    "bill": [{"part": "system", "tokens": 11}],
    "whole_folder": True,
    "hits": [HIT_JSON | {"tokens": 7}],
    "turns": [{"source": "friend/chat.log", "start": 6, "end": 7}],
    "summaries": [{"source": "friend/chat.log", "start": 0, "end": 5, "text": "they met"}],
    "omitted": [{"source": "public/b", "start": 8, "end": 10, "reason": "over budget"}],
    "rendered": "<s>be brief</s>",
}


def decoded(shape: shapes.Shape) -> object:
    return json.loads(shapes.encode(shape))


def test_index() -> None:
    report = IndexReport(
        box="/box",
        partitions=(
            PartitionReport(
                id=PUBLIC,
                sources=1,
                chunks=2,
                added=3,
                changed=4,
                renamed=5,
                removed=6,
                skipped=(SKIP,),
                note="rebuilt",
                error="full",
            ),
        ),
        skipped=(SKIP, SKIP),
        seconds=7.5,
        contacts_error="line 7",
    )
    assert decoded(shapes.index(report)) == {
        "box": "/box",
        "partitions": [
            {
                "id": "public",
                "sources": 1,
                "chunks": 2,
                "added": 3,
                "changed": 4,
                "renamed": 5,
                "removed": 6,
                "skipped": [SKIP_JSON],
                "note": "rebuilt",
                "error": "full",
            }
        ],
        "skipped": [SKIP_JSON, SKIP_JSON],
        "seconds": 7.5,
        "contacts_error": "line 7",
    }


def test_search() -> None:
    audience = Audience(contacts=(ContactId("ada"), ContactId("bob")))
    assert decoded(shapes.search("why?", audience, (PUBLIC,), [HIT])) == {
        "question": "why?",
        "audience": ["ada", "bob"],
        "partitions": ["public"],
        "hits": [HIT_JSON],
    }


def test_prompt() -> None:
    assert decoded(shapes.prompt(PROMPT)) == PROMPT_JSON


def test_ask_is_the_prompt_and_what_became_of_it() -> None:
    answer = Reply(
        text="yes",
        prompt=PROMPT,
        model="gemma4",
        timings=Timings(first_words_s=0.5, total_s=1.5, asked=2),
        cut=True,
    )
    assert decoded(shapes.ask(answer)) == PROMPT_JSON | {
        "reply": "yes",
        "model": "gemma4",
        "timings": {"first_words_s": 0.5, "total_s": 1.5, "asked": 2},
        "cut": True,
    }


def test_status() -> None:
    found = BoxStatus(
        box="/box",
        index="/index",
        partitions=(
            PartitionStatus(
                id=PUBLIC, sources=1, chunks=2, pending=3, skipped=(SKIP,), summarised=5, spans=6
            ),
        ),
        skipped=(SKIP,),
        embedder="hashing",
        embedder_version="v1",
        embedder_runtime="numpy",
        index_bytes=4,
        contacts_error="line 7",
    )
    shape = shapes.status(found, host="http://h:1", version="0.9", models=("m",), problem="slow")
    assert decoded(shape) == {
        "box": "/box",
        "index": "/index",
        "embedder": "hashing",
        "embedder_version": "v1",
        "embedder_runtime": "numpy",
        "index_bytes": 4,
        "partitions": [
            {
                "id": "public",
                "sources": 1,
                "chunks": 2,
                "pending": 3,
                "skipped": [SKIP_JSON],
                "summarised": 5,
                "spans": 6,
            }
        ],
        "skipped": [SKIP_JSON],
        "contacts_error": "line 7",
        "ollama": {
            "host": "http://h:1",
            "running": True,
            "version": "0.9",
            "models": ["m"],
            "problem": "slow",
        },
    }


def test_summarize() -> None:
    report = SummaryReport(
        box="/box",
        model="gemma4",
        partitions=(
            PartitionSummaries(
                id=PUBLIC,
                made=1,
                summarised=2,
                spans=3,
                discarded=4,
                too_long=5,
                cut=6,
                error="full",
            ),
        ),
        seconds=1.5,
    )
    assert decoded(shapes.summarize(report)) == {
        "box": "/box",
        "model": "gemma4",
        "partitions": [
            {
                "id": "public",
                "made": 1,
                "summarised": 2,
                "spans": 3,
                "discarded": 4,
                "too_long": 5,
                "cut": 6,
                "error": "full",
            }
        ],
        "seconds": 1.5,
    }


QUESTION = Question(text="why?", contact="ada", phrases=("a", "b"), sources=("public/a",))
QUESTION_JSON = {"question": "why?", "as": "ada", "source": ["public/a"], "phrase": ["a", "b"]}


def test_eval() -> None:
    result = QuestionResult(
        question=QUESTION,
        evidence=(
            Evidence(phrase="a", sources=("public/a",), rank=17, missed=Missing.RANKED_LOW),
            Evidence(
                phrase="", sources=("public/b",), missed=Missing.SOURCE_SKIPPED, detail="empty"
            ),
            Evidence(phrase="c", sources=(), rank=1),
        ),
        recall_at=((1, 0.25), (5, 0.5)),
        recall_within=((512, 0.75),),
        reciprocal_rank=0.125,
    )
    told = Evaluation(
        setting="mine",
        results=(result,),
        recall_at=((1, 0.3), (5, 0.6)),
        recall_within=((512, 0.7),),
        reciprocal_rank=0.2,
        count=CountKind.ESTIMATED,
        margin=0.15,
    )
    assert decoded(shapes.evaluation("/box", [told])) == {
        "box": "/box",
        "count": "estimated",
        "margin": 0.15,
        "settings": [
            {
                "setting": "mine",
                "recall_at": {"1": 0.3, "5": 0.6},
                "recall_within_tokens": {"512": 0.7},
                "reciprocal_rank": 0.2,
                "results": [
                    QUESTION_JSON
                    | {
                        "recall_at": {"1": 0.25, "5": 0.5},
                        "recall_within_tokens": {"512": 0.75},
                        "reciprocal_rank": 0.125,
                        "evidence": [
                            {
                                "phrase": "a",
                                "source": ["public/a"],
                                "rank": 17,
                                "missed": "ranked low",
                                "detail": "",
                            },
                            {
                                "phrase": None,
                                "source": ["public/b"],
                                "rank": None,
                                "missed": "source skipped",
                                "detail": "empty",
                            },
                            {
                                "phrase": "c",
                                "source": [],
                                "rank": 1,
                                "missed": None,
                                "detail": "",
                            },
                        ],
                    }
                ],
            }
        ],
    }


def test_eval_make() -> None:
    public = Question(text="why?", sources=("public/a",))
    assert decoded(shapes.proposed([QUESTION, public], Path("/q.jsonl"))) == {
        "file": "/q.jsonl",
        "questions": [
            QUESTION_JSON,
            {"question": "why?", "as": "public", "source": ["public/a"], "phrase": []},
        ],
    }
    assert decoded(shapes.proposed([], None)) == {"file": None, "questions": []}


def test_an_ollama_that_does_not_answer_is_not_running() -> None:
    found = BoxStatus(
        box="/box",
        index="/index",
        partitions=(),
        skipped=(),
        embedder="hashing",
        embedder_version="v1",
        embedder_runtime="numpy",
        index_bytes=0,
    )
    shape = shapes.status(found, host="http://h:1", version=None, models=(), problem="refused")
    assert shape["ollama"] == {
        "host": "http://h:1",
        "running": False,
        "version": None,
        "models": [],
        "problem": "refused",
    }


@settings(deadline=None)
@given(st.text(st.characters()))
def test_any_text_survives_the_stream_even_lone_surrogates(text: str) -> None:
    encoded = shapes.encode({"text": text})
    assert encoded.isascii()
    assert encoded.count("\n") == 1
    assert json.loads(encoded) == {"text": text}
