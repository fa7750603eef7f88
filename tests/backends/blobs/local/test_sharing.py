"""Several processes use one store at once: nothing is lost and nothing waits for long."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from trueup.backends.blobs.local import Backend
from trueup.backends.blobs.local.index import Location
from trueup.foundation import digests

ADDER = """
import random, sys
from trueup.backends.blobs.local import Backend, batch as batches
from trueup.foundation import packs
packs.FULL, batches._GROUP_BLOBS, batches._UNINDEXED = 30_000, 16, 100
store = Backend(sys.argv[1])
first = int(sys.argv[2])
sys.stdin.readline()
for start in range(first, first + 300, 100):
    with store.batch() as batch:
        for number in range(start, start + 200):
            batch.put(random.Random(number).randbytes(200))
        batch.put(random.Random(start).randbytes(80_000))
    for number in range(start, start + 200):
        assert store.get(batch.put(random.Random(number).randbytes(200)))
"""

COLLECTOR = """
import sys
from datetime import timedelta
from trueup.backends.blobs.local import Backend
from trueup.foundation import clock, packs
store = Backend(sys.argv[1])
sys.stdin.readline()
for _ in range(int(sys.argv[2])):
    old = [kept.digest for kept in store.kept()]
    store.delete(old, stored_before=clock.now() - timedelta(days=1))
"""

RENEWER = """
import sys
from trueup.backends.blobs.local import Backend
store = Backend(sys.argv[1])
contents = [b"%d" % number * 30 for number in range(200)]
sys.stdin.readline()
for start in range(0, 200, 20):
    with store.batch() as batch:
        named = [batch.put(raw) for raw in contents[start : start + 20]]
    assert not store.missing(named), "put, and lost at once"
    assert store.get(store.put(b"single %d" % start))
"""

FILLER = """
import sys
from datetime import timedelta
from trueup.backends.blobs.local import Backend
from trueup.foundation import clock
store = Backend(sys.argv[1])
with clock.held_at(clock.now() - timedelta(days=2)), store.batch() as batch:
    for number in range(200):
        batch.put(b"%d" % number * 30)
    for start in range(0, 200, 20):
        store.put(b"single %d" % start)
"""


def at_once(*programs: tuple[str, ...]) -> None:
    """Start programs, let them begin together, and expect each to succeed."""
    running = [
        subprocess.Popen(
            [sys.executable, "-c", *program],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for program in programs
    ]
    try:
        for process in running:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        for process in running:
            _, errors = process.communicate(timeout=120)
            assert process.returncode == 0, errors
    finally:
        for process in running:
            process.kill()


@pytest.mark.slow
def test_two_adders_lose_nothing_and_keep_equal_bytes_once(tmp_path: Path) -> None:
    url = f"local://{tmp_path}/blobs"
    at_once((ADDER, url, "0"), (ADDER, url, "50"), (ADDER, url, "0"))
    store = Backend(url)
    assert len(list(store.digests())) == 450 + 6
    assert len(list(store.get_many(store.digests()))) == 456
    assert not list(store.verify())
    assert not list(store.folder.glob("incoming-*"))


@pytest.mark.slow
def test_what_is_put_again_outlives_a_collector_at_work(tmp_path: Path) -> None:
    for attempt in range(2):
        url = f"local://{tmp_path}/{attempt}"
        subprocess.run([sys.executable, "-c", FILLER, url], check=True, timeout=60)
        at_once((RENEWER, url), (COLLECTOR, url, "10"), (COLLECTOR, url, "10"))
        store = Backend(url)
        contents = [b"%d" % number * 30 for number in range(200)]
        named = [digests.of_bytes(raw) for raw in contents]
        assert dict(store.get_many(named)) == dict(zip(named, contents, strict=True))
        assert not list(store.verify())


def test_a_collector_may_find_that_another_one_was_faster(tmp_path: Path) -> None:
    one, other = (Backend(f"local://{tmp_path}/blobs") for _ in range(2))
    with one.batch() as batch:
        named = [batch.put(b"%d" % number * 30) for number in range(200)]
    asked = one._index.locate

    def locate(keys: Sequence[bytes]) -> dict[bytes, Location]:
        found = asked(keys)  # as it was before the other one came
        other.delete(named[:150])
        return found

    one._index.locate = locate  # type: ignore[method-assign]
    one.delete(named[:150])
    one._index.locate = asked  # type: ignore[method-assign]
    assert one.missing(named) == set(named[:150])
    assert not list(one.verify())


def test_a_reader_finds_what_was_moved_since_it_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trueup.backends.blobs.local.store._AT_ONCE", 100)
    writer, reader = (Backend(f"local://{tmp_path}/blobs") for _ in range(2))
    contents = [digests.key_of(b"%d" % number) for number in range(200)]
    with writer.batch() as batch:
        named = [batch.put(raw) for raw in contents]
    found = reader.get_many(named)
    first = next(found)  # reads the first of two groups; the second is asked for later
    [old] = (writer.folder / "packs").iterdir()
    stay = set(named) - set(named[::2]) - set(named[1::4]) | {first[0]}
    writer.delete(set(named) - stay)
    assert not old.exists(), "the pack was rewritten"
    assert {digest for digest in stay if reader.get(digest)} == stay
    # What the reader had begun it reads to its end from the file it holds open.
    assert len([digest for digest, _ in zip(found, range(90), strict=False)]) == 90
