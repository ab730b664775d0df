"""The promise: an evaluation as one asker is a matter of what that asker may read, and no more.

Two worlds that are equal in it must give the same, byte for byte: what is found, at which rank, why
the rest is missed, and what is proposed to be asked. Others' questions may stand in the same list.
"""

import json
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from partitioned_rag.box import OMBox
from partitioned_rag.cli import shapes
from partitioned_rag.evaluation.evaluating import propose
from partitioned_rag.evaluation.scoring import Evaluation, Question
from partitioned_rag.values import PUBLIC
from tests.strategies import Story
from tests.worlds import build

Evaluate = Callable[[OMBox, Sequence[Question]], Sequence[Evaluation]]


def check_evaluating(
    evaluate: Evaluate,
    first: Story,
    second: Story,
    *,
    asker: str | None,
    questions: Sequence[Question],
    others: Sequence[Question],
) -> None:
    """Evaluate in both worlds and demand that what is told of the asker's questions is the same.

    Args:
        evaluate: As the product's own.
        first: A world.
        second: One that is equal in what the asker may read.
        asker: Who asks the questions.
        questions: Of the asker.
        others: Questions of others, which stand in the list in the first world alone.
    """
    one = _seen(evaluate, first, asker, questions, others)
    other = _seen(evaluate, second, asker, questions, ())
    for mine, theirs in zip(one, other, strict=True):
        assert mine == theirs, f"evaluations differ as {asker or PUBLIC}"


def _seen(
    evaluate: Evaluate,
    story: Story,
    asker: str | None,
    questions: Sequence[Question],
    others: Sequence[Question],
) -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        root = build(story.world, Path(folder) / "OMBox")
        with OMBox(root, "hashing") as box:
            box.index()
            mixed = [*others, *questions]
            results = [
                json.dumps(result)
                for setting in _settings(shapes.evaluation("", evaluate(box, mixed)))
                for result in setting[len(others) :]
            ]
            proposed = propose(box.view(*([asker] if asker else [])))
            return [*results, shapes.encode(shapes.proposed(proposed, None))]


def _settings(shape: shapes.Shape) -> list[list[object]]:
    settings = shape["settings"]
    assert isinstance(settings, list)
    return [setting["results"] for setting in settings]
