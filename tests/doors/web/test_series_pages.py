"""Pages of sweeps and schedules: runs side by side, what runs by itself, what was missed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from litestar.testing import TestClient

from trueup.app.wiring import Workspace
from trueup.foundation import clock
from trueup.foundation.errors import UserCodeError
from trueup.lifecycle.runs.records import Cause, Ended, Run, StepRun
from trueup.lifecycle.runs.requests.records import Wish
from trueup.lifecycle.runs.schedules.records import Declared, Schedule
from trueup.state.leases import Lease

Browse = Callable[[Workspace], TestClient[Any]]

PIPELINE = """
from trueup import pipeline, step

@step
def rows(n: int) -> list[int]:
    return list(range(n))

@pipeline(schedule="0 3 * * *", timezone="Europe/Berlin", catch_up="all", on=["alert.raised"])
def nightly(n: int = 3):
    return rows(n)
"""


def run(workspace: Workspace, sweep: str, loss: float | None, **parameters: Any) -> Run:
    begun = workspace.runs.start(
        workspace.owner,
        "flights",
        parameters=parameters,
        data={},
        code="",
        environment="",
        cause=Cause(sweep=sweep),
    )
    if loss is None:
        broken = UserCodeError("user-code", "it <b>broke</b>", hint="trueup runs list")
        return workspace.runs.fail(workspace.owner, begun.id, broken)
    ended = StepRun(
        run=begun.id,
        position=1,
        step="fit",
        state="finished",
        cached=False,
        key="",
        why=(),
        seconds=1.0,
        started_at=begun.started_at,
        place="pipelines/flights.py:1",
    )
    workspace.runs.end_steps(
        workspace.owner, begun.id, [Ended(step=ended, metrics={"loss": loss})], ()
    )
    return workspace.runs.finish(workspace.owner, begun.id)


def test_the_best_run_of_a_sweep_stands_first_with_what_it_was_given(
    empty: Workspace, browse: Browse
) -> None:
    run(empty, "s1", 0.5, rate=0.1, kind="tree", same=1)
    best = run(empty, "s1", 0.25, rate=0.123456789012, kind="<i>", same=1)
    failed = run(empty, "s1", None, rate=0.3, kind="tree", same=1)
    browser = browse(empty)
    twin = browser.get("/sweeps/s1.json?metric=loss&best=min").json()
    assert twin["comparison"]["best"] == best.id
    assert [each["run"] for each in twin["comparison"]["runs"]][0::2] == [best.id, failed.id]
    assert twin["comparison"]["parameters"] == ["kind", "rate"]
    assert twin["states"] == {"finished": 2, "failed": 1}
    assert [chart["name"] for chart in twin["charts"]] == ["all", "kind", "rate"]
    html = browser.get("/sweeps/s1?metric=loss&best=min").text
    assert "it &lt;b&gt;broke&lt;/b&gt;" in html
    assert '<span title="0.123456789012">0.1235</span>' in html
    assert "trueup runs compare --sweep s1 --by loss:min" in html
    assert "<i>" not in html.replace('<i aria-hidden="true">', "")


def test_a_metric_that_nobody_can_judge_makes_no_run_the_best(
    empty: Workspace, browse: Browse
) -> None:
    run(empty, "s1", 0.5, rate=0.1)
    run(empty, "s1", 0.25, rate=0.2)
    page = browse(empty).get("/sweeps/s1")
    assert "Say which value of loss is the best" in page.text
    assert browse(empty).get("/sweeps/s1.json").json()["comparison"]["best"] == ""


def test_a_sweep_that_does_not_exist_and_a_metric_that_nobody_reports_are_refused(
    empty: Workspace, browse: Browse
) -> None:
    run(empty, "s1", 0.5, rate=0.1)
    browser = browse(empty)
    assert browser.get("/sweeps/none").status_code == 404
    assert browser.get("/sweeps/s1/charts/none").status_code == 404
    refused = browser.get("/sweeps/s1?metric=los&best=min")
    assert refused.status_code == 400
    assert "Did you mean" in refused.text


def test_sweeps_are_listed_the_newest_first(empty: Workspace, browse: Browse) -> None:
    assert "No sweep was run yet" in browse(empty).get("/sweeps").text
    run(empty, "s1", 0.5, rate=0.1)
    run(empty, "s2", None, rate=0.1)
    run(empty, "s2", 0.1, rate=0.2)
    run(empty, "", 0.1)
    found = browse(empty).get("/sweeps.json").json()["sweeps"]
    assert [(each["id"], each["states"]) for each in found] == [
        ("s2", {"failed": 1, "finished": 1}),
        ("s1", {"finished": 1}),
    ]


@pytest.mark.slow
def test_what_runs_by_itself_tells_its_next_slots_what_was_missed_and_who_paused_it(
    empty: Workspace, browse: Browse
) -> None:
    browser = browse(empty)
    for path in (empty.root / "pipelines").glob("*.py"):
        path.unlink()
    assert "No pipeline runs by itself" in browser.get("/schedules").text
    (empty.root / "pipelines").mkdir(exist_ok=True)
    (empty.root / "pipelines" / "nightly.py").write_text(PIPELINE)
    (empty.root / "pipelines" / "broken.py").write_text("import <\n")
    html = browser.get("/schedules").text
    assert "for the first look" in html
    assert "broken.py</code> could not be read" in html
    lease = Lease(empty.state.database, "scheduler", timedelta(minutes=1))
    assert lease.take()
    declared = Declared(pipeline="nightly", schedule="0 3 * * *", timezone="Europe/Berlin")
    long_ago = clock.now() - timedelta(days=3)
    empty.schedules.look(empty.owner, lease, declared, long_ago)
    asked = empty.requests.ask(
        empty.owner, Wish(pipeline="nightly", kind="call", cause="call:1", reason="a <b>call</b>")
    )
    twin = browser.get("/schedules.json").json()["automatic"][0]
    assert 2 <= len(twin["missed"]) <= 3
    assert len(twin["coming"]) == 5
    assert "03:00 CE" in twin["coming"][0]["local"]
    assert twin["before"][0]["id"] == asked.id
    html = browser.get("/schedules").text
    assert "no scheduler has seen to it since" in html
    assert "a &lt;b&gt;call&lt;/b&gt;" in html
    empty.schedules.pause(empty.owner, "nightly", "the <source> is down")
    html = browser.get("/schedules").text
    assert "the &lt;source&gt; is down" in html
    assert "trueup schedule resume nightly" in html


def test_a_paused_or_unknown_schedule_misses_nothing() -> None:
    from trueup.lifecycle.runs.schedules import rules

    now = clock.now()
    declared = Declared(pipeline="nightly", schedule="* * * * *")
    known = Schedule(
        pipeline="nightly", schedule="* * * * *", timezone="UTC", looked_at=now - timedelta(hours=1)
    )
    assert len(rules.missed(declared, known, now)) == 55
    paused = Schedule(
        pipeline="nightly",
        schedule="* * * * *",
        timezone="UTC",
        looked_at=known.looked_at,
        paused_at=now,
    )
    assert rules.missed(declared, paused, now) == []
    assert rules.missed(declared, None, now) == []
