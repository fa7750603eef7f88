"""Answering: the prediction application of a project, following its releases."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from trueup.app.wiring import Workspace
from trueup.foundation.actor import Actor
from trueup.foundation.permissions import Permission
from trueup.lifecycle.serving.application import Application
from trueup.lifecycle.serving.follower import EVERY_S, Follower
from trueup.lifecycle.serving.journal import Journal
from trueup.lifecycle.serving.registry import Registry
from trueup.people.access import guard


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
) -> Answering:
    """The prediction application of a project, already serving what is released.

    In local mode every caller on the loopback interface is the owner.

    Args:
        workspace: The project.
        on_failure: Told which deployment could not follow its release, and why.
        every_s: Seconds between two looks at the releases.
    """
    owner: Actor = workspace.owner

    def authorize(_scope: Any, permission: Permission) -> None:
        with workspace.state.database.reading() as connection:
            guard(connection, owner, permission)

    # Rights are read once per permission: the owner's cannot change while this process serves.
    application = Application(Journal(workspace.settings.journal), authorize=_once(authorize))
    follower = Follower(
        Registry(workspace.state), application, on_failure=on_failure, every_s=every_s
    )
    follower.refresh()
    follower.start()
    return Answering(application, follower)


def _once(authorize: Callable[[Any, Permission], None]) -> Callable[[Any, Permission], None]:
    allowed: set[Permission] = set()

    def remembered(scope: Any, permission: Permission) -> None:
        if permission not in allowed:
            authorize(scope, permission)
            allowed.add(permission)

    return remembered
