"""Run as a program: does one thing to a copy of a store and is killed at each step of it in turn.

A step is a call into the operating system or SQLite; the process kills itself with SIGKILL right
before or right after it. After each death the store is opened again and checked.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from trueup.backends.blobs.local import batch as batches
from trueup.foundation import digests, packs
from trueup.ports import loading

# Small enough that a few blobs make several packs, and each pack much of everything.
packs.FULL = 20_000
batches._GROUP_BLOBS = 7
STEPS = {
    *("open", "write", "fsync", "fdatasync", "rename", "replace", "unlink", "utime", "fchmod"),
    *("execute", "executemany", "executescript", "copy_file_range", "mkdir"),
}


def contents(seed: int, count: int, size: int) -> list[bytes]:
    source = random.Random(seed)
    return [source.randbytes(size) for _ in range(count)]


SMALL, LARGE, BEFORE = contents(1, 60, 1500), contents(2, 3, 100_000), contents(3, 60, 1000)


def open_store(folder: Path) -> Any:
    return loading.load("blobs", "local")(f"local://{folder}")


def names(contents: list[bytes]) -> list[str]:
    return [digests.of_bytes(raw) for raw in contents]


def fill(folder: Path) -> None:
    store = open_store(folder)
    with store.batch() as batch:
        for raw in BEFORE:
            batch.put(raw)
    store.put(LARGE[0])
    store.close()


def adding(folder: Path) -> None:
    store = open_store(folder)
    with store.batch() as batch:
        for raw in [*BEFORE[:5], *SMALL, *LARGE]:
            batch.put(raw)
        batch.aside().write_bytes(b"left")


def deleting(folder: Path) -> None:
    store = open_store(folder)
    # One pack loses all it holds, the others two thirds.
    store.delete(names([raw for number, raw in enumerate(BEFORE) if not stays(number)] + LARGE))


def stays(number: int) -> bool:
    return number >= 20 and number % 3 == 0


def after_adding(folder: Path, done: bool) -> None:
    store = open_store(folder)
    expected = names(BEFORE) + names(LARGE[:1])
    if done:
        expected += names(SMALL) + names(LARGE)
    assert not store.missing(expected), "something that was promised is lost"
    whole_and_sound(store, folder)
    adding(folder)
    assert not store.missing(names(SMALL + LARGE)), "the store cannot go on"


def after_deleting(folder: Path, done: bool) -> None:
    store = open_store(folder)
    stay = [raw for number, raw in enumerate(BEFORE) if stays(number)]
    assert not store.missing(names(stay)), "something that should stay is lost"
    whole_and_sound(store, folder)
    deleting(folder)
    assert sorted(store.digests()) == sorted(names(stay)), "deleting cannot be finished"
    whole_and_sound(store, folder)
    assert len(list((folder / "packs").iterdir())) <= 3, "packs nobody needs are left"


def whole_and_sound(store: Any, folder: Path) -> None:
    kept = list(store.digests())
    assert sorted(d for d, _ in store.get_many(kept)) == sorted(kept), "a blob is torn"
    assert not list(store.verify()), "there is damage"
    for left in folder.glob("incoming-*"):
        os.utime(left, (0, 0))
    store.close()
    open_store(folder).close()
    assert not list(folder.glob("incoming-*")), "leftovers are not removed"


def dying_at(step: int, what: Callable[[Path], None], folder: Path) -> bool:
    """Whether the child got through before its step came."""
    child = os.fork()
    if not child:
        count = 0

        def watch(_frame: Any, event: str, called: Any) -> None:
            nonlocal count
            if event.startswith("c_") and getattr(called, "__name__", "") in STEPS:
                count += 1
                if count == step:
                    os.kill(os.getpid(), signal.SIGKILL)

        threading.setprofile(watch)
        sys.setprofile(watch)
        what(folder)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert status in {0, signal.SIGKILL}, f"step {step} ended with status {status}"
    return status == 0


def main(folder: Path, name: str, start: int, stride: int) -> None:
    what, check = {"add": (adding, after_adding), "delete": (deleting, after_deleting)}[name]
    origin = folder / "origin"
    fill(origin)
    step = start
    while True:
        copy = folder / str(step)
        shutil.copytree(origin, copy)
        done = dying_at(step, what, copy)
        try:
            check(copy, done)
        except BaseException:
            sys.stderr.write(f"killed at step {step}\n")
            raise
        shutil.rmtree(copy)
        if done:
            break
        step += stride
    sys.stdout.write(f"{step}\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
