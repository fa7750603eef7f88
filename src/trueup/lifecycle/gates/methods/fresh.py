"""A model in a process of its own: what it takes to start, what it costs, what it answers there.

`python -m trueup.lifecycle.gates.methods.fresh` is that process; the order comes as JSON on stdin,
the answer is the last line of stdout. Model and rows lie in a folder that only its owner can read.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from trueup.foundation.records import Record, decode, encode

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import polars as pl

    from trueup.lifecycle.gates.evidence import ModelFile

_LONGEST: Final = 600.0
_RAPL: Final = Path("/sys/class/powercap/intel-rapl:0/energy_uj")
_SAID: Final = 300
THREADS: Final = (
    *("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"),
    *("POLARS_MAX_THREADS", "NUMEXPR_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"),
)


class FreshError(Exception):
    """The process did not answer."""


class Order(Record):
    """What to do.

    Attributes:
        format: Of the model's file.
        folder: Where `model` and `rows` lie, and where `answers.npy` is written.
        began: When the process was ordered, by the clock of the machine.
        calls: How many calls with one row to time.
        batch: Rows in a batch.
        seconds: How long to run batches; 0 for none.
    """

    format: str
    folder: str
    began: float
    calls: int = 0
    batch: int = 1000
    seconds: float = 0.0


class Costs(Record):
    """What was measured.

    Attributes:
        start: Seconds from the order of the process to its first answer.
        peak: Largest memory in bytes, answering all rows included.
        calls: Seconds of each call with one row.
        batches: Seconds of each batch.
        cpu: Processor seconds of the batches.
        joules: What the package used meanwhile by its own meter; None where that can't be read.
    """

    start: float
    peak: int
    calls: tuple[float, ...] = ()
    batches: tuple[float, ...] = ()
    cpu: float = 0.0
    joules: float | None = None


def run(
    file: ModelFile,
    rows: pl.DataFrame,
    *,
    calls: int = 0,
    batch: int = 1000,
    seconds: float = 0.0,
    threads: int = 0,
) -> tuple[Costs, npt.NDArray[np.float64]]:
    """Load a model in a fresh process, let it answer all rows, and measure.

    Args:
        file: The model.
        rows: What it takes, at least one row.
        calls: How many calls with one row to time.
        batch: Rows in a batch.
        seconds: How long to run batches; 0 for none.
        threads: How many threads libraries may use; 0 for as many as they like.

    Raises:
        FreshError: The process ended without an answer; its message says why.

    Returns:
        What it took, and the answers as the format gives them.
    """
    import numpy as np

    with tempfile.TemporaryDirectory(prefix="trueup-fresh-") as folder:
        place = Path(folder)
        (place / "model").write_bytes(file.read())
        rows.write_parquet(place / "rows")
        order = Order(
            format=file.format,
            folder=folder,
            began=time.monotonic(),
            calls=calls,
            batch=batch,
            seconds=seconds,
        )
        costs = _ordered(order, {name: str(threads) for name in THREADS} if threads else {})
        return costs, np.load(place / "answers.npy", allow_pickle=False)


def _ordered(order: Order, threads: Mapping[str, str]) -> Costs:
    # Secrets and settings of ours are no business of a model; its libraries come from our path.
    kept = {n: v for n, v in os.environ.items() if not n.startswith("TRUEUP_")}
    paths = os.pathsep.join(entry for entry in sys.path if entry)
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "trueup.lifecycle.gates.methods.fresh"],
            input=encode(order),
            capture_output=True,
            check=False,
            timeout=_LONGEST,
            cwd=order.folder,
            env={**kept, **threads, "PYTHONPATH": paths},
        )
    except subprocess.TimeoutExpired:
        raise FreshError(f"a fresh process did not answer within {_LONGEST:g} s") from None
    try:
        return decode(done.stdout.strip().splitlines()[-1], Costs)
    except (msgspec.MsgspecError, IndexError):
        lines = done.stderr.decode(errors="replace").strip().splitlines() or ["it said nothing"]
        how = f"signal {-done.returncode}" if done.returncode < 0 else f"exit {done.returncode}"
        raise FreshError(f"a fresh process ended with {how}: {lines[-1][:_SAID]}") from None


def obey(order: Order) -> Costs:
    """Load, answer, measure; in the fresh process."""
    import numpy as np
    import polars as pl

    from trueup.lifecycle.gates.methods import timing
    from trueup.ports.loading import load

    place = Path(order.folder)
    backend = load("formats", order.format)()
    predict = backend.predictor(backend.load((place / "model").read_bytes()))
    rows = pl.read_parquet(place / "rows")
    predict(rows.head(1))
    start = time.monotonic() - order.began
    np.save(place / "answers.npy", predict(rows))
    calls = timing.calls(predict, rows, order.calls) if order.calls else []
    cpu, meter, batches = _cpu(), _meter(), []
    if order.seconds:
        batches = timing.batches(predict, rows, order.batch, order.seconds)
    used, spent = _cpu() - cpu, _meter()
    has_meter = meter is not None and spent is not None and spent > meter  # it wraps around
    return Costs(
        start=start,
        peak=_peak(),
        calls=tuple(calls),
        batches=tuple(batches),
        cpu=used,
        joules=(spent - meter) / 1e6 if has_meter and order.seconds else None,  # type: ignore[operator]
    )


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _meter() -> int | None:
    try:
        return int(_RAPL.read_text())
    except (OSError, ValueError):
        return None


def _peak() -> int:
    """The largest memory of this process; Linux counts that of the parent into `ru_maxrss`."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmHWM:"))
    except (OSError, StopIteration, ValueError):
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most if sys.platform == "darwin" else most << 10


if __name__ == "__main__":
    sys.stdout.write("\n" + encode(obey(decode(sys.stdin.buffer.read(), Order))).decode() + "\n")
