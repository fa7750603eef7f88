"""The checks that every gate makes: answers are probabilities that repeat, and no row was seen."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from trueup.lifecycle.gates.checks import answers, champion, leakage, limit
from trueup.lifecycle.gates.evidence import Evidence, Rival, gather
from trueup.lifecycle.gates.ground import of_pipeline
from trueup.lifecycle.plan.demands import Answers, Champion, Leakage, Limit

from ..conftest import Shop, model_of, sample

LIMIT = Limit(metric="roc_auc", at_least=0.7, min_rows=100)
CHAMPION = Champion(metric="roc_auc", margin=-0.01)


@pytest.fixture
def evidence(shop: Shop) -> Evidence:
    """What version 2 is judged on, beside version 1 as champion."""
    candidate, rival = (shop.models.show(shop.sam, "small", s) for s in "21")
    return gather(shop.state.blobs, candidate, of_pipeline(candidate), rival)


def test_both_models_answer_the_same_rows(evidence: Evidence) -> None:
    assert evidence.rival is not None
    assert evidence.rival.scores is not None
    assert len(evidence.scores) == len(evidence.rival.scores) == 600
    assert np.array_equal(evidence.scores, evidence.again)
    assert set(evidence.labels) == {0.0, 1.0}
    assert 0 < len(evidence.milliseconds) <= 50
    assert evidence.trouble() == ""


def test_sound_answers_pass(evidence: Evidence) -> None:
    found = answers.check(Answers(), evidence)
    assert (found.outcome, found.value, found.rows) == ("passed", 0.0, 600)


@pytest.mark.parametrize("score", [-0.1, 1.1, float("nan"), float("inf")])
def test_an_answer_that_is_no_probability_fails(evidence: Evidence, score: float) -> None:
    scores = evidence.scores.copy()
    scores[7] = score
    broken = replace(evidence, scores=scores, again=scores.copy())
    found = answers.check(Answers(), broken)
    assert (found.outcome, found.value) == ("failed", 1.0)
    assert found.words == "1 of 600 answers is no probability"
    assert broken.trouble() == "1 of 600 answers is no probability"


def test_an_answer_that_changes_when_asked_again_fails(evidence: Evidence) -> None:
    again = evidence.scores.copy()
    again[3] = np.nextafter(again[3], 1)
    found = answers.check(Answers(), replace(evidence, again=again))
    assert (found.outcome, found.value) == ("failed", 1.0)
    assert found.words == "1 of 600 changed when asked twice"


def test_no_rows_are_no_evidence(evidence: Evidence) -> None:
    nothing = np.empty(0)
    empty = replace(
        evidence,
        holdout=evidence.holdout.clear(),
        labels=nothing,
        scores=nothing,
        again=nothing,
    )
    checks = [
        answers.check(Answers(), empty),
        leakage.check(Leakage(), empty.sample()),
        limit.check(LIMIT, empty),
    ]
    assert {found.outcome for found in checks} == {"not-enough-data"}


@pytest.mark.parametrize("label", [None, 2, 0.5])
def test_labels_must_be_0_or_1(evidence: Evidence, label: float | None) -> None:
    labels = evidence.labels.copy()
    labels[5] = np.nan if label is None else label
    what = "missing, or no number" if label is None else "neither 0 nor 1"
    assert replace(evidence, labels=labels).trouble() == f"1 of 600 labels is {what}"


# --- leakage


def test_rows_never_seen_pass(evidence: Evidence) -> None:
    found = leakage.check(Leakage(), evidence.sample())
    (part,) = [part for part in found.parts if part.name == "rows seen before"]
    assert (found.outcome, part.value, part.limit) == ("passed", 0.0, 0.01)


@pytest.mark.parametrize(("shared", "outcome"), [(6, "passed"), (7, "failed")])
def test_one_row_in_a_hundred_may_look_alike(evidence: Evidence, shared: int, outcome: str) -> None:
    seen = pl.concat([evidence.trained_on, evidence.holdout.head(shared)])
    found = leakage.check(Leakage(), replace(evidence, trained_on=seen).sample())
    assert found.outcome == outcome
    assert f"{shared} of 600 rows are also training rows" in found.words


def test_rows_with_missing_values_are_compared_too(evidence: Evidence) -> None:
    rows = pl.DataFrame({"a": [None, 1.0], "b": [1, None], "late": [0, 1]})
    rows = rows.cast(dict(evidence.holdout.schema))
    found = leakage.check(Leakage(), replace(evidence, trained_on=rows, holdout=rows).sample())
    assert (found.outcome, found.value) == ("failed", 1.0)


def test_order_types_and_further_columns_hide_no_leakage(evidence: Evidence) -> None:
    seen = evidence.holdout.head(300)
    holdout = seen.select("late", pl.col("b").cast(pl.Int16), "a", pl.lit(1).alias("more"))
    found = leakage.check(Leakage(), replace(evidence, trained_on=seen, holdout=holdout).sample())
    assert (found.outcome, found.value) == ("failed", 1.0)


# --- limit and champion


def test_a_limit_says_value_bound_and_rows(evidence: Evidence) -> None:
    found = limit.check(LIMIT, evidence)
    assert (found.check, found.outcome, found.rows) == ("limit", "passed", 600)
    assert found.value is not None
    assert found.bound is not None
    assert 0.7 < found.bound < found.value < 1
    assert found.words.startswith(f"roc_auc is {found.value:.4g} and must be at least 0.7; with")


def test_a_ranking_of_one_class_is_not_defined_and_does_not_pass(evidence: Evidence) -> None:
    found = limit.check(LIMIT, replace(evidence, labels=np.ones(600)))
    assert (found.outcome, found.value, found.bound) == ("not-enough-data", None, None)


def test_one_row_of_a_class_has_no_bound_and_does_not_pass(evidence: Evidence) -> None:
    labels = np.zeros(600)
    labels[np.argmax(evidence.scores)] = 1
    found = limit.check(LIMIT, replace(evidence, labels=labels))
    assert (found.outcome, found.value, found.bound) == ("not-enough-data", 1.0, None)


def test_without_a_champion_there_is_nothing_to_beat(evidence: Evidence) -> None:
    found = champion.check(CHAMPION, replace(evidence, rival=None))
    assert found.outcome == "not-applicable"
    assert "no champion yet" in found.words


def test_a_better_model_wins_and_a_worse_one_does_not(evidence: Evidence) -> None:
    found = champion.check(CHAMPION, evidence)
    assert (found.outcome, found.limit) == ("passed", -0.01)
    assert found.words.startswith("better than small@1 by +")
    assert evidence.rival is not None
    assert evidence.rival.scores is not None
    turned = replace(
        evidence, scores=evidence.rival.scores, rival=Rival("small@1", evidence.scores)
    )
    assert champion.check(CHAMPION, turned).outcome == "failed"


def test_the_same_answers_are_a_tie(evidence: Evidence) -> None:
    tie = replace(evidence, rival=Rival("small@1", evidence.scores))
    assert champion.check(CHAMPION, tie).outcome == "passed"  # the goal tolerates a loss of 0.01
    strict = Champion(metric="roc_auc")
    assert champion.check(strict, tie).outcome == "failed"


def test_a_champion_that_knew_more_columns_cannot_be_compared(shop: Shop) -> None:
    """Silence is no win: the holdout must keep what the champion needs."""
    rival = shop.models.show(shop.sam, "small", "1")
    lean = shop.register(lean_model(), sample(300, 1).drop("b"), sample(600, 2).drop("b"))
    found = champion.check(CHAMPION, gather(shop.state.blobs, lean, of_pipeline(lean), rival))
    assert found.outcome == "error"
    assert found.words == "small@1 cannot answer the candidate's holdout rows: they lack b"
    kept = shop.register(lean_model(), sample(300, 1).drop("b"), sample(600, 2))
    evidence = gather(shop.state.blobs, kept, of_pipeline(kept), rival)
    assert champion.check(CHAMPION, evidence).outcome == "passed"
    assert leakage.check(Leakage(), evidence.sample()).outcome == "passed"


def test_a_champion_whose_columns_changed_type_cannot_be_compared(shop: Shop) -> None:
    rival = shop.models.show(shop.sam, "small", "1")
    holdout = sample(600, 2).with_columns(b=pl.lit("many"))
    lean = shop.register(lean_model(), sample(300, 1).drop("b"), holdout)
    found = champion.check(CHAMPION, gather(shop.state.blobs, lean, of_pipeline(lean), rival))
    assert (found.outcome, "small@1" in found.words) == ("error", True)


def lean_model() -> object:
    """A model of `a` alone."""
    model = model_of([2.0, 0.0])
    model.coef_, model.n_features_in_ = np.array([[2.0]]), 1
    model.feature_names_in_ = np.array(["a"], dtype=object)
    return model
