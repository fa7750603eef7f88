"""Schema files: what is written is read again, and what is wrong is named with its line."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trueup.foundation.errors import TrueupError, UsageError
from trueup.lifecycle.data.schemas import comparing, files
from trueup.lifecycle.data.schemas.inferring import infer
from trueup.lifecycle.data.schemas.records import (
    Column,
    Freshness,
    Limits,
    Reference,
    Rule,
    Schema,
)

from .rows import source

FULL = Schema(
    dataset="flights",
    rows=Limits(at_least=100, at_most=10_000),
    further_columns="allow",
    ordered=True,
    unique=(("carrier", "flight"),),
    freshness=Freshness(column="at", within="2d"),
    columns={
        "carrier": Column(type="text", values=("AA", 'B"6', "ü\n"), holds=0.99, about="IATA code"),
        "dep delay": Column(type="number", at_least=-60.5, above=-1e300, missing=0.03),
        "at": Column(type="datetime", at_least="2013-01-01T00:00:00+00:00", zone="UTC"),
        "tail": Column(type="text", pattern=r"^N\d+", length=Limits(at_most=6), optional=True),
        "late": Column(type="whole", values=(0, 1), environments=("training",)),
    },
    rules=(Rule(name="in order", expression="arrival >= departure", holds=0.9),),
    references=(Reference(columns=("carrier",), table="airlines", to=("code",)),),
)


def test_a_schema_is_read_as_it_was_written() -> None:
    assert files.parse(files.text(FULL, "a remark\nof two lines"), "x.toml") == FULL


def test_an_inferred_schema_is_read_as_it_was_written() -> None:
    schema = infer(source(500, 1), "shop", "late")
    assert files.parse(files.text(schema), "x.toml") == schema


@settings(max_examples=60)
@given(
    st.text(min_size=1, max_size=12),
    st.text(max_size=12),
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-(2**63), 2**63 - 1),
)
def test_any_name_and_value_survives(name: str, text: str, number: float, whole: int) -> None:
    columns = {
        name: Column(type="text", values=(text,)),
        name + "x": Column(type="number", at_least=number),
        name + "y": Column(type="whole", at_least=whole),
    }
    schema = Schema(columns=columns)
    assert files.parse(files.text(schema), "x.toml") == schema


def test_dates_may_be_written_bare() -> None:
    text = '[columns.day]\ntype = "date"\nat_least = 2026-01-31\n'
    assert files.parse(text, "x.toml").columns["day"].at_least == "2026-01-31"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[columns.a]\ntype = "text"\nat_leest = 1\n', "line 3: unknown key 'at_leest'"),
        ('[columns.a]\ntype = "float"\n', "line 2"),
        ('[columns.a]\ntype = "whole"\nat_least = "x"\n', "column 'a' has at_least = 'x'"),
        ('[columns.a]\ntype = "whole"\nmissing = 2.0\n', "missing = 2.0"),
        ('[columns.a]\ntype = "whole"\nat_least = 5\nat_most = 1\n', "at_least = 5 above"),
        ('[columns.a]\ntype = "text"\npattern = "("\n', "pattern that cannot be used"),
        ('[columns.a]\ntype = "date"\nat_most = "soon"\n', "at_most = 'soon'"),
        ('[columns.a]\ntype = "whole"\nvalues = [1, "b"]\n', "lists the value 'b'"),
        ('[[rules]]\nname = "r"\nexpression = "a <"\n', "rule 'r'"),
        ('freshness = { column = "a", within = "soon" }\n', "freshness"),
        ('[[references]]\ncolumns = ["a"]\ntable = "t"\nto = ["b", "c"]\n', "'t' needs as many"),
        ("columns = 1\n", "columns is 1"),
        ("[columns", "not valid TOML"),
    ],
)
def test_what_is_wrong_is_named(text: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        files.parse(text, "x.toml")
    assert said in caught.value.message


def test_a_file_that_is_not_there_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(TrueupError) as caught:
        files.read(tmp_path / "x.toml")
    assert (caught.value.code, "schema infer" in caught.value.hint) == ("schema-not-found", True)


def test_two_schemas_are_compared_key_by_key() -> None:
    after = files.parse(files.text(FULL).replace("holds = 0.99", "holds = 0.5"), "x.toml")
    (change,) = comparing.compare(FULL, after)
    said = (change.where, change.what, change.key, change.before, change.after)
    assert said == ("carrier", "changed", "holds", "0.99", "0.5")


def test_adding_takes_new_columns_and_leaves_every_limit() -> None:
    before = Schema(columns={"a": Column(type="whole", at_most=5)})
    inferred = Schema(columns={"a": Column(type="text"), "b": Column(type="date")})
    added = comparing.added(before, inferred)
    assert added.columns == {"a": before.columns["a"], "b": inferred.columns["b"]}
