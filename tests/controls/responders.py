"""Responders without a queue, and two mistakes.

The honest one keeps apart whom it answers, and that it passes the check is tested as well.
"""

import hashlib
import json
from pathlib import Path

from partitioned_rag import OMBox, View
from partitioned_rag.identity import phone_digits


class HonestResponder:
    """Answers what lies in the inbox, one message after another."""

    def __init__(self, root: Path, host: str) -> None:
        self.root = root
        self.box = OMBox(root, "hashing", ollama_host=host)

    def drain(self) -> None:
        for path in sorted((self.root / "inbox").glob("*.json")):
            try:
                message = dict(json.loads(path.read_bytes()))
                contact = phone_digits(message["sender"])
                said = str(message["text"])
            except (KeyError, RecursionError, TypeError, ValueError):
                continue
            if contact is None or not said.lower().startswith("om"):
                path.unlink()
            elif not (self.root / "outbox" / f"{contact}.txt").exists():
                (self.root / contact).mkdir(exist_ok=True)
                self.answer(contact, said[2:].lstrip(": "), path)
                path.unlink()

    def answer(self, contact: str, question: str, path: Path) -> None:
        reply = self.view(contact).reply(question)
        (self.root / "outbox" / f"{contact}.txt").write_text(reply.text)
        receipts = self.box.kept_for(contact) / "receipts"
        receipts.mkdir(parents=True, exist_ok=True)
        name = hashlib.sha256(path.name.encode()).hexdigest()[:24]
        receipt = self.receipt(question, reply.prompt.tokens)
        (receipts / f"{name}.json").write_text(json.dumps(receipt | {"timings": {}}))

    def view(self, contact: str) -> View:
        return self.box.view(contact)

    def receipt(self, question: str, tokens: int) -> dict[str, object]:
        return {"message": question, "tokens": tokens}

    def close(self) -> None:
        self.box.close()


class OneViewForAll(HonestResponder):
    """The mistake: a view is dear, so the first one that was made is kept."""

    kept: View | None = None

    def view(self, contact: str) -> View:
        self.kept = self.kept or super().view(contact)
        return self.kept


class ReceiptThatCountsOthers(HonestResponder):
    """The mistake: a receipt says how much was waiting, and does not ask whose."""

    def receipt(self, question: str, tokens: int) -> dict[str, object]:
        waiting = len(list((self.root / "inbox").glob("*.json")))
        return super().receipt(question, tokens) | {"waiting": waiting}
