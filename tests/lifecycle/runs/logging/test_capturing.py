"""What is printed is kept in whole plain lines, and still printed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trueup.lifecycle.runs.logging import capturing


def test_lines_are_kept_plain_and_printed_as_they_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stop = capturing.capture(tmp_path)
    sys.stdout.write("one \x1b[1;31mred\x1b[0m\n")
    sys.stdout.write("10 %\r50 %\r")
    sys.stdout.write("100 %\n")
    sys.stderr.write("wrong\n")
    sys.stdout.write("unfinished")
    stop()
    sys.stdout.write("afterwards\n")
    kept = (tmp_path / capturing.OUTPUT).read_text()
    assert kept.splitlines() == ["one red", "100 %", "wrong", "unfinished"]
    printed = capsys.readouterr()
    assert "\x1b[1;31mred" in printed.out
    assert "afterwards" in printed.out


def test_a_stream_that_somebody_put_over_it_stays(tmp_path: Path) -> None:
    before = sys.stdout
    stop = capturing.capture(tmp_path)
    other = capturing.Tee(sys.stdout, sys.stdout)  # type: ignore[arg-type]
    sys.stdout = other  # type: ignore[assignment]
    stop()
    assert sys.stdout is other
    sys.stdout = before


def test_it_ends_at_its_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capturing, "_MOST", 100)
    output = capturing.Output(tmp_path / "output.txt")
    for _ in range(50):
        output.add("0123456789\n")
    output.close()
    kept = (tmp_path / "output.txt").read_text()
    assert kept.endswith("16 MiB]\n")
    assert len(kept) < 200


@given(st.text(st.sampled_from("ab\r\x1b[]0;m\x07\x00\x9b é")))
def test_no_line_speaks_to_a_terminal(text: str) -> None:
    assert not {"\x1b", "\r", "\x07", "\x00"} & set(capturing.plain(text))
