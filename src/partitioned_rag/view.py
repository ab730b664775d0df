"""`View`: search, prompt and reply for one audience, over exactly the partitions it was given.

Floor: facade. It has no way to name another partition: it holds its own handles, the embedder and
the address of the model's server, and nothing that holds more.
"""

import logging
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from partitioned_rag.embedding.embedder import Embedder
from partitioned_rag.embedding.reranker import Reranker
from partitioned_rag.errors import (
    ContextLengthError,
    InputError,
    OllamaError,
    StaleSourcesError,
)
from partitioned_rag.matching.mixing import AS_MEASURED
from partitioned_rag.partition import Partition
from partitioned_rag.prompt.asked import turn_of, without
from partitioned_rag.prompt.packing import pack
from partitioned_rag.reply import answer, gather
from partitioned_rag.search import check_question, everything, search, stand
from partitioned_rag.summary import summaries_stand, told
from partitioned_rag.values import (
    Audience,
    Hit,
    Names,
    OmitReason,
    PartitionId,
    Prompt,
    Reply,
    Skip,
    Weights,
)

if TYPE_CHECKING:
    from partitioned_rag.ollama_api import ChatPart, Ollama
    from partitioned_rag.tokens.models import AtHand, Models

log = logging.getLogger(__name__)

DEFAULT_MODEL = "gemma4"
REPLY_TOKENS = 512
# Enough to fill the window; more only costs time.
PROMPT_HITS = 50
PROMPT_TURNS = 40
# Whoever writes much has their question so far back in the chat when its turn comes.
SOUGHT_TURNS = 1000
# A token of text is hardly ever longer: a folder above this is not tried whole.
MOST_CHARS_PER_TOKEN = 8
# A folder that changes all the time is given up after so many.
ATTEMPTS = 3
# How often a prompt is made smaller that the server refuses as too long.
SHRINKS = 2


class View:
    """What one audience may know. Made by `OMBox.view`; threads may share it."""

    def __init__(
        self,
        audience: Audience,
        partitions: Mapping[PartitionId, Partition],
        *,
        chat: Partition | None,
        names: Names,
        embedder: Embedder,
        reranker: Reranker | None,
        models: "Models",
        ollama_host: str,
    ) -> None:
        """Hold the handles of what the audience may read.

        Args:
            audience: Who will see the answers.
            partitions: Exactly the readable ones, `public` first.
            chat: The partition whose `chat.log` is the conversation with this audience, if it
                is one contact with a folder.
            names: Of the owner and of the one contact who asks, and of nobody else.
            embedder: Embeds questions.
            reranker: Puts in order what was found, if there is one.
            models: What is known of the models. Shared with other views, so it is told nothing that
                a folder holds or a contact writes.
            ollama_host: Base address of the model's server.
        """
        self._audience = audience
        self._partitions = dict(partitions)
        self._chat = chat
        self._names = names
        self._embedder = embedder
        self._reranker = reranker
        self._models = models
        self._ollama_host = ollama_host

    @property
    def audience(self) -> Audience:
        """Who will see the answers."""
        return self._audience

    @property
    def partitions(self) -> tuple[PartitionId, ...]:
        """The partitions this view reads, `public` first."""
        return tuple(self._partitions)

    @property
    def names(self) -> Names:
        """What the owner and the one contact who asks are called, as far as the owner says."""
        return self._names

    def search(self, question: str, *, k: int = 10, weights: Weights = AS_MEASURED) -> list[Hit]:
        """Find what answers a question.

        The readable partitions are brought up to date with their folders first.

        Args:
            question: Not blank; of any length.
            k: How many hits are wanted, at least 1.
            weights: Of words, vectors and the rest, to compare settings on your own questions.

        Returns:
            At most `k` hits, best first.

        Raises:
            InputError: The question is blank.
            StoreError: An index cannot be read or written.
            EmbedderError: The embedder or the reranker cannot be loaded.
            StaleSourcesError: Sources kept changing while they were searched.
        """
        if k < 1:
            raise ValueError("k must be at least 1")
        return search(
            question,
            self._partitions,
            self._embedder,
            k=k,
            names=self._names,
            reranker=self._reranker,
            weights=weights,
        )

    def everything(self) -> list[Hit]:
        """Give all that this audience may read, chunk by chunk, with no score.

        The readable partitions are brought up to date with their folders first.

        Returns:
            The chunks, the contact's own partition first, each in the order of its sources.

        Raises:
            StoreError, EmbedderError: As `search`.
            StaleSourcesError: Sources kept changing while they were read.
        """
        chunks = everything(self._partitions, at_most_chars=sys.maxsize)
        if chunks is None:
            raise StaleSourcesError("the files kept changing while they were read", fix="try again")
        return chunks

    def skipped(self) -> tuple[Skip, ...]:
        """List the files of what this audience may read that stand in no answer, and why.

        As of the last time that the partitions were brought up to date; changes nothing.

        Raises:
            StoreError: An index cannot be read.
        """
        return tuple(
            skip
            for each in self._partitions.values()
            for skip in each.status(whole_tokens=sys.maxsize).skipped
        )

    def prompt(
        self, question: str, *, model: str | None = None, budget: int | None = None
    ) -> Prompt:
        """Compose exactly what would be sent to the model; has it answer nothing.

        Where all that the audience may read fits, all of it stands in the prompt; else what a
        search finds. Ollama is asked how the model counts, if it runs and has the model; if not,
        counts are estimates and say so.

        Args:
            question: The message to answer, not blank.
            model: Name of the model that would be asked.
            budget: Tokens that the prompt may take; the window less the reply reserve by default.

        Raises:
            MessageTooLongError: The message alone is over the budget; says by how much.
            InputError: The question is blank, or the budget is none that the model can read.
            StoreError, EmbedderError, StaleSourcesError: As `search`.
        """
        from partitioned_rag.ollama_api import Ollama  # noqa: PLC0415 — the door of httpx

        with Ollama(self._ollama_host) as ollama:
            try:
                at_hand = self._models.at_hand(ollama, model or DEFAULT_MODEL)
                return self._compose(question, at_hand, budget)
            except OllamaError as error:
                log.info("counts are estimates: %s", error.what)
        return self._compose(question, self._models.unknown(), budget)

    def reply(
        self,
        question: str,
        *,
        model: str | None = None,
        budget: int | None = None,
        on_text: Callable[[str], None] | None = None,
        on_discard: Callable[[], None] | None = None,
        said: str | None = None,
    ) -> Reply:
        """Ask the local model.

        After it has answered, the sources of the prompt are checked once more. If one is gone, or
        what was quoted of it no longer stands, the reply is thrown away and made anew, at most
        twice. A prompt that the server refuses as too long is made shorter, at most twice.

        Args:
            question: The message to answer, not blank.
            model: Name of an Ollama model.
            budget: As in `prompt`.
            on_text: Told each piece of the reply as it comes. What it was told may be withdrawn.
            on_discard: Told that all pieces so far are withdrawn and another reply begins.
            said: The question as it stands already in the chat with this contact, if it does: it
                is neither a part of the conversation before it nor of its own context.

        Raises:
            OllamaError: The server is not running, has not got the model, refused or broke off.
            StaleSourcesError: Sources kept changing while the model was thinking.
            MessageTooLongError, InputError, StoreError, EmbedderError: As `prompt`.
        """
        from partitioned_rag.ollama_api import Ollama  # noqa: PLC0415 — the door of httpx

        check_question(question)
        name = model or DEFAULT_MODEL
        with Ollama(self._ollama_host) as ollama:
            at_hand = self._models.at_hand(ollama, name)

            def attempt(allowed: int | None) -> Reply:
                reply = answer(
                    compose=lambda: self._compose(question, at_hand, allowed, said=said),
                    ask=lambda prompt: gather(
                        _asked(ollama, name, prompt),
                        model=name,
                        clock=time.monotonic,
                        on_text=on_text,
                    ),
                    stands=self._stands,
                    clock=time.monotonic,
                    on_discard=on_discard,
                )
                return replace(reply, digest=at_hand.digest)

            for _ in range(SHRINKS):
                try:
                    return attempt(budget)
                except ContextLengthError as error:
                    allowed = _budget(at_hand, budget)
                    budget = allowed - (error.excess_tokens or allowed // 8)
                    log.warning("model %s: the server counts more tokens than we", name)
            return attempt(budget)

    def stands(self, prompt: Prompt) -> bool:
        """Say whether all that a prompt of this view quotes still stands in the folder as quoted.

        A chat that grew at its end leaves what was quoted of it as it was.

        Raises:
            StoreError, EmbedderError: As `search`.
        """
        return self._stands(prompt)

    def _compose(
        self, question: str, at_hand: "AtHand", budget: int | None, *, said: str | None = None
    ) -> Prompt:
        """Fit all that may be read into the budget, or else what a search finds."""
        check_question(question)
        allowed = _budget(at_hand, budget)
        reply_tokens = _reply_tokens(at_hand)
        packed = partial(
            pack,
            question,
            names=self._names,
            window_tokens=max(at_hand.window_tokens, allowed + reply_tokens),
            reply_tokens=reply_tokens,
            budget_tokens=allowed,
            meter=at_hand.meter,
        )
        most_chars = allowed * MOST_CHARS_PER_TOKEN
        for _ in range(ATTEMPTS):
            turns = self._chat.recent_turns(limit=SOUGHT_TURNS) if self._chat else []
            asked = turn_of(said, turns) if said is not None else None
            turns = [turn for turn in turns[-PROMPT_TURNS:] if turn is not asked]
            whole = everything(self._partitions, at_most_chars=most_chars)
            whole = without(whole, asked) if whole else whole
            prompt = packed(turns=turns, hits=whole, is_whole_folder=True) if whole else None
            if prompt is None or _is_short_of_room(prompt):
                hits = self.search(question, k=PROMPT_HITS)
                hits = without(hits, asked)
                prompt = packed(
                    turns=turns,
                    hits=hits,
                    summaries=told(self._partitions, chat=self._chat),
                    is_whole_folder=False,
                )
            # Packing takes its time too, and what is gone by now must not be quoted.
            if self._stands(prompt):
                return prompt
        raise StaleSourcesError(
            "the files that answer kept changing while the prompt was made", fix="ask again"
        )

    def _stands(self, prompt: Prompt) -> bool:
        """Say whether all that a prompt quotes still stands."""
        return (
            stand(prompt.hits, self._partitions)
            and summaries_stand(prompt.summaries, self._partitions)
            and (
                self._chat is None or self._chat.stands((turn, turn.line) for turn in prompt.turns)
            )
        )


def _asked(ollama: "Ollama", model: str, prompt: Prompt) -> "Iterator[ChatPart]":
    """Ask, and compare the server's count with ours: evidence for the owner, and for no answer."""
    for part in ollama.chat(
        model, prompt.messages, num_ctx=prompt.window, num_predict=prompt.reply_reserve
    ):
        if part.prompt_tokens is not None and part.prompt_tokens > prompt.tokens:
            log.warning(
                "model %s counted %d tokens of a prompt and we %d (%s): see `prag doctor`",
                model,
                part.prompt_tokens,
                prompt.tokens,
                prompt.count,
            )
        yield part


def _is_short_of_room(prompt: Prompt) -> bool:
    return any(each.reason is OmitReason.OVER_BUDGET for each in prompt.omitted)


def _reply_tokens(at_hand: "AtHand") -> int:
    """Say how much of the window is kept free for the reply."""
    return min(REPLY_TOKENS, at_hand.window_tokens // 2)


def _budget(at_hand: "AtHand", wanted: int | None) -> int:
    """Say what a prompt may take.

    Raises:
        InputError: It is none, or more than the model can read.
    """
    reply_tokens = _reply_tokens(at_hand)
    if wanted is None:
        return at_hand.window_tokens - reply_tokens
    if wanted < 1:
        raise InputError("the budget must be at least 1 token")
    longest = at_hand.longest_window_tokens
    if longest is not None and wanted > longest - reply_tokens:
        raise InputError(
            f"a budget of {wanted} tokens is more than the model can read",
            fix=f"give at most {longest - reply_tokens}",
        )
    return wanted
