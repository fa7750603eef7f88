"""What speaks HTTP in front of an application: our own listener, uvicorn or Granian.

docs/decisions says what each of them costs a request.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, Literal, Protocol, get_args

from trueup.foundation.errors import MissingExtraError
from trueup.lifecycle.serving.server.http import Reply, Request
from trueup.lifecycle.serving.server.listener import PATIENCE, Listener, Patience

Http = Literal["trueup", "uvicorn", "granian"]
HTTP: Final[tuple[Http, ...]] = get_args(Http)
BACKLOG: Final = 2048


class App(Protocol):
    """An ASGI application."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        ...


class Answering(App, Protocol):
    """An application that also answers without ASGI in between."""

    async def answer(self, request: Request) -> Reply:
        """The reply to a request; never raises."""
        ...


class Front(Protocol):
    """Something that speaks HTTP for an application."""

    async def open(self, listener: socket.socket) -> None:
        """Take requests from now on."""
        ...

    async def close(self, within_s: float) -> None:
        """Take no more connections; finish what is under way."""
        ...


class Own:
    """Our listener: no ASGI, one send for each reply.

    Args:
        application: What answers.
        patience: Limits of time and number.
    """

    def __init__(self, application: Answering, patience: Patience = PATIENCE) -> None:
        self._listener = Listener(application.answer, patience)

    async def open(self, listener: socket.socket) -> None:
        """Take requests from now on."""
        self._listener.listen(listener)

    async def close(self, within_s: float) -> None:
        """Take no more connections; finish what is under way."""
        self._listener.stop()
        await self._listener.finished(within_s)


class Uvicorn:
    """Uvicorn, for any ASGI application.

    Args:
        application: What answers.
    """

    def __init__(self, application: App) -> None:
        self._application = application

    async def open(self, listener: socket.socket) -> None:
        """Take requests from now on."""
        import uvicorn

        class Server(uvicorn.Server):
            """Uvicorn that leaves signals to us."""

            @contextmanager
            def capture_signals(self) -> Iterator[None]:
                yield

        config = uvicorn.Config(
            self._application,
            http="httptools",
            lifespan="off",
            access_log=False,
            log_level="warning",
            server_header=False,
            backlog=BACKLOG,
        )
        self._server = Server(config)
        self._serving = asyncio.create_task(self._server.serve(sockets=[listener]))
        while not self._server.started and not self._serving.done():
            await asyncio.sleep(0.001)

    async def close(self, within_s: float) -> None:
        """Take no more connections; finish what is under way."""
        self._server.config.timeout_graceful_shutdown = max(1, int(within_s))
        self._server.should_exit = True
        await self._serving


class Granian:
    """Granian in this process; it listens by itself, at the address of the socket that it gets.

    Args:
        application: What answers.

    Raises:
        MissingExtraError: It is not installed.
    """

    def __init__(self, application: App) -> None:
        try:
            import granian  # noqa: F401
        except ImportError:
            raise MissingExtraError("granian", "granian") from None
        self._application = application

    async def open(self, listener: socket.socket) -> None:
        """Take requests from now on."""
        from granian.constants import HTTPModes, Interfaces
        from granian.server.embed import Server

        host, port = listener.getsockname()[:2]
        listener.close()
        self._server: Any = Server(
            self._application,
            address=host,
            port=port,
            interface=Interfaces.ASGINL,
            http=HTTPModes.http1,
            backlog=BACKLOG,
            websockets=False,
            log_enabled=False,
        )
        self._serving = asyncio.create_task(self._server.serve())
        await asyncio.sleep(0.1)  # it does not say when it listens

    async def close(self, within_s: float) -> None:
        """Take no more connections; finish what is under way."""
        self._server.stop()
        await asyncio.wait_for(self._serving, within_s)
