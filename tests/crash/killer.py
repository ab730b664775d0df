"""Runs `prag` and ends it with SIGKILL right after its n-th durable step.

`python killer.py N ARGUMENTS…`, in a process of its own. A step is what outlives the process: a
flush, a rename, a removal or a new folder of the standard library, a commit of SQLite, vectors
added to Chroma or deleted from it. How Chroma writes them goes past Python; random instants cover
that.
"""

import os
import signal
import sqlite3
import sys
from collections.abc import Callable
from typing import Any

STEPS = ("fsync", "mkdir", "rename", "replace", "rmdir", "unlink")


class Countdown:
    """Ends this process when so many steps have been taken."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def step(self) -> None:
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def counting(self, durable: Callable[..., Any]) -> Callable[..., Any]:
        def done(*arguments: Any, **options: Any) -> Any:
            result = durable(*arguments, **options)
            self.step()
            return result

        return done


def main() -> None:
    countdown = Countdown(int(sys.argv[1]))

    class Connection(sqlite3.Connection):
        def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
            cursor = super().execute(sql, *parameters)
            if sql.startswith("COMMIT"):
                countdown.step()
            return cursor

        def executescript(self, sql: str) -> sqlite3.Cursor:
            cursor = super().executescript(sql)
            countdown.step()
            return cursor

    connect = sqlite3.connect

    def counted(*arguments: Any, **options: Any) -> sqlite3.Connection:
        made = connect(*arguments, **{"factory": Connection} | options)
        assert isinstance(made, Connection)
        return made

    from chromadb.api.models.Collection import Collection  # noqa: PLC0415 — before any step counts

    from partitioned_rag.cli.main import main as prag  # noqa: PLC0415 — before any step counts

    for name in STEPS:
        setattr(os, name, countdown.counting(getattr(os, name)))
    for name in ("add", "delete"):
        setattr(Collection, name, countdown.counting(getattr(Collection, name)))
    vars(sqlite3)["connect"] = counted
    sys.argv = ["prag", *sys.argv[2:]]
    prag()


if __name__ == "__main__":
    main()
