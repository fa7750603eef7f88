"""What a run would do is known beforehand: reused, certain to run, or waiting for a result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from trueup.lifecycle.pipeline import discovery
from trueup.lifecycle.plan.records import Costs
from trueup.lifecycle.runs import table
from trueup.lifecycle.runs.preview import foreseeing
from trueup.lifecycle.runs.preview.records import KeyNow, RunPlan
from trueup.state.sql import full

if TYPE_CHECKING:
    from conftest import Project


def data_of(project: Project) -> dict[str, str]:
    return {name: version.digest for name, version in project.versions().items()}


def look(project: Project, parameters: dict[str, Any] | None = None, **costs: Any) -> RunPlan:
    return foreseeing.of_run(
        project.state,
        project.actor,
        project.root,
        discovery.find(project.root),
        parameters or {},
        data_of(project),
        Costs(**costs),
    )


def key_of(project: Project, step: str) -> KeyNow:
    with discovery.on_path(project.root):
        drawn = discovery.find(project.root).draw({}, project.root)
    [node] = [node for node in drawn.nodes if node.name == step]
    return foreseeing.of_step(
        project.state, project.actor, project.root, drawn, data_of(project), node
    )


def decisions(found: RunPlan) -> dict[str, str]:
    return {step.step: step.decision for step in found.steps}


def rows(project: Project) -> dict[str, int]:
    with project.state.database.reading() as connection:
        names = sa.inspect(full(connection)).get_table_names()
        return {
            n: connection.execute(sa.text(f'SELECT count(*) FROM "{n}"')).scalar_one()
            for n in names
        }


def test_in_a_new_project_everything_runs(project: Project) -> None:
    found = look(project)
    assert decisions(found) == {"clean": "run", "split": "run", "measure": "run"}
    assert found.steps[0].why == ("it has not run before",)
    assert found.without_history == ("clean", "split", "measure")


def test_after_a_run_everything_is_reused(project: Project) -> None:
    run = project.run()
    found = look(project)
    assert decisions(found) == {"clean": "reuse", "split": "reuse", "measure": "reuse"}
    assert {step.run for step in found.steps} == {run.id}
    assert (found.seconds, found.seconds_at_most) == (0, 0)


def test_it_says_what_the_run_then_says(project: Project) -> None:
    project.run()
    project.edit("rows.head(at)", "rows.head(at + 0)")
    found = {step.step: step for step in look(project).steps}
    assert [found[n].decision for n in ("clean", "split", "measure")] == ["reuse", "run", "depends"]
    assert found["measure"].waits_for == ("split",)
    project.run()
    assert project.outcome() == {"clean": "reused", "split": "finished", "measure": "reused"}
    assert found["split"].why == project.why("split")


def test_a_step_that_waits_is_certain_to_run_when_something_else_changed_too(
    project: Project,
) -> None:
    project.run()
    project.edit("<= longest", "< longest + 1")
    project.edit('"rows": train.height', '"rows": train.height + 0')
    found = {step.step: step for step in look(project).steps}
    assert decisions(look(project)) == {"clean": "run", "split": "depends", "measure": "run"}
    assert found["measure"].why == ("code of pipelines/flights.py:measure changed",)


def test_changed_data_and_parameters_are_seen(project: Project) -> None:
    project.run()
    assert look(project, {"at": 3}).steps[1].why == ("at was 2, is 3",)
    project.data["flights"] = project.data["flights"].head(4)
    assert look(project).steps[0].why == ("input flights changed",)


def test_it_writes_nothing(project: Project) -> None:
    project.run()
    data_of(project)  # the data is kept before a run, not by looking
    before, kept = rows(project), set(project.state.blobs.digests())
    project.edit("rows.head(at)", "rows.head(at + 0)")
    look(project)
    key_of(project, "measure")
    assert (rows(project), set(project.state.blobs.digests())) == (before, kept)


def test_it_expects_the_middle_of_earlier_runs_and_their_costs(project: Project) -> None:
    for at, took in ((1, 10.0), (2, 3600.0), (3, 7200.0)):
        run = project.run({"at": at})
        with project.state.database.writing() as connection:
            steps = table.step_runs
            mine = (steps.c.run == run.id, steps.c.step == "split")
            connection.execute(steps.update().where(*mine).values(seconds=took))
    found = look(project, {"at": 4}, cpu_hour=2.0, currency="EUR")
    split, measure = found.steps[1:]
    assert (split.seconds, split.cost) == (3600.0, 2.0)
    assert (found.seconds, found.cost, found.currency) == (3600.0, 2.0, "EUR")
    assert measure.decision == "depends"
    assert found.seconds_at_most > found.seconds


def test_reused_results_are_no_history(project: Project) -> None:
    project.run()
    project.run()
    with project.state.database.reading() as connection:
        assert len(table.durations(connection, "flights", "split", 9)) == 1


CHOOSING = """
    from trueup import choose, pipeline, step

    @step
    def numbers(n: int) -> list[int]:
        return list(range(n))

    @step
    def double(number: int) -> int:
        return 2 * number

    @step
    def is_many(found: list[int]) -> bool:
        return len(found) > 2

    @step
    def total(found: list[int]) -> int:
        return sum(found)

    @pipeline
    def flights(n: int = 3):
        found = double.map(numbers(n))
        return choose(is_many(found), then=lambda: total(found), otherwise=lambda: numbers(0))
"""


def test_fan_outs_and_choices_that_are_not_known_yet_say_what_they_wait_for(
    project: Project,
) -> None:
    project.write(CHOOSING)
    found = {step.step: step for step in look(project).steps}
    assert found["double"].items is None
    assert found["double"].waits_for == ("numbers",)
    assert "is_many" in found["total"].waits_for


def test_a_kept_key_is_shown_beside_the_key_now(project: Project) -> None:
    project.run()
    same = key_of(project, "split")
    assert same.closest is not None
    assert (same.decision, same.key, same.components) == (
        "reuse",
        same.closest.key,
        same.closest.components,
    )
    project.edit("rows.head(at)", "rows.head(at + 0)")
    changed = key_of(project, "split")
    assert changed.why == ("code of pipelines/flights.py:split changed",)
    waiting = key_of(project, "measure")
    assert (waiting.key, waiting.waits_for) == ("", ("split",))


CALLED_TWICE = """
    from trueup import pipeline, step

    @step
    def work(n: int, plus: int, data: int = 0) -> int:
        return n + plus

    @pipeline
    def works(plus: int = 1):
        first = work(1, plus)
        work(3, plus)
        work(9, plus, data=first)
"""


def test_of_a_step_called_more_than_once_each_call_is_held_against_its_own_former_one(
    project: Project,
) -> None:
    project.write(CALLED_TWICE)
    project.run()
    assert {project.why(f"work{n}") for n in ("", "-2", "-3")} == {("it has not run before",)}
    project.edit("plus: int = 1", "plus: int = 2")
    of_calls = [step.why for step in look(project).steps]
    assert of_calls == [("plus was 1, is 2",)] * 3
    now = key_of(project, "work")
    assert now.closest is not None
    assert (now.why, now.closest.components.parameters["n"]) == (("plus was 1, is 2",), 1)
    project.run()
    assert project.why("work") == project.why("work-2") == ("plus was 1, is 2",)


def test_a_step_that_is_not_cached_says_why(project: Project) -> None:
    project.edit('{"train": rows.head(at)', '{"train": eval("rows").head(at)')
    found = key_of(project, "split")
    assert found.components is None
    assert "builtins.eval" in found.why[0]
