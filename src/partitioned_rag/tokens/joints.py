"""What merging can come to: which joints it makes, and what the last step to each of them costs.

Floor: edge, pure. Two facts about merging, of which the cheapest pair goes first, are used here.

What it does within a stretch of a word, while nothing is joined across the ends, it does to that
stretch alone. So where two neighbours stand whose joint is J, the letters of J alone come to those
two: each J comes about in one way, whatever the word, and one cost by its joint says as much as the
costs of all pairs. Which joints there are, and by which way, lies in the vocabulary alone.

And J comes about from two sides that come about themselves if, while they do, nothing is joined
across: of all steps the last undone first, one looks whether a joint across was cheaper.
"""

import math
from collections.abc import Iterator, Mapping

from partitioned_rag.tokens.merging import merge

Way = tuple[float, int]
"""How a joint comes about: what the last step costs, and how long its left side is."""


def joints(costs: Mapping[str, float], *, glue: str) -> Mapping[str, float]:
    """Find all joints that merging makes, with the cost of the last step to each.

    By these costs, and no glue, `merge` does to every word what it does by the given ones.

    Args:
        costs: By `left + glue + right`, as `merge` takes them.
        glue: As `merge` takes it.

    >>> joints({"a b": 0, "b c": 1, "a bc": 2, "ab d": 3}, glue=" ")
    {'ab': 0, 'bc': 1, 'abd': 3}
    """
    study = _Study(costs, glue)
    others: dict[str, None] = {}
    for left, right, cost in _ways(costs, glue):
        joint = left + right
        if joint not in study.ways:
            if study.comes_about(left, right, cost):
                study.ways[joint] = cost, len(left)
            else:
                others[joint] = None
    made = {joint: cost for joint, (cost, _) in study.ways.items()}
    remaining = dict(costs)
    for joint in others:
        # Nearly all of them never come about. The few that do take a dear step before a cheap one.
        if joint not in made and (last := _last_cost(joint, remaining, glue)) is not None:
            made[joint] = last
    return made


def _ways(costs: Mapping[str, float], glue: str) -> Iterator[tuple[str, str, float]]:
    """Give all pairs of sides, short ones first, so that sides come before what they make."""
    for key in sorted(costs, key=len):
        cost = costs[key]
        if glue:
            left, _, right = key.partition(glue)
            if left and right and glue not in right:
                yield left, right, cost
        else:
            for cut in range(1, len(key)):
                yield key[:cut], key[cut:], cost


class _Study:
    """What is known so far of joints that come about by steps that get ever dearer."""

    def __init__(self, costs: Mapping[str, float], glue: str) -> None:
        self.ways: dict[str, Way] = {}
        self._costs, self._glue = costs, glue

    def comes_about(self, left: str, right: str, cost: float) -> bool:
        """Say whether the letters of both sides come to them, and each step costs more."""
        ways = self.ways
        a, b = ways.get(left), ways.get(right)  # none for a letter
        if (a is None and len(left) > 1) or (b is None and len(right) > 1):
            return False
        if (a is not None and a[0] >= cost) or (b is not None and b[0] >= cost):
            return False
        while a is not None or b is not None:
            # Of steps of one cost the leftmost goes first, so that it is undone last.
            if a is not None and (b is None or a[0] > b[0]):
                limit, left, goes_first = a[0], left[a[1] :], False
                a = ways.get(left)
            elif b is not None:
                limit, right, goes_first = b[0], right[: b[1]], True
                b = ways.get(right)
            across = self._costs.get(f"{left}{self._glue}{right}", math.inf)
            if across < limit or (goes_first and across == limit):
                return False
        return True


def _last_cost(joint: str, costs: dict[str, float], glue: str) -> float | None:
    """Merge its letters: give the cost of the last step, None if they do not come to it."""
    keys = [f"{joint[:cut]}{glue}{joint[cut:]}" for cut in range(1, len(joint))]
    own = {key: costs.pop(key) for key in keys if key in costs}
    sides = merge(list(joint), costs, glue=glue)
    costs.update(own)
    return own.get(glue.join(sides)) if len(sides) == len("ab") else None
