"""`View`: search, prompt and reply for one audience, over exactly the partitions it was given.

Floor: facade. It has no way to name another partition: it holds its own handles, the embedder and
the address of the model's server, and nothing that holds more.
"""

import time
from collections.abc import Callable, Mapping

from partitioned_rag.embedding.embedder import Embedder
from partitioned_rag.errors import InputError
from partitioned_rag.partition import Partition
from partitioned_rag.prompt.packing import pack
from partitioned_rag.reply import answer, gather
from partitioned_rag.search import search, stand
from partitioned_rag.values import Audience, Hit, PartitionId, Prompt, Reply

DEFAULT_MODEL = "gemma4"
WINDOW_TOKENS = 4096
REPLY_RESERVE_TOKENS = 512
# Enough to fill the window; more only costs time.
PROMPT_HITS = 50
PROMPT_TURNS = 40


class View:
    """What one audience may know. Made by `OMBox.view`; threads may share it."""

    def __init__(
        self,
        audience: Audience,
        partitions: Mapping[PartitionId, Partition],
        *,
        chat: Partition | None,
        embedder: Embedder,
        ollama_host: str,
    ) -> None:
        """Hold the handles of what the audience may read.

        Args:
            audience: Who will see the answers.
            partitions: Exactly the readable ones, `public` first.
            chat: The partition whose `chat.log` is the conversation with this audience, if it
                is one contact with a folder.
            embedder: Embeds questions.
            ollama_host: Base address of the model's server.
        """
        self._audience = audience
        self._partitions = dict(partitions)
        self._chat = chat
        self._embedder = embedder
        self._ollama_host = ollama_host

    @property
    def audience(self) -> Audience:
        """Who will see the answers."""
        return self._audience

    @property
    def partitions(self) -> tuple[PartitionId, ...]:
        """The partitions this view reads, `public` first."""
        return tuple(self._partitions)

    def search(self, question: str, *, k: int = 10) -> list[Hit]:
        """Find what answers a question.

        The readable partitions are brought up to date with their folders first.

        Args:
            question: Not blank; of any length.
            k: How many hits are wanted, at least 1.

        Returns:
            At most `k` hits, best first.

        Raises:
            InputError: The question is blank.
            StoreError: An index cannot be read or written.
            EmbedderError: The embedder cannot be loaded.
            StaleSourcesError: Sources kept changing while they were searched.
        """
        if k < 1:
            raise ValueError("k must be at least 1")
        return search(question, self._partitions, self._embedder, k=k)

    def prompt(
        self, question: str, *, model: str | None = None, budget: int | None = None
    ) -> Prompt:
        """Compose exactly what would be sent to the model; sends nothing.

        Args:
            question: The message to answer, not blank.
            model: Name of the model that would be asked.
            budget: Tokens that the prompt may take; the window less the reply reserve by default.

        Raises:
            MessageTooLongError: The message alone is over the budget; says by how much.
            InputError, StoreError, EmbedderError, StaleSourcesError: As `search`.
        """
        from partitioned_rag.tokens.estimate import estimator  # noqa: PLC0415 — door of tiktoken

        budget_tokens = WINDOW_TOKENS - REPLY_RESERVE_TOKENS if budget is None else budget
        if budget_tokens < 1:
            raise InputError("the budget must be at least 1 token")
        count = estimator()
        hits = search(question, self._partitions, self._embedder, k=PROMPT_HITS)
        turns = self._chat.recent_turns(limit=PROMPT_TURNS) if self._chat else []
        return pack(
            question,
            hits,
            turns,
            budget_tokens=budget_tokens,
            count=count.count,
            count_kind=count.kind,
        )

    def reply(
        self,
        question: str,
        *,
        model: str | None = None,
        budget: int | None = None,
        on_text: Callable[[str], None] | None = None,
        on_discard: Callable[[], None] | None = None,
    ) -> Reply:
        """Ask the local model.

        After it has answered, the sources of the prompt are checked once more. If one is gone, or
        what was quoted of it no longer stands, the reply is thrown away and made anew, at most
        twice.

        Args:
            question: The message to answer, not blank.
            model: Name of an Ollama model.
            budget: As in `prompt`; the window sent is this plus the reply reserve.
            on_text: Told each piece of the reply as it comes. What it was told may be withdrawn.
            on_discard: Told that all pieces so far are withdrawn and another reply begins.

        Raises:
            OllamaError: The server is not running, has not got the model, refused or broke off.
            StaleSourcesError: Sources kept changing while the model was thinking.
            MessageTooLongError, InputError, StoreError, EmbedderError: As `prompt`.
        """
        from partitioned_rag.ollama_api import Ollama  # noqa: PLC0415 — the door of httpx

        name = model or DEFAULT_MODEL
        with Ollama(self._ollama_host) as ollama:
            return answer(
                compose=lambda: self.prompt(question, model=name, budget=budget),
                ask=lambda prompt: gather(
                    ollama.chat(
                        name,
                        prompt.messages,
                        num_ctx=prompt.budget + REPLY_RESERVE_TOKENS,
                        num_predict=REPLY_RESERVE_TOKENS,
                    ),
                    model=name,
                    clock=time.monotonic,
                    on_text=on_text,
                ),
                stands=self._stands,
                clock=time.monotonic,
                on_discard=on_discard,
            )

    def _stands(self, prompt: Prompt) -> bool:
        """Say whether all that a prompt quotes still stands."""
        return stand(prompt.hits, self._partitions) and (
            self._chat is None or self._chat.stands((turn, turn.line) for turn in prompt.turns)
        )
