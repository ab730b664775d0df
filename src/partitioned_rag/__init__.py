"""A retrieval-augmented, partitioned context engine: give the model no secrets to keep.

>>> import partitioned_rag
>>> "OMBox" in partitioned_rag.__all__
True
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from partitioned_rag.box import OMBox
    from partitioned_rag.embedding.embedder import Embedder
    from partitioned_rag.embedding.reranker import Reranker
    from partitioned_rag.errors import (
        BoxError,
        ContactError,
        ContactsError,
        ContextLengthError,
        EmbedderError,
        InputError,
        MessageTooLongError,
        OllamaError,
        PragError,
        StaleSourcesError,
        StoreError,
        TokenizerError,
        WorkError,
    )
    from partitioned_rag.evaluation.evaluating import evaluate, propose
    from partitioned_rag.evaluation.questions import read_questions
    from partitioned_rag.evaluation.scoring import (
        Evaluation,
        Evidence,
        Missing,
        Question,
        QuestionResult,
    )
    from partitioned_rag.evaluation.settings import Setting
    from partitioned_rag.responder.exchange import Exchange
    from partitioned_rag.responder.observer import Observer, Outcome, Unanswered
    from partitioned_rag.responder.responder import Responder
    from partitioned_rag.values import (
        Audience,
        BillItem,
        BoxStatus,
        ContactId,
        Correspondent,
        CountKind,
        Finding,
        Health,
        Hit,
        IndexReport,
        Message,
        Names,
        OmitReason,
        Omitted,
        PartitionId,
        PartitionReport,
        PartitionStatus,
        PartitionSummaries,
        Progress,
        Prompt,
        Reply,
        Role,
        Skip,
        SkipReason,
        Summary,
        SummaryProgress,
        SummaryReport,
        Timings,
        Turn,
        Weights,
    )
    from partitioned_rag.view import View

__all__ = [
    "Audience",
    "BillItem",
    "BoxError",
    "BoxStatus",
    "ContactError",
    "ContactId",
    "ContactsError",
    "ContextLengthError",
    "Correspondent",
    "CountKind",
    "Embedder",
    "EmbedderError",
    "Evaluation",
    "Evidence",
    "Exchange",
    "Finding",
    "Health",
    "Hit",
    "IndexReport",
    "InputError",
    "Message",
    "MessageTooLongError",
    "Missing",
    "Names",
    "OMBox",
    "Observer",
    "OllamaError",
    "OmitReason",
    "Omitted",
    "Outcome",
    "PartitionId",
    "PartitionReport",
    "PartitionStatus",
    "PartitionSummaries",
    "PragError",
    "Progress",
    "Prompt",
    "Question",
    "QuestionResult",
    "Reply",
    "Reranker",
    "Responder",
    "Role",
    "Setting",
    "Skip",
    "SkipReason",
    "StaleSourcesError",
    "StoreError",
    "Summary",
    "SummaryProgress",
    "SummaryReport",
    "Timings",
    "TokenizerError",
    "Turn",
    "Unanswered",
    "View",
    "Weights",
    "WorkError",
    "evaluate",
    "propose",
    "read_questions",
]

# Where each name lives. They are loaded when they are first asked for, so that importing the
# package costs next to nothing.
_HOMES = (
    ("box", ("OMBox",)),
    ("embedding.embedder", ("Embedder",)),
    ("embedding.reranker", ("Reranker",)),
    (
        "errors",
        (
            "BoxError",
            "ContactError",
            "ContactsError",
            "ContextLengthError",
            "EmbedderError",
            "InputError",
            "MessageTooLongError",
            "OllamaError",
            "PragError",
            "StaleSourcesError",
            "StoreError",
            "TokenizerError",
            "WorkError",
        ),
    ),
    ("evaluation.evaluating", ("evaluate", "propose")),
    ("evaluation.questions", ("read_questions",)),
    (
        "evaluation.scoring",
        ("Evaluation", "Evidence", "Missing", "Question", "QuestionResult"),
    ),
    ("evaluation.settings", ("Setting",)),
    ("responder.exchange", ("Exchange",)),
    ("responder.observer", ("Observer", "Outcome", "Unanswered")),
    ("responder.responder", ("Responder",)),
    (
        "values",
        (
            "Audience",
            "BillItem",
            "BoxStatus",
            "ContactId",
            "Correspondent",
            "CountKind",
            "Finding",
            "Health",
            "Hit",
            "IndexReport",
            "Message",
            "Names",
            "OmitReason",
            "Omitted",
            "PartitionId",
            "PartitionReport",
            "PartitionStatus",
            "PartitionSummaries",
            "Progress",
            "Prompt",
            "Reply",
            "Role",
            "Skip",
            "SkipReason",
            "Summary",
            "SummaryProgress",
            "SummaryReport",
            "Timings",
            "Turn",
            "Weights",
        ),
    ),
    ("view", ("View",)),
)


def __getattr__(name: str) -> object:
    from importlib import import_module  # noqa: PLC0415 — as the rest

    for home, names in _HOMES:
        if name in names:
            return getattr(import_module(f"{__name__}.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
