"""The e-mail bridge: real IMAP and SMTP on loopback, the real program, made-up people."""

import importlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from email import message_from_bytes
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partitioned_rag import OMBox
from tests.examples.mail_servers import PASSWORD, USER, VALIDITY, Servers
from tests.ollama_double import OllamaDouble

EXAMPLES = Path(__file__).parents[2] / "examples"
PATIENCE_S = 120
# Nobody of these exists.
ODILE, PIP, STRANGER = "odile@example.org", "pip@example.org", "stranger@example.org"


@pytest.fixture(scope="module")
def examples() -> Iterator[Any]:
    """The modules as they find each other when the bridge is run."""
    sys.path.insert(0, str(EXAMPLES))
    yield tuple(map(importlib.import_module, ("email_bridge", "mail_account", "mail_text")))
    sys.path.remove(str(EXAMPLES))


@pytest.fixture
def servers() -> Iterator[Servers]:
    with Servers() as both:
        yield both


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "OMBox"
    for name in ("public", "odile", "pip"):
        (folder / name).mkdir(parents=True)
    (folder / "public" / "hours.txt").write_text("The shop is open on Sunday.\n")
    (folder / "odile" / "key.txt").write_text("zebra crossing\n")
    (folder / "pip" / "party.txt").write_text("walrus parade\n")
    (folder / "contacts.toml").write_text(
        f'[contacts.odile]\naliases = ["{ODILE}"]\n[contacts.pip]\naliases = ["{PIP}"]\n'
    )
    return folder


def letter(text: str, sender: str = ODILE, **headers: str) -> bytes:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = sender, USER, "A question"
    mail["Message-ID"] = "<1@example.org>"
    for name, value in headers.items():
        name = name.replace("_", "-")  # noqa: PLW2901
        del mail[name]
        mail[name] = value
    mail.set_content(text)
    return mail.as_bytes()


@pytest.fixture
def bridge(examples: Any, servers: Servers, root: Path) -> Iterator[Any]:
    email_bridge, mail_account, _ = examples
    account = mail_account.Account(
        address=USER,
        user="",
        password=PASSWORD,
        imap=servers.imap,
        smtp=servers.smtp,
        is_plain=True,
    )
    with OMBox(root, "hashing") as box:
        yield email_bridge.Bridge(box, account, every_s=1.0)


def dropped(root: Path) -> list[dict[str, str]]:
    return [json.loads(it.read_text()) for it in sorted((root / ".email" / "inbox").glob("*.json"))]


def put_reply(root: Path, contact: str, text: str) -> Path:
    path = root / ".email" / "outbox" / f"{contact}.txt"
    path.write_text(text)
    return path


# ---------------------------------------------------------------- in


def test_a_mail_of_a_contact_is_dropped_whole_and_only_then_seen(
    bridge: Any, servers: Servers, root: Path
) -> None:
    there: list[list[dict[str, str]]] = []
    servers.mailbox.on_store = lambda: there.append(dropped(root))
    servers.mailbox.add(letter("Are you free?\n\nOdile"))
    bridge.fetch()
    assert there == [[{"sender": ODILE, "text": "om: Are you free?\n\nOdile"}]]
    assert servers.mailbox.seen == {1}
    (path,) = (root / ".email" / "inbox").iterdir()
    assert path.name == f"mail-{VALIDITY}-1.json"


def test_a_mail_that_could_not_be_marked_makes_the_same_file_again(
    bridge: Any, servers: Servers, root: Path
) -> None:
    servers.mailbox.add(letter("Are you free?"))
    bridge.fetch()
    (path,) = (root / ".email" / "inbox").iterdir()
    before = path.read_bytes()
    path.unlink()
    servers.mailbox.seen.clear()
    bridge.fetch()
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "headers",
    [
        {"From": STRANGER},
        {"From": "Odile@example.org"},
        {"From": "odile@example.org.example.org"},
        {"From": '"odile@example.org" <stranger@example.org>'},
        {"From": "odile"},
        {"From": "15550100001"},
        {"Auto_Submitted": "auto-replied"},
        {"Precedence": "bulk"},
        {"List_Id": "<list.example.org>"},
    ],
    ids=lambda headers: "-".join(headers.values()),
)
def test_other_mail_is_left_unseen_with_a_line_once(
    bridge: Any,
    servers: Servers,
    root: Path,
    headers: dict[str, str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    servers.mailbox.add(letter("Are you free?", **headers))
    bridge.fetch()
    bridge.fetch()
    assert (dropped(root), servers.mailbox.seen) == ([], set())
    assert capsys.readouterr().err.count("left alone: mail 1") == 1


@pytest.mark.parametrize(
    "said",
    [
        b"From: odile@example.org\r\nFrom: stranger@example.org\r\n\r\nhello\r\n",
        b"From: odile@example.org, stranger@example.org\r\n\r\nhello\r\n",
        b"From: odile@example.org (x) <stranger@example.org>\r\n\r\nhello\r\n",
        b"From: odile@example.org)<stranger@example.org>\r\n\r\nhello\r\n",
        b"From: <odile@example.org> <stranger@example.org>\r\n\r\nhello\r\n",
        b"From: odile@example.org\xc3\xa9\r\n\r\nhello\r\n",
        b"Sender: odile@example.org\r\n\r\nhello\r\n",
        b"\r\nhello\r\n",
        b"",
    ],
    ids=range(9),
)
def test_what_could_be_read_in_two_ways_is_nobodys(
    bridge: Any, servers: Servers, root: Path, said: bytes
) -> None:
    servers.mailbox.add(said)
    bridge.fetch()
    assert (dropped(root), servers.mailbox.seen) == ([], set())


def test_while_contacts_are_unknown_every_mail_stays(
    examples: Any, bridge: Any, servers: Servers, root: Path
) -> None:
    (root / "contacts.toml").write_text("broken")
    servers.mailbox.add(letter("Are you free?"))
    with pytest.raises(examples[0].PragError):
        bridge.fetch()
    assert (dropped(root), servers.mailbox.seen) == ([], set())


def test_a_mail_that_nobody_can_read_does_not_keep_the_next_from_being_read(
    bridge: Any, servers: Servers, root: Path
) -> None:
    servers.mailbox.add(
        b"From: odile@example.org\r\nContent-Type: text/html\r\n\r\n<![nothing[ x ]]>\r\n"
    )
    servers.mailbox.add(letter("Are you free?"))
    bridge.fetch()
    assert {"sender": ODILE, "text": "om: Are you free?"} in dropped(root)


# ---------------------------------------------------------------- what a mail asks


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"\r\nHello\r\n-- \r\nOdile", "Hello"),
        (b"\r\nYes.\r\n\r\nOn Sunday, Juno wrote:\r\n> om: no\r\n> > what\r\n", "Yes."),
        (b"\r\nFirst\r\n> quoted\r\nsecond", "First\nsecond"),
        (b"Subject: =?utf-8?q?Caf=C3=A9?=\r\n\r\n> only quoted\r\n", "Caf\u00e9"),
        (b"Subject: =?nothing?q?x?=\r\n\r\n", "=?nothing?q?x?="),
        (b"Content-Type: text/plain; charset=latin-1\r\n\r\ncaf\xe9", "caf\u00e9"),
        (b"Content-Type: text/plain; charset=nothing\r\n\r\nplain", "plain"),
        (b"Content-Type: text/plain; charset=idna\r\n\r\nplain\xff", "plain\ufffd"),
        (
            (
                b"Content-Type: text/html\r\n\r\n<style>p{}</style><p>One<br>two &amp; three"
                b"<blockquote>old</blockquote>"
            ),
            "One\ntwo & three",
        ),
        (
            (
                b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n"
                b"Content-Disposition: attachment\r\n\r\nattached\r\n--x\r\n\r\nsaid\r\n--x--\r\n"
            ),
            "said",
        ),
    ],
    ids=range(10),
)
def test_what_is_asked_is_the_own_words_of_a_mail(examples: Any, raw: bytes, text: str) -> None:
    assert examples[2].asked(message_from_bytes(raw)) == text


@given(st.binary(max_size=300), st.sampled_from([b"plain", b"html", b"\xff", b"plain; charset=x"]))
def test_whatever_comes_is_read_or_refused(examples: Any, raw: bytes, kind: bytes) -> None:
    mail = message_from_bytes(b"From: " + raw + b"\r\nContent-Type: text/" + kind + b"\r\n\r\n")
    _, _, texts = examples
    assert texts.writer(mail).count("@") <= 1
    assert "\n" not in texts.subject(mail) + texts.message_id(mail)
    assert texts.is_automatic(mail) in {True, False}
    assert isinstance(texts.asked(mail), str)


# ---------------------------------------------------------------- out


def test_a_reply_goes_to_the_address_that_wrote_last_and_answers_its_mail(
    bridge: Any, servers: Servers, root: Path
) -> None:
    servers.mailbox.add(letter("Are you free?"))
    bridge.fetch()
    path = put_reply(root, "odile", "Yes.\n.\nCaf\u00e9 at ten?")
    bridge.send()
    ((recipients, mail),) = servers.post.letters
    assert (recipients, mail["To"], mail["From"]) == ([ODILE], ODILE, USER)
    assert (mail["Subject"], mail["In-Reply-To"]) == ("Re: A question", "<1@example.org>")
    assert mail["Auto-Submitted"] == "auto-replied"
    said = mail.get_payload(decode=True)
    assert isinstance(said, bytes)
    assert said.decode().replace("\r", "").rstrip("\n") == "Yes.\n.\nCaf\u00e9 at ten?"
    assert not path.exists()


def test_a_header_of_the_mail_cannot_add_one_to_the_answer(
    bridge: Any, servers: Servers, root: Path
) -> None:
    servers.mailbox.add(
        b"From: odile@example.org\r\nMessage-ID: <a>\r\n\tBcc: stranger@example.org\r\n"
        b"Subject: =?utf-8?q?x=0D=0ABcc=3A_stranger=40example=2Eorg?=\r\n\r\nhello\r\n"
    )
    bridge.fetch()
    put_reply(root, "odile", "hello")
    bridge.send()
    ((recipients, mail),) = servers.post.letters
    assert (recipients, mail["Bcc"], mail["In-Reply-To"]) == ([ODILE], None, None)


def test_a_reply_that_is_refused_stays_and_the_others_are_sent(
    bridge: Any, servers: Servers, root: Path
) -> None:
    servers.mailbox.add(letter("hello"))
    servers.mailbox.add(letter("hello", PIP))
    bridge.fetch()
    servers.post.refused.add(ODILE)
    refused, sent = put_reply(root, "odile", "one"), put_reply(root, "pip", "two")
    with pytest.raises(OSError, match="1 of 2"):
        bridge.send()
    assert [to for to, _ in servers.post.letters] == [[PIP]]
    assert (refused.exists(), sent.exists()) == (True, False)


def test_a_reply_is_removed_only_after_the_server_has_accepted_it_and_again_it_is_the_same(
    bridge: Any, servers: Servers, root: Path
) -> None:
    servers.mailbox.add(letter("hello"))
    bridge.fetch()
    path = put_reply(root, "odile", "one")
    there: list[bool] = []
    servers.post.on_accepted = lambda: there.append(path.exists())
    bridge.send()
    put_reply(root, "odile", "one")
    bridge.send()
    first, second = (mail["Message-ID"] for _, mail in servers.post.letters)
    assert first == second
    assert not path.exists()


def test_nothing_is_sent_to_who_is_that_contact_no_more(
    bridge: Any, servers: Servers, root: Path
) -> None:
    servers.mailbox.add(letter("hello"))
    bridge.fetch()
    path = put_reply(root, "odile", "one")
    (root / "contacts.toml").write_text(f'[contacts.pip]\naliases = ["{ODILE}"]\n')
    with pytest.raises(OSError, match="1 of 1"):
        bridge.send()
    put_reply(root, "nobody", "two")
    with pytest.raises(OSError, match="2 of 2"):
        bridge.send()
    assert servers.post.letters == []
    assert path.exists()


# ---------------------------------------------------------------- an account


def test_without_tls_only_loopback_and_without_a_password_nothing(examples: Any) -> None:
    account = examples[1].Account
    kept = {"address": USER, "user": "", "password": PASSWORD, "imap": "127.0.0.1:1"}
    with pytest.raises(ValueError, match="without TLS"):
        account(**kept, smtp="smtp.example.org", is_plain=True)
    with pytest.raises(ValueError, match="EMAIL_PASSWORD"):
        account(**kept | {"password": ""}, smtp="127.0.0.1:1", is_plain=True)
    assert PASSWORD not in repr(account(**kept, smtp="127.0.0.1:1"))


def test_a_server_without_tls_is_not_talked_to(
    examples: Any, servers: Servers, bridge: Any
) -> None:
    account = examples[1].Account(
        address=USER, user="", password=PASSWORD, imap=servers.imap, smtp=servers.smtp
    )
    for connect in (account.mailbox, account.post):
        with pytest.raises(OSError, match="SSL"), connect():
            pass
    assert bridge
    assert servers.mailbox.said == []


# ---------------------------------------------------------------- the program


def run(root: Path, servers: Servers, double: OllamaDouble) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [
            *(sys.executable, str(EXAMPLES / "email_bridge.py"), str(root), "--address", USER),
            *("--imap", servers.imap, "--smtp", servers.smtp, "--plain-on-loopback"),
            *("--every", "0.1"),
        ],
        env=os.environ
        | {"EMAIL_PASSWORD": PASSWORD, "PRAG_EMBEDDER": "hashing", "OLLAMA_HOST": double.host},
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_until(held: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    give_up_at = time.monotonic() + PATIENCE_S
    while not held():
        assert time.monotonic() < give_up_at
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)


def test_a_mail_is_answered_by_mail_from_what_its_writer_may_read(
    servers: Servers, root: Path
) -> None:
    (root / "inbox").mkdir()
    servers.mailbox.add(letter("Do you know of a zebra?"))
    servers.mailbox.add(letter("Do you know of a zebra?", STRANGER))
    servers.mailbox.add(letter("Do you know of a zebra?", f"Pip <{PIP}>"))
    with OllamaDouble() as double, run(root, servers, double) as process:
        try:
            wait_until(lambda: len(servers.post.letters) == 2, process)
            (root / "inbox" / "a.json").write_text(
                json.dumps({"sender": "15550100001", "text": "om: hello"})
            )
            wait_until((root / "outbox" / "15550100001.txt").exists, process)
            process.send_signal(signal.SIGTERM)
            _, said = process.communicate(timeout=PATIENCE_S)
        finally:
            process.kill()
        prompts = {
            to[0]: prompt
            for (to, _), prompt in zip(
                sorted(servers.post.letters, key=lambda it: it[0]),
                sorted(
                    (it.rendered for it in double.chats if "zebra?" in it.rendered),
                    key=lambda it: "walrus parade" in it,
                ),
                strict=True,
            )
        }
    assert process.returncode == 0, said
    assert "zebra crossing" in prompts[ODILE]
    assert "walrus parade" not in prompts[ODILE]
    assert "zebra crossing" not in prompts[PIP]
    assert servers.mailbox.seen == {1, 3}
    assert list((root / ".email" / "outbox").glob("*.txt")) == []
    assert "left alone: mail 2" in said
    assert "Traceback" not in said


def test_a_bridge_that_is_killed_loses_no_mail_and_answers_it(servers: Servers, root: Path) -> None:
    servers.mailbox.add(letter("Do you know of a zebra?"))
    with OllamaDouble() as double:
        reached = threading.Event()

        def never() -> None:
            reached.set()
            threading.Event().wait()

        servers.mailbox.on_store = never
        with run(root, servers, double) as process:
            wait_until(reached.is_set, process)
            process.kill()
            process.communicate()
        assert servers.mailbox.seen == set()
        servers.mailbox.on_store = lambda: None
        with run(root, servers, double) as process:
            try:
                wait_until(lambda: servers.mailbox.seen == {1}, process)
                wait_until(lambda: bool(servers.post.letters), process)
                process.send_signal(signal.SIGTERM)
                process.communicate(timeout=PATIENCE_S)
            finally:
                process.kill()
    assert len(servers.post.letters) == 1
