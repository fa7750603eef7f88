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
        inputs: Columns that a model is given; empty when no model is known.
    """

    name: str
    rows: pl.DataFrame
    label: str = ""
    reference: pl.DataFrame | None = None
    tables: Mapping[str, pl.DataFrame] = field(default_factory=dict)
    environment: str = "training"
    at: datetime | None = None
    inputs: tuple[str, ...] = ()

    @property
    def features(self) -> list[str]:
        """The columns that a model may learn from."""
        if self.inputs:
            return [name for name in self.inputs if name in self.rows.columns]
        return [name for name in self.rows.columns if name != self.label]
