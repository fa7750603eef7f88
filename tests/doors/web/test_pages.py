"""The pages: what each says, that every link leads somewhere, that all can be read by all."""

from __future__ import annotations

from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlsplit

import pytest
from litestar.testing import TestClient

from trueup.app.wiring import Workspace
from trueup.doors.web.sitemap import HANDLERS
from trueup.foundation.actor import Actor, service

Browser = TestClient[Any]
Browse = Callable[[Workspace], Browser]

PLACES = ["/", "/plan", "/data", "/runs", "/models", "/deployments", "/alerts", "/audit", "/errors"]
BESIDE = ["/experiments", "/sweeps", "/schedules"]


class Page(HTMLParser):
    """What a page is made of: its elements, its ids and its text."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def ids(self) -> list[str]:
        return [str(attributes["id"]) for _, attributes in self.elements if "id" in attributes]

    @property
    def links(self) -> list[str]:
        found = [str(a["href"]) for a in self.all("a")] + [str(i["src"]) for i in self.all("img")]
        return [link for link in found if link.startswith(("/", "#"))]


def read(browser: Browser, path: str) -> Page:
    answer = browser.get(path)
    assert answer.status_code == 200, f"{path}: {answer.text[:300]}"
    assert answer.headers["content-type"].startswith("text/html"), path
    return Page(answer.text)


@pytest.mark.slow
def test_every_link_of_every_page_leads_to_a_page_that_has_what_it_points_at(
    clinic: Workspace, browse: Browse
) -> None:
    browser = browse(clinic)
    seen: dict[str, Page | None] = {}
    ahead = [*PLACES, *BESIDE]
    while ahead:
        path = ahead.pop()
        if path in seen:
            continue
        answer = browser.get(path)
        assert answer.status_code == 200, f"{path}: {answer.text[:500]}"
        is_page = answer.headers["content-type"].startswith("text/html")
        is_page = is_page and "content-disposition" not in answer.headers  # a file to keep is none
        seen[path] = Page(answer.text) if is_page else None
        page = seen[path]
        if page is not None:
            check_readable(page, path)
            # All errors have the same page; one event or filter looks like the next.
            ahead += [
                _without_anchor(link, path)
                for link in page.links
                if not link.startswith(("/errors/", "/audit?", "/static/"))
            ]
    for path, page in seen.items():
        for link in page.links if page else []:
            anchor, target = urlsplit(link).fragment, seen.get(_without_anchor(link, path))
            if anchor and target is not None:
                assert anchor in target.ids, f"{path} points at {link}"
    reached = {path.split("/")[1] for path in seen}
    assert reached >= {"runs", "models", "verdicts", "approvals", "deployments", "alerts", "why"}


def check_readable(page: Page, path: str) -> None:
    """What every page owes to those who do not see it, or have no mouse."""
    assert len(page.all("h1")) == 1, path
    assert page.all("html")[0].get("lang") == "en", path
    assert len(page.ids) == len(set(page.ids)), f"{path} has an id twice"
    assert all("scope" in cell for cell in page.all("th")), path
    assert all("alt" in image for image in page.all("img")), path
    assert "main" in page.ids, path
    assert {"href": "#main", "class": "skip"} in page.all("a"), path
    assert [str(s["src"]).partition("?")[0] for s in page.all("script")] == ["/static/page.js"], (
        path
    )
    inline = [tag for tag, attributes in page.elements if "style" in attributes]
    assert not inline, f"{path}: the content policy forbids inline style"
    for tag in ("input", "select"):
        assert len(page.all(tag)) <= len(page.all("label")), path


def _without_anchor(link: str, path: str) -> str:
    return link.partition("#")[0] or path


@pytest.mark.parametrize("path", PLACES)
def test_a_place_is_marked_in_the_navigation_and_in_its_title(
    path: str, clinic: Workspace, browse: Browse
) -> None:
    page = read(browse(clinic), path)
    current = [a["href"] for a in page.all("a") if a.get("aria-current") == "page"]
    assert current == ([path] if path != "/errors" else [])


@pytest.mark.parametrize("path", PLACES)
def test_every_page_has_a_twin_with_the_same_data(
    path: str, clinic: Workspace, browse: Browse
) -> None:
    browser = browse(clinic)
    page = read(browser, path)
    twin = next(str(link["href"]) for link in page.all("link") if link.get("rel") == "alternate")
    answer = browser.get(twin)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == browser.get(path, headers={"accept": "application/json"}).json()


@pytest.mark.parametrize("path", PLACES)
def test_an_empty_project_says_which_command_fills_the_page(
    path: str, empty: Workspace, browse: Browse
) -> None:
    assert "trueup " in read(browse(empty), path).text


def test_home_says_what_needs_me_what_is_live_and_what_happened(
    clinic: Workspace, browse: Browse
) -> None:
    page = read(browse(clinic), "/")
    assert "ranking.watch on clinic" in page.text
    assert "lumps@1" in page.text
    assert "breach" in page.text
    assert "release.went-live" in page.text or "alert.raised" in page.text
    assert "monitors.evaluated" not in page.text


def test_plan_shows_each_goal_with_the_evidence_of_gate_and_watch(
    clinic: Workspace, browse: Browse
) -> None:
    page = read(browse(clinic), "/plan")
    assert "Malignant lumps score higher than benign ones" in page.text
    assert "at least 0.9" in page.text
    assert {"goal-ranking", "goal-honest", "milestone-first-release", "risk-new-microscope"} <= set(
        page.ids
    )
    data = browse(clinic).get("/plan.json").json()
    assert data["milestones"][0]["state"] == "reached"
    assert data["goals"][0]["gates"][0]["results"][0]["outcome"] == "passed"


def test_a_run_shows_its_steps_with_the_reason_for_each(clinic: Workspace, browse: Browse) -> None:
    browser = browse(clinic)
    listed = browser.get("/runs.json?pipeline=example&state=finished").json()["runs"]
    assert len(listed) == 3
    assert browser.get("/runs.json?pipeline=other").json()["runs"] == []
    page = read(browser, f"/runs/{listed[-1]['id']}")
    assert "split" in page.text
    assert "train" in page.text
    assert "data:lumps@1" in page.text
    assert "lumps@1" in page.text


def test_a_model_shows_each_version_with_verdict_approver_and_place(
    clinic: Workspace, browse: Browse
) -> None:
    page = read(browse(clinic), "/models/lumps")
    assert {"v1", "v2", "v3"} <= set(page.ids)
    assert "rita" in page.text
    assert "release:clinic@1" in page.text
    assert "champion" in page.text


def test_a_verdict_says_whether_its_signature_fits(clinic: Workspace, browse: Browse) -> None:
    verdict = clinic.gates.of_model(clinic.owner, "lumps@1")[0]
    browser = browse(clinic)
    assert "its signature fits" in read(browser, f"/verdicts/{verdict.id}").text
    with clinic.state.database.writing() as connection:
        connection.exec_driver_sql("UPDATE verdicts SET signature = replace(signature, 'a', 'b')")
    assert "does not fit" in read(browser, f"/verdicts/{verdict.id}").text


def test_a_ramp_is_drawn_as_steps_with_what_can_be_done(clinic: Workspace, browse: Browse) -> None:
    (question,) = clinic.people.open_approvals(clinic.owner)
    clinic.people.decide(Actor(name="rita"), question.id, approve=True)
    at = clinic.monitors.alerts(clinic.owner)[0].raised_at
    clinic.releases.start(service("automation"), "clinic", 2, at)
    clinic.releases.pause(clinic.owner, "clinic", "let us look")
    clinic.brakes.stop(clinic.owner, "clinic", at, "wrong units")
    page = read(browse(clinic), "/deployments/clinic")
    assert "ramp" in page.ids
    for words in ("25 %", "let us look", "wrong units", "trueup release resume clinic"):
        assert words in page.text, words


def test_a_deployment_has_a_drawn_chart_with_a_table_for_each_monitor(
    clinic: Workspace, browse: Browse
) -> None:
    browser = browse(clinic)
    page = read(browser, "/deployments/clinic")
    charts = [str(image["src"]) for image in page.all("img") if "/charts/" in str(image["src"])]
    assert "/deployments/clinic/charts/ranking-watch" in charts
    assert len(page.all("details")) == len(charts)
    assert "release-1" in page.ids
    drawn = browser.get(charts[0])
    assert drawn.headers["content-type"] == "image/svg+xml"
    assert drawn.text.startswith("<svg")
    assert browser.get("/deployments/clinic/charts/none").status_code == 404


def test_an_alert_shows_cause_harm_and_what_followed(clinic: Workspace, browse: Browse) -> None:
    browser = browse(clinic)
    alerts = browser.get("/alerts.json?state=open&deployment=clinic").json()["alerts"]
    assert {alert["monitor"] for alert in alerts} >= {"ranking.watch"}
    page = read(browser, f"/alerts/{alerts[0]['id']}")
    assert "Probable cause" in page.text
    assert "alert.raised" in page.text
    assert browser.get("/alerts.json?state=resolved").json()["alerts"] == []


def test_audit_filters_by_who_what_and_to_what(clinic: Workspace, browse: Browse) -> None:
    browser = browse(clinic)
    assert {e["actor"] for e in browser.get("/audit.json?by=rita").json()["events"]} == {"rita"}
    releases = browser.get("/audit.json?type=release.*").json()["events"]
    assert releases
    assert all(e["type"].startswith("release.") for e in releases)
    assert browser.get("/audit.json?subject=release:clinic@1").json()["events"]
    whole = browser.get("/audit.json").json()
    older = browser.get(f"/audit.json?before={whole['size']}").json()["events"]
    assert older[0]["seq"] == whole["size"] - 1


def test_audit_tells_when_the_log_was_changed(clinic: Workspace, browse: Browse) -> None:
    browser = browse(clinic)
    assert "every signature fit" in read(browser, "/audit").text
    with clinic.state.database.writing() as connection:
        connection.exec_driver_sql("UPDATE events SET why = 'nothing to see' WHERE seq = 2")
    assert "The log was changed" in read(browser, "/audit").text


def test_why_shows_the_chain_of_a_release(clinic: Workspace, browse: Browse) -> None:
    page = read(browse(clinic), "/why/release:clinic@1")
    assert page.all("svg")
    for part in ("lumps@1", "data:lumps@1", "rita", "verdict"):
        assert part in page.text


def test_what_people_wrote_is_never_markup(clinic: Workspace, browse: Browse) -> None:
    alert = clinic.monitors.alerts(clinic.owner)[0]
    clinic.monitors.acknowledge(clinic.owner, alert.id, "<script>alert(1)</script>")
    html = browse(clinic).get(f"/alerts/{alert.id}").text
    assert "<script>" not in html
    assert "&lt;script&gt;" in html


def test_each_page_has_one_handler() -> None:
    paths = [path for handler in HANDLERS for path in handler.paths]
    assert len(paths) == len(set(paths))


def test_two_versions_are_compared_side_by_side(clinic: Workspace, browse: Browse) -> None:
    browser = browse(clinic)
    for path in ("/data/lumps/diff", "/models/lumps/diff?from=1&to=1"):
        page = read(browser, path)
        check_readable(page, path)
        assert "The same in a terminal" in page.text
    twin = browser.get("/models/lumps/diff.json?from=1&to=1").json()
    assert twin == browser.get("/api/v1/models/lumps/diff?from=1&to=1").json()
    assert twin["before"] == twin["after"] == "lumps@1"
    assert browser.get("/api/v1/data/lumps/diff?to=1").json()["files"]["changed"] == 0
    assert browser.get("/data/lumps/diff?from=9").status_code == 404
