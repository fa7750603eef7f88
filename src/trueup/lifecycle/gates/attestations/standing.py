"""Which attestations count: those that stand at a moment and are what was signed."""

from __future__ import annotations

from datetime import datetime

from trueup.lifecycle.gates.attestations import rules, table
from trueup.lifecycle.gates.attestations.records import Attestation
from trueup.ports.keys import Keys
from trueup.state import eventlog
from trueup.state.sql import sa


def standing(
    connection: sa.Connection, keys: Keys, model: str, at: datetime
) -> tuple[tuple[Attestation, ...], list[str]]:
    """The attestations that count, newest first; and in words those that are not what was signed.

    One that was taken back stays so when somebody clears its row: the event log remembers.
    """
    withdrawn = _withdrawn(connection, model, at)
    found, doubtful = [], []
    for each in table.of_model(connection, model):
        if not rules.is_genuine(keys, each) or each.claim.model != model:
            doubtful.append(f"attestation {each.id} about {each.claim.test}")
        elif rules.stands(each, at) and each.id not in withdrawn:
            found.append(each)
    return tuple(found), doubtful


def _withdrawn(connection: sa.Connection, model: str, at: datetime) -> set[str]:
    types, subjects = ["attestation.withdrawn"], [f"model:{model}"]
    events = eventlog.between(connection, types, at, subjects=subjects)
    return {str(event.data["attestation"]) for event in events}
