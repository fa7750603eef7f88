"""Figures, moments and states as people read them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trueup.lifecycle.gates.records import CheckOutcome, VerdictOutcome
from trueup.lifecycle.improvement.records import ProposalState
from trueup.lifecycle.monitoring.records import AlertState, FindingVerdict
from trueup.lifecycle.releases.records import ReleaseState
from trueup.lifecycle.runs.records import RunState, StepState
from trueup.people.records import ApprovalState
from trueup.rendering import words

MARCH = datetime(2026, 3, 1, tzinfo=UTC)
STATES = sorted(
    {
        name
        for kind in (
            AlertState,
            ApprovalState,
            CheckOutcome,
            FindingVerdict,
            ProposalState,
            ReleaseState,
            RunState,
            StepState,
            VerdictOutcome,
        )
        for name in get_args(kind)
    }
)


@pytest.mark.parametrize("name", STATES)
def test_every_state_has_a_mark_of_its_own(name: str) -> None:
    assert words.state(name).mark != "•"


def test_an_unknown_state_is_shown_as_it_is() -> None:
    assert words.state("half-done") == words.State("•", "half done", "quiet")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "–"),
        (float("nan"), "–"),
        (float("inf"), "–"),
        (0.0, "0"),
        (0.72345, "0.7235"),
        (-0.5, "−0.5"),
        (12.3456, "12.35"),
        (336_776, "336,776"),
        (12_345.6, "12,346"),
        (0.00001234, "1.234e-05"),
    ],
)
def test_a_number_has_few_digits_and_a_real_minus(value: float | None, said: str) -> None:
    assert words.number(value) == said


@given(st.floats(min_value=-1e9, max_value=1e9))
def test_a_number_stays_close_to_its_value(value: float) -> None:
    said = float(words.number(value).replace("−", "-").replace(",", ""))
    assert said == pytest.approx(value, rel=1e-3, abs=1e-4)


@pytest.mark.parametrize(
    ("value", "said"), [(0.25, "25 %"), (1 / 3, "33.3 %"), (1, "100 %"), (0, "0 %"), (None, "–")]
)
def test_a_share_is_said_as_a_percentage(value: float | None, said: str) -> None:
    assert words.percent(value) == said


@pytest.mark.parametrize(("value", "said"), [(0.02, "+0.02"), (-0.02, "−0.02"), (0.0, "±0")])
def test_a_difference_always_has_a_sign(value: float, said: str) -> None:
    assert words.difference(value) == said


@pytest.mark.parametrize(
    ("length", "said"),
    [
        (0.0042, "4.2 ms"),
        (75, "1 min 15 s"),
        (timedelta(hours=2, minutes=5), "2 h 5 min"),
        (timedelta(hours=3), "3 h"),
        (timedelta(days=1), "1 day"),
        (None, "–"),
    ],
)
def test_a_duration_uses_the_unit_that_fits(length: timedelta | float | None, said: str) -> None:
    assert words.duration(length) == said


def test_a_span_of_whole_days_leaves_the_hours_out() -> None:
    week = timedelta(days=7)
    assert words.span(MARCH, MARCH + week) == "1 Mar 2026 to 8 Mar 2026"
    assert words.span(MARCH, MARCH + timedelta(hours=1)).endswith("1 Mar 2026, 01:00 UTC")
    assert words.span(None, MARCH) == "–"


def test_days_moments_limits_and_titles() -> None:
    assert words.day(date(2026, 3, 1)) == "1 Mar 2026"
    assert words.moment(None) == "–"
    assert words.limit(0.64, None) == "at least 0.64"
    assert words.limit(None, 0.2) == "at most 0.2"
    assert words.limit(None, None) == "–"
    assert words.title("late-arrivals") == "Late arrivals"
