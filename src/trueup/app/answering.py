"""Answering: the prediction application of a project, following its releases."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Final, NamedTuple

from trueup.app.wiring import Workspace
from trueup.foundation import threads
from trueup.foundation.actor import Actor
from trueup.foundation.permissions import Permission
from trueup.lifecycle.plan.deployments import Journaling, Limits
from trueup.lifecycle.plan.service import in_force
from trueup.lifecycle.serving.following.follower import EVERY_S, Follower, Server
from trueup.lifecycle.serving.following.registry import Registry
from trueup.lifecycle.serving.journal import recording
from trueup.lifecycle.serving.journal.writer import Journal
from trueup.lifecycle.serving.server.application import Application
from trueup.lifecycle.serving.server.http import Request
from trueup.lifecycle.serving.server.limits import Limiter
from trueup.lifecycle.serving.server.rates import Rates
from trueup.lifecycle.serving.server.routing import Caller
from trueup.people.access import guard
from trueup.people.tokens.entrance import Entrance

_REMEMBERED_S: Final = 1.0
_REMEMBERED: Final = 2000
_PLANNED_S: Final = 2.0


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
    hosts: Iterable[str] = (),
) -> Answering:
    """The prediction application of a project, already serving what is released.

    Args:
        workspace: The project.
        on_failure: Told which deployment could not follow its release, and why.
        every_s: Seconds between two looks at the releases.
        entrance: Knows who sends a request, where everybody has to sign in. Without it every
            caller on the loopback interface is the owner.
        hosts: Names by which it may be called, besides those of the loopback interface.
    """
    application = open_application(workspace, entrance=entrance, hosts=hosts)
    follower = follow(workspace, application, on_failure=on_failure, every_s=every_s)
    follower.refresh()
    follower.start()
    return Answering(application, follower)


def follow(
    workspace: Workspace,
    server: Server,
    *,
    on_failure: Callable[[str, Exception], None],
    every_s: float = EVERY_S,
) -> Follower:
    """What keeps a server at the releases of a project, once it is started."""
    return Follower(
        Registry(workspace.state, workspace.orders), server, on_failure=on_failure, every_s=every_s
    )


def open_application(
    workspace: Workspace,
    *,
    entrance: Entrance | None = None,
    hosts: Iterable[str] = (),
    rates: int | None = None,
) -> Application:
    """The prediction application of a project, serving nothing yet; see `open_answering`.

    Args:
        workspace: The project.
        entrance: Knows who sends a request.
        hosts: Names by which it may be called.
        rates: The buckets that several workers share.
    """
    planned = _Planned(workspace)
    return Application(
        Journal(workspace.settings.journal),
        authorize=_Allowing(workspace, entrance),
        hosts=hosts,
        limiter=Limiter(planned, Rates(rates)),
        journaling=planned.journaling,
    )


class _Allowing:
    """Who may ask what: looked up in the database, then known for a second.

    A token that is revoked, or a role, counts at most two seconds longer: one here, one in the
    entrance.
    """

    def __init__(self, workspace: Workspace, entrance: Entrance | None) -> None:
        self._workspace = workspace
        self._entrance = entrance
        self._known: dict[tuple[bytes, Permission, str], tuple[float, Caller]] = {}

    def __call__(
        self, request: Request, permission: Permission, deployment: str
    ) -> Caller | Awaitable[Caller]:
        header = request.headers.get(b"authorization", b"") if self._entrance is not None else b""
        known = self._known.get((header, permission, deployment))
        if known is not None and known[0] > time.monotonic():
            return known[1]
        if self._entrance is None:
            return self._allowed(self._workspace.owner, header, permission, deployment)
        return self._entered(self._entrance, request, header, permission, deployment)

    async def _entered(
        self,
        entrance: Entrance,
        request: Request,
        header: bytes,
        permission: Permission,
        deployment: str,
    ) -> Caller:
        actor = await entrance.enter(header.decode("latin-1"), request.peer)
        return self._allowed(actor, header, permission, deployment)

    def _allowed(
        self, actor: Actor, header: bytes, permission: Permission, deployment: str
    ) -> Caller:
        with self._workspace.state.database.reading() as connection:
            guard(connection, actor, permission, deployment)
        caller = Caller(actor.name)
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        until = time.monotonic() + _REMEMBERED_S
        self._known[header, permission, deployment] = (until, caller)
        return caller


class _Planned:
    """What all deployments say under the plan in force, some seconds old at most."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._limits: Mapping[str, Limits] = {}
        self._journaling: Mapping[str, Journaling] = {}
        self._until = 0.0
        self._reading = threads.pool(1, "trueup-limits")
        self._read()

    def __call__(self) -> Mapping[str, Limits]:
        """What one caller may ask of each deployment."""
        self._keep_current()
        return self._limits

    def journaling(self) -> Mapping[str, Journaling]:
        """How each deployment is recorded; those with the usual way are left out."""
        self._keep_current()
        return self._journaling

    def _keep_current(self) -> None:
        now = time.monotonic()
        if now > self._until:
            self._until = now + _PLANNED_S
            self._reading.submit(self._read)  # meanwhile what was known goes on

    def _read(self) -> None:
        with self._workspace.state.database.reading() as connection:
            planned = in_force(connection).plan.deployments
        self._limits = {name: deployment.limits for name, deployment in planned.items()}
        self._journaling = {
            name: deployment.journal
            for name, deployment in planned.items()
            if deployment.journal != recording.USUAL
        }
