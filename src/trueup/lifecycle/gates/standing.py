"""Whether a verdict stands: it is what was signed, about this version, under the plan in force."""

from __future__ import annotations

import sqlalchemy as sa

from trueup.foundation import clock, digests
from trueup.foundation.errors import GateFailedError
from trueup.foundation.records import builtins
from trueup.lifecycle.gates import table
from trueup.lifecycle.gates.demanding import PRODUCTION
from trueup.lifecycle.gates.records import CheckResult, Verdict, Waiver
from trueup.lifecycle.models import rules as model_rules
from trueup.lifecycle.models import table as model_table
from trueup.lifecycle.models.moving import CHAMPION
from trueup.lifecycle.models.records import ModelVersion
from trueup.lifecycle.models.usable import check_usable
from trueup.lifecycle.plan.demands import GateName
from trueup.lifecycle.plan.service import in_force
from trueup.ports.keys import Keys


def is_genuine(keys: Keys, verdict: Verdict) -> bool:
    """Whether a verdict's statement has its digest and carries our signature."""
    digest = digests.of_record(verdict.statement)
    try:
        signature = bytes.fromhex(verdict.signature)
    except ValueError:  # no hexadecimal digits
        return False
    return digest == verdict.digest and keys.verify(digest.encode(), signature)


def require_passed(
    connection: sa.Connection, keys: Keys, version: ModelVersion, gate: GateName = PRODUCTION
) -> Verdict:
    """The genuine PASSED verdict of a gate about a version under the plan in force.

    Raises:
        GateFailedError: There is none; with the failing checks of the newest verdict.
    """
    plan = in_force(connection)
    given = table.under_plan(connection, version.digest, plan.digest, gate)
    genuine = _on_last_rows([v for v in given if _stands(keys, v, version, plan.digest)])
    passed = [verdict for verdict in genuine if verdict.passed]
    ended = _ended_waivers(connection, passed[0]) if passed else ()
    if passed and not ended:
        rival = rival_of(connection, version)
        now = rival.digest if rival else ""
        # The champion may be an earlier one again, after a rollback: its verdict comes first.
        return next((v for v in passed if v.statement.champion == now), passed[0])
    if not given:
        check_usable(version)
        rows = " --data data:NAME@VERSION" if version.manifest.foreign is not None else ""
        raise GateFailedError(
            "verdict-missing",
            f"{version.ref} has no verdict under plan {plan.version}, so it cannot be released.",
            hint=f"trueup check {version.ref}{rows}",
        )
    if not genuine:
        raise GateFailedError(
            "verdict-not-genuine",
            f"Verdict {given[0].id} about {version.ref} is not what was signed: it, or the model "
            "version, was changed afterwards.",
            hint=f"trueup check {version.ref}",
            context={"verdict": given[0].id},
        )
    if ended:
        raise GateFailedError(
            "waiver-ended",
            f"{version.ref} passed only by leave of {ended[0].given_by} for {ended[0].check}, and "
            f"that ended on {ended[0].withdrawn_at or ended[0].until:%Y-%m-%d}.",
            hint=f"trueup check {version.ref}",
            context={"verdict": passed[0].id, "waiver": ended[0].id},
        )
    failed = failing(genuine[0])
    raise GateFailedError(
        "gate-failed",
        f"{version.ref} did not pass the gate: "
        + "; ".join(f"{r.name}: {r.words}" for r in failed[:3])
        + ".",
        hint=f"trueup check {version.ref}",
        context={"verdict": genuine[0].id, "failing": [builtins(r) for r in failed]},
    )


def champion_of(connection: sa.Connection, model: str) -> ModelVersion | None:
    """The version that the alias `champion` of a model points at."""
    number = model_table.alias(connection, model, CHAMPION)
    return None if number is None else model_table.version(connection, model, number)


def rival_of(connection: sa.Connection, version: ModelVersion) -> ModelVersion | None:
    """The live version to beat; a version is never compared with itself."""
    champion = champion_of(connection, version.model)
    return None if champion is None or champion.ref == version.ref else champion


def failing(verdict: Verdict) -> list[CheckResult]:
    """The checks that kept a verdict from passing."""
    waived = {waiver.check for waiver in verdict.statement.waivers}
    found = verdict.statement.results
    return [result for result in found if result.refuses and result.name not in waived]


def _on_last_rows(verdicts: list[Verdict]) -> list[Verdict]:
    """Those on the rows that were named last: nobody picks the rows that suit best."""
    return [v for v in verdicts if v.statement.data == verdicts[0].statement.data]


def _ended_waivers(connection: sa.Connection, verdict: Verdict) -> list[Waiver]:
    """Those that a verdict needs and that count no longer. When they end was signed with it."""
    now = clock.now()
    given = {waiver.id: waiver for waiver in table.waivers_of(connection)}
    return [
        given.get(said.id, said)
        for said in verdict.statement.waivers
        if not said.counts_at(now) or not given.get(said.id, said).counts_at(now)
    ]


def _stands(keys: Keys, verdict: Verdict, version: ModelVersion, plan: str) -> bool:
    """Whether it speaks of this version and plan, and neither it nor the version was changed."""
    statement = verdict.statement
    return (
        (statement.model, statement.plan) == (version.digest, plan)
        and model_rules.address(version.manifest) == version.digest
        and is_genuine(keys, verdict)
    )
