"""The plan is exactly the difference between index and folder."""

from collections.abc import Collection

from hypothesis import given
from hypothesis import strategies as st

from partitioned_rag.sync.plan import OF_THE_MOMENT, Known, SyncPlan, plan
from partitioned_rag.values import SkipReason, Source, Stamp

paths = st.sampled_from([f"friend/{letter}" for letter in "abcdef"])
stamps = st.builds(
    Stamp,
    size_bytes=st.integers(0, 1),
    mtime_ns=st.integers(0, 1),
    ctime_ns=st.integers(0, 2),
    inode=st.integers(0, 2),
)
reasons = st.sampled_from([None, SkipReason.TIMEOUT, SkipReason.CORRUPT])
indexes = st.dictionaries(
    paths, st.builds(Known, stamp=stamps, settled=st.booleans(), skipped=reasons)
)
agains = st.sampled_from([(), OF_THE_MOMENT])
folders = st.dictionaries(paths, stamps).map(
    lambda found: {path: Source(path=path, stamp=stamp) for path, stamp in found.items()}
)


@given(indexes, folders)
def test_carrying_out_a_plan_makes_the_index_the_folder(
    indexed: dict[str, Known], found: dict[str, Source]
) -> None:
    todo = plan(indexed, found)
    after = {path: known.stamp for path, known in indexed.items()}
    for path in (*todo.remove, *(old for old, _ in todo.rename)):
        del after[path]
    for source in todo.to_read:
        after[source.path] = source.stamp
    assert after == {path: source.stamp for path, source in found.items()}


@given(indexes, folders)
def test_a_settled_file_of_the_same_stamp_is_not_read(
    indexed: dict[str, Known], found: dict[str, Source]
) -> None:
    read = {source.path for source in plan(indexed, found).to_read}
    untouched = {
        path
        for path, known in indexed.items()
        if path in found and found[path].stamp == known.stamp and known.settled
    }
    assert read == found.keys() - untouched


@given(indexes, folders)
def test_what_took_too_long_is_retried_when_asked_or_touched(
    indexed: dict[str, Known], found: dict[str, Source]
) -> None:
    slow = {path for path in indexed.keys() & found if indexed[path].skipped is SkipReason.TIMEOUT}
    asked = {source.path for source in plan(indexed, found, again=OF_THE_MOMENT).retry}
    assert asked == slow
    touched = {path for path in slow if indexed[path].stamp != found[path].stamp}
    assert {source.path for source in plan(indexed, found).retry} == touched


@given(indexes, folders, agains)
def test_each_file_has_one_place_in_the_plan(
    indexed: dict[str, Known], found: dict[str, Source], again: Collection[SkipReason]
) -> None:
    todo = plan(indexed, found, again=again)
    places = [
        *(source.path for source in todo.to_read),
        *todo.remove,
        *(old for old, _ in todo.rename),
    ]
    assert len(places) == len(set(places))


@given(folders)
def test_an_index_that_is_true_needs_nothing(found: dict[str, Source]) -> None:
    indexed = {path: Known(stamp=source.stamp, settled=True) for path, source in found.items()}
    assert plan(indexed, found) == SyncPlan()
    assert plan(indexed, found).is_empty


def test_a_file_that_only_changed_its_name_is_a_rename() -> None:
    old = Stamp(size_bytes=5, mtime_ns=6, ctime_ns=7, inode=8)
    new = Stamp(size_bytes=5, mtime_ns=6, ctime_ns=9, inode=8)  # renaming moves the change time
    todo = plan(
        {"friend/old": Known(stamp=old, settled=True)},
        {"friend/new": Source(path="friend/new", stamp=new)},
    )
    assert todo == SyncPlan(rename=(("friend/old", Source(path="friend/new", stamp=new)),))
