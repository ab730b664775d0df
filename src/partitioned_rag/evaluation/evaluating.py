"""Questions → a View for each who asks, their hits, and how well these answer.

Floor: street. A question is searched by the View of its own audience, and what that View cannot
reach is not looked at to explain a miss either.
"""

from collections.abc import Callable, Sequence
from functools import cached_property

from partitioned_rag.box import OMBox
from partitioned_rag.errors import InputError
from partitioned_rag.evaluation.proposing import proposed
from partitioned_rag.evaluation.scoring import (
    Evaluation,
    Evidence,
    Question,
    QuestionResult,
    Readable,
    explained,
    readable,
    score,
    summed_up,
)
from partitioned_rag.evaluation.settings import SETTINGS, Setting
from partitioned_rag.tokens.estimate import estimator
from partitioned_rag.view import View


def evaluate(
    box: OMBox,
    questions: Sequence[Question],
    *,
    settings: Sequence[Setting] = SETTINGS[:1],
    progress: Callable[[int], None] | None = None,
) -> tuple[Evaluation, ...]:
    """Say how well the box's search finds what questions ask for.

    Each question is searched as its own audience. Tokens are counted as without a model: by an
    estimate that errs on the high side.

    Args:
        box: What is searched.
        questions: At least one.
        settings: Ways to search; by default the one that fills a prompt.
        progress: Told after each question how many are done.

    Returns:
        An evaluation for each setting, in their order.

    Raises:
        InputError: There is no question.
        ContactError, BoxError: As `OMBox.view`, before anything is searched.
        StoreError, EmbedderError, StaleSourcesError: As `View.search`.
    """
    if not questions:
        raise InputError("there is no question to evaluate")
    guess = estimator()
    contacts = list(dict.fromkeys(each.contact for each in questions))
    for contact in contacts:
        _view(box, contact)
    results: dict[tuple[int, int], QuestionResult] = {}
    # By asker: a view holds indexes open, and only so many are at once.
    done = 0
    for contact in contacts:
        view = _view(box, contact)
        held = _Held(view)
        for number, question in enumerate(questions):
            if question.contact != contact:
                continue
            for at, setting in enumerate(settings):
                results[at, number] = score(
                    question,
                    setting.search(view, question.text),
                    count=guess.count,
                    why=held.explain,
                )
            done += 1
            if progress is not None:
                progress(done)
    return tuple(
        summed_up(
            setting.name,
            [results[at, number] for number in range(len(questions))],
            count=guess.kind,
            margin=guess.margin,
        )
        for at, setting in enumerate(settings)
    )


def propose(view: View, *, at_most: int = 20) -> list[Question]:
    """Propose questions to start a file from, out of what one contact or the public may read.

    They are easy, since they are made of the very words that are looked for: rather a beginning to
    edit than a measure. The same folder gives the same questions.

    Args:
        view: Of one contact, or of the public at large.
        at_most: How many, at least 1; of all sources alike, as far as they have any.

    Raises:
        InputError: The view is that of several contacts.
        StoreError, EmbedderError, StaleSourcesError: As `View.everything`.
    """
    contacts = view.audience.contacts
    if len(contacts) > 1:
        raise InputError(
            "questions are proposed for one contact", fix="name one, or nobody for the public"
        )
    if at_most < 1:
        raise ValueError("at_most must be at least 1")
    contact = contacts[0] if contacts else None
    return proposed(view.everything(), contact=contact, at_most=at_most)


def _view(box: OMBox, contact: str | None) -> View:
    return box.view(*(() if contact is None else (contact,)))


class _Held:
    """What one audience may read, looked at when the first miss has to be explained."""

    def __init__(self, view: View) -> None:
        self._view = view

    @cached_property
    def _readable(self) -> Readable:
        return readable(self._view.everything(), self._view.skipped())

    def explain(self, piece: Evidence) -> Evidence:
        return explained(piece, self._readable)
