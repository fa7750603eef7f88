"""Orders in an emergency: files that servers obey at once, even while the database is locked.

`release rollback` and `release stop` write one first and tell the database afterwards; the order
leaves its folder once the database says the same. An order is signed with the project's key.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final, Literal

import msgspec

from trueup.foundation.actor import Actor
from trueup.foundation.configuration import make_private
from trueup.foundation.records import Record, decode, encode
from trueup.lifecycle.releases.records import Route
from trueup.ports.keys import Keys

_SIGNED_AS: Final = b"trueup/order\0"
_ENDING: Final = ".order"
_Seen = tuple[tuple[str, int, int], ...]  # name, moment of writing, inode of each file


class Order(Record):
    """What servers are to do before the database says so.

    Attributes:
        kind: What it is.
        deployment: The place.
        by: Who gave it.
        on_behalf_of: Which account spoke for them.
        why: The reason, for the record.
        at: When.
        route: Where the traffic goes then; of a stop only that it is stopped counts.
        release: The release that a rollback takes away; without it the order is void.
    """

    kind: Literal["rollback", "stop"]
    deployment: str
    by: str
    on_behalf_of: str
    why: str
    at: datetime
    route: Route
    release: int = 0

    @property
    def actor(self) -> Actor:
        """Who gave it, to put it on record."""
        return Actor(name=self.by, on_behalf_of=self.on_behalf_of)


class _Paper(Record):
    order: str
    signature: str


class Orders:
    """The orders of one project on this machine.

    Args:
        folder: Where they lie.
        keys: Sign and check them.
    """

    def __init__(self, folder: Path, keys: Keys) -> None:
        self._folder = folder
        self._keys = keys
        self._seen: _Seen = ()
        self._standing: tuple[Order, ...] = ()

    def give(self, order: Order) -> None:
        """Put an order where all servers of this machine see it; whole or not at all."""
        make_private(self._folder)
        text = encode(order)
        signature = self._keys.sign(_SIGNED_AS + text).hex()
        file = self._file(order)
        aside = file.with_name(f".{file.name}.{os.getpid()}")
        handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as paper:
            paper.write(encode(_Paper(order=text.decode(), signature=signature)))
            paper.flush()
            os.fsync(handle)
        aside.replace(file)

    def take_away(self, order: Order) -> None:
        """Remove an order that is on record, unless another one has taken its place."""
        file = self._file(order)
        if self._read(file) == order:
            file.unlink(missing_ok=True)

    def standing(self) -> tuple[Order, ...]:
        """All genuine orders; read again only when a file has changed."""
        seen = self._look()
        if seen != self._seen:
            found = [self._read(self._folder / name) for name, _, _ in seen]
            self._standing = tuple(order for order in found if order is not None)
            self._seen = seen
        return self._standing

    def _look(self) -> _Seen:
        try:
            with os.scandir(self._folder) as entries:
                files = [entry for entry in entries if entry.name.endswith(_ENDING)]
                stats = [(entry.name, entry.stat()) for entry in files]
        except FileNotFoundError:
            return ()
        return tuple(sorted((name, stat.st_mtime_ns, stat.st_ino) for name, stat in stats))

    def _read(self, file: Path) -> Order | None:
        """The order of a file; None where it is gone, or nobody of this project signed it."""
        try:
            paper = decode(file.read_bytes(), _Paper)
            signature = bytes.fromhex(paper.signature)
            text = paper.order.encode()
            order = decode(text, Order) if self._keys.verify(_SIGNED_AS + text, signature) else None
        except (OSError, ValueError, msgspec.MsgspecError):
            return None
        return order if order is not None and self._file(order).name == file.name else None

    def _file(self, order: Order) -> Path:
        return self._folder / f"{order.deployment}.{order.kind}{_ENDING}"


def obeyed(routes: Mapping[str, Route], orders: Sequence[Order]) -> dict[str, Route]:
    """The routes of the database, with what the orders change of them."""
    found = dict(routes)
    for order in sorted(orders, key=lambda order: order.kind):  # a stop comes last: it wins
        route = found.get(order.deployment)
        if route is None:
            continue
        if order.kind == "stop":
            found[order.deployment] = msgspec.structs.replace(route, stopped=order.route.stopped)
        elif any(arm.release == order.release for arm in route.arms):
            found[order.deployment] = msgspec.structs.replace(order.route, stopped=route.stopped)
    return found
