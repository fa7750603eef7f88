"""What Prometheus reads: its own tool accepts it, and several processes add up."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from trueup.lifecycle.serving.metrics import FAMILIES, Metrics, gauge, merged, render


def _counted() -> Metrics:
    metrics = Metrics()
    for name, family in FAMILIES.items():
        labels = [f'a"{label}\n\\' for label in family.labels]
        if family.kind == "histogram":
            metrics.observe(name, 0.003, *labels)
        else:
            metrics.count(name, *labels)
    return metrics


def test_promtool_finds_nothing_wrong() -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed: apt-get install prometheus")
    text = render(_counted().snapshot())
    found = subprocess.run(
        [promtool, "check", "metrics"], input=text, capture_output=True, text=True, check=False
    )
    assert (found.returncode, found.stdout, found.stderr) == (0, "", "")


def test_all_processes_add_up_but_what_they_share() -> None:
    both = merged([_counted().snapshot(), _counted().snapshot()])
    for name, family in FAMILIES.items():
        (series,) = both[name]
        if family.kind == "histogram":
            assert sum(series.counts) == 2, name
        else:
            assert series.value == (1 if family.is_shared else 2), name
    assert merged([{"trueup_journal_lag_seconds": [gauge(at)]} for at in (1, 3, 2)]) == {
        "trueup_journal_lag_seconds": [gauge(3)]
    }


def test_labels_are_bounded() -> None:
    metrics = Metrics()
    for number in range(3000):
        metrics.count("trueup_errors_total", "late", f"code-{number}")
        metrics.observe("trueup_request_seconds", 0.1, f"place-{number}")
    snapshot = metrics.snapshot()
    for family in ("trueup_errors_total", "trueup_request_seconds"):
        assert len(snapshot[family]) == 2001
    assert 'code="other"} 1000' in render(snapshot)
