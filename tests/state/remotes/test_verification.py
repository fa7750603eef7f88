"""Verification: a wrong byte anywhere in a remote is found, and what it costs is named."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trueup.foundation.errors import BackendError
from trueup.ports.blobs import Blobs
from trueup.state.remotes.remote import Remote

from .conftest import Open, noise, store


def test_a_sound_remote_has_no_fault(remote: Remote, mine: Blobs) -> None:
    remote.push(mine, [mine.put(noise(3000)), mine.put(noise(5 << 20)), mine.put(b"")])
    remote.put_record("steps", "x", b"y")
    seen: list[int] = []
    assert list(remote.verify(lambda _, size: seen.append(size))) == []
    assert sum(seen) > 5 << 20


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("verified")
    (home / "remote").mkdir()
    with Remote(f"file://{home}/remote", home / "cache") as remote:
        blobs = store(home)
        wanted = [blobs.put(noise(3000, seed)) for seed in range(20)]
        remote.push(blobs, [*wanted, blobs.put(noise(4 << 20))])
        remote.put_record("refs", "flights/main", wanted[0].encode())
    return home


@given(data=st.data())
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_wrong_byte_anywhere_is_found(place: Path, data: st.DataObject) -> None:
    files = sorted(p for p in (place / "remote").rglob("*") if p.is_file() and p.name != ".lock")
    chosen = data.draw(st.sampled_from(files))
    sound = chosen.read_bytes()
    raw = bytearray(sound)
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] ^= data.draw(st.integers(1, 255))
    chosen.write_bytes(raw)
    try:
        with Remote(f"file://{place}/remote", place / "cache") as remote:
            faults = list(remote.verify())
    except BackendError as error:  # another digit of the layout is another layout: refused whole
        assert (chosen.name, error.code) == ("trueup.json", "remote-newer")
        return
    finally:
        chosen.write_bytes(sound)
    assert any(chosen.name in fault.object for fault in faults), (chosen, at)


def test_the_blobs_that_are_lost_are_named(
    remote: Remote, open_remote: Open, mine: Blobs, folder: Path
) -> None:
    small, large = mine.put(noise(3000)), mine.put(noise(5 << 20))
    remote.push(mine, [small, large])
    (pack,) = folder.glob("packs/*")
    raw = bytearray(pack.read_bytes())
    raw[100] ^= 1  # in the first blob
    raw[2 << 20] ^= 1  # in a chunk
    pack.write_bytes(raw)
    faults = list(open_remote("other").verify())
    assert [fault.object for fault in faults] == [f"packs/{pack.name}", "packs"]
    assert small in faults[0].digests
    assert len(faults[0].digests) == 2
    assert faults[1].digests == (large,)
    pack.unlink()
    faults = list(remote.verify())
    assert "not there" in faults[0].problem
    assert faults[1].digests == (large,)


def test_an_index_that_is_damaged_is_named(remote: Remote, mine: Blobs, folder: Path) -> None:
    remote.push(mine, [mine.put(noise(3000))])
    (index,) = folder.glob("indexes/*")
    index.write_bytes(index.read_bytes()[:-10])
    (fault,) = remote.verify()
    assert fault.object == f"indexes/{index.name}"
