"""What cannot be asked of a service is said with the line that can."""

from __future__ import annotations

import msgspec
import pytest

from trueup.doors.cli.main import run

NOBODY = "http://127.0.0.1:9"


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        (NOBODY, 2, "--model NAME"),
        ("ftp://here --model late", 2, "service-address"),
        (f"{NOBODY} --model late --p95-ms 20", 2, "--rate 50 --p95-ms 20"),
        (f"{NOBODY} --model late --record golden.json", 2, "--rows FILE --record golden.json"),
        (f"{NOBODY} --model late --rate 0", 2, "--rate"),
        (f"{NOBODY} --model late --golden none.json", 2, "golden-unreadable"),
        ("http://me:word@127.0.0.1:9 --model late", 2, "user or password"),
    ],
)
def test_bad_input_ends_before_anything_is_sent(
    line: str, code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["check", "service", *line.split(), "--json"]) == code
    written = capsys.readouterr()
    assert said in written.out + written.err
    assert "Traceback" not in written.err


@pytest.mark.slow
def test_a_service_that_is_not_there_is_unreachable(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", "service", NOBODY, "--model", "late", "--json"]) == 8
    assert "service-unreachable" in capsys.readouterr().out + ""


def test_the_error_is_json_where_json_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    run(["check", "service", NOBODY, "--json"])
    written = capsys.readouterr()
    assert msgspec.json.decode(written.out or written.err)
