"""The process around the prediction server: its socket, signals, draining.

On SIGTERM it turns unready, goes on for a while, takes no more connections, finishes what is under
way, syncs and seals the journal, and exits with 0. A second signal hurries. `fronts.py` has what
speaks HTTP, `fleet.py` several processes on one port.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from typing import Final, NamedTuple, Protocol

from trueup.foundation import collector
from trueup.foundation.errors import BackendError, UsageError
from trueup.lifecycle.serving.server.fronts import BACKLOG, App, Front


class Served(App, Protocol):
    """An ASGI application that can drain; set `draining` and it reports unready."""

    draining: bool

    def close(self) -> None:
        """Finish what is under way; nothing comes any more."""
        ...


class Stopping(NamedTuple):
    """When a server stops, and how long it takes for that.

    Attributes:
        when_stdin_closes: Also stop when stdin is closed, so that no server outlives the process
            that started it, not even one that was killed.
        delay_s: How long it goes on answering, but says that it is not ready, after SIGTERM:
            load balancers need a while to notice.
        finish_s: How long what is under way may take after that.
    """

    when_stdin_closes: bool = False
    delay_s: float = 0.0
    finish_s: float = 10.0


AT_ONCE: Final = Stopping()


def say_listening(url: str) -> None:
    """Print one line of JSON, `{"listening": URL}`, for whoever started the server."""
    sys.stdout.write(json.dumps({"listening": url}) + "\n")
    sys.stdout.flush()


def serve(
    application: Served,
    front: Callable[[], Front],
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    stopping: Stopping = AT_ONCE,
    on_listening: Callable[[str], None] = say_listening,
) -> None:
    """Serve until told to stop, then close the application.

    Args:
        application: What answers.
        front: Makes what speaks HTTP for it; called on the event loop.
        host: Address to listen on.
        port: Port to listen on; 0 picks a free one.
        stopping: When it stops, and how.
        on_listening: Told the address when requests are taken; prints it as JSON if left out.

    Raises:
        UsageError: The port is in use, or the address is not one of this machine.
    """
    collector.as_usual()
    listener = listen(host, port)
    try:
        with event_loop() as runner:
            url = url_of(host, listener.getsockname()[1])
            runner.run(_serve(application, front, listener, stopping, lambda: on_listening(url)))
    finally:
        listener.close()
        application.close()


async def _serve(
    application: Served,
    front: Callable[[], Front],
    listener: socket.socket,
    stopping: Stopping,
    on_listening: Callable[[], None],
) -> None:
    stop = Stop()
    stop.on_signals()
    if stopping.when_stdin_closes:
        stop.on_closed_stdin()
    spoken = front()
    await spoken.open(listener)
    on_listening()
    await stop.asked.wait()
    application.draining = True
    await stop.wait(stopping.delay_s)
    closing = asyncio.create_task(spoken.close(stopping.finish_s))
    await asyncio.wait(
        [closing, asyncio.create_task(stop.hurried.wait())], return_when="FIRST_COMPLETED"
    )
    if closing.done():
        closing.result()


class Stop:
    """The wish to stop: the first is gentle, a second one hurries. Made on a running event loop.

    Attributes:
        asked: Somebody wants it to stop.
        hurried: Somebody wants that at once.
    """

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.hurried = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._is_told = False
        self._is_gentle = False

    def on_signals(self) -> None:
        """Stop on SIGTERM gently, on SIGINT without a delay."""
        self._loop.add_signal_handler(signal.SIGTERM, self.ask)
        self._loop.add_signal_handler(signal.SIGINT, lambda: self.ask(is_gentle=False))

    def on_closed_stdin(self) -> None:
        """Stop when standard input is closed."""

        def watch() -> None:
            while os.read(0, 4096):
                pass
            with contextlib.suppress(RuntimeError):  # it stopped for another reason
                self._loop.call_soon_threadsafe(self.asked.set)

        threading.Thread(target=watch, name="trueup-stdin", daemon=True).start()

    def ask(self, *, is_gentle: bool = True) -> None:
        """Stop, or hurry."""
        if self._is_told:
            self.hurried.set()
        self._is_told = True
        self._is_gentle = is_gentle
        self.asked.set()

    async def wait(self, delay_s: float) -> None:
        """Wait so long, or until somebody hurries."""
        if self._is_gentle and delay_s > 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.hurried.wait(), delay_s)


def event_loop() -> asyncio.Runner:
    """Runs coroutines on the quickest event loop there is."""
    if sys.platform == "win32":
        return asyncio.Runner()
    import uvloop

    return asyncio.Runner(loop_factory=uvloop.new_event_loop)


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens.

    Raises:
        UsageError: The port is in use, or the address is not one of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)  # binding alone does not show that another one listens
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


def url_of(host: str, port: int) -> str:
    """The address of a server."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
