"""The verbs of gates: judge a model version, and prove a verdict."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from trueup import __version__
from trueup.foundation import clock, digests
from trueup.foundation.actor import Actor
from trueup.foundation.errors import NotFoundError
from trueup.foundation.identifiers import short_id
from trueup.foundation.records import builtins, decode, encode
from trueup.lifecycle.gates import (
    attestation,
    demanding,
    ground,
    own_metrics,
    replaying,
    rules,
    running,
    table,
    waiving,
)
from trueup.lifecycle.gates.demanding import PRODUCTION
from trueup.lifecycle.gates.evidence import NO_MEASURES, Evidence, Measures, gather
from trueup.lifecycle.gates.ground import GivenRows
from trueup.lifecycle.gates.rebuilding import Rebuild
from trueup.lifecycle.gates.records import CheckResult, Ground, Replay, Statement, Verdict, Waiver
from trueup.lifecycle.gates.running import Asked, Told
from trueup.lifecycle.gates.standing import failing, is_genuine, rival_of
from trueup.lifecycle.models import leave
from trueup.lifecycle.models import rules as model_rules
from trueup.lifecycle.models import service as models
from trueup.lifecycle.models.leave import Leave
from trueup.lifecycle.models.records import ModelVersion, Reference
from trueup.lifecycle.models.usable import check_usable
from trueup.lifecycle.plan import table as plan_table
from trueup.lifecycle.plan.demands import GateName
from trueup.lifecycle.plan.service import in_force
from trueup.ports.blobs import Blobs
from trueup.state.unit import State

_WAIVER: Final = Waiver.__struct_fields__


class Gates:
    """Verdicts about model versions.

    Args:
        state: Where they are kept.
        root: The project, where plans measure by functions of it.
        rebuild: Makes versions again, for checks that need it.
    """

    def __init__(
        self,
        state: State,
        root: Path | None = None,
        rebuild: Callable[[Actor, ModelVersion, Leave], Rebuild] | None = None,
    ) -> None:
        self._state = state
        self._root = root
        self._rebuild = rebuild

    def judge(
        self,
        actor: Actor,
        model: str,
        selector: str = "",
        given: GivenRows | None = None,
        gate: GateName = PRODUCTION,
        told: Told | None = None,
    ) -> Verdict:
        """Run every check that the plan in force demands of a model version, and sign the result.

        The same evidence gives the verdict there is, without running again.

        Args:
            actor: Who asks.
            model: Registered name.
            selector: Version or alias; the newest version without.
            given: Rows for a version that came without; those it was judged on last if left out.
            gate: Which gate's demands are checked.
            told: Called after each finding.

        Raises:
            NotFoundError: There is no such model version, or no plan.
            UsageError: The rows do not fit the version, or it has rows of its own.
            DeniedError: It is quarantined, or code that the plan does not let run.
            GateFailedError: It cannot be loaded here, or no rows are known for it.
        """
        with self._state.read(actor, "gates.run") as connection:
            plan = in_force(connection)
            version = models.find(connection, model, selector)
            check_usable(version)
            on = self._ground(connection, version, given)
            rival = rival_of(connection, version)
            allowed = leave.of_version(connection, version)
            same = self._same(connection, version, plan.digest, gate, rival, on)
        if same is not None:
            return same
        started = time.perf_counter()
        measures = own_metrics.load(self._root, plan.metrics)
        evidence = self._gather(actor, version, on, rival, allowed, measures)
        asked = demanding.demands(plan.plan, gate)
        results = running.run(asked, evidence, self._known(actor, asked, evidence), told)
        waivers = rules.needed(results, self._waivers(actor, version))
        outcome = rules.outcome_of(results, waivers)
        statement = Statement(
            model_ref=version.ref,
            model=version.digest,
            plan=plan.digest,
            champion=rival.digest if rival else "",
            metrics=plan.metrics,
            outcome=outcome,
            results=results,
            reference=self._reference(version, evidence) if outcome == "PASSED" else "",
            gate=gate,
            environment=version.manifest.environment,
            waivers=waivers,
            **builtins(on),
        )
        seconds = time.perf_counter() - started
        with self._state.write(actor, "gates.run") as unit:
            digest = digests.of_record(statement)
            verdict = Verdict(
                id=short_id(),
                statement=statement,
                digest=digest,
                signature=self._state.keys.sign(digest.encode()).hex(),
                key=self._state.keys.key_id,
                given_by=actor.name,
                given_at=unit.at,
                seconds=seconds,
            )
            unit.execute(
                table.verdicts.insert().values(
                    **builtins(verdict)
                    | {
                        "given_at": unit.at,
                        "model_ref": version.ref,
                        "model": version.digest,
                        "plan": plan.digest,
                        "gate": gate,
                        "outcome": statement.outcome,
                    }
                )
            )
            made = {running.address(a, evidence): r for a, r in zip(asked, results, strict=True)}
            made.pop("", None)
            table.keep_findings(unit.connection, made)
            unit.emit(
                "gate.passed" if verdict.passed else "gate.failed",
                f"verdict:{verdict.id}",
                after=digest,
                data={
                    "model": version.ref,
                    "plan": plan.version,
                    "gate": gate,
                    "failing": [r.name for r in failing(verdict)],
                },
            )
            return verdict

    def examine(
        self,
        actor: Actor,
        model: str,
        selector: str,
        given: GivenRows | None,
        kinds: Sequence[str] = (),
        told: Told | None = None,
    ) -> tuple[CheckResult, ...]:
        """Check a version on any rows, without a verdict: nothing is kept and nothing follows.

        Args:
            actor: Who asks.
            model: Registered name.
            selector: Version or alias; the newest version without.
            given: The rows; those that its pipeline set aside if left out.
            kinds: Families of checks: with the plan's settings where it has some, else with their
                own. All that the plan demands if left out, and what needs no settings.
            told: Called after each finding.

        Raises:
            NotFoundError: There is no such model version.
            UsageError: The rows do not fit the version, or a kind is unknown.
            DeniedError: It is quarantined, or code that the plan does not let run.
        """
        evidence = self.evidence(actor, model, selector, given)
        with self._state.read(actor, "gates.run") as connection:
            adopted = plan_table.current(connection)
        planned = demanding.demands(adopted.plan) if adopted else ()
        return running.run(demanding.chosen(planned, kinds), evidence, told=told)

    def evidence(
        self, actor: Actor, model: str, selector: str, given: GivenRows | None = None
    ) -> Evidence:
        """What checks of a version look at: the model, the rows, its answers to them.

        Raises:
            NotFoundError: There is no such model version.
            UsageError: The rows do not fit it.
            DeniedError: It is quarantined, or code that the plan does not let run.
        """
        with self._state.read(actor, "gates.run") as connection:
            version = models.find(connection, model, selector)
            check_usable(version)
            rival = rival_of(connection, version)
            allowed = leave.of_version(connection, version)
            if given is None:
                on = self._ground(connection, version, None)
            else:
                on = ground.keep(self._state.blobs, version, given)
        return self._gather(actor, version, on, rival, allowed)

    def _gather(
        self,
        actor: Actor,
        version: ModelVersion,
        on: Ground,
        rival: ModelVersion | None,
        allowed: Leave,
        measures: Measures = NO_MEASURES,
    ) -> Evidence:
        rebuild = self._rebuild(actor, version, allowed) if self._rebuild is not None else None
        return gather(self._state.blobs, version, on, rival, allowed, measures, rebuild)

    def show(self, actor: Actor, verdict_id: str) -> Verdict:
        """One verdict.

        Raises:
            NotFoundError: There is no such verdict.
        """
        with self._state.read(actor) as connection:
            verdict = table.verdict(connection, verdict_id)
        if verdict is None:
            raise NotFoundError(
                "verdict-not-found", f"There is no verdict '{verdict_id}'.", hint="trueup status"
            )
        return verdict

    def replay(self, actor: Actor, verdict_id: str) -> Replay:
        """Reach a verdict again from the digests it names, and compare bytes.

        Raises:
            NotFoundError: There is no such verdict.
            ConflictError: Something that it names is not here any more.
        """
        verdict = self.show(actor, verdict_id)
        with self._state.read(actor, "gates.run") as connection:
            known = replaying.find(connection, verdict)
        return replaying.replay(
            self._state.blobs, known, own_metrics.load(self._root, verdict.statement.metrics)
        )

    def attest(self, actor: Actor, verdict_id: str) -> dict[str, Any]:
        """A verdict for others: a SLSA verification summary in a signed DSSE envelope.

        Raises:
            NotFoundError: There is no such verdict.
            ConflictError: The version that it is about is not here any more.
        """
        verdict = self.show(actor, verdict_id)
        with self._state.read(actor) as connection:
            version = replaying.find(connection, verdict).version
        raw = self._state.blobs.get(version.manifest.file)
        said = attestation.summary(verdict, raw, __version__)
        return attestation.envelope(said, self._state.keys)

    def of_model(self, actor: Actor, model_ref: str) -> list[Verdict]:
        """All verdicts about a model version, newest first."""
        with self._state.read(actor) as connection:
            return table.of_model(connection, model_ref)

    def waive(
        self,
        actor: Actor,
        model: str,
        selector: str,
        check: str,
        *,
        reason: str,
        until: datetime,
    ) -> Waiver:
        """Let one version pass in spite of one check, for a while; the next verdict says so.

        Args:
            actor: Who answers for it.
            model: Registered name.
            selector: Version or alias.
            check: Name of the check, such as `accurate.limit`.
            reason: Why.
            until: When it ends, 180 days ahead at most.

        Raises:
            NotFoundError: There is no such version, or it was never judged.
            UsageError: The newest verdict has no such check, or the check passed.
            DeniedError: They made the version themselves.
        """
        with self._state.write(actor, "gates.waive") as unit:
            version = models.find(unit.connection, model, selector)
            last = next(iter(table.of_digest(unit.connection, version.digest)), None)
            waiving.check_refused(version, last, check)
            given = Waiver(
                id=short_id(),
                model_ref=version.ref,
                model=version.digest,
                check=check,
                reason=reason.strip(),
                given_by=actor.name,
                given_at=unit.at,
                until=until,
            )
            waiving.check_allowed(given, version, in_force(unit.connection).plan.process)
            unit.execute(table.waivers.insert().values(**{n: getattr(given, n) for n in _WAIVER}))
            unit.emit(
                "check.waived",
                f"model:{version.ref}",
                after=version.digest,
                why=given.reason,
                data={"waiver": given.id, "check": check, "until": f"{until:%Y-%m-%d}"},
            )
            return given

    def withdraw_waiver(self, actor: Actor, waiver_id: str) -> Waiver:
        """Take a waiver back; verdicts that needed it count no longer.

        Raises:
            NotFoundError: There is no such waiver.
        """
        with self._state.write(actor, "gates.waive") as unit:
            given = table.waiver(unit.connection, waiver_id)
            if given is None:
                raise NotFoundError(
                    "waiver-not-found",
                    f"There is no waiver '{waiver_id}'.",
                    hint="trueup waiver list",
                )
            if given.withdrawn_at is not None:
                return given
            unit.execute(
                table.waivers.update()
                .where(table.waivers.c.id == waiver_id)
                .values(withdrawn_at=unit.at)
            )
            unit.emit(
                "check.waiver-withdrawn",
                f"model:{given.model_ref}",
                data={"waiver": given.id, "check": given.check},
            )
            return msgspec.structs.replace(given, withdrawn_at=unit.at)

    def waivers(self, actor: Actor, model_ref: str = "") -> list[Waiver]:
        """The waivers of a version, or all there are; newest first."""
        with self._state.read(actor) as connection:
            return table.waivers_of(connection, model_ref)

    def _waivers(self, actor: Actor, version: ModelVersion) -> list[Waiver]:
        with self._state.read(actor, "gates.run") as connection:
            return _in_force(connection, version)

    def _ground(
        self, connection: sa.Connection, version: ModelVersion, given: GivenRows | None
    ) -> Ground:
        """The rows to judge on."""
        if version.manifest.foreign is None:
            if given is not None:
                raise ground.has_rows(version)
            return ground.of_pipeline(version)
        if given is not None:
            return ground.keep(self._state.blobs, version, given)
        last = next(iter(table.of_digest(connection, version.digest)), None)
        if last is None or not is_genuine(self._state.keys, last):
            raise ground.no_rows(version)
        return ground.of_statement(last.statement)

    def _known(
        self, actor: Actor, asked: Sequence[Asked], evidence: Evidence
    ) -> dict[str, CheckResult]:
        addresses = [running.address(each, evidence) for each in asked]
        with self._state.read(actor, "gates.run") as connection:
            return table.known_findings(connection, addresses)

    def _same(
        self,
        connection: sa.Connection,
        version: ModelVersion,
        plan: str,
        gate: GateName,
        rival: ModelVersion | None,
        on: Ground,
    ) -> Verdict | None:
        champion_digest = rival.digest if rival else ""
        waivers = _in_force(connection, version)
        for verdict in table.under_plan(connection, version.digest, plan, gate):
            if ground.of_statement(verdict.statement) != on:
                return None  # it was judged on other rows since: the newest judgement counts
            said = verdict.statement
            is_same = rules.same_evidence(said, version.digest, plan, champion_digest)
            is_same &= said.waivers == rules.needed(said.results, waivers)
            if is_same and is_genuine(self._state.keys, verdict):
                return verdict
        return None

    def _reference(self, version: ModelVersion, evidence: Evidence) -> str:
        """What a version that brought no training rows is watched by; empty for one that did."""
        if version.manifest.reference:
            return ""
        found = model_rules.reference_of(evidence.inputs, evidence.signature, evidence.scores)
        return self._state.blobs.put(encode(found))


def _in_force(connection: sa.Connection, version: ModelVersion) -> list[Waiver]:
    """The waivers that count for a version now."""
    now = clock.now()
    given = table.waivers_of(connection, version.ref)
    return [each for each in given if each.model == version.digest and each.counts_at(now)]


def reference_of(connection: sa.Connection, blobs: Blobs, version: ModelVersion) -> Reference:
    """What the rows looked like that a version learned from, or else those it passed on.

    Raises:
        GateFailedError: It brought no rows, and passed on none.
    """
    if version.manifest.foreign is None:
        return models.reference_of(blobs, version)
    kept = (v.statement.reference for v in table.of_digest(connection, version.digest))
    last = next(filter(None, kept), "")
    if not last:
        raise ground.no_rows(version)
    return decode(blobs.get(last), Reference)


def ground_of(connection: sa.Connection, version: ModelVersion) -> Ground | None:
    """The rows that a version is judged on; None for one that brought none and was never judged."""
    if version.manifest.foreign is None:
        return ground.of_pipeline(version)
    last = next(iter(table.of_digest(connection, version.digest)), None)
    return None if last is None else ground.of_statement(last.statement)
