"""The SQL of series: the runs of a sweep, and those of partitions."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from trueup.lifecycle.runs.records import Metric, Run
from trueup.lifecycle.runs.series.records import Sweep
from trueup.lifecycle.runs.table import run_metrics, runs
from trueup.state.kinds import Moment
from trueup.state.schema import row_as

_RUN = [runs.c[name] for name in Run.__struct_fields__]
_MANY = 500  # names in one question to the database


def in_sweep(connection: sa.Connection, sweep: str) -> list[Run]:
    """The runs of a sweep or back-fill, the oldest first."""
    query = sa.select(*_RUN).where(runs.c.sweep == sweep).order_by(runs.c.started_at, runs.c.id)
    return [row_as(Run, row) for row in connection.execute(query)]


def sweeps(connection: sa.Connection, limit: int) -> list[Sweep]:
    """The sweeps whose first runs are the newest."""
    started = sa.func.min(runs.c.started_at, type_=Moment).label("started_at")
    newest = (
        sa.select(runs.c.sweep)
        .where(runs.c.sweep != "")
        .group_by(runs.c.sweep)
        .order_by(started.desc(), runs.c.sweep)
        .limit(limit)
    )
    query = sa.select(
        runs.c.sweep,
        runs.c.pipeline,
        runs.c.state,
        sa.func.count(),
        started,
        sa.func.max(runs.c.started_at, type_=Moment),
        sa.func.max(runs.c.partition),
    )
    grouped = query.where(runs.c.sweep.in_(newest)).group_by(
        runs.c.sweep, runs.c.pipeline, runs.c.state
    )
    found: dict[str, Sweep] = {}
    for id_, pipeline, state, count, first, last, partition in connection.execute(grouped):
        known = found.get(id_)
        found[id_] = Sweep(
            id=id_,
            pipeline=pipeline,
            states={**(known.states if known else {}), state: count},
            started_at=min(first, known.started_at) if known else first,
            newest_at=max(last, known.newest_at) if known else last,
            is_backfill=bool(partition) or (known is not None and known.is_backfill),
        )
    return sorted(found.values(), key=lambda sweep: (sweep.started_at, sweep.id), reverse=True)


def of_partitions(connection: sa.Connection, pipeline: str, code: str) -> list[Run]:
    """The finished runs of a pipeline for single partitions, by one state of its code."""
    query = sa.select(*_RUN).where(
        runs.c.pipeline == pipeline,
        runs.c.code == code,
        runs.c.state == "finished",
        runs.c.partition != "",
    )
    return [row_as(Run, row) for row in connection.execute(query.order_by(runs.c.started_at))]


def metrics_of(connection: sa.Connection, ids: Sequence[str]) -> dict[str, list[Metric]]:
    """The metrics of several runs, by run."""
    found: dict[str, list[Metric]] = {}
    for start in range(0, len(ids), _MANY):
        query = (
            sa.select(run_metrics)
            .where(run_metrics.c.run.in_(ids[start : start + _MANY]))
            .order_by(run_metrics.c.step, run_metrics.c.name)
        )
        for row in connection.execute(query):
            metric: Metric = row_as(Metric, row)
            found.setdefault(metric.run, []).append(metric)
    return found
