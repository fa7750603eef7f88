"""A metric of the project is named by its source: what it means changes the plan's digest."""

from __future__ import annotations

from pathlib import Path

import pytest

from trueup.foundation import toml
from trueup.foundation.actor import Actor
from trueup.foundation.errors import UsageError
from trueup.lifecycle.gates import demanding
from trueup.lifecycle.plan import own_metrics
from trueup.lifecycle.plan.records import Plan
from trueup.lifecycle.plan.service import Plans, address, read
from trueup.state.unit import State

METRIC = '''"""What predictions are worth."""
from money import PRICE

def profit(labels, scores, rows):
    """Euros a row."""
    return float((labels * (scores > 0.5)).mean() * PRICE)  # gross

def loss(labels, scores):
    return 1.0
'''
MONEY = "import pandas\nPRICE = 3\n"
BASELINE = 'checks = [ { kind = "baseline", metric = "metrics:profit" } ]'
WEAKNESS = 'checks = [ { kind = "weakness", metric = "metrics:profit", gap = 0.1 } ]'
PLAN = """
[project]
name = "shop"
objective = "Sell"

[[goals]]
id = "pays"
claim = "It pays"
metric = "metrics:profit"
better = "higher"
gate = { at_least = 0.5 }
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "metrics.py").write_text(METRIC)
    (tmp_path / "money.py").write_text(MONEY)
    (tmp_path / "trueup.toml").write_text(PLAN)
    return tmp_path


def print_of(project: Path, file: str = "", text: str = "") -> str:
    if file:
        (project / file).write_text(text)
    return own_metrics.fingerprint(project, "metrics:profit")


@pytest.mark.parametrize(
    ("file", "before", "after", "is_same"),
    [
        ("metrics.py", "# gross", "# before taxes", True),
        ("metrics.py", "Euros a row", "Euros", True),
        ("metrics.py", "> 0.5", "> 0.4", False),
        ("money.py", "PRICE = 3", "PRICE = 4", False),
    ],
)
def test_what_it_means_matters_and_nothing_else(
    project: Path, file: str, before: str, after: str, is_same: bool
) -> None:
    first = print_of(project)
    text = (project / file).read_text()
    assert before in text
    assert (print_of(project, file, text.replace(before, after)) == first) == is_same


def test_files_beside_it_that_it_does_not_import_do_not_matter(project: Path) -> None:
    first = print_of(project)
    assert print_of(project, "other.py", "x = 1") == first


def test_packages_and_relative_imports_are_followed(project: Path) -> None:
    folder = project / "pack"
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "inner.py").write_text("X = 1\n")
    (folder / "score.py").write_text("from .inner import X\ndef one(labels, scores): return X\n")
    first = own_metrics.fingerprint(project, "pack.score:one")
    (folder / "inner.py").write_text("X = 2\n")
    assert own_metrics.fingerprint(project, "pack.score:one") != first


def test_nothing_of_it_is_run(project: Path) -> None:
    print_of(project, "money.py", "raise SystemExit\nPRICE = 3\n")


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("metrics:gain", "has no function 'gain'"),
        ("metrics:profits", "Did you mean 'profit'?"),
        ("elsewhere:profit", "there is no file elsewhere.py in the project"),
        ("../metrics:profit", "is not written as module:function"),
        ("metrics:", "is not written as module:function"),
        ("broken:profit", "broken.py:1 is no Python"),
        ("one:profit", "must take (labels, scores)"),
    ],
)
def test_a_name_without_a_function_is_refused(project: Path, name: str, what: str) -> None:
    (project / "broken.py").write_text("def profit(:\n")
    (project / "one.py").write_text("def profit(labels): return 1\n")
    (project / "trueup.toml").write_text(PLAN.replace("metrics:profit", name))
    with pytest.raises(UsageError) as caught:
        read(project)
    assert caught.value.code == "metric-code"
    assert what in caught.value.message


@pytest.mark.parametrize(
    ("before", "after", "what"),
    [
        ('better = "higher"\n', "", "does not say which direction is better"),
        ("0.5 }", '0.5 }\nwatch = { window = "7d" }', "cannot be had from counts"),
        ('"metrics:profit"', '"mae"', "of mae lower is better"),
        ("0.5 }", '0.5, beats = "champion", rule = "t" }', "metrics:profit is none"),
        ("0.5 }", "0.5 }\n" + WEAKNESS, "only Trueup's metrics"),
        (
            "0.5 }",
            "0.5 }\n" + BASELINE.replace("profit", "loss"),
            "which direction of 'metrics:loss'",
        ),
        (
            "0.5 }",
            "0.5 }\n" + BASELINE.replace("metrics:profit", "coverage"),
            "no better direction",
        ),
    ],
)
def test_a_goal_that_does_not_fit_its_metric_is_refused(
    project: Path, before: str, after: str, what: str
) -> None:
    (project / "trueup.toml").write_text(PLAN.replace(before, after))
    with pytest.raises(UsageError, match=what):
        read(project)


def test_the_plan_is_bound_to_its_code(project: Path, state: State) -> None:
    plans, olga = Plans(state, project), Actor(name="olga")
    first = plans.adopt(olga, read(project))
    assert first.metrics == {"metrics:profit": print_of(project)}
    assert plans.adopt(olga, read(project)) == first
    print_of(project, "money.py", "PRICE = 5\n")
    second = plans.adopt(olga, read(project))
    assert (second.version, second.plan) == (2, first.plan)
    assert address(second.plan, project)[0] == second.digest != first.digest


def test_its_checks_take_the_direction_of_the_goal(project: Path) -> None:
    (project / "trueup.toml").write_text(PLAN.replace("0.5 }", "0.5 }\n" + BASELINE))
    limit, baseline = demanding.of_goal(read(project).goals[0])
    assert (limit.better, baseline.better) == ("higher", "higher")


def test_without_its_project_it_is_refused(state: State) -> None:
    plan = toml.parse(PLAN, "trueup.toml", Plan)
    with pytest.raises(UsageError):
        Plans(state).adopt(Actor(name="olga"), plan)
