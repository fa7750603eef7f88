"""The door of a laptop: what clients write is answered here, and kept for a server elsewhere."""

from __future__ import annotations

import asyncio
import re
from typing import Any, Final, Protocol
from urllib.parse import parse_qsl, quote, urlsplit

from trueup.app.wiring import Workspace
from trueup.doors.mlflow.application import Scope
from trueup.lifecycle.runs.tracking.spool.store import Spool

_READING: Final = re.compile(
    r"/(search|search-datasets|get-latest-versions|get-history-bulk[\w-]*|batchGetInfos)$"
    r"|/calculate-filter-correlation$"
    r"|/mpu/(create|abort)/|/parts/"
)
_WHOLE: Final = "/mpu/complete/"
_FILES: Final = "/mlflow-artifacts/"
_UPLOAD: Final = "/upload-artifact"
_SPANS: Final = "/v1/traces"
_OF_SPANS: Final = ("content-type", "content-encoding", "x-mlflow-experiment-id")


class App(Protocol):
    """An ASGI application."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        ...


class Spooling:
    """Passes requests on to the door; those that wrote something go into the spool, too.

    Args:
        door: Answers.
        workspace: What it writes to.
        spool: Keeps.
    """

    def __init__(self, door: App, workspace: Workspace, spool: Spool) -> None:
        self._door = door
        self._workspace = workspace
        self._spool = spool

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """Answer one request; one that wrote is in the spool before its client is answered."""
        path = str(scope.get("path", ""))
        if scope["type"] != "http" or scope["method"] == "GET" or _READING.search(path):
            await self._door(scope, receive, send)
            return
        body, answer, held = bytearray(), bytearray(), []
        is_file = _FILES in path or path.endswith(_UPLOAD)

        async def listening() -> Any:
            message = await receive()
            if not is_file:  # the bytes of a file are here already when it is sent
                body.extend(message.get("body", b""))
            return message

        async def waiting(message: dict[str, Any]) -> None:
            held.append(message)
            answer.extend(message.get("body", b""))

        await self._door(scope, listening, waiting)
        if held and held[0].get("status") == 200:
            query = scope.get("query_string", b"").decode("latin-1")
            method = scope["method"]
            if _WHOLE in path:
                method, path = "PUT", path.replace(_WHOLE, "/artifacts/", 1)
            elif path.endswith(_UPLOAD):
                method, path, query = "PUT", await asyncio.to_thread(self._uploaded, query), ""
            headers = _headers(scope) if path == _SPANS else {}
            given = (method, path, query, bytes(body), bytes(answer), headers)
            await asyncio.to_thread(self._spool.add, *given)
        for message in held:
            await send(message)

    def _uploaded(self, query: str) -> str:
        """The path by which a file can be sent that pages of MLflow uploaded for a run."""
        given = dict(parse_qsl(query))
        run = given.get("run_uuid") or given.get("run_id", "")
        root = self._workspace.tracking.show(self._workspace.owner, run).artifacts
        below = f"{urlsplit(root).path.strip('/')}/{given.get('path', '')}"
        return f"/api/2.0/mlflow-artifacts/artifacts/{quote(below)}"


def _headers(scope: Scope) -> dict[str, str]:
    """The headers without which nobody could read spans."""
    given = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    return {name: given[name] for name in _OF_SPANS if name in given}
