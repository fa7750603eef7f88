"""The verbs of imports: each writes a piece whole, with the mark that says so, or not at all.

So an import that was killed goes on behind its last piece, and one that runs again takes only what
is new.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from trueup.foundation import digests
from trueup.foundation.actor import Actor
from trueup.lifecycle.data.upkeep import locking
from trueup.lifecycle.runs.tracking import rules
from trueup.lifecycle.runs.tracking import table as tracking
from trueup.lifecycle.runs.tracking.files import rules as paths
from trueup.lifecycle.runs.tracking.files import table as files
from trueup.lifecycle.runs.tracking.imports import table
from trueup.lifecycle.runs.tracking.imports.records import (
    Counts,
    Owner,
    Parcel,
    SourceExperiment,
    SourceFile,
    SourceModel,
)
from trueup.lifecycle.runs.tracking.logged_models import table as logged_models
from trueup.lifecycle.runs.tracking.records import DEFAULT_EXPERIMENT
from trueup.lifecycle.runs.tracking.service import milliseconds
from trueup.state.schema import upsert
from trueup.state.unit import State, Unit

ROOT: Final = "mlflow-artifacts:"

_OF_MODEL = ("id", "name", "kind", "run", "state", "life", "created_at", "updated_at")


def source_id(shown: str) -> str:
    """The identifier under which a source is remembered."""
    return digests.of_bytes(shown.encode())


class Imports:
    """Takes over what MLflow keeps.

    Args:
        state: Where it is kept.
        root: The project's folder, for the lock that holds off collectors.
    """

    def __init__(self, state: State, root: Path) -> None:
        self._state = state
        self._root = root

    def marks(
        self, actor: Actor, source: str, kind: str, ids: Sequence[str]
    ) -> dict[str, tuple[str, int, int]]:
        """Mark, place and points of those things that were taken whole, by identifier."""
        with self._state.read(actor) as connection:
            return table.marks(connection, source, kind, ids)

    def take_experiment(self, actor: Actor, source: str, given: SourceExperiment) -> int:
        """Make an experiment, or find the one that was made of it before; its number here.

        One of the same name that is here already takes the runs; otherwise it keeps its number
        where that is free.
        """
        with self._state.write(actor, "runs.write", relaxed=True) as unit:
            connection = unit.connection
            mark = digests.of_record(given)
            known = table.marks(connection, source, "experiment", [given.id]).get(given.id)
            if known is not None and known[0] == mark:
                return known[1]
            here = None if known is None else tracking.experiment(connection, number=known[1])
            here = here or tracking.experiment(connection, name=given.name)
            number = here.number if here else _free_number(unit, given)
            if here is None:
                unit.execute(
                    tracking.experiments.insert().values(
                        number=number,
                        name=given.name,
                        artifacts=f"{ROOT}/{number}",
                        life=given.life,
                        created_at=given.created_at,
                        updated_at=given.updated_at,
                    )
                )
            elif known is not None:
                tracking.change_experiment(connection, number, life=given.life)
            tracking.set_words(connection, tracking.experiment_tags, number, given.tags)
            table.note(connection, source, "experiment", [(given.id, mark, number, 0)])
            data = {"name": given.name, "id": given.id, "new": here is None}
            unit.emit("experiment.imported", f"experiment:{number}", data=data)
            return number

    def take_runs(self, actor: Actor, source: str, parcels: Sequence[Parcel]) -> None:
        """Write runs, or further points of them, over what is here of them."""
        with self._state.write(actor, "runs.write", relaxed=True) as unit:
            at = milliseconds(unit.at)
            connection = unit.connection
            numbers = table.put_runs(connection, parcels, ROOT, at, rules.LEASE_MS)
            table.put_points(connection, numbers, parcels)
            done = [each for each in parcels if each.mark]
            rows = [(each.run.id, each.mark, each.experiment, each.total) for each in done]
            table.note(connection, source, "run", rows)
            for experiment in sorted({each.experiment for each in done}):
                runs = [each.run.id for each in done if each.experiment == experiment]
                unit.emit("tracked-runs.imported", f"experiment:{experiment}", data={"runs": runs})

    def take_models(
        self, actor: Actor, source: str, experiment: int, models: Sequence[SourceModel]
    ) -> None:
        """Write logged models over what is here of them."""
        with self._state.write(actor, "runs.write", relaxed=True) as unit:
            connection = unit.connection
            for given in models:
                row = {name: getattr(given, name) for name in _OF_MODEL} | {
                    "experiment": experiment,
                    "artifacts": f"{ROOT}/{experiment}/models/{given.id}/artifacts",
                }
                upsert(connection, logged_models.logged_models, [row], key=("id",))
                number = logged_models.number(connection, given.id)
                assert number is not None  # it was just written
                words = logged_models
                tracking.set_words(connection, words.logged_model_params, number, given.params)
                tracking.set_words(connection, words.logged_model_tags, number, given.tags)
                logged_models.add_points(connection, number, given.metrics)
            rows = [(each.id, "taken", experiment, len(each.metrics)) for each in models]
            table.note(connection, source, "model", rows)
            data = {"models": [each.id for each in models]}
            unit.emit("logged-models.imported", f"experiment:{experiment}", data=data)

    def take_files(
        self,
        actor: Actor,
        source: str,
        owner: Owner,
        experiment: int,
        given: Iterable[tuple[SourceFile, Path | Iterator[bytes]]],
    ) -> None:
        """Keep files of a run or logged model; what was under their paths is replaced."""
        folder = folder_of(owner, experiment)
        with locking.keeping(self._root):
            kept = []
            with self._state.blobs.batch() as batch:
                for file, bytes_ in given:
                    if isinstance(bytes_, Path):
                        place = bytes_
                    else:
                        place = batch.aside()
                        with place.open("wb") as out:
                            out.writelines(bytes_)
                    size = place.stat().st_size
                    kept.append((file.path, batch.put_file(place), size))
            with self._state.write(actor, "runs.write", relaxed=True) as unit:
                for path, digest, size in kept:
                    whole = f"{folder}/{path}"
                    paths.checked(whole)
                    files.put(unit.connection, whole, digest, size, unit.at)

    def finish_files(
        self, actor: Actor, source: str, owner: Owner, mark: str, taken: int, size: int
    ) -> None:
        """Say that all files of a run or logged model are here."""
        with self._state.write(actor, "runs.write", relaxed=True) as unit:
            row = (f"{owner.kind}:{owner.id}", mark, taken, size)
            table.note(unit.connection, source, "files", [row])

    def known_files(self, actor: Actor, owner: Owner, experiment: int) -> dict[str, int]:
        """The sizes of the files that are here of a run or logged model, by path."""
        with self._state.read(actor) as connection:
            found = files.below(connection, folder_of(owner, experiment))
        return {path: listed.size for path, listed in found}

    def count(self, actor: Actor, source: str, places: Collection[int]) -> Counts:
        """How many of each kind are here of what was taken from a source into experiments."""
        with self._state.read(actor) as connection:
            return Counts(**table.counts(connection, source, places))


def folder_of(owner: Owner, experiment: int) -> str:
    """Where files of a run or logged model are kept here."""
    kind = "models/" if owner.kind == "model" else ""
    return f"{experiment}/{kind}{owner.id}/artifacts"


def _free_number(unit: Unit, given: SourceExperiment) -> int:
    rows = tracking.experiments.c
    is_number = given.id.isdecimal() and len(given.id) <= 18
    wanted = int(given.id) if is_number else DEFAULT_EXPERIMENT
    taken = unit.execute(sa.select(rows.number).where(rows.number == wanted)).first()
    if taken is None and (wanted != DEFAULT_EXPERIMENT or given.name == "Default"):
        return wanted
    last = unit.execute(sa.select(sa.func.max(rows.number))).scalar()
    return (last or DEFAULT_EXPERIMENT) + 1
