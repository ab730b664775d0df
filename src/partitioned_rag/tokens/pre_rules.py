r"""The rules by which `tokenizer.ggml.pre` has a text cut into words, as patterns.

Floor: edge, data. The rules are llama.cpp's, which are not always the model's own: upper and lower
case, say, exist for ASCII alone. Each line was checked against llama.cpp, text by text; a name that
is not here has no rules, and none are guessed.

In the patterns, always within brackets: \p{L} and its like are the classes of `unicode_classes`,
\s is white space, \p{1}, \p{2} and so on are the rule's own sets of characters.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    r"""How one kind of `pre` cuts, and what else llama.cpp decides by it.

    Attributes:
        patterns: Applied one after the other, each to the pieces that the one before has made.
            Each matches everything: what llama.cpp's pattern leaves between its matches, and
            keeps together, is an alternative of its own here.
        sets: Characters and ranges of them, outside of ASCII, that the patterns name `\p{1}`,
            `\p{2}`, and so on; at most four.
        takes_whole_words: A word that is a token is taken at once, without merging.
        starts_text: Whether the model begins a text with its BOS, unless it says otherwise.
    """

    patterns: tuple[str, ...]
    sets: tuple[str, ...] = ()
    takes_whole_words: bool = False
    starts_text: bool = False


_CONTRACTION = r"'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD]"
_BREAKS = r"[\s]*[\r\n]+"
_ONE_BREAK = r"[\s]*[\r\n]"
_BLANKS = r"[\s]+(?![^\s])|[\s]+"
# Up to so many blanks at once, for one model.
_MEASURED_BLANKS = (
    r"[\s]{512}(?![^\s])|[\s]{256}(?![^\s])|[\s]{128}(?![^\s])|[\s]{64}(?![^\s])"
    r"|[\s]{32}(?![^\s])|[\s]{16}(?![^\s])|[\s]{8}(?![^\s])|[\s]{4}(?![^\s])"
    r"|[\s]{1,2}(?![^\s])|[\s]"
)


def _chat(
    letters: str,
    numbers: str,
    *,
    contraction: str = _CONTRACTION + "|",
    no_marks: str = "",
    after_marks: str = r"[\r\n]*",
    breaks: str = _BREAKS,
    blanks: str = _BLANKS,
) -> str:
    """Write the pattern that most models since GPT-4 have a variant of."""
    return (
        rf"{contraction}[^\r\n\p{{L}}\p{{N}}]?{letters}|{numbers}"
        rf"| ?[^\s\p{{L}}\p{{N}}{no_marks}]+{after_marks}|{breaks}|{blanks}"
    )


def _cased(contraction: str, numbers: str, *, marks: str = "") -> str:
    """Write the pattern that parts words where a capital follows a small letter."""
    # A letter that is not a small one of ASCII, and one that is not a capital one.
    upper, lower = rf"[A-Z\p{{nonascii L}}{marks}]", rf"[a-z\p{{nonascii L}}{marks}]"
    lead = r"[^\r\n\p{L}\p{N}]?"
    return (
        rf"{lead}{upper}*{lower}+{contraction}|{lead}{upper}+{lower}*{contraction}"
        rf"|{numbers}| ?[^\s\p{{L}}\p{{N}}]+[\r\n/]*|{_BREAKS}|{_BLANKS}"
    )


def _deepseek(after_marks: str, breaks: str) -> str:
    """Write DeepSeek's pattern for what its numbers and its ideographs have left."""
    return (
        r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+"""
        r"|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"
        rf"| ?[\p{{P}}\p{{S}}]+{after_marks}|{breaks}|{_BLANKS}"
        # What else matches nothing, and stays together.
        r"|(?:[^\s\p{L}\p{M}\p{P}\p{S}](?![\p{L}\p{M}]))+"
    )


def _each(class_: str) -> str:
    return f"[{class_}]|[^{class_}]+"


def _runs(class_: str) -> str:
    return f"[{class_}]+|[^{class_}]+"


def _led(class_: str) -> str:
    return rf"[\s]?[{class_}]+|(?:[^\s{class_}]|[\s](?![{class_}]))+"


def _or_rest(pattern: str) -> str:
    return f"(?:{pattern})|(?:(?!{pattern})(?s:.))+"


_MAYBE_CONTRACTION = f"(?:{_CONTRACTION})?"
_LLAMA3 = _chat(r"[\p{L}]+", r"[\p{N}]{1,3}")
_QWEN2 = _chat(r"[\p{L}]+", r"[\p{N}]")
_GPT2 = (
    r"'s|'t|'re|'ve|'m|'ll|'d| ?[\p{L}]+| ?[\p{N}]+| ?[^\s\p{L}\p{N}]+"
    r"|[\s]+(?![^\s])|[\s]+"
)
_EACH_NUMBER = _each(r"\p{N}")
_NUMBERS_BY_THREE = r"[\p{N}]{1,3}|[^\p{N}]+"
_DIGITS_BY_THREE = r"[0-9]{3}|(?:[^0-9]|[0-9](?![0-9]{2}))+"
_WORDS_WITHOUT_MARKS = _or_rest(r" ?[^(\s|.,!?)\p{1}]+")
_CASELESS = rf"[\p{{L}}\p{{M}}]+{_MAYBE_CONTRACTION}"

_KANA_AND_HAN = "一-龥぀-ゟ゠-ヿ"
_HAN_AND_MORE = "一-龥ࠀ-一가-퟿"
_HANGUL = "가-힣ㄱ-ㆎ"
_CHINESE_MARKS = "！…“”‘’—：；，、-〿︰-﹏"
_BOPOMOFO = "ㄅ-ㄯ"
_WIDE_MARKS = "！-／：-～‘-‟　-。"
_SENTENCE_MARKS = "…。，、।۔،"
_LATIN_GREEK_AND_MORE = (
    "µÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚ"
    "Ḁ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗὙὛὝὟ-ώᾀ-ᾴᾶ-ᾼιῂ-ῄῆ-ῌῐ-ΐῖ-Ίῠ-Ῥῲ-ῴῶ-ῼℂℇℊ-ℓℕℙ-ℝℤΩℨK-ℭℯ-ℴℹℼ-ℿⅅ"
    "-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃"
)

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
    ("qwen35", Rules(patterns=(_chat(r"[\p{L}\p{M}]+", r"[\p{N}]", no_marks=r"\p{M}"),))),
    ("laguna", Rules(patterns=(_runs(r"\n"), _QWEN2))),
    ("ufakzeka", Rules(patterns=(_chat(r"[\p{L}]+", r"[\p{N}]", contraction=""),))),
    (
        "seed-coder",
        Rules(patterns=(_chat(r"[\p{L}]+", r"[\p{N}]", no_marks=r"\r\n", after_marks=""),)),
    ),
    (
        "bailingmoe bailingmoe2 llada-moe",
        Rules(patterns=(_chat(r"[\p{L}]+", r"[\p{N}]", breaks=_ONE_BREAK),)),
    ),
    (
        "minicpm5",
        Rules(
            patterns=(_NUMBERS_BY_THREE, _chat(r"[\p{L}]+", r"[\p{N}]+")),
            takes_whole_words=True,
        ),
    ),
    (
        "exaone-moe",
        Rules(
            patterns=(
                _chat(
                    r"(?:[\p{L}][\p{M}]*(?: [\p{L}][\p{M}]*)*)+",
                    r"[\p{N}]",
                    after_marks=r"[\r\n/]?",
                    breaks=_ONE_BREAK,
                ),
            )
        ),
    ),
    (
        "jais-2",
        Rules(patterns=(_chat(r"[\p{L}]+", r"[\p{N}]{1,3}", blanks=_MEASURED_BLANKS),)),
    ),
    (
        "gpt-4o llama4 kanana2 talkie minimax-m2",
        Rules(patterns=(_cased(_MAYBE_CONTRACTION, r"[\p{N}]{1,3}"),)),
    ),
    (
        "granite-embed-multi-97m",
        Rules(
            patterns=(_cased(_MAYBE_CONTRACTION, r"[\p{N}]{1,3}", marks=r"\p{M}"),),
            takes_whole_words=True,
        ),
    ),
    (
        "tekken",
        Rules(patterns=(_cased("", r"[\p{N}]"),), takes_whole_words=True, starts_text=True),
    ),
    (
        "youtu",
        Rules(
            patterns=(
                _or_rest(r"[\p{1}]+|[\p{2}]+|[\p{3}]+|[\p{4}]+"),
                _chat(_CASELESS, r"[\p{N}]", contraction="", after_marks=r"[\r\n/]*"),
            ),
            sets=(_HANGUL, _CHINESE_MARKS, _BOPOMOFO, _KANA_AND_HAN),
            takes_whole_words=True,
        ),
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
        Rules(
            patterns=(_NUMBERS_BY_THREE, _runs(r"\p{1}"), _deepseek(r"[\r\n]*", _BREAKS)),
            sets=(_KANA_AND_HAN,),
        ),
    ),
    (
        "spark2_5",
        Rules(
            patterns=(
                _NUMBERS_BY_THREE,
                _runs(r"\p{1}"),
                _deepseek("", r"[\r\n]"),
                _EACH_NUMBER,
            ),
            sets=(_KANA_AND_HAN,),
        ),
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
            sets=(_HAN_AND_MORE,),
        ),
    ),
    (
        "deepseek-llm",
        Rules(
            patterns=(
                _each(r"\r\n"),
                _or_rest(r"[\s]?[A-Za-z\p{1}]+"),
                _or_rest(r"[\s]?[!-/:-~\p{2}]+"),
                _or_rest(r"[\s]+\Z"),
                _runs(r"\p{3}"),
                _runs(r"\p{N}"),
            ),
            sets=(_LATIN_GREEK_AND_MORE, _WIDE_MARKS, _HAN_AND_MORE),
        ),
    ),
    (
        "poro-chat bloom gpt3-finnish",
        Rules(patterns=(_WORDS_WITHOUT_MARKS,), sets=(_SENTENCE_MARKS,)),
    ),
    ("viking", Rules(patterns=(_WORDS_WITHOUT_MARKS, _EACH_NUMBER), sets=(_SENTENCE_MARKS,))),
    (
        "default",
        Rules(patterns=(_runs(r"\p{P}$+<=>\^~|"), _GPT2, _runs(r"\p{N}"), _DIGITS_BY_THREE)),
    ),
)
RULES: Final[Mapping[str, Rules]] = MappingProxyType(
    {name: rules for names, rules in _TABLE for name in names.split()}
)
"""The rules by the name in `tokenizer.ggml.pre`; a model without a name goes by `default`."""
