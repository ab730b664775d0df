"""What the owner wrote of contacts in `contacts.toml` → who a sender is, and what they are called.

Floor: core, pure. It fails closed: one fault anywhere and nothing of the file holds. No fault
quotes the file or names a contact, since whoever asks may come to see it.
"""

import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from partitioned_rag.errors import ContactError, ContactsError
from partitioned_rag.identity import identify, phone_digits, seen
from partitioned_rag.values import Audience, ContactId, Correspondent, Names

FILE: Final = "contacts.toml"
FIX: Final = "correct it; until then only the public at large is answered"
MAX_NAME_CHARS: Final = 100
MAX_ID_BYTES: Final = 251
"""A reply is a file that is called by the id, and `.txt`."""

MOST_CHARS_PARSED: Final = 2**21
"""So much is read at most to find the line of a fault: a file of a few KB many times over."""

_OF_ALL: Final = frozenset({"owner", "contacts"})
_OF_ONE: Final = frozenset({"name", "also", "aliases", "max_per_hour"})
_LINE: Final = re.compile(r"at line ([0-9]+)")
_STATEMENT: Final = re.compile(r"""[ \t]*(\[|([A-Za-z0-9_-]+|"([^"\\]|\\.)*"|'[^']*')[ \t]*[.=])""")
"""With this a statement begins; what begins so can also stand within one."""

Table = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """What the owner wrote of one contact.

    Attributes:
        id: Also the name of their folder.
        name: What they are called; may be empty.
        also: Their nicknames.
        aliases: Other sender values that are this contact; a phone number is its digits.
        max_per_hour: How many answers they get in an hour; None where the owner does not say.
    """

    id: ContactId
    name: str = field(default="", repr=False)
    also: tuple[str, ...] = field(default=(), repr=False)
    aliases: tuple[ContactId, ...] = field(default=(), repr=False)
    max_per_hour: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Contacts:
    """All that the owner wrote. Without any, a sender is who they say and nobody has a name.

    Attributes:
        owner: The owner's name; may be empty.
        listed: As they stand in the file.
    """

    owner: str = field(default="", repr=False)
    listed: tuple[Contact, ...] = ()

    def contact_of(self, sender: str) -> Contact:
        """Say who a sender is: a contact by id or by alias, exactly, or else nobody but themself.

        Raises:
            ContactError: As `identify`.
        """
        written = identify(sender)
        for contact in self.listed:
            if written == contact.id or written in contact.aliases:
                return contact
        return Contact(id=written)

    def correspondent(self, sender: str) -> Correspondent:
        """Say who a machine names as its sender, and where an answer to them goes.

        A machine names nobody by the name of their folder: a number, or an alias as it was listed.

        Raises:
            ContactError: It is neither.
        """
        written = phone_digits(sender) or sender
        contact = self.contact_of(written)
        is_number = phone_digits(written) is not None
        if not is_number and written not in contact.aliases:
            raise ContactError(
                "no sender is called so",
                fix=f"list it among the `aliases` of a contact in {FILE}",
            )
        return Correspondent(
            contact=contact.id,
            address=written if is_number else contact.id,
            max_per_hour=contact.max_per_hour,
        )

    def audience_of(self, senders: Iterable[str]) -> Audience:
        """Name the contacts who will see an answer.

        Raises:
            ContactError: As `identify`, for any of them.
        """
        return Audience(contacts=tuple(sorted({self.contact_of(sender).id for sender in senders})))

    def names_for(self, audience: Audience) -> Names:
        """Give the owner's name and, where one contact asks, theirs; nobody else's."""
        if len(audience.contacts) != 1:
            return Names(owner=self.owner)
        asker = self.contact_of(audience.contacts[0])
        return Names(owner=self.owner, asker=asker.name, also=asker.also)

    def aliases(self) -> dict[ContactId, tuple[ContactId, ...]]:
        """Say for each contact under which other ids they write."""
        return {contact.id: contact.aliases for contact in self.listed}


def parse(text: str) -> Contacts:
    r"""Read what the owner wrote, strictly.

    Raises:
        ContactsError: It is no TOML, or something in it is unknown, of the wrong type, not
            possible or ambiguous. Says in which line.

    >>> parse('[contacts.friend]\naliases = ["+1 555 010 0123"]').contact_of("15550100123").id
    'friend'
    """
    # As TOML has it, and so that a beginning of the file never ends within a line break.
    text = text.replace("\r\n", "\n")
    try:
        table = tomllib.loads(text)
    # Numbers of thousands of digits are a plain ValueError, nesting without end the other.
    except (ValueError, RecursionError) as error:
        raise fault("this is no TOML", line=_line_of(str(error), text)) from None
    if what := next(_faults(table), None):
        beginnings = _Beginnings(text)
        try:
            at = _line_of_first_fault(beginnings)
            what = next(_faults(beginnings.parsed(at.end) or {}), what)
        except _TooLongError:
            raise fault(what) from None
        raise fault(what, line=at.begin)
    return _contacts(table)


def fault(what: str, *, line: int | None = None) -> ContactsError:
    """Make the error for a file that cannot be used."""
    where = FILE if line is None else f"{FILE}, line {line}"
    return ContactsError(what, where=where, fix=FIX)


# ---------------------------------------------------------------- where a fault stands


def _line_of(told: str, text: str) -> int | None:
    """Take the line out of what the parser tells, which may quote the file in its other words."""
    if found := _LINE.search(told):
        return int(found[1])
    return _lines(text) if told.endswith("(at end of document)") else None


@dataclass(frozen=True, slots=True)
class _Statement:
    """The lines of a statement: 1-based, both its first and its last."""

    begin: int
    end: int


class _TooLongError(Exception):
    """To find the line would take longer than anybody waits for an answer."""


class _Beginnings:
    """The first lines of a file, as TOML by themselves."""

    def __init__(self, text: str) -> None:
        self._lines = text.split("\n")
        self._chars_left = MOST_CHARS_PARSED

    def ends(self) -> list[int]:
        """Name the numbers of lines that may end between two statements, the whole file last.

        All that do are among them, since what follows one of those begins a statement.
        """
        later = range(1, len(self._lines))
        return [*(at for at in later if _STATEMENT.match(self._lines[at])), len(self._lines)]

    def parsed(self, lines: int) -> Table | None:
        """Read the first lines; None if they end within a statement.

        Raises:
            _TooLongError: Too much was read by now.
        """
        beginning = "\n".join(self._lines[:lines])
        self._chars_left -= len(beginning)
        if self._chars_left < 0:
            raise _TooLongError
        try:
            return tomllib.loads(beginning)
        except ValueError:
            return None


def _line_of_first_fault(beginnings: _Beginnings) -> _Statement:
    """Find the statement with which the first fault comes into the file.

    The beginning of a file is TOML by itself exactly if it ends between two statements, and no
    statement can mend what those before it have broken. So the shortest beginning with a fault is
    looked for by halving, and no second parser has to be trusted.
    """
    ends = beginnings.ends()
    sound, faulty = -1, len(ends) - 1
    lines_before = 0
    while faulty - sound > 1:
        middle = whole = (sound + faulty) // 2
        while whole > sound and (table := beginnings.parsed(ends[whole])) is None:
            whole -= 1
        if whole > sound and any(_faults(table or {})):
            faulty = whole
        else:
            lines_before = ends[whole] if whole > sound else lines_before
            sound = middle
    return _Statement(lines_before + 1, ends[faulty])


def _lines(text: str) -> int:
    return len(text.split("\n"))


# ---------------------------------------------------------------- what can be wrong


def _faults(table: Table) -> Iterator[str]:
    """Say what is wrong; more statements never make a fault go away."""
    if not table.keys() <= _OF_ALL:
        yield "this key is not known"
    if "owner" in table:
        yield from _faults_of_name(table["owner"])
    contacts = table.get("contacts", {})
    if not isinstance(contacts, dict):
        yield "contacts must be tables, [contacts.ID]"
        return
    taken: dict[str, str] = {}
    for name in contacts:
        yield from _faults_of_id(name)
        if taken.setdefault(seen(name), name) != name:
            yield "two contacts have the same id to a person"
    for name, entry in contacts.items():
        if isinstance(entry, dict):
            yield from _faults_of_entry(entry)
            yield from _faults_of_aliases(name, entry.get("aliases"), taken)
        else:
            yield "a contact must be a table, [contacts.ID]"


def _faults_of_id(name: str) -> Iterator[str]:
    try:
        if identify(name) != name:
            yield "a contact who is a number is listed by its digits alone"
        elif len(name.encode()) > MAX_ID_BYTES:
            yield f"a contact's id has at most {MAX_ID_BYTES} bytes"
    except ContactError as error:
        yield f"no contact has such an id: {error.what}"


def _faults_of_entry(entry: Table) -> Iterator[str]:
    if not entry.keys() <= _OF_ONE:
        yield "this key is not known"
    if "name" in entry:
        yield from _faults_of_name(entry["name"])
    for key in ("also", "aliases"):
        if key in entry and not _are_texts(entry[key]):
            yield f"`{key}` must be a list of texts"
    if _are_texts(entry.get("also")):
        yield from (what for name in _texts(entry, "also") for what in _faults_of_name(name))
    limit = entry.get("max_per_hour", 1)
    if not isinstance(limit, int) or isinstance(limit, bool) or limit < 1:
        yield "`max_per_hour` must be a whole number of at least 1"


def _faults_of_name(name: object) -> Iterator[str]:
    """Say what is wrong with a name, which is to stand within a line of the prompt."""
    if not isinstance(name, str):
        yield "a name must be a text"
    elif not name.strip() or not name.isprintable() or len(name) > MAX_NAME_CHARS:
        yield f"a name is 1 to {MAX_NAME_CHARS} visible characters on one line"


def _faults_of_aliases(owner: str, aliases: object, taken: dict[str, str]) -> Iterator[str]:
    """Say what is wrong with aliases, and take them: what is the same to a person is one's alone.

    Args:
        owner: The contact whose they are.
        aliases: As they stand in the file.
        taken: Whose each id and alias is, by what a person sees of it.
    """
    found: set[str] = set()
    for alias in aliases if isinstance(aliases, list) and _are_texts(aliases) else ():
        try:
            written = identify(alias)
        except ContactError as error:
            yield f"no sender is called like this alias: {error.what}"
            continue
        if written == owner or written in found:
            yield "an alias stands here twice, or is the contact's own id"
        if taken.setdefault(seen(written), owner) != owner:
            yield "an alias is also the id or an alias of another contact"
        found.add(written)


def _are_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


# ---------------------------------------------------------------- what it says


def _contacts(table: Table) -> Contacts:
    """Make the values of a table without a fault."""
    contacts = table.get("contacts")
    return Contacts(
        owner=str(table.get("owner", "")),
        listed=tuple(
            Contact(
                id=ContactId(name),
                name=entry.get("name", ""),
                also=tuple(_texts(entry, "also")),
                aliases=tuple(identify(alias) for alias in _texts(entry, "aliases")),
                max_per_hour=entry.get("max_per_hour"),
            )
            for name, entry in (contacts.items() if isinstance(contacts, dict) else ())
        ),
    )


def _texts(entry: Table, key: str) -> Sequence[str]:
    texts = entry.get(key, [])
    return texts if isinstance(texts, list) else []
