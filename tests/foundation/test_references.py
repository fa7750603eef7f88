"""One grammar of references: whatever is printed can be typed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trueup.foundation.errors import UsageError
from trueup.foundation.references import KINDS, Reference, check_name, parse

NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,20}", fullmatch=True)
SELECTORS = st.from_regex(r"[A-Za-z0-9._:-]{1,20}", fullmatch=True)


@given(st.sampled_from(KINDS), NAMES, st.just("") | SELECTORS)
def test_what_is_printed_is_read_back(kind: str, name: str, selector: str) -> None:
    reference = Reference(kind=kind, name=name, selector=selector)
    assert parse(str(reference)) == reference


@pytest.mark.parametrize(
    ("text", "kind", "name", "selector"),
    [
        ("flights@12", "model", "flights", "12"),
        ("flights@champion", "model", "flights", "champion"),
        ("flights", "model", "flights", ""),
        ("run:7k3f9qd2", "run", "7k3f9qd2", ""),
        ("data:flights@b3:ab12", "data", "flights", "b3:ab12"),
        ("release:late-arrivals@2", "release", "late-arrivals", "2"),
        ("prediction:0192f0c4aa-17", "prediction", "0192f0c4aa-17", ""),
        ("  run:7k3f9qd2\n", "run", "7k3f9qd2", ""),
    ],
)
def test_the_forms_of_the_grammar(text: str, kind: str, name: str, selector: str) -> None:
    assert parse(text) == Reference(kind=kind, name=name, selector=selector)


@pytest.mark.parametrize("text", ["", "@", "a b", "run:", ":x", "flights@", "../x", "a@b@c", "ä"])
def test_what_is_no_reference_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(text)
    assert caught.value.code == "reference-malformed"


def test_an_unknown_kind_names_the_near_one() -> None:
    with pytest.raises(UsageError, match="Did you mean 'release'"):
        parse("relase:late@1")


@given(NAMES)
def test_a_good_name_passes_and_survives_a_reference(name: str) -> None:
    assert parse(f"run:{check_name(name, 'run')}").name == name


@given(st.text())
def test_a_name_is_good_or_refused_with_a_good_one(name: str) -> None:
    try:
        check_name(name, "goal")
    except UsageError as error:
        suggested = error.hint.rpartition(" to ")[2].strip("'")
        assert check_name(suggested, "goal") == suggested
