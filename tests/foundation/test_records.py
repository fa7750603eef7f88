"""Records are frozen, refuse what they do not know, and equal ones give equal bytes."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trueup.foundation.records import Record, builtins, decode, encode

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text() | st.floats(-1e9, 1e9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


class Pet(Record):
    name: str
    tags: tuple[str, ...] = ()


def test_a_record_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        Pet(name="Kim").name = "Tom"  # type: ignore[misc]


def test_a_record_refuses_unknown_and_wrong_fields() -> None:
    for text in ('{"name": "Kim", "legs": 4}', '{"name": 1}', "{}"):
        with pytest.raises(msgspec.ValidationError):
            decode(text, Pet)


@given(st.text(), st.lists(st.text()))
def test_what_is_written_is_read_back(name: str, tags: list[str]) -> None:
    pet = Pet(name=name, tags=tuple(tags))
    assert decode(encode(pet), Pet) == pet


def test_bytes_that_are_no_text_are_no_json() -> None:
    for raw in (b'{"\xffname":"x"}', b'{"name":"\xff"}', b"\xff"):
        with pytest.raises(msgspec.MsgspecError):
            decode(raw, Pet)


@given(JSON)
def test_json_means_what_the_standard_library_reads(value: Any) -> None:
    assert json.loads(encode(value)) == value


@given(st.dictionaries(st.text(), st.integers(), min_size=2))
def test_the_order_of_keys_does_not_matter(value: dict[str, int]) -> None:
    assert encode(value) == encode(dict(reversed(value.items())))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {"a": [1.0, {"b": float("-inf")}]}])
def test_what_json_cannot_say_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="no JSON form"):
        encode(value)


def test_builtins_are_plain() -> None:
    assert builtins(Pet(name="Kim", tags=("a",))) == {"name": "Kim", "tags": ("a",)}
