"""What is foreseen is what then happens, whatever was run, changed back or lost before."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

from trueup.foundation.errors import UsageError
from trueup.lifecycle.pipeline import discovery
from trueup.lifecycle.plan.records import Costs
from trueup.lifecycle.runs.preview import foreseeing
from trueup.lifecycle.runs.preview.records import RunPlan
from trueup.lifecycle.runs.records import RunOptions
from trueup.lifecycle.runs.service import Runs

if TYPE_CHECKING:
    from conftest import Project

PIPELINE = """
    from trueup import choose, pipeline, step

    FACTOR = 1

    @step
    def numbers(n: int) -> list[int]:
        return list(range(n))

    @step
    def facts(n: int, by: int) -> dict[str, object]:
        return {"half": n // 2, "name": str(n % 2), "list": list(range(n // 2))}

    @step
    def scaled(number: int, by: int) -> int:
        return number * by * FACTOR

    @step
    def is_many(found: list[int]) -> bool:
        return len(found) > 2

    @step(cache=False)
    def chance() -> int:
        return 7

    @step
    def total(found: list[int], name: str, more: int = 0) -> int:
        return sum(found) + len(name) + more

    @pipeline
    def flights(n: int = 3, by: int = 1):
        found = scaled.map(numbers(n), by=by)
        known = facts(n, by)
        chosen = choose(
            is_many(found),
            then=lambda: total(found, known["name"]),
            otherwise=lambda: known["half"],
        )
        total(known["list"], known["name"], chosen)
        scaled.map([1, 1, n], by=chance())
"""

STEPS = ("numbers", "scaled", "facts", "is_many", "total", "chance")
NONE = RunOptions()
HAPPENS = {"run": "finished", "reuse": "reused", "skip": "skipped", "choose": "finished"}


def foreseen(project: Project, parameters: dict[str, Any], options: RunOptions) -> RunPlan:
    return foreseeing.of_run(
        project.state,
        project.actor,
        project.root,
        discovery.find(project.root),
        parameters,
        {},
        Costs(),
        options,
    )


def compare(project: Project, parameters: dict[str, Any], options: RunOptions) -> RunPlan | None:
    """Foresee a run, make it, and see that nothing else happened."""
    try:
        plan = foreseen(project, parameters, options)
    except UsageError as error:
        with pytest.raises(UsageError, match="cannot run alone") as raised:
            project.run(parameters, options=options)
        assert raised.value.message == error.message
        return None
    run = project.run(parameters, options=options)
    done = {s.step: s for s in Runs(project.state).show(project.actor, run.id).steps}
    outcome = project.outcome()
    uncertain: set[str] = set()
    for step in plan.steps:
        if step.decision == "depends":
            assert step.waits_for
            uncertain.add(step.step)
            continue
        assert HAPPENS[step.decision] == outcome[step.step], step
        if step.items is not None and not step.waits_for:
            assert (step.items, step.reused_items) == (
                done[step.step].items,
                done[step.step].reused,
            )
    return plan


@pytest.mark.parametrize("seed", range(2))
def test_a_run_does_what_was_foreseen(project: Project, seed: int) -> None:
    chance = random.Random(seed)
    project.write(PIPELINE)
    project.data = {}
    for _ in range(10):
        match chance.randrange(6):
            case 0:
                factor = chance.choice((1, 2))
                project.write(PIPELINE.replace("FACTOR = 1", f"FACTOR = {factor}"))
            case 1:
                kept = sorted(project.state.blobs.digests())
                project.state.blobs.delete(chance.sample(kept, min(2, len(kept))))
        options = chance.choice(
            [
                *(NONE, NONE, NONE, RunOptions(verify_cache=1.0)),
                RunOptions(from_step=chance.choice(STEPS)),
                RunOptions(only_step=chance.choice(STEPS)),
            ]
        )
        compare(project, {"n": chance.randrange(5), "by": chance.choice((1, 2))}, options)


def test_an_older_result_that_fits_is_foreseen(project: Project) -> None:
    project.write(PIPELINE)
    project.data = {}
    for by in (1, 2, 1):
        plan = compare(project, {"by": by}, NONE)
    assert plan is not None
    assert plan.count("run") == 1  # chance, which is never kept
    # `facts` comes out the same for any `by`: an older result of what follows may fit.
    project.write(PIPELINE.replace('n // 2, "name"', 'n // 2 + 0, "name"'))
    plan = compare(project, {"by": 1}, NONE)
    assert plan is not None
    assert {s.step: s.decision for s in plan.steps}["total"] == "depends"


def test_a_part_of_a_run_is_foreseen_as_asked_for(project: Project) -> None:
    project.write(PIPELINE)
    project.data = {}
    assert compare(project, {}, RunOptions(only_step="is_many")) is None  # its inputs are not kept
    compare(project, {}, NONE)
    alone = compare(project, {}, RunOptions(only_step="is_many"))
    assert alone is not None
    assert [s.step for s in alone.steps if s.decision == "run"] == ["is_many"]
    again = compare(project, {}, RunOptions(from_step="is_many"))
    assert again is not None
    [step] = [s for s in again.steps if s.step == "is_many"]
    assert step.why == ("asked for with --from is_many",)
