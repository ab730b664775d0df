"""What stands in a text is found in it, whatever its script: checked against SQLite itself."""

import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partitioned_rag.matching.words import MOST_WORDS, expression, searchable, shares_of, words_of

SCRIPTS = {
    "english": ("we met at the harbour on the third bridge", "the bridges of the harbour?"),
    "accents": ("Das Café schließt um zwölf, très tard", "cafe schließt?"),
    "decomposed": ("cafe\u0301 at noon", "café"),
    "cyrillic": ("ключ лежит под синей вазой", "где КЛЮЧ?"),
    "greek": ("το κλειδί είναι στο λιμάνι", "ΚΛΕΙΔΙ"),
    "yo": ("Ёлка стоит у окна", "елка"),
    "hamza": ("أحمد في المدرسة", "احمد"),
    "sharp s": ("Die Straße am Hafen", "STRASSE"),
    "pointed": ("הַמַּפְתֵּחַ כאן", "המפתח"),
    "quoted": ("on the “harbour” wall", "harbour"),
    "arabic": ("المفتاح تحت المزهرية الزرقاء", "المِفتاح"),
    "hebrew": ("המפתח מתחת לאגרטל", "המפתח"),
    "hindi": ("चाबी नीले फूलदान के नीचे है", "चाबी कहाँ है"),
    "chinese": ("钥匙在蓝色花瓶下面", "花瓶"),
    "japanese": ("鍵は青い花瓶の下にあります", "花瓶はどこ"),
    "korean": ("열쇠는 파란 꽃병 아래에 있어요", "열쇠"),
    "thai": ("กุญแจอยู่ใต้แจกันสีน้ำเงิน", "กุญแจ"),
    "full width": ("Ｒｏｏｍ ４０２", "room 402"),
}


def finds(text: str, question: str) -> bool:
    """Ask a full text as the catalog has one."""
    db = sqlite3.connect(":memory:")
    try:
        db.execute(
            "CREATE VIRTUAL TABLE words USING fts5 (own,"
            " tokenize = 'porter unicode61 remove_diacritics 2')"
        )
        db.execute("INSERT INTO words VALUES (?)", (searchable(text),))
        asked = expression(words_of(question))
        return bool(db.execute("SELECT 1 FROM words WHERE words MATCH ?", (asked,)).fetchall())
    finally:
        db.close()


@pytest.mark.parametrize("script", SCRIPTS)
def test_words_of_every_script_are_found(script: str) -> None:
    text, question = SCRIPTS[script]
    assert finds(text, question)


@pytest.mark.parametrize("script", ["chinese", "japanese", "korean", "thai"])
def test_without_spaces_not_everything_is_found(script: str) -> None:
    text, _ = SCRIPTS[script]
    assert not finds(text, {"thai": "ร้านอาหาร"}.get(script, "電車時刻"))


@given(st.text(min_size=1))
def test_no_question_is_too_odd_to_be_asked(question: str) -> None:
    for word in words_of(question):
        assert finds("anything", word) in (True, False)


@given(st.lists(st.sampled_from("harbour key vase 花瓶 ключ المفتاح".split()), min_size=1))
def test_any_word_of_a_text_finds_it(said: list[str]) -> None:
    text = " ".join(said)
    assert all(finds(text, word) for word in said)


def test_what_tells_nothing_is_passed_over_unless_nothing_else_is_asked() -> None:
    assert words_of("where is the key of the house?") == ("key", "house")
    assert words_of("who is it?") == ("who", "is", "it")
    assert words_of("what's on in May, and who'll come?") == ("may", "come")
    assert words_of("hall B, 3rd floor") == ("hall", "b", "3rd", "3", "floor")


def test_a_long_question_is_read_up_to_a_limit() -> None:
    assert len(words_of(" ".join(f"word{n}" for n in range(500)))) == MOST_WORDS


def test_a_share_of_words_counts_whatever_their_endings_case_and_accents() -> None:
    text = searchable("The Painters' café, 東京タワー; ключи “quay”—boats กุญแจ")
    for word in words_of("painting cafés 東京 ключ quay boats กุญแจ"):
        assert shares_of((word,), [text]) == [1.0], word
    assert shares_of(("ring", "tower", "京 都"), [text]) == [0.0]
    assert shares_of((), [text]) == [0.0]
    assert shares_of(("painter", "harbour"), [text, "nothing"]) == [0.5, 0.0]


@given(
    st.lists(st.text(st.characters(codec="ascii"), max_size=12), min_size=1, max_size=8),
    st.lists(st.text(st.characters(codec="ascii")), max_size=8),
)
def test_a_sign_beside_a_text_changes_no_share(words: list[str], texts: list[str]) -> None:
    # Plain ASCII is taken apart in another way than what a snowman stands beside.
    assert shares_of(words, texts) == shares_of(words, [f"{text} \u2603" for text in texts])
