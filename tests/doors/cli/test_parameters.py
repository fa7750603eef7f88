"""What a command line says of parameters and shares."""

from __future__ import annotations

from pathlib import Path

import pytest

from trueup.doors.cli.terminal.parameters import a_share, pairs
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


def test_parameters_come_from_files_too_and_the_last_one_counts(tmp_path: Path) -> None:
    file = tmp_path / "fast.toml"
    file.write_text('depth = 4\nlr = 0.5\nname = "a b"\nmonths = ["2013-01"]\nquick = true\n')
    other = tmp_path / "more.json"
    other.write_text('{"lr": 0.25, "above": null}')
    assert pairs(("depth=2", f"@{file}", f"@{other}", "name=c")) == {
        "depth": "4",
        "lr": "0.25",
        "name": "c",
        "months": '["2013-01"]',
        "quick": "true",
        "above": "null",
    }


@pytest.mark.parametrize(
    ("written", "says"),
    [(None, "No such file"), ("depth = ", "cannot be read"), ("[1]", "a list, and not values")],
)
def test_a_file_of_no_parameters_is_refused(tmp_path: Path, written: str | None, says: str) -> None:
    file = tmp_path / "given.json" if written == "[1]" else tmp_path / "given.toml"
    if written is not None:
        file.write_text(written)
    with pytest.raises(UsageError, match=says):
        pairs((f"@{file}",))
