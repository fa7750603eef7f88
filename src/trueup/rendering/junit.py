"""JUnit XML: what Jenkins, GitHub and GitLab read to show checks as tests."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Final, Literal
from xml.etree import ElementTree as Xml

from trueup.foundation.records import Record

Outcome = Literal["passed", "failed", "error", "skipped"]
# Characters that no XML 1.0 document may hold, not even escaped.
_FORBIDDEN: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Case(Record):
    """One check as a test case.

    Attributes:
        suite: What it belongs to; shown as the class of the test.
        name: Name of the check.
        outcome: How it ended. Of these, `failed` and `error` fail a build.
        words: The finding in one sentence.
        seconds: How long it took.
    """

    suite: str
    name: str
    outcome: Outcome
    words: str = ""
    seconds: float = 0.0


def xml(title: str, cases: Sequence[Case], at: datetime) -> str:
    """The cases as one JUnit XML document.

    Args:
        title: Name of the test suite.
        cases: The cases, in order.
        at: When they were found.

    Example:
        >>> from datetime import UTC, datetime
        >>> text = xml("gate", [Case("g", "c", "passed")], datetime(2026, 1, 1, tzinfo=UTC))
        >>> '<testcase classname="g" name="c" time="0.000" />' in text
        True
    """
    root = Xml.Element("testsuites", name=_legal(title))
    counts = {
        "tests": str(len(cases)),
        "failures": str(sum(case.outcome == "failed" for case in cases)),
        "errors": str(sum(case.outcome == "error" for case in cases)),
        "skipped": str(sum(case.outcome == "skipped" for case in cases)),
        "time": f"{sum(case.seconds for case in cases):.3f}",
        "timestamp": at.strftime("%Y-%m-%dT%H:%M:%S"),
    }
    suite = Xml.SubElement(root, "testsuite", {"name": _legal(title), **counts})
    for case in cases:
        element = Xml.SubElement(
            suite,
            "testcase",
            classname=_legal(case.suite),
            name=_legal(case.name),
            time=f"{case.seconds:.3f}",
        )
        words = _legal(case.words)
        match case.outcome:
            case "failed":
                Xml.SubElement(element, "failure", message=words).text = words
            case "error":
                Xml.SubElement(element, "error", message=words).text = words
            case "skipped":
                Xml.SubElement(element, "skipped", message=words)
            case "passed" if words:
                Xml.SubElement(element, "system-out").text = words
    Xml.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + Xml.tostring(root, "unicode") + "\n"


def _legal(text: str) -> str:
    return _FORBIDDEN.sub("\ufffd", text)
