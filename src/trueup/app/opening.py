"""A project that is open: its settings, its blobs, its state, and its end.

The state is imported and made when first used: SQLAlchemy alone is half of the start of most
commands. `wiring.py` puts the verbs of every stage on top.
"""

from __future__ import annotations

from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

from trueup.foundation.configuration import Settings, is_read_only, make_private
from trueup.ports.loading import load

if TYPE_CHECKING:
    from trueup.ports.blobs import Blobs
    from trueup.state.unit import State


class Opened:
    """One project, and where what it keeps is kept."""

    def __init__(self, settings: Settings) -> None:
        if not is_read_only(settings.home):
            make_private(settings.home)
        self.settings = settings
        self.root = settings.root

    @cached_property
    def blobs(self) -> Blobs:
        """The blob store."""
        url = self.settings.blobs
        store: Blobs = load("blobs", urlsplit(url).scheme)(url)
        return store

    @cached_property
    def state(self) -> State:
        """Everything that is kept, behind its guard."""
        from trueup.lifecycle.models.webhooks.outbox import put_down
        from trueup.people.access import guard
        from trueup.state.database import Database
        from trueup.state.unit import State

        url = self.settings.key
        keys = load("keys", urlsplit(url).scheme)(url)
        return State(Database(self.settings.database), self.blobs, keys, guard, put_down)

    def close(self) -> None:
        """Close the database, if anything was asked of it."""
        if "state" in self.__dict__:
            self.state.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
