"""The SQL of verdicts."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from trueup.foundation.records import builtins
from trueup.lifecycle.gates.records import CheckResult, Statement, Verdict, Waiver
from trueup.state.schema import Column, Float, Json, Moment, String, Table, Text

verdicts = Table(
    "verdicts",
    Column("id", String(20), primary_key=True),
    Column("model_ref", String(300), nullable=False, index=True),
    Column("model", String(80), nullable=False, index=True),
    Column("plan", String(80), nullable=False),
    Column("gate", String(20), nullable=False),
    Column("outcome", String(10), nullable=False),
    Column("statement", Json, nullable=False),
    Column("digest", String(80), nullable=False),
    Column("signature", String(128), nullable=False),
    Column("key", String(80), nullable=False),
    Column("given_by", String(100), nullable=False),
    Column("given_at", Moment, nullable=False),
    Column("seconds", Float, nullable=False),
)
findings = Table(
    "check_findings",
    Column("address", String(80), primary_key=True),
    Column("result", Json, nullable=False),
)
waivers = Table(
    "waivers",
    Column("id", String(20), primary_key=True),
    Column("model_ref", String(300), nullable=False, index=True),
    Column("model", String(80), nullable=False),
    Column("check", String(200), nullable=False),
    Column("reason", Text, nullable=False),
    Column("given_by", String(100), nullable=False),
    Column("given_at", Moment, nullable=False),
    Column("until", Moment, nullable=False),
    Column("withdrawn_at", Moment),
)
_v, _f, _w = verdicts.c, findings.c, waivers.c


def verdict(connection: sa.Connection, verdict_id: str) -> Verdict | None:
    """One verdict by identifier."""
    row = connection.execute(sa.select(verdicts).where(_v.id == verdict_id)).first()
    return None if row is None else _record(row)


def of_model(connection: sa.Connection, model_ref: str) -> list[Verdict]:
    """All verdicts about a model version, newest first."""
    query = sa.select(verdicts).where(_v.model_ref == model_ref).order_by(_v.given_at.desc())
    return [_record(row) for row in connection.execute(query)]


def under_plan(connection: sa.Connection, model: str, plan: str, gate: str) -> list[Verdict]:
    """The verdicts of a gate about a model digest under a plan digest, newest first."""
    query = sa.select(verdicts).where(_v.model == model, _v.plan == plan, _v.gate == gate)
    return [_record(row) for row in connection.execute(query.order_by(_v.given_at.desc()))]


def of_digest(connection: sa.Connection, model: str) -> list[Verdict]:
    """The verdicts about a model digest under any plan, newest first."""
    query = sa.select(verdicts).where(_v.model == model).order_by(_v.given_at.desc())
    return [_record(row) for row in connection.execute(query)]


def of_name(
    connection: sa.Connection, model: str, since: datetime, until: datetime, most: int
) -> list[Verdict]:
    """The verdicts about any version of a model between two moments, newest first."""
    query = sa.select(verdicts).where(
        _v.model_ref.startswith(f"{model}@", autoescape=True),
        _v.given_at > since,
        _v.given_at <= until,
    )
    found = [
        _record(row) for row in connection.execute(query.order_by(_v.given_at.desc()).limit(most))
    ]
    # SQLite's LIKE takes capital letters for small ones.
    return [each for each in found if each.statement.model_ref.startswith(f"{model}@")]


def latest(connection: sa.Connection, limit: int) -> list[Verdict]:
    """The newest verdicts, newest first."""
    query = sa.select(verdicts).order_by(_v.given_at.desc()).limit(limit)
    return [_record(row) for row in connection.execute(query)]


def known_findings(connection: sa.Connection, addresses: list[str]) -> dict[str, CheckResult]:
    """The findings that are kept at these addresses."""
    query = sa.select(findings).where(_f.address.in_(addresses))
    return {
        row.address: msgspec.convert(row.result, CheckResult) for row in connection.execute(query)
    }


def keep_findings(connection: sa.Connection, found: dict[str, CheckResult]) -> None:
    """Keep findings by their address; one that is there stays."""
    there = known_findings(connection, list(found))
    new = [
        {"address": address, "result": builtins(result)}
        for address, result in found.items()
        if address not in there
    ]
    if new:
        connection.execute(findings.insert(), new)


def waiver(connection: sa.Connection, waiver_id: str) -> Waiver | None:
    """One waiver by identifier."""
    row = connection.execute(sa.select(waivers).where(_w.id == waiver_id)).first()
    return None if row is None else Waiver(**row._mapping)


def waivers_of(connection: sa.Connection, model_ref: str = "") -> list[Waiver]:
    """The waivers of a version, or all there are; newest first."""
    query = sa.select(waivers).order_by(_w.given_at.desc(), _w.id)
    if model_ref:
        query = query.where(_w.model_ref == model_ref)
    return [Waiver(**row._mapping) for row in connection.execute(query)]


def _record(row: sa.Row[Any]) -> Verdict:
    fields = {name: row._mapping[name] for name in Verdict.__struct_fields__}
    fields["statement"] = msgspec.convert(fields["statement"], Statement)
    return Verdict(**fields)
