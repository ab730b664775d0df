"""A retrieval-augmented, partitioned context engine: give the model no secrets to keep.

>>> import partitioned_rag
>>> "OMBox" in partitioned_rag.__all__
True
"""

from partitioned_rag.box import OMBox
from partitioned_rag.embedding.embedder import Embedder
from partitioned_rag.errors import (
    BoxError,
    ContactError,
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
    Progress,
    Prompt,
    Reply,
    Role,
    Skip,
    SkipReason,
    Timings,
    Turn,
)
from partitioned_rag.view import View

__all__ = [
    "Audience",
    "BillItem",
    "BoxError",
    "BoxStatus",
    "ContactError",
    "ContactId",
    "ContextLengthError",
    "CountKind",
    "Embedder",
    "EmbedderError",
    "Hit",
    "IndexReport",
    "InputError",
    "Message",
    "MessageTooLongError",
    "OMBox",
    "OllamaError",
    "OmitReason",
    "Omitted",
    "PartitionId",
    "PartitionReport",
    "PartitionStatus",
    "PragError",
    "Progress",
    "Prompt",
    "Reply",
    "Role",
    "Skip",
    "SkipReason",
    "StaleSourcesError",
    "StoreError",
    "Timings",
    "TokenizerError",
    "Turn",
    "View",
    "WorkError",
]
