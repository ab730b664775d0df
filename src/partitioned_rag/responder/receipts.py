"""What a reply was made of: one JSON for each, in its contact's private folder.

Floor: street. Every key is spelt out here, so that renaming a field cannot break it.
"""

import json
import time
from pathlib import Path
from typing import Final

from partitioned_rag.durable import make_private_folder, write_whole
from partitioned_rag.errors import StoreError
from partitioned_rag.responder.queue import Queued
from partitioned_rag.values import Hit, Omitted, Reply, Summary, Turn
from partitioned_rag.view import View

RECEIPTS: Final = "receipts"


def of_reply(reply: Reply, view: View, message: Queued) -> str:
    """Write the receipt of a reply.

    Args:
        reply: What the model said, with its prompt.
        view: Whom it was made for.
        message: What it answers.
    """
    prompt = reply.prompt
    now = time.time()
    return _encode(
        {
            "id": message.id,
            "exchange": message.exchange,
            "sender": message.sender,
            "message": message.said,
            "question": message.question,
            "audience": list(view.audience.contacts),
            "partitions": list(view.partitions),
            "packed": [
                *map(_span, prompt.hits),
                *map(_span, prompt.turns),
                *map(_span, prompt.summaries),
            ],
            "omitted": [_span(each) | {"reason": str(each.reason)} for each in prompt.omitted],
            "tokens": prompt.tokens,
            "budget": prompt.budget,
            "window": prompt.window,
            "count": str(prompt.count),
            "model": reply.model,
            "digest": reply.digest,
            "cut": reply.cut,
            "timings": {
                "at": now,
                "waited_s": max(0.0, now - message.arrived_at - reply.timings.total_s),
                "first_words_s": reply.timings.first_words_s,
                "total_s": reply.timings.total_s,
                "asked": reply.timings.asked,
            },
            "outcome": "delivered",
            "reason": "",
        }
    )


def of_notice(message: Queued, contact: str, reason: str) -> str:
    """Write the receipt of a word of ours that nobody asked for, with why it was said."""
    return _encode(
        {
            "id": message.id,
            "exchange": message.exchange,
            "sender": message.sender,
            "message": "",
            "question": "",
            "audience": [contact],
            "timings": {"at": time.time()},
            "outcome": "delivered",
            "reason": reason,
        }
    )


def of_failure(message: Queued, contact: str, reason: str) -> str:
    """Write the receipt of a message that is not answered, with the reason."""
    return _encode(
        {
            "id": message.id,
            "exchange": message.exchange,
            "sender": message.sender,
            "message": message.said,
            "question": message.question,
            "audience": [contact],
            "timings": {"at": time.time()},
            "outcome": "failed",
            "reason": reason,
        }
    )


def keep(folder: Path, id: str, receipt: str) -> None:  # noqa: A002 — the message's
    """Keep a receipt; the same again changes nothing.

    Args:
        folder: What is kept for the contact.
        id: Of the message.
        receipt: As one of the above.

    Raises:
        StoreError: It cannot be written.
    """
    path = folder / RECEIPTS / f"{id}.json"
    try:
        make_private_folder(path.parent)
        write_whole(path, receipt.encode())
    except OSError as error:
        raise StoreError(
            f"a receipt cannot be written: {error.strerror}",
            where=str(path.parent),
            fix="make room, and see that the folder can be written",
        ) from error


def _span(each: Hit | Turn | Summary | Omitted) -> dict[str, object]:
    return {"source": each.source, "start": each.start, "end": each.end}


def _encode(shape: dict[str, object]) -> str:
    return json.dumps(shape, ensure_ascii=True, allow_nan=False) + "\n"
