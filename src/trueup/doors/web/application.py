"""The server's application: pages and JSON API over one workspace, protected as one.

create(workspace) gives an ASGI application for uvicorn. It starts no thread and opens no port.
"""

from __future__ import annotations

from collections.abc import Iterable

from litestar import Litestar, Router
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin

from trueup import __version__
from trueup.app.wiring import Workspace
from trueup.doors.api.access import DEPENDENCIES, Who, needs, permitted, signed_in
from trueup.doors.api.router import router
from trueup.doors.hooks import git
from trueup.doors.web import failures, static
from trueup.doors.web.doorkeeper import Doorkeeper
from trueup.doors.web.sitemap import HANDLERS
from trueup.doors.web.twins import Twins


def create(
    workspace: Workspace, *, who: Who | None = None, hosts: Iterable[str] = ()
) -> Doorkeeper:
    """The application, ready to serve.

    Args:
        workspace: The project it shows.
        who: Finds the actor of a request; as in local mode if left out.
        hosts: Host names it answers to, besides those of this machine.
    """
    return Doorkeeper(Twins(litestar(workspace, who)), hosts)


def litestar(workspace: Workspace, who: Who | None = None) -> Litestar:
    """The application without its outer layers; tests walk its routes."""

    app = Litestar(
        route_handlers=[static.file, git.git, *HANDLERS, router()],
        guards=[permitted],
        dependencies=DEPENDENCIES,
        exception_handlers={Exception: failures.handle},
        openapi_config=_openapi(),
        logging_config=None,
    )
    app.state.workspace = workspace
    app.state.who = who or signed_in(workspace.entrance())
    return app


def _openapi() -> OpenAPIConfig:
    return OpenAPIConfig(
        title="Trueup",
        version=__version__,
        # Litestar's own pages for it would load scripts from a CDN: the document alone is served.
        render_plugins=[JsonRenderPlugin(path="/openapi.json")],
        openapi_router=Router("/api/v1/openapi", route_handlers=[], opt=needs("read")),
    )
