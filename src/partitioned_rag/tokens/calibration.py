"""Learns from a server's counts of fixed texts how it counts, where more cannot be known.

Pure: it is given a function that asks. The texts are these and no others: what a contact wrote
or got teaches nothing, since that would let one contact's traffic change another's prompt.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from partitioned_rag.values import Message, Role

Ask = Callable[[Sequence[Message]], int | None]

MARGIN: Final = 0.05
"""What is put on top of a calibrated count whose tokenizer is known."""

RATIO_MARGIN: Final = 0.15
"""The same, where the tokenizer is estimated as well."""

LEAST_RATIO: Final = 0.5
"""A server that counts fewer of the estimate's tokens has left out what it had in its cache."""

# Each begins in a way of its own, so that no two share more than the template in a server's cache.
TEXTS: Final = (
    "1. Are you free on Thursday? The ferry leaves at 9:40, be there by half past. Rain later.",
    "2) ok!! 👍 see u there 😊 the code is 4711-KX9, ask for Zoë or 美咲 (room №12), přijdu v 18h.",
    "def total(rows: list[Row]) -> int:\n    return sum(r['price'] * r['n'] for r in rows)  # 1,23",
    "Das Café öffnet um acht. Il faut réserver une table près de la fenêtre. Мы придём вечером.",
    "5: 明日の午後三時に駅で会いましょう。 내일 오후에 만나요. نلتقي غدا في المحطة.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """How a server's counts follow from ours.

    Attributes:
        per_message_tokens: What the template adds to a message, at most; once more for the whole.
        ratio: The server's tokens for one of ours, at most; 1 where the tokenizer is known.
    """

    per_message_tokens: int
    ratio: float

    def cost(self, counts: Sequence[int], *, margin: float) -> int:
        """Say what a prompt costs whose contents count so much."""
        overhead = self.per_message_tokens * (len(counts) + 1)
        return math.ceil((sum(counts) * self.ratio + overhead) * (1 + margin))


def calibrate(ask: Ask, count: Callable[[str], int], *, is_exact: bool) -> Calibration | None:
    """Compare a server's counts of the fixed texts with ours.

    Args:
        ask: Has the server count a prompt; None if it does not say.
        count: Ours, of a text by itself.
        is_exact: Whether ours are the server's own tokens.

    Returns:
        None if the server does not say, or says what cannot be.

    Raises:
        OllamaError: As `ask`.
    """
    overheads: list[float] = []
    ratios: list[float] = []
    for probe in _probes():
        said = ask(probe)
        ours = sum(count(message.content) for message in probe)
        if said is None or said < LEAST_RATIO * ours or (is_exact and said < ours):
            return None
        if is_exact:
            overheads.append((said - ours) / (len(probe) + 1))
        elif len(probe[0].content) > 1:
            ratios.append(said / ours)
        else:
            overheads.append(said / (len(probe) + 1))
    return Calibration(per_message_tokens=math.ceil(max(overheads)), ratio=max(ratios, default=1.0))


def _probes() -> list[list[Message]]:
    """Short ones show what the template adds, long ones what the texts count."""
    shapes = [(Role.SYSTEM, Role.USER), (Role.SYSTEM, Role.USER, Role.ASSISTANT, Role.USER)]
    short = [
        [Message(role=role, content=letter) for role in shape]
        for shape, letter in zip(shapes, "ab", strict=True)
    ]
    long = [
        [
            Message(role=role, content=TEXTS[(first + at) % len(TEXTS)])
            for at, role in enumerate(shape)
        ]
        for first, shape in enumerate(shapes * 2)
    ]
    return short + long
