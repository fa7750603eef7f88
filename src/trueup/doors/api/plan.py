"""The plan in force."""

from __future__ import annotations

from trueup.app.wiring import Workspace
from trueup.doors.api.routes import reading
from trueup.foundation.actor import Actor
from trueup.lifecycle.plan.records import AdoptedPlan


@reading("/plan")
def show(workspace: Workspace, actor: Actor) -> AdoptedPlan:
    """The plan in force."""
    return workspace.plans.current(actor)
