"""Collecting: only what nobody needs goes, a day after it was marked, whoever pushes meanwhile."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trueup.foundation import clock, digests
from trueup.foundation.errors import NotFoundError
from trueup.ports.blobs import Blobs
from trueup.state.remotes import chunks, sending
from trueup.state.remotes.records import Collected
from trueup.state.remotes.remote import Remote

from .conftest import Open, noise, store

DAY = timedelta(hours=25)
LARGE = 200_000


@pytest.fixture(autouse=True, scope="module")
def _cut_early() -> Iterator[None]:
    """Files of 100 kB are cut already, so that tests are quick."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sending, "CUT_FROM", 100_000)
        yield


def nobody() -> Iterable[str]:
    """Nothing is needed beside what records name."""
    return ()


@contextmanager
def later(*, days: float = 1) -> Iterator[None]:
    with clock.held_at(clock.now() + DAY * days):
        yield


def packs(folder: Path) -> set[str]:
    return {path.name for path in folder.glob("packs/*")}


def keep(remote: Remote, name: str, digests: Iterable[str]) -> None:
    """Write a record that needs these blobs, as steps and branches do."""
    remote.put_record("steps", name, " ".join(digests).encode())


def all_pullable(open_remote: Open, where: Path, digests: list[str]) -> bool:
    blobs = store(where)
    open_remote(where.name).pull(blobs, digests)
    return not blobs.missing(digests)


def test_what_nobody_needs_is_marked_and_a_day_later_removed(
    remote: Remote, open_remote: Open, mine: Blobs, folder: Path, tmp_path: Path
) -> None:
    needed, not_needed = mine.put(noise(LARGE)), mine.put(noise(LARGE, seed=2))
    remote.push(mine, [needed])
    (stays,) = packs(folder)
    remote.push(mine, [not_needed])
    keep(remote, "a", [needed])
    with later():
        marked = remote.collect(nobody, dry_run=False)
        assert (marked.marked, marked.removed, marked.waiting > LARGE) == (1, 0, True)
        assert len(packs(folder)) == 2
    with later(days=2):
        removed = remote.collect(nobody, dry_run=False)
        assert (removed.removed, removed.freed > LARGE, removed.waiting) == (1, True, 0)
    assert packs(folder) == {stays}
    assert list(remote.verify()) == []
    assert all_pullable(open_remote, tmp_path / "other", [needed])
    assert not remote.has([not_needed])
    with pytest.raises(NotFoundError):
        open_remote("third").pull(store(tmp_path / "third"), [not_needed])


def test_a_dry_run_says_the_same_and_does_nothing(
    remote: Remote, mine: Blobs, folder: Path
) -> None:
    remote.push(mine, [mine.put(noise(100))])
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    with later():
        said = remote.collect(nobody)
        assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before
        done = remote.collect(nobody, dry_run=False)
    assert said.marked == done.marked == 1
    assert said.due is not None


def test_young_packs_are_let_be(remote: Remote, mine: Blobs, folder: Path) -> None:
    """Whoever pushes just now has not written a record yet."""
    remote.push(mine, [mine.put(noise(100))])
    assert remote.collect(nobody, dry_run=False) == Collected(live=100)
    assert not list(folder.glob("tombstones/*"))


def test_what_the_caller_needs_stays(
    remote: Remote, open_remote: Open, mine: Blobs, tmp_path: Path
) -> None:
    needed = [mine.put(noise(LARGE)), mine.put(b"small")]
    remote.push(mine, needed)
    for days in (1, 2, 3):
        with later(days=days):
            assert remote.collect(lambda: needed, dry_run=False).removed == 0
    assert all_pullable(open_remote, tmp_path / "other", needed)


def test_a_pack_that_is_mostly_dead_is_rewritten(
    remote: Remote, open_remote: Open, mine: Blobs, folder: Path, tmp_path: Path
) -> None:
    digests = [mine.put(noise(10_000, seed)) for seed in range(20)]
    remote.push(mine, digests)
    (old,) = packs(folder)
    keep(remote, "a", digests[:3])
    with later():
        done = remote.collect(nobody, dry_run=False)
        assert (done.rewritten, done.marked, done.live) == (1, 1, 30_000)
        assert all_pullable(open_remote, tmp_path / "meanwhile", digests[:3])
    with later(days=2):
        remote.collect(nobody, dry_run=False)
    assert old not in packs(folder)
    assert sum(path.stat().st_size for path in folder.glob("packs/*")) < 40_000
    assert all_pullable(open_remote, tmp_path / "other", digests[:3])
    assert list(remote.verify()) == []


def test_a_pack_that_is_needed_after_all_is_revived(
    remote: Remote, open_remote: Open, mine: Blobs, folder: Path, tmp_path: Path
) -> None:
    """The branch was made by somebody who counted on the pack before it was marked."""
    digest = mine.put(noise(LARGE))
    remote.push(mine, [digest])
    with later():
        assert remote.collect(nobody, dry_run=False).marked == 1
    keep(remote, "late", [digest])
    with later(days=2):
        assert remote.collect(nobody, dry_run=False).revived == 1
    assert not list(folder.glob("tombstones/*"))
    assert all_pullable(open_remote, tmp_path / "other", [digest])
    assert remote.push(mine, [digest]).known == 1


def test_what_is_marked_is_pulled_still_and_sent_again(
    remote: Remote, open_remote: Open, mine: Blobs, folder: Path, tmp_path: Path
) -> None:
    digest = mine.put(noise(LARGE))
    remote.push(mine, [digest])
    old = packs(folder)
    with later():
        remote.collect(nobody, dry_run=False)
    assert all_pullable(open_remote, tmp_path / "other", [digest])
    sent = remote.push(mine, [digest])
    assert sent.blobs == 1
    keep(remote, "again", [digest])
    with later(days=2):
        assert remote.collect(nobody, dry_run=False).removed == 1
    assert packs(folder) & old == set()
    assert all_pullable(open_remote, tmp_path / "third", [digest])


def test_a_push_that_counted_on_what_was_marked_is_told(
    remote: Remote, open_remote: Open, mine: Blobs, theirs: Blobs
) -> None:
    remote.push(mine, [mine.put(noise(100))])
    other = open_remote("theirs")
    other.push(theirs, [theirs.put(noise(100))])
    assert other.settled()
    with later():
        remote.collect(nobody, dry_run=False)
    assert not other.settled()
    assert other.push(theirs, [theirs.put(noise(100))]).blobs == 1
    assert other.settled()


def test_an_unfinished_push_that_was_collected_begins_anew(
    remote: Remote, mine: Blobs, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = mine.put(noise(100))
    with monkeypatch.context() as patch:
        patch.setattr("trueup.state.remotes.indexes.write", fail)
        with pytest.raises(ZeroDivisionError):
            remote.push(mine, [digest])
    assert len(packs(folder)) == 1, "the pack is there, and no index names it"
    with later():
        assert remote.collect(nobody, dry_run=False).marked == 1
    assert remote.push(mine, [digest]).packs == 1
    keep(remote, "a", [digest])
    with later(days=2):
        assert remote.collect(nobody, dry_run=False).removed == 1
    assert list(remote.verify()) == []


def test_no_recipe_is_trusted_while_a_tombstone_stands(
    remote: Remote, open_remote: Open, mine: Blobs, folder: Path, tmp_path: Path
) -> None:
    """Somebody counted on chunks, they were marked, then the recipe came, then it was killed."""
    before = noise(LARGE)
    first, second = mine.put(before), mine.put(before + noise(1000, seed=3))
    remote.push(mine, [first])
    killed = open_remote("killed")
    killed.refresh()
    with later():
        assert remote.collect(nobody, dry_run=False).marked == 1
    sending.push(killed._link, mine, [second], lambda *_: None)  # without looking anew
    sent = open_remote("third").push(mine, [second])
    assert (sent.blobs, sent.moved > 10_000) == (1, True)
    keep(remote, "a", [second])
    with later(days=2):
        remote.collect(nobody, dry_run=False)
    assert all_pullable(open_remote, tmp_path / "other", [second])
    assert list(remote.verify()) == []


def fail(*_: Any, **__: Any) -> Any:
    return 1 / 0


def once(function: Callable[..., Any]) -> Callable[..., Any]:
    """Works once and fails ever after, as for a process that was killed."""
    calls = iter([function])

    def call(*arguments: Any) -> Any:
        return next(calls, fail)(*arguments)

    return call


@pytest.mark.parametrize("at", [0, 1, 2, 3, 4, 5, 6, 8])
def test_a_collection_that_is_killed_anywhere_loses_nothing(
    at: int,
    remote: Remote,
    open_remote: Open,
    mine: Blobs,
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    needed = [mine.put(noise(LARGE)), mine.put(noise(9000))]
    rest = [mine.put(noise(9000, seed)) for seed in range(10, 20)]
    remote.push(mine, [needed[0]])
    remote.push(mine, [needed[1], *rest])
    remote.push(mine, [mine.put(noise(9000, seed)) for seed in range(20, 30)])
    keep(remote, "a", needed)
    for days in (1, 2):
        link = open_remote(f"collector{days}")._link
        left = iter(range(at))
        for name in ("put", "swap", "delete"):
            working = getattr(link.objects, name)
            monkeypatch.setattr(
                link.objects,
                name,
                lambda *args, working=working, left=left: (
                    working(*args) if next(left, None) is not None else fail()
                ),
            )
        collector = open_remote(f"collector{days}")
        collector._link = link
        with later(days=days), suppress(ZeroDivisionError):
            collector.collect(nobody, dry_run=False)
        assert all_pullable(open_remote, tmp_path / f"after{days}", needed)
    for days in (4, 6):
        with later(days=days):
            remote.collect(nobody, dry_run=False)
    assert list(remote.verify()) == []
    assert all_pullable(open_remote, tmp_path / "last", needed)
    assert sum(path.stat().st_size for path in folder.glob("packs/*")) < LARGE + 40_000


@pytest.mark.slow
@given(st.integers(0, 2**32))
@settings(max_examples=4)
def test_whatever_happens_in_whatever_order_records_keep_what_they_name(
    tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    """Three people push, forget, stop half-way and collect over many days."""
    rng = random.Random(seed)
    home = tmp_path_factory.mktemp("story")
    (home / "remote").mkdir()
    blobs = store(home)
    contents = [
        blobs.put(noise(rng.choice([10, 3000, LARGE]) + number, number)) for number in range(8)
    ]
    people = [Remote(f"file://{home}/remote", home / name) for name in "abc"]
    reader = Remote(f"file://{home}/remote", home / "reader")
    named: dict[str, list[str]] = {}
    now = clock.now()
    for _ in range(20):
        now += timedelta(hours=rng.choice([0, 1, 13, 30]))
        remote = rng.choice(people)
        with clock.held_at(now):
            act = rng.choice(["push", "push", "push", "stop", "forget", "collect", "collect"])
            if act in ("push", "stop"):
                chosen = rng.sample(contents, rng.randrange(1, 4))
                remote.push(blobs, chosen)
                if act == "push":
                    while not remote.settled():
                        remote.push(blobs, chosen)
                    name = f"record{rng.randrange(5)}"
                    keep(remote, name, chosen)
                    named[name] = chosen
            elif act == "forget" and named:
                name = rng.choice(list(named))
                remote.delete_records("steps", [name])
                del named[name]
            elif act == "collect" and (home / "remote/trueup.json").exists():
                remote.collect(nobody, dry_run=False)
            wanted = sorted({digest for chosen in named.values() for digest in chosen})
            assert not wanted or set(wanted) <= readable_of(reader, wanted)
    for remote in [reader, *people]:
        assert list(remote.verify()) == []
        remote.close()


def readable_of(remote: Remote, wanted: list[str]) -> set[str]:
    """What can be read: every chunk of it."""
    remote.refresh()
    cache = remote._link.cache
    readable = set()
    for digest in wanted:
        key = digests.key(digest)
        recipe = cache.recipes([key]).get(key)
        keys = [key]
        if recipe is not None:
            ((_, raw),) = remote.read([digests.of_key(recipe)])
            keys = [chunk for chunk, _ in chunks.read_recipe(raw).chunks]
        places = cache.locate(keys)
        present = {stored.path for stored in remote._link.objects.listed("packs")}
        if len(places) == len(set(keys)) and all(
            f"packs/{place.pack}" in present for place in places.values()
        ):
            readable.add(digest)
    return readable
