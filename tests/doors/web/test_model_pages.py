"""Pages about one model: its history as a timeline, its card, its bill of materials."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from litestar.testing import TestClient

from trueup.app.cards import writing
from trueup.app.cards.gathering import gather
from trueup.app.wiring import Workspace
from trueup.doors.web.pages.model_history import spans
from trueup.foundation import clock
from trueup.lifecycle.models.aliases.records import Move
from trueup.rendering import timeline
from trueup.rendering.timeline import Span

Browse = Callable[[Workspace], TestClient[Any]]

AT = datetime(2026, 5, 3, tzinfo=UTC)


def move(day: int, name: str, before: int | None, after: int | None, what: Any = "alias") -> Move:
    at = AT + timedelta(days=day)
    return Move(at=at, by="ana", on_behalf_of="", what=what, name=name, before=before, after=after)


def test_an_alias_holds_from_its_move_to_the_next() -> None:
    found = spans(
        [
            move(0, "champion", None, 1),
            move(2, "champion", 1, 2),
            move(3, "shadow", None, 1),
            move(4, "shadow", 1, None),
        ]
    )
    assert found == [
        Span("champion", "@1", AT, AT + timedelta(days=2)),
        Span("champion", "@2", AT + timedelta(days=2), None),
        Span("shadow", "@1", AT + timedelta(days=3), AT + timedelta(days=4)),
    ]


def test_a_stage_holds_several_versions_at_once() -> None:
    found = spans([move(0, "Staging", None, 1, "stage"), move(1, "Staging", None, 2, "stage")])
    assert [(span.lane, span.end) for span in found] == [("Staging @1", None), ("Staging @2", None)]


def test_a_timeline_says_each_span_in_words_and_is_never_markup() -> None:
    drawn = timeline.svg([Span("<b>", "@1", AT, None)], AT + timedelta(days=9), "what held")
    assert "&lt;b&gt;: @1, 3 May 2026, 00:00 UTC until now" in drawn
    assert "<b>" not in drawn
    assert "12 May 2026" in drawn
    assert timeline.svg([], AT, "nothing") == ""
    assert timeline.svg([Span("champion", "@1", AT, None)], AT, "no time at all")


@pytest.mark.slow
def test_the_history_says_what_stood_on_a_day_and_how_it_came_to_that(
    clinic: Workspace, browse: Browse
) -> None:
    clinic.aliases.set(clinic.owner, "lumps", "challenger", 3, "to <b>try</b>")
    browser = browse(clinic)
    html = browser.get("/models/lumps/history").text
    assert "to &lt;b&gt;try&lt;/b&gt;" in html
    assert html.count('class="span now"') == 2
    before = browser.get("/models/lumps/history.json?as_of=2020-01-01").json()
    assert before["history"]["standing"]["aliases"] == {}
    assert browser.get("/models/lumps/history?as_of=yesterday").status_code == 400
    assert browser.get("/models/none/history").status_code == 404


@pytest.mark.slow
def test_a_card_is_a_page_and_a_file_that_holds_against_the_evidence(
    clinic: Workspace, browse: Browse
) -> None:
    browser = browse(clinic)
    html = browser.get("/models/lumps/1/card").text
    for words in ("Intended use", "Metrics", "Verdict", "Approvals", "rita", "trueup model card"):
        assert words in html
    found = gather(clinic, clinic.owner, "lumps", "1")
    assert browser.get("/models/lumps/1/card.json").json()["digest"] == found.address
    for form in ("md", "html", "keep"):
        kept = browser.get(f"/models/lumps/1/card/{form}")
        assert kept.headers["content-disposition"].startswith('attachment; filename="lumps-1.card')
        assert writing.difference(found, kept.text) == ""
    assert browser.get("/models/lumps/1/card/pdf").status_code == 404
    assert browser.get("/models/lumps/77/card").status_code == 404


@pytest.mark.slow
def test_a_bill_of_materials_names_data_and_packages(clinic: Workspace, browse: Browse) -> None:
    browser = browse(clinic)
    html = browser.get("/models/lumps/1/bom").text
    assert "scikit-learn" in html
    assert "CycloneDX 1.6" in html
    twin = browser.get("/models/lumps/1/bom.json").json()["bill"]
    assert browser.get("/models/lumps/1/bom/file").json() == twin


@pytest.mark.slow
def test_a_score_is_a_page_a_twin_a_route_and_a_file(clinic: Workspace, browse: Browse) -> None:
    until = clock.now().date() + timedelta(days=30)
    clinic.attestations.give(clinic.owner, "lumps", "M7", "read <b>by hand</b>", until)
    browser = browse(clinic)
    html = browser.get("/models/lumps/score").text
    assert html.count('<li id="') == 28
    assert "read &lt;b&gt;by hand&lt;/b&gt;" in html
    twin = browser.get("/models/lumps/score.json").json()
    assert [len(section["lines"]) for section in twin["sections"]] == [7, 7, 7, 7]
    route = browser.get("/api/v1/models/lumps/score").json()
    assert route["sections"] == twin["sections"]
    proofs = {p["ref"] for s in twin["sections"] for line in s["lines"] for p in line["proofs"]}
    assert proofs
    for ref in proofs:
        assert browser.get(f"/why/{ref}").status_code == 200, ref
    kept = browser.get("/models/lumps/score/file")
    assert kept.headers["content-disposition"] == 'attachment; filename="lumps.score.html"'
    assert "<style>" in kept.text
    assert "&#34;Segoe UI&#34;" not in kept.text
    assert 'href="/' not in kept.text, "it needs nothing else"
    before = browser.get("/models/lumps/score.json?as_of=2020-01-01").json()
    assert (before["about"], before["final"]) == ("", 0)
    assert browser.get("/models/lumps/score?as_of=yesterday").status_code == 400
    assert browser.get("/models/none/score").status_code == 404
