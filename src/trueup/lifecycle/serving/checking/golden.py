"""Golden rows: answers that were recorded once, and must hold for every version after."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Final

import msgspec

from trueup.foundation.errors import TrueupError, UsageError
from trueup.foundation.records import Record, decode, encode
from trueup.lifecycle.gates.methods.parts import told, worst
from trueup.lifecycle.gates.records import CheckResult, Part
from trueup.lifecycle.serving.checking.asking import Columns, Deployment, columns_of, request

_MOST: Final = 20
_AT_ONCE: Final = 500


class Golden(Record):
    """Rows, and the answers that they must get.

    Attributes:
        deployment: Where they were recorded.
        tolerance: The largest difference that counts as the same.
        columns: Values by input.
        scores: One a row.
    """

    deployment: str
    tolerance: float
    columns: dict[str, list[Any]]
    scores: list[float]


def record(deployment: Deployment, columns: Columns, tolerance: float) -> Golden:
    """Ask for the answers to rows, and keep both.

    Raises:
        BackendError: It does not answer them.
    """
    return Golden(
        deployment=deployment.name,
        tolerance=tolerance,
        columns={name: list(values) for name, values in columns.items()},
        scores=_asked(deployment, columns),
    )


def write(golden: Golden) -> str:
    """The text of a file of golden rows."""
    return msgspec.json.format(encode(golden)).decode() + "\n"


def read(path: Path) -> Golden:
    """The golden rows in a file.

    Raises:
        UsageError: It is none.
    """
    try:
        golden = decode(path.read_bytes(), Golden)
    except OSError as error:
        why = error.strerror or str(error)
    except msgspec.MsgspecError as error:
        why = str(error)
    else:
        counts = {len(values) for values in golden.columns.values()} | {len(golden.scores)}
        if len(counts) == 1 and golden.scores:
            return golden
        why = "its columns and scores have different lengths, or no rows"
    raise UsageError(
        "golden-unreadable",
        f"{path.name} holds no golden rows: {why}.",
        hint="trueup check service URL --model NAME --rows FILE --record golden.json",
    )


def check(deployment: Deployment, golden: Golden) -> CheckResult:
    """Whether every golden row still gets its answer."""
    count = len(golden.scores)
    try:
        about = deployment.description()
        import polars as pl

        columns_of(about, pl.DataFrame(golden.columns, strict=False), "the golden file")
        found = _asked(deployment, golden.columns)
    except TrueupError as error:
        return CheckResult(check="golden", outcome="error", words=error.message)
    parts = [
        _row(number, expected, answer, golden.tolerance)
        for number, (expected, answer) in enumerate(zip(golden.scores, found, strict=True), 1)
    ]
    moved = [part for part in parts if part.outcome != "passed"]
    most = max(
        (abs(p.value - p.limit) for p in parts if p.value is not None and p.limit), default=0
    )
    return CheckResult(
        check="golden",
        outcome=worst(parts),
        words=told(parts, f"all {count:,} golden rows hold, the largest move is {most:.2g}")
        if len(moved) < 2
        else f"{len(moved):,} of {count:,} golden rows moved, such as {moved[0].words}",
        value=float(len(moved)),
        limit=0.0,
        rows=count,
        parts=tuple((moved or parts)[:_MOST]),
    )


def _row(number: int, expected: float, answer: float, tolerance: float) -> Part:
    gone = not math.isfinite(answer)
    moved = gone or abs(answer - expected) > tolerance
    words = f"row {number}: {'no number' if gone else f'{answer:.6g}'} instead of {expected:.6g}"
    return Part(
        name=f"row {number}",
        outcome="failed" if moved else "passed",
        words=words if moved else f"row {number}: {answer:.6g}",
        value=None if gone else answer,
        lower=expected - tolerance,
        upper=expected + tolerance,
        limit=expected,
        rows=1,
    )


def _asked(deployment: Deployment, columns: Columns) -> list[float]:
    about = deployment.description()
    count = len(next(iter(columns.values())))
    found: list[float] = []
    for start in range(0, count, _AT_ONCE):
        piece = {name: values[start : start + _AT_ONCE] for name, values in columns.items()}
        found += deployment.answers(request(about, piece)).scores()
    if len(found) != count:
        raise UsageError(
            "service-rows",
            f"{deployment.where} gives {len(found):,} numbers for {count:,} rows.",
            hint=f"curl -i '{deployment.address()}'",
        )
    return found
