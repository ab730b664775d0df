"""Files of the inbox that are no messages, kept for the owner with the reason.

Floor: street. Each gets a folder of its own, so that two of one name are both kept.
"""

import contextlib
import errno
import os
import shutil
import time
from pathlib import Path

from partitioned_rag.durable import PRIVATE_FILE, make_private_folder, write_whole
from partitioned_rag.responder.inbox import SUFFIX

FOLDER = "quarantine"
"""In the folder of the index."""

REASON = "reason.txt"


def put_away(path: Path, folder: Path, *, reason: str) -> None:
    """Move a file out of the inbox; never removes one that it has not kept.

    Args:
        path: A regular file.
        folder: Of all that is in quarantine.
        reason: A sentence for the owner.

    Raises:
        OSError: It cannot be moved; it lies where it lay, and nothing was left in quarantine.
    """
    kept = folder / f"{time.time_ns()}-{path.stat(follow_symlinks=False).st_ino}"
    target = kept / path.name
    try:
        make_private_folder(kept)
        write_whole(kept / REASON, f"{reason}\n".encode())
        try:
            path.rename(target)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            shutil.copyfile(path, target, follow_symlinks=False)
            path.unlink()
    except OSError:
        if os.path.lexists(path):
            shutil.rmtree(kept, ignore_errors=True)
            with contextlib.suppress(OSError):
                folder.rmdir()  # if it was made for this one
        raise
    target.chmod(PRIVATE_FILE)


def count(folder: Path) -> int:
    """Say how many files are kept; of a move that a crash cut short there is none.

    Args:
        folder: Of all that is in quarantine; need not be there.

    Raises:
        OSError: It cannot be listed.
    """
    return len({path.parent for path in folder.glob(f"*/*{SUFFIX}")})
