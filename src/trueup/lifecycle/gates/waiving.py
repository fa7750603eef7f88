"""Who may let a version pass in spite of a check, and which check."""

from __future__ import annotations

from trueup.foundation.errors import DeniedError, NotFoundError, UsageError
from trueup.foundation.text import did_you_mean, listing
from trueup.lifecycle.gates import rules
from trueup.lifecycle.gates.records import Verdict, Waiver
from trueup.lifecycle.models.records import ModelVersion
from trueup.lifecycle.plan.records import Process


def check_refused(version: ModelVersion, last: Verdict | None, check: str) -> None:
    """Return if the newest verdict about a version has this check, and it did not pass.

    Raises:
        NotFoundError: The version was never judged.
        UsageError: There is no such check, or it passed.
    """
    if last is None:
        raise NotFoundError(
            "verdict-missing",
            f"{version.ref} was not judged yet, so there is nothing to waive.",
            hint=f"trueup check {version.ref}",
        )
    named = {result.name: result for result in last.statement.results}
    refusing = [name for name, result in named.items() if result.refuses]
    if check not in named or not named[check].refuses:
        what = f"passed in verdict {last.id}" if check in named else "is no check of its verdict"
        near = "" if check in named else did_you_mean(check, named)
        others = f"these did not pass: {listing(refusing)}" if refusing else "every check passed"
        raise UsageError(
            "waiver-unneeded",
            f"'{check}' {what} about {version.ref}; {others}.{near}",
            hint=f"trueup check {version.ref}",
        )


def check_allowed(waiver: Waiver, version: ModelVersion, process: Process) -> None:
    """Return if this person may give this waiver.

    Raises:
        DeniedError: They made the version themselves.
        UsageError: It ends too late, has ended, or has no reason.
    """
    why = rules.why_no_waiver(waiver, version, process)
    if not why:
        return
    if process.template == "team" and version.registered_by == waiver.given_by:
        raise DeniedError("waiver-denied", f"{why}.", hint="ask a reviewer: trueup people list")
    raise UsageError(
        "waiver-unsound",
        f"This waiver of '{waiver.check}' cannot be given: {why}.",
        hint=f"trueup waiver add {version.ref} {waiver.check} --reason WHY --days 14",
    )
