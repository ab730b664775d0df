"""Embedders that are a BERT encoder and the mean of its states, without torch.

Floor: edge; light until it is used. Chunks are many and take the fastest runtime, which has to be
loaded first. A question takes one too where there will be more of them; one that is asked by itself
takes numpy, which is there at once.
"""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from partitioned_rag.cores import cores
from partitioned_rag.values import Span

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from partitioned_rag.embedding.bert import Bert
    from partitioned_rag.embedding.runtimes import Runtime
    from partitioned_rag.embedding.tokenizer import Tokenizer

    Vectors = npt.NDArray[np.float32]

# What computes, as `open_runtime` knows it and `prag status` shows it.
NUMPY, FP32, INT8, BF16 = "numpy", "onnxruntime", "onnxruntime in int8", "openvino"
# [CLS] and [SEP], which stand around every text.
_MARKER_TOKENS = 2


class BertEmbedder:
    """One BERT encoder. Threads may share it.

    A text goes through by itself and through one thread. So its vector is the same to the bit
    whatever it is embedded with, and an index that grew holds the vectors of one made at once.
    """

    def __init__(
        self,
        name: str,
        *,
        version: str,
        dimensions: int,
        max_tokens: int,
        tokenizer_file: Callable[[], Path],
        read_weights: Callable[[], "Bert"],
        runtime: str,
        question_runtime: str,
    ) -> None:
        """Keep what is known; nothing is read.

        Args:
            name: As in `Embedder.name`.
            version: As in `Embedder.version`.
            dimensions: Length of a vector.
            max_tokens: Longest input, with markers.
            tokenizer_file: Finds its `tokenizer.json`.
            read_weights: Finds its weights, checks them and maps them.
            runtime: What computes chunks, as `open_runtime` knows it.
            question_runtime: What computes questions, in float32. It is decided here and not as
                questions come: their scores would tell in a last digit who had asked before.
        """
        self.name = name
        self.version = version
        self.dimensions = dimensions
        self.window_tokens = max_tokens - _MARKER_TOKENS
        self._tokenizer_file = tokenizer_file
        self._read_weights = read_weights
        self._chunk_runtime = runtime
        self._question_runtime = question_runtime
        self._loading = threading.Lock()
        self._tokenizer: Tokenizer | None = None
        self._reading: Future[Bert] | None = None
        self._runtimes: dict[str, Runtime] = {}

    @property
    def runtime(self) -> str:
        """What computes the chunks' vectors, as `Embedder.runtime` says."""
        opened = self._runtimes.get(self._chunk_runtime)
        return opened.name if opened else self._chunk_runtime

    def token_spans(self, text: str) -> list[Span]:
        """Say where the model's tokens lie, as `Embedder.token_spans` says."""
        return self._open_tokenizer().spans(text)

    def embed_chunks(self, texts: Sequence[str]) -> "Vectors":
        """Embed texts of one partition, as `Embedder.embed_chunks` says."""
        import numpy as np

        from partitioned_rag.embedding.bert import vector_of  # noqa: PLC0415

        rows = self._rows(texts)
        vectors = np.empty((len(rows), self.dimensions), dtype=np.float32)
        if not rows:
            return vectors
        bert, runtime = self._open_runtime(self._chunk_runtime)

        def embed(row: int) -> None:
            vectors[row] = vector_of(rows[row], bert=bert, layers=runtime.layers)

        # The longest first, so that no thread is left with one while the others are done.
        longest_first = sorted(range(len(rows)), key=lambda row: -len(rows[row]))
        with ThreadPoolExecutor(cores()) as threads:
            for _ in threads.map(embed, longest_first):
                pass
        return vectors

    def embed_question(self, text: str) -> "Vectors":
        """Embed one question, as `Embedder.embed_question` says."""
        import numpy as np

        from partitioned_rag.embedding.bert import vector_of  # noqa: PLC0415
        from partitioned_rag.embedding.parts import mean_direction, parts_of  # noqa: PLC0415

        parts = parts_of(text, token_spans=self.token_spans, window_tokens=self.window_tokens)
        bert, runtime = self._open_runtime(self._question_runtime)
        vectors = [vector_of(row, bert=bert, layers=runtime.layers) for row in self._rows(parts)]
        return mean_direction(np.stack(vectors), [len(part) for part in parts])

    def _rows(self, texts: Sequence[str]) -> list[Sequence[int]]:
        tokenizer = self._open_tokenizer()
        rows = [tokenizer.ids(text) for text in texts]
        if any(len(row) > self.window_tokens + _MARKER_TOKENS for row in rows):
            raise ValueError(f"a text has more than {self.window_tokens} tokens")
        return rows

    def _open_tokenizer(self) -> "Tokenizer":
        with self._loading:
            if self._tokenizer is None:
                # A door: it brings the `tokenizers` library.
                from partitioned_rag.embedding.tokenizer import Tokenizer  # noqa: PLC0415

                # What is cut into tokens is embedded, and to check the weights takes as long as to
                # load the tokenizer and to cut.
                self._start_reading()
                self._tokenizer = Tokenizer(self._tokenizer_file())
            return self._tokenizer

    def _open_runtime(self, name: str) -> "tuple[Bert, Runtime]":
        with self._loading:
            bert = self._weights()
            if name not in self._runtimes:
                # A door: it brings a runtime's library.
                from partitioned_rag.embedding.runtimes import open_runtime  # noqa: PLC0415

                self._runtimes[name] = open_runtime(bert, name)
            return bert, self._runtimes[name]

    def _weights(self) -> "Bert":
        try:
            return self._start_reading().result()
        except BaseException:
            # The next call looks again whether they are there.
            self._reading = None
            raise

    def _start_reading(self) -> "Future[Bert]":
        if self._reading is None:
            thread = ThreadPoolExecutor(1)
            self._reading = thread.submit(self._read_weights)
            thread.shutdown(wait=False)
        return self._reading
