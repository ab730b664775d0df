"""The `--json` contract: every key is spelt out here, so that renaming a field cannot break it.

Floor: street. Pure. ASCII alone leaves it: a name that is not UTF-8 holds lone surrogates, which
survive as escapes and would break the stream as characters.
"""

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from partitioned_rag.values import (
    PUBLIC,
    Audience,
    BoxStatus,
    Finding,
    Hit,
    IndexReport,
    Message,
    Omitted,
    PartitionId,
    PartitionReport,
    PartitionStatus,
    PartitionSummaries,
    Prompt,
    Reply,
    Skip,
    Summary,
    SummaryReport,
    Timings,
    Turn,
)

if TYPE_CHECKING:
    from partitioned_rag.evaluation.scoring import (
        Evaluation,
        Evidence,
        Question,
        QuestionResult,
        Recalls,
    )
    from partitioned_rag.responder.backlog import Backlog
    from partitioned_rag.responder.observer import Outcome
    from partitioned_rag.responder.rehearsal import Rehearsed
    from partitioned_rag.responder.retrying import Retried

Shape = dict[str, object]


def encode(shape: Shape) -> str:
    """Write one object on one line."""
    return json.dumps(shape, ensure_ascii=True, allow_nan=False) + "\n"


def index(report: IndexReport) -> Shape:
    """Shape the result of `prag index`."""
    return {
        "box": report.box,
        "partitions": [_partition_report(each) for each in report.partitions],
        "skipped": _skips(report.skipped),
        "seconds": report.seconds,
        "contacts_error": report.contacts_error,
    }


def search(
    question: str, audience: Audience, partitions: Sequence[PartitionId], hits: Iterable[Hit]
) -> Shape:
    """Shape the result of `prag search`."""
    return {
        "question": question,
        "audience": list(audience.contacts),
        "partitions": list(partitions),
        "hits": [_hit(each) for each in hits],
    }


def prompt(made: Prompt) -> Shape:
    """Shape the result of `prag prompt`."""
    return {
        "messages": [_message(each) for each in made.messages],
        "tokens": made.tokens,
        "budget": made.budget,
        "window": made.window,
        "reply_reserve": made.reply_reserve,
        "count": str(made.count),
        "margin": made.margin,
        "bill": [{"part": item.part, "tokens": item.tokens} for item in made.bill],
        "whole_folder": made.is_whole_folder,
        "hits": [
            _hit(hit) | {"tokens": tokens}
            for hit, tokens in zip(made.hits, made.hit_tokens, strict=True)
        ],
        "turns": [_span(each) for each in made.turns],
        "summaries": [_span(each) | {"text": each.text} for each in made.summaries],
        "omitted": [_span(each) | {"reason": str(each.reason)} for each in made.omitted],
        "rendered": made.rendered,
    }


def ask(answer: Reply) -> Shape:
    """Shape the result of `prag ask`: the prompt's shape and what became of it."""
    return prompt(answer.prompt) | {
        "reply": answer.text,
        "model": answer.model,
        "timings": _timings(answer.timings),
        "cut": answer.cut,
    }


def summarize(report: SummaryReport) -> Shape:
    """Shape the result of `prag summarize`."""
    return {
        "box": report.box,
        "model": report.model,
        "partitions": [_partition_summaries(each) for each in report.partitions],
        "seconds": report.seconds,
    }


def status(
    found: BoxStatus, *, host: str, version: str | None, models: Sequence[str], problem: str
) -> Shape:
    """Shape the result of `prag status`.

    Args:
        found: What the box holds.
        host: Where Ollama was looked for.
        version: What answered there, or None.
        models: Names of the models it has.
        problem: Why it did not answer, or empty.
    """
    return {
        "box": found.box,
        "index": found.index,
        "embedder": found.embedder,
        "embedder_version": found.embedder_version,
        "embedder_runtime": found.embedder_runtime,
        "index_bytes": found.index_bytes,
        "partitions": [_partition_status(each) for each in found.partitions],
        "skipped": _skips(found.skipped),
        "contacts_error": found.contacts_error,
        "ollama": {
            "host": host,
            "running": version is not None,
            "version": version,
            "models": list(models),
            "problem": problem,
        },
    }


def backlog(found: "Backlog") -> Shape:
    """Shape what `prag status` says of messages."""
    return {
        "waiting": [{"contact": each.contact, "messages": each.messages} for each in found.waiting],
        "quarantined": found.quarantined,
    }


def outcome(done: "Outcome") -> Shape:
    """Show what became of a message."""
    return {
        "contact": done.contact,
        "id": done.id,
        "state": done.state,
        "reason": done.reason,
        "total_s": done.total_s,
    }


def rehearsed(each: "Rehearsed") -> Shape:
    """Show what would become of a message."""
    return {
        "name": each.name,
        "contact": each.contact,
        "question": each.question,
        "outcome": each.outcome,
        "text": each.text,
    }


def retried(done: "Retried") -> Shape:
    """Shape the result of `prag retry`."""
    return {"id": done.id, "contact": done.contact, "file": str(done.path)}


def doctor(findings: Iterable[Finding]) -> Shape:
    """Shape the result of `prag doctor`."""
    return {
        "findings": [
            {
                "subject": each.subject,
                "health": str(each.health),
                "detail": each.detail,
                "fix": each.fix,
            }
            for each in findings
        ]
    }


def evaluation(box: str, settings: "Sequence[Evaluation]") -> Shape:
    """Shape the result of `prag eval`.

    Args:
        box: Path of the OMBox.
        settings: One for each way to search; all of them counted tokens alike.
    """
    return {
        "box": box,
        "count": str(settings[0].count),
        "margin": settings[0].margin,
        "settings": [
            {
                "setting": each.setting,
                "recall_at": _recalls(each.recall_at),
                "recall_within_tokens": _recalls(each.recall_within),
                "reciprocal_rank": each.reciprocal_rank,
                "results": [_question_result(result) for result in each.results],
            }
            for each in settings
        ],
    }


def proposed(questions: "Iterable[Question]", file: Path | None) -> Shape:
    """Shape the result of `prag eval --make`.

    Args:
        questions: What is proposed.
        file: Where it was written to, if it was.
    """
    return {
        "file": None if file is None else str(file),
        "questions": [_question(each) for each in questions],
    }


def _question(each: "Question") -> Shape:
    return {
        "question": each.text,
        "as": each.contact or PUBLIC,
        "source": list(each.sources),
        "phrase": list(each.phrases),
    }


def _question_result(each: "QuestionResult") -> Shape:
    return _question(each.question) | {
        "recall_at": _recalls(each.recall_at),
        "recall_within_tokens": _recalls(each.recall_within),
        "reciprocal_rank": each.reciprocal_rank,
        "evidence": [_evidence(piece) for piece in each.evidence],
    }


def _evidence(each: "Evidence") -> Shape:
    return {
        "phrase": each.phrase or None,
        "source": list(each.sources),
        "rank": each.rank,
        "missed": None if each.missed is None else str(each.missed),
        "detail": each.detail,
    }


def _recalls(each: "Recalls") -> Shape:
    return {str(cutoff): share for cutoff, share in each}


def _partition_report(each: PartitionReport) -> Shape:
    return {
        "id": each.id,
        "sources": each.sources,
        "chunks": each.chunks,
        "added": each.added,
        "changed": each.changed,
        "renamed": each.renamed,
        "removed": each.removed,
        "skipped": _skips(each.skipped),
        "note": each.note,
        "error": each.error,
    }


def _partition_status(each: PartitionStatus) -> Shape:
    return {
        "id": each.id,
        "sources": each.sources,
        "chunks": each.chunks,
        "pending": each.pending,
        "skipped": _skips(each.skipped),
        "summarised": each.summarised,
        "spans": each.spans,
    }


def _partition_summaries(each: PartitionSummaries) -> Shape:
    return {
        "id": each.id,
        "made": each.made,
        "summarised": each.summarised,
        "spans": each.spans,
        "discarded": each.discarded,
        "too_long": each.too_long,
        "cut": each.cut,
        "error": each.error,
    }


def _skips(skips: Iterable[Skip]) -> list[Shape]:
    return [
        {"source": each.source, "reason": str(each.reason), "detail": each.detail} for each in skips
    ]


def _hit(each: Hit) -> Shape:
    return {
        "rank": each.rank,
        "score": each.score,
        "partition": each.partition,
        "source": each.source,
        "start": each.start,
        "end": each.end,
        "text": each.text,
        "page": each.page,
    }


def _message(each: Message) -> Shape:
    return {"role": str(each.role), "content": each.content}


def _span(each: Turn | Summary | Omitted) -> Shape:
    return {"source": each.source, "start": each.start, "end": each.end}


def _timings(each: Timings) -> Shape:
    return {
        "first_words_s": each.first_words_s,
        "total_s": each.total_s,
        "asked": each.asked,
    }
