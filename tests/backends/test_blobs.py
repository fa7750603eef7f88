"""Every blob store passes the suite that Trueup ships, and the local one keeps its files safe."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from trueup.foundation import digests
from trueup.foundation.errors import BackendError
from trueup.ports import loading
from trueup.ports.blobs import Blobs
from trueup.testing import blobs

# How a test gets an empty store of each name.
STORES: dict[str, Callable[[Path], str]] = {"local": lambda folder: f"local://{folder / 'blobs'}"}


def test_every_store_is_tried() -> None:
    assert set(STORES) == set(loading.names("blobs"))


@pytest.mark.parametrize("prove", blobs.PROOFS, ids=lambda prove: prove.__name__)
@pytest.mark.parametrize("name", loading.names("blobs"))
def test_it_is_a_blob_store(
    name: str, prove: Callable[[Blobs, Path], None], tmp_path: Path
) -> None:
    prove(loading.load("blobs", name)(STORES[name](tmp_path)), tmp_path)


@pytest.fixture
def local(tmp_path: Path) -> Blobs:
    return loading.load("blobs", "local")(f"local://{tmp_path / 'blobs'}")


def test_damaged_bytes_are_never_handed_out(local: Blobs) -> None:
    digest = local.put(b"good bytes")
    path = local.local_path(digest)
    path.chmod(0o600)
    path.write_bytes(b"evil bytes")
    with pytest.raises(BackendError) as caught:
        local.get(digest)
    assert caught.value.code == "blob-damaged"


def test_files_and_folders_are_private(local: Blobs) -> None:
    path = local.local_path(local.put(b"secret"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o400
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_an_interrupted_write_leaves_no_blob(local: Blobs, tmp_path: Path) -> None:
    (tmp_path / "blobs" / "incoming-left-by-a-crash").write_bytes(b"half")
    assert list(local.digests()) == []
    assert local.put(b"half") == digests.of_bytes(b"half")


def test_a_path_may_hold_any_character(tmp_path: Path) -> None:
    store = loading.load("blobs", "local")(f"local://{tmp_path}/with%20space%20and%20%23")
    store.put(b"x")
    assert (tmp_path / "with space and #").is_dir()
