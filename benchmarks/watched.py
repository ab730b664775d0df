"""What another process costs, as Linux tells it."""

import os
from dataclasses import dataclass
from pathlib import Path

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Cost:
    """What a process has used so far, and holds now."""

    cpu_s: float
    megabytes: float
    handles: int
    threads: int


def cost(pid: int) -> Cost:
    """Look at a process.

    Args:
        pid: Of a process that runs.
    """
    process = Path("/proc") / str(pid)
    # Behind the name, which may hold anything: utime and stime are the 12th and 13th from there.
    fields = (process / "stat").read_text().rpartition(")")[2].split()
    pages = int((process / "statm").read_text().split()[1])
    return Cost(
        cpu_s=(int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"),
        megabytes=pages * os.sysconf("SC_PAGE_SIZE") / MIB,
        handles=len(list((process / "fd").iterdir())),
        threads=int(fields[17]),
    )
