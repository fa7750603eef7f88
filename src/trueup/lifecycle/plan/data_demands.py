"""What a plan can demand of rows alone: one record per family of data checks."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from trueup.lifecycle.plan.demand import Demand

From = Literal["holdout", "training"]
"""The rows set aside, or those that a model learned from."""
Share = Annotated[float, Meta(ge=0, le=1)]


class Schema(Demand, tag="schema"):
    """Rows keep the schema that a file describes.

    Attributes:
        file: The schema file, such as `schemas/flights.toml`.
        text: What it says. It is read when the plan is, so that a verdict is bound to it.
        on: Which rows: those set aside, or those that it learned from.
        environment: What the rows are for.
    """

    file: str
    text: str = ""
    on: From = "holdout"
    environment: str = "training"


class Conflicts(Demand, tag="conflicts"):
    """Equal rows have equal labels, and rows do not repeat.

    Attributes:
        conflicting: Largest share of rows whose equals have another label.
        repeated: Largest share of rows that are there already.
        ignore: Columns that make no difference between rows, such as a row number.
        on: Which rows.
    """

    conflicting: Share = 0.01
    repeated: Share = 0.05
    ignore: tuple[str, ...] = ()
    on: From = "holdout"


class Outliers(Demand, tag="outliers"):
    """No number lies far outside of where the bulk of its column lies.

    Attributes:
        extreme: Largest share of values that may.
        reach: How much farther than 98 % of the values counts as far, on a logarithmic scale.
        ignore: Columns that are not looked at.
        on: Which rows.
    """

    extreme: Share = 0.0
    reach: Annotated[float, Meta(gt=1)] = 4.0
    ignore: tuple[str, ...] = ()
    on: From = "holdout"


class Privacy(Demand, tag="privacy"):
    """Columns that seem to hold personal data are named. It is shown only and refuses nothing.

    Attributes:
        known: Columns of which it is known.
        on: Which rows.
    """

    known: tuple[str, ...] = ()
    on: From = "holdout"
