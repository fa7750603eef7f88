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
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from trueup.foundation.errors import BackendError, UsageError
from trueup.lifecycle.serving.application import Application

_DRAIN_S = 10
_BACKLOG = 2048


def serve(
    application: Application,
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    stop_when_stdin_closes: bool = False,
) -> None:
    """Serve until told to stop, then close the application.

    Prints one line of JSON, `{"listening": URL}`, on stdout when requests are taken.

    Args:
        application: What answers.
        host: Address to listen on.
        port: Port to listen on; 0 picks a free one.
        stop_when_stdin_closes: Also stop when stdin is closed, so that no server outlives the
            process that started it, not even one that was killed.

    Raises:
        UsageError: The port is in use, or the address is not one of this machine.
    """
    listener = _listen(host, port)
    try:
        with _loop() as runner:
            runner.run(_serve(application, listener, host, stop_when_stdin_closes))
    finally:
        listener.close()
        application.close()


async def _serve(
    application: Application, listener: socket.socket, host: str, stop_when_stdin_closes: bool
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
    server = _Server(config, _url(host, listener.getsockname()[1]))
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

    def __init__(self, config: uvicorn.Config, url: str) -> None:
        super().__init__(config)
        self._url = url

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        sys.stdout.write(json.dumps({"listening": self._url}) + "\n")
        sys.stdout.flush()

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
            hint="stop that program, or choose another port: --port 0 picks a free one",
            context={"host": host, "port": port},
        )
    return UsageError(
        "address-unusable",
        f"The server cannot listen on {host} port {port}: "
        f"{getattr(error, 'strerror', None) or error}.",
        hint="--host 127.0.0.1 --port 0",
        context={"host": host, "port": port},
    )


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
