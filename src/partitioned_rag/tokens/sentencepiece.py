"""SentencePiece's greedy tokenizer, `model=llama`: Llama 2, Mistral 7B, Phi 3, Gemma 3.

Floor: edge. Kudo and Richardson, "SentencePiece: A simple and language independent subword
tokenizer and detokenizer for Neural Text Processing", EMNLP 2018; what is joined to what is
llama.cpp's rule.
"""

from collections.abc import Sequence

from partitioned_rag.tokens.bpe import SPACE, byte_token
from partitioned_rag.tokens.cutting import pairs_within, run_cutter
from partitioned_rag.tokens.joints import joints
from partitioned_rag.tokens.merging import Merger
from partitioned_rag.tokens.model_info import Vocabulary, cannot_rebuild, frame


class SentencePiece:
    """Joins neighbouring characters whose joint is any token, the one of the best score first."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        ids = vocabulary.ids
        scores = vocabulary.scores or (0.0,) * len(ids)
        try:
            of_bytes = [
                ids[spelt] if (spelt := byte_token(byte)) in ids else ids[chr(byte)]
                for byte in range(0x100)
            ]
        except KeyError as error:
            raise cannot_rebuild(
                "the model's tokenizer has no token for some bytes", where=vocabulary.model
            ) from error
        self.frame = frame(vocabulary, bos=1, eos=2, begins=True, ends=False)
        found = vocabulary.joints
        if found is None:
            found = joints({token: -scores[id_] for token, id_ in ids.items()}, glue="")
        self.merger = Merger(
            ids, found, spell=lambda symbol: [of_bytes[byte] for byte in symbol.encode()]
        )
        self._cut = run_cutter(pairs_within(found), space=SPACE)

    def split(self, text: str) -> Sequence[str]:
        """Cut a text where nothing can be joined, with spaces made visible."""
        return self._cut(text.replace(" ", SPACE))

    def encode(self, word: str) -> Sequence[int]:
        """Give the ids of what `split` cut."""
        return self.merger.encode(word)

    def count(self, word: str) -> int:
        """Count the ids of what `split` cut."""
        return self.merger.count(word)
