"""WordPiece, `model=bert`: nomic-embed-text, all-minilm, mxbai-embed-large, bge.

Floor: edge. Devlin et al., "BERT: Pre-training of Deep Bidirectional Transformers for Language
Understanding", NAACL 2019; the normalisation is llama.cpp's.
"""

import unicodedata
from collections.abc import Sequence
from typing import Final

from partitioned_rag.tokens.bpe import SPACE
from partitioned_rag.tokens.model_info import Vocabulary, cannot_rebuild
from partitioned_rag.tokens.unicode_classes import CLASSES, image

REMEMBERED_CHARACTERS: Final = 1 << 16

# The third last begins 0x100 characters late, as in the first implementation that many copied.
_HAN = (
    range(0x4E00, 0xA000),
    range(0x3400, 0x4DC0),
    range(0x20000, 0x2A6E0),
    range(0x2A700, 0x2B740),
    range(0x2B740, 0x2B820),
    range(0x2B920, 0x2CEB0),
    range(0xF900, 0xFB00),
    range(0x2F800, 0x2FA20),
)


class WordPiece:
    """Takes the longest token that begins each rest of a word; a word that has none is unknown."""

    merger: Final = None

    def __init__(self, vocabulary: Vocabulary) -> None:
        begin = vocabulary.id("bos_token_id", 101)
        end = vocabulary.id("seperator_token_id", 102)  # so misspelt in the file
        unknown = vocabulary.id("unknown_token_id", 100)
        if begin is None or end is None or unknown is None:
            raise cannot_rebuild("the model's tokenizer lacks [CLS], [SEP] or [UNK]", where="bert")
        self.frame = ((begin,), (end,))
        self._unknown = unknown
        self._ids = vocabulary.ids
        self._longest = max(map(len, vocabulary.tokens))
        lowercase = vocabulary.switch("normalizer.lowercase", default=True)
        self._images = _Images(
            lowercase=lowercase,
            strips_accents=vocabulary.switch("normalizer.strip_accents", default=lowercase),
        )

    def split(self, text: str) -> Sequence[str]:
        """Normalise a text and cut it into words and marks of punctuation."""
        return text.translate(self._images).split()

    def encode(self, word: str) -> Sequence[int]:
        """Give the ids of a word."""
        word = SPACE + word
        ids: list[int] = []
        start = 0
        while start < len(word):
            for end in range(min(len(word), start + self._longest), start, -1):
                if (id_ := self._ids.get(word[start:end])) is not None:
                    ids.append(id_)
                    start = end
                    break
            else:
                return (self._unknown,)
        return ids

    def count(self, word: str) -> int:
        """Count the ids of a word."""
        return len(self.encode(word))


class _Images(dict[int, str]):
    """What becomes of each character, itself and the space around it, by its code point.

    Remembers those met, which changes nothing but time.
    """

    def __init__(self, *, lowercase: bool, strips_accents: bool) -> None:
        super().__init__()
        self._lowercase = lowercase
        self._strips_accents = strips_accents
        self._classes = image({class_: class_ for class_ in CLASSES})

    def __missing__(self, code_point: int) -> str:
        if len(self) >= REMEMBERED_CHARACTERS:
            self.clear()
        self[code_point] = found = self._image(chr(code_point))
        return found

    def _image(self, character: str) -> str:
        # Python may know more characters than llama.cpp does.
        known = self._classes[ord(character)] != "U"
        if self._strips_accents and known:
            character = unicodedata.normalize("NFD", character)[0]
        class_ = self._classes[ord(character)]
        if class_ == "W":
            return " "
        if class_ == "C" or character in "\0\ufffd" or (class_ == "M" and self._strips_accents):
            return ""
        shown = character.lower() if self._lowercase and known else character
        if len(shown) > 1:
            shown = character
        alone = (
            class_ == "P"
            or (class_ == "S" and character.isascii())
            or any(ord(character) in han for han in _HAN)
        )
        return f" {shown} " if alone else shown
