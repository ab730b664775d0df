"""The mistake: a miss is explained by whatever the owner's disk holds, and not the asker's view."""

from collections.abc import Sequence
from dataclasses import replace

from partitioned_rag.box import OMBox
from partitioned_rag.evaluation.evaluating import evaluate
from partitioned_rag.evaluation.scoring import (
    Evaluation,
    Evidence,
    Missing,
    Question,
    plain,
)


def helpful(box: OMBox, questions: Sequence[Question]) -> list[Evaluation]:
    """Evaluate honestly, and then say of what is missed whether it stands anywhere at all."""
    texts = [
        plain(path.read_bytes().decode("utf-8", "replace"))
        for path in sorted(box.path.rglob("*"))
        if path.is_file() and ".prag" not in path.parts
    ]

    def explained(piece: Evidence) -> Evidence:
        if piece.missed is None or not any(plain(piece.phrase) in text for text in texts):
            return piece
        return replace(piece, missed=Missing.NOT_FOUND, detail="it stands in this box")

    return [
        replace(
            each,
            results=tuple(
                replace(result, evidence=tuple(map(explained, result.evidence)))
                for result in each.results
            ),
        )
        for each in evaluate(box, questions)
    ]
