"""Executing a pipeline: results, reuse, failures, interruptions, and the record of each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
import pytest

from trueup.foundation.actor import Actor
from trueup.foundation.errors import ConflictError, DeniedError, UsageError, UserCodeError
from trueup.foundation.records import decode
from trueup.lifecycle.pipeline.code.packages import Environment
from trueup.lifecycle.pipeline.passing import values
from trueup.lifecycle.runs.records import Cause
from trueup.lifecycle.runs.service import Runs
from trueup.state import eventlog
from trueup.state.unit import State

if TYPE_CHECKING:
    from conftest import Project


def test_a_run_records_its_inputs_its_steps_and_its_metrics(
    project: Project, state: State, scientist: Actor
) -> None:
    run = project.run({"at": 3}, commit="c0ffee", dirty=True, cause=Cause(by="event-1"))

    shown = Runs(state).show(scientist, run.id)
    assert shown.run == run
    assert (run.state, run.pipeline, run.started_by) == ("finished", "flights", "sam")
    assert (run.commit, run.dirty, run.caused_by) == ("c0ffee", True, "event-1")
    assert run.parameters == {"at": 3, "longest": 60}
    assert set(run.data) == {"flights"}
    assert run.code.startswith("b3:")
    assert [(s.step, s.state, s.cached) for s in shown.steps] == [
        ("clean", "finished", False),
        ("split", "finished", False),
        ("measure", "finished", False),
    ]
    assert shown.steps[0].place == "pipelines/flights.py:20"
    assert {(m.step, m.name): m.value for m in shown.metrics} == {
        ("measure", "rows"): 3.0,
        ("measure", "mean"): 60.0,
    }
    environment = decode(state.blobs.get(run.environment), Environment)
    assert environment.packages["polars"] == pl.__version__


def test_what_a_step_returned_can_be_read_back(
    project: Project, state: State, scientist: Actor
) -> None:
    run = project.run()
    split = Runs(state).show(scientist, run.id).steps[1]
    assert split.outputs is not None
    holdout = values.load(state.blobs, split.outputs)["holdout"]
    assert holdout["delay"].to_list() == [20, 60]


def test_a_second_run_reuses_everything_and_starts_no_engine(project: Project) -> None:
    first = project.run()
    second = project.run(engine="processes://")
    assert set(project.outcome().values()) == {"reused"}
    assert not (project.root / ".trueup" / "logs" / second.id).exists()
    assert project.why("clean") == (f"nothing it depends on has changed since run {first.id}",)
    assert second.id != first.id


def test_a_reused_step_reports_its_metrics_again(
    project: Project, state: State, scientist: Actor
) -> None:
    project.run()
    again = project.run()
    assert [m.name for m in Runs(state).metrics(scientist, again.id)] == ["mean", "rows"]


def test_a_changed_parameter_runs_only_what_depends_on_it(project: Project) -> None:
    project.run()
    project.run({"at": 1})
    assert project.outcome() == {"clean": "reused", "split": "finished", "measure": "finished"}
    assert project.why("split") == ("at was 2, is 1",)
    assert project.why("measure") == ("input holdout changed", "input train changed")


READS_FILES = """
    from pathlib import Path
    from trueup import pipeline, step

    @step
    def rate() -> float:
        return float(Path(__file__).with_name("rate.txt").read_text())

    @step
    def count() -> int:
        log = Path(__file__).with_name("log.txt")
        log.write_text(log.read_text() + "again\\n")
        return len(log.read_text())

    @pipeline
    def priced() -> None:
        rate(), count()
"""


@pytest.mark.parametrize(
    "engine", ["inprocess://", pytest.param("processes://", marks=pytest.mark.slow)]
)
def test_a_file_that_a_step_opens_by_itself_is_an_input_of_it(
    project: Project, state: State, scientist: Actor, engine: str
) -> None:
    project.write(READS_FILES)
    project.write("0.5", "pipelines/rate.txt")
    project.write("", "pipelines/log.txt")
    first = project.run(engine=engine)
    assert Runs(state).show(scientist, first.id).steps[1].why == (
        "it has not run before",
        "it is not cached: 'pipelines/log.txt' changed while it ran",
    )
    project.run(engine=engine)
    assert project.outcome() == {"rate": "reused", "count": "finished"}
    project.write("0.75", "pipelines/rate.txt")
    project.run(engine=engine)
    assert project.why("rate") == ("file pipelines/rate.txt, which it opens, changed",)


def test_a_file_that_is_declared_counts_once_as_part_of_the_key(
    project: Project, state: State, scientist: Actor
) -> None:
    declared = READS_FILES.replace("@step", '@step(depends_on=("pipelines/rate.txt",))', 1)
    project.write(declared)
    project.write("0.5", "pipelines/rate.txt")
    project.write("", "pipelines/log.txt")
    run = project.run()
    [kept] = Runs(state).results(scientist, run.id)
    assert (list(kept.components.files), kept.opened) == (["pipelines/rate.txt"], {})
    project.write("0.75", "pipelines/rate.txt")
    project.run()
    assert project.why("rate") == ("file pipelines/rate.txt changed",)


def test_an_equal_result_stops_the_rerun_there(project: Project) -> None:
    project.run()
    project.run({"longest": 80})  # no row lies between 60 and 80
    assert project.outcome() == {"clean": "finished", "split": "reused", "measure": "reused"}


def test_changed_code_runs_again_and_says_which_part_changed(project: Project) -> None:
    project.run()
    project.edit('pl.col("delay") <= longest', 'pl.col("delay") < longest')
    project.run()
    assert project.why("clean") == ("code of pipelines/flights.py:clean changed",)
    assert project.outcome()["clean"] == "finished"


def test_changed_data_runs_again(project: Project) -> None:
    project.run()
    project.data["flights"] = pl.DataFrame({"delay": [1, 2, 3]})
    project.run()
    assert project.why("clean") == ("input flights changed",)


def test_a_result_whose_bytes_are_gone_is_made_again(
    project: Project, state: State, scientist: Actor
) -> None:
    run = project.run()
    outputs = Runs(state).show(scientist, run.id).steps[0].outputs
    assert outputs is not None
    state.blobs.delete([outputs.digest])
    project.run()
    assert project.outcome() == {"clean": "finished", "split": "reused", "measure": "reused"}
    assert project.why("clean") == ("its stored result is gone",)


def test_a_step_without_cache_runs_every_time(project: Project) -> None:
    project.edit("@step\ndef clean", "@step(cache=False)\ndef clean")
    project.run()
    project.run()
    assert project.outcome()["clean"] == "finished"
    assert project.why("clean") == ("it is not cached (cache=False)",)


def test_code_that_cannot_be_followed_is_never_reused(project: Project) -> None:
    project.edit('return {"rows"', 'eval("1")\n    return {"rows"')
    project.run()
    project.run()
    assert project.outcome()["measure"] == "finished"
    assert "builtins.eval, which can run any code" in project.why("measure")[0]


def test_no_step_can_change_the_input_of_another(project: Project) -> None:
    project.write("""
        from trueup import pipeline, step

        @step
        def make() -> dict[str, object]:
            return {"names": ["a"]}

        @step(cache=False)
        def spoil(found: dict) -> int:
            found["names"].append("b")
            return len(found["names"])

        @step(cache=False)
        def count(found: dict, after: int) -> dict[str, int]:
            return {"names": len(found["names"])}

        @pipeline
        def spoiled():
            found = make()
            count(found, spoil(found))
    """)
    run = project.run()
    [metric] = Runs(project.state).metrics(project.actor, run.id)
    assert (metric.name, metric.value) == ("names", 1)


def test_a_failing_step_fails_the_run_and_shows_only_the_users_lines(
    project: Project, state: State, scientist: Actor
) -> None:
    project.write("def ratio(a, b):\n    return a / b\n", "ratios.py")
    project.edit("import polars as pl", "import polars as pl\nfrom ratios import ratio")
    project.edit('return {"rows"', 'ratio(1, 0)\n    return {"rows"')
    with pytest.raises(
        UserCodeError, match=r"Step 'measure' failed at ratios.py:2: ZeroDiv"
    ) as caught:
        project.run()
    assert [f["file"] for f in caught.value.context["frames"]] == [
        "pipelines/flights.py",
        "ratios.py",
    ]
    shown = Runs(state).show(scientist, caught.value.context["run"])
    assert shown.run.state == "failed"
    assert shown.run.error is not None
    assert shown.run.error.code == "step-failed"
    assert [(s.step, s.state) for s in shown.steps][-1] == ("measure", "failed")


def test_after_a_failure_the_finished_steps_are_reused(project: Project) -> None:
    project.edit('return {"rows"', 'raise ValueError("no")\n    return {"rows"')
    with pytest.raises(UserCodeError):
        project.run()
    project.edit('raise ValueError("no")', "pass")
    project.run()
    assert project.outcome() == {"clean": "reused", "split": "reused", "measure": "finished"}


def test_a_step_cannot_end_the_process(project: Project) -> None:
    project.edit('return {"rows"', 'raise SystemExit(3)\n    return {"rows"')
    with pytest.raises(UserCodeError, match="tried to end the process"):
        project.run()


def test_ctrl_c_marks_the_run_interrupted_and_goes_on_up(
    project: Project, state: State, scientist: Actor
) -> None:
    project.edit('return {"rows"', 'raise KeyboardInterrupt\n    return {"rows"')
    with pytest.raises(KeyboardInterrupt):
        project.run()
    [run] = Runs(state).list(scientist).runs
    assert run.state == "interrupted"
    assert project.outcome()["measure"] == "interrupted"


def test_a_result_that_cannot_be_kept_names_step_type_and_cure(project: Project) -> None:
    project.edit('return {"rows": train.height, "mean": holdout["delay"].mean()}', "return {1, 2}")
    with pytest.raises(
        UserCodeError, match=r"return dict\[str, float\] at .*:14, but .* set"
    ) as caught:
        project.run()
    assert caught.value.hint == "return sorted(items)"
    project.edit(" -> dict[str, float]:", ":")
    with pytest.raises(UserCodeError, match=r"what step 'measure' returned is a set") as caught:
        project.run()
    assert caught.value.hint == "return sorted(items)"


def test_a_missing_part_of_a_result_is_named_with_its_line(project: Project) -> None:
    project.edit('parts["holdout"]', 'parts["houldout"]')
    with pytest.raises(UserCodeError, match=r"flights.py:21: .* Did you mean 'holdout'\?"):
        project.run()


def test_nothing_is_recorded_when_the_pipeline_is_wrong(
    project: Project, state: State, scientist: Actor
) -> None:
    project.data = {"flihts": project.data["flights"]}
    with pytest.raises(UsageError, match="Did you mean 'flihts'"):
        project.run()
    assert Runs(state).list(scientist).runs == ()


def test_who_may_not_write_runs_runs_nothing(project: Project, viewer: Actor) -> None:
    project.actor = viewer
    with pytest.raises(DeniedError):
        project.run()
    assert project.progress == []


def test_a_run_that_was_declared_lost_cannot_finish(
    project: Project, state: State, scientist: Actor
) -> None:
    project.run()
    [run] = Runs(state).list(scientist).runs
    with pytest.raises(ConflictError, match="is finished and cannot become failed"):
        Runs(state).fail(scientist, run.id, UserCodeError("step-failed", "late"))


def test_start_and_end_are_events_with_the_cause(project: Project, state: State) -> None:
    run = project.run(cause=Cause(by="event-1"))
    with state.database.reading() as connection:
        started, finished = eventlog.about(connection, run.ref)
    assert (started.type, started.data["caused_by"]) == ("run.started", "event-1")
    assert (finished.type, finished.data["steps"]) == ("run.finished", 3)


MODEL = """
    import polars as pl
    from sklearn.linear_model import LogisticRegression

    from trueup import candidate, data, pipeline, step

    @step
    def train(rows: pl.DataFrame, label: str) -> LogisticRegression:
        return LogisticRegression().fit(rows.drop(label), rows[label])

    @step
    def score(model: LogisticRegression, rows: pl.DataFrame) -> dict[str, float]:
        return {"accuracy": model.score(rows.drop("late"), rows["late"])}

    @pipeline(model="lateness", schedule="0 3 * * 1")
    def flights(label: str = "late"):
        rows = data("flights")
        model = train(rows, "late")
        score(model, rows)
        return candidate(model, trained_on=rows, holdout=rows, label=label)
"""


@pytest.fixture
def training(project: Project) -> Project:
    project.write(MODEL)
    project.data["flights"] = pl.DataFrame({"hour": [1, 2, 20, 21], "late": [0, 0, 1, 1]})
    return project


@pytest.mark.slow
def test_a_model_is_offered_with_its_rows_and_is_reused(training: Project, state: State) -> None:
    run = training.run()
    assert run.candidate is not None
    assert (run.model, run.candidate.label) == ("lateness", "late")
    assert (run.candidate.model.kind, run.candidate.model.format) == ("model", "skops")
    assert run.candidate.holdout.rows == 4
    model = values.load(state.blobs, run.candidate.model)
    assert model.predict(training.data["flights"].drop("late")).tolist() == [0, 0, 1, 1]

    assert training.run().candidate == run.candidate
    assert set(training.outcome().values()) == {"reused"}


def test_a_candidate_without_its_label_fails_the_run(training: Project) -> None:
    with pytest.raises(UserCodeError, match="trained_on has no column 'punctual'"):
        training.run({"label": "punctual"})
