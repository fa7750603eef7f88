"""The verbs of retention: runs whose files are needed no more, and deleted ones for good.

What a run was asked to do, on what, by whom, and its metrics are never forgotten. Its files go with
the next collection, if nothing else needs them; until then, forgetting can be undone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Final
from urllib.parse import unquote

import msgspec
import sqlalchemy as sa

from trueup.foundation import digests
from trueup.foundation.actor import Actor
from trueup.foundation.errors import ConflictError, NotFoundError, UsageError
from trueup.foundation.text import did_you_mean, listing
from trueup.lifecycle.data.upkeep import live
from trueup.lifecycle.data.upkeep.live import Gone
from trueup.lifecycle.runs import table as runs_table
from trueup.lifecycle.runs.retention import table
from trueup.lifecycle.runs.retention.records import Fate, Forgetting, Keep, Purged
from trueup.lifecycle.runs.tracking.files import table as files_table
from trueup.state.unit import State

_NOTHING: Final = Keep()
_KEPT: Final = "mlflow-artifacts:/"

Naming = Callable[[sa.Connection, Iterable[str]], Mapping[str, list[str]]]
"""What later stages made of runs, such as versions of models: by run, for people."""


class RunRetention:
    """Forgets the files of runs.

    Args:
        state: Where runs are kept.
        naming: Says what later stages made of them.
    """

    def __init__(self, state: State, naming: Naming) -> None:
        self._state = state
        self._naming = naming

    def forget(
        self,
        actor: Actor,
        wanted: Iterable[str] = (),
        keep: Keep = _NOTHING,
        *,
        pipeline: str = "",
        why: str = "",
        even_if_named: bool = False,
        dry_run: bool = False,
    ) -> Forgetting:
        """Count the files of runs as needed no more.

        Args:
            actor: Who.
            wanted: Identifiers of runs; or none, with a rule.
            keep: The rule: which runs are spared.
            pipeline: Only runs of this one.
            why: In the user's words.
            even_if_named: Forget also a run of which a version of a model was made.
            dry_run: Say what would be forgotten, and forget nothing.

        Raises:
            NotFoundError: There is no such run.
            ConflictError: A run that was named goes on, or a version of a model was made of it.
            UsageError: Neither runs nor a rule were given, or a reason is missing.
        """
        asked = list(dict.fromkeys(wanted))
        if bool(asked) == (keep != _NOTHING):
            raise UsageError(
                "forget-what",
                "Say which runs, or which of them to keep.",
                hint="trueup runs forget --keep-last 20   (or: trueup runs forget run:ID)",
            )
        if even_if_named and not why:
            raise UsageError(
                "forget-why",
                "A run of which something was made is forgotten only with a reason.",
                hint='trueup runs forget run:ID --even-if-named -m "WHY"',
            )
        blobs = self._state.blobs
        with self._state.read(actor, "data.write") as connection:
            fates = self._fates(connection, asked, keep, pipeline, even_if_named)
            going = {fate.ref.removeprefix("run:") for fate in fates if fate.goes}
            results = table.results_of(connection, going)
            frees = 0
            if going:
                gone = Gone(runs=going, results=results)
                before = live.marked(connection, blobs)
                lost = before.keys() - live.marked(connection, blobs, gone).keys()
                frees = sum(blobs.sizes(map(digests.of_key, lost)).values())
        looked = Forgetting(fates=tuple(fates), results=len(results), frees=frees)
        if dry_run or not going:
            return looked
        with self._state.write(actor, "data.write") as unit:
            # Something may have come to need one meanwhile: that one stays.
            fates = self._fates(unit.connection, asked, keep, pipeline, even_if_named)
            going = {fate.ref.removeprefix("run:") for fate in fates if fate.goes}
            results = table.results_of(unit.connection, going)
            table.drop_results(unit.connection, results)
            for fate in fates:
                if fate.goes:
                    run = fate.ref.removeprefix("run:")
                    table.forget(unit.connection, run, unit.actor.name, unit.at, why)
                    unit.emit("run.forgotten", fate.ref, why=why, data={"but": fate.why})
        return msgspec.structs.replace(looked, fates=tuple(fates), results=len(results), done=True)

    def undo(self, actor: Actor, wanted: Iterable[str]) -> list[str]:
        """Count the files of forgotten runs as needed again, as far as they are there still.

        Raises:
            NotFoundError: There is no such run.
        """
        with self._state.write(actor, "data.write") as unit:
            asked = list(dict.fromkeys(wanted))
            for run in asked:
                if runs_table.state(unit.connection, run) is None:
                    raise _no_such_run(unit.connection, run)
                if table.remember(unit.connection, run):
                    unit.emit("run.remembered", f"run:{run}")
            return asked

    def purge(self, actor: Actor, before: datetime, *, dry_run: bool = False) -> Purged:
        """Remove for good the tracked runs that were deleted before a moment.

        Their metrics, parameters, tags and files go. What a version of a model was made of stays:
        it stands in the version.
        """
        latest = round(before.timestamp() * 1000)
        with self._state.write(actor, "data.write") as unit:
            found = table.deleted(unit.connection, latest)
            files = size = 0
            for _, run, place in found:
                path = unquote(place[len(_KEPT) :]).strip("/") if place.startswith(_KEPT) else ""
                below = files_table.below(unit.connection, path) if path else []
                files += len(below)
                size += sum(each.size for _, each in below)
                if not dry_run:
                    if below:
                        files_table.remove(unit.connection, path)
                    unit.emit("tracked-run.purged", f"run:{run}", data={"files": len(below)})
            if not dry_run:
                table.purge(unit.connection, [number for number, _, _ in found])
        done = not dry_run and bool(found)
        return Purged(runs=len(found), files=files, size=size, done=done)

    def _fates(
        self,
        connection: sa.Connection,
        asked: list[str],
        keep: Keep,
        pipeline: str,
        even_if_named: bool,
    ) -> list[Fate]:
        kept = table.ended(connection, pipeline)
        chosen = {row[0]: row[1:] for row in kept if not asked or row[0] in asked}
        for run in asked:
            if run not in chosen and not table.is_forgotten(connection, run):
                raise _no_such_run(connection, run)
        named = self._naming(connection, chosen)
        seen: Counter[str] = Counter()
        fates = []
        for run, (its_pipeline, state, started_at) in chosen.items():
            seen[its_pipeline] += 1
            spared = seen[its_pipeline] <= keep.last or (
                keep.since is not None and started_at >= keep.since
            )
            why = f"{listing(named[run])} was made of it" if named.get(run) else ""
            goes = not spared and state != "running" and (not why or even_if_named)
            if state == "running":
                why = "it goes on"
            if asked and not goes:
                raise ConflictError(
                    "run-needed",
                    f"The files of run:{run} cannot be forgotten: {why}.",
                    hint=f"trueup runs cancel run:{run}"
                    if state == "running"
                    else f'trueup runs forget run:{run} --even-if-named -m "WHY"',
                )
            fates.append(
                Fate(
                    ref=f"run:{run}",
                    pipeline=its_pipeline,
                    started_at=started_at,
                    goes=goes,
                    why="the rule keeps it" if spared else why,
                )
            )
        return fates


def _no_such_run(connection: sa.Connection, run: str) -> NotFoundError:
    near = did_you_mean(run, runs_table.identifiers(connection))
    return NotFoundError(
        "run-not-found", f"There is no run '{run}'.{near}", hint="trueup runs list"
    )
