"""What holds for every test: how many examples, a home of its own, and no network."""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# A hundred is what a promise is worth in `make test`; a test that costs more says how many it
# takes by `tests.strategies.examples`, which scales with the profile. Under `ci` the examples are
# the same on every machine and in every run; `thorough` draws new ones each time.
COMMON = settings(
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.register_profile("quick", parent=COMMON, max_examples=10, derandomize=True)
settings.register_profile("ci", parent=COMMON, max_examples=100, derandomize=True)
settings.register_profile("thorough", parent=COMMON, max_examples=2_000)
settings.load_profile("ci")

# Most of the time of a test that indexes goes into waiting for a disk; killing a process does not
# lose what a memory disk holds, so nothing is proved less. A small one, as containers have, is
# left alone.
MEMORY_DISK = Path("/dev/shm")  # noqa: S108
ROOM_BYTES = 2 << 30
if os.access(MEMORY_DISK, os.W_OK) and shutil.disk_usage(MEMORY_DISK).free > ROOM_BYTES:
    os.environ.setdefault("TMPDIR", str(MEMORY_DISK))
    tempfile.tempdir = os.environ["TMPDIR"]  # for this process, which has chosen already

LOOPBACK = ("127.0.0.1", "::1", "localhost")
OURS = ("PRAG_", "OLLAMA_", "HF_", "TRANSFORMERS_", "NO_COLOR")


def _stay_at_home(event: str, arguments: tuple[object, ...]) -> None:
    """Fail whatever would leave this machine: an audit hook sees every socket of Python's."""
    if event == "socket.getaddrinfo":
        host = arguments[0]
    elif event == "socket.connect" and isinstance(arguments[1], tuple):
        host = arguments[1][0]
    else:
        return
    if isinstance(host, bytes):
        host = host.decode("ascii", "replace")
    if host not in (*LOOPBACK, None, ""):
        raise RuntimeError(f"a test must not leave this machine, and asked for {host!r}")


sys.addaudithook(_stay_at_home)


@pytest.fixture(scope="session", autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An empty home, and an environment that says nothing about us."""
    folder = tmp_path_factory.mktemp("home")
    before = dict(os.environ)
    for name in before:
        if name.startswith(OURS):
            del os.environ[name]
    os.environ["HOME"] = str(folder)
    yield folder
    os.environ.clear()
    os.environ.update(before)
