"""Who calls, and whether they may: the guard before every route of every door.

A route says what it needs with `opt=needs("read")`. One that says nothing is denied, so that
forgetting is safe. The verb behind the route asks again; this is the outer of two locks.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from litestar.connection import ASGIConnection, Request
from litestar.di import NamedDependency, Provide
from litestar.handlers import BaseRouteHandler

from trueup.app.wiring import Workspace
from trueup.foundation.actor import Actor, service
from trueup.foundation.errors import DeniedError
from trueup.foundation.permissions import PERMISSIONS, Permission
from trueup.people.tokens.entrance import Entrance

Connection = ASGIConnection[Any, Any, Any, Any]
Who = Callable[[Connection], Awaitable[Actor]]
Asked = Request[Any, Any, Any]

# What handlers ask for: the project that is shown, and who makes the request.
TheWorkspace = NamedDependency[Workspace]
TheActor = NamedDependency[Actor]

_KEY = "permission"
_SIGNED = "signed"
_AUTOMATION = service("automation", on_behalf_of="a signed call")


def needs(permission: Permission) -> dict[str, Any]:
    """The `opt` of a route that demands a permission; `public` demands nothing.

    Example:
        >>> needs("read")
        {'permission': 'read'}
    """
    return {_KEY: permission}


def signed(permission: Permission) -> dict[str, Any]:
    """The `opt` of a route whose handler proves its caller by a signature, and by nothing else.

    Nobody logs in there: whoever holds the secret acts as the service `automation`.
    """
    return needs(permission) | {_SIGNED: True}


def is_declared(handler: BaseRouteHandler) -> bool:
    """Whether a route says what it needs."""
    return handler.opt.get(_KEY) in PERMISSIONS


async def permitted(connection: Connection, handler: BaseRouteHandler) -> None:
    """Allow or refuse one request: the guard of the whole application.

    Raises:
        DeniedError: The route declares no permission, or its caller lacks it.
    """
    if not is_declared(handler):
        raise DeniedError(
            "route-without-permission",
            f"The route {connection.url.path} declares no permission, so nobody may use it.",
            hint="trueup explain route-without-permission",
        )
    permission: Permission = handler.opt[_KEY]
    if permission == "public":
        return
    workspace: Workspace = connection.app.state.workspace
    who: Who = connection.app.state.who
    actor = _AUTOMATION if handler.opt.get(_SIGNED) else await who(connection)
    with workspace.state.read(actor, permission):
        connection.state.actor = actor  # entering asked the guard of people


def signed_in(entrance: Entrance) -> Who:
    """Who sends a request, by its `Authorization` header."""

    async def who(connection: Connection) -> Actor:
        peer = connection.client.host if connection.client else ""
        return await entrance.enter(connection.headers.get("authorization", ""), peer)

    return who


def workspace_of(request: Asked) -> Workspace:
    """The project that this application shows."""
    workspace: Workspace = request.app.state.workspace
    return workspace


def actor_of(request: Asked) -> Actor:
    """Who makes this request; known once the guard has let it in."""
    actor: Actor = request.state.actor
    return actor


DEPENDENCIES = {
    "workspace": Provide(workspace_of, sync_to_thread=False),
    "actor": Provide(actor_of, sync_to_thread=False),
}
