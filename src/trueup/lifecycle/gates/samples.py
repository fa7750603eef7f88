"""What the checks of data look at: rows, and what they are compared with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import polars as pl


@dataclass(frozen=True)
class Sample:
    """Rows to check.

    Attributes:
        name: What they are called in findings, such as a file's name.
        rows: The rows.
        label: Column that is predicted; empty when they hold none, or nobody said which.
        reference: Rows to compare with, such as those a model learned from; None without any.
        tables: Further tables by name, for rules across tables.
        environment: What the rows are for: `training` has labels, `serving` has not.
        at: The moment that freshness counts from; None for now.
    """

    name: str
    rows: pl.DataFrame
    label: str = ""
    reference: pl.DataFrame | None = None
    tables: Mapping[str, pl.DataFrame] = field(default_factory=dict)
    environment: str = "training"
    at: datetime | None = None
