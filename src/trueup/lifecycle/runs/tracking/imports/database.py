"""A SQLite file of MLflow's as a source, of any version since 1.0: what a schema lacks is empty."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import quote

from trueup.foundation.errors import BackendError, NotFoundError, UsageError
from trueup.lifecycle.runs.tracking import points
from trueup.lifecycle.runs.tracking.imports.places import Places
from trueup.lifecycle.runs.tracking.imports.records import (
    Owner,
    SourceExperiment,
    SourceFile,
    SourceModel,
    SourceName,
    SourceRun,
    SourceVersion,
)
from trueup.lifecycle.runs.tracking.imports.source import MODEL_STATES, STAGES, STATES
from trueup.lifecycle.runs.tracking.logged_models.records import ModelPoint
from trueup.lifecycle.runs.tracking.records import Point, UsedDataset, UsedModel

_PAGE: Final = 200
_POINTS: Final = 20_000
_WAL_FORMAT: Final = b"\x02\x02"  # bytes 18 and 19 of a database in write-ahead mode


class Database:
    """MLflow's SQLite file, opened for reading only, as one moment left it.

    Args:
        path: The file.
        places: Where files of runs lie.

    Raises:
        NotFoundError: There is no such file.
        UsageError: It is no database of MLflow's.
        BackendError: It cannot be read.
    """

    counts_points = True

    def __init__(self, path: Path, places: Places) -> None:
        self.path = path.resolve()
        self._places = places
        self._connection = _opened(self.path)
        self._columns = self._schema()
        if not {"experiments", "runs", "metrics"} <= self._columns.keys():
            raise UsageError(
                "mlflow-no-database",
                f"'{path}' is no database of MLflow's: it has no table of runs.",
                hint="trueup import mlflow sqlite:///mlflow.db",
            )

    @property
    def shown(self) -> str:
        """Where it is."""
        return f"sqlite:///{self.path}"

    def experiments(self) -> Iterator[SourceExperiment]:
        """All experiments."""
        tags = self._words("experiment_tags", "experiment_id")
        for row in self._rows("experiments", order="experiment_id"):
            number = row["experiment_id"]
            yield SourceExperiment(
                id=str(number),
                name=row["name"],
                life=row["lifecycle_stage"] or "active",
                created_at=row.get("creation_time") or 0,
                updated_at=row.get("last_update_time") or 0,
                files=row["artifact_location"] or "",
                tags=tags.get(number, {}),
            )

    def runs(self, experiment: str) -> Iterator[list[SourceRun]]:
        """The runs of an experiment."""
        query = "SELECT run_uuid FROM runs WHERE experiment_id = ? ORDER BY start_time, run_uuid"
        ids = [row[0] for row in self._connection.execute(query, (int(experiment),))]
        for start in range(0, len(ids), _PAGE):
            yield self._some(ids[start : start + _PAGE])

    def points(self, runs: Sequence[str]) -> Iterator[tuple[str, list[Point]]]:
        """The points of runs."""
        query = (
            "SELECT DISTINCT key, CASE WHEN is_nan THEN NULL ELSE value END, step, timestamp "
            "FROM metrics WHERE run_uuid = ?"
        )
        for run in runs:
            found = self._connection.execute(query, (run,))
            while some := found.fetchmany(_POINTS):
                yield (
                    run,
                    [
                        Point(key, float("nan") if value is None else value, step, at)
                        for key, value, step, at in some
                    ],
                )

    def count_points(self, runs: Sequence[str]) -> int:
        """How many points runs have."""
        found = 0
        for start in range(0, len(runs), _PAGE):
            some = runs[start : start + _PAGE]
            query = f"SELECT count(*) FROM metrics WHERE run_uuid IN ({_marks(some)})"
            found += self._connection.execute(query, some).fetchone()[0]
        return found

    def models(self, experiment: str) -> Iterator[list[SourceModel]]:
        """The logged models of an experiment."""
        rows = self._rows("logged_models", {"experiment_id": int(experiment)}, "model_id")
        listed = list(rows)
        for start in range(0, len(listed), _PAGE):
            some = listed[start : start + _PAGE]
            ids = [row["model_id"] for row in some]
            params = self._words("logged_model_params", "model_id", ids, "param_")
            tags = self._words("logged_model_tags", "model_id", ids, "tag_")
            metrics = self._model_points(ids)
            yield [
                SourceModel(
                    id=row["model_id"],
                    experiment=experiment,
                    name=row["name"],
                    kind=row["model_type"] or "",
                    run=row["source_run_id"] or "",
                    state=MODEL_STATES[row["status"] if row["status"] in range(4) else 0],
                    life=row["lifecycle_stage"] or "active",
                    created_at=row["creation_timestamp_ms"],
                    updated_at=row["last_updated_timestamp_ms"],
                    files=row["artifact_location"] or "",
                    params=params.get(row["model_id"], {}),
                    tags=tags.get(row["model_id"], {}),
                    metrics=tuple(metrics.get(row["model_id"], ())),
                )
                for row in some
            ]

    def names(self) -> Iterator[SourceName]:
        """The registered names with their versions."""
        tags = self._words("registered_model_tags", "name")
        aliases: dict[str, dict[str, int]] = {}
        for row in self._rows("registered_model_aliases", order="alias"):
            aliases.setdefault(row["name"], {})[row["alias"]] = row["version"]
        words: dict[tuple[str, int], dict[str, str]] = {}
        for row in self._rows("model_version_tags", order="key"):
            words.setdefault((row["name"], row["version"]), {})[row["key"]] = row["value"] or ""
        for row in self._rows("registered_models", order="name"):
            name = row["name"]
            yield SourceName(
                name=name,
                description=row["description"] or "",
                created_at=row["creation_time"] or 0,
                updated_at=row["last_updated_time"] or 0,
                tags=tags.get(name, {}),
                aliases=aliases.get(name, {}),
                versions=tuple(
                    _version(each, words.get((name, each["version"]), {}))
                    for each in self._rows("model_versions", {"name": name}, "version")
                    if each["current_stage"] != "Deleted_Internal"
                ),
            )

    def files(self, owner: Owner) -> Iterable[SourceFile]:
        """The files of a run or logged model."""
        return self._places.files(owner)

    def read(self, owner: Owner, path: str) -> Path:
        """Where one file lies."""
        return self._places.file(owner, path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_raised: object) -> None:
        self._connection.close()

    def _some(self, ids: Sequence[str]) -> list[SourceRun]:
        query = f"SELECT * FROM runs WHERE run_uuid IN ({_marks(ids)})"
        rows = {row["run_uuid"]: row for row in self._asked(query, ids)}
        params = self._words("params", "run_uuid", ids)
        tags = self._words("tags", "run_uuid", ids)
        query = (
            f"SELECT run_uuid, count(*) FROM metrics WHERE run_uuid IN ({_marks(ids)}) "
            "GROUP BY run_uuid"
        )
        counts = dict(self._connection.execute(query, ids).fetchall())
        datasets = self._datasets(ids)
        models = self._used_models(ids)
        return [
            SourceRun(
                id=each,
                experiment=str(rows[each]["experiment_id"]),
                name=rows[each].get("name") or tags.get(each, {}).get("mlflow.runName", ""),
                user=rows[each]["user_id"] or "",
                state=STATES.get(rows[each]["status"], "finished"),
                life=rows[each]["lifecycle_stage"] or "active",
                started_at=rows[each]["start_time"] or 0,
                ended_at=rows[each]["end_time"],
                deleted_at=rows[each].get("deleted_time"),
                files=rows[each]["artifact_uri"] or "",
                stamp=str(counts.get(each, 0)),
                params=params.get(each, {}),
                tags=tags.get(each, {}),
                datasets=tuple(datasets.get(each, ())),
                models=tuple(models.get(each, ())),
            )
            for each in ids
        ]

    def _datasets(self, runs: Sequence[str]) -> dict[str, list[UsedDataset]]:
        if not {"inputs", "datasets", "input_tags"} <= self._columns.keys():
            return {}
        query = (
            "SELECT i.destination_id AS run, i.input_uuid AS used, d.* FROM inputs i "
            "JOIN datasets d ON d.dataset_uuid = i.source_id WHERE i.source_type = 'DATASET' "
            f"AND i.destination_type = 'RUN' AND i.destination_id IN ({_marks(runs)}) "
            "ORDER BY d.name, d.digest"
        )
        found: dict[str, list[UsedDataset]] = {}
        for row in self._asked(query, runs):
            tags = self._connection.execute(
                "SELECT name, value FROM input_tags WHERE input_uuid = ?", (row["used"],)
            )
            used = UsedDataset(
                name=row["name"],
                digest=row["digest"],
                source_type=row["dataset_source_type"],
                source=row["dataset_source"],
                schema=row["dataset_schema"],
                profile=row["dataset_profile"],
                tags=dict(tags.fetchall()),
            )
            found.setdefault(row["run"], []).append(used)
        return found

    def _used_models(self, runs: Sequence[str]) -> dict[str, list[UsedModel]]:
        found: dict[str, list[UsedModel]] = {}
        if "inputs" not in self._columns:
            return found
        step = "step" if "step" in self._columns["inputs"] else "0"
        marks = _marks(runs)
        made = (
            f"SELECT source_id, destination_id, {step} FROM inputs WHERE "
            f"source_type = 'RUN_OUTPUT' AND destination_type = 'MODEL_OUTPUT' "
            f"AND source_id IN ({marks})"
        )
        read = (
            f"SELECT source_id, destination_id, {step} FROM inputs WHERE "
            f"source_type = 'RUN_INPUT' AND destination_type = 'MODEL_INPUT' "
            f"AND source_id IN ({marks})"
        )
        for run, model, at in self._connection.execute(made, runs):
            found.setdefault(run, []).append(UsedModel(model=model, way="output", step=at))
        for run, model, at in self._connection.execute(read, runs):
            found.setdefault(run, []).append(UsedModel(model=model, way="input", step=at))
        return found

    def _model_points(self, ids: Sequence[str]) -> dict[str, list[ModelPoint]]:
        found: dict[str, list[ModelPoint]] = {}
        query = f"SELECT * FROM logged_model_metrics WHERE model_id IN ({_marks(ids)})"
        for row in self._asked(query, ids):
            value = row["metric_value"]
            point = ModelPoint(
                key=row["metric_name"],
                value=float("nan") if value is None else points.held(value),
                step=row["metric_step"],
                at=row["metric_timestamp_ms"],
                run=row["run_id"],
                dataset=row["dataset_name"] or "",
                dataset_digest=row["dataset_digest"] or "",
            )
            found.setdefault(row["model_id"], []).append(point)
        return found

    def _words(
        self,
        table: str,
        owner: str,
        ids: Sequence[str] | None = None,
        prefix: str = "",
        key: str = "key",
    ) -> dict[Any, dict[str, str]]:
        if table not in self._columns:
            return {}
        query = f"SELECT {owner}, {prefix}{key}, {prefix}value FROM {table}"
        if ids is not None:
            query += f" WHERE {owner} IN ({_marks(ids)})"
        found: dict[Any, dict[str, str]] = {}
        for each, name, value in self._connection.execute(query, ids or ()):
            found.setdefault(each, {})[name] = value or ""
        return found

    def _rows(
        self, table: str, where: dict[str, Any] | None = None, order: str = ""
    ) -> Iterator[dict[str, Any]]:
        if table not in self._columns:
            return
        query = f"SELECT * FROM {table}"
        if where:
            query += " WHERE " + " AND ".join(f"{name} = ?" for name in where)
        if order:
            query += f" ORDER BY {order}"
        yield from self._asked(query, tuple((where or {}).values()))

    def _asked(self, query: str, values: Sequence[Any]) -> Iterator[dict[str, Any]]:
        found = self._connection.execute(query, tuple(values))
        names = [column[0] for column in found.description]
        for row in found:
            yield dict(zip(names, row, strict=True))

    def _schema(self) -> dict[str, set[str]]:
        try:
            query = "SELECT m.name, c.name FROM sqlite_master m, pragma_table_info(m.name) c"
            found: dict[str, set[str]] = {}
            for table, column in self._connection.execute(query):
                found.setdefault(table, set()).add(column)
            self._connection.execute("BEGIN")  # one moment for all that is read
        except sqlite3.Error as error:
            raise _unreadable(self.path, error) from error
        return found


def _opened(path: Path) -> sqlite3.Connection:
    if not path.is_file():
        raise NotFoundError(
            "mlflow-not-found",
            f"There is no database '{path}'.",
            hint="trueup import mlflow sqlite:///mlflow.db",
        )
    try:
        with path.open("rb") as file:
            head = file.read(20)
    except OSError as error:
        raise _unreadable(path, error) from error
    # A database in write-ahead mode that nobody has open would get new files beside it.
    is_at_rest = head[18:20] == _WAL_FORMAT and not Path(f"{path}-wal").exists()
    options = "mode=ro&immutable=1" if is_at_rest else "mode=ro"
    try:
        return sqlite3.connect(f"file:{quote(str(path))}?{options}", uri=True, isolation_level=None)
    except sqlite3.Error as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> BackendError:
    return BackendError(
        "mlflow-unreadable",
        f"The database '{path}' cannot be read: {error}.",
        hint="stop the MLflow server that writes it, then run the same command again",
    )


def _version(row: dict[str, Any], tags: dict[str, str]) -> SourceVersion:
    source = row["source"] or ""
    stage = row["current_stage"] or ""
    return SourceVersion(
        version=row["version"],
        source=source,
        run=row["run_id"] or "",
        logged_model=logged_model_of(source),
        user=row["user_id"] or "",
        run_link=row.get("run_link") or "",
        description=row["description"] or "",
        stage=stage if stage in STAGES else "",
        created_at=row["creation_time"] or 0,
        updated_at=row["last_updated_time"] or 0,
        tags=tags,
    )


def logged_model_of(source: str) -> str:
    """The identifier of the logged model that a version was registered from; empty for none."""
    named = source.removeprefix("models:/")
    return named if named != source and named.startswith("m-") and "/" not in named else ""


def _marks(values: Sequence[Any]) -> str:
    return ", ".join("?" * len(values))
