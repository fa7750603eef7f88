"""Check digits of ids: python-stdnum 2.2 said which of these are genuine."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from trueup.lifecycle.data.personal import digits
from trueup.lifecycle.data.personal.marks import MARKS, is_named_personal

IDS = json.loads((Path(__file__).parent / "ids.json").read_text())
# These look at birthdays and at the number of years only roughly.
ROUGH = {"belgium", "norway"}


@pytest.mark.parametrize("name", IDS)
def test_genuine_ids_are_told_from_others(name: str) -> None:
    is_genuine = getattr(digits, name)
    assert all(is_genuine(text) for text in IDS[name]["good"])
    if name not in ROUGH:
        assert not any(is_genuine(text) for text in IDS[name]["bad"])


@pytest.mark.parametrize("mark", [m for m in MARKS if m.genuine], ids=lambda m: m.name)
def test_every_text_of_a_mark_can_be_judged(mark: object) -> None:
    """A pattern lets nothing through that its check digits cannot read."""
    found = pl.Series([text for ids in IDS.values() for kind in ids.values() for text in kind])
    hits = found.filter(found.str.contains(mark.pattern))  # type: ignore[attr-defined]
    for text in hits.str.extract(f"({mark.pattern})", 1):  # type: ignore[attr-defined]
        assert mark.genuine(text) in (True, False)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("name", "is_personal"),
    [
        ("last_name", True),
        ("E-Mail", True),
        ("dateOfBirth", True),
        ("carrier_name", False),
        ("origin", False),
    ],
)
def test_names_of_columns_are_a_hint(name: str, is_personal: bool) -> None:
    assert is_named_personal(name) == is_personal
