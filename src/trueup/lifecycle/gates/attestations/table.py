"""The SQL of attestations."""

from __future__ import annotations

from typing import Any

import msgspec

from trueup.foundation.records import builtins
from trueup.lifecycle.gates.attestations.records import Attestation, Claim
from trueup.state.schema import Column, Json, Moment, String, Table, Text
from trueup.state.sql import sa

attestations = Table(
    "attestations",
    Column("id", String(20), primary_key=True),
    Column("model", String(256), nullable=False, index=True),
    Column("claim", Json, nullable=False),
    Column("given_at", Moment, nullable=False),
    Column("digest", String(80), nullable=False),
    Column("signature", String(128), nullable=False),
    Column("key", String(80), nullable=False),
    Column("withdrawn_by", String(200), nullable=False, server_default=""),
    Column("withdrawn_at", Moment),
    Column("withdrawn_why", Text, nullable=False, server_default=""),
)
_a = attestations.c


def add(connection: sa.Connection, new: Attestation) -> None:
    """Keep an attestation."""
    values = builtins(new) | {"model": new.claim.model, "given_at": new.claim.given_at}
    connection.execute(attestations.insert().values(**values))


def change(connection: sa.Connection, id_: str, **values: Any) -> None:
    """Note what became of one."""
    connection.execute(attestations.update().where(_a.id == id_).values(**values))


def of_model(connection: sa.Connection, model: str) -> list[Attestation]:
    """All that were ever given about a model, newest first."""
    query = sa.select(attestations).where(_a.model == model)
    query = query.order_by(_a.given_at.desc(), _a.id)
    return [_record(row) for row in connection.execute(query)]


def _record(row: sa.Row[Any]) -> Attestation:
    fields = {name: row._mapping[name] for name in Attestation.__struct_fields__}
    fields["claim"] = msgspec.convert(fields["claim"], Claim)
    return Attestation(**fields)
