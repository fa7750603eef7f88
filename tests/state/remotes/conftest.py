"""Two people with a blob store each, and a remote between them."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from trueup.ports import loading
from trueup.ports.blobs import Blobs
from trueup.state.remotes.remote import Remote

Open = Callable[..., Remote]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The place of a remote in a folder."""
    place = tmp_path / "remote"
    place.mkdir()
    return place


@pytest.fixture
def open_remote(folder: Path, tmp_path: Path) -> Iterator[Open]:
    """Opens the remote as somebody who remembers what they learnt of it."""
    opened: list[Remote] = []

    def opener(who: str = "mine", url: str = "") -> Remote:
        opened.append(Remote(url or f"file://{folder}", tmp_path / who / "cache"))
        return opened[-1]

    yield opener
    for remote in opened:
        remote.close()


@pytest.fixture
def remote(open_remote: Open) -> Remote:
    return open_remote()


@pytest.fixture
def mine(tmp_path: Path) -> Blobs:
    return store(tmp_path / "mine")


@pytest.fixture
def theirs(tmp_path: Path) -> Blobs:
    return store(tmp_path / "theirs")


def store(folder: Path) -> Blobs:
    blobs: Blobs = loading.load("blobs", "local")(f"local://{folder / 'blobs'}")
    return blobs


def noise(size: int, seed: int = 1) -> bytes:
    """Bytes that no compression shortens."""
    return random.Random(seed).randbytes(size)
