"""What a command line says of parameters and shares."""

from __future__ import annotations

import pytest

from trueup.doors.cli.terminal.parameters import a_share
from trueup.foundation.errors import UsageError


@pytest.mark.parametrize(
    ("text", "value"), [("5%", 0.05), ("0.05", 0.05), ("100 %", 1.0), ("0", 0.0)]
)
def test_a_share_is_a_percentage_or_a_fraction(text: str, value: float) -> None:
    assert a_share(text) == pytest.approx(value)


@pytest.mark.parametrize("text", ["", "x", "101%", "-1%", "nan", "2"])
def test_what_is_no_share_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="no share between"):
        a_share(text)
