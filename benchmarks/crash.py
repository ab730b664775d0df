"""How often does a killed `prag index` leave anything but what a fresh index would give?

`python benchmarks/crash.py [KILLS]`; 500 kills by default, some twenty minutes.
"""

import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from ratio import save

from tests.crash.harness import kill_again_and_again


def main() -> None:
    """Kill, compare, count."""
    kills = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    seed = time.time_ns() % 1_000_000
    counts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        for outcome in kill_again_and_again(Path(folder), seed=seed, kills=kills):
            counts["killed" if outcome.was_killed else "ended before"] += 1
            counts["rebuilt"] += outcome.rebuilt
            counts["different"] += bool(outcome.difference)
            if outcome.difference:
                print(outcome.difference, file=sys.stderr)
    save("crash", {"seed": seed} | {name: counts[name] for name in sorted(counts)})


if __name__ == "__main__":
    main()
