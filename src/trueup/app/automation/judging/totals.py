"""From the rows of a ramp to its evidence. Pure: the same rows give the same evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from trueup.app.automation.judging.rows import ANSWERED, TIMED_OUT, Rows
from trueup.lifecycle.releases.judging.evidence import (
    ArmTotals,
    Evidence,
    IntArray,
    Moments,
    Period,
    score_bins,
)
from trueup.statistics.metrics import metric as metric_of

Column = npt.NDArray[Any]


@dataclass(frozen=True)
class Pair:
    """Which two releases are compared, and by which metrics of labels.

    Attributes:
        new: Release that is tried out.
        control: Release beside it.
        metrics: Names of metrics of rows; `reward` is the label itself.
        levels: Of the columns of scores, where the model answers quantiles.
    """

    new: int
    control: int
    metrics: Sequence[str] = ()
    levels: tuple[float, ...] = ()


def evidence(rows: Rows, pair: Pair) -> Evidence:
    """What the rows tell of the pair.

    Args:
        rows: All rows of the ramp.
        pair: The two releases.
    """
    t = rows.columns()
    is_new = t["release"] == pair.new
    is_shadow = bool((is_new & t["shadow"]).any())
    mine = is_new | ((t["release"] == pair.control) & ~t["shadow"])
    t = {name: column[mine] for name, column in t.items()}
    shares = np.array([_share(dict(weights), pair) for weights in rows.weights])
    shares = np.where(np.isnan(shares), 0.5, shares) if is_shadow else shares
    known = ~np.isnan(shares[t["weights"]]) if t["row"].size else np.zeros(0, dtype=bool)
    t = {name: column[known] for name, column in t.items()}
    period_of, kept = _periods(shares, t)
    t["period"] = period_of[t["weights"]]
    t["arm"] = (t["release"] == pair.new).astype(np.int64)
    _, t["who"] = np.unique(t["unit"], return_inverse=True)
    values = _values(rows, t, pair)
    t["side"] = t["who"] * 2 + (t["arm"] if is_shadow else 0)
    order = np.lexsort((t["arm"], t["came"], t["period"], t["side"]))
    firsts = {
        "errors": _firsts(t, order[t["state"][order] != ANSWERED], is_shadow),
        "timeouts": _firsts(t, order[t["state"][order] == TIMED_OUT], is_shadow),
        "answers": _firsts(t, order[t["state"][order] == ANSWERED]),
        "rows": _firsts(t, order),
    }
    arms = [[_arm(t, values, firsts, period, arm) for arm in (1, 0)] for period in range(len(kept))]
    latency = _latency(rows, period_of, pair, len(kept))
    counted = _counted(rows, period_of, pair, len(kept))
    periods = [
        Period(
            share=share,
            new=_with(arms[k][0], latency[k][0], counted[k][0]),
            control=_with(arms[k][1], latency[k][1], counted[k][1]),
        )
        for k, share in enumerate(kept)
    ]
    pairs = {name: _pairs(t, value) for name, value in values.items()} if is_shadow else {}
    return Evidence(periods=periods, pairs=pairs, is_shadow=is_shadow, part=rows.part)


def _share(weights: Mapping[int, float], pair: Pair) -> float:
    new, control = weights.get(pair.new, 0.0), weights.get(pair.control, 0.0)
    return new / (new + control) if new > 0 and control > 0 else float("nan")


def _periods(shares: Column, t: Mapping[str, Column]) -> tuple[IntArray, list[float]]:
    """The period of each entry of weights, and the share of each period, in order of time."""
    first: dict[float, int] = {}
    for weights in range(shares.size):
        came = t["came"][t["weights"] == weights]
        if came.size:
            share = float(shares[weights])
            first[share] = min(first.get(share, int(came.min())), int(came.min()))
    kept = sorted(first, key=lambda share: (first[share], share))
    place = {share: number for number, share in enumerate(kept)}
    return np.array([place.get(float(s), -1) for s in shares], dtype=np.int64), kept


def _arm(
    t: Mapping[str, Column],
    values: Mapping[str, Column],
    firsts: Mapping[str, Column],
    period: int,
    arm: int,
) -> ArmTotals:
    is_here = (t["period"] == period) & (t["arm"] == arm)
    here = np.flatnonzero(is_here)
    bad = {"errors": t["state"] != ANSWERED, "timeouts": t["state"] == TIMED_OUT}
    first = {name: places[is_here[places]] for name, places in firsts.items()}
    scores = t["scores"][first["answers"]]
    scores = scores.max(axis=1) if scores.ndim == 2 else scores
    told = {name: here[~np.isnan(value[here])] for name, value in values.items()}
    return ArmTotals(
        units=first["rows"].size,
        failing={kind: first[kind].size for kind in bad},
        failed={kind: _moments(t["who"][here], bad[kind][here]) for kind in bad},
        scores=score_bins(scores[np.isfinite(scores)]),
        values={name: _moments(t["who"][told[name]], values[name][told[name]]) for name in values},
    )


def _firsts(t: Mapping[str, Column], ordered: Column, is_alone: bool = False) -> Column:
    """The place of the first row of every unit, of rows that are ordered by unit and time.

    A unit counts once in a ramp, where it was met first: from there on its arm is no chance any
    more. Under a shadow it counts once in each arm, for both have every unit; what happened in
    both says nothing (`is_alone`).
    """
    side = t["side"][ordered]
    first = np.ones(ordered.size, dtype=bool)
    first[1:] = side[1:] != side[:-1]
    chosen = ordered[first]
    if is_alone:
        _, at, times = np.unique(t["who"][chosen], return_inverse=True, return_counts=True)
        chosen = chosen[times[at] == 1]
    return chosen


def _moments(who: Column, values: Column) -> Moments:
    if not values.size:
        return Moments()
    _, unit = np.unique(who, return_inverse=True)
    values = values.astype(np.float64)
    totals = np.bincount(unit, weights=values).astype(np.float64)
    sizes = np.bincount(unit).astype(np.float64)
    return Moments.of(totals, sizes, float((values**2).sum()))


def _values(rows: Rows, t: Mapping[str, Column], pair: Pair) -> dict[str, Column]:
    """For each metric its value in every row; NaN where the label is not known."""
    found = {name: np.full(t["row"].size, np.nan) for name in pair.metrics}
    places, labels = _labelled(rows, t)
    if not places.size:
        return found
    scores = t["scores"][places]
    beside = np.array(pair.levels) if pair.levels else None
    is_whole = np.isfinite(scores) if scores.ndim == 1 else np.isfinite(scores).all(axis=1)
    for name in pair.metrics:
        if name == "reward":
            found[name][places] = labels
            continue
        valid = is_whole & _is_label(labels, scores, pair)
        value = metric_of(name).values(labels[valid], scores[valid], beside)
        if value is not None:
            found[name][places[valid]] = value
    return found


def _is_label(labels: Column, scores: Column, pair: Pair) -> Column:
    known: Column = np.isfinite(labels)
    if scores.ndim == 2 and not pair.levels:  # places of classes
        known &= (labels >= 0) & (labels < scores.shape[1]) & (labels == np.floor(labels))
    return known


def _labelled(rows: Rows, t: Mapping[str, Column]) -> tuple[IntArray, Column]:
    """The places of the rows whose label is known, and the labels."""
    told = rows.labels()
    if not told["row"].size or not t["row"].size:
        return np.zeros(0, dtype=np.int64), np.zeros(0)
    keys, wanted = _key(told), _key(t)
    order = np.argsort(keys)
    place = np.minimum(np.searchsorted(keys, wanted, sorter=order), keys.size - 1)
    found = order[place]
    is_known = np.ones(wanted.size, dtype=bool)
    for name in ("high", "low", "row"):
        is_known &= told[name][found] == t[name]
    return np.flatnonzero(is_known), told["value"][found[is_known]]


def _key(of: Mapping[str, Column]) -> Column:
    """One number for a request and row, to search by; whoever searches compares the rest."""
    with np.errstate(over="ignore"):
        mixed = of["high"] * np.uint64(0x9E3779B97F4A7C15) + of["low"]
        mixed = (mixed ^ (mixed >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)
        return np.asarray(mixed + of["row"].astype(np.uint64) * np.uint64(0x94D049BB133111EB))


def _pairs(t: Mapping[str, Column], values: Column) -> Moments:
    """The shadow's value minus the control's, in the rows that both have."""
    known = ~np.isnan(values)
    keys = _key(t)
    new, control = (np.flatnonzero(known & (t["arm"] == arm)) for arm in (1, 0))
    _, at_new, at_control = np.intersect1d(
        keys[new], keys[control], assume_unique=True, return_indices=True
    )
    differences = values[new[at_new]] - values[control[at_control]]
    return _moments(t["who"][new[at_new]], differences)


def _latency(
    rows: Rows, period_of: IntArray, pair: Pair, periods: int
) -> list[tuple[dict[int, IntArray], dict[int, IntArray]]]:
    found: list[tuple[dict[int, IntArray], dict[int, IntArray]]] = [
        ({}, {}) for _ in range(periods)
    ]
    for (release, weights, shadow, size), bins in rows.latency().items():
        place = _place(release, shadow, pair)
        period = int(period_of[weights])
        if place is not None and period >= 0:
            into = found[period][place]
            into[size] = into[size] + bins if size in into else bins
    return found


def _counted(rows: Rows, period_of: IntArray, pair: Pair, periods: int) -> list[list[int]]:
    found = [[0, 0] for _ in range(periods)]
    for (release, weights, shadow), count in rows.counted.items():
        place = _place(release, shadow, pair)
        period = int(period_of[weights])
        if place is not None and period >= 0:
            found[period][place] += count
    return found


def _place(release: int, shadow: bool, pair: Pair) -> int | None:
    if release == pair.new:
        return 0
    return 1 if release == pair.control and not shadow else None


def _with(arm: ArmTotals, latency: Mapping[int, IntArray], rows: int) -> ArmTotals:
    requests = sum(int(bins.sum()) for bins in latency.values())
    return ArmTotals(
        rows=rows,
        requests=requests,
        units=arm.units,
        failing=arm.failing,
        failed=arm.failed,
        latency=latency,
        scores=arm.scores,
        values=arm.values,
    )
