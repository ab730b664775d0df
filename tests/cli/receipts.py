"""Receipts as a responder keeps them, put where it keeps them."""

import json
from pathlib import Path

ID = "0123456789abcdef01234567"
OTHER_ID = "fedcba9876543210fedcba98"
AT = 1_772_366_400.0  # 2026-03-01 12:00 UTC

Shape = dict[str, object]


def delivered(id: str = ID, **changes: object) -> Shape:  # noqa: A002 — its key
    return {
        "id": id,
        "sender": "+1 555 010 0001",
        "message": "om: are you free on sunday?",
        "question": "are you free on sunday?",
        "audience": ["15550100001"],
        "partitions": ["public", "15550100001"],
        "packed": [
            {"source": "public/schedule.txt", "start": 0, "end": 20},
            {"source": "public/schedule.txt", "start": 30, "end": 44},
            {"source": "15550100001/note.txt", "start": 0, "end": 10},
        ],
        "omitted": [],
        "tokens": 300,
        "budget": 3584,
        "window": 4096,
        "count": "exact",
        "model": "gemma4",
        "digest": "sha256:00",
        "cut": False,
        "timings": {
            "at": AT,
            "waited_s": 0.1,
            "first_words_s": 0.5,
            "total_s": 3.25,
            "asked": 1,
        },
        "outcome": "delivered",
        "reason": "",
    } | changes


def failed(id: str = OTHER_ID, **changes: object) -> Shape:  # noqa: A002 — its key
    return {
        "id": id,
        "sender": "15550100001",
        "message": "om what is the tide?",
        "question": "what is the tide?",
        "audience": ["15550100001"],
        "timings": {"at": AT + 60},
        "outcome": "failed",
        "reason": "it is too old to be answered",
    } | changes


def keep(box: Path, contact: str, shape: Shape) -> Path:
    folder = box / ".prag" / "partitions" / contact / "receipts"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{shape['id']}.json"
    beside = path.with_suffix(".new")
    beside.write_text(json.dumps(shape) + "\n")
    beside.replace(path)
    return path
