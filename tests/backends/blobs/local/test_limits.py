"""A full disk, a limit or a store that may not be written: a clear error, and nothing is lost."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

LIMITED = """
import os, resource, signal, sys
from pathlib import Path
from trueup.backends.blobs.local import Backend
from trueup.foundation.errors import BackendError
store = Backend(f"local://{sys.argv[1]}/blobs")
kept = store.put(b"kept before")
Path(sys.argv[1], "large").write_bytes(os.urandom(2 << 20))
resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, resource.RLIM_INFINITY))

def refused(action):
    try:
        action()
    except BackendError as error:
        assert error.code == "blob-not-written", error.code
        assert "File too large" in error.message, error.message
        assert error.hint.startswith("df -h"), error.hint
    else:
        raise AssertionError("it was taken")

def batch_of_small():
    with store.batch() as batch:
        for _ in range(1000):
            batch.put(os.urandom(1000))

def batch_that_swallows():
    with store.batch() as batch:
        try:
            batch.put_file(Path(sys.argv[1], "large"))
        except BackendError:
            pass

refused(lambda: store.put(os.urandom(1 << 20)))
refused(lambda: store.put_file(Path(sys.argv[1], "large")))
refused(batch_of_small)
refused(batch_that_swallows)
assert list(store.digests()) == [kept] and store.get(kept) == b"kept before"
assert not list(store.verify()) and not list(store.folder.glob("incoming-*"))
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
batch_of_small()
assert len(list(store.digests())) == 1001
"""

FULL = """
import os, sys
from pathlib import Path
from trueup.backends.blobs.local import Backend
from trueup.foundation.errors import BackendError
store = Backend(f"local://{sys.argv[1]}/blobs")
with store.batch() as batch:
    kept = [batch.put(os.urandom(1000)) for _ in range(1500)]
errors = []
for size in (1000, 50_000, 300_000) * 4:
    added = []
    try:
        while True:
            with store.batch() as batch:
                added = [batch.put(os.urandom(size)) for _ in range(40)]
            kept += added
    except BackendError as error:
        assert error.code == "blob-not-written", error.code
        assert "full" in error.message or "No space" in error.message, error.message
        errors.append(error)
assert len(errors) == 12
assert not store.missing(kept)
assert len(dict(store.get_many(kept))) == len(kept)
assert not list(store.verify())
store.delete(kept[1:])
with store.batch() as batch:
    batch.put(os.urandom(1_000_000))
assert store.get(kept[0])
try:
    store.materialise(kept[0], Path(sys.argv[1], "file"))
except BackendError as error:
    raise AssertionError(error.message)
"""

READ_ONLY = """
import sys
from trueup.backends.blobs.local import Backend
from trueup.foundation import digests
from trueup.foundation.errors import BackendError
store = Backend(f"local://{sys.argv[1]}")
for raw in (b"whole" * 20_000, b"packed"):
    assert store.get(digests.of_bytes(raw)) == raw
    for again in (raw, raw + b"more"):
        try:
            store.put(again)
        except BackendError as error:
            assert "Read-only file system" in error.message, error.message
        else:
            assert again == raw, "it was not kept"
try:
    with store.batch() as batch:
        batch.put(b"small")
except BackendError as error:
    assert "be written" in error.message, error.message
else:
    raise AssertionError("it was not kept")
"""


def run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr


def mounted(folder: Path, mount: str, program: str) -> None:
    """Run a program where something is mounted on a folder, which needs a namespace of our own."""
    unshare = shutil.which("unshare")
    command = [unshare or "", "--user", "--map-root-user", "--mount", "sh", "-ec"]
    trial = [*command, f"{mount} && exit 0", "sh", str(folder)]
    if not unshare or subprocess.run(trial, capture_output=True, check=False).returncode:
        pytest.skip("mounting needs user namespaces, which this machine does not allow")
    script = f'{mount}; exec "$2" -c "$3" "$1"'
    run(*command, script, "sh", str(folder), sys.executable, program)


def test_a_limit_on_file_sizes_is_named_and_nothing_is_lost(tmp_path: Path) -> None:
    run(sys.executable, "-c", LIMITED, str(tmp_path))


@pytest.mark.slow
def test_a_full_disk_is_named_and_nothing_is_lost(tmp_path: Path) -> None:
    mounted(tmp_path, 'mount -t tmpfs -o size=6m none "$1"', FULL)


def test_a_store_on_a_read_only_disk_is_read_and_refuses_to_keep(tmp_path: Path) -> None:
    from trueup.backends.blobs.local import Backend

    store = Backend(f"local://{tmp_path / 'blobs'}")
    store.put(b"whole" * 20_000)
    with store.batch() as batch:
        batch.put(b"packed")
    mount = 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1"'
    mounted(tmp_path / "blobs", mount, READ_ONLY)


def test_the_store_needs_no_rights_beyond_its_folder(
    rights_of_a_user: None, tmp_path: Path
) -> None:
    from trueup.backends.blobs.local import Backend
    from trueup.foundation.errors import BackendError

    store = Backend(f"local://{tmp_path / 'blobs'}")
    kept = store.put(b"kept")
    store.folder.chmod(0o500)
    try:
        with pytest.raises(BackendError) as caught:
            store.put(b"more")
        assert caught.value.code == "blob-not-written"
        assert store.get(kept) == b"kept"
    finally:
        store.folder.chmod(0o700)
