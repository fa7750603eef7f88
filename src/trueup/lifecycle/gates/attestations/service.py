"""The verbs of attestations: say what was tested by hand, and take it back."""

from __future__ import annotations

from datetime import date

from trueup.foundation import digests
from trueup.foundation.actor import Actor
from trueup.foundation.errors import NotFoundError
from trueup.foundation.identifiers import short_id
from trueup.foundation.text import did_you_mean
from trueup.lifecycle.gates.attestations import rules, table
from trueup.lifecycle.gates.attestations.records import Attestation, Claim
from trueup.lifecycle.models import table as models
from trueup.state.unit import State, Unit


class Attestations:
    """What people say they tested by hand."""

    def __init__(self, state: State) -> None:
        self._state = state

    def give(self, actor: Actor, model: str, test: str, reason: str, until: date) -> Attestation:
        """Say that a test of the rubric was made by hand; signed with the project's key.

        Raises:
            NotFoundError: There is no such model.
            UsageError: There is no such test, no reason, or the day is past or too far away.
        """
        id_ = rules.named(test)
        with self._state.write(actor, "scores.attest") as unit:
            _require(unit, model)
            rules.check_claim(reason, until, unit.at.date())
            claim = Claim(
                model=model,
                test=id_,
                reason=reason.strip(),
                given_by=actor.name,
                given_at=unit.at,
                until=until,
            )
            digest = digests.of_record(claim)
            given = Attestation(
                id=short_id(),
                claim=claim,
                digest=digest,
                signature=self._state.keys.sign(digest.encode()).hex(),
                key=self._state.keys.key_id,
            )
            table.add(unit.connection, given)
            data = {"attestation": given.id, "test": id_, "until": until.isoformat()}
            unit.emit(
                "attestation.given", f"model:{model}", after=digest, why=claim.reason, data=data
            )
            return given

    def withdraw(self, actor: Actor, model: str, test: str, reason: str = "") -> list[Attestation]:
        """Take back what stands about a test.

        Raises:
            NotFoundError: Nothing stands about it.
            UsageError: There is no such test.
        """
        id_ = rules.named(test)
        with self._state.write(actor, "scores.attest") as unit:
            _require(unit, model)
            standing = [
                each
                for each in table.of_model(unit.connection, model)
                if each.claim.test == id_ and rules.stands(each, unit.at)
            ]
            if not standing:
                raise NotFoundError(
                    "attestation-not-found",
                    f"No attestation stands about {id_} of model '{model}'.",
                    hint=f"trueup score {model}",
                )
            for each in standing:
                table.change(
                    unit.connection,
                    each.id,
                    withdrawn_by=actor.name,
                    withdrawn_at=unit.at,
                    withdrawn_why=reason,
                )
                data = {"attestation": each.id, "test": id_}
                unit.emit(
                    "attestation.withdrawn",
                    f"model:{model}",
                    before=each.digest,
                    why=reason,
                    data=data,
                )
            return standing

    def of_model(self, actor: Actor, model: str) -> list[Attestation]:
        """All that were ever given about a model, newest first."""
        with self._state.read(actor) as connection:
            return table.of_model(connection, model)


def _require(unit: Unit, model: str) -> None:
    if not models.is_registered(unit.connection, model):
        known = models.models(unit.connection)
        raise NotFoundError(
            "model-not-found",
            f"There is no model '{model}'.{did_you_mean(model, known)}",
            hint="trueup model list",
        )
