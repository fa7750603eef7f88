"""MLflow's own client and the gate: what it registers is judged, what pipelines made it loads."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from trueup.app import starting

from .environments import ROOT, python
from .server import TRUEUP, say, serving
from .test_clients import run_suites

PLAN = """\
[project]
name = "judged"
objective = "Let clients in by the gate"

[process]
template = "solo"

[datasets.lumps]
path = "data/lumps.csv"

[[goals]]
id = "ranked"
claim = "Late rows score higher"
metric = "roc_auc"
gate = { at_least = 0.7, min_rows = 100 }
watch = { window = "7d" }
on_breach = ["alert"]
"""
OLGA = ["-c", "user.name=Olga", "-c", "user.email=olga@example.org"]


def sample(rows: int) -> pl.DataFrame:
    """Rows whose label follows `a`."""
    random = np.random.default_rng(7)
    a = random.normal(size=rows)
    late = random.random(rows) < 1 / (1 + np.exp(-3 * a))
    return pl.DataFrame({"a": a, "b": random.normal(size=rows), "late": late.astype(int)})


@pytest.mark.slow
def test_clients_and_the_gate(tmp_path: Path) -> None:
    python("mlflow-3")
    project = tmp_path / "project"
    project.mkdir()
    subprocess.run(["git", "init", "--quiet", str(project)], check=True)
    starting.start(project, commit=False)
    (project / "trueup.toml").write_text(PLAN)
    sample(600).write_csv(project / "data" / "late.csv")
    for command in (["add", "."], [*OLGA, "commit", "--quiet", "-m", "start"]):
        subprocess.run(["git", "-C", str(project), *command], check=True)
    say(project, "plan", "adopt")
    say(project, "data", "add", "data/late.csv", "--name", "late")
    say(project, "run", "--engine", "inprocess://")
    with serving(project) as url:
        where = {
            "MLFLOW_TRACKING_URI": url,
            "PROJECT": str(project),
            "CHECK": json.dumps([*TRUEUP, "check"]),
            "OURS": str(ROOT / "src"),
        }
        run_suites("mlflow-3", ("judging",), tmp_path, **where)
