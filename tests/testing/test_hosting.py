"""The fake hosting is one that the official clients of GitHub and GitLab take for the services."""

from __future__ import annotations

from collections.abc import Iterator

import github
import gitlab
import pytest

from trueup.testing.hosting import FakeHosting

COMMIT = "a" * 40


@pytest.fixture
def server() -> Iterator[FakeHosting]:
    with FakeHosting() as running:
        yield running


def test_pygithub_sets_a_status_and_writes_one_comment(server: FakeHosting) -> None:
    login = github.Auth.Token(server.token)
    with github.Github(base_url=server.url, auth=login, retry=0) as client:
        repository = client.get_repo("ann/flights")
        commit = repository.get_commit(COMMIT)
        commit.create_status("success", description="good", context="trueup/flights")
        assert commit.get_combined_status().statuses[0].context == "trueup/flights"
        (pull,) = repository.get_pulls(state="open", head="ann:better")
        assert pull.base.ref == "main"
        comment = pull.create_issue_comment("first")
        comment.edit("second")
        assert [c.body for c in pull.get_issue_comments()] == ["second"]


def test_pygithub_is_refused_with_a_wrong_token_or_state(server: FakeHosting) -> None:
    wrong = github.Auth.Token("x")
    with (
        github.Github(base_url=server.url, auth=wrong, retry=0) as client,
        pytest.raises(github.BadCredentialsException),
    ):
        client.get_repo("ann/flights")
    login = github.Auth.Token(server.token)
    with (
        github.Github(base_url=server.url, auth=login, retry=0) as client,
        pytest.raises(github.GithubException),
    ):
        client.get_repo("ann/flights").get_commit(COMMIT).create_status("good")


def test_python_gitlab_sets_a_status_and_writes_one_note(server: FakeHosting) -> None:
    with gitlab.Gitlab(server.url, private_token=server.token) as client:
        project = client.projects.get("ann/flights")
        commit = project.commits.get(COMMIT)
        commit.statuses.create({"state": "success", "name": "trueup/flights"})
        assert [s.status for s in commit.statuses.list(get_all=False)] == ["success"]
        (review,) = project.mergerequests.list(source_branch="better", get_all=False)
        assert review.target_branch == "main"
        note = review.notes.create({"body": "first"})
        note.body = "second"
        note.save()
        assert [n.body for n in review.notes.list(get_all=False)] == ["second"]


def test_python_gitlab_is_refused_with_a_wrong_token(server: FakeHosting) -> None:
    with (
        gitlab.Gitlab(server.url, private_token="x") as client,
        pytest.raises(gitlab.GitlabAuthenticationError),
    ):
        client.projects.get("ann/flights")
