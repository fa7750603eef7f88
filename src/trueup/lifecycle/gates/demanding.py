"""Which checks a gate demands: those that every gate makes, and those of the plan's goals."""

from __future__ import annotations

from typing import Final

import msgspec

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
    checks = tuple(_directed(demand, goal) for demand in goal.checks)
    if not goal.metric:
        return checks
    gate = goal.gate
    limit = Limit(
        metric=goal.metric,
        at_least=gate.at_least,
        at_most=gate.at_most,
        confidence=gate.confidence,
        min_rows=gate.min_rows,
        on_missing=gate.on_missing,
        better=goal.better,
    )
    if gate.beats != "champion":
        return (limit, *checks)
    champion = Champion(
        metric=goal.metric,
        margin=gate.margin,
        rule=gate.rule,
        confidence=gate.confidence,
        on_missing=gate.on_missing,
        better=goal.better,
    )
    return (limit, champion, *checks)


def _directed(demand: AnyDemand, goal: Goal) -> AnyDemand:
    """A check of the goal's own metric knows which direction is better as the goal does."""
    if not goal.better or getattr(demand, "metric", "") != goal.metric:
        return demand
    return msgspec.structs.replace(demand, better=goal.better)
