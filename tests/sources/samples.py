"""Small files of every format, made here: what each holds is known to the letter."""

from typing import NamedTuple

from partitioned_rag.sources.raw import RawFile


class Sample(NamedTuple):
    """A file that can be read: `format` is its name in the registry, `words` stand in its text."""

    format: str
    path: str
    data: bytes
    words: tuple[str, ...]

    @property
    def raw(self) -> RawFile:
        return RawFile(path=f"public/{self.path}", data=self.data)


def pdf(*pages: str) -> bytes:
    """A PDF with a line of text on each page; an empty string is an empty page."""
    kids = " ".join(f"{4 + 2 * i} 0 R" for i in range(len(pages)))
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for i, text in enumerate(pages):
        content = f"BT /F1 12 Tf 50 700 Td ({text}) Tj ET"
        objects += [
            (
                f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {5 + 2 * i} 0 R"
                " /Resources << /Font << /F1 3 0 R >> >> >>"
            ),
            f"<< /Length {len(content)} >>\nstream\n{content}\nendstream",
        ]
    out = "%PDF-1.7\n"
    offsets = []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += f"{number} 0 obj\n{body}\nendobj\n"
    table = "".join(f"{offset:010} 00000 n \n" for offset in offsets)
    start = len(out)
    out += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}"
    out += f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n"
    return out.encode("latin-1")


MAIL = (
    "From: Ann <ann@example.org>\nTo: bob@example.org\nSubject: =?utf-8?q?Caf=C3=A9?= on Sunday\n"
    "Date: Fri, 02 Jan 2026 10:00:00 +0000\nContent-Type: text/plain; charset=utf-8\n\n"
    "Shall we meet at the harbour?\n\nBring the kites.\n"
)

CHAT = (
    "[2026-01-01 09:00:00] them: are you free on sunday?\n"
    "[2026-01-01 09:01:00] me: yes ↵ after lunch\n"
    "[2026-01-01 18:00:00] them: bring the kites\n"
)

GOOD = (
    Sample(
        "text",
        "schedule.txt",
        b"Rehearsal on Friday.\r\n\r\nConcert in May.\n",
        ("Friday", "Concert in May"),
    ),
    Sample("text", "notes.md", "# Plans\n\nSail to Ærø.\n".encode(), ("Plans", "Ærø")),
    Sample("table", "prices.csv", b"tea,price\nAssam,4\nOolong,7\n", ("tea: Oolong", "price: 7")),
    Sample("table", "prices.tsv", b'tea\tprice\nAssam\t4"\n', ("tea: Assam", 'price: 4"')),
    Sample(
        "JSON",
        "settings.json",
        b'{"a": {"b": "kites"}, "list": [{"c": 1}, {"c": 2}]}',
        ("a.b: kites", "list.c: 2"),
    ),
    Sample("JSON", "log.jsonl", b'{"a": "one"}\n{"a": "two"}\n', ("a: one", "a: two")),
    Sample(
        "HTML",
        "page.html",
        b"<title>Hours</title><p>Open <b>dai</b>ly.<script>var x</script><p>Bring tea.",
        ("Hours", "Open daily.", "Bring tea."),
    ),
    Sample("PDF", "menu.pdf", pdf("Soup of the day", "", "Cake"), ("Soup of the day", "Cake")),
    Sample("mail", "letter.eml", MAIL.encode(), ("Subject: Café on Sunday", "harbour")),
    Sample(
        "mail",
        "box.mbox",
        f"From ann Fri Jan  2 10:00:00 2026\n{MAIL}\nFrom bob Sat Jan  3 10:00:00 2026\n"
        "Subject: Re\n\n>From then on we sail.\n".encode(),
        ("harbour", "Subject: Re", "From then on we sail."),
    ),
    Sample(
        "calendar",
        "dates.ics",
        b"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nDTSTART;TZID=Europe/Oslo:20260102T100000\r\n"
        b"SUMMARY:Den\r\n tist\\, again\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n",
        ("Event: Dentist, again", "Start: Friday 2026-01-02 10:00 Europe/Oslo"),
    ),
    Sample(
        "calendar",
        "people.vcf",
        b"BEGIN:VCARD\nVERSION:3.0\nFN:Ann Example\nTEL;TYPE=home:+47 555\nEND:VCARD\n",
        ("Name: Ann Example", "Phone: +47 555"),
    ),
    Sample("chat", "friend/chat.log", CHAT.encode(), ("are you free on sunday?", "after lunch")),
)
"""At least one of each format; `test_reader_laws` demands it."""
