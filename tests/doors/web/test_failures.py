"""What an error looks like from outside: a page for people, a problem for programs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from litestar.testing import TestClient

from trueup.app.wiring import Workspace
from trueup.doors.web.pages import plan

Browse = Callable[[Workspace], TestClient[Any]]


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/no-such-page", 404, "page-not-found"),
        ("/runs/zzz", 404, "run-not-found"),
        ("/models/zzz", 404, "model-not-found"),
        ("/verdicts/zzz", 404, "verdict-not-found"),
        ("/approvals/zzz", 404, "approval-not-found"),
        ("/deployments/zzz", 404, "plan-not-found"),
        ("/alerts/zzz", 404, "alert-not-found"),
        ("/errors/zzz", 404, "explanation-not-found"),
        ("/why/kind:zzz", 400, "reference-malformed"),
        ("/audit?before=x", 400, "request-malformed"),
        ("/audit?before=-1", 400, "request-malformed"),
        ("/runs?after=zzz", 404, "run-not-found"),
        ("/static/secret.key", 404, "page-not-found"),
    ],
)
def test_an_error_is_a_page_with_a_cure_and_a_problem_for_programs(
    path: str, status: int, code: str, empty: Workspace, browse: Browse
) -> None:
    browser = browse(empty)
    page = browser.get(path)
    assert page.status_code == status
    assert page.headers["content-type"].startswith("text/html")
    assert f'href="/errors/{code}"' in page.text
    problem = browser.get(path, headers={"accept": "application/json"})
    assert problem.status_code == status
    assert problem.headers["content-type"] == "application/problem+json"
    assert problem.json()["code"] == code
    assert problem.json()["hint"]


@pytest.mark.parametrize("name", ["../../trueup.toml", "%2e%2e%2ftrueup.toml", "..", "style.css/"])
def test_no_address_reaches_a_file_beside_the_listed_ones(
    name: str, empty: Workspace, browse: Browse
) -> None:
    assert browse(empty).get(f"/static/{name}").status_code in (404, 200)
    assert "objective" not in browse(empty).get(f"/static/{name}").text


def test_a_bug_of_ours_says_nothing_about_the_inside(
    empty: Workspace,
    browse: Browse,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("the password is swordfish")

    monkeypatch.setattr(plan, "load", broken)
    for accept in ("text/html", "application/json"):
        answer = browse(empty).get("/plan", headers={"accept": accept})
        assert answer.status_code == 500
        assert "swordfish" not in answer.text
        assert "internal" in answer.text
    assert "swordfish" in caplog.text


def test_a_wrong_method_says_where_the_routes_are(empty: Workspace, browse: Browse) -> None:
    answer = browse(empty).post("/plan", json={})
    assert answer.status_code == 405
