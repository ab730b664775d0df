"""How precisely this machine computes vectors of chunks, told without loading anything.

Floor: edge; light. The precision is part of an embedder's version, and with it of every index: so
it has to be the same for every process on a machine, and must cost a search nothing.
"""

from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

FP32 = "fp32"
BF16 = "bf16"
_PROCESSOR = Path("/proc/cpuinfo")


def best_precision() -> str:
    """Choose bf16 where OpenVINO is installed and the processor is made for it, else fp32."""
    library = find_spec("openvino")
    # A mere folder of that name has no origin.
    if library is None or library.origin is None:
        return FP32
    try:
        with _PROCESSOR.open(encoding="ascii", errors="replace") as told:
            return BF16 if multiplies_bf16(told) else FP32
    # Not Linux.
    except OSError:
        return FP32


def multiplies_bf16(told: Iterable[str]) -> bool:
    """Say whether a processor multiplies matrices of bfloat16, which Intel calls AMX.

    One that only multiplies vectors of it gains nothing over fp32, and OpenVINO is reported to do
    it wrongly there (`docs/dependencies.md`).

    Args:
        told: The lines of `/proc/cpuinfo`; those of the first core are read.
    """
    flags = next((line for line in told if line.startswith("flags")), "")
    return "amx_bf16" in flags.split()
