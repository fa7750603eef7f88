"""Answering: the prediction application of a project, following its releases."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from trueup.app.wiring import Workspace
from trueup.foundation.actor import Actor
from trueup.foundation.permissions import Permission
from trueup.lifecycle.serving.following.follower import EVERY_S, Follower
from trueup.lifecycle.serving.following.registry import Registry
from trueup.lifecycle.serving.journal.writer import Journal
from trueup.lifecycle.serving.server.application import Application, Authorize, Caller
from trueup.lifecycle.serving.server.http import Request
from trueup.people.access import guard
from trueup.people.tokens.entrance import Entrance


class Answering(NamedTuple):
    """An application that answers, and what keeps it current."""

    application: Application
    follower: Follower

    def close(self) -> None:
        """Stop following; the server closes the application itself."""
        self.follower.stop()


def open_answering(
    workspace: Workspace,
    *,
    on_failure: Callable[[str, Exception], None],
    every_s: float = EVERY_S,
    entrance: Entrance | None = None,
) -> Answering:
    """The prediction application of a project, already serving what is released.

    Args:
        workspace: The project.
        on_failure: Told which deployment could not follow its release, and why.
        every_s: Seconds between two looks at the releases.
        entrance: Knows who sends a request, where everybody has to sign in. Without it every
            caller on the loopback interface is the owner.
    """
    application = open_application(workspace, entrance)
    follower = Follower(
        Registry(workspace.state), application, on_failure=on_failure, every_s=every_s
    )
    follower.refresh()
    follower.start()
    return Answering(application, follower)


def open_application(workspace: Workspace, entrance: Entrance | None = None) -> Application:
    """The prediction application of a project, serving nothing yet; see `open_answering`."""
    return Application(
        Journal(workspace.settings.journal), authorize=_authorizing(workspace, entrance)
    )


def _authorizing(workspace: Workspace, entrance: Entrance | None) -> Authorize:
    owner: Actor = workspace.owner

    def allow(actor: Actor, permission: Permission) -> Caller:
        with workspace.state.database.reading() as connection:
            guard(connection, actor, permission)
        return Caller(actor.name)

    def of_owner(_request: Request, permission: Permission, _deployment: str) -> Caller:
        # Rights are read once per permission: the owner's cannot change while this serves.
        caller = allowed.get(permission)
        if caller is None:
            caller = allowed[permission] = allow(owner, permission)
        return caller

    async def of_sender(request: Request, permission: Permission, _deployment: str) -> Caller:
        assert entrance is not None  # only then this is used
        header = request.headers.get(b"authorization", b"").decode("latin-1")
        return allow(await entrance.enter(header, request.peer), permission)

    allowed: dict[Permission, Caller] = {}
    return of_owner if entrance is None else of_sender
