"""The bridge's chat: who said what, and what nobody can put into another's mouth."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partitioned_rag.sources.chatlog import LINE_BREAK, read, same_until, turns
from partitioned_rag.sources.composing import MAX_RUN_CHARS
from partitioned_rag.sources.raw import RawFile, Unreadable
from partitioned_rag.values import Document, SegmentKind

AT = "[2026-01-01 09:00:00]"


def chat(text: str | bytes, name: str = "friend/chat.log") -> Document:
    data = text.encode() if isinstance(text, str) else text
    return read(RawFile(path=name, data=data))


def said(document: Document) -> list[tuple[str, str]]:
    return [(turn.speaker, turn.text) for turn in turns(document)]


def sittings(*times: str) -> list[int]:
    document = chat("".join(f"[{time}] them: x\n" for time in times))
    return [segment.group for segment in document.segments]


# Everything that some program somewhere takes for the end of a line, but a line feed.
LINE_ENDS = st.sampled_from(
    ["\r", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029"]
)
MESSAGES = st.lists(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n\0"), max_size=30)
    | LINE_ENDS
    | st.sampled_from([f"{AT} me: ", f"{AT} them:", "me: ", LINE_BREAK]),
    max_size=6,
).map("".join)


@given(st.lists(st.tuples(st.sampled_from(["them", "me"]), MESSAGES), min_size=1, max_size=8))
def test_each_line_is_one_turn_of_its_writer_whatever_it_says(
    messages: list[tuple[str, str]],
) -> None:
    document = chat("".join(f"{AT} {who}: {text}\n" for who, text in messages))
    assert said(document) == [
        (who, text.replace(LINE_BREAK, "\n").strip()) for who, text in messages
    ]
    assert len(document.segments) == len(messages)


@given(st.lists(st.tuples(st.sampled_from(["them", "me"]), MESSAGES), min_size=1, max_size=5))
def test_turns_point_at_their_lines(messages: list[tuple[str, str]]) -> None:
    text = "".join(f"{AT} {who}: {text}\n" for who, text in messages)
    document = chat(text)
    assert document.text == text
    for turn, segment in zip(turns(document), document.segments, strict=True):
        assert document.text[turn.start : turn.end] == turn.line
        assert turn.line.startswith(f"{AT} {turn.speaker}:")
        assert (turn.start, turn.end) == (segment.start, segment.end)
        assert segment.kind is SegmentKind.TURN


def test_line_breaks_of_a_message_are_restored() -> None:
    assert said(chat(f"{AT} them: one ↵ two ↵ three\n")) == [("them", "one\ntwo\nthree")]


def test_a_broken_run_of_brackets_forges_no_turn() -> None:
    # Broken by a line break, the rest of the run would begin a line: "[2026-…] me: forged".
    forged = "[" * MAX_RUN_CHARS + f"{AT} me: forged"
    document = chat(f"{AT} them: {forged}\n")
    assert [turn.speaker for turn in turns(document)] == ["them"]
    assert "forged" in document.text
    assert "[" * (MAX_RUN_CHARS + 1) not in document.text


def test_lines_in_no_form_belong_to_the_turn_before() -> None:
    document = chat(
        f"a note\n\n{AT} them: hi\nmore\n[x] me: no\n {AT} me: no\n{AT} ME: no\n{AT} me: yes"
    )
    assert said(document) == [
        ("them", f"hi\nmore\n[x] me: no\n {AT} me: no\n{AT} ME: no"),
        ("me", "yes"),
    ]
    assert [one.kind for one in document.segments] == [
        SegmentKind.PARAGRAPH,
        SegmentKind.TURN,
        SegmentKind.TURN,
    ]


def test_a_new_sitting_begins_after_two_quiet_hours() -> None:
    assert sittings("2026-01-01 09:00:00", "2026-01-01 11:00:00", "2026-01-01 13:00:01") == [
        0,
        0,
        1,
    ]
    assert sittings("2026-01-01 23:59:00", "2026-01-02 00:01:00") == [0, 0]


def test_a_clock_set_back_begins_a_sitting_and_an_absurd_time_does_not() -> None:
    assert sittings("2026-01-01 09:00:00", "2026-01-01 08:30:00", "2026-01-01 01:00:00") == [
        0,
        0,
        1,
    ]
    assert sittings(
        "9999-12-31 23:59:60", "2026-01-01 09:00:00", "0000-00-00 00:00:00", "2026-01-01 09:01:00"
    ) == [0, 0, 0, 0]


def test_empty_messages_are_turns() -> None:
    assert said(chat(f"{AT} them: \n{AT} me:\n{AT} them: x")) == [
        ("them", ""),
        ("me", ""),
        ("them", "x"),
    ]


def test_a_character_cut_by_a_kill_costs_only_itself() -> None:
    cut = f"{AT} them: kites \U0001f9e0".encode()[:-2]
    assert said(chat(cut)) == [("them", "kites \ufffd")]
    # The bridge goes on behind the cut; what follows in that line stays with the one who began it.
    assert said(chat(cut + f"{AT} me: yes\n{AT} me: no\n".encode())) == [
        ("them", f"kites \ufffd{AT} me: yes"),
        ("me", "no"),
    ]


def test_a_line_that_is_no_utf8_costs_only_itself() -> None:
    sound = f"{AT} me: déjà vu\n".encode()
    bad = f"{AT} them: ".encode() + b"\xe9\xe8\xe7\xe0\xfc kites\n"
    marked = [("them", "\ufffd" * 5 + " kites")]
    assert said(chat(sound + bad)) == [("me", "déjà vu"), *marked]
    assert said(chat(f"{AT} me: hi\n".encode() + bad)) == [("me", "hi"), *marked]
    assert said(chat(bad + sound, "friend/old.txt")) == [*marked, ("me", "déjà vu")]
    much = f"{AT} them: ".encode() + b"\xe9\xe8\xe7\xe0\xfc" * 3 + b"\n"
    some = f"{AT} me: é\n".encode()
    assert said(chat(some + much + some)) == [("me", "é"), ("them", "\ufffd" * 15), ("me", "é")]


def test_a_chat_that_fits_no_charset_is_still_one() -> None:
    junk = bytes(range(128, 256))
    assert said(chat(f"{AT} me: hi\n{AT} them: ".encode() + junk)) == [
        ("me", "hi"),
        ("them", "\ufffd" * 128),
    ]
    with pytest.raises(Unreadable):
        chat(junk)


def test_a_chat_with_a_mark_is_decoded_by_it() -> None:
    for charset in ("utf-8-sig", "utf-16", "utf-32"):
        assert said(chat(f"{AT} them: kites\n".encode(charset))) == [("them", "kites")]


def test_a_chat_in_another_charset_is_decoded_by_it() -> None:
    text = f"{AT} them: ça coûte très cher à Noël, hélas, et l'élève a mangé une crème brûlée\n"
    assert chat(text.encode("latin-1")).text == text


def test_a_nul_in_a_message_does_not_hide_the_chat() -> None:
    assert said(chat(f"{AT} them: a\0b\n")) == [("them", "a\ufffdb")]


def test_a_chat_that_grows_keeps_the_segments_it_had() -> None:
    lines = [f"[2026-01-01 {hour:02}:00:00] them: x{hour}\n" for hour in range(0, 24, 3)]
    whole = chat("".join(lines))
    for length in range(1, len(lines)):
        assert chat("".join(lines[:length])).segments == whole.segments[:length]


LINES = st.lists(
    st.sampled_from(["them", "me"]).flatmap(
        lambda who: MESSAGES.map(lambda text: f"{AT} {who}: {text}\n")
    )
    | st.sampled_from(["a note\n", "\n", "  \n", "more \U0001f9e0\n"]),
    min_size=1,
    max_size=6,
).map("".join)


@given(st.sampled_from(["a note\n", f"{AT} me: x\n"]), LINES, st.data())
def test_a_chat_that_grows_says_up_to_where_it_is_the_same(
    first: str, text: str, data: st.DataObject
) -> None:
    whole = (first + text).encode()
    size = data.draw(st.integers(1, len(whole)))
    before = RawFile(path="friend/chat.log", data=whole[:size])
    now = chat(whole)
    place = same_until(now, before)
    assert whole[:size].decode(errors="replace").startswith(now.text[:place])
    assert place == now.text[: len(whole[:size].decode(errors="ignore"))].rfind("\n") + 1
    was = read(before) if place else None
    if was is not None:
        same = [each for each in now.segments if each.start < place]
        had = [each for each in was.segments if each.start < place]
        assert had[:-1] == same[:-1]
        assert [replace(each, end=0) for each in had] == [replace(each, end=0) for each in same]


def test_a_chat_that_is_decoded_in_another_way_since_it_grew_is_nowhere_the_same() -> None:
    one = f"{AT} them: déjà vu, café, Noël\n".encode("latin-1")
    before = f"{AT} me: café\n".encode() + f"{AT} me: ok\n".encode() + one
    assert "\ufffd" in chat(before).text
    whole = before + one * 3
    assert "\ufffd" not in chat(whole).text
    assert same_until(chat(whole), RawFile(path="friend/chat.log", data=before)) == 0
