"""The facts of a model, read from the project: verdicts, versions, runs. `history.py` reads events.

Nothing later than the moment that is asked about is looked at, so that a score can be computed for
any day in the past.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from trueup.app.scoring import history
from trueup.app.scoring.facts import (
    Defined,
    Executed,
    Facts,
    Judged,
    Made,
    Origin,
    Ran,
    Remade,
    Search,
)
from trueup.app.scoring.proving import QUARTER, YEAR
from trueup.foundation.errors import NotFoundError
from trueup.foundation.text import did_you_mean
from trueup.lifecycle.gates import demanding
from trueup.lifecycle.gates import table as gates
from trueup.lifecycle.gates.attestations.standing import standing
from trueup.lifecycle.gates.records import CheckOutcome, Verdict
from trueup.lifecycle.gates.standing import is_genuine
from trueup.lifecycle.improvement.records import CAUSE as PROPOSED
from trueup.lifecycle.models import table as models
from trueup.lifecycle.models.records import ModelVersion
from trueup.lifecycle.plan import table as plans
from trueup.lifecycle.plan.demands import GateName, kind_of
from trueup.lifecycle.plan.records import Plan
from trueup.lifecycle.runs import table as run_table
from trueup.lifecycle.runs.features.table import feature_versions
from trueup.lifecycle.runs.records import Run
from trueup.lifecycle.runs.reproductions.table import reproductions
from trueup.lifecycle.runs.table import runs
from trueup.ports.keys import Keys
from trueup.state import eventlog

_VERSIONS: Final = 50
_VERDICTS: Final = 300
_RUNS: Final = 500
_TRIED: Final = 5000
_GATES: Final[tuple[GateName, ...]] = ("candidate", "staging", "production")
_WORST: Final[tuple[CheckOutcome, ...]] = ("error", "failed", "not-enough-data", "passed")
_SERVERS: Final = ("jenkins:", "github:", "gitlab:")
_RUN: Final = [name for name in Run.__struct_fields__ if name != "candidate"]


def gather(connection: sa.Connection, keys: Keys, model: str, at: datetime) -> Facts:
    """Everything that is known of a model at a moment.

    Raises:
        NotFoundError: There is no such model.
    """
    if not models.is_registered(connection, model):
        raise NotFoundError(
            "model-not-found",
            f"There is no model '{model}'.{did_you_mean(model, models.models(connection))}",
            hint="trueup model list",
        )
    adopted = plans.as_of(connection, at)
    plan = adopted.plan if adopted else None
    versions = [v for v in models.versions(connection, model) if v.registered_at <= at]
    verdicts = gates.of_name(connection, model, at - YEAR, at, _VERDICTS)
    genuine, forged = _sorted_out(keys, verdicts, versions)
    signed, doubtful = standing(connection, keys, model, at)
    lives = history.went_live(connection, model, at)
    places = _places(plan, model)
    origins = _Origins(connection)
    made = tuple(_made(connection, versions[:_VERSIONS], origins))
    serving = history.serving(lives, places)
    return Facts(
        model=model,
        at=at,
        serving=serving,
        newest=versions[0].ref if versions else "",
        demanded=demanded(plan) if plan else {},
        deployments=places,
        retrains=tuple(g.id for g in plan.watched if "retrain" in g.on_breach) if plan else (),
        ran=tuple(_ran(genuine)),
        judged=tuple(_judged(genuine)),
        made=_with_steps(connection, made, serving or (versions[0].ref if versions else "")),
        executed=tuple(_executed(connection, model, at, origins)),
        went_live=lives,
        rolled_back=history.rolled_back(connection, model, at),
        watched=history.watched(connection, places, model, at),
        searches=tuple(_searches(connection, model, at)),
        remade=tuple(_remade(connection, model, at)),
        defined=tuple(_defined(connection, made, at)),
        proposed=history.proposed(connection, model, at),
        attestations=signed,
        discarded=(*forged, *doubtful),
    )


def demanded(plan: Plan) -> dict[str, tuple[str, ...]]:
    """The families that gates demand, each with the goals that ask for it."""
    found: dict[str, dict[str, None]] = {}
    for gate in _GATES:
        for asked in demanding.demands(plan, gate):
            found.setdefault(kind_of(asked.demand), {})[asked.goal] = None
    return {kind: tuple(goals) for kind, goals in sorted(found.items())}


def _places(plan: Plan | None, model: str) -> tuple[str, ...]:
    planned = plan.deployments if plan else {}
    return tuple(n for n, each in planned.items() if each.model.partition("@")[0] == model)


def _sorted_out(
    keys: Keys, verdicts: list[Verdict], versions: list[ModelVersion]
) -> tuple[list[Verdict], list[str]]:
    """Verdicts that are what was signed, about versions as they are; and the others."""
    known = {version.ref: version.digest for version in versions}
    genuine, forged = [], []
    for each in verdicts:
        said = each.statement
        if is_genuine(keys, each) and known.get(said.model_ref, said.model) == said.model:
            genuine.append(each)
        else:
            forged.append(f"verdict:{each.id}")
    return genuine, forged


def _ran(verdicts: Iterable[Verdict]) -> Iterator[Ran]:
    for verdict in verdicts:
        by_kind: dict[str, list[CheckOutcome]] = {}
        for result in verdict.statement.results:
            by_kind.setdefault(result.check, []).append(result.outcome)
        for kind, outcomes in by_kind.items():
            yield Ran(
                kind=kind,
                outcome=next((o for o in _WORST if o in outcomes), "not-applicable"),
                verdict=verdict.id,
                model_ref=verdict.statement.model_ref,
                at=verdict.given_at,
            )


def _judged(verdicts: Iterable[Verdict]) -> Iterator[Judged]:
    for verdict in verdicts:
        said = verdict.statement
        limits = [r for r in said.results if r.check == "limit" and r.value is not None]
        yield Judged(
            verdict=verdict.id,
            model_ref=said.model_ref,
            at=verdict.given_at,
            passed=verdict.passed,
            gate=said.gate,
            measured={r.goal: r.value for r in limits if r.value is not None},
        )


class _Origins:
    """Knows what asked for a run, from the word that it left."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def of(self, run: Run) -> Origin:
        cause = run.caused_by
        if cause.startswith("slot:"):
            return "schedule"
        if cause.startswith(_SERVERS):
            return "build"
        if cause.startswith("event:"):
            event = eventlog.of_id(self._connection, cause.removeprefix("event:").partition("@")[0])
            kinds: dict[str, Origin] = {"data.snapshot-taken": "data", "commit.seen": "commit"}
            return kinds.get(event.type, "event") if event else "person"
        return "proposal" if cause.startswith(PROPOSED) else "person"


def _made(
    connection: sa.Connection, versions: list[ModelVersion], origins: _Origins
) -> Iterator[Made]:
    known = {run.id: run for run in _runs_of(connection, [v.manifest.run for v in versions])}
    for version in versions:
        manifest = version.manifest
        run = known.get(manifest.run)
        yield Made(
            ref=version.ref,
            at=version.registered_at,
            run=run.id if run else "",
            origin=origins.of(run) if run else "person",
            commit=manifest.commit,
            is_clean=run is not None and not run.dirty,
            is_described=bool(manifest.code and manifest.data and manifest.environment),
            parameters=manifest.parameters,
            features=manifest.features,
        )


def _runs_of(connection: sa.Connection, ids: list[str]) -> list[Run]:
    query = sa.select(*(runs.c[name] for name in _RUN)).where(runs.c.id.in_(ids))
    return [_run(row) for row in connection.execute(query)]


def _run(row: sa.Row[Any]) -> Run:
    fields = {str(name): value for name, value in row._mapping.items()}
    return msgspec.convert(fields, Run, strict=False)


def _with_steps(connection: sa.Connection, made: tuple[Made, ...], about: str) -> tuple[Made, ...]:
    """The steps are counted of the one version that the score speaks of."""
    return tuple(_counted(connection, each) if each.ref == about else each for each in made)


def _counted(connection: sa.Connection, made: Made) -> Made:
    steps = [s for s in run_table.steps(connection, made.run) if s.state == "finished"]
    kept = sum(step.outputs is not None for step in steps)
    return msgspec.structs.replace(made, steps=len(steps), kept=kept)


def _executed(
    connection: sa.Connection, model: str, at: datetime, origins: _Origins
) -> Iterator[Executed]:
    columns = runs.c
    query = (
        sa.select(*(columns[name] for name in _RUN))
        .where(columns.model == model, columns.caused_by != "", columns.sweep == "")
        .where(columns.started_at > at - QUARTER, columns.ended_at <= at)
        .order_by(columns.started_at.desc())
        .limit(_RUNS)
    )
    for run in map(_run, connection.execute(query)):
        yield Executed(
            run=run.id,
            at=run.started_at,
            finished=run.state == "finished",
            origin=origins.of(run),
        )


def _searches(connection: sa.Connection, model: str, at: datetime) -> Iterator[Search]:
    columns = runs.c
    query = (
        sa.select(columns.sweep, columns.id, columns.started_at, columns.parameters)
        .where(columns.model == model, columns.sweep != "", columns.partition == "")
        .where(columns.state == "finished", columns.ended_at <= at, columns.started_at > at - YEAR)
        .order_by(columns.started_at.desc())
        .limit(_TRIED)
    )
    found: dict[str, list[Any]] = {}
    for row in connection.execute(query):
        found.setdefault(row.sweep, []).append(row)
    for sweep, tried in found.items():
        if len(tried) > 1:
            first = tried[-1]
            parameters = tuple(row.parameters for row in tried)
            yield Search(id=sweep, run=first.id, at=first.started_at, tried=parameters)


def _remade(connection: sa.Connection, model: str, at: datetime) -> Iterator[Remade]:
    columns = reproductions.c
    query = (
        sa.select(columns.run, columns.reproduced_at, columns.outcome)
        .join(runs.built, runs.c.id == columns.run)
        .where(runs.c.model == model, columns.reproduced_at > at - QUARTER)
        .where(columns.reproduced_at <= at)
        .order_by(columns.reproduced_at.desc())
    )
    for row in connection.execute(query):
        is_equal = row.outcome in ("identical", "equal-within-tolerance")
        yield Remade(run=row.run, at=row.reproduced_at, is_equal=is_equal)


def _defined(connection: sa.Connection, made: tuple[Made, ...], at: datetime) -> Iterator[Defined]:
    used = sorted({digest for each in made for digest in each.features.values()})
    columns = feature_versions.c
    query = sa.select(columns.name, columns.version, columns.digest, columns.defined_at)
    query = query.where(columns.digest.in_(used), columns.defined_at <= at)
    for row in connection.execute(query.order_by(columns.defined_at.desc())):
        ref = f"feature:{row.name}@{row.version}"
        yield Defined(ref=ref, digest=row.digest, at=row.defined_at)
