"""What a View can reach: walk from it along every reference that Python knows, and see.

Follows attributes, slots, containers, closures, bound methods, partial calls and weak references.
Stops at modules and classes, which is honest since ours hold no mutable state.
"""

import gc
import sys
import types
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from partitioned_rag.box import OMBox
from partitioned_rag.contacts import Contact, Contacts
from partitioned_rag.partition import Partition
from partitioned_rag.store.array import ArrayIndex
from partitioned_rag.store.catalog import Catalog
from partitioned_rag.store.chroma import ChromaIndex
from partitioned_rag.store.store import Store
from partitioned_rag.view import View
from tests.worlds import build

OWN = "friend"
OTHERS = ("mallory", "oscar")
STOPS = (types.ModuleType, type)
# Frames are where a test stands, not what a View holds.
PASSING = (types.FrameType, types.TracebackType)


def reachable(start: object) -> Iterator[object]:
    """Give every object that can be reached from one, itself included."""
    namespaces = {id(vars(module)) for module in list(sys.modules.values()) if module is not None}
    seen: dict[int, object] = {}
    waiting = [start]
    while waiting:
        each = waiting.pop()
        if id(each) in seen or isinstance(each, STOPS + PASSING) or id(each) in namespaces:
            continue
        seen[id(each)] = each  # kept, so that its id stays its own
        yield each
        waiting.extend(gc.get_referents(each))
        if isinstance(each, weakref.ReferenceType):
            waiting.append(each())


def betrays(each: object) -> str:
    """Say why an object must not be within reach of the view of `OWN`; empty if it may."""
    if isinstance(each, OMBox):
        return "the box"
    if isinstance(each, Partition) and each.id not in {"public", OWN}:
        return f"partition {each.id}"
    if isinstance(each, str | bytes):
        text = each if isinstance(each, str) else each.decode("utf-8", "replace")
        if any(other in text for other in OTHERS):
            return f"text that names another: {text[:80]}"
    return ""


CONTACTS = """\
owner = "Juno"
[contacts.mallory]
name = "the name of mallory"
also = ["mallory too"]
aliases = ["mallory@example.org"]
[contacts.friend]
name = "Pip"
also = ["the lodger"]
aliases = ["pip@example.org"]
[contacts.oscar]
name = "oscar"
aliases = ["15550100199", "oscar@example.org"]
"""


@pytest.fixture
def box(tmp_path: Path) -> Iterator[OMBox]:
    words = {
        f"{name}/note.txt": f"the tide of {name}".encode() for name in ("public", OWN, *OTHERS)
    }
    with OMBox(build(words, tmp_path / "OMBox"), "hashing") as box:
        yield box


def used(view: View) -> View:
    """Let a view open whatever it opens."""
    view.search("the tide")
    view.prompt("the tide")
    return view


def test_a_view_reaches_neither_the_box_nor_another_partition(box: OMBox) -> None:
    box.index()
    for other in OTHERS:
        used(box.view(other))
    view = used(box.view(OWN))
    found = {what for each in reachable(view) if (what := betrays(each))}
    assert found == set()


def test_a_view_holds_no_other_name_than_the_owner_s_and_the_asker_s(box: OMBox) -> None:
    (box.path / "contacts.toml").write_text(CONTACTS, encoding="utf-8")
    for other in OTHERS:
        used(box.view(other))
    view = used(box.view("pip@example.org"))
    met = list(reachable(view))
    assert {what for each in met if (what := betrays(each))} == set()
    assert not any(isinstance(each, Contacts | Contact) for each in met)
    strings = {each for each in met if isinstance(each, str)}
    assert {"Juno", "Pip", "the lodger"} <= strings
    assert not any("15550100199" in each or "example.org" in each for each in strings)


def test_a_view_of_the_public_reaches_no_contact(box: OMBox) -> None:
    box.index()
    used(box.view(OWN))
    view = used(box.view())
    partitions = {each.id for each in reachable(view) if isinstance(each, Partition)}
    assert partitions == {"public"}


def test_the_walk_sees_what_a_view_holds(box: OMBox) -> None:
    """Guard the guard: it must come to the stores, catalogs and vectors of the view's own."""
    view = used(box.view(OWN))
    kinds = [type(each) for each in reachable(view)]
    edges = (Store, Catalog, ArrayIndex, ChromaIndex)
    assert [kinds.count(kind) for kind in (Partition, *edges)] == [2, 2, 2, 2, 2]
    assert str(box.path / OWN) in {str(each) for each in reachable(view) if isinstance(each, Path)}


class Slotted:
    __slots__ = ("held",)

    def __init__(self, held: object) -> None:
        self.held = held


def closure(held: object) -> Callable[[], object]:
    return lambda: held


@pytest.mark.parametrize(
    "hide",
    [
        lambda box: [box],
        lambda box: {"a": (box,)},
        Slotted,
        closure,
        lambda box: box.index,
        weakref.ref,
        lambda box: Slotted(closure([weakref.WeakValueDictionary({"box": box})])),
    ],
    ids=["list", "dict", "slot", "closure", "method", "weak reference", "all of them"],
)
def test_the_walk_finds_a_box_wherever_a_view_could_hide_it(
    box: OMBox, hide: Callable[[OMBox], object]
) -> None:
    view = used(box.view(OWN))
    view.__dict__["hidden"] = hide(box)
    assert "the box" in {betrays(each) for each in reachable(view)}
