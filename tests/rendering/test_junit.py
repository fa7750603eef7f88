"""JUnit XML says what the checks said, whatever stands in their words."""

from __future__ import annotations

from datetime import UTC, datetime
from xml.etree import ElementTree as Xml

from hypothesis import given
from hypothesis import strategies as st

from trueup.rendering.junit import Case, xml

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
OUTCOMES = ("passed", "failed", "error", "skipped")


def test_counts_and_findings_stand_where_servers_look_for_them() -> None:
    cases = [Case("gate.honest", name, name, f"it {name}", 0.5) for name in OUTCOMES]  # type: ignore[arg-type]
    (suite,) = Xml.fromstring(xml("gate of flights@1", cases, AT))
    assert suite.attrib == {
        "name": "gate of flights@1",
        "tests": "4",
        "failures": "1",
        "errors": "1",
        "skipped": "1",
        "time": "2.000",
        "timestamp": "2026-03-01T12:00:00",
    }
    found = {case.attrib["name"]: next(iter(case)) for case in suite}
    assert (found["failed"].tag, found["failed"].attrib["message"]) == ("failure", "it failed")
    assert found["error"].tag == "error" and found["skipped"].tag == "skipped"
    assert found["passed"].tag == "system-out"


@given(st.text(), st.text(), st.sampled_from(OUTCOMES))
def test_any_words_give_xml_that_can_be_read(name: str, words: str, outcome: str) -> None:
    (suite,) = Xml.fromstring(xml(words, [Case(words, name, outcome, words)], AT))  # type: ignore[arg-type]
    assert len(list(suite)) == 1
