"""Verdicts of the gates."""

from __future__ import annotations

from trueup.app.wiring import Workspace
from trueup.doors.api.routes import reading
from trueup.foundation.actor import Actor
from trueup.lifecycle.gates.records import Verdict


@reading("/models/{name:str}/versions/{selector:str}/verdicts")
def of_model(workspace: Workspace, actor: Actor, name: str, selector: str) -> list[Verdict]:
    """All verdicts about a model version, newest first."""
    version = workspace.models.show(actor, name, selector)
    return workspace.gates.of_model(actor, version.ref)


@reading("/verdicts/{id_:str}")
def show(workspace: Workspace, actor: Actor, id_: str) -> Verdict:
    """One verdict."""
    return workspace.gates.show(actor, id_)
