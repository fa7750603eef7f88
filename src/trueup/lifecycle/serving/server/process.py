"""The process around the prediction server: sockets, signals, draining. Uses uvicorn.

On SIGTERM or SIGINT it turns unready, finishes what is under way, syncs and seals the journal, and
exits with 0.
"""

from __future__ import annotations

import asyncio
import errno
import json
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import uvicorn

from trueup.foundation import collector
from trueup.foundation.errors import BackendError, UsageError

_DRAIN_S = 10
_BACKLOG = 2048


class Served(Protocol):
    """An ASGI application that can drain; set `draining` and it reports unready."""

    draining: bool

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        ...

    def close(self) -> None:
        """Finish what is under way; nothing comes any more."""
        ...


def say_listening(url: str) -> None:
    """Print one line of JSON, `{"listening": URL}`, for whoever started the server."""
    sys.stdout.write(json.dumps({"listening": url}) + "\n")
    sys.stdout.flush()


def serve(
    application: Served,
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    stop_when_stdin_closes: bool = False,
    on_listening: Callable[[str], None] = say_listening,
) -> None:
    """Serve until told to stop, then close the application.

    Args:
        application: What answers.
        host: Address to listen on.
        port: Port to listen on; 0 picks a free one.
        stop_when_stdin_closes: Also stop when stdin is closed, so that no server outlives the
            process that started it, not even one that was killed.
        on_listening: Told the address when requests are taken; prints it as JSON if left out.

    Raises:
        UsageError: The port is in use, or the address is not one of this machine.
    """
    collector.as_usual()
    listener = _listen(host, port)
    try:
        with _loop() as runner:
            runner.run(_serve(application, listener, host, stop_when_stdin_closes, on_listening))
    finally:
        listener.close()
        application.close()


async def _serve(
    application: Served,
    listener: socket.socket,
    host: str,
    stop_when_stdin_closes: bool,
    on_listening: Callable[[str], None],
) -> None:
    config = uvicorn.Config(
        application,
        http="httptools",
        lifespan="off",
        access_log=False,
        log_level="warning",
        server_header=False,
        backlog=_BACKLOG,
        timeout_graceful_shutdown=_DRAIN_S,
    )
    url = _url(host, listener.getsockname()[1])
    server = _Server(config, lambda: on_listening(url))
    loop = asyncio.get_running_loop()

    def stop() -> None:
        application.draining = True
        server.should_exit = True

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    if stop_when_stdin_closes:
        threading.Thread(target=_watch_stdin, args=(loop, stop), daemon=True).start()
    await server.serve(sockets=[listener])


class _Server(uvicorn.Server):
    """Uvicorn that says when it listens, and leaves signals to us: ours end with exit code 0."""

    def __init__(self, config: uvicorn.Config, on_listening: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_listening = on_listening

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self._on_listening()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _watch_stdin(loop: asyncio.AbstractEventLoop, stop: object) -> None:
    while os.read(0, 4096):
        pass
    loop.call_soon_threadsafe(stop)  # type: ignore[arg-type]


def _loop() -> asyncio.Runner:
    if sys.platform == "win32":
        return asyncio.Runner()
    import uvloop

    return asyncio.Runner(loop_factory=uvloop.new_event_loop)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(_BACKLOG)  # binding alone does not show that another one listens
    except (OSError, OverflowError) as error:
        listener.close()
        raise _not_listening(host, port, error) from error
    listener.setblocking(False)
    return listener


def _not_listening(host: str, port: int, error: Exception) -> UsageError | BackendError:
    number = getattr(error, "errno", None)
    if number == errno.EADDRINUSE:
        return UsageError(
            "port-in-use",
            f"Port {port} on {host} is used by another program.",
            hint="trueup serve --port 0",
            context={"host": host, "port": port},
        )
    return UsageError(
        "address-unusable",
        f"The server cannot listen on {host} port {port}: "
        f"{getattr(error, 'strerror', None) or error}.",
        hint="trueup serve --port 0",
        context={"host": host, "port": port},
    )


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
