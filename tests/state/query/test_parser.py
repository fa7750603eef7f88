"""The filter language: what it reads, how it binds, what it refuses and in which words."""

from __future__ import annotations

from typing import Any as Anything

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trueup.foundation.errors import UsageError
from trueup.state.query.parser import parse, parse_orders
from trueup.state.query.tree import All, Any, Comparison, Field, Node, Not
from trueup.state.query.vocabulary import LIST, NUMBER, PRESENCE, TEXT, Kind, Vocabulary

WORDS = Kind(holds="text", comparators=(*TEXT, *PRESENCE))
SHIPS = Vocabulary(
    own={
        "name": Kind(holds="text", comparators=(*TEXT, *LIST)),
        "built": Kind(holds="whole", comparators=NUMBER),
        "run_name": Kind(holds="text", comparators=TEXT),
    },
    families={
        "speed": Kind(holds="number", comparators=(*NUMBER, *PRESENCE)),
        "flag": WORDS,
        "port": {"town": WORDS},
    },
    prefixes={"speeds": "speed", "flags": "flag", "ship": "attribute"},
    names={"run name": "run_name", "Run Name": "run_name"},
    sorted_by=("name", "built"),
    sorted_families=("speed",),
)


def is_(entity: str, key: str, comparator: Anything, value: Anything = None) -> Comparison:
    return Comparison(field=Field(entity=entity, key=key), comparator=comparator, value=value)


A, B, C = (is_("speed", key, ">", 1.0) for key in "abc")


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("", None),
        (" \n", None),
        ("speed.a > 1", A),
        ("  speeds.a>1  ", A),
        ("speed.a > 1 and speed.b > 1 AND speed.c > 1", All(parts=(A, B, C))),
        ("speed.a > 1 OR speed.b > 1 AND speed.c > 1", Any(parts=(A, All(parts=(B, C))))),
        ("(speed.a > 1 OR speed.b > 1) AND speed.c>1", All(parts=(Any(parts=(A, B)), C))),
        ("NOT speed.a > 1 AND speed.b > 1", All(parts=(Not(part=A), B))),
        ("not (speed.a > 1)", Not(part=A)),
        ("((speed.a > 1))", A),
        ("name = 'Anna'", is_("attribute", "name", "=", "Anna")),
        ('ship.name != "Anna\'s"', is_("attribute", "name", "!=", "Anna's")),
        ("name = 'Anna''s'", is_("attribute", "name", "=", "Anna's")),
        ("flags.`my flag` like '%x'", is_("flag", "my flag", "LIKE", "%x")),
        ('flag."my flag" ilike "%x"', is_("flag", "my flag", "ILIKE", "%x")),
        ("`flag`.a.b.c = ''", is_("flag", "a.b.c", "=", "")),
        ("flag.`a'b.c` = 'AND'", is_("flag", "a'b.c", "=", "AND")),
        ("flag.x is null", is_("flag", "x", "IS NULL")),
        ("speed.x IS NOT NULL", is_("speed", "x", "IS NOT NULL")),
        ("port.town = 'Kiel'", is_("port", "town", "=", "Kiel")),
        ("name IN ('a', \"b\",'c')", is_("attribute", "name", "IN", ("a", "b", "c"))),
        ("name not in ('a',)", is_("attribute", "name", "NOT IN", ("a",))),
        ("run name = 'x'", is_("attribute", "run_name", "=", "x")),
        ("ship.Run Name = 'x'", is_("attribute", "run_name", "=", "x")),
        ("ship.`run name` = 'x'", is_("attribute", "run_name", "=", "x")),
        ("`Run Name` = 'x'", is_("attribute", "run_name", "=", "x")),
        ("built >= 1900", is_("attribute", "built", ">=", 1900)),
        (f"built < {10**400}", is_("attribute", "built", "<", 2**63 - 1)),
        (f"built > -{10**25}", is_("attribute", "built", ">", -(2**63))),
        ("speed.5 <= -1.5e3", is_("speed", "5", "<=", -1500.0)),
        ("speed.a < 1e400", is_("speed", "a", "<", float("inf"))),
        ("speed.a = .5", is_("speed", "a", "=", 0.5)),
    ],
)
def test_reads(text: str, tree: Node | None) -> None:
    assert parse(text, SHIPS) == tree


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("speed.a > 1 foo", "Invalid clause(s) in filter string: 'foo'"),
        ("speed.a > 1 AND foo", "Invalid attribute key 'foo' specified"),
        ("speed.a > 1 AND 5 = 5 AND name = 'x'", "Invalid clause(s) in filter string: '5 = 5'"),
        ("speed.a > 1 AND", "Invalid clause(s) in filter string"),
        ("(speed.a > 1", "Invalid clause(s) in filter string: '(speed.a > 1'"),
        ("speed.a > 1)", "Invalid clause(s) in filter string: ')'"),
        ("speed.a > 1;", "Invalid clause(s) in filter string: ';'"),
        ("name = 'x' name = 'y'", "Invalid clause(s) in filter string: 'name = 'y''"),
        ("name LIKE", "Invalid clause(s) in filter string: 'name LIKE'"),
        ("name IS 'x'", "Invalid clause(s) in filter string: 'name IS 'x''"),
        ("speed.a == 1", "Invalid comparator '==' not one of"),
        ("speed.a LIKE 'x'", "Invalid comparator 'LIKE' not one of"),
        ("flag.a > 'x'", "Invalid comparator '>' not one of"),
        ("flag.a = 5", "Expected a quoted string value for flag"),
        ("flag.a = x", "Expected a quoted string value for flag"),
        ("name = 5", "Expected a quoted string value for attributes. Got value 5"),
        ("speed.a > '5'", "Expected numeric value type for speed. Found '5'"),
        ("built > 'x'", "Expected numeric value type for numeric attribute: built. Found 'x'"),
        ("weight = 5", "Invalid attribute key 'weight' specified. Valid keys are"),
        ("mast.a = 5", "Invalid entity type 'mast'. Valid values are"),
        ("port.street = 'x'", "Invalid port key 'street' specified"),
        ("name IS NULL", "IS NULL / IS NOT NULL is only supported for"),
        ("name IN ()", "expected a non-empty list of string values"),
        ("name IN (1)", "expected string value, punctuation, or whitespace"),
        ("run_name IN ('x')", "Only ['name'] attributes support comparison with a list"),
        ("(" * 10**6, "nested deeper than"),
        ("NOT " * 10**6, "nested deeper than"),
        ("speed.a > 1 AND " * 10**5, "more than 250 comparisons"),
        ("name IN (" + "'x'," * 10**5, "a list of more than"),
        ("'" * (10**6 + 1), "Invalid"),
        ("`" * (10**6 + 1), "Invalid"),
        ("a." * 10**5, "Invalid"),
        ("1" * 10**6, "Invalid clause(s)"),
        ("speed.a > " + "1" * 10**6 + "x", "Expected numeric value"),
    ],
    ids=range(34),
)
def test_refuses_in_words_that_name_the_clause(text: str, said: str) -> None:
    with pytest.raises(UsageError) as raised:
        parse(text, SHIPS)
    assert said in raised.value.message
    assert len(raised.value.message) < 600


def test_orders_are_read() -> None:
    orders = parse_orders(["speeds.`a b` desc", "name", "ship.built ASC"], SHIPS)
    found = [(order.field.entity, order.field.key, order.descending) for order in orders]
    assert found == [
        ("speed", "a b", True),
        ("attribute", "name", False),
        ("attribute", "built", False),
    ]


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        ([""], "Invalid order_by clause ''. Could not be parsed."),
        (["name asc desc"], "Could not be parsed."),
        (["name up"], "Invalid ordering key in order_by clause 'name up'."),
        (["5"], "Could not be parsed."),
        (["run_name"], "Invalid attribute key 'run_name' specified"),
        (["flag.a"], "Invalid order_by entity type 'flag'"),
        (["name", "ship.name DESC"], "contains duplicate fields"),
        (["(" * 10**6], "Could not be parsed."),
    ],
    ids=range(8),
)
def test_orders_are_refused(texts: list[str], said: str) -> None:
    with pytest.raises(UsageError) as raised:
        parse_orders(texts, SHIPS)
    assert said in raised.value.message


@given(
    st.text(alphabet="ab.`'\"() =<>!,;1-+e AND OR NOT IN IS NULL LIKE speedflagname", max_size=80)
)
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        parse(text, SHIPS)
    except UsageError as error:
        assert error.code == "filter-malformed"
