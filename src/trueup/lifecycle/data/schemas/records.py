"""What the rows of a dataset must look like, in the shape that a schema file has."""

from __future__ import annotations

from typing import Literal, TypeAlias

from trueup.foundation.records import Record

Kind = Literal[
    "whole",
    "number",
    "text",
    "boolean",
    "date",
    "datetime",
    "time",
    "duration",
    "list",
    "record",
    "binary",
    "any",
]
"""What the values of a column are. `whole` numbers have no fraction, `number`s may have one."""

Value: TypeAlias = bool | int | float | str
"""A limit or a value of a set; dates and moments stand as ISO 8601 text."""


class Limits(Record):
    """A range, both ends included; an end that is left out is open."""

    at_least: Value | None = None
    at_most: Value | None = None


class Column(Record):
    """What one column holds.

    Attributes:
        type: What its values are.
        optional: Whether rows may come without the column.
        environments: Where it is there, such as `training`; everywhere when left out.
        missing: Largest share of rows without a value (null or NaN).
        infinite: Largest share of rows with an infinite number.
        at_least: Smallest value.
        at_most: Largest value.
        above: All values are greater than this.
        below: All values are less than this.
        values: The only values; empty for any.
        never: Values that may not occur.
        length: Shortest and longest text, in characters.
        pattern: Regular expression that each text contains; `^…$` for the whole text.
        holds: Smallest share of values that keep range, set, length and pattern.
        unique: Whether no value comes twice.
        zone: Time zone of a `datetime`; empty for a clock on the wall, `any` for any.
        about: What it means, for people.
    """

    type: Kind = "any"
    optional: bool = False
    environments: tuple[str, ...] = ()
    missing: float = 0.0
    infinite: float = 0.0
    at_least: Value | None = None
    at_most: Value | None = None
    above: Value | None = None
    below: Value | None = None
    values: tuple[Value, ...] = ()
    never: tuple[Value, ...] = ()
    length: Limits | None = None
    pattern: str = ""
    holds: float = 1.0
    unique: bool = False
    zone: str = "any"
    about: str = ""


class Rule(Record):
    """Something that holds between columns, or of a whole column.

    Attributes:
        name: What it is called in findings.
        expression: A condition, such as `arrival >= departure` or `2 < mean(price) < 9`.
        holds: Smallest share of rows for which it is true.
        environments: Where it is demanded; everywhere when left out.
    """

    name: str
    expression: str
    holds: float = 1.0
    environments: tuple[str, ...] = ()


class Reference(Record):
    """Values that must be there in another table (a foreign key).

    Attributes:
        columns: The columns here.
        table: The other table: a dataset of the project, or one given by name.
        to: Its columns; the same names when left out.
        holds: Smallest share of rows whose values are found.
        environments: Where it is demanded; everywhere when left out.
    """

    columns: tuple[str, ...]
    table: str
    to: tuple[str, ...] = ()
    holds: float = 1.0
    environments: tuple[str, ...] = ()


class Freshness(Record):
    """How old the newest row may be.

    Attributes:
        column: A column of dates or moments.
        within: Its greatest age, such as `2d`.
    """

    column: str
    within: str


class Schema(Record):
    """The whole of a schema file.

    Attributes:
        dataset: What it describes.
        rows: How many rows there must be.
        further_columns: What a column that is not listed means.
        ordered: Whether the columns stand in the order of the file.
        unique: Groups of columns whose values together come once only.
        freshness: How old the newest row may be.
        columns: The columns by name.
        rules: What holds between columns.
        references: What must be found in other tables.
    """

    dataset: str = ""
    rows: Limits = Limits(at_least=1)
    further_columns: Literal["refuse", "allow"] = "refuse"
    ordered: bool = False
    unique: tuple[tuple[str, ...], ...] = ()
    freshness: Freshness | None = None
    columns: dict[str, Column] = {}
    rules: tuple[Rule, ...] = ()
    references: tuple[Reference, ...] = ()
