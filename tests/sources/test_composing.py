"""What is put together of a text costs memory in proportion to it, and little of it."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partitioned_rag.sources.composing import MAX_RUN_CHARS, clean

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


@pytest.mark.parametrize("more", [0, 1, 2])
@given(before=st.integers(0, MAX_RUN_CHARS))
def test_only_a_run_that_is_too_long_is_broken_wherever_it_begins(more: int, before: int) -> None:
    text = "ab" * (before // 2) + "b" * (before % 2) + "x" * (MAX_RUN_CHARS + more) + "end"
    whole, rest = "x" * MAX_RUN_CHARS, "x" * more
    assert clean(text) == text.replace(whole + rest, f"{whole}\n{rest}" if more else whole)
