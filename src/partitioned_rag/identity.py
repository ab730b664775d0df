"""What a sender wrote → a contact, or a refusal; names of folders → partitions.

Floor: core, pure. It fails closed: nothing is guessed, folded or matched by its ending, and what
could be taken for something else is refused. No refusal names another folder than the one at hand.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

from partitioned_rag.errors import ContactError
from partitioned_rag.values import PUBLIC as PUBLIC  # noqa: PLC0414 — this is where one looks
from partitioned_rag.values import Audience, ContactId, PartitionId

RESERVED: Final = frozenset({"public", "inbox", "outbox", "contacts.toml"})
"""Names in an OMBox that no contact can have."""

MAX_DIGITS: Final = 20
MAX_NAME_BYTES: Final = 255

_EXCHANGE: Final = frozenset({"inbox", "outbox"})
_PHONE = re.compile(r"\+?[0-9 ()./-]+")
_NO_DIGIT = re.compile(r"[^0-9]")
# Control characters, surrogates, line and paragraph separators.
_UNSPEAKABLE: Final = frozenset({"Cc", "Cs", "Zl", "Zp"})
# Unicode's Default_Ignorable_Code_Point, as far as it is not in category Cf: joiners, fillers and
# selectors that nobody sees.
_UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2065\u3164\ufe00-\ufe0f\uffa0\ufff0-\ufff8"
    "\U000e0000-\U000e0fff]"
)
_SHOWN_CHARS: Final = 40


class _Fault(NamedTuple):
    """Why a name is none, and what to do about a folder that has it."""

    what: str
    fix: str


_RENAME: Final = "rename the folder"
_DIGITS: Final = _Fault(
    f"this looks like a phone number, which has 1 to {MAX_DIGITS} digits", _RENAME
)
_TWIN: Final = _Fault(
    "another folder has the same name to a person (case, accents, spaces and what is invisible "
    "aside)",
    "merge the two, or rename one",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A folder that is no partition, though it looks like one.

    Attributes:
        name: The folder's name.
        detail: One sentence for the owner: why, and what to do.
    """

    name: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """What the folders of an OMBox are.

    Attributes:
        partitions: `public` first, then sorted.
        refused: Sorted by name.
    """

    partitions: tuple[PartitionId, ...]
    refused: tuple[Refusal, ...]


def identify(sender: str) -> ContactId:
    """Turn what a sender or the owner wrote into a contact's id.

    What as a whole looks like a phone number, in ASCII, becomes its digits. Anything else is taken
    exactly as it stands, as the name of a folder.

    Raises:
        ContactError: It is empty, reserved or the same to a person as a reserved name, not a
            possible name of a folder, or a phone number without digits or with too many.

    >>> identify("+1 (555) 123-4567")
    '15551234567'
    >>> identify("friend")
    'friend'
    """
    fault = _fault_of(sender)
    if fault is not None:
        raise ContactError(
            fault.what, where=_shown(sender), fix="name a contact by their number or their folder"
        )
    return phone_digits(sender) or ContactId(sender)


def phone_digits(sender: str) -> ContactId | None:
    """Turn what a machine names as its sender into a contact's id, if it is a phone number.

    Stricter than `identify`: a machine names nobody by the name of a folder.

    Returns:
        The 1 to 20 digits, or None for all that is not as a whole an ASCII phone number.

    >>> phone_digits("../15551234567"), phone_digits("friend")
    ('15551234567', None)
    """
    if not _PHONE.fullmatch(sender):
        return None
    digits = _NO_DIGIT.sub("", sender)
    return ContactId(digits) if 1 <= len(digits) <= MAX_DIGITS else None


def audience_of(senders: Iterable[str]) -> Audience:
    """Name the contacts who will see an answer.

    Raises:
        ContactError: As `identify`, for any of them.
    """
    return Audience(contacts=tuple(sorted({identify(sender) for sender in senders})))


def survey(names: Iterable[str]) -> Survey:
    """Say which of an OMBox's folders are partitions.

    Passes over `inbox`, `outbox` and what begins with a dot. Of folders whose names are the same to
    a person none is a partition: whose they are cannot be known.

    Args:
        names: Of the OMBox's immediate subfolders, in any order.

    Returns:
        Every other folder, as a partition or refused.
    """
    looked_at = sorted({name for name in names if not name.startswith(".")} - _EXCHANGE)
    taken = Counter(seen(name) for name in looked_at)
    partitions: list[PartitionId] = []
    refused: list[Refusal] = []
    for name in looked_at:
        fault = _TWIN if taken[seen(name)] > 1 else _fault_of_folder(name)
        if fault is None:
            partitions.append(PartitionId(name))
        else:
            refused.append(Refusal(name=name, detail=f"{fault.what}: {fault.fix}"))
    partitions.sort(key=lambda name: (name != PUBLIC, name))
    return Survey(partitions=tuple(partitions), refused=tuple(refused))


def seen(name: str) -> str:
    """Reduce a name to what a person sees of it: names with one such are one name to a person."""
    # Twice, since what is taken away in between may have kept its neighbours from composing.
    for _ in range(2):
        folded = unicodedata.normalize(
            "NFKC", unicodedata.normalize("NFKD", name).upper().casefold()
        )
        visible = (c for c in _UNSEEN.sub("", folded) if unicodedata.category(c) != "Cf")
        name = " ".join("".join(visible).split())
    return name


def looks_like(name: str, other: str) -> bool:
    """Say whether two names are the same to a person.

    >>> looks_like("Public ", "public")
    True
    """
    return seen(name) == seen(other)


def _fault_of_folder(name: str) -> _Fault | None:
    """Say why a folder that has no twin is no partition."""
    if name == PUBLIC:
        return None
    digits = phone_digits(name)
    if digits is not None and digits != name:
        return _Fault("no sender is ever called so, only digits count", f"rename it to {digits}")
    return _fault_of(name)


def _fault_of(name: str) -> _Fault | None:
    """Say what is wrong with a name, whoever has it."""
    if _PHONE.fullmatch(name) and name.strip():
        return _DIGITS if phone_digits(name) is None else None
    key = seen(name)
    faults = (
        (not key, "an empty or invisible name is nobody's"),
        (key in RESERVED, "the name is a reserved one, or looks like one"),
        (name.startswith("."), "a name does not begin with a dot"),
        ("/" in name or "\\" in name, "a name holds no slash and no backslash"),
        (
            any(unicodedata.category(character) in _UNSPEAKABLE for character in name),
            "a name holds no control characters and no line breaks, and is UTF-8",
        ),
        (
            len(name.encode("utf-8", "surrogatepass")) > MAX_NAME_BYTES,
            f"a name has at most {MAX_NAME_BYTES} bytes",
        ),
    )
    return next((_Fault(what, _RENAME) for is_at_fault, what in faults if is_at_fault), None)


def _shown(sender: str) -> str:
    """Make what a stranger wrote safe and short enough to stand in an error."""
    escaped = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in sender[:_SHOWN_CHARS])
    return escaped + ("…" if len(sender) > _SHOWN_CHARS else "")
