"""A sample of the reused results is computed again; what comes out otherwise is a finding."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from trueup.lifecycle.runs.execution.verification import is_chosen
from trueup.lifecycle.runs.records import RunOptions
from trueup.lifecycle.runs.service import Runs
from trueup.state import eventlog

if TYPE_CHECKING:
    from conftest import Project

ALL = RunOptions(verify_cache=1.0)

COUNTING = """
    from pathlib import Path
    from trueup import pipeline, step

    @step
    def number() -> dict[str, float]:
        return {"n": float(Path("FILE").read_text())}

    @step
    def double(found: dict[str, float]) -> float:
        return 2 * found["n"]

    @pipeline
    def flights():
        double(number())
"""


def counting(project: Project, value: str) -> None:
    """A pipeline whose first step reads what is taken for settings, where nobody looks."""
    file = project.root.parent / ".settings" / "n.txt"
    file.parent.mkdir(exist_ok=True)
    project.write(COUNTING.replace("FILE", str(file)))
    file.write_text(value)


def notices(project: Project) -> list[str]:
    return [told.notice for told in project.progress if told.notice]


def test_equal_results_are_no_finding(project: Project) -> None:
    first = project.run()
    run = project.run(options=ALL)
    assert project.outcome()["clean"] == "finished"
    assert project.why("clean") == (
        f"it is computed again to verify the cache; run {first.id} made it",
    )
    assert notices(project)[0] == f"step 'clean' came out as in run {first.id}"
    assert Runs(project.state).show(project.actor, run.id).findings == ()


def test_a_step_that_comes_out_otherwise_is_recorded_and_its_new_value_is_used(
    project: Project,
) -> None:
    counting(project, "1")
    first = project.run()
    counting(project, "3")
    assert project.run().id != first.id
    assert project.outcome() == {"number": "reused", "double": "reused"}  # silently wrong

    run = project.run(options=ALL)
    detail = Runs(project.state).show(project.actor, run.id)
    assert [str(found) for found in detail.findings] == ["step 'number' ['n']: was 1.0, is 3.0"]
    assert detail.findings[0].difference.largest == 2 / 3
    assert "came out otherwise" in notices(project)[0]
    assert project.why("double") == ("input found changed",)
    with project.state.database.reading() as connection:
        types = [event.type for event in eventlog.about(connection, run.ref)]
    assert types == ["run.started", "step.not-reproducible", "run.finished"]

    project.run()  # the kept result is the new one
    later = Runs(project.state).metrics(project.actor, project.run().id)
    assert [metric.value for metric in later] == [3.0]


def test_without_a_share_nothing_is_computed_again(project: Project) -> None:
    project.run()
    project.run(options=RunOptions(verify_cache=0.0))
    assert set(project.outcome().values()) == {"reused"}


@given(st.text(min_size=1), st.text(min_size=1), st.floats(0, 1), st.floats(0, 1))
def test_a_larger_share_holds_the_smaller_one(key: str, run: str, one: float, other: float) -> None:
    small, large = sorted((one, other))
    assert not is_chosen(key, run, small) or is_chosen(key, run, large)


def test_about_the_share_is_chosen_and_another_run_chooses_others() -> None:
    keys = [f"b3:{number}" for number in range(2000)]
    chosen = [{key for key in keys if is_chosen(key, run, 0.05)} for run in ("a", "b")]
    assert all(60 <= len(each) <= 140 for each in chosen)
    assert chosen[0] != chosen[1]
