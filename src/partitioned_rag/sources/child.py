"""The child process in which hostile files are read: `python -m partitioned_rag.sources.child`.

Floor: edge. Bytes come in by standard input, a document or a verdict goes out by standard output;
it opens no file of the OMBox and knows none. It limits itself before each file, prints nothing, and
ends when its parent does. Whatever kills it costs the one file that it was reading.

A request is two lengths, a JSON header and the file's bytes; an answer is two lengths, a JSON
header and the text in UTF-8. Only values travel.
"""

import contextlib
import json
import logging
import os
import resource
import struct
import sys
import warnings
from typing import BinaryIO, Final

from partitioned_rag.sources.raw import RawFile, Unreadable
from partitioned_rag.sources.registry import format_named, load, read_here
from partitioned_rag.values import Document

LENGTHS: Final = struct.Struct(">II")
"""Of the header and of what follows it, in bytes."""

HELLO: Final = b"ready\n"
"""Sent once, when all of our own modules are there: what fails later is a file's fault."""

MEMORY_BYTES: Final = 1024**3
"""What one file may cost beyond what the process has taken before it."""

OPEN_FILES: Final = 16

EXIT_OUT_OF_MEMORY: Final = 71
EXIT_NOT_INSTALLED: Final = 72


def cpu_seconds(file_bytes: int) -> int:
    """Say how long a file of a size may be worked on: 10 s, and 2 s more for each MiB.

    Real books of hundreds of pages are megabytes; bombs are small.
    """
    return 10 + 2 * (file_bytes >> 20)


def main() -> None:
    """Answer requests until the parent closes the pipe."""
    # What a library prints must not end up among our answers.
    answers = os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 1)
    os.dup2(nothing, 2)
    # A library's log would quote the file.
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    answers.write(HELLO)
    answers.flush()
    requests = sys.stdin.buffer
    while lengths := requests.read(LENGTHS.size):
        header_bytes, data_bytes = LENGTHS.unpack(lengths)
        header = json.loads(requests.read(header_bytes))
        raw = RawFile(path=header["path"], data=requests.read(data_bytes))
        _answer(answers, header["format"], raw)


def _answer(answers: BinaryIO, format_name: str, raw: RawFile) -> None:
    chosen = format_named(format_name)
    try:
        load(chosen)
    except ImportError:
        os._exit(EXIT_NOT_INSTALLED)
    _limit(len(raw.data))
    try:
        header, text = _as_values(read_here(chosen, raw))
    except Unreadable as verdict:
        header, text = (
            json.dumps({"reason": verdict.reason, "detail": verdict.detail}),
            b"",
        )
    except MemoryError:
        # What is left of the heap is no place to read on.
        os._exit(EXIT_OUT_OF_MEMORY)
    packed = header.encode("ascii")
    answers.write(LENGTHS.pack(len(packed), len(text)))
    answers.write(packed)
    answers.write(text)
    answers.flush()


def _as_values(document: Document) -> tuple[str, bytes]:
    segments = [
        (one.kind.value, one.start, one.end, one.group, one.page, one.speaker, one.said, one.day)
        for one in document.segments
    ]
    return json.dumps({"segments": segments}), document.text.encode()


def _limit(file_bytes: int) -> None:
    """Allow as much as one file may cost, on top of what the process has used so far."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    spent_s = int(used.ru_utime + used.ru_stime) + 1
    _lower(resource.RLIMIT_CPU, spent_s + cpu_seconds(file_bytes))
    _lower(resource.RLIMIT_AS, _mapped_bytes() + MEMORY_BYTES)
    _lower(resource.RLIMIT_CORE, 0)
    _lower(resource.RLIMIT_FSIZE, 0)
    _lower(resource.RLIMIT_NOFILE, OPEN_FILES)


def _lower(limit: int, value: int) -> None:
    """Set a soft limit; the hard one stays, since the next file sets its own."""
    hard = resource.getrlimit(limit)[1]
    # macOS knows some limits by name only.
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(
            limit, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard)
        )


def _mapped_bytes() -> int:
    try:
        with open("/proc/self/statm", "rb") as statm:  # noqa: PTH123 - the child loads no pathlib
            return int(statm.read().split()[0]) * resource.getpagesize()
    except OSError:
        return 0


if __name__ == "__main__":
    main()
