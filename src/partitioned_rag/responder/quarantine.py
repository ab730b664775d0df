"""Files of the inbox that are no messages, kept for the owner with the reason.

Floor: street. Each gets a folder of its own, so that two of one name are both kept.
"""

import errno
import shutil
import time
from pathlib import Path

from partitioned_rag.durable import PRIVATE_FILE, make_private_folder, write_whole

REASON = "reason.txt"


def put_away(path: Path, folder: Path, *, reason: str) -> None:
    """Move a file out of the inbox; never removes one that it has not kept.

    Args:
        path: A regular file.
        folder: Of all that is in quarantine.
        reason: A sentence for the owner.

    Raises:
        OSError: It cannot be moved.
    """
    kept = folder / f"{time.time_ns()}-{path.stat(follow_symlinks=False).st_ino}"
    make_private_folder(kept)
    write_whole(kept / REASON, f"{reason}\n".encode())
    target = kept / path.name
    try:
        path.rename(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        shutil.copyfile(path, target, follow_symlinks=False)
        path.unlink()
    target.chmod(PRIVATE_FILE)
