"""Cuts a text into words before any merging, by the rules that `tokenizer.ggml.pre` names.

Floor: edge. The rules are llama.cpp's, which are not always the model's own: upper and lower case,
say, exist for ASCII alone. A name that is not in the table has no rules here, and none are guessed.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, chain, pairwise
from types import MappingProxyType
from typing import Final

from partitioned_rag.tokens.unicode_classes import CLASSES, image

# In the rules, always within brackets: \p{L} and its like are the classes of `unicode_classes`,
# \s is white space, \p{1}, \p{2} and so on the rule's own sets of characters.
_CONTRACTION = r"'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD]"
_BLANKS = r"[\s]*[\r\n]+|[\s]+(?![^\s])|[\s]+"


def _chat(letters: str, numbers: str, *, marks: str = "") -> str:
    return (
        rf"{_CONTRACTION}|[^\r\n\p{{L}}\p{{N}}]?{letters}|{numbers}"
        rf"| ?[^\s\p{{L}}\p{{N}}{marks}]+[\r\n]*|{_BLANKS}"
    )


def _cased(contraction: str, numbers: str) -> str:
    # A letter that is not a small one of ASCII, and one that is not a capital one.
    upper, lower = r"[A-Z\p{nonascii L}]", r"[a-z\p{nonascii L}]"
    return (
        rf"[^\r\n\p{{L}}\p{{N}}]?{upper}*{lower}+{contraction}"
        rf"|[^\r\n\p{{L}}\p{{N}}]?{upper}+{lower}*{contraction}"
        rf"|{numbers}| ?[^\s\p{{L}}\p{{N}}]+[\r\n/]*|{_BLANKS}"
    )


_LLAMA3 = _chat(r"[\p{L}]+", r"[\p{N}]{1,3}")
_QWEN2 = _chat(r"[\p{L}]+", r"[\p{N}]")
_QWEN35 = _chat(r"[\p{L}\p{M}]+", r"[\p{N}]", marks=r"\p{M}")
_GPT2 = (
    r"'s|'t|'re|'ve|'m|'ll|'d| ?[\p{L}]+| ?[\p{N}]+| ?[^\s\p{L}\p{N}]+"
    r"|[\s]+(?![^\s])|[\s]+"
)
_DEEPSEEK3 = (
    r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+"""
    r"|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|"
    + _BLANKS
    # What else matches nothing, and stays together.
    + r"|(?:[^\s\p{L}\p{M}\p{P}\p{S}](?![\p{L}\p{M}]))+"
)


def _each(class_: str) -> str:
    return f"[{class_}]|[^{class_}]+"


def _runs(class_: str) -> str:
    return f"[{class_}]+|[^{class_}]+"


def _led(class_: str) -> str:
    return rf"[\s]?[{class_}]+|(?:[^\s{class_}]|[\s](?![{class_}]))+"


_EACH_NUMBER = _each(r"\p{N}")
_NUMBERS_BY_THREE = r"[\p{N}]{1,3}|[^\p{N}]+"
_DIGITS_BY_THREE = r"[0-9]{3}|(?:[^0-9]|[0-9](?![0-9]{2}))+"
_KANA_AND_HAN = "一-龥぀-ゟ゠-ヿ"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    r"""How one kind of `pre` cuts, and what else llama.cpp decides by it.

    Attributes:
        patterns: Applied one after the other, each to the pieces that the one before has made.
            Each matches everything: what llama.cpp's pattern leaves between its matches, and
            keeps together, is an alternative of its own here.
        sets: Ranges of characters that the patterns name `\p{1}`, `\p{2}`, and so on.
        takes_whole_words: A word that is a token is taken at once, without merging.
        starts_text: Whether the model begins a text with its BOS, unless it says otherwise.
    """

    patterns: tuple[str, ...]
    sets: tuple[str, ...] = ()
    takes_whole_words: bool = False
    starts_text: bool = False


_TABLE: Final = (
    (
        "llama3 llama-v3 llama-bpe falcon3 falcon-h1 pixtral midm-2.0 lfm2 jina-v5-nano",
        Rules(patterns=(_LLAMA3,), takes_whole_words=True, starts_text=True),
    ),
    ("glm4 glm5", Rules(patterns=(_LLAMA3,), takes_whole_words=True)),
    ("dbrx smaug-bpe chatglm-bpe", Rules(patterns=(_LLAMA3,))),
    (
        "qwen2 deepseek-r1-qwen kormo f2llmv2 stablelm2 hunyuan solar-open megrez grok-2",
        Rules(patterns=(_QWEN2,)),
    ),
    ("qwen35", Rules(patterns=(_QWEN35,))),
    (
        "gpt-4o llama4 kanana2 talkie minimax-m2",
        Rules(patterns=(_cased(f"(?:{_CONTRACTION})?", r"[\p{N}]{1,3}"),)),
    ),
    (
        "tekken",
        Rules(patterns=(_cased("", r"[\p{N}]"),), takes_whole_words=True, starts_text=True),
    ),
    (
        "gpt-2 phi-2 mpt olmo jais exaone4 gigachat mellum a.x-4.0 trillion granite-docling",
        Rules(patterns=(_GPT2,)),
    ),
    (
        "jina-es jina-de jina-v1-en jina-v2-es jina-v2-de jina-v2-code modern-bert roberta-bpe",
        Rules(patterns=(_GPT2,)),
    ),
    (
        "starcoder refact command-r smollm codeshell exaone minerva-7b mellum2",
        Rules(patterns=(_EACH_NUMBER, _GPT2)),
    ),
    ("falcon", Rules(patterns=(_runs(r"\p{P}$+<=>\^~|`"), _GPT2, _DIGITS_BY_THREE))),
    (
        "deepseek-v3 hunyuan-dense joyai-llm hy_v4",
        Rules(patterns=(_NUMBERS_BY_THREE, _runs(r"\p{1}"), _DEEPSEEK3), sets=(_KANA_AND_HAN,)),
    ),
    (
        "deepseek-coder",
        Rules(
            patterns=(
                _each(r"\r\n"),
                _led(r"\p{L}"),
                _led(r"\p{P}"),
                _runs(r"\p{1}"),
                _EACH_NUMBER,
            ),
            sets=("一-龥ࠀ-一가-퟿",),
        ),
    ),
    (
        "default",
        Rules(patterns=(_runs(r"\p{P}$+<=>\^~|"), _GPT2, _runs(r"\p{N}"), _DIGITS_BY_THREE)),
    ),
)
RULES: Final[Mapping[str, Rules]] = MappingProxyType(
    {name: rules for names, rules in _TABLE for name in names.split()}
)
"""The rules by the name in `tokenizer.ggml.pre`; a model without a name goes by `default`."""

_ASCII = range(128)
_FIRST_STAND_IN = 0x80


def splitter(rules: Rules) -> Callable[[str], Sequence[str]]:
    """Make the function that cuts a text into words, which together are the text.

    Matching the long ranges of a Unicode class is slow. So each character outside of ASCII is first
    replaced by a stand-in for its class, the patterns name stand-ins, and the text itself is cut
    where its image was. ASCII stands for itself.
    """
    stand_ins, table = _stand_ins(rules.sets)
    finders = [re.compile(_written_out(each, stand_ins)).findall for each in rules.patterns]

    def words(text: str) -> Sequence[str]:
        pieces = [text if text.isascii() else text.translate(table)]
        for find in finders:
            pieces = [*chain.from_iterable(map(find, pieces))]
        if text.isascii():
            return pieces
        ends = accumulate(map(len, pieces), initial=0)
        return [text[start:end] for start, end in pairwise(ends)]

    return words


def _stand_ins(sets: Sequence[str]) -> tuple[Mapping[str, str], str]:
    """Choose stand-ins for what a class holds outside of ASCII, apart for each of the given sets.

    Returns:
        The stand-ins of each class and set, by its name in the rules, and the image of every code
        point: a text, since `str.translate` looks up indexes, and one byte a character.
    """
    names: dict[str, str] = dict.fromkeys((*CLASSES, *map(str, range(1, len(sets) + 1))), "")
    plain = {name: chr(_FIRST_STAND_IN + i) for i, name in enumerate(CLASSES)}
    names |= plain
    table = image(plain)
    for number, ranges in enumerate(sets, 1):
        within = {ord(each): chr(ord(each) + number * len(CLASSES)) for each in plain.values()}
        for first, last in re.findall("(.)-(.)", ranges):
            span = slice(ord(first), ord(last) + 1)
            table = table[: span.start] + table[span].translate(within) + table[span.stop :]
        for name, stand_in in plain.items():
            names[name] += within[ord(stand_in)]
            names[str(number)] += within[ord(stand_in)]
    return MappingProxyType(names), "".join(map(chr, _ASCII)) + table[len(_ASCII) :]


_IN_ASCII: Final = MappingProxyType(
    {
        "L": "A-Za-z",
        "N": "0-9",
        "P": r"!-#%-*,\-./:;?@\[\\\]_{}",
        "S": r"$+<=>\^`|~",
        "W": r" \t-\r",
    }
)


def _written_out(pattern: str, stand_ins: Mapping[str, str]) -> str:
    r"""Replace the classes of a pattern by what stands for them."""
    pattern = pattern.replace(r"\s", r"\p{W}").replace(r"\p{nonascii L}", stand_ins["L"])
    return re.sub(
        r"\\p\{(\w)\}", lambda found: _IN_ASCII.get(found[1], "") + stand_ins[found[1]], pattern
    )
