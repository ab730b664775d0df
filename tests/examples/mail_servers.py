"""An IMAP and an SMTP server on loopback, as small as the standard library's clients allow.

Real sockets and real protocols, without TLS; what was sent and said is kept for a test to look at.
"""

import re
import socketserver
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from types import TracebackType
from typing import Self

USER, PASSWORD = "me@example.org", "made up for a test"
VALIDITY = 77


@dataclass(slots=True)
class Mailbox:
    """What the IMAP server holds, by uid, and which of it was seen."""

    letters: dict[int, bytes] = field(default_factory=dict)
    seen: set[int] = field(default_factory=set)
    said: list[str] = field(default_factory=list)
    on_store: Callable[[], None] = lambda: None

    def add(self, letter: bytes) -> int:
        uid = len(self.letters) + 1
        self.letters[uid] = letter
        return uid


@dataclass(slots=True)
class Post:
    """What the SMTP server was sent."""

    letters: list[tuple[list[str], Message]] = field(default_factory=list)
    refused: set[str] = field(default_factory=set)
    on_accepted: Callable[[], None] = lambda: None


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that was killed is none of ours."""


class Servers:
    """Both of them, for one account; a context manager."""

    def __init__(self) -> None:
        self.mailbox, self.post = Mailbox(), Post()
        self._servers = [
            _Server(("127.0.0.1", 0), _imap(self.mailbox)),
            _Server(("127.0.0.1", 0), _smtp(self.post)),
        ]
        self.imap, self.smtp = (f"127.0.0.1:{each.server_address[1]}" for each in self._servers)

    def __enter__(self) -> Self:
        for each in self._servers:
            threading.Thread(target=each.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for each in self._servers:
            each.shutdown()
            each.server_close()


def _imap(box: Mailbox) -> type[socketserver.StreamRequestHandler]:
    class Imap(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.say("* OK ready")
            while line := self.rfile.readline().decode("ascii").rstrip("\r\n"):
                tag, _, command = line.partition(" ")
                box.said.append(command)
                outcome = self.obey(command)
                self.say(f"{tag} {outcome} done")
                if command.upper() == "LOGOUT":
                    return

        def say(self, text: str) -> None:
            self.wfile.write(text.encode() + b"\r\n")

        def obey(self, command: str) -> str:
            words = command.upper().split(" ")
            if words[0] == "CAPABILITY":
                self.say("* CAPABILITY IMAP4rev1")
            elif words[0] == "LOGIN":
                return "OK" if command == f'LOGIN {USER} "{PASSWORD}"' else "NO"
            elif words[0] == "SELECT":
                self.say(f"* {len(box.letters)} EXISTS")
                self.say(f"* OK [UIDVALIDITY {VALIDITY}] as ever")
            elif words == ["UID", "SEARCH", "UNSEEN"]:
                unseen = sorted(set(box.letters) - box.seen)
                self.say(" ".join(["* SEARCH", *map(str, unseen)]))
            elif words[:2] == ["UID", "FETCH"] and words[3:] == ["(BODY.PEEK[])"]:
                letter = box.letters[int(words[2])]
                self.say(f"* 1 FETCH (UID {words[2]} BODY[] {{{len(letter)}}}")
                self.wfile.write(letter)
                self.say(")")
            elif words[:2] == ["UID", "STORE"] and words[3:] == ["+FLAGS", r"(\SEEN)"]:
                box.on_store()
                box.seen.add(int(words[2]))
            elif words[0] == "LOGOUT":
                self.say("* BYE")
            else:
                return "BAD"
            return "OK"

    return Imap


def _smtp(post: Post) -> type[socketserver.StreamRequestHandler]:
    class Smtp(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.say("220 ready")
            recipients: list[str] = []
            while line := self.rfile.readline().decode("ascii").rstrip("\r\n"):
                verb = line.partition(" ")[0].upper()
                if verb == "RCPT":
                    (address,) = re.findall(r"<(.*?)>", line)
                    if address in post.refused:
                        self.say("550 nobody here is called so")
                        continue
                    recipients.append(address)
                elif verb == "DATA":
                    self.say("354 go on")
                    post.letters.append((recipients, message_from_bytes(self.data())))
                    recipients = []
                    self.say("250 accepted")
                    post.on_accepted()
                    continue
                elif verb == "QUIT":
                    self.say("221 bye")
                    return
                elif verb not in {"EHLO", "MAIL", "RSET"}:
                    self.say("502 no")
                    continue
                self.say("250 fine")

        def data(self) -> bytes:
            lines: list[bytes] = []
            while (line := self.rfile.readline()) != b".\r\n":
                lines.append(line.removeprefix(b"."))
            return b"".join(lines)

        def say(self, text: str) -> None:
            self.wfile.write(text.encode() + b"\r\n")

    return Smtp
