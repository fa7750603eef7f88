"""Files of a user's work tree: written aside in their own folder, then renamed to their name."""

from __future__ import annotations

import errno
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from trueup.backends.blobs.local import sources
from trueup.backends.blobs.local.incoming import Incoming
from trueup.foundation import digests, threads
from trueup.foundation.errors import BackendError
from trueup.foundation.waiting import waits

if TYPE_CHECKING:
    from concurrent.futures import Future

ASIDE = ".trueup-incoming-"
"""What the name of a half-written file in a work tree begins with."""

_GROUP = 64
_AHEAD = 4  # groups that wait for the disk
_NO_LINK = {errno.EXDEV, errno.EMLINK, errno.EPERM, errno.EOPNOTSUPP, errno.EACCES}


def write_many(files: Iterable[tuple[str, bytes, int]]) -> None:
    """Write small files: here, or by threads while the next ones are read if the disk is slow.

    Raises:
        BackendError: One cannot be written.
    """
    rest = iter(files)
    is_slow = False
    writing: deque[Future[None]] = deque()
    with threads.pool(2) as pool:
        while some := list(islice(rest, _GROUP)):
            if is_slow:
                writing.append(pool.submit(_write_all, some))
                if len(writing) > _AHEAD:
                    writing.popleft().result()
            else:
                before = waits()
                _write_all(some)
                is_slow = waits() - before > len(some) // 2
        for written in writing:
            written.result()


def _write_all(files: Iterable[tuple[str, bytes, int]]) -> None:
    for target, raw, mode in files:
        write_bytes(target, raw, mode)


def write_bytes(target: str, raw: bytes, mode: int) -> None:
    """Write a small file.

    Raises:
        BackendError: It cannot be written.
    """
    try:
        aside, handle = _create(target.rpartition("/")[0])
        try:
            try:
                done = os.write(handle, raw)
                while done < len(raw):
                    done += os.write(handle, raw[done:])
                os.fchmod(handle, mode & 0o777)
            finally:
                os.close(handle)
            os.replace(aside, target)  # noqa: PTH105 -- 20,000 times: Path doubles the time
        except BaseException:
            Path(aside).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise _not_written(target, error) from error


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
        aside = target.parent / f"{ASIDE}{os.urandom(8).hex()}"
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


def _create(folder: str) -> tuple[str, int]:
    aside = f"{folder}/{ASIDE}{os.urandom(8).hex()}"
    how = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    with suppress(FileNotFoundError):
        return aside, os.open(aside, how, 0o600)
    Path(folder).mkdir(parents=True, exist_ok=True)
    return aside, os.open(aside, how, 0o600)


@contextmanager
def _named(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise _not_written(str(target), error) from error


def _not_written(target: str, error: OSError) -> BackendError:
    return BackendError(
        "file-not-written",
        f"The file {target} could not be written: {error.strerror or error}.",
        hint=f"ls -ld '{target.rpartition('/')[0]}'",
        context={"file": target},
    )


@contextmanager
def _closing(handle: int) -> Iterator[None]:
    try:
        yield
    finally:
        os.close(handle)
