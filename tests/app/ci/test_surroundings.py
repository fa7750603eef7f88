"""What the three servers tell their builds, as they document it."""

from __future__ import annotations

from pathlib import Path

from trueup.app.ci.surroundings import Built, cause, connection, read


def test_outside_of_a_build_there_is_nothing() -> None:
    assert read({"BUILD_NUMBER": "7", "PATH": "/bin"}) == Built()


def test_jenkins() -> None:
    told = {
        "JENKINS_URL": "https://ci.example.org/",
        "JOB_NAME": "Team/train",
        "BUILD_NUMBER": "7",
        "BUILD_URL": "https://ci.example.org/job/Team/job/train/7/",
        "GIT_COMMIT": "abc",
        "GIT_BRANCH": "origin/better",
    }
    assert read(told) == Built("jenkins", "Team/train", "7", told["BUILD_URL"], "abc", "better", 0)
    review = read(told | {"CHANGE_ID": "12", "CHANGE_BRANCH": "fix", "BRANCH_NAME": "PR-12"})
    assert (review.review, review.branch) == (12, "fix")


def test_a_run_in_a_build_names_the_build() -> None:
    told = {"JENKINS_URL": "https://ci/", "JOB_NAME": "Team/train", "BUILD_NUMBER": "7"}
    made = cause(told | {"BUILD_URL": "https://ci/job/Team/job/train/7/"})
    assert made.by == "jenkins:Team/train#7"
    assert made.reason.endswith(
        "build 7 of Team/train on jenkins (https://ci/job/Team/job/train/7/)"
    )
    assert cause({"PATH": "/bin"}).by == ""


def test_github() -> None:
    told = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_WORKFLOW": "trueup",
        "GITHUB_RUN_NUMBER": "3",
        "GITHUB_RUN_ID": "99",
        "GITHUB_REPOSITORY": "ann/flights",
        "GITHUB_SHA": "abc",
        "GITHUB_REF": "refs/pull/7/merge",
        "GITHUB_REF_NAME": "7/merge",
        "GITHUB_HEAD_REF": "better",
    }
    built = read(told)
    assert (built.review, built.branch, built.commit) == (7, "better", "abc")
    assert built.url == "https://github.com/ann/flights/actions/runs/99"
    pushed = read(
        told | {"GITHUB_REF": "refs/heads/main", "GITHUB_HEAD_REF": "", "GITHUB_REF_NAME": "main"}
    )
    assert (pushed.review, pushed.branch) == (0, "main")


def test_github_builds_a_merge_and_readers_see_the_commit_before_it(tmp_path: Path) -> None:
    event = tmp_path / "event.json"
    event.write_text('{"action": "opened", "pull_request": {"number": 7, "head": {"sha": "def"}}}')
    told = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_SHA": "abc",
        "GITHUB_REF": "refs/pull/7/merge",
        "GITHUB_EVENT_PATH": str(event),
    }
    assert (read(told).commit, read(told).head) == ("abc", "def")
    assert read(told | {"GITHUB_EVENT_PATH": str(tmp_path / "none")}).head == ""
    assert read(told | {"GITHUB_REF": "refs/heads/main"}).head == ""


def test_a_build_knows_where_its_repository_is() -> None:
    told = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_REPOSITORY": "ann/flights",
        "GITHUB_API_URL": "https://git.example.org/api/v3",
    }
    found = connection(told)
    assert found is not None and found.token == "secret:GITHUB_TOKEN"
    assert (found.url, found.repository) == ("https://git.example.org/api/v3", "ann/flights")
    gitlab = connection({"GITLAB_CI": "true", "CI_PROJECT_PATH": "ann/flights"})
    assert gitlab is not None and gitlab.repository == "ann/flights"
    assert gitlab.url == "https://gitlab.com/api/v4"
    assert connection({"JENKINS_URL": "https://ci/"}) is None


def test_gitlab() -> None:
    told = {
        "GITLAB_CI": "true",
        "CI_JOB_NAME": "trueup",
        "CI_PIPELINE_IID": "5",
        "CI_PIPELINE_URL": "https://gitlab.com/ann/flights/-/pipelines/5",
        "CI_COMMIT_SHA": "abc",
        "CI_MERGE_REQUEST_IID": "7",
        "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME": "better",
        "CI_COMMIT_REF_NAME": "refs/merge-requests/7/head",
    }
    built = read(told)
    assert (built.review, built.branch, built.number) == (7, "better", "5")
    merged = read(told | {"CI_MERGE_REQUEST_SOURCE_BRANCH_SHA": "def"})
    assert (merged.commit, merged.head) == ("abc", "def")
