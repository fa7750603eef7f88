"""Pages of runs: steps with what they took, items as counts, verdicts, and logs as they grow."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
from litestar.testing import TestClient

from trueup.app.running import log_ends
from trueup.app.wiring import Workspace
from trueup.lifecycle.pipeline.records import CacheEntry, Components, Difference, StoredValue
from trueup.lifecycle.runs import logs
from trueup.lifecycle.runs.records import (
    Ended,
    PlannedStep,
    Run,
    RunError,
    StepAttempt,
    StepRun,
    Taken,
)
from trueup.lifecycle.runs.reproductions.records import Reproduction

Browse = Callable[[Workspace], TestClient[Any]]

AT = datetime(2026, 3, 2, 9, tzinfo=UTC)


def begin(workspace: Workspace, *outline: PlannedStep) -> Run:
    return workspace.runs.start(
        workspace.owner,
        "flights",
        parameters={},
        data={},
        code="",
        environment="",
        outline=outline,
    )


def planned(position: int, name: str, *takes: Taken, **fields: Any) -> PlannedStep:
    place = f"pipelines/flights.py:{position}"
    return PlannedStep(position, name, name, place, takes, **fields)


def step(run: Run, position: int, name: str, **fields: Any) -> StepRun:
    usual: dict[str, Any] = {"state": "finished", "cached": False, "key": "", "why": ("new",)}
    usual |= {"seconds": 2.0, "started_at": AT, "place": "pipelines/flights.py:3"}
    usual |= {"attempts": 1, "cpu_seconds": 1.5, "peak_memory": 3 * 1024**2}
    return StepRun(run=run.id, position=position, step=name, **(usual | fields))


def attempt(run: Run, position: int, name: str, **fields: Any) -> StepAttempt:
    usual: dict[str, Any] = {"item": -1, "number": 1, "state": "finished", "started_at": AT}
    usual |= {"seconds": 1.0}
    return StepAttempt(run=run.id, position=position, step=name, **(usual | fields))


def record(
    workspace: Workspace, run: Run, *steps: StepRun, tries: tuple[StepAttempt, ...] = ()
) -> None:
    ended = [Ended(step=each) for each in steps]
    workspace.runs.end_steps(workspace.owner, run.id, ended, tries)


def test_a_step_shows_attempts_usage_and_what_it_cost(empty: Workspace, browse: Browse) -> None:
    with (empty.root / "trueup.toml").open("a") as file:
        file.write('\n[costs]\ncpu_hour = 3600.0\ncurrency = "EUR"\n')
    run = begin(empty)
    failed = attempt(
        run,
        1,
        "fit",
        state="failed",
        error=RunError("user-code", "it <b>broke</b>"),
        exit="SIGSEGV",
    )
    record(empty, run, step(run, 1, "fit", attempts=2), tries=(failed,))
    html = browse(empty).get(f"/runs/{run.id}").text
    for words in ("2 attempts", "3.0 MiB", "Cost (EUR)", "SIGSEGV", "it &lt;b&gt;broke&lt;/b&gt;"):
        assert words in html
    twin = browse(empty).get(f"/runs/{run.id}.json").json()
    assert twin["costs"] == {"1": 1.5}
    assert twin["cost"] == 1.5


def test_a_run_that_goes_on_is_drawn_whole_with_a_table_beside_it(
    empty: Workspace, browse: Browse
) -> None:
    run = begin(
        empty,
        planned(1, "load", Taken("rows", dataset="ships")),
        planned(2, "fit", Taken("rows", step=1), values={"rate": "'<b>'"}, over=("rows",)),
        planned(3, "judge", Taken("fits", step=2), Taken(step=1, part="ok", wanted=True)),
    )
    record(empty, run, step(run, 1, "load"))
    folder = logs.folder_of(empty.root, run.id)
    folder.mkdir(parents=True)
    logs.path_of(folder, 2, "fit[0]", 1).write_text("")
    html = browse(empty).get(f"/runs/{run.id}").text
    drawing = html[html.index("<svg") : html.index("</svg>")]
    assert "<desc" in drawing
    assert ">3 steps and what each takes. The table below says the same.<" in drawing
    for words in (">ships<", "✓ finished · 2 s", "▸ running, over a list", "○ waiting"):
        assert words in drawing
    assert 'class="dashed"' in drawing
    assert "takes load, rate=&#39;&lt;b&gt;&#39;" in html
    assert "takes fit, if load.ok" in html
    for position in (1, 2, 3):
        assert f'href="#step-{position}"' in drawing
        assert f'<tr id="step-{position}">' in html
    twin = browse(empty).get(f"/runs/{run.id}.json").json()
    assert twin["states"] == {"1": "finished", "2": "running", "3": "waiting"}
    assert twin["detail"]["outline"][1]["takes"][0]["step"] == 1
    assert "<svg" not in str(twin)


def test_a_drawing_of_two_hundred_steps_is_small_and_its_table_scrolls(
    empty: Workspace, browse: Browse
) -> None:
    names = [planned(n, f"add-{n}", Taken("n", step=n - 1)) for n in range(2, 201)]
    same = [msgspec.structs.replace(each, step="add") for each in names]
    run = begin(empty, planned(1, "start"), *same)
    html = browse(empty).get(f"/runs/{run.id}").text
    drawing = html[html.index("<svg") : html.index("</svg>")]
    assert "200 steps, waiting" in drawing
    assert len(drawing) < 2000
    assert 'class="scroll tall"' in html


def test_many_items_are_counts_and_only_the_failed_have_names(
    empty: Workspace, browse: Browse
) -> None:
    run = begin(empty)
    items = [step(run, 1, f"fit[{i}]", item=i, cached=i < 20) for i in range(58)]
    items += [step(run, 1, f"fit[{i}]", item=i, state="failed") for i in (58, 59)]
    record(empty, run, *items, step(run, 1, "fit", state="failed", items=60, attempts=40))
    html = browse(empty).get(f"/runs/{run.id}").text
    assert "2 failed, 38 finished, 20 reused" in html
    assert f"/runs/{run.id}/logs?step=fit%5B59%5D" in html
    assert "fit[7]" not in html
    twin = browse(empty).get(f"/runs/{run.id}.json").json()["items"]["1"]
    assert twin["states"] == {"failed": 2, "finished": 38}
    assert twin["failed"] == ["fit[58]", "fit[59]"]


def test_what_came_out_otherwise_and_each_reproduction_are_told(
    empty: Workspace, browse: Browse
) -> None:
    run, owner = begin(empty), empty.owner
    value = StoredValue(kind="json", digest="b3:1")
    parts = Components(
        step="fit", code="", parts={}, parameters={}, inputs={}, python="3.11", packages={}
    )
    before = CacheEntry("k", "fit", run.id, value, parts, 1.0, AT)
    differs = Difference(where="", what="was 1.0, is 1.5", largest=0.5)
    empty.runs.not_reproducible(owner, run.id, "fit", before, [differs])
    made = Reproduction(
        id="r1",
        run=run.id,
        outcome="impossible",
        tolerance=0.0,
        environment="check",
        missing=("the code is gone",),
        reproduced_by="rita",
        reproduced_at=AT,
    )
    empty.runs.reproduced(owner, made)
    html = browse(empty).get(f"/runs/{run.id}").text
    assert "was 1.0, is 1.5" in html
    assert "impossible" in html
    assert "the code is gone" in html


def test_logs_are_text_the_newest_first_and_of_one_step_on_request(
    empty: Workspace, browse: Browse
) -> None:
    run, blobs = begin(empty), empty.state.blobs
    old = attempt(run, 1, "load", log=blobs.put(b"<script>alert(1)</script>\n\x1b[31mred\x1b[0m"))
    new = attempt(run, 2, "fit", log=blobs.put(b"loss 0.1\n"), started_at=AT.replace(hour=10))
    record(empty, run, step(run, 1, "load"), step(run, 2, "fit"), tries=(old, new))
    empty.runs.finish(empty.owner, run.id)
    browser = browse(empty)
    html = browser.get(f"/runs/{run.id}/logs").text
    assert html.index("loss 0.1") < html.index("&lt;script&gt;alert(1)&lt;/script&gt;\nred")
    assert "<script>" not in html
    assert 'http-equiv="refresh"' not in html
    only = browser.get(f"/runs/{run.id}/logs.json?step=fit").json()
    assert [end["text"] for end in only["logs"]["ends"]] == ["loss 0.1\n"]
    refused = browser.get(f"/runs/{run.id}/logs?step=fitt")
    assert refused.status_code == 404
    assert "Did you mean" in refused.text
    assert browser.get("/runs/nothing1/logs").status_code == 404


def test_the_logs_of_a_running_run_read_themselves_again_until_they_are_held(
    empty: Workspace, browse: Browse
) -> None:
    run, browser = begin(empty), browse(empty)
    assert "Nothing was printed yet" in browser.get(f"/runs/{run.id}/logs").text
    folder = logs.folder_of(empty.root, run.id)
    folder.mkdir(parents=True)
    logs.path_of(folder, 1, "fit[3]", 1).write_text("epoch 1\n")
    html = browser.get(f"/runs/{run.id}/logs").text
    assert '<meta http-equiv="refresh" content="3">' in html
    assert "epoch 1" in html
    held = browser.get(f"/runs/{run.id}/logs?follow=false").text
    assert 'http-equiv="refresh"' not in held
    assert "fit[3]" in browser.get(f"/runs/{run.id}").text


def test_of_long_logs_the_end_is_shown_and_the_rest_counted(empty: Workspace) -> None:
    run, blobs = begin(empty), empty.state.blobs
    long = b"".join(b"line %06d\n" % i for i in range(20_000))
    tries = [
        attempt(run, 1, f"fit[{i}]", item=i, log=blobs.put(long + b"%d" % i)) for i in range(12)
    ]
    record(empty, run, step(run, 1, "fit", items=12), tries=tuple(tries))
    shown = log_ends.newest(empty, empty.owner, run.id)
    assert shown.more == 12 - len(shown.ends) > 0
    assert sum(len(end.text) for end in shown.ends) <= log_ends.ALL + log_ends.EACH
    first = shown.ends[0]
    assert first.text.startswith("line ")
    assert first.text.splitlines()[-2] == "line 019999"
    assert first.before + len(first.text) == len(long) + 1


def test_logs_that_are_gone_are_left_out(empty: Workspace) -> None:
    run, blobs = begin(empty), empty.state.blobs
    lost = blobs.put(b"x" * 10)
    record(empty, run, step(run, 1, "fit"), tries=(attempt(run, 1, "fit", log=lost),))
    blobs.delete([lost])
    assert log_ends.newest(empty, empty.owner, run.id).ends == ()
