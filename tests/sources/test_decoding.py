"""Bytes to text: as a whole, or not at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partitioned_rag.sources.composing import MAX_RUN_CHARS, clean
from partitioned_rag.sources.decoding import decode, decode_leniently
from partitioned_rag.sources.raw import Unreadable
from partitioned_rag.values import SkipReason

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
FRENCH = (
    "Le café où l'élève a mangé une crème brûlée ferme à huit heures; ça coûte très cher à Noël. "
)
RUSSIAN = "Мы встретимся на вокзале в пятницу вечером, а потом поедем к бабушке на дачу. "
POLISH = "Zażółć gęślą jaźń, proszę przyjść w środę wieczorem na dworzec, bo później pójdziemy. "
JAPANESE = "金曜日の夕方に駅で会いましょう。それから祖母の家へ行って、りんごを集めます。"
CHINESE = "星期五晚上我们在火车站见面，然后去奶奶家摘苹果。"


@pytest.mark.parametrize("charset", ["utf-8-sig", "utf-16", "utf-32"])
@given(text=TEXT)
def test_a_byte_order_mark_decides(charset: str, text: str) -> None:
    assert decode(text.encode(charset)) == text


@given(text=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\ufeff")))
def test_utf8_is_read_to_the_letter(text: str) -> None:
    assert decode(text.encode()) == text


@pytest.mark.parametrize(
    ("text", "charset"),
    [
        (FRENCH, "cp1252"),
        (RUSSIAN, "cp1251"),
        (RUSSIAN, "koi8-r"),
        (POLISH, "cp1250"),
        (JAPANESE, "shift_jis"),
        (JAPANESE, "euc_jp"),
        (CHINESE, "gb18030"),
    ],
)
def test_older_charsets_are_detected(text: str, charset: str) -> None:
    assert decode((text * 4).encode(charset)) == text * 4


def test_detection_costs_no_more_for_a_large_file_and_decodes_all_of_it() -> None:
    text = "plain and simple\n" * 50_000 + FRENCH
    assert decode(text.encode("cp1252")) == text


@pytest.mark.parametrize(
    "data",
    [
        (FRENCH * 3).encode() + b"\xff and on",
        JAPANESE.encode()[:-1],
        b"lone \xed\xa0\x80 surrogate",
        b"\xff\xfea",
        b"\xef\xbb\xbf\xff",
        FRENCH.encode("utf-16-le"),
        b"text\0text",
        bytes(range(128, 256)) * 9,
        b"\xe9\x01" * 100,
        (FRENCH + "\n").encode("cp1252") * 1000 + b"\x01\x02\x03" * 50_000,
    ],
)
def test_what_does_not_fit_as_a_whole_is_refused(data: bytes) -> None:
    with pytest.raises(Unreadable) as refusal:
        decode(data)
    assert refusal.value.reason is SkipReason.UNDECODABLE


def test_a_declared_charset_is_believed_only_where_it_fits() -> None:
    assert decode(RUSSIAN.encode("koi8-r"), declared="KOI8-R") == RUSSIAN
    assert decode(JAPANESE.encode("iso2022_jp"), declared="iso-2022-jp") == JAPANESE
    assert decode(FRENCH.encode(), declared="iso-8859-1") == FRENCH
    assert decode(b"plain", declared="utf-16") == "plain"
    for name in ("no-such", "a\0b", "zlib", "hex", "idna", "unicode_escape", ""):
        assert decode(rb"plain \u0041", declared=name) == r"plain \u0041"


@given(data=st.binary(max_size=200), declared=st.text(max_size=8) | st.just("utf-16"))
def test_lenient_decoding_always_gives_text(data: bytes, declared: str) -> None:
    assert isinstance(decode_leniently(data, declared=declared), str)


# The letters include half a character and none at all, as PDF and JSON may hold them.
@given(
    st.text(st.characters() | st.sampled_from("\0\ud83d\ude00")),
    st.integers(0, 3 * MAX_RUN_CHARS),
    st.sampled_from("a \n[\0"),
)
def test_clean_text_is_encodable_and_without_endless_runs(text: str, run: int, char: str) -> None:
    for run_break in ("\n", " ↵ "):
        cleaned = clean(text + char * run + text, run_break=run_break)
        cleaned.encode()
        assert "\0" not in cleaned
        assert char * (MAX_RUN_CHARS + 1) not in cleaned
        assert cleaned.count("\ufffd" if char == "\0" else char) >= run
        assert clean(cleaned, run_break=run_break) == cleaned


def test_halves_of_a_character_that_belong_together_are_joined() -> None:
    assert clean("\ud83d\ude00 \ude00\ud83d") == "\U0001f600 \ufffd\ufffd"


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=50))
def test_sound_text_is_left_alone(text: str) -> None:
    assert clean(text) is text


def test_a_run_of_the_longest_allowed_length_is_left_alone() -> None:
    assert clean("a" * MAX_RUN_CHARS) == "a" * MAX_RUN_CHARS
    assert clean("a" * (MAX_RUN_CHARS + 1)) == "a" * MAX_RUN_CHARS + "\na"
