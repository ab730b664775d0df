"""What is put together of a text costs memory in proportion to it, and little of it."""

import subprocess
import sys

MEASURE = """
import resource
from partitioned_rag.sources.composing import clean
text = "a" * (8 << 20)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
assert clean(text).replace("\\n", "") == text
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_an_endless_run_of_one_character_is_broken_in_little_memory() -> None:
    done = subprocess.run(
        [sys.executable, "-c", MEASURE], capture_output=True, text=True, timeout=120, check=True
    )
    kilobytes = int(done.stdout) // (1024 if sys.platform == "darwin" else 1)
    assert kilobytes < 100 << 10
