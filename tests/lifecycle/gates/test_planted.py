"""A gate whose plan demands it refuses each of four planted faults, and says the right reason.

The sound model passes the same gate: nothing here refuses everything.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression

from trueup.foundation import toml
from trueup.lifecycle.gates.records import CheckResult
from trueup.lifecycle.gates.standing import failing
from trueup.lifecycle.plan.records import Plan

from ..conftest import PLAN, Shop

SLICES = '{ kind = "slices", metric = "roc_auc", by = ["carrier"], at_least = 0.6, min_rows = 100 }'
MISSING = '{ kind = "robustness", metric = "roc_auc", loss = 0.15, under = ["missing"] }'
QUICK = '{ kind = "speed", p95_ms = %g, calls = 100 }'


def flights(rows: int, seed: int, *, weak: str = "") -> pl.DataFrame:
    """Flights whose label follows `wind` and `rain`; for the carrier `weak` it follows nothing."""
    random = np.random.default_rng(seed)
    wind, rain = random.normal(size=(2, rows))
    carrier = random.choice(["AA", "B6", "UA"], size=rows)
    chance = 1 / (1 + np.exp(-(2 * wind + rain)))
    chance = np.where(carrier == weak, 0.5, chance)
    late = (random.random(rows) < chance).astype(np.int64)
    code = np.searchsorted(["AA", "B6", "UA"], carrier)
    return pl.DataFrame({"wind": wind, "rain": rain, "carrier": code, "late": late})


def fitted(model: Any, rows: pl.DataFrame) -> Any:
    """The model, fitted on the rows."""
    return model.fit(rows.drop("late"), rows["late"])


def demand(shop: Shop, *checks: str) -> None:
    """Put a plan in force that demands these checks besides its metric."""
    goal = f'[[goals]]\nid = "sturdy"\nclaim = ""\nchecks = [{", ".join(checks)}]\n'
    shop.plans.adopt(shop.sam, toml.parse(f"{PLAN}\n{goal}", "trueup.toml", Plan))


def refused(
    shop: Shop, model: Any, train: pl.DataFrame, holdout: pl.DataFrame
) -> list[CheckResult]:
    """The checks that a model does not pass."""
    version = shop.register(model, train, holdout)
    return failing(shop.judge(version.version))


@pytest.mark.slow
def test_a_sound_model_passes(shop: Shop) -> None:
    demand(shop, SLICES, MISSING, QUICK % 5000)
    train, holdout = flights(2000, 1), flights(3000, 2)
    boosted = fitted(HistGradientBoostingClassifier(max_iter=20, random_state=0), train)
    assert refused(shop, boosted, train, holdout) == []


def test_a_planted_leak_is_refused(shop: Shop) -> None:
    def told(rows: pl.DataFrame) -> pl.DataFrame:
        return rows.with_columns(refund=pl.col("late") * 40.0)

    train, holdout = told(flights(2000, 1)), told(flights(3000, 2))
    boosted = fitted(HistGradientBoostingClassifier(max_iter=20, random_state=0), train)
    (found,) = refused(shop, boosted, train, holdout)
    assert (found.check, found.outcome) == ("leakage", "failed")
    assert "refund" in found.words


def test_a_planted_weak_slice_is_refused(shop: Shop) -> None:
    demand(shop, SLICES)
    train, holdout = flights(2000, 1, weak="B6"), flights(3000, 2, weak="B6")
    boosted = fitted(HistGradientBoostingClassifier(max_iter=20, random_state=0), train)
    (found,) = refused(shop, boosted, train, holdout)
    assert (found.name, found.outcome) == ("sturdy.slices", "failed")
    assert [part.name for part in found.parts if part.outcome == "failed"] == ["carrier = 1"]


def test_a_model_that_breaks_when_values_are_missing_is_refused(shop: Shop) -> None:
    demand(shop, MISSING)
    train, holdout = flights(2000, 1), flights(3000, 2)
    (found,) = refused(shop, fitted(LogisticRegression(), train), train, holdout)
    assert (found.name, found.outcome) == ("sturdy.robustness", "failed")
    assert "wind" in found.words
    assert "missing" in found.words


@pytest.mark.slow
def test_a_slow_model_is_refused(shop: Shop) -> None:
    demand(shop, QUICK % 2)
    train, holdout = flights(500, 1), flights(1000, 2)
    many = [(f"m{number}", LogisticRegression()) for number in range(60)]
    found = refused(shop, fitted(VotingClassifier(many, voting="soft"), train), train, holdout)
    (slow,) = [each for each in found if each.name == "sturdy.speed"]
    assert slow.outcome == "failed"
    assert "95" in slow.words
