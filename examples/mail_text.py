"""What a mail says: who wrote it, what it asks, whether a program sent it; and an answer to it.

A mail is written by whoever cares to: nothing here trusts it, and what can be read in two ways is
read in none.
"""

import contextlib
import hashlib
import re
from email.header import decode_header, make_header
from email.message import EmailMessage, Message
from email.utils import formatdate
from html.parser import HTMLParser
from typing import Any

MOST_CHARS = 1000
ATOM = r"[\w.!#$%&'*+/=?^`{|}~-]+"
# One address, alone or behind a name.
FROM = re.compile(rf'(?:"[^"\\]*"|[^"<>@,:;\\()]*)\s*<({ATOM}@{ATOM})>|({ATOM}@{ATOM})', re.ASCII)
ID = re.compile(r"<[!-;=?-~]{1,300}>")


def writer(mail: Message) -> str:
    """Say whom a mail says it is from; nobody if that is not one plain address."""
    said = [" ".join(str(each).split()) for each in mail.get_all("From", [])]
    found = FROM.fullmatch(said[0]) if len(said) == 1 and len(said[0]) < MOST_CHARS else None
    return (found[1] or found[2]) if found else ""


def is_automatic(mail: Message) -> bool:
    """Say whether a program sent it by itself, or to many."""
    kind = str(mail.get("Auto-Submitted", "no")).partition(";")[0].strip().lower()
    bulk = str(mail.get("Precedence", "")).strip().lower() in {"bulk", "junk", "list"}
    return kind != "no" or bulk or "List-Id" in mail


class Page(HTMLParser):
    """The text of a page, roughly."""

    text, hidden = "", 0

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: D102
        self.hidden += tag in {"script", "style", "blockquote"}
        self.text += "\n" if tag in {"br", "p", "div", "li", "tr"} else ""

    def handle_endtag(self, tag: str) -> None:  # noqa: D102
        self.hidden -= tag in {"script", "style", "blockquote"} and self.hidden > 0

    def handle_data(self, data: str) -> None:  # noqa: D102
        self.text += "" if self.hidden else data


def asked(mail: Message) -> str:
    """Give what a mail asks: its own words, or its subject where there are none."""
    for kind in ("text/plain", "text/html"):
        for part in mail.walk():
            if part.get_content_type() != kind or part.get_content_disposition() == "attachment":
                continue
            raw: Any = part.get_payload(decode=True)
            try:
                text = raw.decode(part.get_content_charset() or "utf-8", "replace")
            except (LookupError, ValueError):  # a character set that is none
                text = raw.decode("utf-8", "replace")
            if kind == "text/html":
                page = Page()
                page.feed(text)
                text = page.text
            kept: list[str] = []
            for line in text.replace("\r", "").partition("\n-- \n")[0].split("\n"):
                if line.startswith(">") and kept and kept[-1].rstrip().endswith(":"):
                    kept.pop()  # "On Sunday, … wrote:"
                kept += [] if line.startswith(">") else [line]
            if "".join(kept).strip():
                return "\n".join(kept).strip()
    return subject(mail)


def subject(mail: Message) -> str:
    """Give the subject as one line."""
    said = str(mail.get("Subject", ""))
    with contextlib.suppress(LookupError, ValueError):  # a character set that is none
        said = str(make_header(decode_header(said)))
    return " ".join("".join(c if c.isprintable() else " " for c in said).split())[:MOST_CHARS]


def message_id(mail: Message) -> str:
    """Give the id by which an answer can name a mail; empty if it has none that could be one."""
    said = str(mail.get("Message-ID", "")).strip()
    return said if ID.fullmatch(said) else ""


def answer(text: str, *, of: str, to: str, title: str, replies_to: str) -> EmailMessage:
    """Write an answer; the same answer to the same mail has the same Message-ID.

    Args:
        text: What it says.
        of: The address that it comes from.
        to: The address that it goes to.
        title: The subject of the mail that it answers.
        replies_to: That mail's id; may be empty.
    """
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Date"] = of, to, formatdate()
    mail["Subject"] = title if title.lower().startswith("re:") else f"Re: {title}".strip()
    mail["Auto-Submitted"] = "auto-replied"
    mark = hashlib.sha256("\0".join([to, replies_to, text]).encode()).hexdigest()
    mail["Message-ID"] = f"<{mark[:32]}@{of.rpartition('@')[2]}>"
    if replies_to:
        mail["In-Reply-To"] = mail["References"] = replies_to
    mail.set_content(text)
    return mail
