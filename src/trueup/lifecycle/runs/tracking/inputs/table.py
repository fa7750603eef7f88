"""The SQL of what tracked runs read and made."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import sqlalchemy as sa

from trueup.lifecycle.runs.tracking.records import DatasetSummary, UsedDataset, UsedModel
from trueup.lifecycle.runs.tracking.table import about
from trueup.state.schema import (
    BigInteger,
    Column,
    Index,
    Json,
    Number,
    String,
    Table,
    Text,
    Unique,
    upsert,
)

CONTEXT = "mlflow.data.context"

described_datasets = Table(
    "described_datasets",
    Column("number", Number, primary_key=True),
    Column("experiment", BigInteger, nullable=False),
    Column("name", String(500), nullable=False),
    Column("digest", String(36), nullable=False),
    Column("source_type", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("schema", Text),
    Column("profile", Text),
    Unique("experiment", "name", "digest"),
)

run_datasets = Table(
    "run_datasets",
    Column("run", Number, primary_key=True, autoincrement=False),
    Column("dataset", Number, primary_key=True, autoincrement=False),
    Column("context", String(500)),
    Column("tags", Json, nullable=False),
    Index("ix_run_datasets_dataset", "dataset", "context"),
    sqlite_with_rowid=False,
)

run_models = Table(
    "run_models",
    Column("run", Number, primary_key=True, autoincrement=False),
    Column("way", String(10), primary_key=True),
    Column("model", String(256), primary_key=True),
    Column("step", BigInteger, nullable=False),
    Index("ix_run_models_model", "model"),
    sqlite_with_rowid=False,
)

_DESCRIBED = ("name", "digest", "source_type", "source", "schema", "profile")
MOST = 1000


def add_datasets(
    connection: sa.Connection, run: int, experiment: int, used: Sequence[UsedDataset]
) -> None:
    """Keep datasets of a run; what is known by name and digest stays as it was described."""
    described = described_datasets.c
    rows = [
        {"experiment": experiment, **{name: getattr(each, name) for name in _DESCRIBED}}
        for each in used
    ]
    key = ("experiment", "name", "digest")
    upsert(connection, described_datasets, rows, key=key, replace=False)
    query = sa.select(described.number, described.name, described.digest).where(
        described.experiment == experiment, described.name.in_({each.name for each in used})
    )
    numbers = {(row.name, row.digest): row.number for row in connection.execute(query)}
    uses = [
        {
            "run": run,
            "dataset": numbers[each.name, each.digest],
            "context": each.tags.get(CONTEXT),
            "tags": each.tags,
        }
        for each in used
    ]
    upsert(connection, run_datasets, uses, key=("run", "dataset"), replace=False)


def add_models(connection: sa.Connection, run: int, used: Sequence[UsedModel]) -> None:
    """Keep models of a run; one that is there already stays as it is."""
    rows = [{"run": run, "way": each.way, "model": each.model, "step": each.step} for each in used]
    upsert(connection, run_models, rows, key=("run", "way", "model"), replace=False)


def datasets_of(
    connection: sa.Connection, runs: Sequence[int]
) -> dict[int, tuple[UsedDataset, ...]]:
    """What each of these runs read; runs that read nothing are left out."""
    query = (
        f"SELECT run, tags, {', '.join(_DESCRIBED)} FROM run_datasets "
        "JOIN described_datasets ON number = dataset WHERE run IN ({}) ORDER BY run, dataset"
    )
    found: dict[int, list[UsedDataset]] = {}
    for run, tags, *fields in about(connection, query, runs):
        described = dict(zip(_DESCRIBED, fields, strict=True))
        found.setdefault(run, []).append(UsedDataset(**described, tags=msgspec.json.decode(tags)))
    return {run: tuple(used) for run, used in found.items()}


def models_of(connection: sa.Connection, runs: Sequence[int]) -> dict[int, tuple[UsedModel, ...]]:
    """The models that each of these runs read or made; runs without any are left out."""
    query = (
        "SELECT run, model, way, step FROM run_models WHERE run IN ({}) "
        "ORDER BY run, way, step, model"
    )
    found: dict[int, list[UsedModel]] = {}
    for run, model, way, step in about(connection, query, runs):
        found.setdefault(run, []).append(UsedModel(model=model, way=way, step=step))
    return {run: tuple(used) for run, used in found.items()}


def summaries(connection: sa.Connection, experiments: Sequence[int]) -> list[DatasetSummary]:
    """The datasets that runs of these experiments used, once for each context."""
    described, used = described_datasets.c, run_datasets.c
    query = (
        sa.select(described.experiment, described.name, described.digest, used.context)
        .join_from(described_datasets, run_datasets, used.dataset == described.number)
        .where(described.experiment.in_(experiments))
        .distinct()
        .order_by(described.experiment, described.name, described.digest, used.context)
        .limit(MOST)
    )
    return [
        DatasetSummary(experiment=number, name=name, digest=digest, context=context)
        for number, name, digest, context in connection.execute(query)
    ]
