"""Whatever comes in: a model answers what its task allows or refuses in words, and never hangs.

One row that is spoilt changes no other row's answer; neither do order, company and number of rows.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from trueup.foundation.text import plural
from trueup.lifecycle.gates.evidence import Evidence
from trueup.lifecycle.gates.methods.asking import Reply, ask, furthest
from trueup.lifecycle.gates.methods.spoiling import misshapen, poisoned, poisons
from trueup.lifecycle.gates.records import CheckResult, Part
from trueup.lifecycle.models.rules import conform
from trueup.lifecycle.plan.demands import Fuzzing
from trueup.ports.format import Scores

TAKES = "evidence"
_ROUNDING: Final = 1e-9  # what a sum in another order may change
_MOST_CELLS: Final = 20_000_000
# A model that runs out of memory or of its stack has not refused: it broke.
_BREAKS: Final = ("MemoryError", "RecursionError", "SystemError", "AssertionError")

Case = tuple[str, Callable[[], str]]
"""What is tried, and what finds out how that fails: empty when it does not."""


def check(demand: Fuzzing, evidence: Evidence) -> CheckResult:
    """Whether the model stands all that comes in."""
    rows = evidence.inputs.head(demand.rows)
    if rows.height < 2:
        return CheckResult(
            check="fuzzing",
            outcome="not-enough-data",
            words=f"there {'is 1 row' if rows.height else 'are no rows'}, and 2 are needed",
            rows=rows.height,
            rows_needed=2,
        )
    parts: list[Part] = []
    for name, trouble_of in _Cases(demand, evidence, rows).all():
        trouble = _within(demand.seconds, trouble_of)
        parts.append(
            Part(
                name=name,
                outcome="passed" if trouble is not None and not trouble else "failed",
                words=f"no answer within {demand.seconds:g} s" if trouble is None else trouble,
                rows=rows.height,
            )
        )
        if trouble is None:
            break  # it still runs, and would slow down all that is asked next
    failed = [part for part in parts if part.outcome == "failed"]
    words = f"it stands {plural(len(parts), 'case')}"
    if failed:
        others = f"; {plural(len(failed) - 1, 'other case')} failed" if failed[1:] else ""
        words = f"{failed[0].name}: {failed[0].words}{others}"
    return CheckResult(
        check="fuzzing",
        outcome="failed" if failed else "passed",
        words=words,
        value=float(len(failed)),
        limit=0.0,
        rows=rows.height,
        parts=tuple(parts),
    )


class _Cases:
    """What is tried on a model."""

    def __init__(self, demand: Fuzzing, evidence: Evidence, rows: pl.DataFrame) -> None:
        self._demand, self._evidence, self._rows = demand, evidence, rows
        self._before = evidence.scores[: rows.height]

    def all(self) -> Iterator[Case]:
        """Every case, the harmless ones first."""
        rows, count = self._rows, self._rows.height
        backwards = np.arange(count)[::-1]
        yield "the rows backwards", lambda: self._same(rows[backwards], backwards)
        yield "row by row", lambda: self._pieces(1, min(count, 20))
        yield "in batches of 7", lambda: self._pieces(7, min(count, 70))
        yield "no rows", lambda: self._answered(rows.clear())
        yield "a further column", self._further
        for name, frame in misshapen(rows, self._evidence.signature):
            yield name, lambda frame=frame: self._refused(frame)  # type: ignore[misc]
        for poison in poisons(self._evidence.signature):
            made = poisoned(rows, poison)
            yield poison.name, lambda made=made: self._spoilt(made)  # type: ignore[misc]
        yield f"{self._batch():,} rows at once", self._large

    def _same(self, rows: pl.DataFrame, which: npt.NDArray[np.int64]) -> str:
        """Rows that the model knows, in other company: their answers are the same."""
        reply = ask(self._evidence, rows)
        if reply.scores is None:
            return reply.trouble
        return _moved(self._before[which], reply.scores)

    def _pieces(self, size: int, rows: int) -> str:
        for start in range(0, rows, size):
            which = np.arange(start, min(start + size, rows))
            if trouble := self._same(self._rows[which], which):
                return trouble
        return ""

    def _answered(self, rows: pl.DataFrame) -> str:
        return _unclear(ask(self._evidence, rows))

    def _further(self) -> str:
        wide = self._rows.with_columns(pl.lit("more").alias("a column nobody asked for"))
        made = conform(wide, self._evidence.signature)
        return self._same(made, np.arange(made.height))

    def _refused(self, rows: pl.DataFrame) -> str:
        """Rows of the wrong shape never reach the model: the decoder before it refuses them."""
        try:
            conform(rows, self._evidence.signature)
        except pl.exceptions.PolarsError:
            return ""
        return "rows of the wrong shape were taken for sound"

    def _spoilt(self, rows: pl.DataFrame) -> str:
        """The spoilt first row is answered or refused, and every other one answered as before."""
        alone = ask(self._evidence, rows.head(1))
        if trouble := _unclear(alone):
            return trouble
        together = ask(self._evidence, rows)
        if together.scores is None:
            return _unclear(together)
        return _moved(self._before[1:], together.scores[1:])

    def _batch(self) -> int:
        return min(self._demand.batch, max(_MOST_CELLS // max(self._rows.width, 1), 1))

    def _large(self) -> str:
        places = np.arange(self._batch()) % self._rows.height
        return self._same(self._rows[places], places)


def _unclear(reply: Reply) -> str:
    """Why a reply is neither an answer nor a refusal in words; empty when it is one."""
    if reply.scores is not None:
        return ""
    kind, colon, _ = reply.trouble.removeprefix("it raises ").partition(": ")
    if reply.refused and colon and kind not in _BREAKS:
        return ""
    return reply.trouble if colon or not reply.refused else f"{reply.trouble} without a word"


def _moved(before: Scores, after: Scores) -> str:
    moved = int(np.count_nonzero(furthest(before, after) > _ROUNDING))
    return f"{moved:,} of {len(before):,} answers to other rows changed" if moved else ""


def _within(seconds: float, find_out: Callable[[], str]) -> str | None:
    """What a case finds; None when it takes longer, and is left to itself."""
    found: list[str] = []

    def run() -> None:
        found.append(find_out())

    # Not a pool: the end of the program would wait for what never ends.
    thread = threading.Thread(target=run, name="fuzzing", daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        return None
    return found[0] if found else "the check itself broke"
