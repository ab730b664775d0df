"""A mail account: the unseen of its inbox by IMAP, and its post by SMTP, both over TLS."""

import imaplib
import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

TIMEOUT_S = 30.0
LOOPBACK = ("127.0.0.1", "::1", "localhost")
# A server that answers otherwise than it may is a ValueError.
ERRORS = (imaplib.IMAP4.error, smtplib.SMTPException, OSError, ValueError)
REFUSALS = (smtplib.SMTPResponseException, smtplib.SMTPRecipientsRefused)


@dataclass(frozen=True, kw_only=True)
class Account:
    """Where mail comes from and goes to.

    Attributes:
        address: What is sent comes from it.
        user: To log in as; the address by default.
        imap, smtp: Hosts, each with a port behind a colon or without.
        is_plain: No TLS; only on this machine, for tests.
    """

    address: str
    user: str
    password: str = field(repr=False)
    imap: str
    smtp: str
    is_plain: bool = False

    def __post_init__(self) -> None:
        if not self.password:
            raise ValueError("set EMAIL_PASSWORD in the environment")
        for server in (self.imap, self.smtp):
            if self.is_plain and server.partition(":")[0] not in LOOPBACK:
                raise ValueError(f"without TLS only on this machine: {server}")

    @contextmanager
    def mailbox(self) -> Iterator["Mailbox"]:
        """Log in, and out again."""
        host, _, port = self.imap.partition(":")
        with (
            imaplib.IMAP4(host, int(port or 143), timeout=TIMEOUT_S)
            if self.is_plain
            else imaplib.IMAP4_SSL(
                host,
                int(port or 993),
                ssl_context=ssl.create_default_context(),
                timeout=TIMEOUT_S,
            )
        ) as server:
            server.login(self.user or self.address, self.password)
            yield Mailbox(server)

    @contextmanager
    def post(self) -> Iterator[smtplib.SMTP]:
        """Log in where the server wants it, and out again."""
        host, _, port = self.smtp.partition(":")
        with (
            smtplib.SMTP(host, int(port or 25), timeout=TIMEOUT_S)
            if self.is_plain
            else smtplib.SMTP_SSL(
                host, int(port or 465), context=ssl.create_default_context(), timeout=TIMEOUT_S
            )
        ) as server:
            server.ehlo()
            if server.has_extn("auth"):
                server.login(self.user or self.address, self.password)
            yield server


class Mailbox:
    """The inbox of an account that is logged in to. Reading a mail does not mark it as seen."""

    def __init__(self, server: imaplib.IMAP4) -> None:
        """Open the inbox."""
        self._server = server
        _ok(server.select("INBOX"))
        self.validity = int(server.response("UIDVALIDITY")[1][0] or 0)

    def unseen(self) -> list[str]:
        """List the mails that nobody has seen."""
        return (_ok(self._server.uid("SEARCH", "UNSEEN"))[0] or b"").decode().split()

    def read(self, uid: str) -> bytes:
        """Give a mail as it came."""
        found = _ok(self._server.uid("FETCH", uid, "(BODY.PEEK[])"))
        return b"".join(each[1] for each in found if isinstance(each, tuple))

    def mark_seen(self, uid: str) -> None:
        """Mark a mail as seen."""
        _ok(self._server.uid("STORE", uid, "+FLAGS", r"(\Seen)"))


def _ok(answer: tuple[str, list[Any]]) -> list[Any]:
    if answer[0] != "OK":
        raise imaplib.IMAP4.error(str(answer[1]))
    return answer[1]
