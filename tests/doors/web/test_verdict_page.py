"""The page of a verdict: what checks looked at, slice by slice and column by column."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from litestar.testing import TestClient

from trueup.app.wiring import Workspace
from trueup.foundation.records import builtins
from trueup.lifecycle.gates.records import CheckResult, Part, Verdict
from trueup.lifecycle.gates.table import verdicts

Browse = Callable[[Workspace], TestClient[Any]]

PARTS = (
    Part(name="carrier = AA", outcome="passed", value=0.8, lower=0.7, upper=0.9, limit=0.6),
    Part(name="carrier = <b>", outcome="failed", words="worse", value=0.5, limit=0.6, rows=120),
    Part(name="carrier = ZZ", outcome="not-enough-data", words="3 rows", rows=3),
)


def with_parts(workspace: Workspace, *parts: Part) -> Verdict:
    """A verdict of the project whose only check looked at several things."""
    verdict: Verdict = workspace.gates.of_model(workspace.owner, "lumps@1")[0]
    only = CheckResult(check="slices", outcome="failed", words="one is worse", parts=parts)
    statement = builtins(msgspec.structs.replace(verdict.statement, results=(only,)))
    with workspace.state.database.writing() as connection:
        changed = verdicts.update().where(verdicts.c.id == verdict.id)
        connection.execute(changed.values(statement=statement))
    return verdict


@pytest.mark.slow
def test_it_shows_each_thing_that_a_check_looked_at_the_worst_first(
    clinic: Workspace, browse: Browse
) -> None:
    verdict = with_parts(clinic, *PARTS)
    browser = browse(clinic)
    html = browser.get(f"/verdicts/{verdict.id}").text
    names = [html.index(f'<th scope="row">carrier = {name}') for name in ("&lt;b&gt;", "ZZ", "AA")]
    assert names == sorted(names)
    assert 'href="#check-0"' in html
    assert f'src="/verdicts/{verdict.id}/charts/0"' in html
    drawn = browser.get(f"/verdicts/{verdict.id}/charts/0")
    assert drawn.headers["content-type"].startswith("image/svg+xml")
    assert "<b>" not in drawn.text
    twin = browser.get(f"/verdicts/{verdict.id}.json").json()
    assert len(twin["verdict"]["statement"]["results"][0]["parts"]) == 3


@pytest.mark.slow
def test_what_has_no_values_is_a_table_and_no_chart(clinic: Workspace, browse: Browse) -> None:
    verdict = with_parts(clinic, PARTS[2], PARTS[2])
    browser = browse(clinic)
    html = browser.get(f"/verdicts/{verdict.id}").text
    assert "<details open>" in html
    assert "/charts/" not in html
    for place in ("0", "1", "99"):
        assert browser.get(f"/verdicts/{verdict.id}/charts/{place}").status_code == 404


@pytest.mark.slow
def test_a_check_that_looked_at_one_thing_has_no_part_of_its_own(
    clinic: Workspace, browse: Browse
) -> None:
    verdict = with_parts(clinic, PARTS[0])
    assert "What the checks looked at" not in browse(clinic).get(f"/verdicts/{verdict.id}").text
