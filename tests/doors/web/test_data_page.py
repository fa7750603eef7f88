"""The page of data: branches, and every version with what it was made from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from litestar.testing import TestClient

from trueup.app.wiring import Workspace
from trueup.lifecycle.data.taking import How

Browse = Callable[[Workspace], TestClient[Any]]


def test_versions_are_told_with_parents_branch_and_message(
    empty: Workspace, browse: Browse
) -> None:
    root, owner, datasets = empty.root, empty.owner, empty.datasets
    rows = root / "rows.csv"
    rows.write_text("a\n1\n")
    datasets.add(owner, "rows.csv", root, "rows", How(message="the first"))
    empty.branching.branch(owner, "rows", "fewer", root)
    rows.write_text("a\n1\n2\n")
    datasets.add(owner, "rows.csv", root, "rows", How(message="<i>two</i>"))
    browser = browse(empty)
    html = browser.get("/data").text
    assert "&lt;i&gt;two&lt;/i&gt;" in html
    assert 'href="/data/rows/diff?from=1&amp;to=2"' in html
    assert 'href="/why/data:rows@1"' in html
    assert 'fewer <a href="#rows-version-2">@2</a>' in html
    assert 'main <a href="#rows-version-1">@1</a>' in html
    assert browser.get("/data/rows/diff?from=1&to=2").status_code == 200
    twin = browser.get("/data.json").json()
    assert [each["rows"] for each in twin["log"]["rows"]] == [2, 1]
    assert twin["more"] == {"rows": 0}
