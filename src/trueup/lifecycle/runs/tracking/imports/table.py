"""The SQL of imports: what was taken from where, and how many of each kind are here of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

import sqlalchemy as sa

from trueup.lifecycle.runs.tracking import logged, points
from trueup.lifecycle.runs.tracking import table as tracking
from trueup.lifecycle.runs.tracking.files.table import tracked_files
from trueup.lifecycle.runs.tracking.imports.records import Parcel
from trueup.lifecycle.runs.tracking.inputs import table as inputs
from trueup.lifecycle.runs.tracking.logged_models import table as logged_models
from trueup.state import driver
from trueup.state.schema import BigInteger, Column, String, Table, upsert

# `mark` is what the source said of a thing when it was taken whole; `place` the number of an
# experiment here.
imported = Table(
    "imported",
    Column("source", String(80), primary_key=True),
    Column("kind", String(20), primary_key=True),
    Column("id", String(300), primary_key=True),
    Column("mark", String(80), nullable=False),
    Column("place", BigInteger, nullable=False),
    Column("points", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

_i = imported.c
_r = tracking.tracked_runs.c
_RUN = ("id", "experiment", "name", "user", "state", "life", "started_at", "ended_at", "deleted_at")
_HELD = (*_RUN, "artifacts", "beat_at", "lease")
_ASKED = 500


def marks(
    connection: sa.Connection, source: str, kind: str, ids: Sequence[str]
) -> dict[str, tuple[str, int, int]]:
    """Mark, place and points of those things that were taken whole."""
    found: dict[str, tuple[str, int, int]] = {}
    for start in range(0, len(ids), _ASKED):
        some = ids[start : start + _ASKED]
        query = sa.select(_i.id, _i.mark, _i.place, _i.points).where(
            _i.source == source, _i.kind == kind, _i.id.in_(some)
        )
        found |= {row.id: (row.mark, row.place, row.points) for row in connection.execute(query)}
    return found


def note(
    connection: sa.Connection,
    source: str,
    kind: str,
    rows: Iterable[tuple[str, str, int, int]],
) -> None:
    """Say of things (identifier, mark, place, points) that they were taken whole."""
    listed = [
        {"source": source, "kind": kind, "id": id_, "mark": mark, "place": place, "points": count}
        for id_, mark, place, count in rows
    ]
    if listed:
        upsert(connection, imported, listed, key=("source", "kind", "id"))


def put_runs(
    connection: sa.Connection, parcels: Sequence[Parcel], root: str, at: int, lease: int
) -> dict[str, int]:
    """Write runs over what is here of them, with words, datasets and models; their numbers."""
    names = ", ".join(_HELD).replace("user", '"user"')
    changed = ", ".join(
        f"{each} = excluded.{each}" for each in ("name", "state", "life", *_RUN[6:])
    )
    rows = [
        (
            *(getattr(run, name) if name != "experiment" else experiment for name in _RUN),
            f"{root}/{experiment}/{run.id}/artifacts",
            at,
            lease,
        )
        for run, experiment, *_ in parcels
    ]
    driver.execute_many(
        connection,
        f"INSERT INTO tracked_runs ({names}) VALUES ({driver.marks(len(_HELD))}) "
        f"ON CONFLICT (id) DO UPDATE SET {changed}",
        rows,
    )
    numbers = tracking.numbers(connection, [parcel.run.id for parcel in parcels])
    logged.take_away(connection, numbers.values())
    for target, field in ((tracking.run_params, "params"), (tracking.run_tags, "tags")):
        driver.execute_many(
            connection,
            f"INSERT INTO {target.name} (run, key, value) VALUES (?, ?, ?) "
            "ON CONFLICT (run, key) DO UPDATE SET value = excluded.value",
            [
                (numbers[parcel.run.id], key, value)
                for parcel in parcels
                for key, value in getattr(parcel.run, field).items()
            ],
        )
    for run, experiment, *_ in parcels:
        if run.datasets:
            inputs.add_datasets(connection, numbers[run.id], experiment, run.datasets)
        if run.models:
            inputs.add_models(connection, numbers[run.id], run.models)
    return numbers


def put_points(
    connection: sa.Connection, numbers: dict[str, int], parcels: Iterable[Parcel]
) -> None:
    """Write points of runs."""
    for parcel in parcels:
        if parcel.points:
            points.add(connection, numbers[parcel.run.id], parcel.points)
    logged.write(connection, {numbers[parcel.run.id]: parcel.run.state for parcel in parcels})


def counts(connection: sa.Connection, source: str, places: Collection[int]) -> dict[str, int]:
    """How many of each kind are here of what was taken from a source into these experiments."""
    runs = sa.select(_r.number).join(imported, _i.id == _r.id)
    runs = runs.where(_i.source == source, _i.kind == "run", _r.experiment.in_(places))
    m = logged_models.logged_models.c
    models = sa.select(m.number).join(imported, _i.id == m.id)
    models = models.where(_i.source == source, _i.kind == "model", m.experiment.in_(places))

    def count(table: sa.Table, column: str, among: sa.Select[Any]) -> int:
        query = sa.select(sa.func.count()).select_from(table)
        found: int = connection.execute(query.where(table.c[column].in_(among))).scalar_one()
        return found

    files, size = _files(connection, source, places)
    tags = sa.select(sa.func.count()).where(tracking.experiment_tags.c.experiment.in_(places))
    words = logged_models
    return {
        "experiments": len(places),
        "experiment_tags": connection.execute(tags).scalar_one(),
        "runs": count(tracking.tracked_runs, "number", runs),
        "params": count(tracking.run_params, "run", runs),
        "tags": count(tracking.run_tags, "run", runs),
        "points": count(tracking.points, "run", runs),
        "datasets": count(inputs.run_datasets, "run", runs),
        "used_models": count(inputs.run_models, "run", runs),
        "files": files,
        "bytes": size,
        "logged_models": count(words.logged_models, "number", models),
        "model_words": count(words.logged_model_params, "model", models)
        + count(words.logged_model_tags, "model", models),
        "model_points": count(words.logged_model_points, "model", models),
    }


def _files(connection: sa.Connection, source: str, places: Collection[int]) -> tuple[int, int]:
    query = sa.select(_i.id, _i.kind).where(_i.source == source, _i.kind.in_(("run", "model")))
    known = {row.id for row in connection.execute(query)}
    count = size = 0
    f = tracked_files.c
    for place in places:
        found = connection.execute(
            sa.select(f.folder, sa.func.count(), sa.func.sum(f.size))
            .where(f.folder >= f"{place}/", f.folder < f"{place}0", f.digest != "")
            .group_by(f.folder)
        )
        for folder, number, total in found:
            parts = folder.split("/")
            owner = parts[2] if parts[1] == "models" and len(parts) > 2 else parts[1]
            if owner in known:
                count += number
                size += int(total)
    return count, size
