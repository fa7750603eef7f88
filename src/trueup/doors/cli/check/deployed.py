"""What checks of a deployment found, part by part."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from trueup.doors.cli.check import findings
from trueup.doors.cli.terminal import output
from trueup.foundation.errors import GateFailedError

if TYPE_CHECKING:
    from trueup.lifecycle.gates.records import CheckResult


def told(title: str, found: Sequence[CheckResult], junit: str, html: str, *, as_json: bool) -> int:
    """Print the findings and write the reports; the exit code says whether all is well."""
    from trueup.lifecycle.gates import rules

    outcome = rules.outcome_of(found)
    findings.report(f"Checks of {title}", found, outcome, junit=junit, html=html)
    if as_json:
        output.emit_json(found)
    else:
        for result in found:
            findings.parts(result)
        findings.show(title, found, outcome)
    return 0 if outcome == "PASSED" else GateFailedError.exit_code
