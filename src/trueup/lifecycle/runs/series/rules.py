"""What a sweep, a search and an objective say, and how runs compare. Pure functions.

lr=0.1,0.2          these values                depth=2..6          2, 3, 4, 5, 6
lr=0..1:0.25        every quarter               layers=[[8],[8,8]]  values as JSON
lr=0.001..0.3:log   (a search) any number between, by orders of magnitude
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import msgspec

from trueup.foundation import digests
from trueup.foundation.errors import UsageError
from trueup.foundation.records import encode
from trueup.foundation.text import did_you_mean, listing
from trueup.lifecycle.runs.records import Metric, Run
from trueup.lifecycle.runs.series.records import (
    Choice,
    Compared,
    Comparison,
    Objective,
    Range,
    Space,
)

MOST: Final = 10_000
_DOTS: Final = ".."
_LOG: Final = "log"
_ID: Final = 12


def axes(given: Iterable[str]) -> dict[str, list[str]]:
    """The values of each parameter of a sweep, as text, from `NAME=VALUES`.

    Raises:
        UsageError: One is malformed, empty, or named twice, or there are too many combinations.

    Example:
        >>> axes(["lr=0.1,0.2", "depth=2..4"])
        {'lr': ['0.1', '0.2'], 'depth': ['2', '3', '4']}
    """
    found: dict[str, list[str]] = {}
    for name, text in _pairs(given):
        if name in found:
            raise _wrong(name, text, "the parameter is there twice")
        found[name] = _values(name, text)
    count = math.prod(len(values) for values in found.values())
    if count > MOST:
        sizes = " x ".join(str(len(values)) for values in found.values())
        raise UsageError(
            "sweep-malformed",
            f"The sweep has {sizes} = {count:,} combinations; at most {MOST:,} are run.",
            hint="trueup run --search 100 --by METRIC:max NAME=LOW..HIGH",
        )
    return found


def grid(of: Mapping[str, Sequence[str]]) -> list[dict[str, str]]:
    """All combinations; the last parameter changes fastest.

    Example:
        >>> grid({"a": ["1", "2"], "b": ["x"]})
        [{'a': '1', 'b': 'x'}, {'a': '2', 'b': 'x'}]
    """
    return [dict(zip(of, values, strict=True)) for values in itertools.product(*of.values())]


def space(
    given: Iterable[str], type_of: Callable[[str], Any], read: Callable[[str, str], Any]
) -> Space:
    """What a search may choose from, from `NAME=LOW..HIGH[:log]` and `NAME=VALUES`.

    Args:
        given: The texts.
        type_of: Gives the type of a parameter.
        read: Gives the value that a text means for a parameter.

    Raises:
        UsageError: One is malformed or not of the parameter's type.
    """
    found: Space = {}
    for name, text in _pairs(given):
        if name in found:
            raise _wrong(name, text, "the parameter is there twice")
        type_ = type_of(name)
        if _DOTS in text and not text.startswith("["):
            if type_ not in (int, float):
                raise _wrong(name, text, "only whole and other numbers have ranges; list values")
            found[name] = _range(name, text, whole=type_ is int)
        else:
            values = tuple(read(name, value) for value in _values(name, text))
            found[name] = Choice(values=tuple(msgspec.to_builtins(v) for v in values))
    if not found:
        raise UsageError(
            "sweep-malformed",
            "A search needs at least one parameter to choose.",
            hint="trueup run --search 30 --by METRIC:max NAME=LOW..HIGH",
        )
    return found


def objective(text: str, direction_of: Callable[[str], str]) -> Objective:
    """What `METRIC[:max|min]` asks for.

    Args:
        text: The text.
        direction_of: Gives `higher` or `lower` for metrics that are known, else nothing.

    Raises:
        UsageError: The direction is unknown, or neither given nor known.

    Example:
        >>> objective("brier", lambda _: "lower").direction
        'min'
    """
    metric, _, direction = text.partition(":")
    known = {"higher": "max", "lower": "min"}
    direction = direction or known.get(direction_of(metric.rpartition(".")[2]), "")
    if not metric or direction not in ("max", "min"):
        raise UsageError(
            "objective-malformed",
            f"'{text}' does not say which of two runs is the better one.",
            hint=f"--by {metric or 'METRIC'}:max   (or {metric or 'METRIC'}:min)",
        )
    return Objective(metric=metric, direction=direction)  # type: ignore[arg-type]


def identifier(facts: Mapping[str, Any]) -> str:
    """The identifier of a sweep: the same of the same code, so that it goes on where it was."""
    return digests.of_bytes(encode(dict(facts))).removeprefix(digests.PREFIX)[:_ID]


def value_of(wanted: Objective, metrics: Iterable[Metric]) -> float | None:
    """The value that a run has for an objective; None when it reports none.

    Raises:
        UsageError: Several of its steps report a metric of that name, with different values.
    """
    found = {
        f"{m.step}.{m.name}": m.value
        for m in metrics
        if wanted.metric in (m.name, f"{m.step}.{m.name}")
    }
    if len(set(found.values())) > 1:
        raise UsageError(
            "metric-ambiguous",
            f"Several steps report '{wanted.metric}': {listing(found)}.",
            hint=f"--by {next(iter(found))}:{wanted.direction}",
        )
    return next(iter(found.values()), None)


def compare(
    runs: Sequence[Run],
    metrics: Mapping[str, Sequence[Metric]],
    wanted: Objective | None = None,
) -> Comparison:
    """Runs side by side, with what they differ in.

    Args:
        runs: The runs.
        metrics: Their metrics, by run.
        wanted: What makes one better than another.

    Raises:
        UsageError: None of them reports the metric, or several steps of one do.
    """
    names = _columns(metric for found in metrics.values() for metric in found)
    compared = [_compared(run, metrics.get(run.id, ()), names) for run in runs]
    best = ""
    if wanted is not None:
        values = {run.id: value_of(wanted, metrics.get(run.id, ())) for run in runs}
        known = {run: value for run, value in values.items() if value is not None}
        if runs and not known:
            raise UsageError(
                "metric-missing",
                f"None of the runs reports '{wanted.metric}'."
                f"{did_you_mean(wanted.metric, names.values())}",
                hint=f"trueup runs show {runs[0].ref}",
            )
        sign = -1 if wanted.direction == "max" else 1
        compared.sort(key=lambda c: (c.run not in known, sign * known.get(c.run, 0.0)))
        best = compared[0].run if compared else ""
    return Comparison(
        parameters=_differing(runs),
        metrics=tuple(dict.fromkeys(names.values())),
        runs=tuple(compared),
        objective=wanted,
        best=best,
    )


def _differing(runs: Sequence[Run]) -> tuple[str, ...]:
    names = dict.fromkeys(name for run in runs for name in run.parameters)
    if len(runs) < 2:
        return tuple(names)
    seen = {name: {encode(run.parameters.get(name)) for run in runs} for name in names}
    return tuple(name for name in names if len(seen[name]) > 1)


def _columns(metrics: Iterable[Metric]) -> dict[tuple[str, str], str]:
    """The column of each metric: its name, with its step where several steps report it."""
    found = sorted({(metric.name, metric.step) for metric in metrics})
    often = {name for name, _ in found if sum(other == name for other, _ in found) > 1}
    return {(s, n): f"{s}.{n}" if n in often else n for n, s in found}


def _compared(
    run: Run, metrics: Sequence[Metric], names: Mapping[tuple[str, str], str]
) -> Compared:
    took = (run.ended_at - run.started_at).total_seconds() if run.ended_at else None
    return Compared(
        run=run.id,
        state=run.state,
        started_at=run.started_at,
        seconds=took,
        parameters=run.parameters,
        partition=run.partition,
        metrics={names[metric.step, metric.name]: metric.value for metric in metrics},
    )


def _pairs(given: Iterable[str]) -> Iterable[tuple[str, str]]:
    for text in given:
        name, equals, values = text.partition("=")
        if not equals or not name.strip() or not values.strip():
            raise _wrong(name.strip(), values, "it is not written as NAME=VALUES")
        yield name.strip(), values.strip()


def _values(name: str, text: str) -> list[str]:
    if text.startswith("["):
        try:
            listed = msgspec.json.decode(text, type=list[Any])
        except msgspec.DecodeError as error:
            raise _wrong(name, text, f"it is no JSON list: {error}") from error
        found = [v if isinstance(v, str) else encode(v).decode() for v in listed]
    elif _DOTS in text:
        found = _steps(name, text)
    else:
        found = [value.strip() for value in text.split(",")]
    if not found or "" in found:
        raise _wrong(name, text, "a value is missing")
    return list(dict.fromkeys(found))


def _steps(name: str, text: str) -> list[str]:
    bounds, _, width = text.partition(":")
    first, last = (_number(name, text, bound) for bound in _bounds(name, text, bounds))
    if not width and (first % 1 or last % 1):
        raise _wrong(name, text, "numbers with a fraction need a step, such as 0..1:0.25")
    step = _number(name, text, width) if width else Decimal(1)
    if step <= 0:
        raise _wrong(name, text, "the step must be more than 0")
    if last < first:
        raise _wrong(name, text, f"write the smaller one first: {last}..{first}")
    count = int((last - first) / step) + 1
    if count > MOST:
        raise _wrong(name, text, f"these are {count:,} values; at most {MOST:,} are run")
    return [_plain(first + number * step) for number in range(count)]


def _range(name: str, text: str, *, whole: bool) -> Range:
    bounds, _, kind = text.partition(":")
    low, high = (_number(name, text, bound) for bound in _bounds(name, text, bounds))
    step = Decimal(0) if kind in ("", _LOG) else _number(name, text, kind)
    wrong = ""
    if high <= low:
        wrong = "the second number must be the larger one"
    elif whole and (low % 1 or high % 1 or step % 1):
        wrong = "the parameter is a whole number"
    elif kind == _LOG and low <= 0:
        wrong = "orders of magnitude begin above 0"
    elif kind not in ("", _LOG) and step <= 0:
        wrong = "the step must be more than 0"
    if wrong:
        raise _wrong(name, text, wrong)
    return Range(low=float(low), high=float(high), log=kind == _LOG, step=float(step), whole=whole)


def _bounds(name: str, text: str, bounds: str) -> tuple[str, str]:
    first, _, last = bounds.partition(_DOTS)
    if not first.strip() or not last.strip():
        raise _wrong(name, text, "a range has a number on both sides: 2..6")
    return first, last


def _number(name: str, text: str, number: str) -> Decimal:
    try:
        found = Decimal(number.strip())
    except InvalidOperation as error:
        raise _wrong(name, text, f"'{number.strip()}' is no number") from error
    if not found.is_finite() or abs(found.adjusted()) > 30:
        raise _wrong(name, text, f"'{number.strip()}' is no finite number of a usual size")
    return found


def _plain(number: Decimal) -> str:
    shown = format(number.normalize(), "f")
    return "0" if shown in ("-0", "0") else shown


def _wrong(name: str, text: str, why: str) -> UsageError:
    return UsageError(
        "sweep-malformed",
        f"The values '{name}={text}' cannot be read: {why}.",
        hint=f"--sweep {name or 'NAME'}=0.1,0.2   (or {name or 'NAME'}=2..6)",
        context={"parameter": name, "values": text},
    )
