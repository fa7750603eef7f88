"""The plan in force."""

from __future__ import annotations

from trueup.doors.api.access import TheActor, TheWorkspace
from trueup.doors.api.routes import reading
from trueup.lifecycle.plan.records import AdoptedPlan


@reading("/plan")
def show(workspace: TheWorkspace, actor: TheActor) -> AdoptedPlan:
    """The plan in force."""
    return workspace.plans.current(actor)
