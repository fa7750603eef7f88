"""The budget holds: equal versions stay, harmful ones go, with a look after every request.

`bench/releases.py` holds the large simulation.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from trueup.lifecycle.plan.deployments import Deployment, Guard
from trueup.lifecycle.plan.guards import guarded
from trueup.lifecycle.releases.judging import rules
from trueup.lifecycle.releases.judging.evidence import (
    ArmTotals,
    Evidence,
    Moments,
    Period,
    latency_bins,
    score_bins,
)

BENCH = Path(__file__).parents[4] / "bench"
REQUESTS = 4_000


@pytest.fixture(scope="module")
def bench() -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCH))
        import releases

        yield releases
        for name in ("releases", "results"):
            sys.modules.pop(name, None)


def test_equal_versions_are_seldom_said_to_differ_in_anything(bench: Any) -> None:
    found = bench.simulated(bench.World(), 60, 7, REQUESTS)
    spoken = np.min(list(found.harm.values()), axis=0)
    assert np.isfinite(spoken).sum() <= 3


@pytest.mark.parametrize(
    ("world", "metric", "median"),
    [
        ({"errors": (0.01, 0.05)}, "errors", 220),
        ({"slower": 1.5}, "latency_p95", 170),
        ({"brier": (0.15, 0.20)}, "brier", 120),
        ({"skewed": 0.04}, "split", 300),
    ],
)
def test_harm_is_caught_soon(bench: Any, world: dict[str, Any], metric: str, median: int) -> None:
    found = bench.simulated(bench.World(**world), 30, 8, REQUESTS)
    assert np.median(found.harm[metric]) <= median


def test_harm_of_the_size_of_the_margin_seldom_passes(bench: Any) -> None:
    world = bench.World(errors=(0.02, 0.04), brier=(0.15, 0.17))
    found = bench.simulated(world, 60, 9, REQUESTS)
    for name in ("errors", "brier"):
        assert np.isfinite(found.passed[name, 0.02]).mean() <= 0.1
    assert np.isfinite(found.passed["brier", 0.05]).mean() >= 0.9


@pytest.mark.parametrize(("rate", "action"), [(0.01, "advance"), (0.06, "roll-back")])
def test_the_rules_themselves_decide_as_the_simulation_does(rate: float, action: str) -> None:
    """Whole evidence of some runs, through `rules.decide`, at some looks."""
    guard = Guard(metric="errors", margin=0.02)
    guards = guarded(Deployment(model="m", guard=(guard,)), "binary")
    rng = np.random.default_rng(10)
    for _ in range(3):
        new = rng.random(8_000) < 0.2
        columns = (
            rng.random(8_000) < np.where(new, rate, 0.01),
            rng.beta(1, 5, 8_000),
            rng.gamma(4, 0.005, 8_000),
            rng.random(8_000),
        )
        for n in (200, 1_000, 8_000):
            arms = [arm(*(part[:n][mine[:n]] for part in columns)) for mine in (new, ~new)]
            evidence = Evidence([Period(0.2, *arms)])
            decision = rules.decide(guards, evidence, timedelta(days=8), timedelta(days=7))
            if decision.action != "continue":
                break
        assert decision.action == action


def arm(bad: np.ndarray, loss: np.ndarray, seconds: np.ndarray, scores: np.ndarray) -> ArmTotals:
    """The totals of requests of one row, each of its own entity."""

    def moments(values: np.ndarray) -> Moments:
        values = values.astype(float)
        return Moments.of(values, np.ones(values.size), float((values**2).sum()))

    return ArmTotals(
        rows=bad.size,
        requests=bad.size,
        units=bad.size,
        failing={"errors": int(bad.sum())},
        failed={"errors": moments(bad)},
        latency={1: latency_bins(seconds)},
        scores=score_bins(scores),
        values={"brier": moments(loss)},
    )
