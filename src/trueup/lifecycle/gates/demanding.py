"""Which checks a gate demands: those that every gate makes, and those of the plan's goals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from trueup.lifecycle.gates import alone
from trueup.lifecycle.gates.running import Asked
from trueup.lifecycle.plan.demands import (
    Answers,
    AnyDemand,
    Champion,
    GateName,
    Leakage,
    Limit,
    kind_of,
)
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


def chosen(planned: Sequence[Asked], kinds: Sequence[str]) -> tuple[Asked, ...]:
    """The demands of these kinds: the plan's, or else one with the family's own settings.

    Without kinds all that the plan demands, and every check of models that needs no settings.

    Raises:
        UsageError: A kind is unknown, or needs settings that the plan does not give.
    """
    found = [asked for asked in planned if not kinds or kind_of(asked.demand) in kinds]
    there = {kind_of(asked.demand) for asked in found}
    wanted = [kind for kind in kinds if kind not in there]
    more = alone.demands(wanted, "evidence") if wanted or not kinds else []
    return (*found, *(Asked("", each) for each in more if kind_of(each) not in there))


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
