"""Special tokens: which spellings a server takes for more than text, and where they stand.

Floor: edge. The rules are llama.cpp's: types are corrected by spelling, spellings are looked for
one after the other, longest first, and some swallow the white space beside them.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress, count, repeat
from operator import ne
from typing import Final

from partitioned_rag.tokens.model_info import TokenType, Vocabulary

# Taken for control tokens whatever their type: they end a text or a turn.
_ENDS: Final = (
    "<|eot_id|>", "<|im_end|>", "<|end|>", "<|return|>", "<|call|>", "<|flush|>", "<|calls|>",
    "<end_of_turn>", "<|endoftext|>", "</s>", "<|eom_id|>", "<EOT>", "_<EOT>", "[EOT]", "[EOS]",
    "<|end_of_text|>", "<end_of_utterance>", "<eos>", "<turn|>", "<|tool_response>",
    "<｜end▁of▁sentence｜>", "[e~[",
)  # fmt: skip
# Taken for control tokens unless the model names the one that has this part in filling gaps.
_GAPS: Final = (
    (
        ("fim_pre_token_id", "prefix_token_id"),
        ("<|fim_prefix|>", "<fim-prefix>", "<fim_prefix>", "<｜fim▁begin｜>", "<PRE>", "▁<PRE>",
         "<|code_prefix|>", "<|prefix|>"),
    ),
    (
        ("fim_suf_token_id", "suffix_token_id"),
        ("<|fim_suffix|>", "<fim-suffix>", "<fim_suffix>", "<｜fim▁hole｜>", "<SUF>", "▁<SUF>",
         "<|code_suffix|>", "<|suffix|>"),
    ),
    (
        ("fim_mid_token_id", "middle_token_id"),
        ("<|fim_middle|>", "<fim-middle>", "<fim_middle>", "<｜fim▁end｜>", "<MID>", "▁<MID>",
         "<|code_middle|>", "<|middle|>"),
    ),
    (("fim_pad_token_id",), ("<|fim_pad|>", "<fim-pad>", "<fim_pad>", "<PAD>", "[PAD]")),
    (
        ("fim_rep_token_id",),
        ("<|fim_repo|>", "<|repo_name|>", "<fim-repo>", "<REPO>", "<reponame>"),
    ),
    (("fim_sep_token_id",), ("<|file_sep|>",)),
)  # fmt: skip
# Parsed even where special tokens are not: the channels of gpt-oss.
_CHANNELS: Final = ("<|channel|>", "<|message|>", "<|start|>", "<|constrain|>")
_TYPES: Final = (TokenType.CONTROL, TokenType.USER_DEFINED, TokenType.UNKNOWN)
_WHITE: Final = " \t\n\v\f\r"
"""What C's `isspace` takes for white space."""
_WHITE_RUN = re.compile(f"[{_WHITE}]*")


@dataclass(frozen=True, slots=True)
class _Special:
    id: int
    always: bool  # parsed even where special tokens are not
    swallows_before: bool
    swallows_after: bool


class SpecialTokens:
    """The special tokens of one vocabulary. Threads may share it: nothing in it changes.

    Attributes:
        spellings: Of all special tokens, sorted: what a server takes for one wherever it stands.
        control_ids: Of those with which a text could steer the model: what the model's file calls
            a control token, and what is taken for one by its spelling.
    """

    def __init__(self, vocabulary: Vocabulary) -> None:
        declared = _declared(vocabulary)
        control, user, unknown = _corrected(vocabulary, declared)
        before, after = _swallowing(vocabulary, control | user | unknown)
        tokens = vocabulary.tokens
        self._by_spelling: Mapping[str, _Special] = {
            tokens[id_]: _Special(
                id_, id_ in user - control - unknown, tokens[id_] in before, tokens[id_] in after
            )
            for id_ in sorted(control | user | unknown)
        }
        self.spellings = tuple(sorted(self._by_spelling))
        self.control_ids = frozenset(control | declared[TokenType.CONTROL])
        self._lengths = _lengths_by_head(self.spellings)
        self._head = re.compile("|".join(map(re.escape, self._lengths)) or r"\Z(?!\Z)")

    def parts(self, text: str, *, special: bool) -> Sequence[str | int]:
        """Cut a text at its special tokens.

        Args:
            text: Any text.
            special: False finds only those that are parsed in any case.

        Returns:
            In order, ids of special tokens and the texts between them, none of them empty.
        """
        found = set(self._occurring(text))
        parts: list[str | int] = [text] if text else []
        for spelling in sorted(found, key=self._urgency):
            token = self._by_spelling[spelling]
            if special or token.always:
                parts = [
                    piece
                    for part in parts
                    for piece in (_cut(part, spelling, token) if isinstance(part, str) else (part,))
                ]
        return parts

    def _urgency(self, spelling: str) -> tuple[int, int]:
        # Longest first, in bytes. Which of two equally long ones comes first only shows where they
        # overlap, and llama.cpp leaves it to its compiler's library.
        return -len(spelling.encode("utf-8", "surrogatepass")), self._by_spelling[spelling].id

    def _occurring(self, text: str) -> Iterator[str]:
        """Find every spelling that occurs, looking closer only where one could begin."""
        at = -1
        while (head := self._head.search(text, at + 1)) is not None:
            at = head.start()
            for length in self._lengths[head[0]]:
                if (spelling := text[at : at + length]) in self._by_spelling:
                    yield spelling


def _cut(text: str, spelling: str, token: _Special) -> Iterator[str | int]:
    start = 0
    while (at := text.find(spelling, start)) >= 0:
        left = text[start:at]
        if token.swallows_before:
            left = left.rstrip(_WHITE)
        if left:
            yield left
        yield token.id
        start = at + len(spelling)
        if token.swallows_after:
            start = _WHITE_RUN.match(text, start).end()  # type: ignore[union-attr]
    if start < len(text):
        yield text[start:]


def _lengths_by_head(spellings: Sequence[str]) -> Mapping[str, tuple[int, ...]]:
    """Give the lengths of the spellings that begin with the same two characters."""
    lengths: dict[str, set[int]] = {}
    for spelling in spellings:
        lengths.setdefault(spelling[:2], set()).add(len(spelling))
    for head in list(lengths):
        if len(head) == 1:  # found in place of any longer head that begins with it
            for other in list(lengths):
                if other != head and other[0] == head:
                    lengths[head] |= lengths.pop(other)
    return {head: tuple(sorted(each)) for head, each in lengths.items()}


def _declared(vocabulary: Vocabulary) -> Mapping[int, set[int]]:
    """Give the ids of the tokens that are more than text, by the type that the file gives them."""
    by_type: dict[int, set[int]] = {type_: set() for type_ in _TYPES}
    types = vocabulary.types
    # Nearly all are normal: none of these is looked at in Python's own loop.
    for id_ in compress(count(), map(ne, types, repeat(int(TokenType.NORMAL)))):
        if (type_ := types[id_]) in by_type:
            by_type[type_].add(id_)
    return by_type


def _corrected(
    vocabulary: Vocabulary, declared: Mapping[int, set[int]]
) -> tuple[set[int], set[int], set[int]]:
    """Give the ids of control, user-defined and unknown tokens, as llama.cpp corrects them."""
    ids = vocabulary.ids
    control, user, unknown = (declared[type_] for type_ in _TYPES)
    control = control | {ids[spelling] for spelling in _ENDS if spelling in ids}
    for keys, spellings in _GAPS:
        if all(vocabulary.id(key, None) is None for key in keys):
            control |= {ids[spelling] for spelling in spellings if spelling in ids}
    plain_user = {ids[spelling] for spelling in _CHANNELS if spelling in ids}
    calls = "<|call|>" in ids or "<|calls|>" in ids
    if calls and "<|end|>" in ids and ("<|return|>" in ids or "<|flush|>" in ids):
        plain_user.add(ids["<|end|>"])
    # Gemma 4 has a tag of this spelling that ends nothing.
    normal = {ids["</s>"]} if "<|tool_response>" in ids and "</s>" in ids else set()
    return (
        control - plain_user - normal,
        (user | plain_user) - normal,
        unknown - plain_user - normal,
    )


def _swallowing(vocabulary: Vocabulary, special: set[int]) -> tuple[set[str], set[str]]:
    """Give the spellings that swallow white space before and after: llama.cpp goes by names."""
    name = vocabulary.name.lower()
    masked = ("jina-v2-de", "jina-v2-es", "jina-v2-code")
    if any(each in vocabulary.pre for each in masked) or any(
        each in vocabulary.architecture for each in ("nomic-bert-moe", "jina-bert-v3")
    ):
        return {"<mask>"}, set()
    if "phi-3" in name or "phi3" in name:
        return set(), {vocabulary.tokens[id_] for id_ in special} - {
            "<unk>",
            "<s>",
            "<|endoftext|>",
        }
    if "modern-bert" in name:
        return {"[MASK]"}, set()
    return set(), set()
