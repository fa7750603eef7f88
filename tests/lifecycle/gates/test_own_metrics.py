"""A gate measures by a function of the project, whose code the plan is bound to."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from trueup.foundation.errors import ConflictError, UserCodeError
from trueup.foundation.records import decode, encode
from trueup.lifecycle.gates.records import Verdict
from trueup.lifecycle.gates.service import Gates
from trueup.lifecycle.plan.service import Plans, read

from ..conftest import PLAN, Shop

GAIN = """
import numpy as np

def gain(labels, scores, rows):
    return float(np.mean(labels * scores * (rows["a"].to_numpy() > -9)))
"""
GOAL = """
[[goals]]
id = "gains"
claim = "It gains"
metric = "money:gain"
better = "higher"
gate = { at_least = 0.1, beats = "champion", margin = -1.0, min_rows = 100 }
"""


@pytest.fixture
def project(tmp_path: Path, shop: Shop) -> Path:
    (tmp_path / "trueup.toml").write_text(PLAN + GOAL)
    return tmp_path


def judged(shop: Shop, project: Path, code: str = GAIN) -> Verdict:
    (project / "money.py").write_text(textwrap.dedent(code))
    Plans(shop.state, project).adopt(shop.sam, read(project))
    return Gates(shop.state, project).judge(shop.sam, "small", "2")


def test_it_decides_like_any_other_metric(shop: Shop, project: Path) -> None:
    verdict = judged(shop, project)
    found = {r.check: r for r in verdict.statement.results if r.goal == "gains"}
    assert found["limit"].outcome == "passed"
    assert found["limit"].value is not None
    assert found["limit"].bound is not None
    assert 0.1 < found["limit"].bound < found["limit"].value
    assert found["limit"].words.startswith("money:gain is 0.")
    assert verdict.statement.metrics["money:gain"].startswith("b3:")
    again = Gates(shop.state, project).replay(shop.sam, verdict.id)
    assert again.same
    assert decode(encode(verdict.statement), type(verdict.statement)) == verdict.statement


def test_code_that_changed_since_is_refused_until_the_plan_is_adopted(
    shop: Shop, project: Path
) -> None:
    judged(shop, project)
    (project / "money.py").write_text(GAIN.replace("-9", "0"))
    with pytest.raises(ConflictError, match="'money:gain' has changed") as caught:
        Gates(shop.state, project).judge(shop.sam, "small", "1")
    assert (caught.value.code, caught.value.hint) == ("metric-changed", "trueup plan adopt")
    changed = judged(shop, project, GAIN.replace("-9", "0"))
    (found,) = [r for r in changed.statement.results if (r.goal, r.check) == ("gains", "limit")]
    assert found.value is not None


def test_its_errors_show_the_users_line_alone(shop: Shop, project: Path) -> None:
    verdict = judged(shop, project, GAIN.replace("np.mean", "np.nothing"))
    found = {r.check: r for r in verdict.statement.results if r.goal == "gains"}
    assert {each.outcome for each in found.values()} == {"error", "not-applicable"} or {
        each.outcome for each in found.values()
    } == {"error"}
    assert found["limit"].words.startswith("Metric 'money:gain' failed at money.py:5: ")


def test_a_file_that_cannot_be_imported_is_the_users_error(shop: Shop, project: Path) -> None:
    with pytest.raises(UserCodeError) as caught:
        judged(shop, project, "import json\nimport absent_here\n" + GAIN)
    assert caught.value.code == "metric-failed"
    assert [frame["file"] for frame in caught.value.context["frames"]] == ["money.py"]


@pytest.mark.parametrize("given", ['"0.5"', "None", "scores"])
def test_what_is_no_number_is_an_error(shop: Shop, project: Path, given: str) -> None:
    code = f"def gain(labels, scores):\n    return {given}\n"
    verdict = judged(shop, project, code)
    (found,) = [r for r in verdict.statement.results if (r.goal, r.check) == ("gains", "limit")]
    assert (found.outcome, "a metric is one number" in found.words) == ("error", True)
