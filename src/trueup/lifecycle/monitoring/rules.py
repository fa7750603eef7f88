"""Decisions of monitoring: what a window proves, and what follows. Pure functions.

Only proven harm is a breach, and every breach is paid from a stated budget of false alarms.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final, Literal

from scipy import special

from trueup.foundation.text import listing
from trueup.lifecycle.monitoring.records import (
    Alert,
    Finding,
    FindingVerdict,
    Judged,
    Severity,
)
from trueup.lifecycle.plan.records import Goal
from trueup.lifecycle.plan.rules import limit as limits
from trueup.statistics import intervals
from trueup.statistics.drift import benjamini_hochberg, drift_test
from trueup.statistics.metrics import METRICS, Estimate
from trueup.statistics.summaries import Counts

FALSE_DISCOVERIES: Final = 0.05  # share of named columns that may be named by chance
LEAST_PSI: Final = 0.1  # smaller shifts are real but do not matter
LEAST_SHARE: Final = 0.05  # rise of missing or unseen values that matters
LARGEST_ERROR_RATE: Final = 0.01
FEWEST_ROWS: Final = 100
FEWEST_DAYS: Final = 7  # below, an error by day is itself hardly known
CLEAN_TO_RESOLVE: Final = 2
_LARGEST_ALPHA: Final = 0.05
_YEAR: Final = timedelta(days=365.25)


def alpha_per_test(false_alarms_per_year: float, every: timedelta, tests: int) -> float:
    """The false alarm rate that one test of one evaluation may have.

    Expected false alarms add up over tests and evaluations whatever their dependence, so this
    split keeps the yearly budget, as far as the bound of each test keeps its level: few and skewed
    days can spend up to about twice as much. It is never above 0.05.

    Example:
        >>> round(alpha_per_test(1.0, timedelta(days=7), 2), 5)
        0.00958
    """
    looks = _YEAR / every * max(tests, 1)
    return min(false_alarms_per_year / looks, _LARGEST_ALPHA)


def judge_goal(goal: Goal, estimate: Estimate, alpha: float, days: int | None = None) -> Finding:
    """Whether a measurement proves that a goal is broken.

    Args:
        goal: The goal; its watch sets limit and fewest rows.
        estimate: The measurement.
        alpha: Chance of a breach while the goal is kept.
        days: Days with rows, if the standard error was taken by day.

    Returns:
        `breach` if the confidence bound lies beyond the limit; `not-enough-data` below `min_rows`
        or `FEWEST_DAYS`, beyond the limit without proof, or with an error too large to tell; `ok`
        otherwise.
    """
    at_least, at_most = limits(goal, "watch")
    limit = at_least if at_least is not None else at_most
    assert limit is not None  # the plan was checked: a watch has exactly one limit
    side: Literal["upper", "lower"] = "upper" if at_least is not None else "lower"
    sign = 1.0 if at_least is not None else -1.0
    confidence = 1 - alpha
    bound = intervals.bound(estimate, confidence, side)
    known = math.isfinite(estimate.value) and math.isfinite(bound)
    reach = abs(bound - estimate.value) if known else math.inf
    distance = sign * (estimate.value - limit) if known else math.nan
    verdict, needed = _compare(goal, estimate.n, reach, distance, limit)
    if days is not None and days < FEWEST_DAYS:
        verdict = "not-enough-data"
        needed = max(needed, math.ceil(estimate.n * FEWEST_DAYS / max(days, 1)), estimate.n + 1)
    by_day = "" if days is None else " (standard error by day)"
    words = {
        "breach": f"{goal.metric} {estimate.value:.4g} breaks the limit {limit:g}: "
        f"even the bound {bound:.4g} does{by_day}",
        "ok": f"{goal.metric} {estimate.value:.4g} keeps the limit {limit:g}{by_day}",
        "not-enough-data": _lack(estimate.n, needed, days),
    }
    return Finding(
        monitor=f"{goal.id}.watch",
        kind="latency" if METRICS[goal.metric].needs == "latency" else "performance",
        verdict=verdict,
        goal=goal.id,
        value=estimate.value if math.isfinite(estimate.value) else None,
        limit=limit,
        bound=bound if known else None,
        confidence=confidence,
        n=estimate.n,
        needed=needed,
        detail=words[verdict],
        metric=goal.metric,
    )


def as_estimate(finding: Finding) -> Finding:
    """The finding of an estimated value: it warns and never proves harm."""
    verdict: FindingVerdict = "warning" if finding.verdict == "breach" else finding.verdict
    return Finding(
        **{name: getattr(finding, name) for name in finding.__struct_fields__}
        | {
            "monitor": f"{finding.goal}.estimate",
            "kind": "estimate",
            "verdict": verdict,
            "detail": f"estimated without labels: {finding.detail}; blind to a change of what the "
            "inputs mean",
        }
    )


def judge_drift(columns: Mapping[str, tuple[Counts, Counts]]) -> Finding:
    """Which columns changed, over all columns together: at most a warning.

    Args:
        columns: Counts of training and counts now, over the same cells.
    """
    tests = {name: drift_test(*both) for name, both in columns.items()}
    names = sorted(tests)
    _, changed = benjamini_hochberg([tests[n].p_value for n in names], FALSE_DISCOVERIES)
    sizes = {name: tests[name].psi_corrected for name in names}
    proven = [name for name, is_changed in zip(names, changed, strict=True) if is_changed]
    large = sorted((n for n in proven if sizes[n] >= LEAST_PSI), key=lambda n: -sizes[n])
    blind = [name for name in names if tests[name].minimum_detectable > LEAST_PSI]
    rows = max((test.n_current for test in tests.values()), default=0)
    needed = max((_rows_to_see(columns[name][0], rows) for name in blind), default=0)
    verdict: FindingVerdict
    if large:
        verdict, detail = "warning", f"{listing(large[:5])} changed"
    elif blind or not names:
        verdict, detail = "not-enough-data", f"{rows} rows cannot show a change that matters"
    elif proven:
        verdict, detail = "changed-but-negligible", f"{listing(proven[:5])} changed a little"
    else:
        verdict, detail = "ok", "no column changed"
    return Finding(
        monitor="drift",
        kind="drift",
        verdict=verdict,
        value=max(sizes.values(), default=None),
        limit=LEAST_PSI,
        confidence=1 - FALSE_DISCOVERIES,
        n=rows,
        needed=needed if verdict == "not-enough-data" else 0,
        detail=detail,
        columns=tuple(large or proven),
        metric="psi",
        numbers={name: size for name, size in sizes.items() if math.isfinite(size)},
    )


def judge_quality(
    rises: Mapping[str, tuple[int, int, int, int]], unusable_scores: int, waiting: int
) -> Finding:
    """Whether values are missing, or never seen in training, more often than in training.

    Args:
        rises: For each `<column> missing` and `<column> unseen`: how many and of how many rows,
            now and in training.
        unusable_scores: Scores that are no probability.
        waiting: Labels of the deployment whose prediction has not been seen.
    """
    names = sorted(rises)
    p_values = [_rise_p(*rises[name]) for name in names]
    _, proven = benjamini_hochberg(p_values, FALSE_DISCOVERIES)
    sizes = {name: _rise(*rises[name]) for name in names}
    large = [n for n, p in zip(names, proven, strict=True) if p and sizes[n] >= LEAST_SHARE]
    rows = max((rise[1] for rise in rises.values()), default=0)
    verdict: FindingVerdict
    if large or unusable_scores:
        verdict = "warning"
        told = [f"{name} in {rises[name][0] / rises[name][1]:.0%} of rows" for name in large[:5]]
        told += [f"{unusable_scores} scores are no probability"] if unusable_scores else []
        detail = listing(told)
    elif rows < FEWEST_ROWS:
        verdict, detail = "not-enough-data", f"{rows} rows are fewer than {FEWEST_ROWS}"
    else:
        verdict, detail = "ok", "values are as complete as in training"
    return Finding(
        monitor="quality",
        kind="quality",
        verdict=verdict,
        value=max(sizes.values(), default=None),
        limit=LEAST_SHARE,
        confidence=1 - FALSE_DISCOVERIES,
        n=rows,
        needed=FEWEST_ROWS if verdict == "not-enough-data" else 0,
        detail=detail,
        columns=tuple(sorted({name.rpartition(" ")[0] for name in large})),
        metric="share",
        numbers={name: size for name, size in sizes.items() if size > 0}
        | {"scores that are no probability": unusable_scores}
        | {"labels without a prediction": waiting},
    )


def judge_errors(failed: int, answered: int, alpha: float) -> Finding:
    """Whether more requests fail than may: an exact (Clopper-Pearson) bound."""
    requests = failed + answered
    lower = float(special.betaincinv(failed, answered + 1, alpha)) if failed else 0.0
    verdict: FindingVerdict = "ok" if requests else "not-enough-data"
    if lower > LARGEST_ERROR_RATE:
        verdict = "breach"
    share = failed / requests if requests else None
    return Finding(
        monitor="errors",
        kind="errors",
        verdict=verdict,
        value=share,
        limit=LARGEST_ERROR_RATE,
        bound=lower if requests else None,
        confidence=1 - alpha,
        n=requests,
        needed=0 if requests else 1,
        detail=f"{failed} of {requests} requests failed" if requests else "no requests",
        metric="error_rate",
    )


def severity(finding: Finding) -> Severity:
    """How loud an alert is: proven harm asks for a person, the rest can wait."""
    return "page" if finding.kind in ("performance", "latency", "errors") else "notice"


def still_resolving(alert: Alert, verdict: FindingVerdict) -> int:
    """Clean evaluations in a row after one more; a lack of data neither adds nor takes away."""
    if verdict == "ok":
        return alert.clean + 1
    return alert.clean if verdict == "not-enough-data" else 0


def judge_alert(
    finding: Finding, at_least: float | None, at_most: float | None, unlabelled: int, is_late: bool
) -> Judged:
    """Whether an alert's harm was real, from the window that raised it, measured again.

    The value alone decides, without a bound: complete labels leave nothing to estimate about what
    happened in that window. What it foretells of other windows is not asked here.

    Args:
        finding: The monitor's finding on that window with the labels known now.
        at_least: The limit it is held against, or
        at_most: the limit it is held against.
        unlabelled: Rows of the window without a label.
        is_late: Whether labels still absent will not come any more.

    Returns:
        `unknown` while labels are to come; then `true` if the value really breaks the limit.
    """
    if (unlabelled and not is_late) or finding.value is None:
        return "unknown"
    is_broken = (at_least is not None and finding.value < at_least) or (
        at_most is not None and finding.value > at_most
    )
    return "true" if is_broken else "false"


def is_beyond(finding: Finding, at_least: float | None, at_most: float | None) -> bool:
    """Whether the value lies beyond the limit, proven or not."""
    if finding.value is None:
        return False
    return (at_least is not None and finding.value < at_least) or (
        at_most is not None and finding.value > at_most
    )


def share_rose(now: tuple[int, int], before: tuple[int, int]) -> bool:
    """Whether a share (count, of) moved by a tenth of all rows or a quarter of itself, provably.

    Example:
        >>> share_rose((330, 1000), (200, 1000)), share_rose((21, 100), (20, 100))
        (True, False)
    """
    if min(now[1], before[1]) < FEWEST_ROWS:
        return False
    p, q = now[0] / now[1], before[0] / before[1]
    pooled = (now[0] + before[0]) / (now[1] + before[1])
    error = math.sqrt(pooled * (1 - pooled) * (1 / now[1] + 1 / before[1]))
    return error > 0 and abs(p - q) / error > 3 and abs(p - q) >= min(0.1, q / 4)


def _compare(
    goal: Goal, n: int, reach: float, distance: float, limit: float
) -> tuple[FindingVerdict, int]:
    fewest = goal.watching.min_rows
    if n < fewest or not math.isfinite(reach):
        return "not-enough-data", max(fewest, n + 1)
    if distance < -reach:
        return "breach", 0
    if distance < 0:
        return "not-enough-data", max(math.ceil(n * (reach / distance) ** 2), n + 1)
    widest = _widest(goal, limit)
    if distance < reach and reach > widest:
        return "not-enough-data", math.ceil(n * (reach / widest) ** 2)
    return "ok", 0


def _lack(n: int, needed: int, days: int | None) -> str:
    if days is None:
        return f"{n} rows cannot tell; about {needed} would"
    if days < FEWEST_DAYS:
        return (
            f"{n} rows of {days} days cannot tell: the standard error by day needs {FEWEST_DAYS} "
            "days with rows"
        )
    # More rows of the same days would not do: the day is what varies.
    more = max(math.ceil(days * needed / max(n, 1)), days + 1)
    return f"{n} rows of {days} days cannot tell (standard error by day); about {more} days would"


def _widest(goal: Goal, limit: float) -> float:
    # An error above a tenth of the limit hides harm that matters; shares near 0 get 0.05.
    is_share = METRICS[goal.metric].needs != "latency"
    return max(0.1 * abs(limit), 0.05 if is_share else 0.0)


def _rows_to_see(trained: Counts, rows: int) -> int:
    # How many cells can be told apart depends on the rows, so there is no formula: try.
    needed = max(rows, FEWEST_ROWS)
    for _ in range(20):
        test = drift_test(trained, trained * (needed / max(trained.sum(), 1)))
        if test.minimum_detectable <= LEAST_PSI:
            return needed
        needed = math.ceil(needed * 1.25)
    return 0  # training had too few rows: no traffic can show it


def _rise(now: int, rows: int, then: int, reference: int) -> float:
    if not rows or not reference:
        return 0.0
    return now / rows - then / reference


def _rise_p(now: int, rows: int, then: int, reference: int) -> float:
    if not rows or not reference or _rise(now, rows, then, reference) <= 0:
        return 1.0
    pooled = (now + then) / (rows + reference)
    error = math.sqrt(pooled * (1 - pooled) * (1 / rows + 1 / reference))
    return float(special.ndtr(-_rise(now, rows, then, reference) / error)) if error else 1.0


def columns_of(findings: Sequence[Finding], model_ref: str) -> tuple[str, ...]:
    """The columns that an evaluation warns of, for one model version."""
    return tuple(
        column
        for finding in findings
        if finding.model_ref == model_ref and finding.verdict == "warning"
        for column in finding.columns
    )
