"""A limit on latency is proven by calls, with the metric that the monitor runs."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import polars as pl
import pytest

from trueup.lifecycle.gates.checks import limit
from trueup.lifecycle.gates.evidence import Evidence
from trueup.lifecycle.models.records import Signature
from trueup.lifecycle.plan.demands import Limit

QUICK = Limit(metric="latency_p95_ms", at_most=20.0)


def calls(milliseconds: np.ndarray) -> Evidence:
    """Evidence of timed calls; a latency looks at nothing else."""
    none = np.zeros(0)
    evidence = Evidence(
        ref="quick@1",
        predict=cast(Any, None),
        signature=Signature(inputs=()),
        holdout=pl.DataFrame(),
        label="late",
        labels=none,
        scores=none,
        again=none,
    )
    vars(evidence)["milliseconds"] = milliseconds  # what the calls would have taken
    return evidence


@pytest.mark.parametrize(
    ("middle", "count", "outcome"),
    [(5, 50, "passed"), (30, 50, "failed"), (5, 20, "not-enough-data"), (5, 0, "not-enough-data")],
)
def test_timed_calls_prove_a_latency(middle: float, count: int, outcome: str) -> None:
    times = np.random.default_rng(1).lognormal(np.log(middle), 0.3, count)
    assert limit.check(QUICK, calls(times)).outcome == outcome


def test_too_few_calls_say_how_many_there_are() -> None:
    result = limit.check(QUICK, calls(np.full(20, 5.0)))
    assert (result.rows, result.rows_needed, result.bound) == (20, 37, None)
    assert "about 37 calls would tell, there are 20" in result.words
