"""The real `prag`, run as a process of its own, and a small box to run it on."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

BINARY = Path(sys.executable).with_name("prag")
# Nobody waits so long for a test that works.
PATIENCE_S = 120
NO_OLLAMA = "http://127.0.0.1:1"
# `prag`, for `python -c`, with less time for a stop than any owner has.
HASTY = """
import sys
from partitioned_rag.cli import run
from partitioned_rag.cli.main import main
from partitioned_rag.responder import responder

responder.STOP_WITHIN_S = 0.2
run.GRACE_S = 0.2
main()
"""
FRIEND = "friend"
PHONE = "15550100001"

FILES: Mapping[str, str] = {
    "public/schedule.txt": "On Sunday the shop is open from ten to four.\n",
    "public/about.md": "# About\n\nI repair accordions and other free reeds.\n",
    f"{FRIEND}/chat.log": (
        "[2026-03-01 09:00:00] them: are you coming to the party on the roof on sunday?\n"
        "[2026-03-01 09:01:00] me: yes, I bring the lemon cake\n"
    ),
    f"{PHONE}/note.txt": "The spare key hangs behind the barrel on sunday.\n",
    "stray.txt": "This belongs to nobody.\n",
    "public/picture.png": "\x89PNG\r\n\x1a\n\x00\x00",
}


@dataclass(frozen=True, kw_only=True)
class Ran:
    """What came of one process."""

    code: int
    out: str
    err: str

    def failed(self, code: int) -> str:
        """Check what holds for every failure, and give what was said of it."""
        assert self.code == code, self
        assert self.out == ""
        assert self.err.startswith("error: ")
        assert "a bug in prag" not in self.err
        return self.err

    def json(self) -> dict[str, object]:
        """The result as the one object that it is."""
        assert self.code == 0, self.err
        found = json.loads(self.out)
        assert isinstance(found, dict)
        return found


@dataclass(frozen=True, kw_only=True)
class Prag:
    """Runs `prag` with an environment of its own, by way of another program if there is one."""

    env: Mapping[str, str]
    by_way_of: Sequence[str] = ()

    def __call__(self, *arguments: str | bytes, **env: str) -> Ran:
        done = subprocess.run(
            [*self.by_way_of, BINARY, *arguments],
            env=dict(self.env) | env,
            capture_output=True,
            timeout=PATIENCE_S,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        out, err = (raw.decode("utf-8", "surrogateescape") for raw in (done.stdout, done.stderr))
        assert "Traceback" not in err, err
        return Ran(code=done.returncode, out=out, err=err)


def write(folder: Path, files: Mapping[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode("latin-1" if name.endswith(".png") else "utf-8"))
    return folder
