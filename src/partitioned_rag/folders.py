"""What lies immediately in a box: the folders that are partitions, and what belongs to none.

Floor: edge. Looks at names and kinds alone, opens nothing and follows no link.
"""

import os
from pathlib import Path
from typing import Final

from partitioned_rag.contacts import FILE as CONTACTS
from partitioned_rag.errors import BoxError
from partitioned_rag.identity import Survey, survey
from partitioned_rag.values import Skip, SkipReason

LINK: Final = "it is a link: a partition must be a folder of its own"
ROOT_FILE: Final = "it lies in no partition: move it into public/ or into a contact's folder"


def look_into(box: Path) -> tuple[Survey, tuple[Skip, ...]]:
    """Look at the immediate content of a box, as it is now.

    Args:
        box: Its folder.

    Returns:
        Which folders are partitions and which are refused; and all that stands in no answer, the
        refused ones included, sorted.

    Raises:
        BoxError: It cannot be read.
    """
    folders: list[str] = []
    skipped: list[Skip] = []
    try:
        with os.scandir(box) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                if entry.name.startswith("."):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.name)
                elif entry.name == CONTACTS:
                    continue  # the owner's configuration, and no source
                elif entry.is_symlink():
                    skipped.append(_skip(entry.name, SkipReason.OUTSIDE_PARTITION, LINK))
                elif entry.is_file(follow_symlinks=False):
                    skipped.append(_skip(entry.name, SkipReason.OUTSIDE_PARTITION, ROOT_FILE))
                else:
                    skipped.append(_skip(entry.name, SkipReason.SPECIAL_FILE, ROOT_FILE))
    except OSError as error:
        raise cannot_be_read(box, error) from error
    there = survey(folders)
    skipped += [
        _skip(refusal.name, SkipReason.UNSUPPORTED, refusal.detail) for refusal in there.refused
    ]
    return there, tuple(sorted(skipped, key=lambda skip: skip.source))


def cannot_be_read(box: Path, error: OSError) -> BoxError:
    """Make the error for a box that cannot be looked into."""
    return BoxError(
        f"the OMBox cannot be read: {error.strerror}",
        where=str(box),
        fix="see that it exists and that you may read it",
    )


def _skip(name: str, reason: SkipReason, detail: str) -> Skip:
    return Skip(source=name, reason=reason, detail=detail)
