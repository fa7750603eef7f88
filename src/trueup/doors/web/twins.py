"""The `.json` twin of every page: the same address with `.json` behind it, the same route, as data.

The ending is taken off before a route is sought, so that no page has to declare its twin.
"""

from __future__ import annotations

from typing import Any, Final

from trueup.doors.web.doorkeeper import App, Receive, Scope, Send

_ENDING: Final = ".json"
_FLAG: Final = "trueup.twin"
_OWN_JSON: Final = "/api/"


class Twins:
    """An ASGI application that turns `/plan.json` into `/plan`, marked as asked for as data."""

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Take the ending off, and pass on."""
        path = scope.get("path", "")
        if scope["type"] == "http" and path.endswith(_ENDING) and not path.startswith(_OWN_JSON):
            inner = dict(scope)
            inner["path"] = path.removesuffix(_ENDING)
            inner["raw_path"] = inner["path"].encode()
            inner[_FLAG] = True
            scope = inner
        await self.app(scope, receive, send)


def is_twin(scope: Any) -> bool:
    """Whether the address that was asked for ended with `.json`."""
    return bool(scope.get(_FLAG))


def address(path: str, query: str = "") -> str:
    """The address of a page's twin.

    Example:
        >>> address("/audit", "by=sam"), address("/")
        ('/audit.json?by=sam', '/.json')
    """
    return f"{path}{_ENDING}?{query}" if query else f"{path}{_ENDING}"
