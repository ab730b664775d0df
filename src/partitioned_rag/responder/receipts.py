"""What a reply was made of: one JSON for each, in its contact's private folder.

Floor: street. Every key is spelt out here, so that renaming a field cannot break it.
"""

import json
from pathlib import Path
from typing import Final

from partitioned_rag.durable import make_private_folder, write_whole
from partitioned_rag.values import Hit, Omitted, Reply, Turn
from partitioned_rag.view import View

RECEIPTS: Final = "receipts"


def of_reply(reply: Reply, view: View, *, id: str, question: str) -> str:  # noqa: A002 — its key
    """Write the receipt of a reply.

    Args:
        reply: What the model said, with its prompt.
        view: Whom it was made for.
        id: Of the message.
        question: What was asked.
    """
    prompt = reply.prompt
    return _encode(
        {
            "id": id,
            "message": question,
            "audience": list(view.audience.contacts),
            "partitions": list(view.partitions),
            "packed": [*map(_span, prompt.hits), *map(_span, prompt.turns)],
            "omitted": [_span(each) | {"reason": str(each.reason)} for each in prompt.omitted],
            "tokens": prompt.tokens,
            "budget": prompt.budget,
            "window": prompt.window,
            "model": reply.model,
            "cut": reply.cut,
            "timings": {
                "first_words_s": reply.timings.first_words_s,
                "total_s": reply.timings.total_s,
                "asked": reply.timings.asked,
            },
            "outcome": "delivered",
        }
    )


def of_failure(*, id: str, question: str, contact: str, reason: str) -> str:  # noqa: A002 — its key
    """Write the receipt of a message that is not answered, with the reason."""
    return _encode(
        {
            "id": id,
            "message": question,
            "audience": [contact],
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
        OSError: It cannot be written.
    """
    make_private_folder(folder / RECEIPTS)
    write_whole(folder / RECEIPTS / f"{id}.json", receipt.encode())


def _span(each: Hit | Turn | Omitted) -> dict[str, object]:
    return {"source": each.source, "start": each.start, "end": each.end}


def _encode(shape: dict[str, object]) -> str:
    return json.dumps(shape, ensure_ascii=True, allow_nan=False) + "\n"
