"""The seed of the benches: the same runs on every machine, and found like any others."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from trueup.app.wiring import open_workspace

BENCH = Path(__file__).parents[4] / "bench"


def test_a_seeded_project_is_searched_like_any_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TRUEUP_DATABASE", raising=False)
    monkeypatch.syspath_prepend(str(BENCH))
    import seed  # type: ignore[import-not-found,unused-ignore]

    shape = seed.Shape(experiments=2, runs=3, params=4, tags=3, wide=5, fewest=2, most=6)
    counts = seed.fill(tmp_path, shape, quiet=True)
    assert (counts["runs"], counts["params"], counts["tags"]) == (6, 24, 18)
    assert list(seed.runs(shape, 1)) == list(seed.runs(shape, 1))
    with open_workspace(tmp_path) as workspace:
        found = workspace.search.runs(
            workspace.owner, [1, 2], order_by=["metrics.loss ASC"], limit=10
        ).runs
        assert len(found) == 6
        losses = [{m.key: m.value for m in each.metrics}["loss"] for each in found]
        assert losses == sorted(losses)
        (wide, *_) = workspace.search.runs(workspace.owner, [2], limit=1).runs
        assert len(wide.metrics) == 4 + 5
    sys.modules.pop("seed")
