"""Answers the mail of a box's contacts: IMAP in, SMTP out, a `Responder` in between.

    EMAIL_PASSWORD=… python examples/email_bridge.py ~/OMBox --address me@example.org \
        --imap imap.example.org --smtp smtp.example.org

WHO IS ANSWERED: who writes from an address that you listed, letter by letter, among the `aliases`
of a contact in contacts.toml. Other mail is left unseen and unanswered, with a line here, and so is
what a program sent by itself: two of them might write to each other for ever. What is asked is the
text without quoted lines; the bridge puts `om:` in front, since a mail to this address is for us.

FROM CAN BE FORGED: it says what its writer wants it to say. The answer goes to the contact's own
address and not to the forger, but use this only where your mail server keeps out of the inbox what
fails SPF, DKIM and DMARC (what it found stands in the `Authentication-Results` that it puts on
top), or where only people whom you know can reach the mailbox.

WHAT A CRASH COSTS: coming in, nothing. A mail is marked as seen once its file is synced, and the
same mail again makes the same file, which the responder knows. Going out, a reply is sent at least
once: its file is removed when the server has accepted it, so a crash in between sends it again,
with the same Message-ID, by which mail programs know it again. One that is refused stays there.
"""

import argparse
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from email import message_from_bytes
from email.message import EmailMessage
from pathlib import Path

from mail_account import ERRORS, REFUSALS, Account
from mail_text import answer, asked, is_automatic, message_id, subject, writer

from partitioned_rag import ContactError, Exchange, Observer, OMBox, Outcome, PragError, Responder
from partitioned_rag.durable import make_private_folder, write_whole

LOOK_EVERY_S, AFTER_FAILURE_S = 2.0, 60.0


def say(text: str) -> None:
    """Write a line to stderr; what others wrote must not drive the terminal."""
    sys.stderr.write("".join(c if c.isprintable() else ascii(c)[1:-1] for c in text) + "\n")


class Bridge(Observer):
    """Carries mail between an account and the folders of an exchange."""

    def __init__(self, box: OMBox, account: Account, *, every_s: float) -> None:
        self.box, self.account, self.every_s = box, account, every_s
        folder = box.path / ".email"  # what begins with a dot is nobody's
        self.last = folder / "last.json"  # by contact, which mail of theirs came last
        self.exchange = Exchange(inbox=folder / "inbox", outbox=folder / "outbox", name="email")
        for each in (folder, self.exchange.inbox, self.exchange.outbox):
            make_private_folder(each)
        self.left_alone: set[str] = set()

    def done(self, outcome: Outcome) -> None:
        """Say what became of a message."""
        say(f"{outcome.contact or outcome.id}: {outcome.state} {outcome.reason}".rstrip())

    def told(self, text: str) -> None:
        """Say what is the matter."""
        say(text)

    def carry(self, stopping: threading.Event) -> None:
        """Fetch and send until told to stop; what is ready then is sent still."""
        fetch_at = send_at = 0.0
        while True:
            is_last = stopping.is_set()
            if not is_last and time.monotonic() >= fetch_at:
                fetch_at = self._next(self.fetch, self.every_s)
            if is_last or time.monotonic() >= send_at:
                send_at = self._next(self.send, LOOK_EVERY_S)
            if is_last:
                return
            stopping.wait(LOOK_EVERY_S)

    @staticmethod
    def _next(work: Callable[[], None], pause_s: float) -> float:
        try:
            work()
        except (*ERRORS, PragError) as error:
            say(f"trying again in a moment: {error}")
            pause_s = max(pause_s, AFTER_FAILURE_S)
        return time.monotonic() + pause_s

    def fetch(self) -> None:
        """Put unseen mails of contacts into the inbox, and mark each as seen after that."""
        with self.account.mailbox() as mailbox:
            for uid in mailbox.unseen():
                name = f"mail-{mailbox.validity}-{uid}.json"
                if name in self.left_alone:
                    continue
                if why_not := self._take(name, mailbox.read(uid)):
                    say(f"left alone: mail {uid}, {why_not}")
                    self.left_alone.add(name)
                else:
                    mailbox.mark_seen(uid)

    def _take(self, name: str, raw: bytes) -> str:
        """Put a mail into the inbox, or say why not."""
        mail = message_from_bytes(raw)
        sender = writer(mail)
        try:
            contact = self.box.correspondent(sender).contact
            if is_automatic(mail):
                return f"which a program sent: {sender}"
            text, title = asked(mail), subject(mail)
        except ContactError:
            return f"whose writer is no alias in contacts.toml: {sender}"
        # One that nobody can read must not keep the others from being read.
        except (AssertionError, LookupError, TypeError, ValueError, RecursionError) as error:
            return f"which cannot be read ({type(error).__name__}): {sender}"
        # First to whom, so that no reply is there before it is known where it goes.
        thread = {"to": sender, "title": title, "replies_to": message_id(mail)}
        write_whole(self.last, json.dumps(self._threads() | {contact: thread}).encode())
        body = json.dumps({"sender": sender, "text": f"om: {text}"})
        write_whole(self.exchange.inbox / name, body.encode())
        return ""

    def send(self) -> None:
        """Send the replies that are ready, and remove each that the server has accepted."""
        there = self.exchange.outbox.glob("*.txt")
        if not (ready := sorted(path for path in there if path.name[0] != ".")):
            return
        stuck = 0
        with self.account.post() as post:
            for path in ready:
                try:
                    post.send_message(self._reply(path))
                    path.unlink()
                except (*REFUSALS, ContactError) as error:
                    say(f"{path.name} stays: {error}")
                    stuck += 1
        if stuck:
            raise OSError(f"{stuck} of {len(ready)} replies were not sent")

    def _reply(self, path: Path) -> EmailMessage:
        thread = self._threads().get(path.stem, {"to": ""})
        if self.box.correspondent(thread["to"]).contact != path.stem:
            raise ContactError("this address is that of another contact by now")
        text = path.read_text(encoding="utf-8", errors="replace")
        return answer(text, of=self.account.address, **thread)

    def _threads(self) -> dict[str, dict[str, str]]:
        return dict(json.loads(self.last.read_bytes())) if self.last.exists() else {}


def main() -> int:
    """Run until Ctrl-C or SIGTERM."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("box", help="the OMBox")
    parser.add_argument("--address", required=True, help="what the answers come from")
    parser.add_argument("--imap", required=True, metavar="HOST[:PORT]")
    parser.add_argument("--smtp", required=True, metavar="HOST[:PORT]")
    parser.add_argument("--user", default="", help="to log in as; the address where not given")
    parser.add_argument("--model", help="the Ollama model to ask")
    parser.add_argument("--every", type=float, default=60.0, help="seconds between two looks")
    parser.add_argument(
        "--plain-on-loopback", dest="is_plain", action="store_true", help="no TLS, for tests"
    )
    chosen = vars(parser.parse_args())
    folder, model, every_s = (chosen.pop(name) for name in ("box", "model", "every"))
    try:
        account = Account(**chosen, password=os.environ.get("EMAIL_PASSWORD", ""))
    except ValueError as error:
        parser.error(str(error))
    stopping = threading.Event()
    env = os.environ.get
    with OMBox(folder, env("PRAG_EMBEDDER"), ollama_host=env("OLLAMA_HOST"), notify=say) as box:
        bridge = Bridge(box, account, every_s=every_s)
        own = [Exchange.of(box)] if (box.path / "inbox").is_dir() else []
        responder = Responder(box, model=model, exchanges=[*own, bridge.exchange], observer=bridge)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: responder.stop())

        def carry() -> None:
            try:
                bridge.carry(stopping)
            finally:  # nobody is answered by half a bridge
                responder.stop()

        carrier = threading.Thread(target=carry)
        carrier.start()
        try:
            responder.run()
        except PragError as error:
            say(f"error: {error}")
            return error.exit_code
        finally:
            stopping.set()
            carrier.join()
    return 0


if __name__ == "__main__":
    sys.exit(main())
