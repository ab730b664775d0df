"""Who may read what: the one function that turns an audience into partitions.

Floor: core, pure. The file an auditor reads. Whatever an answer is made of comes from the
partitions that this function names, and from no others.
"""

from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Final

from partitioned_rag.values import PUBLIC, Audience, ContactId, PartitionId

NO_ALIASES: Final = MappingProxyType[ContactId, Collection[ContactId]]({})


def readable(
    audience: Audience,
    existing: Collection[PartitionId],
    aliases: Mapping[ContactId, Collection[ContactId]] = NO_ALIASES,
) -> tuple[PartitionId, ...]:
    """Name the partitions that every member of an audience may read.

    A contact may read `public`, the partition of its own id and those of its aliases. So may an
    audience of one; what several may all read is `public` alone, since no two contacts share an id
    or an alias, and so is what anyone at all may read.

    Args:
        audience: Everyone who will see the answer.
        existing: The partitions that there are.
        aliases: Under which other ids a contact writes, by the owner's word.

    Returns:
        `public` first, then the contact's own, then its aliases' sorted, each only if it exists.

    >>> from partitioned_rag.identity import audience_of, survey
    >>> existing = survey(["public", "friend", "15551234567"]).partitions
    >>> readable(audience_of(["friend"]), existing)
    ('public', 'friend')
    >>> readable(audience_of(["friend", "15551234567"]), existing)
    ('public',)
    """
    may_read = [PUBLIC]
    if len(audience.contacts) == 1:
        (contact,) = audience.contacts
        may_read += map(PartitionId, [contact, *sorted(aliases.get(contact, ()))])
    return tuple(name for name in may_read if name in existing)
