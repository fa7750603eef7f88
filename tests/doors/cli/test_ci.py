"""Builds, reviews and hooks, from the command line."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Xml

import pytest

from trueup.testing.hosting import FakeHosting
from trueup.testing.jenkins import Buildable, FakeJenkins

from .conftest import HERE

SOURCES = str(Path(__file__).parents[3] / "src")


def git(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["git", "-C", str(root), *arguments],
        capture_output=True,
        check=False,
        text=True,
        env=os.environ | {"PYTHONPATH": SOURCES},
    )


def test_a_verdict_is_written_for_servers_and_for_people(lived: Path, trueup: Any) -> None:
    ran = trueup("check", "lumps@1", "--junit", "reports/gate.xml", "--html", "reports/gate.html")
    assert ran.code == 0
    (suite,) = Xml.parse(lived / "reports/gate.xml").getroot()
    assert suite.attrib["failures"] == "0" and int(suite.attrib["tests"]) > 3
    page = (lived / "reports/gate.html").read_text()
    assert "Verdict on lumps@1" in page and "verdict:" in page
    assert len(page) < 500_000 and "<script" not in page


def test_a_report_that_cannot_be_written_is_an_error_with_a_cure(lived: Path, trueup: Any) -> None:
    ran = trueup("check", "lumps@1", "--html", "trueup.toml/gate.html")
    assert ran.code == 8 and "could not be written" in ran.err


@pytest.mark.parametrize(
    ("server", "file"),
    [
        ("jenkins", "Jenkinsfile"),
        ("github", ".github/workflows/trueup.yml"),
        ("gitlab", ".gitlab-ci.yml"),
    ],
)
def test_a_file_for_a_server_is_written_once(
    server: str, file: str, lived: Path, trueup: Any
) -> None:
    assert "trueup check lumps@commit:" in trueup("ci", server, "--print").out
    assert not (lived / file).exists()
    ran = trueup("ci", server)
    assert ran.code == 0 and "trueup check lumps" in (lived / file).read_text()
    assert "pip freeze > requirements.txt" in ran.err
    assert "as before" in trueup("ci", server).out
    (lived / file).write_text("mine\n")
    assert trueup("ci", server).code == 4 and (lived / file).read_text() == "mine\n"


def test_in_a_folder_of_a_repository_the_file_is_where_its_server_looks(
    fresh: Path, trueup: Any
) -> None:
    top = fresh.parent
    git(top, "init", "--quiet")
    shutil.rmtree(fresh / ".git")
    assert trueup("ci", "github", "--json").data["file"] == "../.github/workflows/trueup.yml"
    assert "working-directory: small" in (top / ".github/workflows/trueup.yml").read_text()
    assert trueup("ci", "gitlab").code == 0 and (top / ".gitlab-ci.yml").is_file()
    assert trueup("ci", "jenkins").code == 0 and (fresh / "Jenkinsfile").is_file()


def test_a_build_elsewhere_is_followed_to_its_end(
    fresh: Path, trueup: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    train = Buildable("Team/train", ("TRUEUP_RUN_ID", "DEPTH"), lambda given: f"{given['DEPTH']}\n")
    with FakeJenkins(train, Buildable("bad", result="UNSTABLE")) as server:
        with (fresh / "trueup.toml").open("a") as file:
            file.write(
                f'[connections.jenkins]\nurl = "{server.url}"\n'
                'user = "ci"\ntoken = "secret:JENKINS"\n'
            )
        ran = trueup("ci", "build", "Team/train", "-p", "DEPTH=6")
        assert ran.code == 3 and "TRUEUP_SECRET_JENKINS" in ran.err
        monkeypatch.setenv("TRUEUP_SECRET_JENKINS", server.token)
        ran = trueup("ci", "build", "Team/train", "-p", "DEPTH=6")
        assert (ran.code, ran.out) == (0, "6\n")
        assert "Team/train #1: success" in ran.err
        assert trueup("ci", "build", "bad").code == 6
        assert trueup("ci", "build", "bed").code == 3
        assert trueup("ci", "build", "bad", "--key", "x", "--json").data["result"] == "unstable"


def test_without_a_connection_the_lines_to_add_are_shown(fresh: Path, trueup: Any) -> None:
    ran = trueup("ci", "build", "train")
    assert ran.code == 3 and "[connections.jenkins]" in ran.err


def test_a_verdict_is_said_about_a_commit_and_once_under_its_review(
    lived: Path, trueup: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = git(lived, "rev-parse", "HEAD").stdout.strip()
    with FakeHosting(commits=(commit,), branch="better") as server:
        with (lived / "trueup.toml").open("a") as file:
            file.write(
                f'[connections.github]\nurl = "{server.url}"\nrepository = "ann/flights"\n'
                'token = "secret:GITHUB_TOKEN"\n'
            )
        monkeypatch.setenv("TRUEUP_SECRET_GITHUB_TOKEN", server.token)
        for name in ("GITHUB_ACTIONS", "GITLAB_CI", "JENKINS_URL"):
            monkeypatch.delenv(name, raising=False)
        assert "### ✓ lumps@1" in trueup("git", "report", "lumps", "--dry-run").out
        assert not server.requests
        assert "No open review" in trueup("git", "report", "lumps").err
        git(lived, "checkout", "--quiet", "-b", "better")
        for _ in range(2):
            assert trueup("git", "report", "lumps").code == 0
        (said,) = server.statuses[commit]
        assert (said["state"], said["context"]) == ("success", "trueup/lumps")
        (comment,) = server.comments.values()
        assert "| check |" in comment["body"] and "verdict:" in comment["body"]


def test_a_build_on_github_says_it_of_its_own_version_beside_that_of_the_target_branch(
    lived: Path, trueup: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of the service stands in trueup.toml: the build's own variables say where it is."""
    git(lived, "branch", "-M", "main")  # its run made lumps@1
    git(lived, "checkout", "--quiet", "-b", "better")
    git(lived, "commit", "--quiet", "--allow-empty", "-m", "better")
    head = git(lived, "rev-parse", "HEAD").stdout.strip()
    with FakeHosting(commits=(head,), branch="better") as server:
        event = lived.parent / "event.json"
        event.write_text(f'{{"pull_request": {{"head": {{"sha": "{head}"}}}}}}')
        for name, value in {
            "GITHUB_ACTIONS": "true",
            "GITHUB_API_URL": server.url,
            "GITHUB_REPOSITORY": server.repository,
            "GITHUB_SHA": "0" * 40,
            "GITHUB_REF": "refs/pull/7/merge",
            "GITHUB_EVENT_PATH": str(event),
            "TRUEUP_SECRET_GITHUB_TOKEN": server.token,
        }.items():
            monkeypatch.setenv(name, value)
        assert trueup("git", "report", f"lumps@commit:{head}").code == 3  # no run of it yet
        assert not server.requests
        assert trueup("run", "-p", "strength=0.1", *HERE).code == 0
        assert trueup("git", "report", f"lumps@commit:{head}").code == 0
        (said,) = server.statuses[head]
        assert said["context"] == "trueup/lumps" and said["description"].startswith("lumps@2")
        (comment,) = server.comments.values()
        assert "| metric | lumps@2 | lumps@1 | difference |" in comment["body"]


def test_hooks_stop_a_broken_plan_and_data_that_went_astray(fresh: Path, trueup: Any) -> None:
    assert trueup("git", "install").code == 0
    (fresh / "notes.md").write_text("fine\n")
    git(fresh, "add", "notes.md")
    assert git(fresh, "commit", "-m", "fine").returncode == 0
    (fresh / "data/more.csv").write_text("value,label\n1,0\n")
    plan = fresh / "trueup.toml"
    plan.write_text(plan.read_text().replace("data/rows.csv", "data"))
    git(fresh, "add", ".")
    refused = git(fresh, "commit", "-m", "data")
    assert refused.returncode != 0 and "data/more.csv belongs to a dataset" in refused.stderr
    git(fresh, "rm", "--cached", "--quiet", "data/more.csv")
    plan.write_text('[project]\nname = "small"\n')
    git(fresh, "add", "trueup.toml")
    broken = git(fresh, "commit", "-m", "broken")
    assert broken.returncode != 0 and "objective" in broken.stderr


def test_data_that_git_keeps_already_may_change(fresh: Path, trueup: Any) -> None:
    assert trueup("git", "install").code == 0
    with (fresh / "data/rows.csv").open("a") as file:
        file.write("9,1\n")
    git(fresh, "add", "data/rows.csv")
    assert git(fresh, "commit", "-m", "more rows").returncode == 0


def test_projects_in_folders_of_one_repository_are_checked_each(
    fresh: Path, trueup: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    top = fresh.parent
    git(top, "init", "--quiet")
    shutil.rmtree(fresh / ".git")
    shutil.copytree(fresh, top / "its twin")
    git(top, "add", ".")
    git(top, "commit", "-m", "start")
    for folder in (fresh, top / "its twin", fresh):
        monkeypatch.chdir(folder)
        assert trueup("git", "install").code == 0
    (top / "its twin" / "notes.md").write_text("fine\n")
    git(top, "add", ".")
    assert git(top, "commit", "-m", "notes").returncode == 0
    (top / "its twin" / "trueup.toml").write_text('[project]\nname = "twin"\n')
    assert git(top, "commit", "-am", "broken").returncode != 0
    monkeypatch.chdir(top / "its twin")
    assert trueup("git", "uninstall").code == 0
    assert git(top, "commit", "-am", "nobody looks at the twin").returncode == 0
    (fresh / "trueup.toml").write_text("")
    assert git(top, "commit", "-am", "broken").returncode != 0
    (fresh / "trueup.toml").unlink()
    assert git(top, "commit", "-am", "a branch without it").returncode == 0


def test_hooks_of_others_are_kept_and_come_back(fresh: Path, trueup: Any) -> None:
    other = fresh / ".git/hooks/pre-commit"
    other.parent.mkdir(exist_ok=True)
    other.write_text("#!/bin/sh\necho other >&2\n")
    other.chmod(0o755)
    refused = trueup("git", "install")
    assert refused.code == 4 and "echo other" in other.read_text()
    for _ in range(2):  # a second installation does not take our own hook for the other one
        assert trueup("git", "install", "--chain").code == 0
    (fresh / "notes.md").write_text("fine\n")
    git(fresh, "add", "notes.md")
    done = git(fresh, "commit", "-m", "fine")
    assert done.returncode == 0 and "other" in done.stderr
    assert "2 hooks" in trueup("git", "uninstall").err
    assert "echo other" in other.read_text()
    assert not (fresh / ".git/hooks/pre-push").exists()
