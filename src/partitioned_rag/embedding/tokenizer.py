"""A model's own tokenizer, from its `tokenizer.json`, without torch.

Floor: edge; the home of the `tokenizers` library, so it is imported inside a function only.
"""

import re
from collections.abc import Sequence
from pathlib import Path

import tokenizers

from partitioned_rag.errors import EmbedderError
from partitioned_rag.values import Span

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


class Tokenizer:
    """Tokenises without padding and without cutting, whatever its file says. Threads may share it.

    Texts go through one by one: in batches the library starts threads of its own, for a step that
    takes a hundredth of what the model takes.
    """

    def __init__(self, file: Path) -> None:
        """Read a `tokenizer.json`.

        Raises:
            EmbedderError: It is missing or damaged.
        """
        try:
            self._tokenizer = tokenizers.Tokenizer.from_buffer(file.read_bytes())
        # The library raises a bare Exception for a file that it cannot read.
        except Exception as error:
            raise EmbedderError(
                "the model's tokenizer cannot be read",
                where=str(file),
                fix="install the model again; it needs a tokenizer.json",
            ) from error
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()

    @property
    def marker_tokens(self) -> int:
        """Tokens that are put around every text, such as [CLS] and [SEP]."""
        return self._tokenizer.num_special_tokens_to_add(is_pair=False)

    def spans(self, text: str) -> list[Span]:
        """Say where the tokens of a text lie, markers left out."""
        return self._tokenizer.encode(_encodable(text), add_special_tokens=False).offsets

    def ids(self, text: str) -> Sequence[int]:
        """Tokenise a text for the model, markers included."""
        return self._tokenizer.encode(_encodable(text), add_special_tokens=True).ids


def _encodable(text: str) -> str:
    """Replace halves of surrogate pairs, which the library refuses; offsets stay."""
    return _LONE_SURROGATE.sub("\ufffd", text)
