"""Gates judge models of every kind of question, and say what is wrong with rows that fit none."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression, QuantileRegressor

from trueup.foundation.errors import UsageError, UserCodeError
from trueup.foundation.questions import Question
from trueup.lifecycle.gates import running
from trueup.lifecycle.gates.checks import answers, champion, limit
from trueup.lifecycle.gates.evidence import Evidence, gather
from trueup.lifecycle.gates.ground import of_pipeline
from trueup.lifecycle.gates.records import CheckResult
from trueup.lifecycle.models.records import ModelVersion
from trueup.lifecycle.plan.demands import Answers, Champion, Limit

from ..conftest import Shop

RANDOM = np.random.default_rng(9)


def frame(rows: int) -> pl.DataFrame:
    a = RANDOM.normal(size=rows)
    y = 2 * a + RANDOM.normal(size=rows)
    return pl.DataFrame(
        {
            "a": a,
            "amount": y,
            "kind": np.array(["ant", "bee", "cat"])[np.digitize(y, [-1, 1])],
            "worth": np.digitize(y, [0.0, 2.0]),
            "query": np.arange(rows) // 10,
        }
    )


SEEN, HOLDOUT = frame(800), frame(800)
X = SEEN.select("a")
MODELS = {
    "regression": (LinearRegression().fit(X, SEEN["amount"]), "amount", Question()),
    "multiclass": (LogisticRegression().fit(X, SEEN["kind"]), "kind", Question()),
    "quantile": (
        QuantileRegressor(quantile=0.9, alpha=0).fit(X, SEEN["amount"]),
        "amount",
        Question(levels=(0.9,)),
    ),
    "ranking": (LinearRegression().fit(X, SEEN["worth"]), "worth", Question(group="query")),
}
LIMITS = {
    "regression": [Limit(metric="mae", at_most=1.0), Limit(metric="r2", at_least=0.7)],
    "multiclass": [
        Limit(metric="macro_f1", at_least=0.6),
        Limit(metric="ovr_roc_auc", at_least=0.8),
        Limit(metric="top_accuracy@2", at_least=0.9),
    ],
    "quantile": [Limit(metric="pinball", at_most=0.2)],
    "ranking": [Limit(metric="ndcg@5", at_least=0.6, min_rows=50)],
}


def registered(shop: Shop, task: str, holdout: pl.DataFrame = HOLDOUT) -> ModelVersion:
    model, label, question = MODELS[task]
    columns = ["a", label, *filter(None, [question.group])]
    return shop.register(
        model, SEEN.select(columns), holdout.select(columns), label=label, question=question
    )


def evidence(shop: Shop, task: str, holdout: pl.DataFrame = HOLDOUT) -> Evidence:
    version = registered(shop, task, holdout)
    return gather(shop.state.blobs, version, of_pipeline(version), version)


@pytest.mark.parametrize("task", MODELS)
def test_a_good_model_of_any_kind_keeps_its_limits(shop: Shop, task: str) -> None:
    found = evidence(shop, task)
    assert found.signature.task == task
    assert found.trouble() == ""
    checks = [answers.check(Answers(), found), *(limit.check(each, found) for each in LIMITS[task])]
    assert [each.outcome for each in checks] == ["passed"] * len(checks)
    assert all(each.bound is not None for each in checks[1:])


@pytest.mark.parametrize("task", MODELS)
def test_a_model_does_not_beat_itself(shop: Shop, task: str) -> None:
    found = champion.check(Champion(metric=LIMITS[task][0].metric), evidence(shop, task))
    assert (found.outcome, found.value) == ("failed", 0.0)


def test_the_training_rows_of_any_kind_leave_a_reference(shop: Shop) -> None:
    from trueup.lifecycle.models.service import reference_of

    for task in MODELS:
        reference = reference_of(shop.state.blobs, registered(shop, task))
        assert set(reference.columns) == {"a", "score"}


def test_several_classes_are_known_in_their_order(shop: Shop) -> None:
    signature = registered(shop, "multiclass").manifest.signature
    assert (signature.task, signature.classes) == ("multiclass", ("ant", "bee", "cat"))


def test_a_ranking_takes_no_group_as_an_input(shop: Shop) -> None:
    assert [c.name for c in registered(shop, "ranking").manifest.signature.inputs] == ["a"]


def test_the_same_run_told_another_question_makes_another_version(shop: Shop) -> None:
    model, label, _ = MODELS["regression"]
    rows = SEEN.select("a", label), HOLDOUT.select("a", label)
    one = shop.register(model, *rows, label=label)
    assert shop.register(model, *rows, label=label).ref == one.ref
    other = shop.register(model, *rows, label=label, question=Question(levels=(0.5,)))
    assert (other.ref != one.ref, other.manifest.signature.task) == (True, "quantile")


# --- what is wrong is said, never passed


def limited(metric: str, found: Evidence) -> CheckResult:
    return running.check(Limit(metric=metric, at_least=0.0, min_rows=1), found)


def test_a_metric_of_another_question_is_an_error(shop: Shop) -> None:
    found = limited("roc_auc", evidence(shop, "regression"))
    assert found.outcome == "error"
    assert found.words.startswith("roc_auc measures binary models, and small@")
    assert "use one of mae" in found.words


def test_a_champion_of_another_question_is_no_rival(shop: Shop) -> None:
    rival = shop.models.show(shop.sam, "small", "1")
    version = registered(shop, "regression")
    known = gather(shop.state.blobs, version, of_pipeline(version), rival)
    found = champion.check(Champion(metric="mae"), known)
    assert (found.outcome, "it is a binary model" in found.words) == ("error", True)


BROKEN: dict[str, tuple[str, Any, str]] = {
    "an unseen class": ("multiclass", pl.lit("dog").alias("kind"), "('dog')"),
    "missing labels": ("regression", pl.lit(None, pl.Float64).alias("amount"), "missing"),
    "labels in words": ("regression", pl.lit("much").alias("amount"), "missing, or no number"),
    "infinite labels": ("quantile", pl.lit(float("inf")).alias("amount"), "infinite"),
    "negative relevance": ("ranking", pl.lit(-1).alias("worth"), "how relevant"),
    "rows in no group": ("ranking", pl.lit(None, pl.Int64).alias("query"), "ranked with none"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_rows_that_fit_no_question_are_an_error(shop: Shop, case: str) -> None:
    task, change, what = BROKEN[case]
    found = limited(LIMITS[task][0].metric, evidence(shop, task, HOLDOUT.with_columns(change)))
    assert found.outcome == "error"
    assert what in found.words


ALIKE: dict[str, tuple[str, str, Any, str]] = {
    "constant labels": ("regression", "r2", pl.lit(3.0).alias("amount"), "the label is 3 in all"),
    "one class": ("multiclass", "ovr_roc_auc", pl.lit("bee").alias("kind"), "'bee' in all 800"),
    "nothing relevant": ("ranking", "ndcg", pl.lit(0).alias("worth"), "the label is 0 in all"),
}


@pytest.mark.parametrize("case", ALIKE)
def test_labels_that_are_all_alike_are_not_enough(shop: Shop, case: str) -> None:
    task, metric, change, what = ALIKE[case]
    found = limited(metric, evidence(shop, task, HOLDOUT.with_columns(change)))
    assert (found.outcome, found.value) == ("not-enough-data", None)
    assert what in found.words


@pytest.mark.parametrize("task", MODELS)
def test_a_single_row_is_not_enough(shop: Shop, task: str) -> None:
    one = HOLDOUT.filter(pl.col("worth") > 0).head(1)
    found = limited(LIMITS[task][0].metric, evidence(shop, task, one))
    assert found.outcome == "not-enough-data"


def test_a_label_that_says_nothing_is_refused_with_its_line(shop: Shop) -> None:
    model, label, _ = MODELS["regression"]
    rows = SEEN.select("a", label), HOLDOUT.select("a", label)
    with pytest.raises(UsageError, match="fractions, which are no classes") as caught:
        shop.register(model, *rows, label=label, question=Question(task="multiclass"))
    assert caught.value.code == "label-unfit"
    with pytest.raises(
        (UsageError, UserCodeError), match=r"gives 1 number a row; .* must give 2 numbers"
    ) as wrong:
        shop.register(model, *rows, label=label, question=Question(levels=(0.1, 0.9)))
    assert wrong.value.code == "model-output"
