"""Verdicts of the gates."""

from __future__ import annotations

from trueup.doors.api.access import TheActor, TheWorkspace
from trueup.doors.api.routes import Name, reading
from trueup.lifecycle.gates.records import Verdict


@reading("/models/{name:str}/versions/{selector:str}/verdicts")
def of_model(workspace: TheWorkspace, actor: TheActor, name: Name, selector: Name) -> list[Verdict]:
    """All verdicts about a model version, newest first."""
    version = workspace.models.show(actor, name, selector)
    return workspace.gates.of_model(actor, version.ref)


@reading("/verdicts/{id_:str}")
def show(workspace: TheWorkspace, actor: TheActor, id_: Name) -> Verdict:
    """One verdict."""
    return workspace.gates.show(actor, id_)
