"""A sentence-transformers model, loaded.

Floor: edge; the home of torch and sentence-transformers, so it is imported inside a function only.

Texts come as token ids. So what was counted is what is embedded, and no text passes through
`SentenceTransformer.encode`, which takes a text that looks like the link of a picture for that
picture, if the model knows pictures, and fetches it.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from safetensors import SafetensorError
from sentence_transformers import SentenceTransformer
from transformers.utils import logging as transformers_logging

from partitioned_rag.errors import EmbedderError

if TYPE_CHECKING:
    import numpy.typing as npt

    Vectors = npt.NDArray[np.float32]

# What the libraries raise for a folder whose model cannot be loaded.
LOADING_ERRORS = (
    OSError,
    ValueError,
    KeyError,
    TypeError,
    ImportError,
    RuntimeError,
    SafetensorError,
)
# Of a batch with its padding, markers included.
BATCH_TOKENS = 2_048


class Encoder:
    """Runs one model on the processor, in float32. Threads may share it."""

    def __init__(self, folder: Path) -> None:
        """Load the model from a folder, and from nowhere else.

        Raises:
            EmbedderError: It cannot be loaded.
        """
        try:
            with without_progress_bar():
                self._model = SentenceTransformer(
                    str(folder),
                    device="cpu",
                    # The folder is local; this keeps the library from asking the hub about it.
                    local_files_only=True,
                    trust_remote_code=False,
                    # Weights of the older format are programs.
                    model_kwargs={"use_safetensors": True, "dtype": torch.float32},
                )
        except LOADING_ERRORS as error:
            raise EmbedderError(
                "the model cannot be loaded",
                where=str(folder),
                fix="install it again; it needs weights in model.safetensors",
            ) from error
        self._pad_id = int(getattr(self._model.tokenizer, "pad_token_id", None) or 0)

    @property
    def dimensions(self) -> int:
        """Length of the vectors that it makes."""
        return self._model.get_embedding_dimension() or 0

    def ids(self, text: str) -> list[int]:
        """Tokenise a text as the model itself would, markers included."""
        return list(self._model.tokenizer(text, truncation=False)["input_ids"])

    def encode(self, rows: Sequence[Sequence[int]], *, prompt_tokens: int = 0) -> "Vectors":
        """Embed texts that are given as token ids.

        Texts of like length share a batch, so that little is padding. Which texts do follows from
        the lengths alone.

        Args:
            rows: Ids of each text, markers included.
            prompt_tokens: How many at the start of each belong to the prompt; some models leave
                them out of the mean.

        Returns:
            float32, one row of length 1 for each text, in the order given.
        """
        vectors = np.empty((len(rows), self.dimensions), dtype=np.float32)
        for batch in _batches(rows):
            vectors[batch] = self._forward([rows[i] for i in batch], prompt_tokens)
        return vectors

    def _forward(self, rows: Sequence[Sequence[int]], prompt_tokens: int) -> "Vectors":
        width = max(map(len, rows))
        ids = np.full((len(rows), width), self._pad_id, dtype=np.int64)
        mask = np.zeros((len(rows), width), dtype=np.int64)
        for row, tokens in enumerate(rows):
            ids[row, : len(tokens)] = tokens
            mask[row, : len(tokens)] = 1
        features: dict[str, torch.Tensor | int] = {
            "input_ids": torch.from_numpy(ids),
            "attention_mask": torch.from_numpy(mask),
        }
        if prompt_tokens:
            features["prompt_length"] = prompt_tokens
        with torch.inference_mode():
            vectors = self._model(features)["sentence_embedding"]
            return torch.nn.functional.normalize(vectors, dim=1).numpy()


def _batches(rows: Sequence[Sequence[int]]) -> Iterator[list[int]]:
    """Group the indices of texts by length, so that a batch is at most `BATCH_TOKENS` wide."""
    longest_first = sorted(range(len(rows)), key=lambda i: (-len(rows[i]), i))
    while longest_first:
        fitting = max(1, BATCH_TOKENS // len(rows[longest_first[0]]))
        yield longest_first[:fitting]
        longest_first = longest_first[fitting:]


@contextmanager
def without_progress_bar() -> Iterator[None]:
    """Keep transformers from drawing a bar on the terminal while it loads weights.

    It has no other switch than one for the whole process, so that is put back afterwards.
    """
    was_enabled = transformers_logging.is_progress_bar_enabled()
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        if was_enabled:
            transformers_logging.enable_progress_bar()  # type: ignore[no-untyped-call]
