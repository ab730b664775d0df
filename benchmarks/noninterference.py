"""In how many pairs of worlds does a neighbour change what an audience sees?

`python benchmarks/noninterference.py [PAIRS]`; 1,000 new pairs by default, half of them indexed at
once and half through scripts of edits. Stops at the first difference.
"""

import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from hypothesis import HealthCheck, Phase, given, settings
from ratio import save

from tests.properties.engines import RealEngine
from tests.properties.noninterference import check_noninterference
from tests.strategies import Pair, sentences, stories_equal_for, worlds_equal_for

FRIEND = "friend"


def main() -> None:
    """Draw, compare, count."""
    pairs = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000
    counts: Counter[str] = Counter()
    drawn = settings(
        max_examples=pairs // 2,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )

    @drawn
    @given(worlds_equal_for(FRIEND), sentences())
    def at_once(pair: Pair, question: str) -> None:
        check_noninterference(RealEngine, *pair, contacts=[FRIEND], question=question)
        counts["equal, indexed at once"] += 1

    @drawn
    @given(stories_equal_for(FRIEND), sentences())
    def by_edits(pair: Pair, question: str) -> None:
        check_noninterference(RealEngine, *pair, contacts=[FRIEND], question=question)
        counts["equal, through edits"] += 1

    at_once()
    by_edits()
    save("noninterference", dict(counts) | {"different": 0})


if __name__ == "__main__":
    main()
