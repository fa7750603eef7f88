"""What every object store must do. Give each function a store that is empty.

@pytest.mark.parametrize("prove", objects.PROOFS)
def test_it_keeps_objects(prove):
    prove(MyStore("mine://place"))
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from trueup.foundation import clock
from trueup.foundation.errors import NotFoundError, UsageError
from trueup.ports.objects import Objects
from trueup.testing.expecting import expect, expect_error


def gives_back_what_was_put(store: Objects) -> None:
    """Bytes come back as they were, none of them, few of them and many of them."""
    for size in (0, 1, 5000, (6 << 20) + 1):
        raw = bytes(range(251)) * (size // 251) + bytes(range(size % 251))
        store.put("folder/deep/object", raw)
        expect(store.get("folder/deep/object") == raw, f"get changed {size} bytes")


def reads_parts(store: Objects) -> None:
    """A range is that part, and ends where the object ends."""
    store.put("a", b"0123456789")
    expect(store.get_range("a", 0, 4) == b"0123", "the first bytes are others")
    expect(store.get_range("a", 8, 100) == b"89", "a range does not end with the object")
    expect(store.get_range("a", 3, 0) == b"", "an empty range has bytes")
    expect(store.get_range("a", 50, 5) == b"", "a range behind the end has bytes")


def lists_a_folder(store: Objects) -> None:
    """`list` names every object below a folder with its size, and no other."""
    expect(list(store.list("")) == [], "an empty store lists objects")
    for number in range(12):
        store.put(f"many/of/{number}", b"x" * number)
    store.put("many-others", b"y")
    store.put("single", b"z")
    found = {stored.path: stored.size for stored in store.list("many")}
    expect(found == {f"many/of/{number}": number for number in range(12)}, f"listed {found}")
    expect(len(list(store.list(""))) == 14, "list('') does not name everything")
    expect(list(store.list("none")) == [], "a folder that is not there has objects")


def says_when_it_changed(store: Objects) -> None:
    """Each object has the moment of its last change."""
    store.put("aged", b"x")
    age = clock.now() - next(iter(store.list(""))).changed_at
    expect(abs(age.total_seconds()) < 3600, f"an object just put is {age} old")


def deletes(store: Objects) -> None:
    """What was deleted is gone; deleting it again, or what never was, is no error."""
    for name in ("a", "b", "c"):
        store.put(name, b"x")
    store.delete(["a", "c", "never"])
    store.delete(["a"])
    store.delete([])
    expect([stored.path for stored in store.list("")] == ["b"], "delete left or took too much")


def names_what_it_lacks(store: Objects) -> None:
    """An object that is not there is "not found", never empty bytes."""
    for ask in (store.get, store.get_tagged, partial(store.get_range, start=0, length=1)):
        error = expect_error(NotFoundError, partial(ask, "nowhere/at-all"))
        expect(error.code == "object-not-found", f"the code is '{error.code}'")
        expect("nowhere/at-all" in error.message, "the message does not name the object")


def writes_over(store: Objects) -> None:
    """A second `put` replaces the first one whole."""
    store.put("a", b"long before")
    store.put("a", b"after")
    expect(store.get("a") == b"after", "the second put did not replace the first one")


def swaps_only_what_was_seen(store: Objects) -> None:
    """`swap` writes if the state is still the one that was read, and says so."""
    first = store.swap("ref", b"1", "")
    expect(bool(first), "swap does not make what is absent")
    expect(store.swap("ref", b"1", "") is None, "swap made what was there already")
    raw, tag = store.get_tagged("ref")
    expect((raw, tag) == (b"1", first), "get_tagged gives another tag than swap")
    second = store.swap("ref", b"2", tag)
    expect(bool(second) and second != first, "swap of the present state failed")
    expect(store.swap("ref", b"3", tag) is None, "swap overwrote a newer state")
    expect(store.get("ref") == b"2", "a swap that failed wrote")
    expect(store.swap("absent", b"3", tag) is None, "swap wrote to what was never there")


def lets_one_of_many_swap(store: Objects) -> None:
    """Of many who swap at once from the same state, one wins."""
    for round_ in range(3):
        tag = store.get_tagged("ref")[1] if round_ else ""
        with ThreadPoolExecutor(8) as pool:
            won = list(
                pool.map(lambda i, tag=tag: store.swap("ref", f"{tag}{i}".encode(), tag), range(8))
            )
        expect(sum(tag is not None for tag in won) == 1, f"{won} swaps won at once")


def refuses_odd_paths(store: Objects) -> None:
    """No path leads out of the place, and none means two things."""
    for path in ("../up", "a/../b", "/etc/passwd", "a//b", "", "a/", ".hidden", "a b", "é", "a\nb"):
        for ask in (store.get, partial(store.put, raw=b"x"), lambda path: store.delete([path])):
            expect_error(UsageError, partial(ask, path))


PROOFS: tuple[Callable[[Objects], None], ...] = (
    gives_back_what_was_put,
    reads_parts,
    lists_a_folder,
    says_when_it_changed,
    deletes,
    names_what_it_lacks,
    writes_over,
    swaps_only_what_was_seen,
    lets_one_of_many_swap,
    refuses_odd_paths,
)
