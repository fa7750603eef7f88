"""All metrics by name; a name may carry an argument, as `precision@0.3` and `ndcg@5` do."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from trueup.foundation.questions import Task
from trueup.statistics.fingerprints import fingerprint_of
from trueup.statistics.metrics import (
    binary,
    decisions,
    latency,
    multiclass,
    quantiles,
    ranking,
    regression,
)
from trueup.statistics.metrics.estimates import Metric

_CLASSES: Final[tuple[Task, ...]] = ("binary", "multiclass")
_SEVERAL: Final[tuple[Task, ...]] = ("multiclass",)
_NUMBERS: Final[tuple[Task, ...]] = ("regression",)
_LEVELS: Final[tuple[Task, ...]] = ("quantile",)
_RANKS: Final[tuple[Task, ...]] = ("ranking",)
_ALL = (
    Metric("roc_auc", "higher", "labels", binary.roc_auc),
    Metric(
        "average_precision",
        "higher",
        "labels",
        binary.average_precision,
        None,
        binary.precision_influence,
    ),
    Metric("brier", "lower", "labels", binary.brier, binary.squared_error, tasks=_CLASSES),
    Metric("log_loss", "lower", "labels", binary.log_loss, binary.cross_entropy, tasks=_CLASSES),
    Metric("accuracy", "higher", "labels", binary.accuracy, binary.correctness, tasks=_CLASSES),
    Metric(
        "calibration_gap",
        "lower",
        "labels",
        binary.calibration_gap,
        binary.excess,
        is_magnitude=True,
    ),
    Metric("calibration_error", "lower", "labels", binary.calibration_error),
    Metric("prevalence", "neither", "labels", binary.prevalence, binary.outcome),
    Metric("precision", "higher", "labels", decisions.precision, argument=0.5, most=1.0),
    Metric("recall", "higher", "labels", decisions.recall, argument=0.5, most=1.0),
    Metric("specificity", "higher", "labels", decisions.specificity, argument=0.5, most=1.0),
    Metric("f1", "higher", "labels", decisions.f1, argument=0.5, most=1.0),
    Metric("f_beta", "higher", "labels", decisions.f_beta, argument=2.0, most=100.0),
    Metric("balanced_accuracy", "higher", "labels", decisions.balanced_accuracy, tasks=_CLASSES),
    Metric("mcc", "higher", "labels", decisions.mcc, tasks=_CLASSES),
    Metric("kappa", "higher", "labels", decisions.kappa, tasks=_CLASSES),
    Metric("macro_f1", "higher", "labels", decisions.macro_f1, tasks=_SEVERAL),
    Metric("weighted_f1", "higher", "labels", decisions.weighted_f1, tasks=_SEVERAL),
    Metric(
        "top_accuracy",
        "higher",
        "labels",
        multiclass.top_accuracy,
        multiclass.among_first,
        tasks=_SEVERAL,
        argument=3.0,
        least=1.0,
    ),
    Metric("ovr_roc_auc", "higher", "labels", multiclass.ovr_roc_auc, tasks=_SEVERAL),
    Metric("mae", "lower", "labels", regression.mae, regression.absolute_error, tasks=_NUMBERS),
    Metric("mse", "lower", "labels", regression.mse, binary.squared_error, tasks=_NUMBERS),
    Metric("rmse", "lower", "labels", regression.rmse, tasks=_NUMBERS),
    Metric("r2", "higher", "labels", regression.r2, tasks=_NUMBERS),
    Metric("mape", "lower", "labels", regression.mape, regression.relative_error, tasks=_NUMBERS),
    Metric(
        "smape", "lower", "labels", regression.smape, regression.symmetric_error, tasks=_NUMBERS
    ),
    Metric(
        "median_absolute_error", "lower", "labels", regression.median_absolute_error, tasks=_NUMBERS
    ),
    Metric("max_error", "lower", "labels", regression.max_error, tasks=_NUMBERS),
    Metric(
        "bias", "lower", "labels", regression.bias, binary.excess, tasks=_NUMBERS, is_magnitude=True
    ),
    Metric("pinball", "lower", "labels", quantiles.pinball, quantiles.pinball_loss, tasks=_LEVELS),
    Metric(
        "coverage", "neither", "labels", quantiles.coverage, quantiles.insideness, tasks=_LEVELS
    ),
    Metric(
        "coverage_gap",
        "lower",
        "labels",
        quantiles.coverage_gap,
        quantiles.uncovered,
        tasks=_LEVELS,
        is_magnitude=True,
    ),
    Metric(
        "interval_width",
        "lower",
        "labels",
        quantiles.interval_width,
        quantiles.width,
        tasks=_LEVELS,
    ),
    Metric(
        "winkler", "lower", "labels", quantiles.winkler, quantiles.interval_score, tasks=_LEVELS
    ),
    Metric(
        "ndcg",
        "higher",
        "labels",
        ranking.ndcg,
        ranking.gains,
        tasks=_RANKS,
        argument=10.0,
        least=1.0,
    ),
    Metric(
        "map",
        "higher",
        "labels",
        ranking.mean_average_precision,
        ranking.average_precisions,
        tasks=_RANKS,
        argument=10.0,
        least=1.0,
    ),
    Metric("mrr", "higher", "labels", ranking.mrr, ranking.reciprocal_places, tasks=_RANKS),
    Metric(
        "precision_at",
        "higher",
        "labels",
        ranking.precision_at,
        ranking.precisions,
        tasks=_RANKS,
        argument=10.0,
        least=1.0,
    ),
    Metric("latency_p95_ms", "lower", "latency", latency.latency_p95_ms),
)


class _Catalogue(Mapping[str, Metric]):
    """The metrics by their bare names; with an argument a name gives a metric of its own."""

    def __init__(self, made: tuple[Metric, ...]) -> None:
        self._made = {metric.name: metric for metric in made}

    def __getitem__(self, name: str) -> Metric:
        bare, at, argument = name.partition("@")
        found = self._made[bare]
        if not at:
            return found
        given = _number(argument)
        whole = found.least < 1 or given.is_integer()
        if found.argument is None or not found.least <= given <= found.most or not whole:
            raise KeyError(name)
        return dataclasses.replace(found, name=name, argument=given)

    def __iter__(self) -> Iterator[str]:
        return iter(self._made)

    def __len__(self) -> int:
        return len(self._made)


METRICS: Final[Mapping[str, Metric]] = _Catalogue(_ALL)


def beside(own: Iterable[Metric]) -> Mapping[str, Metric]:
    """All metrics, and some of a project."""
    return _Catalogue((*_ALL, *own))


def metric(name: str) -> Metric:
    """The metric of that name.

    Raises:
        LookupError: If there is none; the message names the nearest.

    Example:
        >>> metric("brier").better, metric("precision@0.3").argument
        ('lower', 0.3)
    """
    found = METRICS.get(name)
    if found is None:
        bare = name.partition("@")[0]
        near = difflib.get_close_matches(bare, METRICS, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(METRICS)}"
        if bare in METRICS:
            hint = argument_of(METRICS[bare])
        raise LookupError(f"no metric is called {name!r}: {hint}")
    return found


def argument_of(metric: Metric) -> str:
    """What may stand behind the `@` of a metric's name, in words.

    Example:
        >>> argument_of(metric("recall"))
        'recall@0.5 stands for recall; the number goes from 0 to 1'
    """
    if metric.argument is None:
        return f"{metric.name} takes no argument"
    words = f"{metric.name}@{metric.argument:g} stands for {metric.name}; the number "
    if metric.least >= 1:
        return words + "is a whole one, from 1"
    return words + f"goes from {metric.least:g} to {metric.most:g}"


def fingerprint(metric: Metric) -> str:
    """Digest of a metric's code, equal in the gate and in the monitor if the code is.

    Comments, docstrings, annotations and layout do not change it; any helper that it calls does.

    Returns:
        ``b3:`` and 64 hexadecimal digits, the same on every Python version.

    Raises:
        ValueError: If the metric's function has no readable source.

    Example:
        >>> fingerprint(metric("brier")) == fingerprint(METRICS["brier"])
        True
    """
    words = (metric.name, metric.better, metric.needs)
    digest: str = fingerprint_of(metric.function, *words, f"{metric.argument}")
    return digest


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")
