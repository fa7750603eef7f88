"""The verbs that keep experiments and runs in order. What is deleted can be restored."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final
from urllib.parse import unquote

import msgspec
import sqlalchemy as sa

from trueup.foundation import clock
from trueup.foundation.actor import Actor
from trueup.foundation.errors import ConflictError, NotFoundError
from trueup.lifecycle.runs.tracking import finding, logged, rules, table
from trueup.lifecycle.runs.tracking.files import table as kept
from trueup.lifecycle.runs.tracking.records import Experiment, Life
from trueup.state.unit import State, Unit

MODELS_TAG: Final = "mlflow.log-model.history"
_KEPT: Final = "mlflow-artifacts:/"


class Curation:
    """Renames, tags, deletes and restores.

    Args:
        state: Where experiments and runs are kept.
    """

    def __init__(self, state: State) -> None:
        self._state = state

    def rename_experiment(self, actor: Actor, number: int, name: str) -> None:
        """Give an experiment another name.

        Raises:
            NotFoundError: There is no such experiment.
            ConflictError: It is deleted, or the name is taken.
        """
        with self._state.write(actor, "runs.write") as unit:
            group = _active(unit.connection, number)
            known = table.experiment(unit.connection, name=name)
            if known is not None and known.number != number:
                raise finding.taken(name, known)
            table.change_experiment(unit.connection, number, name=name, updated_at=_now())
            data = {"name": name, "was": group.name}
            unit.emit("experiment.renamed", f"experiment:{number}", data=data)

    def tag_experiment(self, actor: Actor, number: int, key: str, value: str) -> None:
        """Set a tag of an experiment.

        Raises:
            NotFoundError: There is no such experiment.
            ConflictError: It is deleted.
            UsageError: The tag cannot be kept.
        """
        rules.check_key(key, "tag")
        rules.check_value(key, value, "tag", rules.EXPERIMENT_TAG)
        with self._state.write(actor, "runs.write", relaxed=True) as unit:
            _active(unit.connection, number)
            table.set_words(unit.connection, table.experiment_tags, number, {key: value})

    def untag_experiment(self, actor: Actor, number: int, key: str) -> None:
        """Take a tag from an experiment.

        Raises:
            NotFoundError: There is no such experiment, or it has no such tag.
            ConflictError: It is deleted.
        """
        with self._state.write(actor, "runs.write") as unit:
            _active(unit.connection, number)
            _untag(unit, table.experiment_tags, number, key, f"experiment with id {number}")

    def delete_experiment(self, actor: Actor, number: int) -> None:
        """Delete an experiment and all its runs; again changes nothing.

        Raises:
            NotFoundError: There is no such experiment.
        """
        self._turn(actor, number, "deleted")

    def restore_experiment(self, actor: Actor, number: int) -> None:
        """Bring an experiment back, and all its runs; again changes nothing.

        Raises:
            NotFoundError: There is no such experiment.
        """
        self._turn(actor, number, "active")

    def delete_run(self, actor: Actor, run_id: str) -> None:
        """Delete a run; again changes nothing.

        Raises:
            NotFoundError: There is no such run.
        """
        self._turn_run(actor, run_id, "deleted")

    def restore_run(self, actor: Actor, run_id: str) -> None:
        """Bring a run back; again changes nothing.

        Raises:
            NotFoundError: There is no such run.
        """
        self._turn_run(actor, run_id, "active")

    def forget_files(self, actor: Actor, before: datetime, *, dry_run: bool) -> tuple[int, int]:
        """Let go of the files of runs that were deleted before a moment; how many, and their bytes.

        The runs stay and can be restored without them. What a version of a model was made of
        stays, too: it stands in the version.
        """
        latest = round(before.timestamp() * 1000)
        runs = table.tracked_runs.c
        query = sa.select(runs.id, runs.artifacts).where(
            runs.life == "deleted", runs.deleted_at < latest, runs.artifacts.like(f"{_KEPT}%")
        )
        with self._state.write(actor, "data.write") as unit:
            files = size = 0
            for run, place in unit.connection.execute(query).all():
                path = unquote(place[len(_KEPT) :]).strip("/")
                below = kept.below(unit.connection, path)
                files += len(below)
                size += sum(each.size for _, each in below)
                if below and not dry_run:
                    kept.remove(unit.connection, path)
                    unit.emit("tracked-files.deleted", f"run:{run}", data={"files": len(below)})
            return files, size

    def untag_run(self, actor: Actor, run_id: str, key: str) -> None:
        """Take a tag from a run.

        Raises:
            NotFoundError: There is no such run, or it has no such tag.
            ConflictError: It is deleted.
        """
        with self._state.write(actor, "runs.write", relaxed=True) as unit:
            number, state = finding.active(unit.connection, run_id)
            _untag(unit, table.run_tags, number, key, f"run with id {run_id}")
            logged.write(unit.connection, {number: state})

    def note_model(self, actor: Actor, run_id: str, model: dict[str, Any]) -> None:
        """Add a model to those that a run says, by a tag, to have made; again changes nothing.

        Raises:
            NotFoundError: There is no such run.
            ConflictError: It is deleted.
            UsageError: The tag would become too long.
        """
        with self._state.write(actor, "runs.write", relaxed=True) as unit:
            number, state = finding.active(unit.connection, run_id)
            tags = table.words_of(unit.connection, table.run_tags, number)
            try:
                made = msgspec.json.decode(tags.get(MODELS_TAG, "[]"), type=list[dict[str, Any]])
            except msgspec.DecodeError:  # somebody set the tag to something else
                made = []
            if model in made:
                return
            value = msgspec.json.encode([*made, model]).decode()
            rules.check_value(MODELS_TAG, value, "tag", rules.TAG)
            table.set_words(unit.connection, table.run_tags, number, {MODELS_TAG: value})
            logged.write(unit.connection, {number: state})

    def _turn(self, actor: Actor, number: int, life: Life) -> None:
        with self._state.write(actor, "runs.write") as unit:
            if finding.experiment(unit.connection, number).life == life:
                return
            at = _now()
            table.change_experiment(unit.connection, number, life=life, updated_at=at)
            deleted_at = at if life == "deleted" else None
            table.change_lives(unit.connection, number, life, deleted_at)
            happened = "deleted" if life == "deleted" else "restored"
            unit.emit(f"experiment.{happened}", f"experiment:{number}")

    def _turn_run(self, actor: Actor, run_id: str, life: Life) -> None:
        with self._state.write(actor, "runs.write") as unit:
            number, was, _ = finding.head(unit.connection, run_id)
            if was == life:
                return
            deleted_at = _now() if life == "deleted" else None
            table.change_run(unit.connection, number, life=life, deleted_at=deleted_at)
            happened = "deleted" if life == "deleted" else "restored"
            unit.emit(f"tracked-run.{happened}", f"run:{run_id}")


def _active(connection: sa.Connection, number: int) -> Experiment:
    found = finding.experiment(connection, number)
    if found.life != "active":
        raise ConflictError(
            "experiment-deleted",
            f"Experiment {number} ('{found.name}') is deleted.",
            hint="restore it first",
            context={"experiment": number, "life": found.life},
        )
    return found


def _untag(unit: Unit, tags: sa.Table, owner: int, key: str, whose: str) -> None:
    mine = sa.and_(tags.c[0] == owner, tags.c.key == key)
    if unit.execute(tags.delete().where(mine)).rowcount == 0:
        raise NotFoundError(
            "tracked-tag-not-found",
            f"No tag with name: {key[:300]} in {whose}",
            hint="look at the tags it has",
            context={"key": key[:300], "whose": whose},
        )


def _now() -> int:
    return round(clock.now().timestamp() * 1000)
