"""What makes a plan sound. Pure functions: a plan that passes can be compiled and run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING

from trueup.foundation import clock, digests
from trueup.foundation.amounts import bytes_of
from trueup.foundation.errors import UsageError
from trueup.foundation.records import builtins
from trueup.foundation.references import check_name
from trueup.foundation.text import did_you_mean
from trueup.lifecycle.plan import calendars, guards, takeover
from trueup.lifecycle.plan.calendars import Calendar
from trueup.lifecycle.plan.demands import AnyDemand, Baseline, Champion, Limit, kind_of
from trueup.lifecycle.plan.deployments import Deployment, Limits, Loading
from trueup.lifecycle.plan.records import (
    Gate,
    Goal,
    Milestone,
    MilestoneStatus,
    Plan,
    Process,
    Surroundings,
)
from trueup.rendering import words

_BODY_MIB = 1024

if TYPE_CHECKING:
    from trueup.statistics.metrics import Metric


def check(plan: Plan, metrics: Mapping[str, Metric]) -> None:
    """Refuse a plan that could not be carried out.

    Args:
        plan: The plan as written.
        metrics: The metrics that exist, by name.

    Raises:
        UsageError: Naming the first thing that is wrong.
    """
    check_name(plan.project.name, "project")
    for name in plan.datasets:
        check_name(name, "dataset")
    for name in plan.process.runs_code:
        check_name(name, "model")
    _check_unique("goal", [goal.id for goal in plan.goals])
    _check_unique("risk", [risk.id for risk in plan.risks])
    _check_unique("milestone", [milestone.id for milestone in plan.milestones])
    for goal in plan.goals:
        _check_goal(goal, metrics)
    parts = {f"{goal.id}.{part}" for goal in plan.watched for part in ("watch", "on_breach")}
    parts |= {f"{goal.id}.gate" for goal in plan.goals}
    for risk in plan.risks:
        for key, value in (("detect", risk.detect), ("treat", risk.treat)):
            _check_points_at(f"risk '{risk.id}' {key}", value, parts)
        for key, score in (("likelihood", risk.likelihood), ("impact", risk.impact)):
            if not 1 <= score <= 5:
                raise _wrong(f"risk '{risk.id}' has {key} {score}; it must be 1 to 5")
    conditions = {p for p in parts if not p.endswith(".on_breach")}
    conditions |= {f"released:{name}" for name in plan.deployments}
    for milestone in plan.milestones:
        for condition in milestone.done_when:
            _check_points_at(f"milestone '{milestone.id}' done_when", condition, conditions)
        if not milestone.done_when:
            raise _wrong(f"milestone '{milestone.id}' has no condition, so nothing could reach it")
    _check_deployments(plan, metrics)


def check_surroundings(around: Surroundings) -> None:
    """Refuse surroundings that could not be used.

    Raises:
        UsageError: Naming the first thing that is wrong.
    """
    for name, remote in around.remotes.items():
        check_name(name, "remote")
        if "://" not in remote.url:
            raise _wrong(f"remote '{name}' has the url '{remote.url}'; write s3://bucket/folder")
    for name, connection in around.connections.items():
        check_name(name, "connection")
        if connection.token and not connection.token.startswith("secret:"):
            raise _wrong(
                f"connection '{name}' holds its token in the open; keep it with "
                f"'trueup secret set' and write token = \"secret:{name.upper()}_TOKEN\""
            )
    costs = around.costs
    for key in ("cpu_hour", "gb_hour", "gpu_hour"):
        if getattr(costs, key) < 0:
            raise _wrong(f"costs.{key} is {getattr(costs, key)}; it must not be negative")
    if around.cache.remote and around.cache.remote not in around.remotes:
        raise UsageError(
            "plan-dangling",
            f"cache.remote points at '{around.cache.remote}', which is no remote."
            f"{did_you_mean(around.cache.remote, around.remotes)}",
            hint=f'add to trueup.toml:  [remotes.{around.cache.remote}]  url = "s3://bucket/folder"',
        )


def plan_digest(plan: Plan, fingerprints: Mapping[str, str]) -> str:
    """The address of a plan: its content and the code of its metrics."""
    return digests.of_record({"plan": builtins(plan), "metrics": dict(fingerprints)})


def metrics_of(plan: Plan) -> list[str]:
    """The metrics that the goals name, sorted."""
    named = {goal.metric for goal in plan.goals}
    named |= {getattr(demand, "metric", "") for goal in plan.goals for demand in goal.checks}
    return sorted(named - {""})


def limit(goal: Goal, part: str) -> tuple[float | None, float | None]:
    """The (at_least, at_most) of a goal's `gate` or `watch`; a watch inherits the gate's."""
    watch = goal.watch if part == "watch" else None
    if watch is not None and (watch.at_least, watch.at_most) != (None, None):
        return watch.at_least, watch.at_most
    return goal.gate.at_least, goal.gate.at_most


def demanded(goal: Goal) -> tuple[str, ...]:
    """What a goal demands before release, in words.

    Example:
        >>> gate = Gate(at_least=0.64, beats="champion")
        >>> demanded(Goal(id="accurate", claim="", metric="roc_auc", gate=gate))
        ('at least 0.64', 'beats champion')
    """
    said = [words.limit(*limit(goal, "gate"))] if goal.metric else []
    said += ["beats champion"] if goal.gate.beats else []
    return (*said, *map(kind_of, goal.checks))


def drops_approval(before: Plan, after: Plan) -> bool:
    """Whether releases would no longer need a second person, or aliases no evidence."""
    kept = {name.casefold() for name in after.process.protected}
    dropped = any(name.casefold() not in kept for name in before.process.protected)
    return dropped or (before.process.template == "team" and after.process.template == "solo")


def lets_code_run(before: Plan | None, after: Plan) -> bool:
    """Whether code of a model would run where none of it did."""
    known = before.process.runs_code if before else ()
    return not set(after.process.runs_code) <= set(known)


def is_protected(name: str, process: Process) -> bool:
    """Whether an alias or stage moves with evidence only; capital letters make no difference."""
    return name.casefold() in {protected.casefold() for protected in process.protected}


def milestone_status(milestone: Milestone, holding: Collection[str]) -> MilestoneStatus:
    """Whether a milestone is reached, given the conditions that hold now."""
    missing = tuple(c for c in milestone.done_when if c not in holding)
    return MilestoneStatus(milestone=milestone, reached=not missing, missing=missing)


def _check_goal(goal: Goal, metrics: Mapping[str, Metric]) -> None:
    check_name(goal.id, "goal")
    for demand in goal.checks:
        _check_metric(goal, getattr(demand, "metric", ""), metrics)
        _check_demand(goal, demand, metrics)
        if trouble := demand.unsound():
            raise _wrong(f"the check {kind_of(demand)} of goal '{goal.id}' {trouble}")
    if goal.metric:
        _check_metric(goal, goal.metric, metrics)
        _check_direction(goal, metrics[goal.metric])
        _check_measured(goal, metrics[goal.metric])
        return
    if not goal.checks:
        raise _wrong(f"goal '{goal.id}' names neither a metric nor checks, so nothing proves it")
    if goal.watch is not None or goal.gate != Gate():
        part = "gate" if goal.watch is None else "watch"
        raise _wrong(f"goal '{goal.id}' has a {part}, but no metric for it")


def _check_demand(goal: Goal, demand: AnyDemand, metrics: Mapping[str, Metric]) -> None:
    name = getattr(demand, "metric", "")
    if not name:
        return
    what = f"the check '{kind_of(demand)}' of goal '{goal.id}'"
    if metrics[name].is_own:
        if not isinstance(demand, Limit | Champion | Baseline):
            raise _wrong(
                f"{what} measures by '{name}', a function of the project, and looks at rows that "
                "only Trueup's metrics can be taken of; name one of these"
            )
        if not demand.better and (name, bool(goal.better)) != (goal.metric, True):
            raise _wrong(f"{what} does not say which direction of '{name}' is better; add better")
    elif isinstance(demand, Champion | Baseline):
        from trueup.statistics.pairs import why_not

        if trouble := why_not(metrics[name], demand.rule):
            raise _wrong(f"{what} cannot be decided: {trouble}")


def _check_direction(goal: Goal, metric: Metric) -> None:
    if metric.is_own and not goal.better:
        raise _wrong(
            f"goal '{goal.id}' has a metric of the project, '{metric.name}', and does not say "
            'which direction is better; add better = "higher" or better = "lower"'
        )
    if goal.better and not metric.is_own and goal.better != metric.better:
        raise _wrong(
            f"goal '{goal.id}' says better = \"{goal.better}\", but of {metric.name} "
            f"{metric.better} is better; leave it out"
        )


def _check_metric(goal: Goal, name: str, metrics: Mapping[str, Metric]) -> None:
    if not name or name in metrics:
        return
    bare = name.partition("@")[0]
    if bare in metrics:
        from trueup.statistics.metrics import argument_of

        near, hint = "", argument_of(metrics[bare])
    else:
        near, hint = did_you_mean(bare, metrics), f"use one of: {', '.join(sorted(metrics))}"
    raise UsageError(
        "metric-unknown", f"Goal '{goal.id}' names the unknown metric '{name}'.{near}", hint=hint
    )


def _check_measured(goal: Goal, metric: Metric) -> None:
    if goal.watch is None:
        if metric.needs == "latency" or metric.tasks == ("binary",):
            raise _wrong(f"goal '{goal.id}' has no watch; give window, labels_within and min_rows")
    elif not metric.is_counted:
        from trueup.statistics.metrics import METRICS

        counted = [name for name, made in METRICS.items() if made.is_counted]
        raise _wrong(
            f"goal '{goal.id}' has a watch, but monitors keep counts and {metric.name} cannot be "
            f"had from counts; leave its watch out, or watch one of {', '.join(counted)}"
        )
    _check_comparable(goal, metric)
    for part, rule in (("gate", goal.gate), ("watch", goal.watch)):
        if rule is None:
            continue
        both = rule.at_least is not None and rule.at_most is not None
        neither = limit(goal, part) == (None, None)
        if both or neither:
            raise _wrong(
                f"the {part} of goal '{goal.id}' has {'both' if both else 'neither'} "
                "at_least and at_most; give exactly one"
            )
        if rule.min_rows < 1:
            raise _wrong(f"the {part} of goal '{goal.id}' has min_rows {rule.min_rows}")
    if not 0.5 < goal.gate.confidence < 1:
        raise _wrong(
            f"the gate of goal '{goal.id}' has confidence {goal.gate.confidence}; "
            "it must lie between 0.5 and 1"
        )
    for key in ("window", "labels_within") if goal.watch is not None else ():
        _check_duration(f"watch.{key} of goal '{goal.id}'", getattr(goal.watch, key))


def _check_comparable(goal: Goal, metric: Metric) -> None:
    if not goal.gate.beats:
        if goal.gate.rule:
            raise _wrong(
                f"the gate of goal '{goal.id}' has the rule '{goal.gate.rule}', but compares with "
                'nothing; add beats = "champion"'
            )
        return
    why = ""
    if metric.better == "neither":
        why = "is neither good nor bad when it is high, so no model wins by it"
    elif metric.needs == "latency":
        why = "is measured on calls, not on the rows that both models score"
    if why:
        raise _wrong(
            f"the gate of goal '{goal.id}' says beats = \"{goal.gate.beats}\", but {metric.name} "
            f"{why}; give at_least or at_most alone"
        )
    if goal.gate.rule:
        from trueup.statistics.pairs import why_not

        if trouble := why_not(metric, goal.gate.rule):
            raise _wrong(f"the gate of goal '{goal.id}' cannot be decided by its rule: {trouble}")


def _check_deployments(plan: Plan, metrics: Mapping[str, Metric]) -> None:
    for problem in calendars.problems(plan.calendar):
        raise _wrong(f"the calendar has {problem}")
    for name, deployment in plan.deployments.items():
        check_name(name, "deployment")
        model, _, alias = deployment.model.partition("@")
        check_name(model, "model")
        if alias:
            check_name(alias, "alias")
        if alias.isdecimal():
            raise _wrong(f"deployment '{name}' serves '{deployment.model}'; use '{model}@champion'")
        _check_loading(name, deployment.loading)
        _check_duration(f"monitor_every of deployment '{name}'", deployment.monitor_every)
        for problem in calendars.problems(deployment.calendar or Calendar()):
            raise _wrong(f"the calendar of deployment '{name}' has {problem}")
        for problem in takeover.problems(deployment):
            raise _wrong(f"deployment '{name}' has {problem}")
        for problem in _limit_problems(deployment.limits):
            raise _wrong(f"deployment '{name}' has limits.{problem}")
        for problem in _journal_problems(deployment):
            raise _wrong(f"deployment '{name}' has journal.{problem}")
        for problem in guards.problems(deployment.guard, metrics):
            raise _wrong(f"deployment '{name}' has a guard {problem}")
        if deployment.false_alarms_per_year <= 0:
            raise _wrong(f"deployment '{name}' has no budget for false alarms; 1 a year is usual")


def _journal_problems(deployment: Deployment) -> Iterator[str]:
    journal = deployment.journal
    if not 0 < journal.sample <= 1:
        yield f"sample {journal.sample:g}; it is above 0 and 1 at most"
    if journal.lag_seconds <= 0:
        yield f"lag_seconds {journal.lag_seconds:g}; 10 is usual"
    if deployment.entity and deployment.entity in journal.drop:
        yield f"drop '{deployment.entity}', which is the entity; routing records it anyway"


def _limit_problems(limits: Limits) -> Iterator[str]:
    for field in ("requests_per_second", "rows_per_second"):
        if getattr(limits, field) < 0:
            yield f"{field} {getattr(limits, field):g}; 0 is for any number"
    if limits.burst_seconds <= 0:
        yield f"burst_seconds {limits.burst_seconds:g}; 2 is usual"
    if not 0 < limits.body_mib <= _BODY_MIB:
        yield f"body_mib {limits.body_mib:g}; it is above 0 and {_BODY_MIB} at most"


def _check_loading(name: str, loading: Loading) -> None:
    _check_duration(f"loading.within of deployment '{name}'", loading.within)
    try:
        bytes_of(loading.memory)
    except ValueError as error:
        raise _wrong(f"loading.memory of deployment '{name}': {error}") from error


def _check_duration(what: str, text: str) -> None:
    try:
        clock.parse_duration(text)
    except ValueError as error:
        raise _wrong(f"{what}: {error}") from error


def _check_unique(what: str, ids: list[str]) -> None:
    for name, count in Counter(ids).items():
        if count > 1:
            raise _wrong(f"{what} '{name}' is written {count} times; give each its own id")


def _check_points_at(what: str, value: str, known: Collection[str]) -> None:
    if value not in known:
        raise UsageError(
            "plan-dangling",
            f"{what} points at '{value}', which is not in the plan.{did_you_mean(value, known)}",
            hint=f"use one of: {', '.join(_sample(known))}",
        )


def _sample(known: Collection[str]) -> Iterator[str]:
    yield from sorted(known)[:8]


def _wrong(what: str) -> UsageError:
    return UsageError("plan-unsound", f"trueup.toml: {what}.", hint="trueup explain plan-unsound")
