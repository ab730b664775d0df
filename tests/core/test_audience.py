"""Who may read what: never more than `public`, and their own where an audience is one contact."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from partitioned_rag.audience import readable
from partitioned_rag.identity import audience_of
from partitioned_rag.values import PUBLIC, ContactId, PartitionId

CONTACTS = st.sampled_from(["friend", "Friend", "frien", "15551234567", "5551234567", "publi"])
AUDIENCES = st.lists(CONTACTS, max_size=3)
EXISTING = st.lists(CONTACTS | st.just("public"), unique=True).map(
    lambda names: [PartitionId(name) for name in names]
)


@given(AUDIENCES, EXISTING)
def test_nothing_is_readable_but_public_and_the_own_of_an_audience_of_one(
    contacts: Sequence[str], existing: Sequence[PartitionId]
) -> None:
    own = set(contacts) if len(set(contacts)) == 1 else set()
    assert readable(audience_of(contacts), existing) == tuple(
        name for name in [PUBLIC, *own] if name in existing
    )


@given(AUDIENCES, EXISTING, st.lists(CONTACTS, unique=True))
def test_an_alias_adds_its_own_partition_to_an_audience_of_its_contact_and_to_no_other(
    contacts: Sequence[str], existing: Sequence[PartitionId], aliases: Sequence[str]
) -> None:
    audience = audience_of(contacts)
    given = readable(audience, existing)
    theirs = {ContactId("frien"): tuple(map(ContactId, aliases))}
    more = set(aliases).intersection(existing) if audience.contacts == ("frien",) else set()
    assert set(readable(audience, existing, theirs)) == {*given, *more}
    assert readable(audience, existing, theirs)[: len(given)] == given


@given(AUDIENCES, CONTACTS, EXISTING)
def test_nobody_who_joins_makes_more_readable_to_those_who_were_there(
    contacts: Sequence[str], another: str, existing: Sequence[PartitionId]
) -> None:
    if contacts:
        before = readable(audience_of(contacts), existing)
        assert set(readable(audience_of([*contacts, another]), existing)) <= set(before)


@given(AUDIENCES, EXISTING)
def test_a_partition_that_is_not_readable_changes_nothing(
    contacts: Sequence[str], existing: Sequence[PartitionId]
) -> None:
    audience = audience_of(contacts)
    mine = readable(audience, existing)
    assert readable(audience, mine) == mine
    assert readable(audience, [*existing, PartitionId("stranger")]) == mine
    assert readable(audience, list(reversed(existing))) == mine
