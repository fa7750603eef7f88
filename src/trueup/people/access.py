"""The guard before every verb: finds the actor's roles and allows or denies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trueup.foundation.actor import Actor
from trueup.foundation.errors import DeniedError
from trueup.foundation.permissions import Permission
from trueup.people import rules, scopes, table

if TYPE_CHECKING:
    import sqlalchemy as sa


def guard(
    connection: sa.Connection, actor: Actor, permission: Permission, deployment: str = ""
) -> None:
    """Allow `actor` what `permission` names; about a deployment, where it is about one.

    Raises:
        DeniedError: The actor is unknown or lacks the permission.
    """
    if actor.kind == "service":
        if permission in rules.SERVICES.get(actor.name, frozenset()):
            return
        raise _denied(actor, permission, "no service of that name may do this")
    roles = table.roles(connection, actor.name)
    if roles is None:
        raise _denied(actor, permission, "nobody of that name belongs to this project")
    if permission not in rules.permitted(roles):
        raise _denied(actor, permission, f"their roles are: {', '.join(roles) or 'none'}")
    if actor.scopes and not scopes.allows(actor.scopes, permission, deployment):
        raise _denied(actor, permission, f"the token is limited to {', '.join(actor.scopes)}")


def _denied(actor: Actor, permission: str, because: str) -> DeniedError:
    return DeniedError(
        "permission-denied",
        f"{actor} may not '{permission}': {because}.",
        hint="trueup people list",
        context={"actor": actor.name, "permission": permission},
    )
