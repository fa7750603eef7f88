"""Which checks a gate demands: those that every gate makes, and those of the plan's goals."""

from __future__ import annotations

from typing import Final

from trueup.lifecycle.gates.running import Asked
from trueup.lifecycle.plan.demands import Answers, AnyDemand, Champion, GateName, Leakage, Limit
from trueup.lifecycle.plan.records import Goal, Plan

PRODUCTION: Final[GateName] = "production"
ALWAYS: Final[tuple[AnyDemand, ...]] = (Answers(), Leakage())


def demands(plan: Plan, gate: GateName = PRODUCTION) -> tuple[Asked, ...]:
    """What a gate asks of a version, goal by goal in the order of the plan."""
    asked = [Asked("", demand) for demand in ALWAYS]
    for goal in plan.goals:
        if not goal.gates or gate in goal.gates:
            asked += [Asked(goal.id, demand) for demand in of_goal(goal)]
    return tuple(asked)


def of_goal(goal: Goal) -> tuple[AnyDemand, ...]:
    """A goal's gate as demands, and the checks that it names."""
    if not goal.metric:
        return goal.checks
    gate = goal.gate
    limit = Limit(
        metric=goal.metric,
        at_least=gate.at_least,
        at_most=gate.at_most,
        confidence=gate.confidence,
        min_rows=gate.min_rows,
        on_missing=gate.on_missing,
    )
    if gate.beats != "champion":
        return (limit, *goal.checks)
    champion = Champion(
        metric=goal.metric,
        margin=gate.margin,
        rule=gate.rule,
        confidence=gate.confidence,
        on_missing=gate.on_missing,
    )
    return (limit, champion, *goal.checks)
