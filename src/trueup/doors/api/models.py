"""Registered models and their versions."""

from __future__ import annotations

from typing import Annotated

from litestar.params import JSONBody, QueryParameter

from trueup.app.comparing.records import VersionDifference
from trueup.app.comparing.versions import compare
from trueup.app.scoring.computing import score as compute_score
from trueup.app.scoring.records import Scorecard
from trueup.doors.api.access import TheActor, TheWorkspace
from trueup.doors.api.routes import From, Name, Reason, Word, reading, verb
from trueup.foundation.records import Record
from trueup.lifecycle.models.aliases.records import History
from trueup.lifecycle.models.records import ModelVersion

AsOf = Annotated[str, QueryParameter(name="as-of", max_length=60)]


class AliasMove(Record):
    """The body of a move of an alias.

    Attributes:
        version: Where it goes.
        reason: Why.
    """

    version: int
    reason: str = ""


@reading("/models")
def names(workspace: TheWorkspace, actor: TheActor) -> list[str]:
    """The names of all models."""
    return workspace.models.names(actor)


@reading("/models/{name:str}/versions")
def versions(workspace: TheWorkspace, actor: TheActor, name: Name) -> list[ModelVersion]:
    """All versions of a model, newest first."""
    return workspace.models.versions(actor, name)


@reading("/models/{name:str}/versions/{selector:str}")
def show(workspace: TheWorkspace, actor: TheActor, name: Name, selector: Name) -> ModelVersion:
    """One version, by number or alias."""
    return workspace.models.show(actor, name, selector)


@reading("/models/{name:str}/history")
def history(workspace: TheWorkspace, actor: TheActor, name: Name, as_of: AsOf = "") -> History:
    """Where aliases and stages stood at a day or moment, and every move until then."""
    return workspace.aliases.history(actor, name, as_of)


@reading("/models/{name:str}/score")
def score(workspace: TheWorkspace, actor: TheActor, name: Name, as_of: AsOf = "") -> Scorecard:
    """How well tested a model is, from evidence as it stands, or stood at a day or moment."""
    return compute_score(workspace, actor, name, as_of)


@verb("/models/{name:str}/aliases/{alias:str}", "models.write")
def set_alias(
    workspace: TheWorkspace, actor: TheActor, name: Name, alias: Name, data: JSONBody[AliasMove]
) -> dict[str, int]:
    """Point an alias at a version; answers with all aliases of the model."""
    workspace.aliases.set(actor, name, alias, data.version, data.reason)
    return workspace.models.aliases(actor, name)


@verb("/models/{name:str}/aliases/{alias:str}/remove", "models.write")
def remove_alias(
    workspace: TheWorkspace, actor: TheActor, name: Name, alias: Name, data: JSONBody[Reason]
) -> dict[str, int]:
    """Take an alias away; answers with those that are left."""
    workspace.aliases.remove(actor, name, alias, data.reason)
    return workspace.models.aliases(actor, name)


@reading("/models/{name:str}/diff")
def difference(
    workspace: TheWorkspace, actor: TheActor, name: Name, before: From = "", to: Word = ""
) -> VersionDifference:
    """What differs between two versions, by number or alias; the newest two without."""
    new = workspace.models.show(actor, name, to)
    old = workspace.models.show(actor, name, before or str(max(new.version - 1, 1)))
    return compare(workspace, actor, old, new)
