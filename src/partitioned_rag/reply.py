"""Ask the model, check the sources once more, ask again: a loop over callables.

Floor: flows. It knows neither view nor client nor clock, so that the loop can be read and tested
by itself. A model takes seconds; what was quoted to it may be gone from the folder by then, and
such a reply must not leave.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol

from partitioned_rag.errors import EmptyReplyError, StaleSourcesError
from partitioned_rag.values import Prompt, Reply, Timings

# Asked once, and at most twice more.
ATTEMPTS = 3


class Part(Protocol):
    """A piece of a reply as it comes."""

    @property
    def text(self) -> str:
        """What was said since the last part."""
        ...

    @property
    def done_reason(self) -> str:
        """In the last part `length` if the model was stopped before it had finished."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """What a model answered to one prompt.

    Attributes:
        text: Never blank; no white space around it.
        cut: True when the model stopped for length, not because it had finished.
        first_words_s: Seconds from asking to the first words.
    """

    text: str = field(repr=False)
    model: str
    cut: bool
    first_words_s: float


def gather(
    parts: Iterable[Part],
    *,
    model: str,
    clock: Callable[[], float],
    on_text: Callable[[str], None] | None,
) -> Completion:
    """Put a reply together from its pieces.

    Args:
        parts: As `Ollama.chat` gives them; asked for from here on.
        model: Who answers.
        clock: Seconds that never go back.
        on_text: Told each piece as it comes; joined they are the text, but for white space at its
            end.

    Raises:
        EmptyReplyError: The reply is blank.
        OllamaError: Whatever `parts` raises.
    """
    asked_at = clock()
    first_words_at = asked_at
    pieces: list[str] = []
    cut = False
    for part in parts:
        cut = part.done_reason == "length"
        piece = part.text if pieces else part.text.lstrip()
        if not piece:
            continue
        if not pieces:
            first_words_at = clock()
        pieces.append(piece)
        if on_text is not None:
            on_text(piece)
    if not pieces:
        raise EmptyReplyError(
            "the model used up its reply without a word" if cut else "the model's reply is empty",
            where=f"model {model}",
            fix="choose a model that does not think first" if cut else "ask again",
        )
    return Completion(
        text="".join(pieces).rstrip(),
        model=model,
        cut=cut,
        first_words_s=first_words_at - asked_at,
    )


def answer(
    compose: Callable[[], Prompt],
    ask: Callable[[Prompt], Completion],
    stands: Callable[[Prompt], bool],
    *,
    clock: Callable[[], float],
    on_discard: Callable[[], None] | None,
) -> Reply:
    """Get a reply whose every source still stood after the model had spoken.

    Whoever shows text while `ask` runs shows it before that check: it may quote what has just been
    removed. So only the owner, who may see the whole folder, is shown it, and `on_discard` says
    when to take it back; what goes to a contact is the `Reply` that is returned, nothing earlier.

    Args:
        compose: Makes the prompt from the folder as it is now.
        ask: Puts a prompt to the model and waits.
        stands: Says whether all that a prompt quotes is still in the folder as quoted.
        clock: Seconds that never go back.
        on_discard: Told each time a reply is thrown away, also the last before giving up.

    Raises:
        StaleSourcesError: Sources changed during each of the three attempts.
        PragError: Whatever `compose`, `ask` and `stands` raise, at once.
    """
    started_at = clock()
    for asked in range(1, ATTEMPTS + 1):
        prompt = compose()
        asked_at = clock()
        completion = ask(prompt)
        if stands(prompt):
            return Reply(
                text=completion.text,
                prompt=prompt,
                model=completion.model,
                timings=Timings(
                    first_words_s=asked_at - started_at + completion.first_words_s,
                    total_s=clock() - started_at,
                    asked=asked,
                ),
                cut=completion.cut,
            )
        if on_discard is not None:
            on_discard()
    raise StaleSourcesError(
        f"sources kept changing while the model was thinking, {ATTEMPTS} times over",
        fix="ask again when the folder has come to rest",
    )
