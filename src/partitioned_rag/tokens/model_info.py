"""What a model says of its tokenizer, read and checked.

Floor: edge. Everything that comes from a server passes through here, once; what is wrong with it
is a `TokenizerError`, and what comes out can be relied upon. Knows no tokenizer.
"""

import base64
import binascii
import math
from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final, TypeGuard, TypeVar

from partitioned_rag.errors import TokenizerError

T = TypeVar("T")

PREFIX: Final = "tokenizer.ggml."
_ESTIMATE: Final = "count this model's tokens with an estimate"
_FULL: Final = "ask the server for all of it (POST /api/show with verbose)"


class TokenType(IntEnum):
    """How a token came into a vocabulary, as GGUF numbers it; other numbers mean nothing."""

    NORMAL = 1
    UNKNOWN = 2
    CONTROL = 3
    USER_DEFINED = 4
    UNUSED = 5
    BYTE = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """The arrays and switches of a model's tokenizer, with types that have been checked.

    Attributes:
        model: `tokenizer.ggml.model`: `gpt2`, `gemma4`, `llama`, `bert` or `t5`, or another.
        pre: `tokenizer.ggml.pre`, which names the rules that cut a text into words; may be empty.
        name, architecture: `general.name` and `general.architecture`, by which llama.cpp decides
            which special tokens swallow the white space beside them.
        tokens: The spellings, by id. An empty one is spelt `[EMPTY_id]`, as llama.cpp has it.
        ids: The other way about; of two tokens with one spelling the last counts.
        types: By id; empty if the model gives none.
        scores: By id, rounded to single precision; empty if the model gives none.
        merges: `left right`, the most urgent first; empty if the model gives none.
        charsmap: SentencePiece's table of normalisation, as bytes; empty if there is none.
        joints: What merging comes to, as `joints.joints` finds it; None if that is not known.
            Never a server's word: it is found out here.
    """

    model: str
    pre: str
    name: str
    architecture: str
    tokens: Sequence[str] = field(repr=False)
    ids: Mapping[str, int] = field(repr=False)
    types: Sequence[int] = field(repr=False)
    scores: Sequence[float] = field(repr=False)
    merges: Sequence[str] = field(repr=False)
    charsmap: bytes = field(repr=False)
    joints: "Joints | None" = field(repr=False)
    _info: Mapping[str, object] = field(repr=False)

    def switch(self, key: str, *, default: bool) -> bool:
        """Give a yes or no of `tokenizer.ggml.*`, or what holds where the model does not say."""
        value = self._info.get(PREFIX + key, default)
        if not isinstance(value, bool):
            raise _wrong(PREFIX + key, "is neither true nor false")
        return value

    def id(self, key: str, default: int | None) -> int | None:
        """Give an id of `tokenizer.ggml.*`; one that names no token counts as not given."""
        value = self._info.get(PREFIX + key)
        if value is not None and type(value) is not int:
            raise _wrong(PREFIX + key, "is not a whole number")
        for each in (value, default):
            if isinstance(each, int) and 0 <= each < len(self.tokens):
                return each
        return None


Joints = Mapping[str, float]
"""What merging comes to, with the cost of the last step to each: see `joints.joints`."""


def read(
    model_info: Mapping[str, object], *, joints: Callable[[Mapping[str, int]], Joints] | None = None
) -> Vocabulary:
    """Read the `model_info` of `POST /api/show`, as the JSON of a verbose answer decodes.

    Args:
        model_info: What the server says.
        joints: Gives what was found out of the same vocabulary before, from the ids by token. With
            it, merges are not needed.

    Raises:
        TokenizerError: Something that is needed is missing, null, of another type, or of another
            length than the list of tokens.
    """
    if not isinstance(model_info, Mapping):
        raise _wrong("model_info", "is not an object")
    tokens = _strings(model_info, "tokens")
    if not tokens:
        raise _wrong(PREFIX + "tokens", "is empty or missing", fix=_FULL)
    ids = dict(zip(tokens, range(len(tokens)), strict=True))
    if "" in ids:
        tokens = [token or f"[EMPTY_{i}]" for i, token in enumerate(tokens)]
        ids = dict(zip(tokens, range(len(tokens)), strict=True))
    return Vocabulary(
        model=_text(model_info, PREFIX + "model"),
        pre=_text(model_info, PREFIX + "pre"),
        name=_text(model_info, "general.name"),
        architecture=_text(model_info, "general.architecture"),
        tokens=tokens,
        ids=ids,
        types=_types(model_info, len(tokens)),
        scores=_scores(model_info, len(tokens)),
        merges=_strings(model_info, "merges"),
        charsmap=_charsmap(model_info),
        joints=None if joints is None else joints(ids),
        _info=model_info,
    )


Frame = tuple[tuple[int, ...], tuple[int, ...]]
"""The ids that a server puts before a text and after it."""


def frame(
    vocabulary: Vocabulary, *, bos: int | None, eos: int | None, begins: bool, ends: bool
) -> Frame:
    """Give the ids that a server puts before a text and after it.

    Args:
        vocabulary: What the model says.
        bos: The id before, unless the model names another; None if there is none.
        eos: The id after, likewise.
        begins: Whether the one before is put at all, unless the model says otherwise.
        ends: Whether the one after is, likewise.

    Raises:
        TokenizerError: One should be put, and there is none.
    """
    before = (
        end(vocabulary, "bos", bos) if vocabulary.switch("add_bos_token", default=begins) else ()
    )
    after = end(vocabulary, "eos", eos) if vocabulary.switch("add_eos_token", default=ends) else ()
    return before, after


def end(vocabulary: Vocabulary, name: str, default: int | None) -> tuple[int, ...]:
    """Give one end of the frame, `bos` or `eos`.

    Raises:
        TokenizerError: There is none.
    """
    id_ = vocabulary.id(f"{name}_token_id", default)
    if id_ is None:
        raise _wrong(f"{PREFIX}{name}_token_id", "names no token, and each text should have it")
    return (id_,)


def cannot_rebuild(what: str, *, where: str) -> TokenizerError:
    """Make the error for a tokenizer that is well described but not one of those known here."""
    return TokenizerError(what, where=where, fix=_ESTIMATE)


def _wrong(key: str, what: str, *, fix: str = _ESTIMATE) -> TokenizerError:
    return TokenizerError(f"the model's tokenizer is not described: {key} {what}", fix=fix)


def _text(info: Mapping[str, object], key: str) -> str:
    value = info.get(key, "")
    if not isinstance(value, str):
        raise _wrong(key, "is not a text")
    return value


def _array(info: Mapping[str, object], key: str) -> Sequence[object]:
    """Give an array, or an empty one if there is none; null is what a brief answer holds."""
    value = info.get(PREFIX + key, ())
    if value is None:
        raise _wrong(PREFIX + key, "was left out", fix=_FULL)
    if not isinstance(value, list | tuple | array):
        raise _wrong(PREFIX + key, "is not a list")
    return value


def _strings(info: Mapping[str, object], key: str) -> Sequence[str]:
    values = _array(info, key)
    if not _are(values, str):
        raise _wrong(PREFIX + key, "holds what is no text")
    return values


def _types(info: Mapping[str, object], tokens: int) -> Sequence[int]:
    values = _array(info, "token_type")
    if not _are(values, int):
        raise _wrong(PREFIX + "token_type", "holds what is no whole number")
    if values and len(values) != tokens:
        raise _wrong(PREFIX + "token_type", "has another length than the tokens")
    return values


def _scores(info: Mapping[str, object], tokens: int) -> Sequence[float]:
    values = _array(info, "scores")
    if values and len(values) != tokens:
        raise _wrong(PREFIX + "scores", "has another length than the tokens")
    try:
        # The file holds single precision; its decimal form is no closer than that.
        scores = array("f", values)  # type: ignore[type-var]
    except (OverflowError, TypeError) as error:
        raise _wrong(PREFIX + "scores", "holds what is no number") from error
    if not all(map(math.isfinite, scores)):  # type: ignore[arg-type]
        raise _wrong(PREFIX + "scores", "holds a number out of range")
    return scores  # type: ignore[return-value]


def _are(values: Sequence[object], type_: type[T]) -> TypeGuard[Sequence[T]]:
    """Say whether all values have exactly this type (true and false are no numbers in JSON)."""
    return set(map(type, values)) <= {type_}


def _charsmap(info: Mapping[str, object]) -> bytes:
    """Read bytes, which Go writes as base64, or as numbers where they are signed."""
    key = PREFIX + "precompiled_charsmap"
    value = info.get(key, "")
    try:
        if isinstance(value, str):
            return base64.b64decode(value, validate=True)
        if isinstance(value, list):
            return bytes(number & 0xFF for number in value)
    except (binascii.Error, TypeError, ValueError) as error:
        raise _wrong(key, "holds no bytes") from error
    raise _wrong(key, "is neither a text nor a list")
