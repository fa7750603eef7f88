"""Routes: what the server can be asked, with the permission that each needs.

What is not in the table does not exist, and nothing runs before its permission was given.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, NamedTuple, Protocol

from trueup.foundation.errors import InternalError, NotFoundError, UsageError
from trueup.foundation.permissions import PERMISSIONS, Permission
from trueup.lifecycle.serving.inference.endpoint import Endpoint, Serving
from trueup.lifecycle.serving.protocol.intake import Asked
from trueup.lifecycle.serving.records import Predictions
from trueup.lifecycle.serving.server.http import Reply, Request
from trueup.lifecycle.serving.server.limits import Limiter

_REMEMBERED_PATHS = 256


class Caller(NamedTuple):
    """Who sends a request, once that is allowed.

    Attributes:
        name: The person or service; empty where nobody was asked for.
    """

    name: str = ""


NOBODY: Final = Caller()


class Call(NamedTuple):
    """One request, on its way to a handler.

    Attributes:
        model: The deployment that its path names.
        version: The model version that its path names; empty for whichever answers.
        request: The request.
        caller: Who sends it.
    """

    model: str
    version: str
    request: Request
    caller: Caller


Handler = Callable[[Call], Awaitable[Reply]]


class Route(NamedTuple):
    """One thing the server can be asked.

    Attributes:
        method: HTTP method.
        path: Path; `{model}` stands for a deployment's name, `{version}` for a model version.
        permission: What the caller must be allowed to do; `public` needs nobody.
        handler: What answers.
        of_only: Whether it is about the only deployment of the server, which no path has to name.
    """

    method: str
    path: str
    permission: Permission
    handler: Handler
    of_only: bool = False


class Found(NamedTuple):
    """A route, and what stood in its path."""

    route: Route
    model: str
    version: str


class Home(Protocol):
    """What handlers need of the server."""

    draining: bool
    limiter: Limiter

    @property
    def endpoints(self) -> Mapping[str, Endpoint]:
        """All deployments that it knows."""
        ...

    def endpoint(self, model: str) -> Endpoint:
        """One of them, or an error that says which there are."""
        ...

    def is_ready(self) -> bool:
        """Whether requests should be sent here."""
        ...

    async def infer(
        self, call: Call, endpoint: Endpoint, serving: Serving, asked: Asked, body: bytes
    ) -> list[Predictions]:
        """Answer a request: its records, which are on disk."""
        ...


class Table:
    """Finds the route of a request.

    Args:
        routes: All of them.

    Raises:
        InternalError: A route names no permission that exists, or stands there twice.
    """

    def __init__(self, routes: Sequence[Route]) -> None:
        self._routes: dict[tuple[str, ...], dict[str, Route]] = {}
        self._found: dict[tuple[str, str], Found] = {}
        for route in routes:
            if route.permission not in PERMISSIONS:
                raise InternalError(
                    "route-unguarded", f"{route.method} {route.path} declares no permission."
                )
            methods = self._routes.setdefault(tuple(route.path.split("/")), {})
            if route.method in methods:
                raise InternalError(
                    "route-twice", f"{route.method} {route.path} is declared twice."
                )
            methods[route.method] = route

    def find(self, method: str, path: str) -> Found:
        """The route of a request.

        Raises:
            NotFoundError: There is nothing at this path.
            UsageError: It takes other methods.
        """
        found = self._found.get((method, path))
        if found is None:
            found = self._looked_up(method, path)
            if len(self._found) < _REMEMBERED_PATHS:
                self._found[method, path] = found
        return found

    def _looked_up(self, method: str, path: str) -> Found:
        parts = path.split("/")
        for template, methods in self._routes.items():
            if len(template) != len(parts):
                continue
            named = {
                wanted: part
                for wanted, part in zip(template, parts, strict=True)
                if wanted.startswith("{")
            }
            if [named.get(wanted, wanted) for wanted in template] != parts:
                continue
            route = methods.get(method)
            if route is None:
                names = ", ".join(methods)
                raise UsageError("method-not-allowed", f"This path takes {names} only.")
            return Found(route, named.get("{model}", ""), named.get("{version}", ""))
        raise NotFoundError("path-not-found", "There is nothing at this path.", hint="GET /v2")
