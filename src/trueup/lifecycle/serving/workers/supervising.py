"""The process around a fleet: one socket for all workers, signals, draining."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from trueup.lifecycle.serving.server.process import (
    AT_ONCE,
    Stop,
    Stopping,
    event_loop,
    listen,
    say_listening,
    url_of,
)
from trueup.lifecycle.serving.workers.fleet import Fleet


class Following(Protocol):
    """What keeps a fleet at what is released; see `following.Follower`."""

    def refresh(self) -> None:
        """Look once."""
        ...

    def start(self) -> None:
        """Look from now on."""
        ...

    def stop(self) -> None:
        """Look no more."""
        ...


def supervise(
    command: Sequence[str],
    count: int,
    follow: Callable[[Fleet], Following],
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    tell: Callable[[str], None],
    stopping: Stopping = AT_ONCE,
    on_listening: Callable[[str], None] = say_listening,
) -> None:
    """Keep workers answering until told to stop.

    Args:
        command: Starts a worker.
        count: How many there are.
        follow: Makes what tells the fleet where traffic goes.
        host: Address to listen on.
        port: Port to listen on; 0 picks a free one.
        tell: Told in words when a worker ends or cannot go on.
        stopping: When it stops, and how.
        on_listening: Told the address when requests are taken.

    Raises:
        UsageError: The port is in use, or the address is not one of this machine.
        BackendError: A worker ended before it could serve.
    """
    with (
        listen(host, port) as listener,
        tempfile.TemporaryDirectory(prefix="trueup-") as folder,
        event_loop() as runner,
    ):
        url = url_of(host, listener.getsockname()[1])
        runner.run(
            _supervise(
                lambda: Fleet(command, count, listener, Path(folder), tell),
                follow,
                stopping,
                lambda: on_listening(url),
            )
        )


async def _supervise(
    made: Callable[[], Fleet],
    follow: Callable[[Fleet], Following],
    stopping: Stopping,
    on_listening: Callable[[], None],
) -> None:
    stop = Stop()
    stop.on_signals()
    if stopping.when_stdin_closes:
        stop.on_closed_stdin()
    fleet = made()
    following = follow(fleet)
    starting = asyncio.create_task(_start(fleet, following))
    asked = asyncio.create_task(stop.asked.wait())
    try:
        await asyncio.wait([starting, asked], return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            starting.result()
            following.start()
            on_listening()
            await asked
            fleet.drain()
            await stop.wait(stopping.delay_s)
    finally:
        starting.cancel()
        unfollowing = asyncio.create_task(asyncio.to_thread(following.stop))
        await fleet.stop(stopping.finish_s, stop.hurried)
        await unfollowing


async def _start(fleet: Fleet, following: Following) -> None:
    await fleet.start()
    await asyncio.to_thread(following.refresh)
    fleet.begin()
