"""The files for servers call the command line only, and are not written over."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from trueup.app.ci import files
from trueup.foundation.errors import ConflictError

# The version of the commit that is built: others may register newer ones meanwhile.
GATE = "trueup check flights@commit:$(git rev-parse HEAD)"


def text(server: str, **changes: object) -> str:
    settings = {"requirements": "requirements.txt", "pulls": True} | changes
    return files.text(server, "nightly", "flights", **settings)  # type: ignore[arg-type]


def commands(server: str) -> list[str]:
    whole = yaml.safe_load(text(server))
    if server == "github":
        steps = whole["jobs"]["trueup"]["steps"]
        return [step["run"] for step in steps if "run" in step]
    return [*whole["trueup"]["before_script"], *whole["trueup"]["script"]]


@pytest.mark.parametrize("server", ["github", "gitlab"])
def test_the_yaml_is_read_as_what_it_should_be(server: str) -> None:
    found = commands(server)
    assert found[0] == "pip install --quiet -r requirements.txt"
    assert found[1:5] == [
        "trueup plan check",
        "trueup data pull",
        "trueup run nightly",
        f"{GATE} --junit reports/gate.xml --html reports/gate.html",
    ]


def test_github_may_say_the_verdict_and_nothing_more() -> None:
    assert yaml.safe_load(text("github"))["permissions"] == {
        "contents": "read",
        "statuses": "write",
        "pull-requests": "write",
    }


def test_gitlab_publishes_the_checks_and_only_warns_of_a_no() -> None:
    build = yaml.safe_load(text("gitlab"))["trueup"]
    assert build["artifacts"]["reports"]["junit"] == "reports/*.xml"
    assert build["allow_failure"] == {"exit_codes": 6}


def test_the_jenkinsfile_is_declarative_whole_and_tells_a_no_from_an_error() -> None:
    found = text("jenkins")
    lines = [line for line in found.splitlines() if not line.strip().startswith("//")]
    assert lines[0] == "pipeline {" and lines[-1] == "}"
    assert "".join(lines).count("{") == "".join(lines).count("}")
    stages = [line.split("'")[1] for line in lines if line.strip().startswith("stage(")]
    assert stages == ["Install", "Plan", "Data", "Run", "Gate"]
    assert "if (code == 6) { unstable(" in found
    assert f"script: '{GATE} --junit" in found
    assert "TRUEUP_RUN_ID" in found and not re.search("@[A-Z]+@", found)


def test_a_jenkins_build_leaves_nothing_that_the_next_one_takes_for_its_own() -> None:
    first, second = re.findall(r"sh '(.*)'", text("jenkins"))[:2]
    assert first == 'rm -rf reports && python3 -m venv .venv && echo "*" > .venv/.gitignore'
    assert second == "pip install --quiet -r requirements.txt"


def test_nothing_is_reported_after_a_run_that_failed() -> None:
    steps = yaml.safe_load(text("github"))["jobs"]["trueup"]["steps"]
    (run,) = [step for step in steps if step.get("id") == "run"]
    (report,) = [step for step in steps if step.get("name") == "Report"]
    assert run["run"] == "trueup run nightly"
    assert "steps.run.outcome == 'success'" in report["if"]
    assert report["run"] == "trueup git report flights@commit:$(git rev-parse HEAD)"
    gitlab = yaml.safe_load(text("gitlab"))["trueup"]
    assert gitlab["after_script"] == [report["run"]]


def git(root: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=Ann", "-c", "user.email=ann@example.org")
    subprocess.run(["git", "-C", str(root), *identity, *arguments], check=True, capture_output=True)


def test_github_builds_what_is_pushed_to_the_branch_that_others_build_on(tmp_path: Path) -> None:
    git(tmp_path, "init", "--initial-branch", "trunk")
    git(tmp_path, "commit", "--allow-empty", "-m", "start")
    assert files.branch_of(tmp_path) == "trunk"
    git(tmp_path, "branch", "master")
    assert files.branch_of(tmp_path) == "master"
    git(tmp_path, "update-ref", "refs/remotes/origin/next", "HEAD")
    git(tmp_path, "symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/next")
    assert files.branch_of(tmp_path) == "next"
    triggers = yaml.safe_load(text("github", branch="next"))[True]  # YAML reads `on` as true
    assert triggers["push"] == {"branches": ["next"]}


def test_a_project_in_a_folder_of_its_repository_is_built_there() -> None:
    github = yaml.safe_load(text("github", folder="ml"))["jobs"]["trueup"]
    assert github["defaults"]["run"]["working-directory"] == "ml"
    assert github["steps"][-1]["with"]["path"] == "ml/reports"
    gitlab = yaml.safe_load(text("gitlab", folder="ml"))["trueup"]
    assert gitlab["before_script"][0] == gitlab["after_script"][0] == 'cd "ml"'
    assert gitlab["artifacts"]["reports"]["junit"] == "ml/reports/*.xml"
    jenkins = text("jenkins", folder="ml")
    calls = re.findall(r"(?:sh|script:) '(.*trueup.*)'", jenkins)
    assert len(calls) == 5 and all(call.startswith('cd "ml" && trueup ') for call in calls)
    assert "sh 'rm -rf ml/reports && " in jenkins and "junit testResults: 'ml/reports/" in jenkins


@pytest.mark.parametrize("server", list(files.SERVERS))
def test_what_a_project_lacks_is_left_out(server: str) -> None:
    bare = files.text(server, "nightly", "", requirements="r.txt", pulls=False)
    assert "trueup check" not in bare and "data pull" not in bare and "-r r.txt" in bare


@pytest.mark.parametrize("server", list(files.SERVERS))
def test_the_same_again_changes_nothing(server: str, tmp_path: Path) -> None:
    path, changed = files.write(tmp_path, server, text(server))
    assert changed and path.read_text() == text(server)
    assert files.write(tmp_path, server, text(server)) == (path, False)


def test_a_file_that_is_there_is_kept_until_one_insists(tmp_path: Path) -> None:
    (tmp_path / "Jenkinsfile").write_text("node {}\n")
    with pytest.raises(ConflictError, match="is not Trueup's"):
        files.write(tmp_path, "jenkins", text("jenkins"))
    assert (tmp_path / "Jenkinsfile").read_text() == "node {}\n"
    assert files.write(tmp_path, "jenkins", text("jenkins"), force=True)[1]
    with pytest.raises(ConflictError, match="was edited"):
        files.write(tmp_path, "jenkins", text("jenkins", pulls=False))
