"""How often the bounds of metrics hold, and how often an equal model seems better: simulations.

Run with: python bench/intervals.py [REPETITIONS], 2,000 unless said; tests hold small versions.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import numpy as np
from results import write_section
from scipy import stats

from trueup.statistics.intervals import bound
from trueup.statistics.metrics import metric
from trueup.statistics.pairs import RULES, compare, why_not

CONFIDENCE = 0.95
SIZES = (100, 500, 2_000)
LEVELS = np.array([0.1, 0.5, 0.9])
Rows = tuple[np.ndarray, np.ndarray, np.ndarray | None]


def binary(rng: np.random.Generator, n: int) -> Rows:
    scores = 1 / (1 + np.exp(-rng.normal(size=n)))
    return (rng.random(n) < scores).astype(float), scores, None


def multiclass(rng: np.random.Generator, n: int) -> Rows:
    raw = rng.gamma([1.0, 2.0, 1.5], size=(n, 3))
    scores = raw / raw.sum(axis=1, keepdims=True)
    labels = (rng.random((n, 1)) > scores.cumsum(axis=1)).sum(axis=1)
    return labels.clip(0, 2).astype(float), scores, None


def regression(rng: np.random.Generator, n: int) -> Rows:
    scores = rng.normal(20, 2, n)
    return scores + rng.standard_t(5, n), scores, None


def quantile(rng: np.random.Generator, n: int) -> Rows:
    middle = rng.normal(size=n)
    scores = middle[:, np.newaxis] + stats.norm.ppf(LEVELS)
    return middle + rng.normal(size=n), scores, LEVELS


def ranking(rng: np.random.Generator, n: int) -> Rows:
    groups = np.repeat(np.arange(n), 6).astype(float)
    labels = rng.integers(0, 3, groups.size).astype(float)
    return labels, labels + rng.normal(0, 1.5, groups.size), groups


DRAWN: dict[str, tuple[Callable[[np.random.Generator, int], Rows], tuple[str, ...]]] = {
    "binary": (binary, ("roc_auc", "average_precision", "brier", "accuracy", "precision", "f1")),
    "multiclass": (multiclass, ("log_loss", "macro_f1", "kappa", "ovr_roc_auc")),
    "regression": (regression, ("mae", "rmse", "r2", "median_absolute_error")),
    "quantile": (quantile, ("pinball", "coverage", "winkler")),
    "ranking": (ranking, ("ndcg", "map", "mrr")),
}
RIVALS = {"roc_auc": "binary", "accuracy": "binary", "brier": "binary", "mae": "regression"}


def covering(
    name: str, draw: Callable[[np.random.Generator, int], Rows], n: int, times: int
) -> str:
    """Share of samples whose one-sided bounds hold the value of a very large one."""
    rng = np.random.default_rng(n)
    labels, scores, beside = draw(rng, 200_000)
    truth = metric(name)(labels, scores, beside=beside).value
    held = np.zeros(2)
    for _ in range(times):
        labels, scores, beside = draw(rng, n)
        found = metric(name)(labels, scores, beside=beside)
        held += (
            bound(found, CONFIDENCE, "lower") <= truth,
            bound(found, CONFIDENCE, "upper") >= truth,
        )
    return " / ".join(f"{share:.1%}" for share in held / times)


def winning(name: str, task: str, rule: str, n: int, times: int) -> str:
    """Share of comparisons of two equal models in which the first seems proven better."""
    rng = np.random.default_rng(n)
    wins = 0
    for _ in range(times):
        labels, scores, _ = DRAWN[task][0](rng, n)
        doubts = (scores + rng.normal(0, 0.15 * scores.std(), n) for _ in range(2))
        a, b = (np.clip(d, 0, 1) if task == "binary" else d for d in doubts)
        wins += (
            compare(metric(name), labels, a, b, rule, confidence=CONFIDENCE, draws=300).lower > 0
        )
    return f"{wins / times:.1%}"


def main() -> None:
    times = int(sys.argv[1]) if len(sys.argv) > 1 else 2_000
    lines = [
        f"One-sided bounds at {CONFIDENCE:.0%}, lower / upper, over {times:,} samples of each size "
        "(rows; for rankings groups of six):",
        "",
        "| metric | " + " | ".join(f"{n:,}" for n in SIZES) + " |",
        "| --- |" + " --- |" * len(SIZES),
    ]
    for task, (draw, names) in DRAWN.items():
        for name in names:
            cells = " | ".join(covering(name, draw, n, times) for n in SIZES)
            lines.append(f"| {name} ({task}) | {cells} |")
    lines += [
        "",
        f"An equal model seems proven better, {1 - CONFIDENCE:.0%} at most is meant:",
        "",
        "| metric, rule | " + " | ".join(f"{n:,}" for n in SIZES) + " |",
        "| --- |" + " --- |" * len(SIZES),
    ]
    for name, task in RIVALS.items():
        for rule in RULES:
            if not why_not(metric(name), rule):
                cells = " | ".join(winning(name, task, rule, n, times // 4) for n in SIZES)
                lines.append(f"| {name}, {rule} | {cells} |")
    print("\n".join(lines))
    write_section("Intervals", lines)


if __name__ == "__main__":
    main()
