"""A verdict for others: JUnit cases, an HTML report, Markdown for a review."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from trueup.app.wiring import Workspace
from trueup.foundation.actor import Actor
from trueup.foundation.errors import NotFoundError
from trueup.foundation.text import plural
from trueup.lifecycle.gates.records import CheckResult, Statement, Verdict
from trueup.lifecycle.gates.standing import failing
from trueup.lifecycle.models.records import ModelVersion
from trueup.ports.hosting import Status
from trueup.rendering import findings, junit, report, words

_OUTCOMES: Final[dict[str, junit.Outcome]] = {
    "passed": "passed",
    "failed": "failed",
    "not-enough-data": "failed",  # only passed passes
    "error": "error",
    "not-applicable": "skipped",
}
_CHECKS: Final = ("check", "value", "bound", "limit", "detectable", "rows", "outcome")


class MetricChange(NamedTuple):
    """A number of a goal or of a run, and the same number of the version compared with."""

    name: str
    value: float | None
    before: float | None


class Compared(NamedTuple):
    """A version, what it is compared with, and how the numbers of both differ."""

    version: ModelVersion
    before: ModelVersion | None
    metrics: tuple[MetricChange, ...]


def compare(
    workspace: Workspace, actor: Actor, model: str, selector: str, against: str
) -> Compared:
    """What a version's goals and its run measured, beside another version's.

    Args:
        workspace: The project.
        actor: Who asks.
        model: Name of the model.
        selector: Which version; empty for the newest.
        against: Commit whose version is the other one; empty for the champion.

    Raises:
        NotFoundError: There is no such version.
    """
    version = workspace.models.show(actor, model, selector)
    before = _other(workspace, actor, version, against)
    new = _metrics(workspace, actor, version)
    old = _metrics(workspace, actor, before) if before else {}
    names = sorted({*new, *old})
    changes = tuple(MetricChange(name, new.get(name), old.get(name)) for name in names)
    return Compared(version, before, changes)


def cases(verdict: Verdict) -> list[junit.Case]:
    """Each check as a test case: only `passed` passes; advice and what is waived is skipped."""
    waived = {waiver.check for waiver in verdict.statement.waivers}
    return cases_of(verdict.statement.results, waived)


def cases_of(results: Iterable[CheckResult], waived: Collection[str] = ()) -> list[junit.Case]:
    """Checks as test cases."""
    return [
        junit.Case(
            suite=f"gate.{result.goal}" if result.goal else "gate",
            name=result.check,
            outcome=_case(result, waived),
            words=result.words,
        )
        for result in results
    ]


def part_cases_of(results: Iterable[CheckResult]) -> list[junit.Case]:
    """What checks looked at, one by one, as test cases."""
    return [
        junit.Case(
            suite=result.check, name=part.name, outcome=_OUTCOMES[part.outcome], words=part.words
        )
        for result in results
        for part in result.parts
    ]


def _case(result: CheckResult, waived: Collection[str]) -> junit.Outcome:
    if result.refuses and result.name in waived:
        return "skipped"
    return (
        "skipped" if result.advisory and result.outcome != "passed" else _OUTCOMES[result.outcome]
    )


def page(verdict: Verdict, compared: Compared) -> str:
    """The verdict as one self-contained HTML file; it holds no rows."""
    said = verdict.statement
    sections = [
        _checks(said.results),
        *_waived(said),
        *(section for result in said.results for section in parts(result)),
        report.Section(
            title=f"Metrics beside {compared.before.ref}" if compared.before else "Metrics",
            columns=("metric", said.model_ref, "before", "difference"),
            rows=tuple(_metric_row(change) for change in compared.metrics),
        ),
        report.Section(
            title="What it rests on",
            facts={
                "model": said.model,
                "plan": said.plan,
                "gate": said.gate,
                "rows": f"{said.rows} {said.data}",
                "trained on": said.trained_on,
                "environment": said.environment,
                "champion": said.champion or "there was none",
                "digest": verdict.digest,
                "signed by key": verdict.key,
            },
        ),
    ]
    note = f"verdict:{verdict.id}, given {words.moment(verdict.given_at)} to {verdict.given_by}"
    return report.html(f"Verdict on {said.model_ref}", sections, state=said.outcome, note=note)


def page_of(title: str, results: Sequence[CheckResult], outcome: str) -> str:
    """Checks without a verdict as one self-contained HTML file."""
    details = (section for result in results for section in parts(result))
    return report.html(title, [_checks(results), *details], state=outcome)


def _checks(results: Sequence[CheckResult]) -> report.Section:
    return report.Section(
        title="Checks",
        words="Every check must pass; not enough data does not pass. Advice refuses nothing.",
        columns=(*_CHECKS, "finding"),
        rows=tuple((*_row(result), result.words) for result in results),
        states=6,
    )


def measured(result: CheckResult) -> list[findings.Measured]:
    """What a check looked at, as charts and tables take it."""
    return [
        findings.Measured(
            name=part.name,
            state=part.outcome,
            value=part.value,
            low=part.lower,
            high=part.upper,
            limit=part.limit,
            rows=part.rows,
            words=part.words,
        )
        for part in result.parts
    ]


def parts(result: CheckResult) -> list[report.Section]:
    """What a check looked at, one by one; nothing for a check that looked at one thing."""
    if len(result.parts) < 2:
        return []
    found = measured(result)
    rows = findings.table(found)
    more = len(found) - len(rows)
    return [
        report.Section(
            title=result.name,
            words=result.words + (f" The other {more:,} are left out here." if more else ""),
            chart=findings.intervals(result.name.replace(".", "-"), result.name, found),
            columns=findings.COLUMNS,
            rows=rows,
            states=1,
        )
    ]


def _waived(said: Statement) -> list[report.Section]:
    """Whose leave a verdict needs."""
    if not said.waivers:
        return []
    return [
        report.Section(
            title="Waived",
            words="These checks did not pass, and somebody answers for it until the day named.",
            columns=("check", "by", "until", "reason"),
            rows=tuple(
                (each.check, each.given_by, f"{each.until:%Y-%m-%d}", each.reason)
                for each in said.waivers
            ),
        )
    ]


def markdown(verdict: Verdict, compared: Compared) -> str:
    """The verdict as a comment under a review."""
    said = verdict.statement
    state = words.state(said.outcome)
    lines = [f"### {state.mark} {said.model_ref}: {summary(verdict)}", ""]
    lines += _table(_CHECKS, [_row(result) for result in said.results])
    bad = [result for result in said.results if result.outcome != "passed"]
    waived = [f"- {each}" for each in said.waivers]
    lines += ["", *waived] if waived else []
    lines += ["", *(f"- **{result.name}**: {result.words}" for result in bad)]
    if compared.metrics:
        beside = compared.before.ref if compared.before else "before"
        rows = [_metric_row(change) for change in compared.metrics]
        lines += ["", *_table(("metric", said.model_ref, beside, "difference"), rows)]
    lines += ["", f"<sub>verdict:{verdict.id}, plan {said.plan[:15]}, data {said.data[:15]}</sub>"]
    return "\n".join(lines) + "\n"


def status(verdict: Verdict, model: str, url: str = "") -> Status:
    """The verdict as what is said about a commit."""
    return Status(
        state="success" if verdict.passed else "failure",
        context=f"trueup/{model}",
        description=f"{verdict.statement.model_ref}: {summary(verdict)}",
        url=url,
    )


def summary(verdict: Verdict) -> str:
    """The outcome in a few words.

    Example: `all 6 checks passed`, or `2 of 6 checks kept it from passing`.
    """
    count = len(verdict.statement.results)
    bad = len(failing(verdict))
    waived = len(verdict.statement.waivers)
    if not bad and waived:
        return f"{plural(waived, 'check')} of {count} waived, the others passed or did not apply"
    if not bad:
        return f"all {plural(count, 'check')} passed or did not apply"
    return f"{bad} of {plural(count, 'check')} kept it from passing"


def _other(
    workspace: Workspace, actor: Actor, version: ModelVersion, against: str
) -> ModelVersion | None:
    selector = f"commit:{against}" if against else "champion"
    try:
        return workspace.models.show(actor, version.model, selector)
    except NotFoundError:
        return None


def _metrics(workspace: Workspace, actor: Actor, version: ModelVersion) -> Mapping[str, float]:
    """What its newest verdict measured for goals, and what its run logged."""
    verdicts = workspace.gates.of_model(actor, version.ref)
    results = verdicts[0].statement.results if verdicts else ()
    measured = {r.goal: r.value for r in results if r.check == "limit" and r.value is not None}
    logged = workspace.runs.metrics(actor, version.manifest.run)
    return measured | {f"{metric.step}.{metric.name}": metric.value for metric in logged}


def _row(result: CheckResult) -> tuple[str, ...]:
    return (
        f"{result.name} (advice)" if result.advisory else result.name,
        words.number(result.value),
        words.number(result.bound),
        words.number(result.limit),
        words.number(result.detectable),
        f"{result.rows:,}" if result.rows else words.NOTHING,
        result.outcome,
    )


def _metric_row(change: MetricChange) -> tuple[str, ...]:
    both = change.value is not None and change.before is not None
    difference = words.difference(change.value - change.before) if both else words.NOTHING  # type: ignore[operator]
    return change.name, words.number(change.value), words.number(change.before), difference


def _table(columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> list[str]:
    lines = ["| " + " | ".join(columns) + " |", "|" + " --- |" * len(columns)]
    # A bar would end its cell.
    return lines + ["| " + " | ".join(c.replace("|", "\\|") for c in row) + " |" for row in rows]
