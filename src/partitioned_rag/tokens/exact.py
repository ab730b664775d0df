"""A model's own tokenizer, rebuilt from what its server says of it.

Floor: edge. The same text gives the same ids as llama.cpp, on which Ollama runs its models, gives
for it; what cannot be rebuilt is refused, never approximated.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import Final, Protocol

from partitioned_rag.tokens.bpe import LINE_PRE, ByteBPE, LineBPE
from partitioned_rag.tokens.merging import Merger
from partitioned_rag.tokens.model_info import Frame, Joints, Vocabulary, cannot_rebuild, read
from partitioned_rag.tokens.sentencepiece import SentencePiece
from partitioned_rag.tokens.special import SpecialTokens
from partitioned_rag.tokens.unigram import Unigram
from partitioned_rag.tokens.wordpiece import WordPiece
from partitioned_rag.values import CountKind

REMEMBERED_CHARS: Final = 64
"""Longer words are rare, and take more memory than they save time."""

_SURROGATE = re.compile("[\ud800-\udfff]")


class _Words(Protocol):
    """What a family of tokenizers is: a way to cut a text, and the ids of each piece."""

    @property
    def frame(self) -> Frame:
        """The ids that begin and end a text."""

    @property
    def merger(self) -> Merger | None:
        """What joins the symbols of a piece, in families that do so."""

    def split(self, text: str) -> Sequence[str]:
        """Cut a text into pieces that are tokenized apart."""

    def encode(self, word: str) -> Sequence[int]:
        """Give the ids of one piece."""

    def count(self, word: str) -> int:
        """Count the ids of one piece."""


class _Counts(dict[str, int]):
    """How many tokens a word has, for the words of one text: most of them stand in it often.

    It does not outlive the text. A tokenizer is shared by audiences, and what they share may
    remember nobody's words, not even to be quicker.
    """

    def __init__(self, words: _Words) -> None:
        super().__init__()
        self._count = words.count

    def __missing__(self, word: str) -> int:
        tokens = self._count(word)
        if len(word) <= REMEMBERED_CHARS:
            self[word] = tokens
        return tokens


class Tokenizer:
    """Turns a text into the ids that the model's server would, or counts them.

    Threads may share it.

    Attributes:
        kind: Always `exact`.
        margin: By what share a count has to be raised to be safe: none.
        control_spellings: Every spelling, sorted, that the server takes for a special token
            wherever it stands in a text, also in one that a stranger wrote.
        beginning: How the token is spelt that is put before a text, empty if none is. Where a
            prompt begins with this spelling, Ollama takes it off before the token is put.
        spellings: The id of each token, by how it is spelt.
        control_ids: The tokens with which a text could steer the model. `special=False` gives
            none of them, but for those that llama.cpp itself parses always (gpt-oss's channels).
    """

    kind: Final = CountKind.EXACT
    margin: Final = 0.0

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._was_asked = False
        self.spellings = vocabulary.ids
        self._words = _family(vocabulary)
        self._before, self._after = self._words.frame
        self._special = SpecialTokens(vocabulary)
        # A space is put before a text, and again before what follows a special token.
        prefixed = vocabulary.model == "llama" and vocabulary.switch(
            "add_space_prefix", default=True
        )
        self._prefix = " " if prefixed else ""
        self.beginning = "".join(vocabulary.tokens[id_] for id_ in self._before)
        self.control_spellings = self._special.spellings
        self.control_ids = self._special.control_ids

    def ids(self, text: str, *, special: bool = True, bos: bool = True) -> list[int]:
        """Give the ids of a text.

        Args:
            text: Half a surrogate pair in it counts as U+FFFD, since that is what arrives.
            special: Whether spellings of special tokens become those tokens, as they do in
                whatever is sent to Ollama. Some models have special tokens that always do.
            bos: Whether the tokens with which the model begins and ends a text are added, which
                the server does once for a whole prompt.
        """
        ids = [*(self._before if bos else ())]
        for part in self._parts(text, special=special):
            if isinstance(part, int):
                ids.append(part)
            else:
                ids += chain.from_iterable(map(self._words.encode, self._words.split(part)))
        ids += self._after if bos else ()
        return ids

    def count(self, text: str, *, special: bool = True, bos: bool = True) -> int:
        """Count the tokens of a text: `len(self.ids(...))`, but faster."""
        total = len(self._before) + len(self._after) if bos else 0
        tokens_of = _Counts(self._words).__getitem__
        for part in self._parts(text, special=special):
            total += 1 if isinstance(part, int) else sum(map(tokens_of, self._words.split(part)))
        return total

    def counter(self) -> Callable[[str], int]:
        """Make a function that counts texts of one prompt, without what is put before and after.

        It is quicker than `count`, since it remembers the words that it has met. So it must not
        outlive what it was made for, nor serve two audiences.

        Who asks for a second one has more than one prompt to count, and gets compiled code, where
        there is any for the model: what that takes once, it saves within a few prompts.
        """
        if self._was_asked and self._words.merger is not None:
            self._words.merger.hasten()
        self._was_asked = True
        tokens_of = _Counts(self._words).__getitem__

        def count(text: str) -> int:
            parts = self._parts(text, special=True)
            return sum(
                1 if isinstance(part, int) else sum(map(tokens_of, self._words.split(part)))
                for part in parts
            )

        return count

    @property
    def joints(self) -> Joints | None:
        """What merging comes to, which need not be found out again; None if nothing is merged."""
        merger = self._words.merger
        return None if merger is None else merger.joints

    def _parts(self, text: str, *, special: bool) -> Sequence[str | int]:
        if not text.isascii():
            text = _SURROGATE.sub("\ufffd", text)
        parts = self._special.parts(text, special=special)
        if not self._prefix:
            return parts
        follows = (0, *parts)  # as if a special token stood before the first
        return [
            self._prefix + part if isinstance(part, str) and isinstance(last, int) else part
            for last, part in zip(follows, parts, strict=False)
        ]


def tokenizer(
    model_info: Mapping[str, object], *, joints: Callable[[Mapping[str, int]], Joints] | None = None
) -> Tokenizer:
    """Rebuild a model's tokenizer.

    Which one it is, is read from the arrays, never from the model's name. Known are byte pair
    encoding (`gpt2`) with the pre-tokenizers of `pre_rules.RULES`, Gemma 4's, SentencePiece
    (`llama`), WordPiece (`bert`) and unigram (`t5`).

    Args:
        model_info: The object of that name in the answer of `POST /api/show` with `verbose`,
            which alone holds the arrays, as JSON decodes it.
        joints: Gives the `Tokenizer.joints` of the same vocabulary, from the ids by token. To find
            them out takes a second or two for a large one. They are not for a server to say.

    Raises:
        TokenizerError: It is of a kind that is not known here, or its arrays are missing or make
            no sense.
    """
    return Tokenizer(read(model_info, joints=joints))


def _family(vocabulary: Vocabulary) -> _Words:
    match vocabulary.model:
        case "gpt2" if vocabulary.pre in LINE_PRE:
            return LineBPE(vocabulary)
        case "gpt2":
            return ByteBPE(vocabulary)
        case "gemma4":
            return LineBPE(vocabulary)
        case "llama":
            return SentencePiece(vocabulary)
        case "t5":
            return Unigram(vocabulary)
        case "bert":
            return WordPiece(vocabulary)
        case model:
            raise cannot_rebuild(f"the tokenizer model '{model}' is not known", where=model)
