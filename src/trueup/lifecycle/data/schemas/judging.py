"""Rows against a schema. Read `columns.py` and `relations.py` next: the two halves of it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import polars as pl

from trueup.lifecycle.data.schemas import columns, relations
from trueup.lifecycle.data.schemas.findings import Finding
from trueup.lifecycle.data.schemas.records import Schema


def judge(
    schema: Schema,
    rows: pl.DataFrame | pl.LazyFrame,
    *,
    tables: Mapping[str, pl.DataFrame] | None = None,
    environment: str = "training",
    at: datetime | None = None,
) -> list[Finding]:
    """All that the schema says, one finding each.

    Args:
        schema: A sound schema.
        rows: The rows; lazy ones are read in pieces, so that they need not fit into memory.
        tables: Other tables, for references.
        environment: What the rows are for: `training` has labels, `serving` has not.
        at: The moment that ages count from; None for now.
    """
    lazy = rows.lazy()
    types = lazy.collect_schema()
    height = int(lazy.select(pl.len()).collect(engine="streaming").item())
    found = [relations.volume(schema, height)]
    found += columns.judge(schema, lazy, types, height, environment)
    found += relations.uniqueness(schema, lazy, types, height)
    found += relations.rules(schema, lazy, types, height, environment)
    found += relations.references(schema, lazy, types, height, tables or {}, environment)
    if schema.freshness is not None:
        found.append(relations.freshness(schema.freshness, lazy, types, height, at))
    return found
