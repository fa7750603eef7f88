"""What happened in the demo's year, computed from the database, the journal and the caller's books.

Nothing here is remembered from telling the story: each figure is read back and recomputed.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from trueup.app.demo.again import Looked
from trueup.app.demo.client import read_books
from trueup.app.demo.story import BOOKS, DEPLOYMENT, MODEL
from trueup.app.demo.versions import Versions, read_back
from trueup.app.wiring import Workspace
from trueup.foundation.actor import Actor
from trueup.foundation.records import Record
from trueup.lifecycle.improvement.records import Proposal
from trueup.lifecycle.models import rules as model_rules
from trueup.lifecycle.models.service import load_predictor
from trueup.lifecycle.monitoring.records import Alert
from trueup.lifecycle.releases.records import Release
from trueup.lifecycle.serving.journal import reader
from trueup.lifecycle.serving.records import Failure, Labels, Predictions, Truth
from trueup.statistics.metrics import METRICS

Floats = npt.NDArray[np.float64]


class Month(Record):
    """One month of labelled traffic: what served, and the first model left alone.

    Attributes:
        month: `2013-04`.
        predictions: Predictions made.
        labelled: Those whose label came.
        late_rate: Share that were late.
        versions: Model versions that served.
        served: Metric name to value, of the scores that were served.
        first: The same of the first model's scores on the same rows.
    """

    month: str
    predictions: int
    labelled: int
    late_rate: float
    versions: tuple[str, ...]
    served: dict[str, float]
    first: dict[str, float]


class Books(Record):
    """The journal against the caller's own records.

    Attributes:
        acknowledged: Predictions the caller has an answer for.
        journaled: Predictions in the journal.
        lost: Acknowledged ones that the journal lacks.
        doubled: Journaled ones that stand there more than once.
        failed: Rows the model could not answer.
        labels: Labels in the journal, each prediction counted once.
        p50_ms: Median time of a request at the caller.
        p95_ms: 95 % were faster.
    """

    acknowledged: int
    journaled: int
    lost: int
    doubled: int
    failed: int
    labels: int
    p50_ms: float
    p95_ms: float


class Summary(Record):
    """The year in figures; `looked` says why a second demo had nothing to do."""

    months: tuple[Month, ...]
    overall: Month
    books: Books
    releases: tuple[Release, ...]
    retrainings: tuple[Proposal, ...]
    alerts: tuple[Alert, ...]
    evaluations: int
    findings: dict[str, int]
    events: int
    ledger_problems: tuple[str, ...]
    a_prediction: str
    versions: Versions
    seconds: dict[str, float]
    looked: Looked | None = None


def summarise(workspace: Workspace, actor: Actor, seconds: dict[str, float]) -> Summary:
    """The figures of everything that happened so far."""
    rows, books, sample = _read_journal(workspace)
    first = _first_alone(workspace, actor, rows)
    months = rows["at"].dt.strftime("%Y-%m")
    parts = [
        _month(month, rows.filter(months == month), first[(months == month).to_numpy()])
        for month in months.unique().sort()
    ]
    evaluations = workspace.monitors.evaluations(actor, DEPLOYMENT)
    counts: dict[str, int] = defaultdict(int)
    for evaluation in evaluations:
        for finding in evaluation.findings:
            counts[finding.verdict] += 1
    with workspace.state.read(actor) as connection:
        verification = workspace.state.log.verify(connection)
    return Summary(
        months=tuple(parts),
        overall=_month("all", rows, first),
        books=books,
        releases=tuple(reversed(workspace.releases.of_deployment(actor, DEPLOYMENT))),
        retrainings=tuple(reversed(workspace.improvements.of_deployment(actor, DEPLOYMENT))),
        alerts=tuple(reversed(workspace.monitors.alerts(actor, DEPLOYMENT))),
        evaluations=len(evaluations),
        findings=dict(counts),
        events=verification.size,
        ledger_problems=tuple(verification.problems),
        a_prediction=sample,
        versions=read_back(workspace, actor, MODEL),
        seconds=seconds,
    )


def _read_journal(workspace: Workspace) -> tuple[pl.DataFrame, Books, str]:
    """All journaled rows with their newest label, and the books compared."""
    ids: list[str] = []
    columns: dict[str, list[Any]] = defaultdict(list)
    labels: dict[str, tuple[datetime, Truth]] = {}
    failed = 0
    for record, _cursor in reader.read(workspace.settings.journal):
        if isinstance(record, Predictions):
            ids += [f"{record.request}-{row}" for row in record.rows]
            columns["at"] += [record.at] * len(record.rows)
            columns["model_ref"] += [record.model_ref] * len(record.rows)
            columns["score"] += record.scores
            for name, values in record.inputs.items():
                columns[name] += values
        elif isinstance(record, Labels):
            for prediction, label in zip(record.predictions, record.labels, strict=True):
                known = labels.get(prediction)
                if known is None or record.at >= known[0]:
                    labels[prediction] = (record.at, label)
        elif isinstance(record, Failure):
            failed += record.rows
    answers = read_books(workspace.settings.home / BOOKS).values()
    acknowledged = {f"{a.request}-{row}" for a in answers for row in range(a.rows)}
    milliseconds = np.asarray([a.milliseconds for a in answers] or [np.nan])
    books = Books(
        acknowledged=len(acknowledged),
        journaled=len(ids),
        lost=len(acknowledged - set(ids)),
        doubled=len(ids) - len(set(ids)),
        failed=failed,
        labels=len(labels),
        p50_ms=float(np.quantile(milliseconds, 0.5)),
        p95_ms=float(np.quantile(milliseconds, 0.95)),
    )
    frame = pl.DataFrame(columns, infer_schema_length=None).with_columns(
        label=pl.Series([labels[i][1] if i in labels else None for i in ids], dtype=pl.Float64)
    )
    late = (i for i in reversed(ids) if i in labels and labels[i][1] == 1)
    return frame, books, f"prediction:{next(late, ids[-1])}"


def _first_alone(workspace: Workspace, actor: Actor, rows: pl.DataFrame) -> Floats:
    """What the first model would have answered: its own file, asked about the journaled inputs."""
    manifest = workspace.models.show(actor, MODEL, "1").manifest
    predict = load_predictor(workspace.state.blobs, manifest)
    return predict(model_rules.conform(rows, manifest.signature))


def _month(name: str, rows: pl.DataFrame, first: Floats) -> Month:
    known = rows["label"].is_not_null().to_numpy()
    labels = rows["label"].to_numpy()[known].astype(np.float64)
    served = rows["score"].to_numpy()[known]
    alone = first[known]
    return Month(
        month=name,
        predictions=rows.height,
        labelled=len(labels),
        late_rate=float(labels.mean()) if len(labels) else 0.0,
        versions=tuple(rows["model_ref"].unique().sort()),
        served=_metrics(labels, served),
        first=_metrics(labels, alone),
    )


def _metrics(labels: Floats, scores: Floats) -> dict[str, float]:
    values = {}
    for name in ("roc_auc", "brier", "calibration_gap"):
        value = METRICS[name].estimate(labels, scores, np.ones_like(labels)).value
        if np.isfinite(value):
            values[name] = float(value)
    return values
