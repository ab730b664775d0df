"""Where chunks can be embedded in bfloat16."""

from importlib.util import find_spec
from pathlib import Path

import pytest

from partitioned_rag.embedding.runtimes import multiplies_bf16

PROCESSOR = Path("/proc/cpuinfo")
HAS_AMX = PROCESSOR.exists() and multiplies_bf16(PROCESSOR.read_text().splitlines())

needs_bf16 = pytest.mark.skipif(
    not (HAS_AMX and find_spec("openvino")), reason="needs OpenVINO, and a processor with AMX"
)
needs_amx = pytest.mark.skipif(not HAS_AMX, reason="needs a processor with AMX")
