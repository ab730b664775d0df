"""How often is a file quoted that was deleted a moment ago?

`python benchmarks/deletion.py [TRIALS]`; 1,000 by default. In every other trial the next
thing asked is a search, in the others a prompt.
"""

import random
import sys
import tempfile
from collections import Counter
from pathlib import Path

from invented import sentence
from ratio import save

from partitioned_rag import OMBox

FILES = 30


def main() -> None:
    """Write, find, delete, ask."""
    trials = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000
    rng = random.Random(8)
    counts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        box = Path(folder) / "OMBox"
        for partition in ("public", "friend"):
            (box / partition).mkdir(parents=True)
            for number in range(FILES):
                (box / partition / f"{number}.txt").write_text(sentence(rng))
        with OMBox(box, "hashing") as opened:
            view = opened.view("friend")
            for trial in range(trials):
                path = box / rng.choice(("public", "friend")) / f"{rng.randrange(FILES)}.txt"
                words, token = sentence(rng), f"{trial}x{rng.randrange(10**9)}"
                path.write_text(f"{words} {token}.")
                is_found = any(token in hit.text for hit in view.search(words))
                counts["found while it was there"] += is_found
                path.unlink()
                if trial % 2:
                    quoted = any(token in hit.text for hit in view.search(words))
                else:
                    quoted = any(token in each.content for each in view.prompt(words).messages)
                counts["quoted after it was deleted"] += quoted
    save("deletion", {"trials": trials} | {name: counts[name] for name in sorted(counts)})


if __name__ == "__main__":
    main()
