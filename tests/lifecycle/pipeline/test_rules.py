"""The decisions of pipelines, for any input."""

from __future__ import annotations

import inspect

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trueup.foundation.errors import UsageError
from trueup.lifecycle.pipeline import rules
from trueup.lifecycle.pipeline.records import Parameter, Place

AT = Place("pipelines/flights.py", 12)
NAMES = st.text("abcdef", min_size=1, max_size=5)


@given(st.integers())
def test_a_number_given_as_text_is_the_number(number: int) -> None:
    known = {"n": Parameter(int, 0)}
    assert rules.typed("p", known, {"n": str(number)}, from_text=True) == {"n": number}


@given(st.dictionaries(NAMES, st.integers(), max_size=4), st.dictionaries(NAMES, st.integers()))
def test_parameters_are_complete_or_refused(
    defaults: dict[str, int], given_values: dict[str, int]
) -> None:
    known = {name: Parameter(int, value) for name, value in defaults.items()}
    if given_values.keys() <= known.keys():
        assert rules.typed("p", known, given_values) == defaults | given_values
    else:
        with pytest.raises(UsageError):
            rules.typed("p", known, given_values)


@given(st.lists(st.integers(), max_size=3), st.dictionaries(NAMES, st.integers(), max_size=3))
def test_arguments_are_bound_as_python_binds_them(args: list[int], kwargs: dict[str, int]) -> None:
    def function(a: int, b: int = 2) -> dict[str, int]:
        return {"a": a, "b": b}

    signature = inspect.signature(function)
    try:
        expected = function(*args, **kwargs)
    except TypeError:
        with pytest.raises(UsageError):
            rules.bind("s", signature, tuple(args), kwargs, AT)
    else:
        assert rules.bind("s", signature, tuple(args), kwargs, AT) == expected


def test_an_unknown_dataset_is_named_with_line_near_name_and_cure() -> None:
    with pytest.raises(UsageError) as caught:
        rules.check_datasets({"flihgts": AT}, ["flights", "weather"])
    assert caught.value.message.startswith("pipelines/flights.py:12: there is no dataset 'flihgts'")
    assert "Did you mean 'flights'?" in caught.value.message
    assert "[datasets.flihgts]" in caught.value.hint


def test_known_datasets_pass() -> None:
    rules.check_datasets({"flights": AT}, ["flights", "weather"])


@pytest.mark.parametrize("schedule", ["0 3 * * 1", "*/5 * * * *", "0 0 29 2 *"])
def test_cron_expressions_pass(schedule: str) -> None:
    rules.check_schedule(schedule, AT)
