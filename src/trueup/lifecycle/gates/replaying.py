"""A verdict reached again, from the digests that it names and from nothing else."""

from __future__ import annotations

from typing import NamedTuple

import msgspec
import sqlalchemy as sa

from trueup.foundation import digests
from trueup.foundation.errors import ConflictError
from trueup.lifecycle.gates import demanding, ground, rules, running
from trueup.lifecycle.gates.evidence import NO_MEASURES, Measures, gather
from trueup.lifecycle.gates.families import is_timed
from trueup.lifecycle.gates.records import Replay, Verdict
from trueup.lifecycle.models import leave
from trueup.lifecycle.models import table as model_table
from trueup.lifecycle.models.leave import Leave
from trueup.lifecycle.models.records import ModelVersion
from trueup.lifecycle.plan import table as plan_table
from trueup.lifecycle.plan.records import Plan
from trueup.ports.blobs import Blobs


class Known(NamedTuple):
    """What a verdict names, found again."""

    verdict: Verdict
    plan: Plan
    version: ModelVersion
    champion: ModelVersion | None
    allowed: Leave


def find(connection: sa.Connection, verdict: Verdict) -> Known:
    """What a verdict names.

    Raises:
        ConflictError: Some of it is not here any more.
    """
    said = verdict.statement
    model = said.model_ref.partition("@")[0]
    plan = plan_table.with_digest(connection, said.plan)
    version = model_table.with_digest(connection, model, said.model)
    rival = model_table.with_digest(connection, model, said.champion) if said.champion else None
    gone = [
        name
        for name, found in (("its plan", plan), ("its model version", version))
        if found is None
    ]
    if said.champion and rival is None:
        gone.append("the champion it was compared with")
    if plan is None or version is None or gone:
        raise ConflictError(
            "verdict-incomplete",
            f"Verdict {verdict.id} cannot be reached again: {' and '.join(gone)} is not here.",
            hint=f"trueup verdict show {verdict.id}",
        )
    return Known(verdict, plan.plan, version, rival, leave.of_version(connection, version))


def replay(blobs: Blobs, known: Known, measures: Measures = NO_MEASURES) -> Replay:
    """Make every check again and compare bytes; what took time is taken over as recorded."""
    verdict, plan, version, champion, allowed = known
    said = verdict.statement
    evidence = gather(blobs, version, ground.of_statement(said), champion, allowed, measures)
    asked = demanding.demands(plan, said.gate)
    taken = {
        number: said.results[number]
        for number, each in enumerate(asked)
        if number < len(said.results) and is_timed(each.demand)
    }
    results = running.run(asked, evidence, taken=taken)
    outcome = rules.outcome_of(results, said.waivers)
    again = msgspec.structs.replace(said, results=results, outcome=outcome)
    before = {result.name: result for result in said.results}
    after = {result.name: result for result in results}
    digest = digests.of_record(again)
    return Replay(
        verdict=verdict.id,
        digest=verdict.digest,
        again=digest,
        same=digest == verdict.digest,
        differing=tuple(n for n in {**before, **after} if before.get(n) != after.get(n)),
        taken_over=tuple(result.name for result in taken.values()),
    )
