"""How often a harmless version is rolled back, how soon a harmful one is, how long a pass takes.

Run with: python bench/releases.py [RUNS], 1,000 unless said. Every run looks after every request at
failures, losses and the split, and after every hundredth at latency and scores; tests hold a small
version. Bounds and budget are those of `trueup.lifecycle.releases.judging`.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
from results import write_section

from trueup.lifecycle.plan.deployments import Deployment
from trueup.lifecycle.plan.guards import guarded
from trueup.lifecycle.releases.judging import rules
from trueup.lifecycle.releases.judging.means import LEAST_UNITS, TUNED_AT
from trueup.statistics.sequential.means import difference_bound
from trueup.statistics.sequential.quantiles import (
    least_quantile_evidence,
    log_change_evidence,
    log_quantile_evidence,
)
from trueup.statistics.sequential.rates import difference_evidence
from trueup.statistics.sequential.shares import excess_evidence, log_share_evidence

Array = npt.NDArray[np.float64]

REQUESTS: Final = 20_000
AT_ONCE: Final = 50  # runs, for the memory
EVERY: Final = 100  # requests between looks at distributions
MARGINS: Final = (0.005, 0.01, 0.02, 0.05)
EDGES: Final = np.geomspace(0.001, 1.0, 301)
GUARDS: Final = guarded(Deployment(model="m"), "binary")
ALPHA: Final = rules.share_of_budget(GUARDS)


@dataclass(frozen=True)
class World:
    """What the two arms do.

    Attributes:
        share: The new version's part of the traffic.
        errors: Share of requests that fail, of the control and of the new version.
        slower: How many times as long the new version takes.
        brier: Mean Brier score of the control and of the new version.
        skewed: Whether the split of the traffic is broken: by how much.
    """

    share: float = 0.1
    errors: tuple[float, float] = (0.01, 0.01)
    slower: float = 1.0
    brier: tuple[float, float] = (0.15, 0.15)
    skewed: float = 0.0


@dataclass(frozen=True)
class Life:
    """One batch of runs: the request after which each metric spoke; infinite if it never did.

    Attributes:
        harm: By metric, requests of the new version until harm (or a change) was claimed.
        passed: By metric and margin, the same until harm beyond the margin was ruled out.
    """

    harm: dict[str, Array]
    passed: dict[tuple[str, float], Array]


def live(world: World, runs: int, rng: np.random.Generator, requests: int = REQUESTS) -> Life:
    """Let a new version serve beside its control in so many runs at once."""
    is_new = rng.random((runs, requests)) < world.share + world.skewed
    n1 = np.cumsum(is_new, axis=1, dtype=np.float64)
    n0 = np.arange(1, requests + 1) - n1
    rate = np.where(is_new, world.errors[1], world.errors[0])
    bad = rng.random((runs, requests)) < rate
    x1, x0 = np.cumsum(bad & is_new, axis=1), np.cumsum(bad & ~is_new, axis=1)
    harm = {
        "split": log_share_evidence(n1, n0, world.share, 100.0) >= -np.log(rules.SPLIT_ALPHA / 2)
    }
    harm["errors"] = _errors(x1, x0, bad, world.share)
    loss1, loss0, told = _losses(world, is_new, rng)
    low = difference_bound(loss1[0] - loss0[0], loss1[1] + loss0[1], told, ALPHA, TUNED_AT)
    is_enough = np.minimum(n1, n0) >= LEAST_UNITS
    harm["brier"] = (low > 0) & is_enough & (loss1[0] - loss0[0] > 0.02)
    spoken = {name: _first(proven, n1) for name, proven in harm.items()}
    spoken |= _distributions(world, is_new, n1, rng)
    passed: dict[tuple[str, float], Array] = {}
    high = -difference_bound(loss0[0] - loss1[0], loss1[1] + loss0[1], told, rules.ALPHA, TUNED_AT)
    looks = np.unique(np.geomspace(50, requests - 1, 160).astype(int))
    for margin in MARGINS:
        passed["brier", margin] = _first((high < margin) & is_enough, n1)
        columns = (a[:, looks].astype(np.float64) for a in (x1, n1, x0, n0))
        estimate = x1[:, looks] / np.maximum(n1[:, looks], 1) - x0[:, looks] / n0[:, looks].clip(1)
        evidence = difference_evidence(*columns, margin) >= -np.log(rules.ALPHA)
        passed["errors", margin] = _first(evidence & (estimate < margin), n1[:, looks])
    return Life(spoken, passed)


def _errors(
    x1: Array, x0: Array, bad: npt.NDArray[np.bool_], share: float
) -> npt.NDArray[np.bool_]:
    """Evidence moves with failures alone: it is looked at wherever there is one."""
    proven = np.zeros(bad.shape, dtype=bool)
    at = np.nonzero(bad)
    new, rest = x1[at].astype(np.float64), x0[at].astype(np.float64)
    proven[at] = excess_evidence(new[:, None], rest[:, None], [share]) >= -np.log(ALPHA)
    return proven


def _losses(
    world: World, is_new: npt.NDArray[np.bool_], rng: np.random.Generator
) -> tuple[tuple[Array, Array], tuple[Array, Array], Array]:
    """Mean and its variance in both arms after every request, and how much both tell."""
    mean = np.where(is_new, world.brier[1], world.brier[0])
    losses = rng.beta(6 * mean, 6 * (1 - mean))
    arms = []
    for mine in (is_new, ~is_new):
        n = np.cumsum(mine, axis=1, dtype=np.float64).clip(1)
        first = np.cumsum(np.where(mine, losses, 0.0), axis=1) / n
        second = np.cumsum(np.where(mine, losses**2, 0.0), axis=1) / n
        arms.append((first, (second - first**2).clip(0) / (n - 1).clip(1)))
    n1 = np.cumsum(is_new, axis=1, dtype=np.float64)
    n0 = np.arange(1, is_new.shape[1] + 1) - n1
    return arms[0], arms[1], n1 * n0 / (n1 + n0)


def _distributions(
    world: World, is_new: npt.NDArray[np.bool_], n1: Array, rng: np.random.Generator
) -> dict[str, Array]:
    runs, requests = is_new.shape
    parts, bins = requests // EVERY, EDGES.size - 1
    seconds = rng.lognormal(np.log(0.02), 0.5, is_new.shape)
    seconds = np.where(is_new, world.slower * seconds, seconds)
    scores = np.minimum((rng.beta(2, 5, is_new.shape) * 16).astype(int), 15)
    place = np.clip(np.searchsorted(EDGES, seconds) - 1, 0, bins - 1)
    spoken = {name: np.full(runs, np.inf) for name in ("latency_p95", "score")}
    new, old = np.zeros((runs, bins)), np.zeros((runs, bins))
    ours, theirs = np.zeros((runs, 16)), np.zeros((runs, 16))
    run = np.repeat(np.arange(runs), EVERY)
    for part in range(parts):
        here = slice(part * EVERY, (part + 1) * EVERY)
        mine = is_new[:, here].ravel()
        for counts, chosen, values in (
            (new, mine, place),
            (old, ~mine, place),
            (ours, mine, scores),
            (theirs, ~mine, scores),
        ):
            np.add.at(counts, (run[chosen], values[:, here].ravel()[chosen]), 1)
        evidence = least_quantile_evidence(
            log_quantile_evidence(new, 0.95), log_quantile_evidence(old, 0.95), np.arange(bins)
        )
        beyond = _quantile(new) - _quantile(old) > np.maximum(0.25 * _quantile(old), 0.005)
        changed = log_change_evidence(ours, theirs, np.full(runs, world.share))
        for name, proven in (
            ("latency_p95", (evidence >= -np.log(ALPHA)) & beyond),
            ("score", changed >= -np.log(ALPHA)),
        ):
            fresh = proven & np.isinf(spoken[name])
            spoken[name][fresh] = n1[fresh, here.stop - 1]
    return spoken


def _quantile(counts: Array) -> Array:
    through = np.cumsum(counts, axis=1)
    return EDGES[np.argmax(through >= 0.95 * through[:, -1:], axis=1)]


def _first(proven: npt.NDArray[np.bool_], n1: Array) -> Array:
    at = np.argmax(proven, axis=1)
    rows = np.arange(proven.shape[0])
    return np.where(proven[rows, at], n1[rows, at], np.inf)


def simulated(world: World, runs: int, seed: int, requests: int = REQUESTS) -> Life:
    """Many runs, some at a time."""
    rng = np.random.default_rng(seed)
    lives = [live(world, min(AT_ONCE, runs - k), rng, requests) for k in range(0, runs, AT_ONCE)]
    return Life(
        {name: np.concatenate([one.harm[name] for one in lives]) for name in lives[0].harm},
        {name: np.concatenate([one.passed[name] for one in lives]) for name in lives[0].passed},
    )


def _spoken(after: Array) -> str:
    caught = np.isfinite(after)
    if not caught.any():
        return "0 %"
    # The median of all runs: those that never spoke count as longer than any.
    median = np.quantile(after, 0.5, method="lower")
    words = f"{median:,.0f}" if np.isfinite(median) else "more than there were"
    return f"{caught.mean():.0%}, median {words}"


def main() -> None:
    """Simulate, print, and write the section of the results."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000
    equal = simulated(World(), runs, 1)
    harms = ("errors", "brier", "latency_p95")
    rolled_back = np.min([equal.harm[name] for name in harms], axis=0)
    said = np.min(list(equal.harm.values()), axis=0)
    lines = [
        f"{runs:,} runs of {REQUESTS:,} requests each, 10 % of them to the new version, 1 %",
        "failing, Brier score 0.15, a look after every request (distributions: every 100).",
        "",
        f"No difference: rolled back in {np.isfinite(rolled_back).mean():.1%} of the runs; ",
        f"anything said at all in {np.isfinite(said).mean():.1%}; the budget is {rules.ALPHA:.0%}. "
        "By metric: "
        + ", ".join(f"{n} {np.isfinite(a).mean():.1%}" for n, a in sorted(equal.harm.items()))
        + ".",
        "",
        "| Harm | Caught, after so many requests of the new version |",
        "|---|---|",
    ]
    fewer = max(runs // 4, 20)
    for words, world, name in (
        ("errors 3 % instead of 1 %", World(errors=(0.01, 0.03)), "errors"),
        ("errors 2 % instead of 1 %", World(errors=(0.01, 0.02)), "errors"),
        ("errors 10 % instead of 1 %", World(errors=(0.01, 0.10)), "errors"),
        ("errors 1 % instead of 0.1 %", World(errors=(0.001, 0.011)), "errors"),
        ("latency 1.3 times", World(slower=1.3), "latency_p95"),
        ("latency 1.5 times", World(slower=1.5), "latency_p95"),
        ("latency 2 times", World(slower=2.0), "latency_p95"),
        ("Brier score 0.18 instead of 0.15", World(brier=(0.15, 0.18)), "brier"),
        ("Brier score 0.20 instead of 0.15", World(brier=(0.15, 0.20)), "brier"),
        ("Brier score 0.25 instead of 0.15", World(brier=(0.15, 0.25)), "brier"),
        ("a split of 11 % instead of 10 %", World(skewed=0.01), "split"),
    ):
        found = simulated(world, runs if "3 %" in words else fewer, 2)
        lines.append(f"| {words} | {_spoken(found.harm[name])} |")
    lines += [
        "",
        "| No harm beyond | errors ruled out, after so many requests of the new version | loss |",
        "|---|---|---|",
    ]
    for margin in MARGINS:
        parts = [_spoken(equal.passed[name, margin]) for name in ("errors", "brier")]
        lines.append(f"| {margin:g} | {parts[0]} | {parts[1]} |")
    worse = simulated(World(errors=(0.01, 0.02), brier=(0.15, 0.17)), fewer, 3)
    for name, margin in (("errors", 0.01), ("brier", 0.02)):
        wrong = np.isfinite(worse.passed[name, margin]).mean()
        lines.append(f"\n{name} worse by exactly the margin of {margin:g}: passed in {wrong:.1%}.")
    print("\n".join(lines))
    if runs >= 1_000:
        write_section("Releases: false rollbacks, time to catch harm, time to pass", lines)


if __name__ == "__main__":
    main()
