"""Fills a project with tracked runs, straight into its database: the same ones on every machine.

    python bench/seed.py FOLDER --fraction 0.1

Whole: 50 experiments of 1,500 runs, each run with 150 parameters, 50 tags and four metrics of 20 to
150 steps; runs of the last experiment have 1,500 metrics besides. `tracking.py` fills MLflow's
database from the same runs.
"""

from __future__ import annotations

import argparse
import random
import sqlite3
import sys
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

START = 1_767_225_600_000
MINUTE = 60_000
METRICS = ("loss", "accuracy", "val/loss", "val/accuracy")
PLAN = '[project]\nname = "seeded"\nobjective = "Measure"\n'
FILLED = ("tracked_runs", "run_params", "run_tags", "latest_points", "points")
TOGETHER = 100
WORDS = [f"{random.Random(number).random():.6f}" for number in range(997)]
NOISE = [random.Random(-number).random() for number in range(4093)]


class Shape(NamedTuple):
    """How much of everything."""

    experiments: int = 50
    runs: int = 1500
    params: int = 150
    tags: int = 50
    wide: int = 1500
    fewest: int = 20
    most: int = 150


class Run(NamedTuple):
    """One run; `points` are (metric, step, time, value)."""

    number: int
    id: str
    experiment: int
    name: str
    started_at: int
    ended_at: int
    params: list[tuple[str, str]]
    tags: list[tuple[str, str]]
    points: list[tuple[str, int, int, float]]


def runs(shape: Shape, experiment: int) -> Iterator[Run]:
    """The runs of an experiment (from 1), always the same."""
    for index in range(shape.runs):
        number = (experiment - 1) * shape.runs + index
        chance = random.Random(number)
        steps = chance.randint(shape.fewest, shape.most)
        at = START + number * MINUTE
        base = chance.randrange(4093)
        points = [
            (name, step, at + step, NOISE[(base + 7 * step) % 4093] / (step + 1) + place)
            for place, name in enumerate(METRICS)
            for step in range(steps)
        ]
        if experiment == shape.experiments:
            points += [(f"m{i:04}", 0, at, NOISE[(base + i) % 4093]) for i in range(shape.wide)]
        yield Run(
            number=number + 1,
            id=f"{chance.getrandbits(128):032x}",
            experiment=experiment,
            name=f"run-{index}",
            started_at=at,
            ended_at=at + steps,
            params=[(f"p{i:03}", WORDS[(base + i * 31) % 997]) for i in range(shape.params)],
            tags=[
                ("mlflow.runName", f"run-{index}"),
                *((f"t{i:02}", WORDS[(base + i) % 7]) for i in range(1, shape.tags)),
            ],
            points=points,
        )


def fill(root: Path, shape: Shape, *, quiet: bool = False) -> dict[str, int]:
    """Fill an empty project; how many rows of each kind were written."""
    from trueup.app.wiring import open_workspace

    root.mkdir(parents=True, exist_ok=True)
    if not (root / "trueup.toml").exists():
        (root / "trueup.toml").write_text(PLAN)
    with open_workspace(root) as workspace:
        _ = workspace.owner
        place = workspace.settings.database.removeprefix("sqlite:///")
    database = sqlite3.connect(place, isolation_level=None)
    if database.execute("SELECT count(*) FROM tracked_runs").fetchone()[0]:
        raise SystemExit(f"{root} has runs already")
    database.execute("PRAGMA synchronous = OFF")
    database.execute("PRAGMA cache_size = -200000")
    indexes = _without_indexes(database, FILLED)
    names: dict[str, int] = {}
    counts = {"runs": 0, "params": 0, "tags": 0, "points": 0}
    for experiment in range(1, shape.experiments + 1):
        began = time.perf_counter()
        database.execute("BEGIN")
        database.execute(
            "INSERT INTO experiments (number, name, artifacts, life, created_at, updated_at) "
            "VALUES (?, ?, ?, 'active', ?, ?)",
            (
                experiment,
                f"experiment-{experiment}",
                f"mlflow-artifacts:/{experiment}",
                START,
                START,
            ),
        )
        for some in _portions(runs(shape, experiment)):
            _write(database, some, names, counts)
        database.execute("COMMIT")
        if not quiet:
            seconds = time.perf_counter() - began
            print(f"experiment {experiment}: {seconds:.1f} s, {counts}", file=sys.stderr)
    for statement in indexes:
        database.execute(statement)
    database.execute("ANALYZE")
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    return counts


def _write(
    database: sqlite3.Connection, some: list[Run], names: dict[str, int], counts: dict[str, int]
) -> None:
    new = {name for run in some for name, *_ in run.points} - names.keys()
    for name in sorted(new):
        names[name] = len(names) + 1
        database.execute(
            "INSERT INTO metric_names (number, name) VALUES (?, ?)", (names[name], name)
        )
    database.executemany(
        "INSERT INTO tracked_runs (number, id, experiment, name, user, state, life, started_at, "
        "ended_at, artifacts, beat_at, lease) "
        "VALUES (?, ?, ?, ?, 'ada', 'finished', 'active', ?, ?, ?, ?, 3600000)",
        [
            (
                *(run.number, run.id, run.experiment, run.name, run.started_at, run.ended_at),
                f"mlflow-artifacts:/{run.experiment}/{run.id}/artifacts",
                run.ended_at,
            )
            for run in some
        ],
    )
    for table, field in (("run_params", "params"), ("run_tags", "tags")):
        database.executemany(
            f"INSERT INTO {table} (run, key, value) VALUES (?, ?, ?)",
            [(run.number, key, value) for run in some for key, value in getattr(run, field)],
        )
    rows = sorted(
        (run.number, names[name], step, at, value)
        for run in some
        for name, step, at, value in run.points
    )
    columns = "(run, metric, step, at, value, is_nan) VALUES (?, ?, ?, ?, ?, 0)"
    database.executemany(f"INSERT INTO points {columns}", rows)
    database.executemany(
        "INSERT INTO run_texts (run, text) VALUES (?, ?)",
        [(run.number, _text(run)) for run in some],
    )
    latest = {row[:2]: row for row in rows}
    database.executemany(f"INSERT INTO latest_points {columns}", latest.values())
    counts["runs"] += len(some)
    counts["params"] += sum(len(run.params) for run in some)
    counts["tags"] += sum(len(run.tags) for run in some)
    counts["points"] += len(rows)


def _text(run: Run) -> bytes:
    """What stands beside a run that has ended."""
    from trueup.lifecycle.runs.tracking import logged
    from trueup.lifecycle.runs.tracking.records import Point

    latest = {name: Point(name, value, step, at) for name, step, at, value in run.points}
    return logged.text([latest[name] for name in sorted(latest)], dict(run.params), dict(run.tags))


def fill_mlflow(place: Path, shape: Shape) -> None:
    """The same runs in a database that MLflow 3.17 has just made."""
    database = sqlite3.connect(place, isolation_level=None)
    database.execute("PRAGMA synchronous = OFF")
    database.execute("BEGIN")
    for experiment in range(1, shape.experiments + 1):
        database.execute(
            "INSERT INTO experiments (experiment_id, name, artifact_location, lifecycle_stage, "
            "creation_time, last_update_time) VALUES (?, ?, ?, 'active', ?, ?)",
            (
                experiment,
                f"experiment-{experiment}",
                f"mlflow-artifacts:/{experiment}",
                START,
                START,
            ),
        )
        for some in _portions(runs(shape, experiment)):
            database.executemany(
                "INSERT INTO runs (run_uuid, name, source_type, source_name, entry_point_name, "
                "user_id, status, start_time, end_time, source_version, lifecycle_stage, "
                "artifact_uri, experiment_id) VALUES "
                "(?, ?, 'UNKNOWN', '', '', 'ada', 'FINISHED', ?, ?, '', 'active', ?, ?)",
                [
                    (
                        *(run.id, run.name, run.started_at, run.ended_at),
                        f"mlflow-artifacts:/{run.experiment}/{run.id}/artifacts",
                        run.experiment,
                    )
                    for run in some
                ],
            )
            for table, field in (("params", "params"), ("tags", "tags")):
                database.executemany(
                    f"INSERT INTO {table} (key, value, run_uuid) VALUES (?, ?, ?)",
                    [(key, value, run.id) for run in some for key, value in getattr(run, field)],
                )
            rows = [
                (name, value, at, run.id, step)
                for run in some
                for name, step, at, value in run.points
            ]
            database.executemany(
                "INSERT INTO metrics (key, value, timestamp, run_uuid, step, is_nan) "
                "VALUES (?, ?, ?, ?, ?, 0)",
                rows,
            )
            latest = {(row[3], row[0]): row for row in rows}
            database.executemany(
                "INSERT INTO latest_metrics (key, value, timestamp, run_uuid, step, is_nan) "
                "VALUES (?, ?, ?, ?, ?, 0)",
                latest.values(),
            )
    database.execute("COMMIT")
    database.execute("ANALYZE")
    database.close()


def _without_indexes(database: sqlite3.Connection, tables: Iterable[str]) -> list[str]:
    """Drop indexes, which are quicker made at the end; the statements that make them."""
    found = []
    for table in tables:
        query = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = ?"
        for name, statement in database.execute(query, (table,)).fetchall():
            if statement is not None:
                database.execute(f"DROP INDEX {name}")
                found.append(statement)
    return found


def _portions(found: Iterator[Run]) -> Iterator[list[Run]]:
    while some := list(islice(found, TOGETHER)):
        yield some


def main() -> int:
    """Fill, and say how much."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("folder", type=Path)
    options.add_argument(
        "--fraction", type=float, default=1.0, help="of the runs of each experiment"
    )
    for name, default in Shape()._asdict().items():
        options.add_argument(f"--{name}", type=int, default=default)
    chosen = options.parse_args()
    shape = Shape(*(getattr(chosen, name) for name in Shape._fields))
    shape = shape._replace(runs=max(1, round(shape.runs * chosen.fraction)))
    began = time.perf_counter()
    counts = fill(chosen.folder, shape)
    size = (chosen.folder / ".trueup" / "trueup.db").stat().st_size
    seconds = time.perf_counter() - began
    print(f"{counts} in {seconds:.1f} s, {size / 1e6:,.0f} MB")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
