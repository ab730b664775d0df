"""What the owner wrote of contacts: exactly that, or an error that names the line."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partitioned_rag.contacts import Contacts, parse
from partitioned_rag.errors import ContactError, ContactsError
from partitioned_rag.identity import audience_of, seen
from partitioned_rag.values import Names

WHOLE = """\
owner = "Juno"

[contacts.15550100123]
name = "Odile"
also = ["the baker"]
aliases = ["odile@example.org", "+219 876 543 210 987"]
max_per_hour = 30
"""

# What is wrong is in the line that ends in a `#!`.
WRONG = {
    "unknown key": "color = 1 #!",
    "unknown key of a contact": "[contacts.friend]\nname = 'Pip'\nalias = ['x'] #!",
    "unknown table": "[people.friend] #!",
    "owner of a wrong type": "owner = 7 #!",
    "contacts of a wrong type": "contacts = ['friend'] #!",
    "contact of a wrong type": "[contacts]\nfriend = 'Pip' #!",
    "name of a wrong type": "[contacts.friend]\nname = ['Pip'] #!",
    "name that is a table": "[contacts.friend]\n[contacts.friend.name] #!",
    "blank name": "owner = ' ' #!",
    "name of two lines": 'owner = "Juno\\nMarlow" #!',
    "name without an end": f"owner = '{'x' * 101}' #!",
    "nickname that is blank": "[contacts.friend]\nalso = ['Pip', ''] #!",
    "nicknames of a wrong type": "[contacts.friend]\nalso = 'Pip' #!",
    "alias of a wrong type": "[contacts.friend]\naliases = [7] #!",
    "limit that is true": "[contacts.friend]\nmax_per_hour = true #!",
    "limit of nothing": "[contacts.friend]\nmax_per_hour = 0 #!",
    "limit that is no whole number": "[contacts.friend]\nmax_per_hour = 1.5 #!",
    "reserved id": "[contacts.public] #!",
    "id like a reserved one": "[contacts.'Inbox '] #!",
    "id that is the name of the file": "[contacts.'contacts.toml'] #!",
    "id with a slash": "[contacts.'../friend'] #!",
    "empty id": "[contacts.''] #!",
    "number not written as its digits": "[contacts.'+15550100123'] #!",
    "ids that look alike": "[contacts.friend]\n[contacts.mallory]\n[contacts.Friend] #!",
    "alias of two": "[contacts.a]\naliases = ['x']\n[contacts.b]\naliases = ['x'] #!",
    "alias that looks like another's": "contacts.a.aliases = ['x']\ncontacts.b.aliases = ['X'] #!",
    "number that is an alias of two":
        "contacts.a.aliases = ['+1 555']\ncontacts.b.aliases = ['1555'] #!",
    "alias that is another's id": "[contacts.a]\naliases = ['b']\n\n[contacts.b] #!",
    "alias that is an earlier id": "[contacts.b]\n[contacts.a]\naliases = ['b'] #!",
    "alias that is the own id": "[contacts.a]\naliases = ['a'] #!",
    "alias given twice": "[contacts.a]\naliases = ['x', 'x'] #!",
    "alias that is reserved": "[contacts.a]\naliases = ['public'] #!",
    "first of two": "x = 1 #!\ny = 2",
    "before a long list":
        "x = 1 #!\n[contacts.a]\naliases = [" + ",\n".join(f"'{n}'" for n in range(20)) + "]\n",
    "after a text that looks like keys":
        'owner = "Juno"\n[contacts.a]\nname = """\\\n  A\\\n  """\nx = 1 #!\n',
    "list of several lines": "[contacts.a]\naliases = [ #!\n'x',\n\n'a',\n]\n[contacts.b]\n",
    "no TOML": "owner = 'Juno'\nwhat is this #!\n",
    "key given twice": "owner = 'Juno'\nowner = 'Juno' #!\n",
    "list without an end": "owner = 'Juno'\n[contacts.a]\naliases = [ 'x', #!",
}  # fmt: skip


def line_of(error: ContactsError) -> str:
    return error.where.removeprefix("contacts.toml, line ")


def test_everything_that_an_owner_can_say_is_understood() -> None:
    contacts = parse(WHOLE)
    odile = contacts.contact_of("odile@example.org")
    assert (odile.id, odile.name, odile.also) == ("15550100123", "Odile", ("the baker",))
    assert (contacts.owner, odile.max_per_hour) == ("Juno", 30)
    assert contacts.contact_of("219876543210987") is odile
    assert contacts.contact_of("+1 (555) 010-0123") is odile
    assert contacts.names_for(contacts.audience_of(["219876543210987"])) == Names(
        owner="Juno", asker="Odile", also=("the baker",)
    )


@pytest.mark.parametrize("line_end", ["\n", "\r\n"], ids=["LF", "CRLF"])
@pytest.mark.parametrize("text", WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_an_error_that_names_its_line(text: str, line_end: str) -> None:
    wanted = next(at for at, line in enumerate(text.split("\n"), 1) if "#!" in line)
    with pytest.raises(ContactsError) as caught:
        parse(text.replace("\n", line_end))
    assert line_of(caught.value) == str(wanted), str(caught.value)


@pytest.mark.parametrize("where", [0, 400, 799])
def test_a_fault_within_a_long_list_of_a_large_file_names_the_line_of_its_key(where: int) -> None:
    """Somebody's addresses, a line each, in a file of some 100 KB."""
    lines = ['owner = "Juno"']
    for contact in range(3):
        aliases = [f"{contact}-{at:04}@{'x' * 20}.example.org" for at in range(800)]
        if contact == 1:
            aliases[where] = "public"
        lines += ["", f"[contacts.friend{contact}]", "# those that were used"]
        lines += ["aliases = [", *(f'  "{alias}",' for alias in aliases), "]"]
    text = "\n".join(lines) + "\n"
    with pytest.raises(ContactsError) as caught:
        parse(text)
    begin = text.index("[contacts.friend1]")
    wanted = text.count("\n", 0, text.index("aliases = [", begin)) + 1
    assert (len(text) > 100_000, line_of(caught.value)) == (True, str(wanted))


@pytest.mark.parametrize("text", ["a = " + "[" * 10**5, "a = " + "9" * 5000], ids=["deep", "long"])
def test_what_the_parser_chokes_on_is_an_error_too(text: str) -> None:
    with pytest.raises(ContactsError):
        parse(text)


@pytest.mark.parametrize(
    "text", [*(f"{WHOLE}{text}" for text in ("x = 'odile'", "odile odile")), "odile.odile = 1"]
)
def test_no_error_quotes_the_file(text: str) -> None:
    with pytest.raises(ContactsError) as caught:
        parse(text)
    assert "odile" not in str(caught.value).casefold()


@pytest.mark.parametrize(
    "sender", ["Odile@example.org", "odile@example.org ", "example.org", "987"]
)
def test_an_alias_is_exactly_that(sender: str) -> None:
    assert parse(WHOLE).contact_of(sender).id == sender


@pytest.mark.parametrize(
    ("sender", "contact", "address"),
    [
        ("15550100123", "15550100123", "15550100123"),
        ("+1 555 010 0123", "15550100123", "15550100123"),
        ("219876543210987", "15550100123", "219876543210987"),
        ("odile@example.org", "15550100123", "15550100123"),
        ("15550100199", "15550100199", "15550100199"),
    ],
)
def test_an_answer_goes_to_the_number_that_wrote_and_else_to_the_contact(
    sender: str, contact: str, address: str
) -> None:
    found = parse(WHOLE).correspondent(sender)
    assert (found.contact, found.address) == (contact, address)


def test_without_a_file_a_sender_is_who_they_say_and_nobody_has_a_name() -> None:
    assert parse("") == Contacts()
    assert Contacts().audience_of(["+1 555", "friend"]) == audience_of(["+1 555", "friend"])
    assert Contacts().names_for(audience_of(["friend"])) == Names()
    for nobody in ("../friend", "friend", "", "inbox"):
        with pytest.raises(ContactError):
            Contacts().correspondent(nobody)


def test_a_machine_names_nobody_by_the_name_of_a_folder() -> None:
    contacts = parse('[contacts.friend]\naliases = ["pip@example.org"]')
    assert contacts.correspondent("pip@example.org").contact == "friend"
    for nobody in ("friend", "Pip@example.org", "pip@example.org ", "other@example.org"):
        with pytest.raises(ContactError):
            contacts.correspondent(nobody)


def test_several_who_ask_together_are_not_named() -> None:
    contacts = parse(WHOLE)
    assert contacts.names_for(contacts.audience_of(["friend", "15550100123"])) == Names(
        owner="Juno"
    )


# ---------------------------------------------------------------- whatever an owner may write

VISIBLE = st.characters(exclude_categories=["C", "Z"], include_characters=" ")
NAMES = st.text(VISIBLE, min_size=1, max_size=20).filter(lambda name: name.strip())
SENDERS = st.sampled_from(
    ["friend", "mallory", "Ärzte", "z@example.org", "y@example.org", *map(str, range(555, 565))]
)


@st.composite
def tables(draw: st.DrawFn) -> dict[str, Any]:
    """Draw what a file without a fault says."""
    senders = draw(st.lists(SENDERS, unique=True))
    contacts: dict[str, Any] = {}
    for sender in senders:
        if not contacts or draw(st.booleans()):
            entry = draw(
                st.fixed_dictionaries(
                    {},
                    optional={
                        "name": NAMES,
                        "also": st.lists(NAMES, max_size=2),
                        "max_per_hour": st.integers(1, 99),
                    },
                )
            )
            contacts[sender] = entry | {"aliases": []}
        else:
            contacts[draw(st.sampled_from(sorted(contacts)))]["aliases"].append(sender)
    return {"contacts": contacts} | draw(st.fixed_dictionaries({}, optional={"owner": NAMES}))


def written(table: Mapping[str, Any]) -> str:
    """Write a table as TOML; its basic strings are those of JSON."""
    lines = [f"owner = {quoted(table['owner'])}"] if "owner" in table else []
    for contact, entry in table["contacts"].items():
        lines += ["", f"[contacts.{quoted(contact)}]"]
        lines += [f"{key} = {quoted(value)}" for key, value in entry.items()]
    return "\n".join(lines)


def quoted(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


@given(tables())
def test_what_is_written_is_what_is_understood(table: Mapping[str, Any]) -> None:
    contacts = parse(written(table))
    assert contacts.owner == table.get("owner", "")
    assert [contact.id for contact in contacts.listed] == list(table["contacts"])
    for contact in contacts.listed:
        entry = table["contacts"][contact.id]
        assert contact.name == entry.get("name", "")
        assert list(contact.also) == entry.get("also", [])
        assert list(contact.aliases) == entry["aliases"]
        assert contact.max_per_hour == entry.get("max_per_hour")
        for sender in (contact.id, *contact.aliases):
            assert contacts.contact_of(sender) is contact


@given(tables(), st.data())
def test_what_could_be_two_contacts_is_always_refused(
    table: dict[str, Any], data: st.DataObject
) -> None:
    contacts: dict[str, Any] = table["contacts"] | {"oscar": {"aliases": ["o@example.org"]}}
    claimed = data.draw(
        st.sampled_from([each for one in contacts for each in (one, *contacts[one]["aliases"])])
    )
    others = {"peggy": {"aliases": [data.draw(st.sampled_from([claimed, claimed.upper()]))]}}
    order: Sequence[dict[str, Any]] = data.draw(st.permutations([contacts, others]))
    with pytest.raises(ContactsError, match="another contact"):
        parse(written(table | {"contacts": order[0] | order[1]}))


@given(tables(), tables(), SENDERS)
def test_what_is_written_of_others_changes_nothing_of_a_contact(
    one: dict[str, Any], other: dict[str, Any], contact: str
) -> None:
    mine = [contact, "mine@example.org"]
    entry = {"name": "Pip", "also": ["P"], "aliases": mine[1:], "max_per_hour": 7}
    found = []
    for table in (one, other):
        others = {
            name: each | {"aliases": [it for it in each["aliases"] if seen(it) != seen(contact)]}
            for name, each in table["contacts"].items()
            if name != contact
        }
        contacts = parse(written({"owner": "Juno", "contacts": others | {contact: entry}}))
        audience = contacts.audience_of(mine)
        found.append(
            (
                audience,
                contacts.names_for(audience),
                contacts.aliases()[audience.contacts[0]],
                [contacts.correspondent(sender) for sender in ("15550100177", *mine[1:])],
            )
        )
    assert found[0] == found[1]
