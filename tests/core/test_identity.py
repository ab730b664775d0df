"""Who is meant: exactly one contact, or nobody."""

import itertools
import re
import unicodedata
from collections.abc import Callable
from random import Random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from partitioned_rag.errors import ContactError
from partitioned_rag.identity import (
    MAX_DIGITS,
    MAX_NAME_BYTES,
    RESERVED,
    audience_of,
    identify,
    phone_digits,
    survey,
)
from partitioned_rag.values import PUBLIC

PHONE = re.compile(r"\+?[0-9 ()./-]+")
DIGITS = re.compile(r"[0-9]{1,20}")
# Digits of other scripts, what looks like a digit, and what nobody sees.
ODD = "²٣၃𝟙①Ⅷ０ﾟ\u200d\u2066\ufe0f\u3164\u00ad \t\n\0/\\.~:@\ud800"
NAMES = st.text(st.characters() | st.sampled_from(ODD + "friendFRIEND15+-() "), max_size=12)
SENDERS = NAMES | st.text("0123456789+()-./ ", max_size=25)
SPEAKABLE = st.text(st.characters(categories=["L"]), min_size=1, max_size=8)


def identified(sender: str) -> str | None:
    try:
        return identify(sender)
    except ContactError:
        return None


# ---------------------------------------------------------------- senders


@given(SENDERS)
@example("15551234567\n")
@example("+1555٣")
@example("²")
def test_a_sender_is_their_ascii_digits_or_word_for_word_a_folder(sender: str) -> None:
    found = identified(sender)
    if PHONE.fullmatch(sender) and sender.strip(" "):
        digits = "".join(one for one in sender if one in "0123456789")
        assert found == (digits if 1 <= len(digits) <= MAX_DIGITS else None)
    else:
        assert found in (sender, None)


@given(SENDERS)
def test_who_is_identified_is_identified_as_the_same_again(sender: str) -> None:
    found = identified(sender)
    assert found is None or identify(found) == found


@given(SENDERS)
def test_nobody_is_called_as_a_reserved_folder(sender: str) -> None:
    found = identified(sender)
    assert found is None or unicodedata.normalize("NFKC", found).casefold() not in RESERVED


@given(SENDERS)
def test_a_machine_names_nobody_but_a_number(sender: str) -> None:
    digits = phone_digits(sender)
    assert digits is None or (DIGITS.fullmatch(digits) and PHONE.fullmatch(sender))
    assert digits is None or identify(sender) == digits


LOOKS_RESERVED = ("public", "PUBLIC", "pub\u200dlic", "Inbox", "outbox ", "ｐｕｂｌｉｃ")
INVISIBLE = ("", " ", "\u3164", "\u200d")
NO_NAME = (".", "..", ".prag", "a/b", "a\\b", "a\nb", "a\0b", "a\u2028b", "\udcff")
TOO_LONG = ("x" * (MAX_NAME_BYTES + 1), "é" * (MAX_NAME_BYTES // 2 + 1))
NO_NUMBER = ("()", "-", "+ ", "1" * (MAX_DIGITS + 1))


@pytest.mark.parametrize("sender", [*LOOKS_RESERVED, *INVISIBLE, *NO_NAME, *TOO_LONG, *NO_NUMBER])
def test_what_could_be_taken_for_something_else_is_nobody(sender: str) -> None:
    with pytest.raises(ContactError):
        identify(sender)


def test_the_longest_names_and_numbers_are_somebody() -> None:
    for sender in ("1" * MAX_DIGITS, "x" * MAX_NAME_BYTES, "Ann-Marie", "日記", "a b", "0"):
        assert identify(sender) == sender


def test_no_case_is_folded_and_no_ending_is_matched() -> None:
    assert identify("Friend") == "Friend"
    assert identify("5551234567") == "5551234567"
    assert identify("15551234567@s.whatsapp.net") == "15551234567@s.whatsapp.net"


@given(st.lists(SENDERS.filter(lambda sender: identified(sender) is not None), max_size=4))
def test_an_audience_is_each_of_its_contacts_once_in_order(senders: list[str]) -> None:
    contacts = audience_of(senders).contacts
    assert list(contacts) == sorted({identify(sender) for sender in senders})
    assert audience_of(reversed(senders)) == audience_of(senders)


@given(st.lists(SENDERS, max_size=4))
def test_an_audience_with_one_nobody_in_it_is_refused(senders: list[str]) -> None:
    with pytest.raises(ContactError):
        audience_of([*senders, "public"])


def test_a_refusal_drives_no_terminal_and_is_short() -> None:
    with pytest.raises(ContactError) as refusal:
        identify("\x1b[2J\n" + "x" * 300)
    assert str(refusal.value).isprintable()
    assert len(refusal.value.where) < 60


# ---------------------------------------------------------------- folders


@given(st.lists(SENDERS | st.sampled_from(["public", "inbox", ".git"]), max_size=6))
def test_every_folder_is_a_partition_or_refused_or_none_of_our_business(names: list[str]) -> None:
    found = survey(names)
    refused = [refusal.name for refusal in found.refused]
    passed_over = {name for name in names if name.startswith(".") or name in ("inbox", "outbox")}
    assert {*found.partitions, *refused} == set(names) - passed_over
    assert len({*found.partitions, *refused}) == len(found.partitions) + len(refused)
    assert refused == sorted(refused)
    assert list(found.partitions) == sorted(
        found.partitions, key=lambda name: (name != PUBLIC, name)
    )


@given(st.lists(SENDERS, max_size=6))
def test_every_partition_is_that_of_the_contact_of_its_name(names: list[str]) -> None:
    for partition in survey(names).partitions:
        assert partition == PUBLIC or str(identify(partition)) == partition


@given(st.lists(SENDERS, max_size=5), st.randoms(use_true_random=False))
def test_the_order_in_which_folders_are_listed_decides_nothing(
    names: list[str], random: Random
) -> None:
    shuffled = random.sample(names, len(names))
    assert survey(shuffled) == survey(names)


TWINS = (
    lambda name: unicodedata.normalize("NFD", name),
    lambda name: unicodedata.normalize("NFKD", name),
    str.swapcase,
    str.upper,
    str.casefold,
    lambda name: name[:1] + "\u200d" + name[1:],
    lambda name: "\u200d".join(unicodedata.normalize("NFD", name)),
    lambda name: name + "\ufe0f",
    lambda name: name + " ",
    lambda name: " " + name,
)


@given(SPEAKABLE, st.sampled_from(TWINS), st.sampled_from(["other", "public"]))
@example("straße", str.upper, "other")
@example("ΌΣΟΣ", str.swapcase, "other")
@example("é", TWINS[0], "other")
@example("zoë", TWINS[6], "other")
def test_folders_of_one_name_to_a_person_are_all_refused(
    name: str, twin: Callable[[str], str], other: str
) -> None:
    names = {name, twin(name)}
    if len(names) < 2 or {"public", "other", "inbox", "outbox"} & {n.casefold() for n in names}:
        return
    for order in itertools.permutations([*names, other]):
        found = survey(order)
        assert found.partitions == (other,)
        assert {refusal.name for refusal in found.refused} == names


def test_no_refusal_names_another_folder() -> None:
    for refusal in survey(["Ann", "ann", "15551234567", "+1 555"]).refused:
        assert not {"Ann", "ann"} & set(re.findall(r"\w+", refusal.detail))


def test_a_folder_that_no_sender_is_ever_called_is_refused() -> None:
    assert survey(["+1 (555) 123"]).partitions == ()
    assert survey(["1555123"]).partitions == ("1555123",)


def test_a_twin_of_a_folder_that_is_nobodys_is_no_partition() -> None:
    assert survey(["Public", "public"]).partitions == ()
    assert survey(["Inbox", "inbox"]).partitions == ()
