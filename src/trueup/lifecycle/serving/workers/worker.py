"""One worker: answers on the shared socket, and does what the supervisor says.

When the supervisor is gone it finishes what is under way and ends.
"""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from trueup.foundation import collector
from trueup.lifecycle.serving.inference.endpoint import Loader
from trueup.lifecycle.serving.metrics import Snapshot
from trueup.lifecycle.serving.server import asgi
from trueup.lifecycle.serving.server.application import Application, Prepared
from trueup.lifecycle.serving.server.fronts import Front
from trueup.lifecycle.serving.server.http import Reply, Request
from trueup.lifecycle.serving.server.process import event_loop
from trueup.lifecycle.serving.workers import messages
from trueup.lifecycle.serving.workers.messages import Line, Order, problem_of
from trueup.lifecycle.serving.workers.place import Place
from trueup.lifecycle.serving.workers.relay import Relay

_FINISH_S: Final = 10.0
_TOTALS_S: Final = 2.0


class Answering:
    """What a front answers with: the application, with the relay before it."""

    def __init__(self, application: Application, relay: Relay) -> None:
        self._application = application
        self._relay = relay

    async def answer(self, request: Request) -> Reply:
        """The reply to a request."""
        return await self._relay.answer(request)

    async def __call__(self, scope: asgi.Scope, receive: asgi.Receive, send: asgi.Send) -> None:
        """Answer one request (ASGI)."""
        await asgi.send_reply(send, await self.answer(asgi.AsgiRequest(scope, receive)))


def serve(
    application: Application,
    load: Loader,
    place: Place,
    front: Callable[[Answering], Front],
) -> None:
    """Answer until the supervisor says otherwise, then close the application.

    Args:
        application: What answers.
        load: Loads a model.
        place: The place in the fleet.
        front: Makes what speaks HTTP.
    """
    collector.as_usual()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with event_loop() as runner:
            runner.run(_Worker(application, load, place).run(front))
    finally:
        application.close()


class _Worker:
    def __init__(self, application: Application, load: Loader, place: Place) -> None:
        self._application = application
        self._load = load
        self._place = place
        self._prepared: dict[int, Prepared] = {}
        self._preparing: set[asyncio.Task[None]] = set()
        self._wishes: dict[int, asyncio.Future[list[Snapshot]]] = {}
        self._wished = 0
        self._finish_s = _FINISH_S

    async def run(self, front: Callable[[Answering], Front]) -> None:
        application, place = self._application, self._place
        application.waits_for_others = True
        application.gather = self._gathered
        with socket.socket(fileno=place.listener) as listener:
            await self._serve(listener, front)

    async def _serve(self, listener: socket.socket, front: Callable[[Answering], Front]) -> None:
        application, place = self._application, self._place
        line: Line[Order] = await Line.on(socket.socket(fileno=place.control), Order)
        self._line = line
        relay = Relay(
            application.answer,
            place.index,
            place.count,
            Path(place.folder),
            application.limiter.largest_body,
        )
        await relay.open()
        spoken = front(Answering(application, relay))
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, line.close)
        line.say(messages.Up())
        has_begun = False
        while (order := await line.hear()) is not None:
            match order:
                case messages.Begin():
                    await spoken.open(listener)
                    has_begun = True
                case messages.Stop(finish_s):
                    self._finish_s = finish_s
                    break
                case _:
                    self._obey(order)
        application.draining = True
        if has_begun:
            await spoken.close(self._finish_s)
        relay.close()
        line.close()

    def _obey(self, order: Order) -> None:
        application = self._application
        match order:
            case messages.Prepare():
                preparing = asyncio.create_task(self._prepare(order))
                self._preparing.add(preparing)
                preparing.add_done_callback(self._preparing.discard)
            case messages.Flip(epoch, takes_over):
                prepared = self._prepared.pop(epoch, None)
                if prepared is not None and takes_over:
                    application.flip(prepared)
            case messages.Retire(deployment):
                application.retire(deployment)
            case messages.Stand(is_ready, is_draining):
                application.waits_for_others = not is_ready
                application.draining = is_draining
            case messages.Count(asked):
                self._line.say(messages.Counted(asked, application.snapshot()))
            case messages.Totals(wish, snapshots):
                future = self._wishes.pop(wish, None)
                if future is not None and not future.done():
                    future.set_result(snapshots)

    async def _prepare(self, order: messages.Prepare) -> None:
        prepare = partial(self._application.prepare, order.route, self._load)
        try:
            self._prepared[order.epoch] = await asyncio.to_thread(prepare)
        except Exception as error:
            self._line.say(messages.Failed(order.epoch, problem_of(error)))
        else:
            self._line.say(messages.Prepared(order.epoch))

    async def _gathered(self) -> list[Snapshot]:
        self._wished += 1
        future = asyncio.get_running_loop().create_future()
        self._wishes[self._wished] = future
        self._line.say(messages.Wish(self._wished))
        try:
            return await asyncio.wait_for(future, _TOTALS_S)
        except TimeoutError:  # the supervisor is gone: this worker speaks for itself
            return [self._application.snapshot()]
