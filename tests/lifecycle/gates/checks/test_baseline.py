"""A model must beat what needs no learning, and a simpler model, on the same rows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest

from trueup.lifecycle.gates import running
from trueup.lifecycle.gates.checks import baseline
from trueup.lifecycle.gates.evidence import Evidence, collect
from trueup.lifecycle.models.records import Signature
from trueup.lifecycle.models.rules import signature_like
from trueup.lifecycle.plan.demands import Baseline

RANDOM = np.random.default_rng(5)


def frame(rows: int) -> pl.DataFrame:
    """Labels of every kind that follow `x`, and `word` a little; some values are missing."""
    x = RANDOM.normal(size=rows)
    word = RANDOM.choice(["low", "high"], rows)
    lift = np.where(word == "high", 0.5, 0.0)
    y = 3 * x + lift + RANDOM.normal(size=rows)
    gaps = RANDOM.random(rows) < 0.05
    return pl.DataFrame(
        {
            "x": np.where(gaps, np.nan, x),
            "word": [None if gap else each for gap, each in zip(gaps, word, strict=True)],
            "last": y + RANDOM.normal(0, 4, rows),
            "amount": y,
            "late": (y > 0).astype(int),
            "size": np.array(["l", "m", "s"])[np.digitize(y, [-1.5, 1.5])],
            "worth": np.digitize(y, [0, 2]),
            "query": np.arange(rows) // 10,
        }
    )


SEEN, HOLDOUT = frame(1500), frame(1500)
LABELS = {"binary": "late", "regression": "amount", "multiclass": "size"}
LABELS |= {"quantile": "amount", "ranking": "worth"}
METRICS = {"binary": "roc_auc", "regression": "mae", "multiclass": "log_loss"}
METRICS |= {"quantile": "pinball", "ranking": "ndcg"}


def signature(task: str) -> Signature:
    taken = signature_like(SEEN.select("x", "word"))
    more: dict[str, Any] = {
        "multiclass": {"classes": ("l", "m", "s")},
        "quantile": {"levels": (0.1, 0.5, 0.9)},
        "ranking": {"group": "query"},
    }.get(task, {})
    return Signature(inputs=taken.inputs, task=task, **more)  # type: ignore[arg-type]


def knowing(task: str, doubt: float) -> Any:
    """A model that sees through `x`, with a doubt added to what it knows."""

    def answer(rows: pl.DataFrame) -> Any:
        middle = 3 * np.nan_to_num(rows["x"].to_numpy()) * (1 - doubt)
        if task == "binary":
            return 1 / (1 + np.exp(-2 * middle))
        if task == "multiclass":
            high, low = 1 / (1 + np.exp(-2 * (middle - 1.5))), 1 / (1 + np.exp(2 * (middle + 1.5)))
            return np.stack([low, 1 - low - high, high], axis=1)
        if task == "quantile":
            return middle[:, np.newaxis] + np.array([-1.3, 0, 1.3])
        return middle

    return answer


def evidence(task: str, doubt: float = 0.0) -> Evidence:
    return collect(
        knowing(task, doubt),
        HOLDOUT,
        LABELS[task],
        signature=signature(task),
        ref="knowing@1",
        trained_on=SEEN,
    )


@pytest.mark.parametrize("task", LABELS)
def test_a_model_that_knows_something_beats_the_labels_alone(task: str) -> None:
    found = baseline.check(Baseline(metric=METRICS[task]), evidence(task))
    assert (found.outcome, found.rows) == ("passed", 1500)
    assert found.words.startswith("better than the training labels alone by +")
    assert found.value is not None
    assert found.bound is not None
    assert found.value > found.bound > 0


@pytest.mark.parametrize("task", LABELS)
@pytest.mark.parametrize("against", ["constant", "linear", "tree"])
def test_a_model_that_knows_nothing_beats_nothing(task: str, against: Any) -> None:
    demand = Baseline(metric=METRICS[task], against=against)
    assert baseline.check(demand, evidence(task, doubt=1.0)).outcome == "failed"


def test_a_ranking_at_random_is_no_better_than_any_order() -> None:
    """Scores that are alike would rank worse than chance, and be beaten by it."""
    drawn = np.random.default_rng(6).random(HOLDOUT.height)
    known = replace(evidence("ranking"), scores=drawn)
    assert baseline.check(Baseline(metric="ndcg"), known).outcome != "passed"


@pytest.mark.parametrize("task", ["binary", "regression", "multiclass", "quantile", "ranking"])
def test_as_good_as_a_linear_model_is_no_better(task: str) -> None:
    """The labels follow a line: the best model there is gains nothing worth speaking of."""
    demand = Baseline(metric=METRICS[task], against="linear", margin=0.1)
    assert baseline.check(demand, evidence(task)).outcome == "failed"


def test_the_last_value_is_a_column() -> None:
    last = Baseline(metric="mae", against="last", column="last")
    found = baseline.check(last, evidence("regression"))
    assert found.outcome == "passed"
    assert found.words.startswith("better than the column 'last' by +")
    gone = Baseline(metric="mae", against="last", column="gone")
    absent = baseline.check(gone, evidence("regression"))
    assert absent.outcome == "error"
    assert absent.words == "the rows have no column 'gone' that could be the last value"


def test_a_declared_rule_decides() -> None:
    known = evidence("regression")
    found = baseline.check(Baseline(metric="mae", rule="t"), known)
    assert found.outcome == "passed"
    wrong = baseline.check(Baseline(metric="mae", rule="delong"), known)
    assert (wrong.outcome, "roc_auc" in wrong.words) == ("error", True)


def test_what_keeps_it_from_comparing_is_said() -> None:
    known = evidence("regression")
    demand = Baseline(metric="mae", against="linear")
    unknown = baseline.check(demand, replace(known, trained_on=None))
    assert (unknown.outcome, "is not known here" in unknown.words) == ("error", True)
    few = baseline.check(demand, replace(known, trained_on=SEEN.head(3)))
    assert (few.outcome, few.words) == ("error", "only 3 training rows have a label")
    short = collect(knowing("regression", 0), HOLDOUT.head(20), "amount", signature=known.signature)
    found = baseline.check(demand, short)
    assert (found.outcome, found.rows_needed) == ("not-enough-data", 100)
    other = baseline.check(Baseline(metric="roc_auc"), known)
    assert other.words.startswith("roc_auc measures binary models, and knowing@1 is a regression")


def test_training_labels_that_are_all_alike_leave_the_constant() -> None:
    alike = replace(evidence("binary"), trained_on=SEEN.with_columns(late=pl.lit(1)))
    found = baseline.check(Baseline(metric="roc_auc", against="tree"), alike)
    assert found.outcome == "passed"


def test_a_metric_that_knows_no_winner_is_an_error_and_no_pass() -> None:
    found = running.check(Baseline(metric="prevalence"), evidence("binary"))
    assert (found.outcome, "no better direction" in found.words) == ("error", True)


def test_only_a_last_value_has_a_column() -> None:
    with pytest.raises(ValueError, match="against"):
        Baseline(metric="mae", column="last")
    with pytest.raises(ValueError, match="column"):
        Baseline(metric="mae", against="last")
