"""Every limit on time, memory, size and energy is measured in a fresh process, and refuses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from trueup.foundation import toml
from trueup.foundation.errors import UsageError
from trueup.foundation.records import Record
from trueup.lifecycle.gates.checks import speed
from trueup.lifecycle.gates.methods import fresh
from trueup.lifecycle.gates.methods.fresh import Costs
from trueup.lifecycle.plan.demands import Speed

from .kept_models import STEADY, evidence, sample

SLOW = "import time\n" + STEADY.replace("    return", "    time.sleep(0.004)\n    return")
STUMBLING = (
    "import os\ndef score(rows):\n    os.abort() if rows.height == 1 else 0\n    return rows['a']"
)
LIMITS = {
    **{"p50_ms": 1e4, "p95_ms": 1e4, "p99_ms": 1e4, "rows_per_second": 1.0},
    **{"start_seconds": 600.0, "memory_mb": 1e5, "size_mb": 1.0, "joules_per_1000": 1e6},
}


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed, "_SECONDS", 0.05)


@pytest.mark.slow
def test_a_model_within_its_limits_passes_and_every_figure_is_told() -> None:
    found = speed.check(Speed(**LIMITS), evidence())
    assert found.outcome == "passed", found.words
    named = ["p50", "p95", "p99", "throughput", "energy", "start-up", "memory", "size"]
    assert [part.name for part in found.parts] == named
    assert all(part.value is not None and part.value > 0 for part in found.parts)
    assert "estimated from processor time at 15 watts" in found.parts[4].words


@pytest.mark.slow
def test_a_slow_model_is_refused_for_its_latency_alone() -> None:
    found = speed.check(Speed(p95_ms=2.0, size_mb=1.0, calls=60), evidence(SLOW, sample(40)))
    assert found.outcome == "failed"
    assert [p.name for p in found.parts if p.outcome == "failed"] == ["p95"]
    assert found.words.startswith("p95 of a call with one row is")


@pytest.mark.slow
def test_a_model_that_breaks_a_process_is_an_error_with_its_cause() -> None:
    healthy = evidence(holdout=sample(5))
    broken = replace(healthy, file=evidence(STUMBLING, sample(5)).file)
    found = speed.check(Speed(p50_ms=5.0), broken)
    assert found.outcome == "error"
    assert "a fresh process ended with signal 6" in found.words


@pytest.mark.parametrize(
    ("milliseconds", "limit", "outcome"),
    [
        (np.full(300, 5.0), 6.0, "passed"),
        (np.full(300, 7.0), 6.0, "failed"),
        (np.full(58, 5.0), 6.0, "not-enough-data"),
        (np.r_[np.full(292, 5.0), np.full(8, 50.0)], 6.0, "passed"),
        (np.r_[np.full(291, 5.0), np.full(9, 50.0)], 6.0, "not-enough-data"),
    ],
)
def test_a_quantile_passes_by_its_bound(
    milliseconds: np.ndarray, limit: float, outcome: str
) -> None:
    demand = Speed(p95_ms=limit, calls=len(milliseconds))
    costs = Costs(start=0.0, peak=0, calls=tuple(milliseconds / 1000))
    (part,) = speed._latencies(demand, costs)
    assert part.outcome == outcome


def test_an_object_is_timed_here_and_has_no_start_up() -> None:
    no_file = evidence(file=False)
    assert speed.check(Speed(p50_ms=1e4, rows_per_second=1.0), no_file).outcome == "passed"
    found = speed.check(Speed(start_seconds=5.0), no_file)
    assert found.outcome == "error"
    assert "kept in no file: register it first" in found.words


def test_no_row_is_not_enough() -> None:
    assert speed.check(Speed(p50_ms=1.0), evidence(holdout=sample(0))).outcome == "not-enough-data"


class Named(Record):
    checks: tuple[Speed, ...]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "has no limit; give one of p50_ms, p95_ms"),
        ("p95_ms = -1.0", "> 0.0"),
        ("p95_ms = 5.0\nconfidence = 1.5", "< 1.0"),
        ("p95 = 5.0", "unknown key 'p95'"),
    ],
)
def test_a_demand_that_asks_nothing_is_refused(text: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        toml.parse(f'[[checks]]\nkind = "speed"\n{text}\n', "trueup.toml", Named)
    assert said in caught.value.message


@pytest.mark.slow
def test_memory_is_that_of_the_fresh_process_alone() -> None:
    ballast = np.ones(100_000_000)  # 800 MB in this process
    costs, answers = fresh.run(evidence().file, sample(3).drop("late"))  # type: ignore[arg-type]
    assert costs.peak < ballast.nbytes
    assert len(answers) == 3
