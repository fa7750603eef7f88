"""The blob store by itself, through its port: 20,000 files of 4 KiB and one of 1 GiB. Prints only.

The least that must be done (read, hash, write one file, sync) is measured in turns with it, so that
the ratio holds on a busy machine too.
"""

from __future__ import annotations

import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import blake3

from trueup.ports import loading
from trueup.ports.blobs import Blobs, Wanted

FILES, SIZE, LARGE, ROUNDS = 20_000, 4096, 1 << 30, 3


def main() -> None:
    # Not /tmp, which may be memory: syncing shall mean something.
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as name:
        folder = Path(name)
        for kind in ("random", "text"):
            files = make_small(folder / kind, kind)
            compare(f"{FILES} x {SIZE // 1024} KiB {kind}", folder, files)
        large = folder / "large"
        with large.open("wb") as file:
            for _ in range(LARGE >> 24):
                file.write(os.urandom(1 << 24))
        compare("1 GiB", folder, [large])


def compare(what: str, folder: Path, files: list[Path]) -> None:
    """The best of several rounds in turns, beside the least."""
    best: dict[str, float] = {}

    def measure(name: str, work: Callable[..., object], *arguments: object) -> None:
        start = time.perf_counter()
        work(*arguments)
        best[name] = min(best.get(name, 1e9), time.perf_counter() - start)

    for number in range(ROUNDS):
        os.sync()
        measure("the least", least, folder / "least", files)
        url = f"local://{folder / f'store-{number}'}"
        store: Blobs = loading.load("blobs", "local")(url)
        for threads in (1, 2):
            shutil.rmtree(folder / f"store-{number}")
            store = loading.load("blobs", "local")(url)
            os.sync()
            measure(f"add, {threads} threads", add, store, files, threads)
        digests = list(store.digests())
        measure("add again", add, store, files, 2)
        measure("missing", store.missing, digests)
        out = folder / f"out-{number}"
        wanted = [Wanted(digest, out / str(n // 1000) / str(n)) for n, digest in enumerate(digests)]
        measure("write the files", store.materialise_many, wanted)
        measure("verify", list, store.verify())
        shutil.rmtree(folder / f"store-{number}")
    words = ", ".join(f"{name} {seconds:.2f} s" for name, seconds in best.items())
    sys.stdout.write(f"{what}: {words}\n")


def add(store: Blobs, files: list[Path], threads: int) -> None:
    with store.batch() as batch, ThreadPoolExecutor(threads) as pool:
        parts = [files[start : start + 500] for start in range(0, len(files), 500)]
        list(pool.map(lambda part: [batch.put_file(path) for path in part], parts))


def least(target: Path, files: list[Path]) -> None:
    with target.open("wb") as out:
        for path in files:
            with path.open("rb", buffering=0) as file:
                while raw := file.read(1 << 23):
                    blake3.blake3(raw).digest()
                    out.write(raw)
        out.flush()
        os.fsync(out.fileno())


def make_small(folder: Path, kind: str) -> list[Path]:
    words = [random.randbytes(3).hex() for _ in range(500)]
    made = []
    for number in range(FILES):
        path = folder / str(number // 1000) / str(number)
        path.parent.mkdir(parents=True, exist_ok=True)
        text = " ".join(random.choices(words, k=SIZE // 6))[:SIZE].encode()
        path.write_bytes(os.urandom(SIZE) if kind == "random" else text)
        made.append(path)
    return made


if __name__ == "__main__":
    main()
