"""The parent's side of the child process in which hostile files are read.

Floor: edge. Starts the child, speaks with it, and turns each way in which it can die into a verdict
about the file that killed it. Trusts nothing that comes back.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from selectors import EVENT_READ, EVENT_WRITE, DefaultSelector
from typing import IO, Final, NoReturn

from partitioned_rag.errors import WorkError
from partitioned_rag.sources.child import (
    EXIT_NOT_INSTALLED,
    EXIT_OUT_OF_MEMORY,
    HELLO,
    LENGTHS,
    cpu_seconds,
)
from partitioned_rag.sources.raw import (
    MAX_SEGMENTS,
    MAX_TEXT_CHARS,
    RawFile,
    Unreadable,
)
from partitioned_rag.values import Document, Segment, SegmentKind, SkipReason

WALL_SECONDS_PER_CPU_SECOND: Final = 6.0
"""For a file that waits instead of working, on a machine that is busy with other things."""

_START_S: Final = 60.0
_MAX_TEXT_BYTES: Final = 4 * MAX_TEXT_CHARS
_MAX_HEADER_BYTES: Final = 80 * MAX_SEGMENTS
_CHUNK_BYTES: Final = 1 << 18


class _DeathError(Exception):
    """The child did not answer; `verdict` says what that means for the file."""

    def __init__(self, reason: SkipReason, detail: str) -> None:
        super().__init__(reason, detail)
        self.verdict = Unreadable(reason, detail)


class IsolatedReader:
    """Reads files in a child process of its own, one after the other.

    This process may do other things meanwhile, between `begin` and what that returns.

    Not to be shared by threads. The child is started with the first file, and anew after each that
    it did not survive.
    """

    def __init__(self, *, wall_seconds_per_cpu_second: float = WALL_SECONDS_PER_CPU_SECOND) -> None:
        self._patience = wall_seconds_per_cpu_second
        self._child: subprocess.Popen[bytes] | None = None
        self._is_fresh = True
        self._is_asked = False

    @property
    def pid(self) -> int | None:
        """Process id of the child that waits for the next file, if there is one."""
        return self._child.pid if self._child else None

    def read(self, format_name: str, raw: RawFile) -> Document:
        """Read a file.

        Args:
            format_name: Of the registry.
            raw: Its bytes.

        Raises:
            Unreadable: There is no document in it, or it was too much for the child.
            WorkError: The child cannot be started.
        """
        return self.begin(format_name, raw)()

    def begin(self, format_name: str, raw: RawFile) -> Callable[[], Document]:
        """Give a file to the child.

        Args:
            format_name: Of the registry.
            raw: Its bytes.

        Returns:
            Waits for the document, and raises what `read` raises. To be called before the next file
            is begun: a child that was not asked for its answer is ended then.

        Raises:
            WorkError: The child cannot be started.
        """
        self._start()
        was_fresh = self._is_fresh
        self._ask(format_name, raw)

        def document() -> Document:
            try:
                return self._answer(raw)
            except _DeathError as death:
                if was_fresh:
                    raise death.verdict from None
            # A child that has read other files may have died of those: what becomes of a file must
            # not depend on its neighbours. The next one is fresh.
            return self.begin(format_name, raw)()

        return document

    def close(self) -> None:
        """End the child; harmless when there is none."""
        child, self._child = self._child, None
        self._is_asked = False
        if child is None:
            return
        child.kill()
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                pipe.close()
        child.wait()

    def _start(self) -> None:
        """Start a child unless one waits.

        `subprocess` spawns, it does not fork: what this process holds open or in memory stays here.
        """
        if self._is_asked:
            # Its answer would be taken for that of the next file.
            self.close()
        if self._child is not None:
            return
        try:
            # -P: a `pypdf.py` in the current folder is not to be taken for the real one. -B: the
            # child may not write files. A session of its own: Ctrl-C is for the parent to handle.
            self._child = subprocess.Popen(
                [sys.executable, "-P", "-B", "-m", "partitioned_rag.sources.child"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
                cwd="/",
                env=_environment(),
                start_new_session=True,
            )
        except OSError as error:
            raise _cannot_start() from error
        self._is_fresh = True
        for pipe in (self._child.stdin, self._child.stdout):
            if pipe is not None:
                os.set_blocking(pipe.fileno(), False)
        try:
            hello = self._receive(_START_S, enough=lambda got: len(got) >= len(HELLO))
        except _DeathError as death:
            raise _cannot_start() from death
        if hello != HELLO:
            self.close()
            raise _cannot_start()

    def _ask(self, format_name: str, raw: RawFile) -> None:
        """Send a request; a child that does not take it in time is ended.

        It takes a file whole before it begins to read it, so that this never waits for long.
        """
        header = json.dumps({"format": format_name, "path": raw.path}).encode("ascii")
        unsent = memoryview(LENGTHS.pack(len(header), len(raw.data)) + header + raw.data)
        deadline = time.monotonic() + self._wall_s(raw)
        self._is_asked = True
        with suppress(_DeathError), self._pipes() as (_, stdin, _), DefaultSelector() as selector:
            selector.register(stdin, EVENT_WRITE)
            while unsent:
                _wait(selector, deadline)
                unsent = unsent[_sent(stdin.fileno(), unsent) :]

    def _answer(self, raw: RawFile) -> Document:
        answer = self._receive(self._wall_s(raw), enough=_is_whole)
        self._is_fresh = self._is_asked = False
        try:
            return _document(answer, raw.path)
        except (ValueError, KeyError, TypeError, RecursionError):
            self.close()
            raise _DeathError(SkipReason.CORRUPT, "made its reader answer nonsense") from None

    def _wall_s(self, raw: RawFile) -> float:
        """Say how long a file is waited for, and how long until it is taken."""
        return self._patience * cpu_seconds(len(raw.data))

    def _receive(self, wall_s: float, *, enough: Callable[[bytearray], bool]) -> bytes:
        deadline = time.monotonic() + wall_s
        received = bytearray()
        with self._pipes() as (child, _, stdout), DefaultSelector() as selector:
            selector.register(stdout, EVENT_READ)
            while not enough(received):
                _wait(selector, deadline)
                if data := os.read(stdout.fileno(), _CHUNK_BYTES):
                    received += data
                else:
                    _mourn(child)
        return bytes(received)

    @contextmanager
    def _pipes(self) -> Iterator[tuple[subprocess.Popen[bytes], IO[bytes], IO[bytes]]]:
        """Give the child, what it listens to, and what it answers by.

        Whatever goes wrong meanwhile, an interrupt included, ends the child: half an answer must
        never be taken for the beginning of the next, nor a whole one for another file's.

        Raises:
            _DeathError: There is no child any more, since it did not take what it was to read.
        """
        child = self._child
        if child is None or child.stdin is None or child.stdout is None:
            raise _too_long()
        try:
            yield child, child.stdin, child.stdout
        except BaseException:
            self.close()
            raise


def _wait(selector: DefaultSelector, deadline: float) -> None:
    if not selector.select(max(0.0, deadline - time.monotonic())):
        raise _too_long()


def _too_long() -> _DeathError:
    return _DeathError(SkipReason.TIMEOUT, "took its reader too long")


def _sent(descriptor: int, data: memoryview) -> int:
    """Send what the pipe takes; all of it, so to speak, if nobody listens any more."""
    try:
        return os.write(descriptor, data[:_CHUNK_BYTES])
    except BlockingIOError:
        return 0
    except BrokenPipeError:
        return len(data)


def _is_whole(received: bytearray) -> bool:
    if len(received) < LENGTHS.size:
        return False
    header_bytes, text_bytes = LENGTHS.unpack_from(received)
    if header_bytes > _MAX_HEADER_BYTES or text_bytes > _MAX_TEXT_BYTES:
        raise _DeathError(SkipReason.TOO_LARGE, "unfolds to more text than a file may hold")
    return bool(len(received) >= LENGTHS.size + header_bytes + text_bytes)


def _mourn(child: subprocess.Popen[bytes]) -> NoReturn:
    """Say what a child's death means for the file that it was reading."""
    try:
        code = child.wait(timeout=_START_S)
    except subprocess.TimeoutExpired:
        code = 0
    if code == -signal.SIGXCPU:
        raise _too_long()
    if code == -signal.SIGKILL:
        # Not by us. Where memory is short, the system takes it from whom it finds: that says
        # nothing of this file, which is tried again when there is time.
        raise _DeathError(SkipReason.TIMEOUT, "had its reader killed, as where memory is short")
    if code == EXIT_OUT_OF_MEMORY:
        raise _DeathError(SkipReason.TOO_LARGE, "takes too much memory to read")
    if code == EXIT_NOT_INSTALLED:
        raise WorkError(
            "a library that reads files is missing", fix="install partitioned-rag again"
        )
    raise _DeathError(SkipReason.CORRUPT, "made its reader fail")


def _document(answer: bytes, path: str) -> Document:
    """Take an answer apart, as if a stranger had written it.

    Raises:
        Unreadable: It is a verdict.
        ValueError, KeyError, TypeError, RecursionError: It is nonsense.
    """
    header_bytes, _ = LENGTHS.unpack_from(answer)
    split = LENGTHS.size + header_bytes
    header = json.loads(answer[LENGTHS.size : split])
    if "reason" in header:
        raise Unreadable(SkipReason(header["reason"]), str(header["detail"]))
    text = answer[split:].decode()
    segments = []
    last_end = last_group = 0
    for kind, start, end, group, page, speaker, said, day in header["segments"]:
        if not (last_end <= start < end <= len(text) and last_group <= group):
            raise ValueError("segments out of order")
        segments.append(
            Segment(
                kind=SegmentKind(kind),
                start=start,
                end=end,
                group=group,
                page=page,
                speaker=str(speaker),
                said=int(said),
                day=str(day),
            )
        )
        last_end, last_group = end, group
    if not segments:
        raise ValueError("no segments")
    return Document(path=path, text=text, segments=tuple(segments))


def _environment() -> dict[str, str]:
    """Give the child what it needs to find the same modules as we do, and nothing else."""
    places = [place for place in sys.path if Path(place).is_absolute()]
    return {
        "PYTHONPATH": os.pathsep.join(places),
        "PYTHONHASHSEED": "0",
        "PYTHONUTF8": "1",
    }


def _cannot_start() -> WorkError:
    return WorkError(
        "the process that reads files cannot be started",
        where=sys.executable,
        fix="check that this Python runs and that memory and processes are not used up",
    )
