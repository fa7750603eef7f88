"""The same key again gives the reply that is on record, so a client that lost it may safely retry.

What was recorded is known from the journal itself, also after a restart. Each server knows the
keys that were used before it started and its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

import msgspec

from trueup.foundation.errors import ConflictError
from trueup.lifecycle.serving.journal import frames, lookup
from trueup.lifecycle.serving.journal.folder import segments
from trueup.lifecycle.serving.journal.tail import Place
from trueup.lifecycle.serving.journal.writer import NOWHERE
from trueup.lifecycle.serving.records import Predictions

LIMIT = 100_000
_READ_BACK_BYTES = 256 << 20  # about a second

Answered = tuple[list[Predictions], Place]


class Known(NamedTuple):
    """A key that was used.

    Attributes:
        place: Where the answer stands in the journal.
        body: Digest of the request's body.
    """

    place: Place
    body: str


class Keys:
    """The idempotency keys of one deployment; the newest `LIMIT` are remembered.

    Args:
        folder: The journal's folder.
        known: Keys used before, oldest first.
    """

    def __init__(self, folder: Path, known: dict[str, Known] | None = None) -> None:
        self._folder = folder
        self._known = known or {}
        self._pending: dict[str, asyncio.Event] = {}

    async def once(
        self, key: str, body: str, answer: Callable[[], Awaitable[Answered]]
    ) -> list[Predictions]:
        """What was recorded for the key; `answer` is called only if nothing was.

        A duplicate that comes while the first is being answered waits for it, and takes its place
        if it fails.

        Raises:
            ConflictError: The key was used with another body, or its record is gone.
        """
        while (first := self._pending.get(key)) is not None:
            await first.wait()
        if (known := self._known.get(key)) is not None:
            return self._replay(key, known, body)
        self._pending[key] = asyncio.Event()
        try:
            answered, place = await answer()
            if place != NOWHERE:
                self._remember(key, Known(place, body))
            return answered
        finally:
            self._pending.pop(key).set()

    def _replay(self, key: str, known: Known, body: str) -> list[Predictions]:
        if known.body != body:
            raise ConflictError(
                "idempotency-key-reused",
                "The Idempotency-Key was used before with another body.",
                hint="send each new request with a new key",
            )
        records = lookup.at_place(self._folder, known.place) or []
        answered = [r for r in records if isinstance(r, Predictions) and r.key == key]
        if not answered:
            raise ConflictError(
                "idempotency-record-gone",
                "The Idempotency-Key was used before, but the reply is no longer in the journal.",
                hint="send the request with a new key if it must be answered again",
            )
        return answered

    def _remember(self, key: str, known: Known) -> None:
        if len(self._known) >= LIMIT:
            del self._known[next(iter(self._known))]
        self._known[key] = known


class _Predictions(msgspec.Struct, tag_field="kind", tag="predictions"):
    deployment: str
    key: str
    body: str = ""


class _Labels(msgspec.Struct, tag_field="kind", tag="labels"):
    pass


class _Failure(msgspec.Struct, tag_field="kind", tag="failure"):
    pass


class _Gap(msgspec.Struct, tag_field="kind", tag="gap"):
    pass


_decoder = msgspec.msgpack.Decoder(list[_Predictions | _Labels | _Failure | _Gap])


def used_keys(folder: Path, limit: int = LIMIT) -> dict[str, dict[str, Known]]:
    """The newest keys of each deployment that the end of the journal holds, oldest first."""
    youngest_first: list[list[tuple[str, str, Known]]] = []
    size = 0
    for segment in reversed(segments(folder)):
        if size >= _READ_BACK_BYTES:
            break
        raw = segment.read()
        size += len(raw)
        youngest_first.append(_keys_in(segment.name, raw))
    found: dict[str, dict[str, Known]] = {}
    for keys in reversed(youngest_first):
        for deployment, key, known in keys:
            found.setdefault(deployment, {})[key] = known
    return {name: dict(list(keys.items())[-limit:]) for name, keys in found.items()}


def _keys_in(name: str, raw: bytes) -> list[tuple[str, str, Known]]:
    view = memoryview(raw)
    found: list[tuple[str, str, Known]] = []
    for frame in frames.walk(raw, over_damage=True):
        place = Place(name, frame.start)
        records = _decoder.decode(view[frame.start + frames.HEADER_BYTES : frame.end])
        found += [
            (record.deployment, record.key, Known(place, record.body))
            for record in records
            if isinstance(record, _Predictions) and record.key
        ]
    return found
