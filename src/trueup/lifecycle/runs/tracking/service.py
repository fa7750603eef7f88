"""The verbs of tracking: experiments, and runs that report themselves."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from trueup.foundation import clock
from trueup.foundation.actor import Actor
from trueup.foundation.errors import ConflictError, NotFoundError
from trueup.lifecycle.runs.tracking import finding, logged, points, reading, rules, table
from trueup.lifecycle.runs.tracking.logged import Metric
from trueup.lifecycle.runs.tracking.records import (
    DEFAULT_EXPERIMENT,
    Experiment,
    Point,
    State,
    TrackedRun,
)
from trueup.state.unit import State as Store
from trueup.state.unit import Unit

NAME_TAG = "mlflow.runName"


class Tracking:
    """Experiments, and what runs outside a pipeline report.

    Args:
        state: Where it is kept.
        artifacts: The URI below which experiments keep their files.
    """

    def __init__(self, state: Store, artifacts: str = "mlflow-artifacts:") -> None:
        self._state = state
        self._artifacts = artifacts

    def create_experiment(
        self, actor: Actor, name: str, *, artifacts: str = "", tags: Mapping[str, str] = {}
    ) -> Experiment:
        """Make an experiment.

        Raises:
            ConflictError: There is one of that name, perhaps a deleted one.
            UsageError: The name or a tag cannot be kept.
        """
        _check_tags(tags, rules.EXPERIMENT_TAG)
        with self._state.write(actor, "runs.write") as unit:
            known = table.experiment(unit.connection, name=name)
            if known is not None or name == "Default":
                raise finding.taken(name, known)
            _found_default(unit, self._artifacts)
            return _create(unit, name, artifacts, tags, self._artifacts)

    def experiment(self, actor: Actor, number: int) -> Experiment:
        """One experiment by its number.

        Raises:
            NotFoundError: There is none.
        """
        with self._state.read(actor) as connection:
            return _experiment(connection, number)

    def experiment_named(self, actor: Actor, name: str) -> Experiment:
        """One experiment by its name.

        Raises:
            NotFoundError: There is none.
        """
        with self._state.read(actor) as connection:
            found = table.experiment(connection, name=name)
        if found is None and name == "Default":
            return finding.default(self._artifacts)
        if found is None:
            raise NotFoundError(
                "experiment-not-found",
                f"There is no experiment '{name[:300]}'.",
                hint="mlflow experiments search",
                context={"name": name[:500]},
            )
        return found

    def start(
        self,
        actor: Actor,
        experiment: int = DEFAULT_EXPERIMENT,
        *,
        name: str = "",
        user: str = "",
        started_at: int | None = None,
        tags: Mapping[str, str] = {},
        lease: int = rules.LEASE_MS,
    ) -> TrackedRun:
        """Start a run; returns when it is written. See `start_soon`."""
        return self.start_soon(
            actor, experiment, name=name, user=user, started_at=started_at, tags=tags, lease=lease
        ).result()

    def start_soon(
        self,
        actor: Actor,
        experiment: int = DEFAULT_EXPERIMENT,
        *,
        name: str = "",
        user: str = "",
        started_at: int | None = None,
        tags: Mapping[str, str] = {},
        lease: int = rules.LEASE_MS,
        id_: str = "",
    ) -> Future[TrackedRun]:
        """Start a run; the future is done once it is written.

        Args:
            actor: Who starts it.
            experiment: Number of its experiment.
            name: For people; made up when empty.
            user: Who runs it, by their own word.
            started_at: When it began; now when left out.
            tags: Words about it.
            lease: Milliseconds of silence after which it counts as lost.
            id_: Its identifier, if it was started elsewhere; one that is here comes out as it is.

        Raises:
            NotFoundError: There is no such experiment.
            ConflictError: The experiment is deleted.
            UsageError: A tag cannot be kept.
        """
        _check_tags(tags, rules.TAG)
        run_id = id_ or uuid.uuid4().hex
        rules.check_run_id(run_id)

        def write(unit: Unit) -> TrackedRun:
            known = table.head(unit.connection, id_) if id_ else None
            if known is not None:
                return reading.whole(unit.connection, known[0])
            group = active_experiment(unit, experiment, self._artifacts)
            chosen = name or tags.get(NAME_TAG, "") or rules.name_of(run_id)
            at = milliseconds(unit.at)
            run = TrackedRun(
                id=run_id,
                experiment=experiment,
                name=chosen,
                user=user,
                state="running",
                life="active",
                started_at=at if started_at is None else started_at,
                ended_at=None,
                deleted_at=None,
                artifacts=f"{group.artifacts.rstrip('/')}/{run_id}/artifacts",
                tags={**tags, NAME_TAG: chosen},
            )
            table.add_run(unit.connection, run, at, lease)
            unit.emit("tracked-run.started", run.ref, data={"experiment": experiment})
            return run

        return self._state.submit(actor, "runs.write", write)

    def show(self, actor: Actor, run_id: str) -> TrackedRun:
        """One run with its parameters, tags and the last point of each metric.

        Raises:
            NotFoundError: There is none.
        """
        with self._state.read(actor) as connection:
            return _run(connection, run_id)

    def change(
        self,
        actor: Actor,
        run_id: str,
        *,
        state: State | None = None,
        ended_at: int | None = None,
        name: str = "",
    ) -> TrackedRun:
        """Say how a run stands; returns when it is written. See `change_soon`."""
        return self.change_soon(actor, run_id, state=state, ended_at=ended_at, name=name).result()

    def change_soon(
        self,
        actor: Actor,
        run_id: str,
        *,
        state: State | None = None,
        ended_at: int | None = None,
        name: str = "",
    ) -> Future[TrackedRun]:
        """Say how a run stands, when it ended, what it is called.

        The run that comes out is bare: without parameters, tags and points.

        Raises:
            NotFoundError: There is none.
            ConflictError: It is deleted.
        """

        def write(unit: Unit) -> TrackedRun:
            number, before = finding.active(unit.connection, run_id)
            values: dict[str, Any] = {"beat_at": milliseconds(unit.at)}
            if state is not None:
                values["state"] = state
            elif before == "lost":
                _revive(unit, run_id, number)
            if ended_at is not None:
                values["ended_at"] = ended_at
            if name:
                values["name"] = name
                table.set_words(unit.connection, table.run_tags, number, {NAME_TAG: name})
            table.change_run(unit.connection, number, **values)
            if state is not None and state != before:
                ref = f"run:{run_id}"
                unit.emit(f"tracked-run.{state}", ref, before=before, after=state)
            logged.write(unit.connection, {number: state or before})
            return table.runs_of(unit.connection, [number])[0]

        return self._state.submit(actor, "runs.write", write)

    def log(
        self,
        actor: Actor,
        run_id: str,
        *,
        metrics: Sequence[Point] = (),
        params: Mapping[str, str] = {},
        tags: Mapping[str, str] = {},
    ) -> None:
        """Keep points, parameters and tags of a run; returns when it is done. See `log_soon`."""
        self.log_soon(actor, run_id, metrics=metrics, params=params, tags=tags).result()

    def log_soon(
        self,
        actor: Actor,
        run_id: str,
        *,
        metrics: Sequence[Point] = (),
        params: Mapping[str, str] = {},
        tags: Mapping[str, str] = {},
    ) -> Future[None]:
        """Keep points, parameters and tags of a run: all of them or none. Again changes nothing.

        Raises:
            NotFoundError: There is no such run.
            ConflictError: The run is deleted, or a parameter would change.
            UsageError: A key or a value cannot be kept.
        """
        _check_all(metrics, params, tags)

        def write(unit: Unit) -> None:
            number, before = finding.active(unit.connection, run_id)
            if before == "lost":
                _revive(unit, run_id, number)
            if params:
                known = table.words_of(unit.connection, table.run_params, number)
                rules.check_params(run_id, known, params)
                fresh = {key: value for key, value in params.items() if key not in known}
                table.set_words(unit.connection, table.run_params, number, fresh)
            if tags:
                table.set_words(unit.connection, table.run_tags, number, tags)
                if NAME_TAG in tags:
                    table.change_run(unit.connection, number, name=tags[NAME_TAG])
            if metrics:
                points.add(unit.connection, number, metrics)
            logged.write(unit.connection, {number: before})
            table.beat(unit.connection, number, milliseconds(unit.at))

        return self._state.submit(actor, "runs.write", write)

    def mark_lost(self, actor: Actor, limit: int = 1000) -> int:
        """Say of running runs that nothing was heard of for too long that they are lost.

        The next word of such a run revives it.

        Returns:
            How many there were, at most `limit`.
        """
        with self._state.read(actor) as connection:
            if not table.silent(connection, milliseconds(clock.now()), 1):
                return 0
        with self._state.write(actor, "runs.write") as unit:
            silent = table.silent(unit.connection, milliseconds(unit.at), limit)
            for number, run_id, beat_at in silent:
                table.change_run(unit.connection, number, state="lost", ended_at=beat_at)
                unit.emit("tracked-run.lost", f"run:{run_id}", before="running", after="lost")
            return len(silent)

    def history(
        self, actor: Actor, run_id: str, key: str, limit: int, after: Metric | None = None
    ) -> list[Metric]:
        """The points of one metric of a run, by step, time and value.

        Args:
            actor: Who asks.
            run_id: The run.
            key: Name of the metric.
            limit: Most points that come out.
            after: The last point of the page before.

        Raises:
            NotFoundError: There is no such run.
        """
        with self._state.read(actor) as connection:
            number = finding.number(connection, run_id)
            return logged.history(connection, number, key, limit, after)


def active_experiment(unit: Unit, number: int, root: str) -> Experiment:
    """An experiment that may get runs and models, inside a transaction of the caller's.

    Raises:
        NotFoundError: There is none.
        ConflictError: It is deleted.
    """
    group = _experiment(unit.connection, number, unit, root)
    if group.life != "active":
        raise ConflictError(
            "experiment-deleted",
            f"Experiment {number} ('{group.name}') is deleted.",
            hint="restore it first",
            context={"experiment": number, "life": group.life},
        )
    return group


def experiment_called(unit: Unit, name: str, root: str) -> Experiment:
    """The experiment of a name, made if there is none, inside a transaction of the caller's.

    Raises:
        ConflictError: It is deleted.
    """
    default = _found_default(unit, root)
    found = default if name == default.name else table.experiment(unit.connection, name=name)
    if found is None:
        return _create(unit, name, "", {}, root)
    return active_experiment(unit, found.number, root)


def _create(
    unit: Unit, name: str, artifacts: str, tags: Mapping[str, str], root: str
) -> Experiment:
    last = unit.execute(sa.select(sa.func.max(table.experiments.c.number))).scalar()
    # `Default` may come after others: those that were imported.
    number = DEFAULT_EXPERIMENT if last is None or name == "Default" else last + 1
    at = milliseconds(unit.at)
    made = Experiment(
        number=number,
        name=name,
        artifacts=artifacts or f"{root}/{number}",
        life="active",
        created_at=at,
        updated_at=at,
        tags=dict(tags),
    )
    fields = {key: getattr(made, key) for key in made.__struct_fields__ if key != "tags"}
    unit.execute(table.experiments.insert().values(**fields))
    table.set_words(unit.connection, table.experiment_tags, number, tags)
    unit.emit("experiment.created", f"experiment:{number}", data={"name": name})
    return made


def _found_default(unit: Unit, root: str) -> Experiment:
    found = table.experiment(unit.connection, number=DEFAULT_EXPERIMENT)
    return found or _create(unit, "Default", "", {}, root)


def _experiment(
    connection: sa.Connection, number: int, unit: Unit | None = None, root: str = ""
) -> Experiment:
    found = table.experiment(connection, number=number)
    if found is None and number == DEFAULT_EXPERIMENT and unit is not None:
        return _found_default(unit, root)
    return finding.experiment(connection, number) if found is None else found


def _run(connection: sa.Connection, run_id: str) -> TrackedRun:
    return reading.whole(connection, finding.number(connection, run_id))


def _revive(unit: Unit, run_id: str, number: int) -> None:
    """A lost run spoke: its code was only silent, or cut off for a while."""
    table.change_run(unit.connection, number, state="running", ended_at=None)
    unit.emit("tracked-run.revived", f"run:{run_id}", before="lost", after="running")


def _check_all(
    metrics: Sequence[Point], params: Mapping[str, str], tags: Mapping[str, str]
) -> None:
    for key in dict.fromkeys(point.key for point in metrics):  # few, each many times
        rules.check_key(key, "metric")
    for key, value in params.items():
        rules.check_key(key, "parameter")
        rules.check_value(key, value, "parameter", rules.PARAM)
    _check_tags(tags, rules.TAG)


def _check_tags(tags: Mapping[str, str], limit: int) -> None:
    for key, value in tags.items():
        rules.check_key(key, "tag")
        rules.check_value(key, value, "tag", limit)


def milliseconds(moment: datetime) -> int:
    """A moment as tracking keeps it."""
    return round(moment.timestamp() * 1000)
