"""The budget of false alarms is kept while the goal is, and real harm is found soon."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, NamedTuple

import numpy as np
import pytest

from trueup.foundation.actor import Actor
from trueup.lifecycle.monitoring import counts, rules, windows
from trueup.lifecycle.monitoring.counts import Layout, Summary
from trueup.lifecycle.monitoring.service import Monitors
from trueup.lifecycle.plan.records import Gate, Goal, Watch
from trueup.statistics.metrics import METRICS, Estimate
from trueup.statistics.summaries import numeric_bins

LAYOUT = Layout({"score": numeric_bins([0.1, 0.9])})
ROWS = 600
YEARS = 60
WEEK = timedelta(days=7)
STORM = 0.8  # how far a day shifts the log-odds of label 1: from 0.29 to 0.15 or 0.47
TOO_HIGH = 0.7  # scores claim more than labels keep, so that there is a true calibration gap


def chances(scores: np.ndarray, storm: np.ndarray | float = 0.0) -> np.ndarray:
    """The chance of label 1 at each score on a day of that storm."""
    odds = scores / (1 - scores) * np.exp(storm - TOO_HIGH)
    return np.asarray(odds / (1 + odds))


def window(
    random: np.random.Generator, days: int, storm: float, blur: float = 0.0
) -> list[Summary]:
    """Labelled days whose labels follow the scores, a share `blur` of them by chance.

    All rows of a day share one random shift of the prevalence.
    """
    rows = ROWS // 7
    day = np.repeat(np.arange(days), rows)
    scores = np.clip(random.beta(2, 5, day.size), 0.001, 0.999)
    shifts = random.normal(0, storm, days)[day]
    chance = np.where(random.random(day.size) < blur, 0.2, chances(scores, shifts))
    labels = (random.random(day.size) < chance).astype(np.int64)
    vectors = LAYOUT.zeros(days)
    counts.add_scores(vectors, day, labels + 1, counts.score_cells(scores))
    return [Summary(LAYOUT, vector) for vector in vectors]


def at_the_limit(metric: str, storm: float) -> Goal:
    """A goal whose limit is exactly what the traffic has: the hardest case that is no harm."""
    truth = METRICS[metric](*truth_rows(storm)).value
    is_floor = METRICS[metric].better == "higher"
    gate = Gate(at_least=truth) if is_floor else Gate(at_most=truth)
    return Goal(id="g", claim="", metric=metric, gate=gate, watch=Watch(min_rows=100))


def truth_rows(storm: float) -> windows.Rows:
    # The law itself in place of a sample: each score once with label 1 and once with label 0, on
    # average over all storms.
    scores = np.linspace(0, 1, 5_001)[1:-1]
    density = scores * (1 - scores) ** 4
    nodes, shares = np.polynomial.hermite_e.hermegauss(40)
    chance = chances(scores[:, None], storm * nodes) @ (shares / shares.sum())
    labels = np.repeat([1.0, 0.0], scores.size)
    weights = np.concatenate([density * chance, density * (1 - chance)])
    return labels, np.tile(scores, 2), weights / weights.sum() * 1e6


class Looks(NamedTuple):
    """A metric as it was found at each look, with the error by day and with that by row."""

    goal: Goal
    by_day: list[Estimate]
    by_row: list[Estimate]

    def alarms(self, budget: float, days: int) -> tuple[float, float]:
        """False alarms a year: with the error by day, and by row."""
        alpha = rules.alpha_per_test(budget, WEEK, tests=1)
        of_days, of_rows = (
            sum(
                rules.judge_goal(self.goal, found, alpha, *more).verdict == "breach" for found in by
            )
            for by, more in ((self.by_day, (days,)), (self.by_row, ()))
        )
        return of_days / YEARS, of_rows / YEARS


def looked(metrics: Sequence[str], days: int, storm: float) -> list[Looks]:
    """What weekly looks of `YEARS` years find, all metrics over the same traffic."""
    random = np.random.default_rng(11)
    made = [Looks(at_the_limit(metric, storm), [], []) for metric in metrics]
    for _ in range(52 * YEARS):
        found = window(random, days, storm)
        whole = Summary(LAYOUT, np.sum([day.vector for day in found], axis=0))
        for looks, metric in zip(made, metrics, strict=True):
            looks.by_day.append(windows.measured_by_day(METRICS[metric], found))
            if storm:
                looks.by_row.append(windows.measured(METRICS[metric], whole))
    return made


def within(budget: float) -> float:
    """Two standard errors of the simulation above the budget."""
    return budget + 2 * float(np.sqrt(budget / YEARS))


@pytest.mark.slow
@pytest.mark.parametrize("days", [7, 28])
def test_false_alarms_stay_within_the_yearly_budget(days: int) -> None:
    metrics = ("roc_auc", "brier") if days == 7 else ("brier",)
    for looks in looked(metrics, days, storm=0.0):
        for budget in (1.0, 2.0):
            assert looks.alarms(budget, days)[0] <= within(budget)


# Storms are skewed: a few days have far more late flights than most, and a run of days without one
# looks surer than it is. Student's bound then overspends for a metric that is a plain mean of the
# labels: 2.2 false alarms a year instead of 1 with seven days, 1.4 with 28. Should this become
# less, lower the factors; independent rows would give many times as many.
@pytest.mark.slow
@pytest.mark.parametrize(("days", "factor"), [(7, 2.2), (28, 1.4)])
def test_in_storms_the_budget_is_kept_or_overspent_by_a_known_factor(
    days: int, factor: float
) -> None:
    metrics = ("brier", "calibration_gap", "roc_auc") if days == 7 else ("brier", "calibration_gap")
    brier, gap, *ranking = looked(metrics, days, STORM)
    for budget in (1.0, 2.0):
        by_day, by_row = brier.alarms(budget, days)
        assert by_day <= within(budget)
        assert by_row > 3 * budget
        for looks in ranking:  # a shift of all labels alike leaves it
            assert looks.alarms(budget, days)[0] <= within(budget)
    by_day, by_row = gap.alarms(1.0, days)
    assert by_day <= within(factor)
    assert by_row > 4 * by_day


# With seven days the error is by six degrees of freedom, and one in 156 false alarms asks for 3.4
# standard errors where independent rows asked for 2.5: the same drop takes 8 weeks where it took
# 4. That is the price of surviving storms; a window of four weeks finds it as soon as before.
@pytest.mark.slow
@pytest.mark.parametrize(("days", "looks"), [(7, 8), (28, 4)])
def test_a_real_drop_is_found_within_a_few_weeks(days: int, looks: int) -> None:
    goal = at_the_limit("roc_auc", 0.0)
    alpha = rules.alpha_per_test(1.0, WEEK, tests=3)
    random = np.random.default_rng(12)
    waits = []
    for _ in range(40):
        waited = 1
        while waited < 20:
            found = window(random, days, 0.0, blur=0.4)
            estimate = windows.measured_by_day(METRICS["roc_auc"], found)
            if rules.judge_goal(goal, estimate, alpha, days).verdict == "breach":
                break
            waited += 1
        waits.append(waited)
    assert np.quantile(waits, 0.9) <= looks


@pytest.mark.slow
def test_a_year_of_healthy_traffic_through_the_whole_stage_pages_nobody(
    monitors: Monitors, owner: Actor, world: Any
) -> None:
    cursor = None
    world.storm = STORM
    for number in range(52):
        monitors.ingest(owner, world.days(7 * number, 7, rows=30), cursor, number)
        cursor = number
        made = monitors.evaluate(owner, "late-arrivals", world.start + (number + 1) * WEEK)
        assert all(found.verdict != "breach" for found in made.findings)
    assert monitors.alerts(owner) == []
