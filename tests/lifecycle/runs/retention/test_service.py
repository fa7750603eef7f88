"""Forgetting runs: figures stay, files go, and nothing goes that anything else needs."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from trueup.foundation import clock
from trueup.foundation.actor import Actor
from trueup.foundation.errors import DeniedError, TrueupError
from trueup.foundation.references import Reference
from trueup.lifecycle.data.retention.service import Retention
from trueup.lifecycle.data.service import Datasets
from trueup.lifecycle.runs.records import Run
from trueup.lifecycle.runs.retention.records import Forgetting, Keep
from trueup.lifecycle.runs.retention.service import RunRetention
from trueup.lifecycle.runs.service import Runs
from trueup.lifecycle.runs.tracking import table as tracked
from trueup.lifecycle.runs.tracking.curation.service import Curation
from trueup.lifecycle.runs.tracking.service import Tracking
from trueup.state import eventlog
from trueup.state.unit import State

if TYPE_CHECKING:
    from conftest import Project

DAY = timedelta(days=1)


def of_nothing(_connection: sa.Connection, _runs: Iterable[str]) -> dict[str, list[str]]:
    return {}


@pytest.fixture
def retention(state: State) -> RunRetention:
    return RunRetention(state, of_nothing)


def ended(state: State, actor: Actor, pipeline: str = "flights", **data: str) -> Run:
    """A run that did nothing, on some data."""
    verbs = Runs(state)
    run = verbs.start(actor, pipeline, parameters={}, data=data, code="", environment="")
    return verbs.finish(actor, run.id)


def gone(found: Forgetting) -> list[str]:
    return [fate.ref.removeprefix("run:") for fate in found.gone]


def raised(code: str, verb: Any) -> TrueupError:
    with pytest.raises(TrueupError) as caught:
        verb()
    assert caught.value.code == code
    return caught.value


def collect(project: Project) -> int:
    """The bytes of the blobs that a collection throws away two days later."""
    blobs = project.state.blobs
    before = sum(kept.size for kept in blobs.kept())
    with clock.held_at(clock.now() + 2 * DAY):
        Datasets(project.state).collect(project.actor, project.root, older_than=DAY, dry_run=False)
    return before - sum(kept.size for kept in blobs.kept())


def test_what_a_run_alone_made_is_freed_and_its_figures_stay(
    project: Project, retention: RunRetention
) -> None:
    first = project.run({"longest": 10})
    second = project.run({"longest": 20})
    seen = retention.forget(project.actor, [first.id], dry_run=True)
    assert (gone(seen), seen.done, seen.frees > 0, seen.results > 0) == (
        [first.id],
        False,
        True,
        True,
    )
    assert collect(project) == 0
    done = retention.forget(project.actor, [first.id], why="old")
    assert (done.done, done.frees, done.results) == (True, seen.frees, seen.results)
    assert collect(project) == seen.frees
    assert len(Runs(project.state).show(project.actor, first.id).steps) == 3
    with project.state.read(project.actor) as connection:
        (event,) = eventlog.about(connection, first.ref)[-1:]
    assert (event.type, event.why) == ("run.forgotten", "old")
    again = project.run({"longest": 20})
    assert all(step.cached for step in Runs(project.state).show(project.actor, again.id).steps)
    assert second.state == project.run({"longest": 10}).state == "finished"


def test_results_that_a_later_run_used_stay(project: Project, retention: RunRetention) -> None:
    first = project.run()
    project.run()
    found = retention.forget(project.actor, [first.id])
    assert (gone(found), found.results, found.frees) == ([first.id], 0, 0)
    assert collect(project) == 0
    third = Runs(project.state).show(project.actor, project.run().id)
    assert all(step.cached for step in third.steps)


def test_it_can_be_undone(project: Project, retention: RunRetention) -> None:
    run = project.run()
    retention.forget(project.actor, [run.id])
    assert retention.undo(project.actor, [run.id]) == [run.id]
    assert collect(project) == 0


def test_a_run_that_goes_on_is_needed(
    state: State, scientist: Actor, retention: RunRetention
) -> None:
    run = Runs(state).start(scientist, "flights", parameters={}, data={}, code="", environment="")
    error = raised("run-needed", lambda: retention.forget(scientist, [run.id]))
    assert "goes on" in error.message
    assert gone(retention.forget(scientist, [], Keep(since=clock.now() + DAY))) == []


def test_a_run_of_which_a_model_was_made_is_needed_unless_a_reason_is_given(
    state: State, scientist: Actor
) -> None:
    run = ended(state, scientist)
    naming = lambda *_: {run.id: ["late@3"]}  # noqa: E731
    retention = RunRetention(state, naming)
    error = raised("run-needed", lambda: retention.forget(scientist, [run.id]))
    assert "late@3 was made of it" in error.message
    assert gone(retention.forget(scientist, [], Keep(since=clock.now() + DAY))) == []
    raised("forget-why", lambda: retention.forget(scientist, [run.id], even_if_named=True))
    done = retention.forget(scientist, [run.id], even_if_named=True, why="a trial")
    assert gone(done) == [run.id]


def test_a_rule_keeps_the_newest_of_each_pipeline_and_the_young(
    state: State, scientist: Actor, retention: RunRetention
) -> None:
    a, b, c = (ended(state, scientist) for _ in range(3))
    other = ended(state, scientist, "weather")

    def goes(pipeline: str = "", **rule: Any) -> list[str]:
        found = retention.forget(scientist, [], Keep(**rule), pipeline=pipeline, dry_run=True)
        return sorted(gone(found))

    assert goes(last=1) == sorted([a.id, b.id])
    assert goes(last=2) == [a.id]
    assert goes(since=c.started_at) == sorted([a.id, b.id])
    assert goes("weather", since=clock.now() + DAY) == [other.id]
    raised("forget-what", lambda: retention.forget(scientist))
    raised("forget-what", lambda: retention.forget(scientist, [a.id], Keep(last=1)))
    raised("run-not-found", lambda: retention.forget(scientist, ["nosuch"]))


def test_data_that_only_forgotten_runs_used_may_be_forgotten(
    project: Project, retention: RunRetention
) -> None:
    folder = project.root / "images"
    folder.mkdir()
    datasets, of_data = Datasets(project.state), Retention(project.state, project.root)
    for number in range(2):
        (folder / "a").write_text(str(number))
        datasets.add(project.actor, "images", project.root)
    old = datasets.show(project.actor, "images", "1")
    run = ended(project.state, project.actor, images=old.digest)
    wanted = [Reference(kind="data", name="images", selector="1")]
    error = raised("version-needed", lambda: of_data.forget(project.actor, wanted))
    assert run.ref in error.message
    retention.forget(project.actor, [run.id])
    assert [fate.ref for fate in of_data.forget(project.actor, wanted).gone] == [old.ref]


def test_a_deleted_run_is_purged_with_all_that_it_logged(
    state: State, scientist: Actor, retention: RunRetention
) -> None:
    tracking = Tracking(state, "mlflow-artifacts:/")
    number = tracking.create_experiment(scientist, "trials").number
    kept, lost = (tracking.start(scientist, number, name=name) for name in ("kept", "lost"))
    Curation(state).delete_run(scientist, lost.id)
    soon = clock.now() + DAY
    seen = retention.purge(scientist, soon, dry_run=True)
    assert (seen.runs, seen.done) == (1, False)
    assert retention.purge(scientist, clock.now() - DAY).runs == 0
    assert retention.purge(scientist, soon).done
    with state.read(scientist) as connection:
        found = set(connection.scalars(sa.select(tracked.tracked_runs.c.id)))
    assert found == {kept.id}
    assert retention.purge(scientist, soon).runs == 0


def test_only_who_may_write_data_forgets(
    state: State, viewer: Actor, retention: RunRetention
) -> None:
    for verb in (
        lambda: retention.forget(viewer, ["x"]),
        lambda: retention.undo(viewer, ["x"]),
        lambda: retention.purge(viewer, clock.now()),
    ):
        with pytest.raises(DeniedError):
            verb()
