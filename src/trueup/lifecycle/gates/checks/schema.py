"""Rows must keep the schema that people agreed on."""

from __future__ import annotations

from trueup.foundation.errors import TrueupError
from trueup.foundation.text import plural
from trueup.lifecycle.data.schemas import files
from trueup.lifecycle.data.schemas.judging import judge
from trueup.lifecycle.gates.methods.joining import joined
from trueup.lifecycle.gates.records import CheckResult, Part
from trueup.lifecycle.gates.samples import Sample
from trueup.lifecycle.plan.data_demands import Schema

TAKES = "sample"


def is_timed(demand: Schema) -> bool:
    """Whether its answer depends on the time of day: such a finding is never kept."""
    try:
        schema = files.parse(demand.text, demand.file)
    except TrueupError:
        return False
    return schema.freshness is not None or any("now(" in rule.expression for rule in schema.rules)


def check(demand: Schema, sample: Sample) -> CheckResult:
    """Whether the rows keep all that the schema says."""
    try:
        schema = files.parse(demand.text, demand.file or "the schema")
    except TrueupError as error:
        return CheckResult(check="schema", outcome="error", words=error.message)
    found = judge(
        schema,
        sample.rows,
        tables=sample.tables,
        environment=demand.environment,
        at=sample.at,
    )
    parts = [
        Part(
            name=each.name,
            outcome=each.outcome,
            words=each.words,
            value=each.value,
            limit=each.limit,
            rows=each.rows,
        )
        for each in found
    ]
    good = f"{plural(sample.rows.height, 'row')} keep {plural(len(parts), 'demand')} of the schema"
    return joined("schema", parts, rows=sample.rows.height, good=good)
