"""Probabilities that keep their word pass, others fail, and too few rows say how many would do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from trueup.foundation.questions import Question
from trueup.lifecycle.gates.checks import calibration
from trueup.lifecycle.gates.evidence import collect
from trueup.lifecycle.models.rules import signature_of
from trueup.lifecycle.plan.demands import Calibration

from .flights import LABEL, evidence, flights, law

DEMAND = Calibration(at_most=0.05)


def boastful(rows: pl.DataFrame) -> np.ndarray:
    """A model that exaggerates: the scores of the law, pushed to the ends."""
    return np.where(law(rows) > 0.5, 0.97, 0.03)


def test_the_law_itself_is_calibrated() -> None:
    found = calibration.check(DEMAND, evidence(flights(8000)))
    assert found.outcome == "passed"
    assert found.bound is not None
    assert found.value is not None
    assert found.value < found.bound < 0.05
    assert found.detectable is not None
    assert "Spiegelhalter's z is" in found.words
    groups = [part for part in found.parts if part.name.startswith("scores ")]
    assert len(groups) == 15
    assert sum(part.rows for part in groups) == 8000


def test_a_model_that_exaggerates_fails() -> None:
    found = calibration.check(DEMAND, evidence(flights(4000), boastful))
    assert found.outcome == "failed"
    assert found.parts[0].lower is not None
    assert found.parts[0].lower > 0.05


def test_a_calibrated_model_on_few_rows_is_not_refused_for_bad_luck() -> None:
    """The plain error of 500 rows is about 0.05 by chance alone."""
    outcomes = {
        calibration.check(DEMAND, evidence(flights(500, seed))).outcome for seed in range(15)
    }
    assert "failed" not in outcomes
    found = calibration.check(Calibration(at_most=0.01), evidence(flights(600)))
    assert found.outcome == "not-enough-data"
    assert found.rows_needed > 600


def test_every_class_is_asked_by_itself() -> None:
    rows = flights(6000)
    names = np.where(rows[LABEL].to_numpy() == 1, "late", "early")
    rows = rows.with_columns(pl.Series(LABEL, names))

    def predict(frame: pl.DataFrame) -> np.ndarray:
        return np.stack([1 - law(frame), law(frame)], axis=1)

    question = Question(task="multiclass", classes=("early", "late"))
    signature = signature_of(rows, LABEL, question)
    found = calibration.check(DEMAND, collect(predict, rows, LABEL, signature=signature))
    assert found.outcome == "passed"
    named = {part.name for part in found.parts if part.name.endswith("calibration error")}
    assert named == {"class early, calibration error", "class late, calibration error"}


@pytest.mark.parametrize("rows", [0, 100])
def test_few_rows_are_not_enough(rows: int) -> None:
    found = calibration.check(DEMAND, evidence(flights(rows)))
    assert (found.outcome, found.rows_needed) == ("not-enough-data", 500)


def test_one_class_is_held_against_its_scores() -> None:
    found = calibration.check(DEMAND, replace(evidence(flights(1000)), labels=np.ones(1000)))
    assert found.outcome == "failed"


def test_missing_labels_and_answers_without_sense_are_errors() -> None:
    known = evidence(flights(1000))
    assert calibration.check(DEMAND, replace(known, labels=np.full(1000, np.nan))).outcome == (
        "error"
    )
    assert calibration.check(DEMAND, replace(known, scores=np.full(1000, 1.5))).outcome == "error"


def test_numbers_are_no_probabilities() -> None:
    rows = flights(1000).with_columns(late=pl.col("wind") * 3)
    signature = signature_of(rows, LABEL, Question(task="regression"))
    found = calibration.check(DEMAND, collect(law, rows, LABEL, signature=signature, ref="m@1"))
    assert found.words == "m@1 is a regression model, and its answers are no probabilities"
