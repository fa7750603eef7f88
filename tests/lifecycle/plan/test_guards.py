"""What a plan may say about what a new version must not make worse, and what holds otherwise."""

from __future__ import annotations

import pytest

from trueup.lifecycle.plan.deployments import Canary, Deployment, Guard
from trueup.lifecycle.plan.guards import Guarded, Margin, guarded, problems
from trueup.statistics.metrics import METRICS


def said(*guards: Guard, task: str = "binary") -> dict[str, Guarded]:
    settings = Deployment(model="small", guard=guards, canary=Canary(margin=0.03))
    return {guard.metric: guard for guard in guarded(settings, task)}  # type: ignore[arg-type]


def wrong(**guard: object) -> str:
    return "; ".join(problems([Guard(**guard)], METRICS))  # type: ignore[arg-type]


def test_without_a_word_errors_and_loss_are_required_and_the_rest_is_looked_at() -> None:
    assert {name: guard.required for name, guard in said().items()} == {
        "errors": True,
        "latency_p95": False,
        "brier": True,
        "score": False,
    }
    assert said()["brier"].margin == Margin(least=0.03)


@pytest.mark.parametrize(
    ("task", "loss"), [("regression", "mae"), ("quantile", "pinball"), ("multiclass", "brier")]
)
def test_every_question_has_its_own_loss(task: str, loss: str) -> None:
    assert said(task=task)[loss].required
    assert set(said(Guard(metric="loss", required=False), task=task)) == set(said(task=task))


def test_a_ranking_has_no_loss_by_row() -> None:
    assert set(said(task="ranking")) == {"errors", "latency_p95", "score"}


def test_a_guard_replaces_its_default() -> None:
    guards = said(
        Guard(metric="errors", margin=0.002, at_most=0.05), Guard(metric="loss", margin="10%")
    )
    assert guards["errors"] == Guarded(
        metric="errors", margin=Margin(least=0.002), required=True, at_most=0.05
    )
    assert guards["brier"].margin == Margin(part=0.1)
    assert said(Guard(metric="latency_p99", margin="50%"))["latency_p99"] == Guarded(
        metric="latency_p99", margin=Margin(least=0.005, part=0.5), required=True
    )
    assert "latency_p95" not in said(Guard(metric="latency_p99"))


def test_who_names_a_metric_of_labels_is_not_judged_by_another_one() -> None:
    guards = said(Guard(metric="reward", margin=0.1))
    assert (guards["reward"].required, guards["brier"].required) == (True, False)


@pytest.mark.parametrize(
    ("guard", "words"),
    [
        ({"metric": "error"}, "Did you mean 'errors'?"),
        ({"metric": "roc_auc"}, "no mean over rows"),
        ({"metric": "errors", "margin": "a bit"}, "margin 'a bit'"),
        ({"metric": "errors", "margin": -1.0}, "margin -1.0"),
        ({"metric": "errors", "margin": float("nan")}, "margin nan"),
        ({"metric": "errors", "at_most": 2.0}, "at_most 2.0"),
        ({"metric": "brier", "at_most": 0.1}, "at_most 0.1"),
        ({"metric": "reward"}, "without a margin"),
        ({"metric": "reward", "margin": 1.0, "bounds": (1.0, 0.0)}, "bounds [1.0, 0.0]"),
        ({"metric": "score", "required": True}, "only told"),
    ],
)
def test_a_guard_that_cannot_be_meant_is_refused(guard: dict[str, object], words: str) -> None:
    assert words in wrong(**guard)


@pytest.mark.parametrize("metric", ["errors", "timeouts", "latency_p99", "loss", "brier", "mae"])
def test_a_guard_that_can_be_meant_is_taken(metric: str) -> None:
    assert wrong(metric=metric, margin="10%") == ""
    assert "twice" in next(problems([Guard(metric=metric), Guard(metric=metric)], METRICS))
