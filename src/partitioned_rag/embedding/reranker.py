"""The seam between a question with texts and scores, and the cross-encoder of a folder behind it.

Floor: edge. A reranker serves every partition, so it may learn from nothing that it is given.
"""

import json
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from partitioned_rag.errors import InputError

if TYPE_CHECKING:
    from partitioned_rag.embedding.cross_encoder import PairScorer

_FIX = "name a folder with a cross-encoder, such as those of sentence-transformers"


class Reranker(Protocol):
    """Says how well texts answer a question, having read both together.

    Threads may share one. A text's score depends on the question and that text alone, to the bit:
    not on which other texts it is asked of, nor on what it was asked before.
    """

    @property
    def name(self) -> str:
        """What the owner chose, as shown by `prag doctor`."""
        ...

    def scores(self, question: str, texts: Sequence[str]) -> Sequence[float] | None:
        """Score texts of any length.

        Returns:
            A number from 0 to 1 for each text, in the order given; higher is better. None if the
            question is too long to be judged by, so that nothing of it is cut.

        Raises:
            EmbedderError: The weights cannot be loaded.
        """
        ...


class CrossEncoderReranker:
    """The cross-encoder in a folder, loaded when it first has something to score."""

    def __init__(self, folder: str | Path) -> None:
        """Look at the folder's description; no weights are read.

        Raises:
            InputError: There is no such folder, or no cross-encoder in it.
        """
        try:
            self._folder = Path(folder).expanduser().resolve()
            is_there = self._folder.is_dir()
        # A name with a NUL, a home that nobody has, or links in a circle.
        except (ValueError, RuntimeError, OSError):
            is_there = False
        if not is_there:
            raise InputError(
                "there is no such folder for the reranker", where=f"{folder}", fix=_FIX
            )
        if not _says_that_it_judges_pairs(self._folder):
            raise InputError("the folder holds no cross-encoder", where=str(self._folder), fix=_FIX)
        self.name = str(self._folder)
        self._loading = threading.Lock()
        self._scorer: PairScorer | None = None

    def scores(self, question: str, texts: Sequence[str]) -> Sequence[float] | None:
        """Score texts, as `Reranker.scores` says."""
        return self._open().scores(question, texts)

    def _open(self) -> "PairScorer":
        with self._loading:
            if self._scorer is None:
                # A door: it brings torch, which takes seconds.
                from partitioned_rag.embedding.cross_encoder import PairScorer  # noqa: PLC0415

                self._scorer = PairScorer(self._folder)
            return self._scorer


def _says_that_it_judges_pairs(folder: Path) -> bool:
    """Say whether a model was trained to classify: one that was not would get a head by chance."""
    try:
        architectures = json.loads((folder / "config.json").read_bytes())["architectures"]
        return str(architectures[0]).endswith("ForSequenceClassification")
    except (OSError, ValueError, LookupError, TypeError):
        return False
