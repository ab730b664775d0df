"""A sentence-transformers cross-encoder, loaded.

Floor: edge; a home of torch and sentence-transformers, so it is imported inside a function only.

Pairs come as token ids, one at a time: in a batch the last bits of a score follow from the texts
beside it, and no text may have a part in the score of another. `CrossEncoder.predict` would also
cut what is too long, and take a text that looks like the link of a picture for that picture.
"""

import math
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors import safe_open
from sentence_transformers import CrossEncoder

from partitioned_rag.embedding.encoder import LOADING_ERRORS, without_progress_bar
from partitioned_rag.errors import EmbedderError

_PROBE = ("Where is the key?", "It hangs behind the barrel, beside the door.")
# Of a question with a text: more than is quoted, and what it costs grows with the square.
MOST_TOKENS = 2_048
# Of two ways to the same number, with and without padding.
_TOLERANCE = 1e-3


class PairScorer:
    """Runs one cross-encoder on the processor, in float32. Threads that share it take turns."""

    def __init__(self, folder: Path) -> None:
        """Load the model from a folder, and from nowhere else.

        Raises:
            EmbedderError: It cannot be loaded, or is not one that gives a single score to a pair.
        """
        self._folder = folder
        try:
            with without_progress_bar():
                self._model = CrossEncoder(
                    str(folder),
                    device="cpu",
                    # The folder is local; this keeps the library from asking the hub about it.
                    local_files_only=True,
                    trust_remote_code=False,
                    # Weights of the older format are programs.
                    model_kwargs={"use_safetensors": True, "dtype": torch.float32},
                )
                self._model.eval()
                trained = _names_of_weights(folder)
        except LOADING_ERRORS as error:
            raise EmbedderError(
                "the reranker cannot be loaded",
                where=str(folder),
                fix="install it again; it needs weights in model.safetensors",
            ) from error
        if self._model.num_labels != 1:
            raise self._unusable(f"gives {self._model.num_labels} scores to a text, not one")
        network = self._model.transformers_model
        if network is None or not self._model.tokenizer.is_fast:
            raise self._unusable("has no tokenizer.json, or no transformer")
        # What judges is made up by the library where the weights have none.
        base = f"{network.base_model_prefix}."
        if any(not name.startswith(base) and name not in trained for name in network.state_dict()):
            raise self._unusable("was not trained to judge texts")
        positions = getattr(network.config, "max_position_embeddings", None)
        # Some models number positions from 2 on, behind the one of the padding.
        lengths = (self._model.max_seq_length, positions and positions - 2)
        self._max_tokens = min(MOST_TOKENS, *(length for length in lengths if length))
        # A tokenizer keeps how it cut last, and how many threads compute is set for all.
        self._turn = threading.Lock()
        self._check_against_the_library()

    def scores(self, question: str, texts: Sequence[str]) -> list[float] | None:
        """Score texts, as `Reranker.scores` says: by the best part of one that exceeds the window.

        Returns:
            For each text the probability that the model gives it, the sigmoid of its output; None
            if the question takes more than half of the window.
        """
        half = self._max_tokens // 2
        with self._turn:
            ids = self._model.tokenizer(
                question, add_special_tokens=False, truncation=True, max_length=half + 1
            )["input_ids"]
            if len(ids) > half:
                return None
            with _one_thread():
                return [_sigmoid(max(self._outputs(question, text))) for text in texts]

    def _outputs(self, question: str, text: str) -> list[float]:
        """Give what the model says of each part of a text that fits beside the question."""
        rows = self._model.tokenizer(
            question,
            text,
            truncation="only_second",
            max_length=self._max_tokens,
            stride=self._max_tokens // 8,
            return_overflowing_tokens=True,
        )
        given = [name for name in self._model.tokenizer.model_input_names if name in rows]
        outputs = []
        for row in range(len(rows["input_ids"])):
            features = {name: torch.tensor([rows[name][row]]) for name in given}
            with torch.inference_mode():
                outputs.append(float(self._model(features)["scores"].item()))
        if not all(map(math.isfinite, outputs)):
            raise self._unusable("gives what is no number")
        return outputs

    def _check_against_the_library(self) -> None:
        """See that nothing stands before a pair, or behind the model, that we leave out."""
        theirs = self._model.predict(
            [_PROBE], activation_fn=torch.nn.Identity(), show_progress_bar=False
        )
        if abs(max(self._outputs(*_PROBE)) - float(theirs[0])) > _TOLERANCE:
            raise self._unusable("wants more than a question and a text")

    def _unusable(self, why: str) -> EmbedderError:
        return EmbedderError(
            f"the reranker {why}",
            where=str(self._folder),
            fix="choose a cross-encoder that was trained to rank, or go without",
        )


@contextmanager
def _one_thread() -> Iterator[None]:
    """Have torch compute in this thread alone.

    The last bits of a score follow from how many share the work, and a single text is too little
    to share: beside other programs it takes several times as long with two threads as with one.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _names_of_weights(folder: Path) -> set[str]:
    names: set[str] = set()
    for file in sorted(folder.glob("*.safetensors")):
        with safe_open(file, framework="pt") as weights:
            names.update(weights.keys())
    return names


def _sigmoid(output: float) -> float:
    if output < 0:
        return math.exp(output) / (1 + math.exp(output))
    return 1 / (1 + math.exp(-output))
