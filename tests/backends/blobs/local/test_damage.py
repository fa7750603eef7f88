"""One changed byte anywhere in the store is found, and never handed out."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trueup.backends.blobs.local import Backend
from trueup.foundation import digests
from trueup.foundation.errors import BackendError, TrueupError

CONTENTS = [digests.key_of(b"%d" % number) * 2 for number in range(10)] + [b"again " * 99, b""]
LARGE = digests.key_of(b"large") * 2500


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    store = Backend(f"local://{tmp_path_factory.mktemp('sound')}")
    with store.batch() as batch:
        for raw in [*CONTENTS, LARGE]:
            batch.put(raw)
    assert not list(store.verify())
    store.close()
    return store.folder


def flip(file: Path, at: int, by: int) -> None:
    raw = bytearray(file.read_bytes())
    raw[at % len(raw)] ^= by
    file.chmod(0o600)
    file.write_bytes(raw)


def is_right_or_refused(store: Backend) -> bool:
    """No byte that differs from what was put is handed out, neither as bytes nor as a file."""
    named = {digests.of_bytes(raw): raw for raw in CONTENTS}
    for digest, raw in named.items():
        with suppress(TrueupError):
            if store.get(digest) != raw:
                return False
    for digest in list(named)[:2]:
        with suppress(TrueupError):
            if store.local_path(digest).read_bytes() != named[digest]:
                return False
    return True


@given(at=st.integers(0, 10**6), by=st.integers(1, 255))
@settings(max_examples=25)
def test_a_changed_byte_in_a_pack_is_found(sound: Path, at: int, by: int) -> None:
    folder = sound.with_name("changed-pack")
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(sound, folder)
    [pack] = (folder / "packs").iterdir()
    flip(pack, at, by)
    store = Backend(f"local://{folder}")
    [damage, *_] = store.verify()
    assert damage.place == f"packs/{pack.name}"
    assert is_right_or_refused(store)
    (folder / "index.db").unlink()  # also when all that is left is the pack itself
    again = Backend(f"local://{folder}")
    assert list(again.verify())
    assert is_right_or_refused(again)


@given(at=st.integers(0, 10**6), by=st.integers(1, 255))
@settings(max_examples=20)
def test_a_changed_byte_in_a_whole_file_is_found(sound: Path, at: int, by: int) -> None:
    folder = sound.with_name("changed-file")
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(sound, folder)
    digest = digests.of_bytes(LARGE)
    store = Backend(f"local://{folder}")
    flip(store.local_path(digest), at, by)
    assert [damage.digest for damage in store.verify()] == [digest]
    with pytest.raises(BackendError):
        store.get(digest)
    with pytest.raises(BackendError):
        store.materialise(digest, folder / "out")
    assert not (folder / "out").exists()


@given(at=st.integers(0, 10**6), by=st.integers(1, 255))
@settings(max_examples=25)
def test_a_changed_byte_in_the_index_gives_no_wrong_bytes(sound: Path, at: int, by: int) -> None:
    folder = sound.with_name("changed-index")
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(sound, folder)
    flip(folder / "index.db", at, by)
    store = Backend(f"local://{folder}")
    named = [digests.of_bytes(raw) for raw in [*CONTENTS, LARGE]]
    try:
        lost = [digest for digest in named if not is_there(store, digest)]
    except BackendError:
        lost = named
    assert is_right_or_refused(store)
    # Found, or nothing that matters has changed.
    assert list(store.verify()) or not lost
    store.close()
    for file in folder.glob("index.db*"):
        file.unlink()
    assert not Backend(f"local://{folder}").missing(named), "the packs hold everything"


def is_there(store: Backend, digest: str) -> bool:
    return store.has(digest) and digests.of_bytes(store.get(digest)) == digest


def test_each_damaged_blob_of_a_pack_is_named(sound: Path, tmp_path: Path) -> None:
    shutil.copytree(sound, tmp_path / "blobs")
    store = Backend(f"local://{tmp_path / 'blobs'}")
    [pack] = (store.folder / "packs").iterdir()
    flip(pack, 16 + 1, 1)
    flip(pack, 16 + 64 * 3, 1)
    damaged = [digests.of_bytes(CONTENTS[0]), digests.of_bytes(CONTENTS[3])]
    assert [damage.digest for damage in store.verify()] == damaged


def test_a_damaged_footer_is_named_and_the_index_still_reads_the_pack(
    sound: Path, tmp_path: Path
) -> None:
    shutil.copytree(sound, tmp_path / "blobs")
    store = Backend(f"local://{tmp_path / 'blobs'}")
    [pack] = (store.folder / "packs").iterdir()
    flip(pack, pack.stat().st_size - 100, 1)
    [footer] = store.verify()
    assert (footer.digest, "footer" in footer.problem) == ("", True)
    assert not store.missing(map(digests.of_bytes, CONTENTS))
    assert store.get(digests.of_bytes(CONTENTS[3])) == CONTENTS[3]


def test_deleting_beside_damage_keeps_the_damaged_pack_for_repair(
    sound: Path, tmp_path: Path
) -> None:
    shutil.copytree(sound, tmp_path / "blobs")
    store = Backend(f"local://{tmp_path / 'blobs'}")
    [pack] = (store.folder / "packs").iterdir()
    flip(pack, 20, 1)
    store.delete(map(digests.of_bytes, CONTENTS[5:]))
    assert pack.exists()
    assert store.get(digests.of_bytes(CONTENTS[1])) == CONTENTS[1]
    assert list(store.verify())
