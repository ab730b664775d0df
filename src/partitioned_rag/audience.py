"""Who may read what: the one function that turns an audience into partitions.

Floor: core, pure. The file an auditor reads. Whatever an answer is made of comes from the
partitions that this function names, and from no others.
"""

from collections.abc import Collection

from partitioned_rag.values import PUBLIC, Audience, PartitionId


def readable(audience: Audience, existing: Collection[PartitionId]) -> tuple[PartitionId, ...]:
    """Name the partitions that every member of an audience may read.

    A contact may read `public` and the partition of its own id. So may an audience of one; what
    several may all read is `public` alone, and so is what anyone at all may read.

    Args:
        audience: Everyone who will see the answer.
        existing: The partitions that there are.

    Returns:
        `public` first, then the contact's own, each only if it exists.

    >>> from partitioned_rag.identity import audience_of, survey
    >>> existing = survey(["public", "friend", "15551234567"]).partitions
    >>> readable(audience_of(["friend"]), existing)
    ('public', 'friend')
    >>> readable(audience_of(["friend", "15551234567"]), existing)
    ('public',)
    """
    may_read = [PUBLIC]
    if len(audience.contacts) == 1:
        may_read += [PartitionId(contact) for contact in audience.contacts]
    return tuple(name for name in may_read if name in existing)
