"""What the text of each format looks like, and what is left out of it."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partitioned_rag.sources.raw import RawFile, Unreadable
from partitioned_rag.sources.registry import read_here, recognise
from partitioned_rag.values import Document, SkipReason
from tests.sources.samples import MAIL, pdf


def document(name: str, data: str | bytes) -> Document:
    raw = RawFile(path=f"public/{name}", data=data.encode() if isinstance(data, str) else data)
    return read_here(recognise(raw), raw)


def text(name: str, data: str | bytes) -> str:
    return document(name, data).text


def pieces(name: str, data: str | bytes) -> list[tuple[str, str]]:
    read = document(name, data)
    return [(one.kind.value, read.text[one.start : one.end]) for one in read.segments]


def refusal(name: str, data: str | bytes) -> SkipReason:
    with pytest.raises(Unreadable) as verdict:
        document(name, data)
    return verdict.value.reason


# ---------------------------------------------------------------- recognition


@pytest.mark.parametrize(
    ("name", "data", "expected"),
    [
        ("a.txt", pdf("x"), "PDF"),
        ("a.pdf", b"HTTP/1.1 200 OK\n\n" + pdf("x"), "PDF"),
        ("a.pdf", b"<!DOCTYPE html><p>x", "HTML"),
        ("a.txt", b"\xef\xbb\xbf\n<?xml version='1.0'?><html>", "HTML"),
        ("a.bin", b"BEGIN:VCARD\r\n", "calendar"),
        ("a", b"From a Fri Jan  2 10:00:00 2026\nTo: x\n\n", "mail"),
        ("old.txt", b"[2026-01-01 09:00:00] me: x", "chat"),
        ("sub/CHAT.log", b"x", "chat"),
        ("mychat.log", b"x", "text"),
        ("A.JSON", b"{}", "JSON"),
        ("a.html.txt", b"plain", "text"),
        ("README", b"plain", "text"),
        ("a.xyz", "café".encode(), "text"),
        ("a.xyz", "café".encode("utf-16"), "text"),
    ],
)
def test_content_comes_first_and_the_name_second(name: str, data: bytes, expected: str) -> None:
    assert recognise(RawFile(path=f"public/{name}", data=data)).name == expected


@pytest.mark.parametrize(
    "data",
    [
        b"\x89PNG\r\n\x1a\n",
        b"PK\x03\x04",
        b"\x1f\x8b\x08",
        b"\x7fELF",
        b"SQLite format 3\0",
        b"\xff\xd8\xff\xe0",
        b"GIF89a",
        b"{\\rtf1 x}",
        b"\0\0\0\x18ftypheic",
    ],
)
def test_what_is_no_text_is_unsupported_whatever_its_name(data: bytes) -> None:
    for name in ("a.txt", "a.pdf", "chat.log", "a.json", "a"):
        assert refusal(name, data) is SkipReason.UNSUPPORTED


def test_bytes_without_name_or_sense_are_unsupported() -> None:
    for data in (b"\0\1\2", b"caf\xe9", b"a\0b"):
        assert refusal("a.bin", data) is SkipReason.UNSUPPORTED


# ---------------------------------------------------------------- prose


def test_markdown_is_cut_at_headings_blank_lines_and_fences() -> None:
    source = (
        "# One\ntext\nmore\n## Two ##\n\n#no heading\n\nThree\n=====\n```py\na\n\n# b\n```\nafter\n"
    )
    assert pieces("a.md", source) == [
        ("heading", "# One"),
        ("paragraph", "text\nmore"),
        ("heading", "## Two ##"),
        ("paragraph", "#no heading"),
        ("heading", "Three\n====="),
        ("paragraph", "```py\na\n\n# b\n```"),
        ("paragraph", "after"),
    ]


def test_a_fence_that_is_never_closed_holds_the_rest() -> None:
    assert pieces("a.md", "~~~\na\n\n```\nb") == [("paragraph", "~~~\na\n\n```\nb")]


def test_plain_text_has_no_headings() -> None:
    assert pieces("a.txt", "# one\r\n\r\ntwo\r\nthree\r\rfour") == [
        ("paragraph", "# one"),
        ("paragraph", "two\r\nthree"),
        ("paragraph", "four"),
    ]


# ---------------------------------------------------------------- tables


def test_each_row_stands_on_its_own_line_with_its_header() -> None:
    assert text("a.csv", 'name,"re\nmark"\r\nAnn,"one\r\ntwo"\r\n') == (
        "name; re mark\nname: Ann; re mark: one two"
    )


def test_no_value_is_lost_under_odd_headers() -> None:
    assert text("a.csv", "x,x,,y\n1,2,3,4,5\n,,,,\n6\n") == "x; x; y\nx: 1; x: 2; 3; y: 4; 5\nx: 6"


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found_in_the_rows(delimiter: str) -> None:
    rows = "\n".join(delimiter.join(row) for row in (["tea", "price"], ["Assam", "4.5"]))
    for name in ("a.csv", "a.tsv"):
        assert text(name, rows) == "tea; price\ntea: Assam; price: 4.5"


def test_a_cell_may_be_as_long_as_a_file() -> None:
    assert text("a.csv", f'a,b\n1,"{"kites " * 50_000}end"').endswith("kites end")


def test_a_lone_quote_is_a_character_and_swallows_nothing() -> None:
    assert text("a.csv", 'a,b\n1,"x\n2,y\n').endswith('a: 1; b: "x\na: 2; b: y')
    assert text("a.tsv", 'a\tb\n5"\t"x\n7\ty\n').endswith('a: 5"; b: "x\na: 7; b: y')


def test_a_long_header_is_shortened_before_its_values() -> None:
    read = text("a.csv", f"{'long ' * 200},b\n" + "1,2\n" * 50)
    assert len(read) < 1000 + 50 * 80
    assert read.count("1; b: 2") == 50


@given(
    st.lists(
        st.lists(st.text('ab ,;\t|"\n', max_size=4), min_size=1, max_size=4), min_size=1, max_size=5
    )
)
def test_every_word_of_a_table_is_in_its_text(rows: list[list[str]]) -> None:
    data = "\n".join(",".join(row) for row in rows)
    if not data.strip(' ,;\t|"\n'):
        return
    read = text("a.csv", data)
    assert Counter(c for c in data if c in "ab") <= Counter(c for c in read if c in "ab")


# ---------------------------------------------------------------- JSON


def test_values_stand_behind_their_paths_and_records_in_a_line() -> None:
    source = (
        '{"a": {"b": 1, "c": [1, 2]}, "d": null, "e": [], "f": "",'
        ' "list": [{"n": "x", "m": {"k": [true, [false]]}}, "y"], "n": 1.50}'
    )
    assert text("a.json", source).splitlines() == [
        "a.b: 1",
        "a.c: 1, 2",
        "d: null",
        "list.n: x; list.m.k: true; list.m.k: false",
        "list: y",
        "n: 1.50",
    ]


def test_json_lines_are_a_row_each() -> None:
    assert pieces("a.jsonl", '{"a": 1, "b": [2]}\n\n{"a": 3}\n') == [
        ("row", "a: 1; b: 2"),
        ("row", "a: 3"),
    ]
    assert text("a.json", '{"a": 1}\n{"a": 3}\n') == "a: 1\na: 3"
    assert text("a.jsonl", '{\n"a": 1\n}') == "a: 1"


def test_no_key_is_lost_when_it_comes_twice() -> None:
    assert text("a.json", '{"a": 1, "a": 2}') == "a: 1\na: 2"


def test_numbers_stand_as_they_are_written() -> None:
    digits = "9" * 5000
    assert text("a.json", f"[1.10, 1e400, {digits}]") == f"1.10, 1e400, {digits}"


@pytest.mark.parametrize(
    "source",
    ['{"a": 1', '{"a": 1}\n{"a":', "{'a': 1}", '{"a": 1,}', '// x\n{"a": 1}', "[" * 99_999],
)
def test_half_of_json_is_none(source: str) -> None:
    assert refusal("a.json", source) is SkipReason.CORRUPT
    assert refusal("a.jsonl", source) is SkipReason.CORRUPT


def test_deep_paths_and_long_keys_do_not_multiply_the_text() -> None:
    deep = '{"key":' * 400 + '{"' + "k" * 9000 + '": "end", "b": 1}' + "}" * 400
    read = text("a.json", deep)
    assert read.endswith("key.b: 1")
    assert len(read) < 400


# ---------------------------------------------------------------- HTML


def test_what_is_not_seen_is_not_read() -> None:
    page = (
        "<title>T</title><style>S1</style><p>one<!-- S2 --><script>S3</script><template>S4"
        "</template><noscript>two</noscript><iframe>S5</iframe>"
    )
    assert text("a.html", page) == "T\n\nonetwo"


def test_words_of_neighbouring_cells_and_blocks_stay_apart() -> None:
    assert pieces("a.html", "<h1>H</h1><table><tr><td>l</td><td>r</td></tr></table>a<br>b<p>c") == [
        ("heading", "H"),
        ("row", "l | r"),
        ("paragraph", "a\nb"),
        ("paragraph", "c"),
    ]
    assert text("a.html", "<p>wo<b>r</b>d<span> and </span>more") == "word and more"


def test_white_space_is_kept_in_pre_alone() -> None:
    assert text("a.html", "<pre>a\n  b</pre><p>c\n  d") == "a\n  b\n\nc d"


def test_the_charset_of_a_page_is_believed() -> None:
    page = '<meta http-equiv=x content="text/html; charset=koi8-r"><p>вокзал'
    assert text("a.html", page.encode("koi8-r")) == "вокзал"
    assert text("a.html", '<meta charset="utf-16"><p>x') == "x"


# ---------------------------------------------------------------- PDF


def test_a_pdf_without_text_is_a_scan() -> None:
    with pytest.raises(Unreadable) as verdict:
        document("a.pdf", pdf("", ""))
    assert verdict.value.reason is SkipReason.NO_TEXT
    assert "scan" in verdict.value.detail


def test_pages_without_text_are_named_where_others_have_some() -> None:
    note = "[{} no text: a scan, a drawing or nothing]".format
    read = document("a.pdf", pdf("", "one", "", "", "four", ""))
    assert [(read.text[one.start : one.end], one.page) for one in read.segments] == [
        (note("page 1 holds"), 1),
        ("one", 2),
        (note("pages 3 to 4 hold"), 3),
        ("four", 5),
        (note("page 6 holds"), 6),
    ]


def test_a_pdf_cut_in_two_is_corrupt() -> None:
    data = pdf("x")
    assert refusal("a.pdf", data[: data.index(b"stream")]) is SkipReason.CORRUPT
    assert refusal("a.pdf", b"no PDF at all") is SkipReason.CORRUPT


# ---------------------------------------------------------------- mail


def test_a_letter_begins_with_what_a_person_looks_at() -> None:
    assert text("a.eml", MAIL).startswith(
        "From: Ann <ann@example.org>\nTo: bob@example.org\nSubject: Café on Sunday\n"
        "Date: Fri, 02 Jan 2026 10:00:00 +0000\n\nShall we"
    )


def test_an_encoded_line_break_begins_no_header() -> None:
    read = text("a.eml", "Subject: =?utf-8?Q?a=0D=0AFrom:_x?= =?utf-8?B?YQ==?= =?no?Q?=ZZ?=\n\nx")
    assert read.startswith("Subject: a From: xa")
    assert "\nFrom" not in read


def test_headers_that_are_not_ascii_are_decoded() -> None:
    letter = "From: Jürgen Müller\n\nx"
    for charset in ("utf-8", "cp1252"):
        assert "From: Jürgen Müller" in text("a.eml", letter.encode(charset))
    letter = "From: Юрий\nContent-Type: text/plain; charset=koi8-r\n\nвокзал"
    assert text("a.eml", letter.encode("koi8-r")) == "From: Юрий\n\nвокзал"


PARTS = (
    "From: a\nContent-Type: multipart/{kind}; boundary=x\n\n"
    "--x\nContent-Type: text/plain\n\n{plain}\n"
    "--x\nContent-Type: text/html\n\n<p>html<script>S</script>\n--x\n"
    "Content-Type: application/pdf\nContent-Transfer-Encoding: base64\n"
    'Content-Disposition: attachment; filename="bill.pdf"\n\nU0VDUkVU\n--x--\n'
)


BILL = "\n\nAttachment: bill.pdf (not read)"


def test_of_alternatives_the_plain_text_is_read_else_the_html() -> None:
    alternative = PARTS.format(kind="alternative", plain="plain *html*")
    assert text("a.eml", alternative) == "From: a\n\nplain *html*" + BILL
    alternative = PARTS.format(kind="alternative", plain=" ")
    assert text("a.eml", alternative) == "From: a\n\nhtml" + BILL
    mixed = PARTS.format(kind="mixed", plain="plain")
    assert text("a.eml", mixed) == "From: a\n\nplain\n\nhtml" + BILL


def alternative(plain: str, page: str) -> str:
    letter = PARTS.format(kind="alternative", plain=plain).replace("html<script>S</script>", page)
    return text("a.eml", letter).removeprefix("From: a\n\n").removesuffix(BILL)


def test_a_plain_text_that_says_less_does_not_hide_the_html() -> None:
    excuse, news = "Your program cannot show HTML.", "We sail on Sunday at ten from the old harbour"
    assert alternative(excuse, f"{news}, bring kites and cake.") == f"{news}, bring kites and cake."
    assert alternative(excuse, "We sail at ten.") == f"{excuse}\n\nWe sail at ten."
    assert alternative(f"{news}.\n-- \nAnn", news) == f"{news}.\n-- \nAnn"
    assert alternative(news, "Open in a browser") == f"{news}\n\nOpen in a browser"
    assert alternative("We sail on Sunday", f"{news} unsubscribe") == f"{news} unsubscribe"


def test_what_no_person_is_shown_of_a_letter_is_named() -> None:
    invitation = PARTS.format(kind="alternative", plain="come").replace(
        "text/html", "text/calendar"
    )
    assert text("a.eml", invitation) == (
        f"From: a\n\ncome{BILL}\n\nAttachment: text/calendar without a name (not read)"
    )
    nameless = PARTS.format(kind="mixed", plain="come").replace('; filename="bill.pdf"', "")
    assert text("a.eml", nameless).endswith("Attachment: application/pdf without a name (not read)")
    alone = "From: a\nContent-Type: application/pdf\n\n%PDF-1.7"
    assert text("a.eml", alone) == (
        "From: a\n\nAttachment: application/pdf without a name (not read)"
    )
    report = (
        "From: a\nContent-Type: multipart/report; boundary=x\n\n--x\n\nIt came back.\n"
        "--x\nContent-Type: message/delivery-status\n\nStatus: 5.1.1\n\nFinal: x\n--x--\n"
    )
    assert text("a.eml", report) == (
        "From: a\n\nIt came back.\n\nAttachment: message/delivery-status without a name (not read)"
    )


def test_every_text_that_is_shown_with_a_letter_is_read() -> None:
    for shown in ("inline", "inline; filename=notes.txt"):
        letter = PARTS.format(kind="mixed", plain="one").replace(
            "application/pdf\nContent-Transfer-Encoding: base64\n"
            'Content-Disposition: attachment; filename="bill.pdf"\n\nU0VDUkVU',
            f"text/plain\nContent-Disposition: {shown}\n\ntwo",
        )
        assert text("a.eml", letter) == "From: a\n\none\n\nhtml\n\ntwo"


def test_an_attached_text_is_named_and_not_read() -> None:
    attached = PARTS.format(kind="mixed", plain="plain").replace("application/pdf", "text/plain")
    assert text("a.eml", attached).endswith("html" + BILL)


def test_a_byte_of_a_letter_that_nobody_understands_is_marked() -> None:
    plain = "From: a\nContent-Type: text/plain{}\n\n".format
    for charset in ("", "; charset=us-ascii", "; charset=iso-8859-1"):
        letter = plain(charset).encode() + "Zoë à Noël très déçu".encode() + b" \xff"
        assert text("a.eml", letter) == "From: a\n\nZoë à Noël très déçu \ufffd"
    letter = "From: Zoë à Noël très déçu".encode() + b" \xff\n\nx"
    assert text("a.eml", letter) == "From: Zoë à Noël très déçu \ufffd\n\nx"
    assert text("a.eml", plain("").encode() + b"a\0b caf\xe9") == "From: a\n\na\ufffdb caf\ufffd"


def test_a_letter_within_a_letter_is_read() -> None:
    inner = "Subject: inner\n\nkites"
    outer = f"Subject: outer\nContent-Type: message/rfc822\n\n{inner}"
    assert text("a.eml", outer) == "Subject: outer\n\nSubject: inner\n\nkites"


def test_a_mailbox_is_cut_at_its_letters_alone() -> None:
    box = (
        "From a Fri Jan  2 10:00:00 2026\nSubject: one\n\nFrom here on\n\nFrom there\n"
        "From x 10:00:00 in mid-paragraph\n\n"
        "From b Fri Jan  2 10:00:00 2026\nSubject: two\n\n>From me\n"
    )
    for end in ("\n", "\r\n"):
        read = document("a.mbox", box.replace("\n", end))
        assert [one.group for one in read.segments] == [0, 0, 0, 1, 1]
        assert read.text.endswith("Subject: two\n\nFrom me")


def test_text_that_is_no_letter_is_corrupt() -> None:
    assert refusal("a.eml", "The kites fly.\n") is SkipReason.CORRUPT


# ---------------------------------------------------------------- calendars and cards


def calendar(*lines: str) -> bytes:
    return "\r\n".join(["BEGIN:VCALENDAR", "BEGIN:VEVENT", *lines, "END:VEVENT"]).encode()


def test_an_event_is_a_paragraph() -> None:
    two = calendar("SUMMARY:one", "DTSTART;VALUE=DATE:20260102") + b"\n" + calendar("SUMMARY:two")
    assert text("a.ics", two) == "Event: one\nStart: Friday 2026-01-02\n\nEvent: two"


def test_times_are_written_with_their_day_and_zone() -> None:
    for written, shown in (
        ("DTSTART:20260102T100000Z", "Start: Friday 2026-01-02 10:00 UTC"),
        ("DTSTART;TZID=Asia/Tokyo:20260102T100000", "Start: Friday 2026-01-02 10:00 Asia/Tokyo"),
        ("DTSTART:20260102T100000", "Start: Friday 2026-01-02 10:00"),
        ("DTSTART:20261302", "Start: 20261302"),
        ("DTSTART:soon", "Start: soon"),
    ):
        assert text("a.ics", calendar(written)) == shown


def test_a_fold_within_a_character_is_undone_before_decoding() -> None:
    folded = calendar("SUMMARY:café").replace(b"\xc3", b"\xc3\r\n ")
    assert text("a.ics", folded) == "Event: café"


def test_alarms_and_what_is_for_programs_is_left_out() -> None:
    event = calendar(
        "UID:S",
        "BEGIN:VALARM",
        "DESCRIPTION:S",
        "END:VALARM",
        "ATTACH;ENCODING=BASE64:S",
        r"DESCRIPTION:a\nb\, c\\d",
    )
    assert text("a.ics", event) == "Description: a\nb, c\\d"


def test_a_line_that_its_writer_forgot_to_fold_is_the_rest_of_the_value() -> None:
    event = calendar(
        "Bring the kites.",
        "DESCRIPTION:first",
        "second line not folded",
        "",
        "third",
        "UID:S",
        "S",
        "ATTACH;ENCODING=BASE64:S",
        "S",
        "SUMMARY:x",
    )
    assert text("a.ics", event + b"\nlast words\n") == (
        "Note: Bring the kites.\nDescription: first\nsecond line not folded\nthird\nEvent: x"
    )
    card = (
        b"BEGIN:VCARD\nPHOTO;BASE64:\nQUJD\nQUJD\n\nNOTE;QUOTED-PRINTABLE:a=\nb=3D\nc=3D\nEND:VCARD"
    )
    assert text("a.vcf", card) == "Note: ab=\nc=3D"


def test_a_byte_of_a_calendar_that_nobody_understands_is_marked() -> None:
    event = calendar("SUMMARY:Zoë à Noël très déçu", "LOCATION:x").replace(b"x\r", b"x\xff\r")
    assert text("a.ics", event) == "Event: Zoë à Noël très déçu\nLocation: x\ufffd"
    hopeless = calendar("SUMMARY:a\0b", "LOCATION:x").replace(b"x\r", b"x\xe9\r")
    assert text("a.ics", hopeless) == "Event: a\ufffdb\nLocation: x\ufffd"


def test_cards_of_every_age_are_read() -> None:
    old = (
        "BEGIN:VCARD\r\nVERSION:2.1\r\nN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:M=C3=BCller;J=\r\n"
        "=C3=BCrgen\r\nPHOTO;JPEG;ENCODING=BASE64:\r\n QUJD\r\n QUJD\r\n\r\nTEL;HOME:1\r\nEND:VCARD"
    )
    assert text("a.vcf", old) == "Full name: Jürgen Müller\nPhone: 1"
    latin = "BEGIN:VCARD\nNOTE:Straße, Brücke, für\nFN;CHARSET=ISO-8859-1:Jörg\nEND:VCARD"
    assert text("a.vcf", latin.encode("latin-1")) == "Note: Straße, Brücke, für\nName: Jörg"
    new = "BEGIN:VCARD\nitem1.TEL:1\nADR:;;Road 1;Oslo;;0150;\nBEGIN:VCARD\nFN:B"
    assert text("a.vcf", new) == "Phone: 1\nAddress: Road 1, Oslo, 0150\n\nName: B"


def test_text_that_is_no_calendar_is_corrupt_and_one_without_entries_has_no_text() -> None:
    assert refusal("a.ics", "The kites fly.\n") is SkipReason.CORRUPT
    assert refusal("a.ics", "BEGIN:VCALENDAR\nEND:VCALENDAR\n") is SkipReason.NO_TEXT
