"""What is known of the models at hand, and from that a meter for each.

Floor: edge. Every audience shares one `Models`, so it learns from models and from fixed probes
alone: never from a folder, a question or a reply.
"""

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache as remembered
from pathlib import Path
from typing import TYPE_CHECKING, Final

from partitioned_rag.errors import InputError, OllamaError, TokenizerError
from partitioned_rag.prompt.fencing import neutralise, neutraliser
from partitioned_rag.prompt.meter import Meter
from partitioned_rag.tokens.calibration import MARGIN, RATIO_MARGIN, Calibration, calibrate
from partitioned_rag.tokens.estimate import estimator
from partitioned_rag.tokens.template import Shape, Template, learn
from partitioned_rag.values import CountKind, Message, Role

if TYPE_CHECKING:
    from partitioned_rag.ollama_api import ModelInfo, Ollama
    from partitioned_rag.tokens.exact import Tokenizer

log = logging.getLogger(__name__)

DEFAULT_WINDOW_TOKENS: Final = 4096
LEAST_WINDOW_TOKENS: Final = 256
# Two tokenizers are a large and a small model; more would only fill the memory.
KEPT_AT_MOST: Final = 2
# With an estimate: what a chat template adds to a message, at most; once more for the whole.
MESSAGE_OVERHEAD_TOKENS: Final = 8

# What every prompt is made of: if a template shows these, it shows the others.
USUAL_SHAPES: Final[tuple[Shape, ...]] = (
    (Role.SYSTEM, Role.USER),
    (Role.SYSTEM, Role.USER, Role.ASSISTANT, Role.USER),
    (Role.SYSTEM, Role.ASSISTANT, Role.USER),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AtHand:
    """A model as it can be asked now.

    Attributes:
        window_tokens: The window to ask for, prompt and reply together.
        longest_window_tokens: What the model was trained for, if known.
        meter: How it counts.
        digest: Of its weights; empty where there is no server to ask.
    """

    window_tokens: int
    longest_window_tokens: int | None
    meter: Meter
    digest: str = ""


@dataclass(slots=True)
class _Known:
    """What has been found out about one model's weights."""

    info: "ModelInfo"
    tokenizer: "Tokenizer | None"
    templates: dict[Shape, Template | None] = field(default_factory=dict)
    calibration: Calibration | None = None
    was_calibrated: bool = False


class Models:
    """Finds out, once per model, how it counts. Threads may share it."""

    def __init__(self, folder: Path, *, window_tokens: int | None) -> None:
        """Remember where rebuilt tokenizers are kept.

        Args:
            folder: For this alone. Where there is none, nothing is kept.
            window_tokens: What the owner wants a window to be; else the model's own setting in
                Ollama, else `DEFAULT_WINDOW_TOKENS`.
        """
        if window_tokens is not None and window_tokens < LEAST_WINDOW_TOKENS:
            raise InputError(
                f"a window of {window_tokens} tokens is too small",
                fix=f"give at least {LEAST_WINDOW_TOKENS}",
            )
        self._folder = folder
        self._window_tokens = window_tokens
        self._known: dict[str, _Known] = {}

    def at_hand(self, ollama: "Ollama", model: str) -> AtHand:
        """Ask how a model counts, or remember it.

        Raises:
            OllamaError: It does not run, or has not got the model.
        """
        digest = ollama.digest(model)
        known = self._known.get(digest) or self._look_up(ollama, model, digest)
        longest = known.info.context_length_tokens
        window_tokens = self._window_tokens or known.info.num_ctx or DEFAULT_WINDOW_TOKENS
        if longest is not None:
            window_tokens = min(window_tokens, longest)
        asking = _Asking(ollama, model, known, window_tokens)
        meter = asking.exact() or asking.calibrated() or estimated(known.tokenizer)
        return AtHand(
            window_tokens=window_tokens,
            longest_window_tokens=longest,
            meter=meter,
            digest=digest,
        )

    def unknown(self) -> AtHand:
        """Say what can be said with no server to ask."""
        return AtHand(
            window_tokens=self._window_tokens or DEFAULT_WINDOW_TOKENS,
            longest_window_tokens=None,
            meter=estimated(None),
        )

    def _look_up(self, ollama: "Ollama", model: str, digest: str) -> _Known:
        # A door: these bring their tables, and many processes compose no prompt.
        from partitioned_rag.tokens import cache  # noqa: PLC0415
        from partitioned_rag.tokens.exact import tokenizer  # noqa: PLC0415

        rebuilt = cache.load(self._folder, digest)
        if rebuilt is None:
            vocabulary = ollama.vocabulary(model)
            try:
                rebuilt = tokenizer(vocabulary)
            except TokenizerError as error:
                log.warning("model %s: counts will not be exact: %s", model, error)
            else:
                self._keep(digest, vocabulary, rebuilt)
        known = _Known(info=ollama.show(model), tokenizer=rebuilt)
        for old in list(self._known)[: 1 - KEPT_AT_MOST]:
            self._known.pop(old, None)
        self._known[digest] = known
        return known

    def _keep(self, digest: str, vocabulary: Mapping[str, object], rebuilt: "Tokenizer") -> None:
        """Spare the server the next question; what cannot be kept is only asked for again."""
        from partitioned_rag.tokens import cache  # noqa: PLC0415 — as above

        if self._folder.is_dir():
            try:
                cache.store(self._folder, digest, vocabulary, rebuilt)
            except OSError as error:
                log.warning("a tokenizer cannot be kept: %s", error.strerror)


@dataclass(frozen=True, slots=True)
class _Asking:
    """One model on one connection."""

    ollama: "Ollama"
    model: str
    known: _Known
    num_ctx: int

    def exact(self) -> Meter | None:
        """Count the very text that the model will see by its own tokenizer."""
        own = self.known.tokenizer
        if own is None or any(self._template(shape) is None for shape in USUAL_SHAPES):
            return None

        def render(messages: Sequence[Message]) -> str:
            template = self._template(tuple(message.role for message in messages))
            if template is None:
                raise OllamaError(
                    "the model's template does not show what it makes of a chat",
                    where=f"model {self.model}",
                    fix="choose another model, or update Ollama",
                )
            return template.fill([message.content for message in messages])

        # Made for one prompt: what it remembers of its words goes with it.
        count = own.counter()
        frame = own.count("")

        def cost(messages: Sequence[Message]) -> int:
            # The runner takes a beginning that the template wrote for the one that it puts itself.
            return frame + count(render(messages).removeprefix(own.beginning))

        return Meter(
            count=count,
            cost=cost,
            neutralise=neutraliser(own.control_spellings),
            render=render,
            kind=CountKind.EXACT,
            margin=0.0,
        )

    def calibrated(self) -> Meter | None:
        """Count as the server's counts of fixed texts teach."""
        own = self.known.tokenizer
        count = remembered(estimator().count) if own is None else own.counter()
        if not self.known.was_calibrated:
            self.known.calibration = calibrate(
                lambda messages: self.ollama.count_prompt(
                    self.model, messages, num_ctx=self.num_ctx
                ),
                count,
                is_exact=own is not None,
            )
            self.known.was_calibrated = True
        calibration = self.known.calibration
        if calibration is None:
            return None
        margin = RATIO_MARGIN if own is None else MARGIN
        return Meter(
            count=lambda text: math.ceil(count(text) * calibration.ratio * (1 + margin)),
            cost=lambda messages: calibration.cost(
                [count(message.content) for message in messages], margin=margin
            ),
            neutralise=neutralise if own is None else neutraliser(own.control_spellings),
            render=lambda _: None,
            kind=CountKind.CALIBRATED,
            margin=margin,
        )

    def _template(self, shape: Shape) -> Template | None:
        if shape not in self.known.templates:
            self.known.templates[shape] = learn(
                lambda messages: self.ollama.render(self.model, messages, num_ctx=self.num_ctx),
                shape,
            )
        return self.known.templates[shape]


def estimated(own: "Tokenizer | None") -> Meter:
    """Count by rule of thumb, where nobody can be asked."""
    guess = estimator()
    count = remembered(guess.count)  # made for one prompt, and forgotten with it
    return Meter(
        count=count,
        cost=lambda messages: (
            MESSAGE_OVERHEAD_TOKENS * (len(messages) + 1)
            + sum(count(message.content) for message in messages)
        ),
        neutralise=neutralise if own is None else neutraliser(own.control_spellings),
        render=lambda _: None,
        kind=guess.kind,
        margin=guess.margin,
    )
