"""The verb of batches: one transaction for each, and the same batch again changes nothing."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any, Final

from trueup.foundation.actor import Actor
from trueup.foundation.errors import UsageError
from trueup.lifecycle.runs.tracking import finding, logged, points, rules, table
from trueup.lifecycle.runs.tracking.receiving.records import (
    MOST_POINTS,
    MOST_WORDS,
    Batch,
    Received,
)
from trueup.lifecycle.runs.tracking.records import TrackedRun
from trueup.lifecycle.runs.tracking.service import NAME_TAG, experiment_called, milliseconds
from trueup.state.unit import State, Unit

# The shipper says something every half minute, whether the run does or not.
LEASE_MS: Final = 3 * 60 * 1000


class Receiving:
    """What our own client sends.

    Args:
        state: Where it is kept.
        artifacts: The URI below which experiments keep their files.
    """

    def __init__(self, state: State, artifacts: str) -> None:
        self._state = state
        self._artifacts = artifacts

    def receive(self, actor: Actor, batch: Batch) -> Received:
        """Keep all of a batch or nothing of it; returns when it is done.

        Raises:
            UsageError: A key or a value cannot be kept.
            ConflictError: The experiment or the run is deleted.
        """
        return self.receive_soon(actor, batch).result()

    def receive_soon(self, actor: Actor, batch: Batch) -> Future[Received]:
        """Keep a batch; the future is done once it is written. See `receive`."""
        _check(batch)

        def write(unit: Unit) -> Received:
            number, before = self._number(unit, batch)
            refused = _set_params(unit, number, batch)
            table.set_words(unit.connection, table.run_tags, number, batch.tags)
            if batch.points:
                points.add(unit.connection, number, batch.points)
            _stand(unit, number, before, batch)
            logged.write(unit.connection, {number: batch.state or before})
            return Received(refused=refused)

        return self._state.submit(actor, "runs.write", write)

    def _number(self, unit: Unit, batch: Batch) -> tuple[int, str]:
        """Number and state of the run, which is started if it is not there."""
        if table.head(unit.connection, batch.run) is not None:
            return finding.active(unit.connection, batch.run)
        group = experiment_called(unit, batch.experiment, self._artifacts)
        chosen = batch.name or rules.name_of(batch.run)
        run = TrackedRun(
            id=batch.run,
            experiment=group.number,
            name=chosen,
            user=batch.user,
            state="running",
            life="active",
            started_at=batch.started_at or milliseconds(unit.at),
            ended_at=None,
            deleted_at=None,
            artifacts=f"{group.artifacts.rstrip('/')}/{batch.run}/artifacts",
            tags={NAME_TAG: chosen},
        )
        unit.emit("tracked-run.started", run.ref, data={"experiment": group.number})
        return table.add_run(unit.connection, run, milliseconds(unit.at), LEASE_MS), "running"


def _set_params(unit: Unit, number: int, batch: Batch) -> tuple[str, ...]:
    if not batch.params:
        return ()
    known = table.words_of(unit.connection, table.run_params, number)
    fresh = {key: value for key, value in batch.params.items() if key not in known}
    table.set_words(unit.connection, table.run_params, number, fresh)
    return tuple(key for key, value in batch.params.items() if known.get(key, value) != value)


def _stand(unit: Unit, number: int, before: str, batch: Batch) -> None:
    at = milliseconds(unit.at)
    ref = f"run:{batch.run}"
    if batch.state is not None and batch.state != before:
        ended_at = batch.ended_at or at
        table.change_run(unit.connection, number, state=batch.state, ended_at=ended_at, beat_at=at)
        unit.emit(f"tracked-run.{batch.state}", ref, before=before, after=batch.state)
    elif batch.state is None and before == "lost":
        table.change_run(unit.connection, number, state="running", ended_at=None, beat_at=at)
        unit.emit("tracked-run.revived", ref, before=before, after="running")
    else:
        table.beat(unit.connection, number, at)


def _check(batch: Batch) -> None:
    rules.check_run_id(batch.run)
    words = len(batch.params) + len(batch.tags)
    if len(batch.points) > MOST_POINTS or words > MOST_WORDS:
        raise UsageError(
            "batch-too-large",
            f"A batch has {len(batch.points)} points and {words} parameters and tags; "
            f"{MOST_POINTS} and {MOST_WORDS} are allowed.",
            hint="send it in parts",
        )
    if not 0 < len(batch.experiment) <= rules.EXPERIMENT_NAME:
        raise UsageError(
            "experiment-name-unusable",
            f"An experiment's name has 1 to {rules.EXPERIMENT_NAME} characters, "
            f"not {len(batch.experiment)}.",
            hint='trueup.run("flights")',
        )
    checks: tuple[tuple[Any, str, int], ...] = (
        (batch.params, "parameter", rules.PARAM),
        (batch.tags, "tag", rules.TAG),
    )
    for key in {point.key for point in batch.points}:
        rules.check_key(key, "metric")
    for given, kind, limit in checks:
        for key, value in given.items():
            rules.check_key(key, kind)
            rules.check_value(key, value, kind, limit)
