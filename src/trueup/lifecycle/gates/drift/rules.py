"""What a difference means: the verdict of a test, of a column, of the whole. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from trueup.foundation.text import listing, plural
from trueup.lifecycle.gates.drift.measuring import Measured
from trueup.lifecycle.gates.drift.records import (
    HARMFUL,
    ColumnDrift,
    Limits,
    Side,
    Test,
    Verdict,
)
from trueup.rendering import words
from trueup.statistics import shifts
from trueup.statistics.drift import benjamini_hochberg
from trueup.statistics.shifts import Shift

_GRAVEST: Final[tuple[Verdict, ...]] = (
    "absent",
    "retyped",
    "changed",
    "not-enough-data",
    "not-compared",
    "new",
    "negligible",
    "unchanged",
)


def judge(measured: Sequence[Measured], limits: Limits) -> list[ColumnDrift]:
    """The columns with their verdicts, gravest first.

    All tests of all columns are one family: the false alarms are theirs together.
    """
    asked = [shift for each in measured for _, _, shift in each.shifts]
    adjusted = iter(benjamini_hochberg([shift.p_value for shift in asked])[0].tolist())
    # The first of many to be believed must be below this.
    alpha = limits.false_alarms / max(1, len(asked))
    found = []
    for each in measured:
        tests = tuple(
            _test(what, method, shift, next(adjusted), alpha, limits)
            for what, method, shift in each.shifts
        )
        found.append(_column(each, tests))
    return ordered(found)


def ordered(columns: Sequence[ColumnDrift]) -> list[ColumnDrift]:
    """Gravest first, of these the largest effect first, then by name."""
    return sorted(
        columns,
        key=lambda column: (
            _GRAVEST.index(column.verdict),
            -max((test.effect for test in column.tests), default=0.0),
            column.name,
        ),
    )


def absent(name: str, type_: str, *, is_new: bool) -> ColumnDrift:
    """A column that only one table has."""
    side = Side(type=type_)
    return ColumnDrift(
        name=name,
        kind="other",
        verdict="new" if is_new else "absent",
        words=f"only the {'current' if is_new else 'reference'} table has it",
        reference=Side() if is_new else side,
        current=side if is_new else Side(),
    )


def retyped(name: str, types: tuple[str, str], note: str) -> ColumnDrift:
    """A column that holds another kind of value now."""
    said = f"{types[0]} in the reference, {types[1]} now"
    return ColumnDrift(
        name=name,
        kind="other",
        verdict="retyped",
        words=f"{said}; {note}" if note else said,
        reference=Side(type=types[0]),
        current=Side(type=types[1]),
    )


def whole(columns: Sequence[ColumnDrift]) -> tuple[Verdict, str]:
    """The verdict on both tables, and the same in words."""
    names = {verdict: [c.name for c in columns if c.verdict == verdict] for verdict in _GRAVEST}
    said = [
        f"{plural(len(names[verdict]), 'column')} {_SAID[verdict]}"
        + (f" ({_some(names[verdict])})" if verdict in _NAMED else "")
        for verdict in _GRAVEST
        if names[verdict]
    ]
    if not said:
        return "not-enough-data", "there is no column to compare"
    compared = {column.verdict for column in columns}
    if compared & HARMFUL:
        verdict: Verdict = "changed"
    elif "not-enough-data" in compared or not compared & {"negligible", "unchanged"}:
        verdict = "not-enough-data"
    else:
        verdict = "unchanged"
    return verdict, ", ".join(said)


_NAMED: Final = {"absent", "retyped", "changed", "new"}
_SAID: Final[dict[Verdict, str]] = {
    "absent": "absent",
    "retyped": "of another type",
    "changed": "changed",
    "not-enough-data": "without enough data",
    "not-compared": "not compared",
    "new": "new",
    "negligible": "changed too little to matter",
    "unchanged": "unchanged",
}


def _test(
    what: str, method: str, shift: Shift, adjusted: float, alpha: float, limits: Limits
) -> Test:
    smallest = shifts.detectable(shift, alpha)
    if adjusted <= limits.false_alarms:
        verdict: Verdict = "changed" if shift.effect >= limits.effect else "negligible"
    else:
        verdict = "unchanged" if smallest <= limits.effect else "not-enough-data"
    needed = 0
    if verdict == "not-enough-data":
        needed = shifts.rows_needed(shift, limits.effect, alpha)
    return Test(
        what=what,  # type: ignore[arg-type]
        method=method,
        verdict=verdict,
        p_value=shift.p_value,
        adjusted=adjusted,
        observed=shift.observed,
        effect=shift.effect,
        noise_floor=shift.noise_floor,
        detectable=smallest if math.isfinite(smallest) and smallest <= 1 else None,
        rows_needed=needed,
    )


def _column(each: Measured, tests: tuple[Test, ...]) -> ColumnDrift:
    verdicts: list[Verdict] = [test.verdict for test in tests] or ["not-compared"]
    verdict = min(verdicts, key=_GRAVEST.index)
    deciding = [test for test in tests if test.verdict == verdict]
    return ColumnDrift(
        name=each.name,
        kind=each.kind,
        verdict=verdict,
        words=_sentence(each, verdict, deciding),
        tests=tests,
        reference=each.sides[0],
        current=each.sides[1],
        distances=each.distances,
        picture=each.picture,
    )


def _sentence(each: Measured, verdict: Verdict, deciding: Sequence[Test]) -> str:
    if verdict == "not-compared":
        return each.note
    before, now = each.sides
    if verdict == "not-enough-data":
        return _too_few(each, deciding[0])
    if verdict == "unchanged":
        least = max(test.detectable or 0.0 for test in deciding)
        return f"a change of {_share(least)} of the rows would have shown"
    said = []
    for test in deciding:
        if test.what == "missing":
            said += _missing(before, now)
        else:
            said.append(f"{_share(test.effect)} of the rows are elsewhere" + _moved(before, now))
    if each.note:
        said.append(each.note)
    return "; ".join(said)


def _missing(before: Side, now: Side) -> list[str]:
    said = []
    for name in ("missing", "infinite"):
        was, is_ = getattr(before, name), getattr(now, name)
        if was or is_:
            said.append(
                f"{name} from {_share(was / max(1, before.rows))} "
                f"to {_share(is_ / max(1, now.rows))} of the rows"
            )
    return said


def _moved(before: Side, now: Side) -> str:
    if before.mean is None or now.mean is None or not before.deviation:
        return ""
    by = (now.mean - before.mean) / before.deviation
    if abs(by) < 0.01:
        return ""
    return (
        f", the mean moved from {words.number(before.mean)} to {words.number(now.mean)} "
        f"({words.difference(by, 2)} deviations)"
    )


def _too_few(each: Measured, test: Test) -> str:
    before, now = each.sides
    if not before.rows or not now.rows:
        return f"the {'reference' if not before.rows else 'current'} table has no rows"
    for side, name in ((before, "reference"), (now, "current")):
        if side.rows == side.missing + side.infinite:
            return f"the {name} column has no value"
    if each.note and test.detectable is None:
        return each.note
    seen = (
        f"these rows show a change of {_share(test.detectable)} or more"
        if test.detectable is not None
        else "these rows show no change, however large"
    )
    if test.rows_needed:
        return f"{seen}; about {plural(test.rows_needed, 'current row')} would do"
    return f"{seen}; the reference of {plural(before.rows, 'row')} is too small"


def _share(value: float) -> str:
    return f"{100 * value:.2g} %" if value < 0.995 else f"{100 * value:.0f} %"


def _some(names: Sequence[str]) -> str:
    shown = [name if len(name) <= 40 else name[:39] + "…" for name in names[:4]]
    more = len(names) - len(shown)
    return listing(shown) if not more else f"{', '.join(shown)} and {more:,} more"
