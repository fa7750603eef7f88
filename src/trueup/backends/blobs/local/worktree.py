"""Files of a user's work tree: written aside in their own folder, then renamed to their name."""

from __future__ import annotations

import errno
import os
import secrets
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path

from trueup.backends.blobs.local import sources
from trueup.backends.blobs.local.incoming import Incoming
from trueup.foundation import digests
from trueup.foundation.errors import BackendError

ASIDE = ".trueup-incoming-"
"""What the name of a half-written file in a work tree begins with."""

_GROUP = 64
_NO_LINK = {errno.EXDEV, errno.EMLINK, errno.EPERM, errno.EOPNOTSUPP, errno.EACCES}


def write_many(files: Iterable[tuple[Path, bytes, int]]) -> None:
    """Write small files, some by other threads while the next ones are read.

    Raises:
        BackendError: One cannot be written.
    """
    rest = iter(files)
    first = list(islice(rest, _GROUP))
    if len(first) < _GROUP:
        return _write_all(first)
    with ThreadPoolExecutor(2) as pool:
        writing = deque([pool.submit(_write_all, first)])
        while some := list(islice(rest, _GROUP)):
            writing.append(pool.submit(_write_all, some))
            if len(writing) > 4:
                writing.popleft().result()
        for written in writing:
            written.result()
    return None


def _write_all(files: Iterable[tuple[Path, bytes, int]]) -> None:
    for target, raw, mode in files:
        write_bytes(target, raw, mode)


def write_bytes(target: Path, raw: bytes, mode: int) -> None:
    """Write a small file.

    Raises:
        BackendError: It cannot be written.
    """
    with _named(target):
        aside, handle = _create(target.parent)
        try:
            try:
                rest = memoryview(raw)
                while rest:
                    rest = rest[os.write(handle, rest) :]
                os.fchmod(handle, mode & 0o777)
            finally:
                os.close(handle)
            os.replace(aside, target)  # noqa: PTH105 -- 20,000 times: Path doubles the time
        except BaseException:
            Path(aside).unlink(missing_ok=True)
            raise


def write_copy(target: Path, source: Path, digest: str, mode: int) -> None:
    """Write a large file: it shares the blob's blocks, else it is a copy that was checked.

    Raises:
        BackendError: It cannot be written, or the blob is damaged.
    """
    handle, _ = sources.open_regular(source)
    with _closing(handle), _named(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        file = Incoming(target.parent, ASIDE)
        try:
            shared = sources.fill(file, handle, source, None)
            if not shared and digests.of_file(file.path) != digest:
                raise digests.mismatch(digest)
            os.fchmod(file.handle, mode & 0o777)
            file.settle(target)
        except BaseException:
            file.discard()
            raise


def write_link(target: Path, source: Path, kind: str) -> bool:
    """Link a file to the store; `False` if the file systems do not allow a hard link.

    Raises:
        BackendError: It cannot be made.
    """
    with _named(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        aside = target.parent / f"{ASIDE}{secrets.token_hex(8)}"
        make: Callable[[Path], None] = aside.hardlink_to if kind == "hard" else aside.symlink_to
        source.chmod(0o444)
        try:
            make(source.absolute())
            aside.replace(target)
        except OSError as error:
            if kind == "hard" and error.errno in _NO_LINK:
                return False
            raise
        finally:
            # Renaming onto another name of the same file does nothing and leaves both.
            aside.unlink(missing_ok=True)
    return True


def _create(folder: Path) -> tuple[str, int]:
    aside = f"{folder}/{ASIDE}{secrets.token_hex(8)}"
    how = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    with suppress(FileNotFoundError):
        return aside, os.open(aside, how, 0o600)
    folder.mkdir(parents=True, exist_ok=True)
    return aside, os.open(aside, how, 0o600)


@contextmanager
def _named(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise BackendError(
            "file-not-written",
            f"The file {target} could not be written: {error.strerror or error}.",
            hint=f"ls -ld '{target.parent}'",
            context={"file": str(target)},
        ) from error


@contextmanager
def _closing(handle: int) -> Iterator[None]:
    try:
        yield
    finally:
        os.close(handle)
