"""Pages of tracking: experiments, a run that its own code reports, its files, runs side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from html import escape
from typing import Any

import pytest
from litestar.testing import TestClient

from trueup.app.wiring import Workspace
from trueup.lifecycle.runs.tracking.records import Point, TrackedRun
from trueup.lifecycle.runs.tracking.traces.records import Span, Trace

Browse = Callable[[Workspace], TestClient[Any]]

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 40
EVIL = "<script>alert(1)</script>"


def experiment(workspace: Workspace, name: str = "digits") -> int:
    return workspace.tracking.create_experiment(workspace.owner, name).number


def run(
    workspace: Workspace,
    number: int,
    name: str,
    *,
    loss: tuple[float, ...] = (),
    state: Any = "finished",
    **params: str,
) -> TrackedRun:
    tracking, owner = workspace.tracking, workspace.owner
    made = tracking.start(owner, number, name=name)
    points = [Point("loss", value, step, 1000 + step) for step, value in enumerate(loss)]
    tracking.log(owner, made.id, metrics=points, params=params)
    if state != "running":
        tracking.change(owner, made.id, state=state, ended_at=made.started_at + 2000)
    return tracking.show(owner, made.id)


def keep(workspace: Workspace, tracked: TrackedRun, files: Mapping[str, bytes]) -> None:
    place = tracked.artifacts.removeprefix("mlflow-artifacts:").strip("/")
    for path, raw in files.items():
        with workspace.files.receiving(workspace.owner, f"{place}/{path}") as file:
            file.write(raw)


def names(twin: Any) -> list[str]:
    return [each["name"] for each in twin["runs"]]


def test_experiments_say_how_their_runs_stand(empty: Workspace, browse: Browse) -> None:
    browser = browse(empty)
    assert "No code has reported a run yet" in browser.get("/experiments").text
    number = experiment(empty, "<b>digits</b>")
    run(empty, number, "one")
    run(empty, number, "two", state="running")
    html = browser.get("/experiments").text
    assert "&lt;b&gt;digits&lt;/b&gt;" in html
    found = browser.get("/experiments.json").json()["experiments"]
    states = {each["number"]: each["states"] for each in found}
    assert states[number] == {"finished": 1, "running": 1}


def test_a_list_shows_the_parameters_that_differ_and_the_metrics_with_a_small_curve(
    empty: Workspace, browse: Browse
) -> None:
    number = experiment(empty)
    run(empty, number, "one", loss=(0.9, 0.5), lr="0.10000000149", same="x")
    run(empty, number, "two", loss=(0.8, 0.4), lr="0.2", same="x")
    browser = browse(empty)
    twin = browser.get(f"/experiments/{number}.json").json()
    assert twin["params"] == ["lr"]
    assert twin["metrics"] == ["loss"]
    assert sorted(map(len, twin["curve"]["points"].values())) == [2, 2]
    html = browser.get(f"/experiments/{number}").text
    assert html.count('class="curves spark-line"') == 2
    assert '<span title="0.10000000149">0.1</span>' in html


def test_a_list_shows_what_most_of_its_runs_measured_whatever_the_newest_did(
    empty: Workspace, browse: Browse
) -> None:
    number = experiment(empty)
    tracking, owner = empty.tracking, empty.owner
    for rare in ("a1", "a2", "a3", "a4", "a5", "a6", "a7"):
        made = run(empty, number, rare, loss=(0.5,))
        tracking.log(owner, made.id, metrics=[Point(rare, 1, 0, 1), Point("system/cpu", 1, 0, 1)])
    run(empty, number, "has only begun", state="running")
    browser = browse(empty)
    twin = browser.get(f"/experiments/{number}.json").json()
    assert twin["metrics"] == ["a1", "a2", "a3", "a4", "a5", "loss"]
    assert twin["offered"][-1] == "metrics.system/cpu"
    filtered = browser.get(f"/experiments/{number}.json?where=metrics.a7 > 0").json()
    assert filtered["metrics"] == ["a7", "loss"]


def test_columns_can_be_chosen_and_stay_chosen_when_the_list_is_sorted(
    empty: Workspace, browse: Browse
) -> None:
    number = experiment(empty)
    run(empty, number, "one", loss=(0.9, 0.5), lr="0.1", same="x")
    browser = browse(empty)
    query = "?column=params.same&column=metrics.loss"
    twin = browser.get(f"/experiments/{number}.json{query}").json()
    assert (twin["params"], twin["metrics"]) == (["same"], ["loss"])
    html = browser.get(f"/experiments/{number}{query}").text
    assert "order=metrics.%60loss%60+DESC&amp;column=params.same&amp;column=metrics.loss" in html


def test_a_list_is_filtered_sorted_and_continued(empty: Workspace, browse: Browse) -> None:
    number = experiment(empty)
    for place in range(53):
        run(empty, number, f"r{place}", loss=(place / 100,), kind="a" if place % 2 else "b")
    browser = browse(empty)
    at = f"/experiments/{number}"
    first = browser.get(f"{at}.json?order=metrics.loss ASC").json()
    assert names(first)[:2] == ["r0", "r1"]
    rest = browser.get(f"{at}.json", params={"order": "metrics.loss ASC", "after": first["next"]})
    assert names(rest.json()) == ["r50", "r51", "r52"]
    assert rest.json()["next"] == ""
    where = "metrics.loss < 0.05 and params.kind = 'a'"
    some = browser.get(f"{at}.json", params={"where": where, "order": "metrics.loss DESC"}).json()
    assert names(some) == ["r3", "r1"]
    html = browser.get(at, params={"order": "metrics.`loss` DESC"}).text
    assert 'aria-sort="descending"' in html
    assert "order=metrics.%60loss%60+ASC" in html


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"where": "metrics.loss > x"}, "Expected numeric value type"),
        ({"where": f"params.a = '{EVIL}' ("}, ""),
        ({"order": "nothing.like DESC"}, ""),
        ({"after": "no token"}, ""),
    ],
)
def test_what_cannot_be_read_is_said_beside_the_filter_and_stays_in_it(
    given: dict[str, str], said: str, empty: Workspace, browse: Browse
) -> None:
    number = experiment(empty)
    run(empty, number, "one", loss=(0.5,))
    answer = browse(empty).get(f"/experiments/{number}", params=given)
    assert answer.status_code == 400
    assert 'role="alert"' in answer.text
    assert said in answer.text
    assert EVIL not in answer.text
    if where := given.get("where"):
        assert f'value="{escape(where).replace("&#x27;", "&#39;")}"' in answer.text


def test_a_run_shows_its_curves_parameters_tags_and_what_it_printed(
    empty: Workspace, browse: Browse
) -> None:
    made = run(empty, experiment(empty), EVIL, loss=(0.9, float("nan"), 0.5), lr="0.1")
    empty.tracking.log(empty.owner, made.id, tags={"team": EVIL})
    keep(empty, made, {"output.txt": b"epoch 1\n" + EVIL.encode()})
    browser = browse(empty)
    html = browser.get(f"/runs/{made.id}").text
    assert EVIL not in html
    assert html.count(escape(EVIL)) >= 3
    assert "epoch 1" in html
    assert "loss by step" in html
    twin = browser.get(f"/runs/{made.id}.json").json()
    assert twin["curves"][0]["points"][made.id] == [[0, 0.9], [1, None], [2, 0.5]]
    assert twin["printed"].startswith("epoch 1")


def test_a_run_lists_its_models_and_traces(empty: Workspace, browse: Browse) -> None:
    number = experiment(empty)
    made = run(empty, number, "one")
    empty.traces.record(
        empty.owner,
        Trace(
            id="tr-1",
            experiment=number,
            state="ok",
            started_at=1000,
            took=20,
            request_preview=EVIL,
            metadata={"mlflow.sourceRun": made.id},
        ),
    )
    twin = browse(empty).get(f"/runs/{made.id}.json").json()
    assert [trace["id"] for trace in twin["traces"]] == ["tr-1"]
    html = browse(empty).get(f"/runs/{made.id}").text
    assert escape(EVIL) in html
    assert EVIL not in html


@pytest.mark.parametrize(
    ("path", "raw", "kind", "words"),
    [
        ("page.html", EVIL.encode(), "text", escape(EVIL)),
        ("picture.svg", b"<svg onload='x()'/>", "text", "&lt;svg onload=&#39;x()&#39;/&gt;"),
        ("a.json", b'{"a":[1,2]}', "text", "&#34;a&#34;: ["),
        ("broken.json", b"{", "text", "{"),
        ("rows.csv", b"a,b\n1,<b>\n", "table", "<td>&lt;b&gt;</td>"),
        ("README.md", b"# Hi\n<script>x</script>", "words", "&lt;script&gt;x&lt;/script&gt;"),
        ("weights.bin", b"\0\1\2", "bytes", "no text and no picture"),
        ("latin.txt", b"\xff\xfe\xfa", "bytes", "no text and no picture"),
        ("empty.txt", b"", "text", "The file is empty"),
        ("x/picture.txt", PNG, "picture", "<img src=&#34;"),
    ],
)
def test_a_file_is_shown_by_what_it_is_and_never_run(
    path: str, raw: bytes, kind: str, words: str, empty: Workspace, browse: Browse
) -> None:
    made = run(empty, experiment(empty), "one")
    keep(empty, made, {path: raw})
    browser = browse(empty)
    answer = browser.get(f"/runs/{made.id}/file", params={"path": path})
    assert browser.get(f"/runs/{made.id}/file.json", params={"path": path}).json()["kind"] == kind
    assert words.replace("&#34;", '"') in answer.text.replace("&#34;", '"')
    assert "<script>" not in answer.text


def test_a_picture_is_sent_as_what_its_bytes_are_and_nothing_else_is(
    empty: Workspace, browse: Browse
) -> None:
    made = run(empty, experiment(empty), "one")
    keep(empty, made, {"a.png": PNG, "fake.png": EVIL.encode(), "c.svg": b"<svg/>"})
    browser = browse(empty)
    sent = browser.get(f"/runs/{made.id}/picture?path=a.png")
    assert sent.headers["content-type"] == "image/png"
    assert sent.headers["x-content-type-options"] == "nosniff"
    assert sent.content == PNG
    for path in ("fake.png", "c.svg"):
        assert browser.get(f"/runs/{made.id}/picture", params={"path": path}).status_code == 400


@pytest.mark.parametrize("path", ["", "none", "../../../trueup.toml", "/etc/passwd", "%2e%2e/x"])
def test_no_path_leads_out_of_the_files_of_a_run(
    path: str, empty: Workspace, browse: Browse
) -> None:
    made = run(empty, experiment(empty), "one")
    for page in ("file", "picture"):
        answer = browse(empty).get(f"/runs/{made.id}/{page}", params={"path": path})
        assert answer.status_code in (400, 404)
        assert "objective" not in answer.text


def test_of_a_long_file_the_beginning_is_shown(empty: Workspace, browse: Browse) -> None:
    made = run(empty, experiment(empty), "one")
    keep(empty, made, {"long.txt": "é".encode() * 200_001, "long.csv": b"a,b\n" * 500})
    browser = browse(empty)
    text = browser.get(f"/runs/{made.id}/file.json?path=long.txt").json()
    assert text["kind"] == "text"
    assert not text["is_whole"]
    assert len(text["text"]) == 131_072
    rows = browser.get(f"/runs/{made.id}/file.json?path=long.csv").json()
    assert len(rows["rows"]) == 201
    assert not rows["is_whole"]


def test_a_comparison_shows_only_what_differs_parameters_first(
    empty: Workspace, browse: Browse
) -> None:
    number = experiment(empty)
    one = run(empty, number, "one", loss=(0.9, 0.5), lr="0.1", same="x")
    two = run(empty, number, "two", loss=(0.8, 0.4), lr="0.2", same="x")
    browser = browse(empty)
    at = f"/experiments/{number}/compare"
    twin = browser.get(f"{at}.json", params={"run": [one.id, two.id]}).json()
    assert twin["params"] == {"lr": ["0.1", "0.2"]}
    assert twin["metrics"] == {"loss": [0.5, 0.4]}
    html = browser.get(at, params={"run": [one.id, two.id]}).text
    order = [html.index(f'id="{part}"') for part in ("parameters", "metrics", "curves", "rest")]
    assert order == sorted(order)
    assert html.count('class="line l1"') >= 2
    for wrong in ([one.id], [one.id, one.id], []):
        assert browser.get(at, params={"run": wrong}).status_code == 400


def test_a_trace_shows_its_spans_and_what_is_said_about_it(
    empty: Workspace, browse: Browse
) -> None:
    number = experiment(empty)
    asked = {"key": "mlflow.spanInputs", "value": {"stringValue": EVIL}}
    body = {"name": EVIL, "attributes": [asked]}
    outer = Span("tr-1", "a", "", 0, 9 * 10**6, False, body)
    inner = Span("tr-1", "b", "a", 10**6, 2 * 10**6, True, {"name": "inner"})
    empty.traces.record_spans(empty.owner, number, [inner, outer])
    feedback = {"feedback": {"value": True}, "source": {"source_id": "rita"}, "rationale": "right"}
    empty.traces.assess(empty.owner, "tr-1", "helpful", feedback)
    browser = browse(empty)
    listed = browser.get(f"/experiments/{number}").text
    assert 'href="/traces/tr-1"' in listed
    assert "no run yet" not in listed
    html = browser.get("/traces/tr-1").text
    assert EVIL not in html
    assert escape(EVIL) in html
    assert '<a href="/experiments" aria-current="page">' in html
    page = browser.get("/traces/tr-1.json").json()
    assert [(part["name"], part["depth"]) for part in page["parts"]] == [(EVIL, 0), ("inner", 1)]
    assert page["said"] == [{"name": "helpful", "value": "True", "by": "rita", "why": "right"}]
    assert browser.get("/traces/tr-2").status_code == 404
