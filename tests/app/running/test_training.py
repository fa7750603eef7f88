"""A training is traced to its commit and its data, and one project is wired from one folder."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from trueup.app.automation.reacting import ACTOR
from trueup.app.running.training import committed, train
from trueup.app.wiring import account, open_workspace
from trueup.foundation.actor import Actor
from trueup.foundation.errors import DeniedError, NotFoundError, UsageError, UserCodeError
from trueup.lifecycle.runs.records import StepProgress

from ..conftest import HERE, PIPELINE, PLAN, Desk

SAM = Actor(name="sam")


def head(desk: Desk) -> str:
    done = subprocess.run(
        ["git", "-C", str(desk.root), "rev-parse", "HEAD"], capture_output=True, check=True
    )
    return done.stdout.decode().strip()


def test_a_run_names_commit_data_parameters_and_person(desk: Desk) -> None:
    run, version = train(desk.workspace, SAM, "training", {"strength": 0.5}, options=HERE)
    snapshot = desk.workspace.datasets.show(SAM, "rows")
    assert (run.commit, run.dirty, run.started_by) == (head(desk), False, "sam")
    assert (run.data, run.parameters) == ({"rows": snapshot.digest}, {"strength": 0.5})
    assert snapshot.version == 2
    assert version is not None
    assert (version.ref, version.manifest.commit, version.manifest.data) == (
        "small@2",
        run.commit,
        run.data,
    )


def test_a_pipeline_is_found_by_its_name_by_its_model_and_as_the_only_one(desk: Desk) -> None:
    refs = {
        getattr(train(desk.workspace, SAM, name, {}, options=HERE).version, "ref", "")
        for name in ("training", "small", "")
    }
    assert refs == {"small@2"}


def test_progress_is_told(desk: Desk) -> None:
    told: list[StepProgress] = []
    train(desk.workspace, SAM, "training", {}, progress=told.append)
    assert [(p.step, p.state) for p in told] == [
        ("split", "starting"),  # its worker imports the project first
        ("split", "started"),
        ("split", "finished"),
        ("fit", "started"),
        ("fit", "finished"),
    ]


def test_files_that_differ_from_the_commit_are_refused_or_noted(desk: Desk) -> None:
    (desk.root / "trueup.toml").write_text(PLAN + "# a thought\n")
    with pytest.raises(UsageError) as caught:
        train(desk.workspace, SAM, "training", {})
    assert caught.value.code == "git-dirty"
    assert caught.value.message.startswith("trueup.toml differ")
    assert desk.workspace.datasets.show(SAM, "rows").version == 1
    ran = train(desk.workspace, SAM, "training", {}, allow_dirty=True, options=HERE)
    assert ran.run.dirty
    assert committed(desk.workspace, SAM, allow_dirty=True).changed == ("trueup.toml",)


def test_files_of_datasets_have_versions_of_their_own_and_stop_no_run(desk: Desk) -> None:
    rows = desk.root / desk.workspace.datasets.paths(SAM)["rows"]
    rows.write_text(rows.read_text() + rows.read_text().splitlines()[-1] + "\n")
    (desk.root / "pictures").mkdir()
    (desk.root / "pictures" / "one.txt").write_text("1")
    with pytest.raises(UsageError, match=r"^pictures/ differs from commit"):
        train(desk.workspace, SAM, "training", {})
    desk.workspace.datasets.add(SAM, "pictures", desk.root)
    assert not train(desk.workspace, SAM, "training", {}, options=HERE).run.dirty


def test_a_step_that_fails_makes_no_version(desk: Desk) -> None:
    desk.commit(pipeline=PIPELINE.replace('rows["late"]', 'rows["later"]'))
    with pytest.raises(UserCodeError) as caught:
        train(desk.workspace, SAM, "training", {}, options=HERE)
    run = desk.workspace.runs.show(SAM, caught.value.context["run"]).run
    assert (run.state, desk.versions()) == ("failed", 1)


def test_a_dataset_that_the_plan_does_not_declare_is_refused(desk: Desk) -> None:
    desk.commit(pipeline=PIPELINE.replace('data("rows")', 'data("row")'))
    before = len(desk.workspace.runs.list(SAM).runs)
    with pytest.raises(UsageError) as caught:
        train(desk.workspace, SAM, "training", {})
    assert caught.value.code == "dataset-unknown"
    assert len(desk.workspace.runs.list(SAM).runs) == before


def test_reviewers_train_nothing(desk: Desk) -> None:
    with pytest.raises(DeniedError):
        train(desk.workspace, Actor(name="rita"), "training", {})


# --- wiring


def test_a_project_is_found_from_any_folder_in_it(desk: Desk) -> None:
    with open_workspace(desk.root / "data") as workspace:
        assert workspace.root == desk.root
        assert [r.number for r in workspace.releases.serving(ACTOR)] == [1]


def test_outside_there_is_no_project(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError) as caught:
        open_workspace(tmp_path)
    assert caught.value.code == "project-not-found"


def test_the_local_account_owns_the_project_and_may_speak_for_others(desk: Desk) -> None:
    workspace = desk.workspace
    assert workspace.owner.name == account()
    assert workspace.speaking_as("") == workspace.speaking_as(account()) == workspace.owner
    rita = workspace.speaking_as("rita")
    assert (rita.name, rita.on_behalf_of, str(rita)) == (
        "rita",
        account(),
        f"rita for {account()}",
    )


def test_speaking_for_somebody_gives_their_rights_and_stands_in_the_log(asked: Desk) -> None:
    workspace = asked.workspace
    (approval,) = workspace.people.open_approvals(workspace.owner)
    with pytest.raises(DeniedError):
        workspace.people.decide(workspace.speaking_as("sam"), approval.id, True)
    workspace.people.decide(workspace.speaking_as("rita"), approval.id, True)
    event = asked.events("approval.approved")[-1]
    assert (event.actor, event.on_behalf_of) == ("rita", account())
