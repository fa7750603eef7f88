"""Every signer passes the suite that Trueup ships, and the file key is private and made once."""

from __future__ import annotations

import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from trueup.foundation.errors import BackendError
from trueup.ports import loading
from trueup.ports.keys import Keys
from trueup.testing import keys

SIGNERS: dict[str, Callable[[Path], str]] = {
    "file": lambda folder: f"file://{folder / 'k' / 'key'}"
}


def test_every_signer_is_tried() -> None:
    assert set(SIGNERS) == set(loading.names("keys"))


@pytest.mark.parametrize("prove", keys.PROOFS, ids=lambda prove: prove.__name__)
@pytest.mark.parametrize("name", loading.names("keys"))
def test_it_is_a_signer(
    name: str, prove: Callable[[Callable[[], Keys]], None], tmp_path: Path
) -> None:
    prove(lambda: loading.load("keys", name)(SIGNERS[name](tmp_path)))


def file_key(folder: Path) -> Keys:
    return loading.load("keys", "file")(SIGNERS["file"](folder))


def test_the_file_is_private(tmp_path: Path) -> None:
    file_key(tmp_path).sign(b"")
    assert [path.name for path in (tmp_path / "k").iterdir()] == ["key"]
    assert stat.S_IMODE((tmp_path / "k" / "key").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "k").stat().st_mode) == 0o700


def test_two_keys_differ(tmp_path: Path) -> None:
    assert file_key(tmp_path / "a").key_id != file_key(tmp_path / "b").key_id


def test_first_uses_at_the_same_time_agree_on_one_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        ids = set(pool.map(lambda _: file_key(tmp_path).key_id, range(8)))
    assert len(ids) == 1


def test_a_damaged_key_is_named(tmp_path: Path) -> None:
    file_key(tmp_path).sign(b"")
    (tmp_path / "k" / "key").write_bytes(b"short")
    with pytest.raises(BackendError, match="holds 5 bytes instead of 32") as caught:
        file_key(tmp_path).sign(b"")
    assert caught.value.code == "key-damaged"
