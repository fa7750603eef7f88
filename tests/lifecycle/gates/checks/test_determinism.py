"""The same row gets the same answer, however it is asked; each way of breaking that is seen."""

from __future__ import annotations

from dataclasses import replace

import pytest

from trueup.lifecycle.gates.checks import determinism
from trueup.lifecycle.plan.demands import Determinism

from .kept_models import STEADY, evidence, sample

ALL = {"repeated", "batches of 7", "batches of 256", "one by one", "other order", "at once"}
APART = {"fresh process", "one thread"}


@pytest.mark.slow
def test_a_steady_model_passes_in_every_way() -> None:
    found = determinism.check(Determinism(), evidence())
    assert found.outcome == "passed", found.words
    assert {part.name for part in found.parts} == ALL | APART
    assert found.words == "200 rows get the same bits however they are asked"


@pytest.mark.parametrize(
    ("code", "broken"),
    [
        # a draw in every call
        ("def score(rows):\n    import numpy as np\n    return np.random.rand(len(rows))", ALL),
        # an answer that depends on its neighbours
        (
            "def score(rows):\n    return rows['a'] - rows['a'].mean()",
            {"batches of 7", "one by one"},
        ),
        # an answer that depends on the place
        (
            "def score(rows):\n    return [n / rows.height for n in range(rows.height)]",
            {"other order", "batches of 7", "one by one"},
        ),
    ],
)
def test_an_unsteady_model_is_refused(code: str, broken: set[str]) -> None:
    found = determinism.check(Determinism(), evidence(code, file=False))
    assert found.outcome == "failed"
    assert {part.name for part in found.parts if part.outcome == "failed"} >= broken


@pytest.mark.slow
def test_only_a_fresh_process_sees_what_was_fixed_at_loading() -> None:
    code = "import os\nSTART = (os.getpid() % 997) / 997\ndef score(rows):\n"
    found = determinism.check(Determinism(), evidence(code + "    return [START] * len(rows)"))
    assert {part.name for part in found.parts if part.outcome == "failed"} == APART
    assert "fresh process: 200 of 200 rows are answered otherwise" in found.words


def test_a_small_difference_counts_as_the_plan_says() -> None:
    code = STEADY.replace("return", "return rows.height * 1e-9 +")
    known = evidence(code, file=False)
    assert determinism.check(Determinism(), known).outcome == "failed"
    assert determinism.check(Determinism(eps=1e-6), known).outcome == "passed"


def test_a_missing_answer_is_a_difference_of_one() -> None:
    code = "def score(rows):\n    return [0.5 if rows.height > 50 else float('nan')] * rows.height"
    known = evidence(code, file=False)
    found = determinism.check(Determinism(eps=0.9), known)
    assert "one by one" in found.words


def test_without_a_file_other_processes_are_not_asked() -> None:
    found = determinism.check(Determinism(), evidence(file=False))
    assert found.outcome == "passed"
    assert {p.name for p in found.parts if p.outcome == "not-applicable"} == APART


def test_no_row_is_not_enough() -> None:
    known = replace(evidence(holdout=sample(0)))
    assert determinism.check(Determinism(), known).outcome == "not-enough-data"
