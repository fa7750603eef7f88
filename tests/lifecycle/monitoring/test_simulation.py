"""The budget of false alarms is kept while the goal is, and real harm is found soon."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from trueup.foundation.actor import Actor
from trueup.lifecycle.monitoring import counts, rules, windows
from trueup.lifecycle.monitoring.counts import Layout, Summary
from trueup.lifecycle.monitoring.service import Monitors
from trueup.lifecycle.plan.records import Gate, Goal, Watch
from trueup.statistics.metrics import METRICS
from trueup.statistics.summaries import numeric_bins

LAYOUT = Layout({"score": numeric_bins([0.1, 0.9])})
ROWS = 600
WEEK = timedelta(days=7)


def week(random: np.random.Generator, rows: int = ROWS, blur: float = 0.0) -> Summary:
    """Labelled traffic whose labels follow the scores, a share `blur` of them by chance."""
    scores = random.beta(2, 5, rows)
    chance = np.where(random.random(rows) < blur, 2 / 7, scores)
    labels = (random.random(rows) < chance).astype(np.int64)
    vectors = LAYOUT.zeros(1)
    hours = np.zeros(rows, dtype=np.int64)
    counts.add_scores(vectors, hours, labels + 1, counts.score_cells(scores))
    return Summary(LAYOUT, vectors[0])


def at_the_limit(metric: str) -> Goal:
    """A goal whose limit is exactly what the traffic has: the hardest case that is no harm."""
    truth = METRICS[metric](*truth_rows()).value
    limit = {"at_least" if METRICS[metric].better == "higher" else "at_most": truth}
    return Goal(id="g", claim="", metric=metric, gate=Gate(**limit), watch=Watch(min_rows=100))


def truth_rows() -> windows.Rows:
    # The law itself in place of a sample: each score once with label 1 and once with label 0.
    scores = np.linspace(0, 1, 20_001)[1:-1]
    density = scores * (1 - scores) ** 4
    labels = np.repeat([1.0, 0.0], scores.size)
    weights = np.concatenate([density * scores, density * (1 - scores)])
    return labels, np.tile(scores, 2), weights / weights.sum() * 1e6


@pytest.mark.slow
@pytest.mark.parametrize("metric", ["roc_auc", "brier"])
@pytest.mark.parametrize("budget", [1.0, 2.0])
def test_false_alarms_stay_within_the_yearly_budget(metric: str, budget: float) -> None:
    goal = at_the_limit(metric)
    alpha = rules.alpha_per_test(budget, WEEK, tests=1)
    random = np.random.default_rng(11)
    years = 60
    alarms = 0
    for _ in range(52 * years):
        estimate = windows.measured(METRICS[metric], week(random))
        alarms += rules.judge_goal(goal, estimate, alpha).verdict == "breach"
    # Two standard errors of the simulation above the budget.
    assert alarms / years <= budget + 2 * np.sqrt(budget / years)


@pytest.mark.slow
def test_a_real_drop_is_found_within_a_few_weeks() -> None:
    goal = at_the_limit("roc_auc")
    alpha = rules.alpha_per_test(1.0, WEEK, tests=3)
    random = np.random.default_rng(12)
    waits = []
    for _ in range(40):
        waited = 1
        while waited < 20:
            estimate = windows.measured(METRICS["roc_auc"], week(random, blur=0.4))
            if rules.judge_goal(goal, estimate, alpha).verdict == "breach":
                break
            waited += 1
        waits.append(waited)
    assert np.quantile(waits, 0.9) <= 4


@pytest.mark.slow
def test_a_year_of_healthy_traffic_through_the_whole_stage_pages_nobody(
    monitors: Monitors, owner: Actor, world: Any
) -> None:
    cursor = None
    for number in range(52):
        monitors.ingest(owner, world.days(7 * number, 7, rows=30), cursor, number)
        cursor = number
        made = monitors.evaluate(owner, "late-arrivals", world.start + (number + 1) * WEEK)
        assert all(found.verdict != "breach" for found in made.findings)
    assert monitors.alerts(owner) == []
