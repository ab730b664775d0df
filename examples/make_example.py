"""Write the one file of the example that nobody types by hand: the PDF.

Standard library only, and the same bytes every time, so that the example never changes by itself:

    python examples/make_example.py
"""

from pathlib import Path

TARGET = Path(__file__).with_name("OMBox") / "public" / "cargo-bike-hire.pdf"

PAGES = (
    """\
THE SLOW PUNCTURE
Hiring the Duchess: conditions

1. The Duchess is a cargo bike. She is hired by the day, from ten in the
   morning to ten the next morning, for 25 euros and a deposit of 80.

2. She carries 100 kilos in the box and none on the saddle but yours.
   Children ride in the box, belted, at most two, and only if they agree.

3. What is included: three straps, a rain cover, a pump, a bell, a lock and
   my telephone number. What is not included: my coming to fetch you, unless
   it is her fault. She is rarely at fault.

4. A puncture on the road is mine to pay. A wheel bent on a kerb is yours.
   A wheel bent on a kerb while filming yourself is yours twice.

5. You may cancel until six in the evening of the day before. After that
   half the price is due, since somebody else was told no.

6. Booking: at the bench, or by message. No hire on Sundays and none from
   3 to 16 August 2026, when the workshop is shut.
""",
    """\
THE SLOW PUNCTURE
Hiring the Duchess: handing her over

Before you leave, we look at these together:
   brakes, both, on the slope in front of the bakery
   lights, front and back, with a hand around them
   box, floor and bolts
   straps: three, of which none is decorative

When you bring her back:
   the box is swept. Confetti counts as unswept
   the lock is with its key
   anything that squeaked is mentioned and not hoped about

Special conditions for musical instruments, since the seventh of March:
   a harmonium travels upright, strapped, with its lid shut
   nobody plays it while the Duchess is moving
   nobody plays it downhill in particular

I have read this, or somebody with a kind voice has read it to me.
""",
)

FONT_POINTS, LEADING_POINTS, LEFT_POINTS, TOP_POINTS = 11, 16, 60, 770


def main() -> None:
    """Write the PDF, byte for byte as it was."""
    TARGET.write_bytes(pdf(PAGES))


def pdf(pages: tuple[str, ...]) -> bytes:
    """Lay plain text out as a PDF: one A4 page each, Helvetica, no compression.

    >>> pdf(("One page",)).startswith(b"%PDF-1.4")
    True
    """
    first_page = 4
    kids = " ".join(f"{first_page + 2 * n} 0 R" for n in range(len(pages)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
    ]
    for number, text in enumerate(pages):
        stream = drawn(text)
        objects += [
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842]"
            b" /Resources << /Font << /F1 3 0 R >> >>"
            b" /Contents %d 0 R >>" % (first_page + 2 * number + 1),
            b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
        ]
    return assembled(objects)


def drawn(text: str) -> bytes:
    """Say in a PDF's own words where each line stands."""
    lines = [f"BT /F1 {FONT_POINTS} Tf {LEADING_POINTS} TL {LEFT_POINTS} {TOP_POINTS} Td"]
    for line in text.splitlines():
        escaped = line.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
        lines.append(f"({escaped}) Tj T*")
    return "\n".join([*lines, "ET"]).encode("cp1252")


def assembled(objects: list[bytes]) -> bytes:
    """Number the objects and tell where each begins, as the format asks."""
    body = bytearray(b"%PDF-1.4\n")
    offsets = []
    for number, content in enumerate(objects, start=1):
        offsets.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = len(body)
    body += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    body += b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    body += b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n" % (len(objects) + 1)
    return bytes(body) + b"%d\n%%%%EOF\n" % table


if __name__ == "__main__":
    main()
