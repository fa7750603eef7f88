"""Who sends a request: the same answer for every door.

In local mode whoever reaches this machine's own address is the owner, unless a token or password of
ours says otherwise. Where signing in is demanded, these are the only ways.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from functools import cache, partial
from typing import TYPE_CHECKING, Final, NamedTuple

from trueup.foundation import clock, threads
from trueup.foundation.actor import Actor
from trueup.foundation.errors import DeniedError
from trueup.people.passwords import table as passwords
from trueup.people.passwords.rules import matches
from trueup.people.tokens import rules, table
from trueup.state.database import Database

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

_REMEMBERED_S: Final = 1.0
_REMEMBERED: Final = 1000
_WINDOW_S: Final = 60.0
_FAILURES: Final = 20

CHALLENGES: Final = (b'Basic realm="Trueup", charset="UTF-8"', b'Bearer realm="Trueup"')
STATUS: Final = {"sign-in-needed": 401, "sign-in-limited": 429}


class _Unproved(NamedTuple):
    """A password that somebody gave, and what is kept of theirs."""

    given: rules.Given
    kept: str | None


class Entrance:
    """Finds who sends a request by its `Authorization` header.

    Args:
        database: Where tokens are kept.
        owner: Gives the one who is meant where nobody has to sign in.
        is_required: Whether everybody has to sign in.
    """

    def __init__(
        self, database: Database, owner: Callable[[], Actor], *, is_required: bool = False
    ) -> None:
        self._database = database
        self._owner = owner
        self.is_required = is_required
        self._known: dict[str, tuple[float, Actor]] = {}
        self._proofs: dict[str, tuple[str, str]] = {}
        self._failures: dict[str, deque[float]] = {}
        self._lock = threading.Lock()

    def who(self, authorization: str, peer: str = "") -> Actor:
        """The actor of a request.

        Args:
            authorization: The header's value; empty when there is none.
            peer: The address it comes from: after too many failures of one its passwords are not
                looked at.

        Raises:
            DeniedError: Nobody signed in, or the token is wrong, or there were too many of those.
        """
        found = self._quickly(authorization, peer)
        return found if isinstance(found, Actor) else self._proved(authorization, found, peer)

    async def enter(self, authorization: str, peer: str = "") -> Actor:
        """As `who`, for an event loop: only who has a password to be looked at waits for that.

        Raises:
            DeniedError: As `who`.
        """
        found = self._quickly(authorization, peer)
        if isinstance(found, Actor):
            return found
        import asyncio  # servers have it; commands do without

        look = partial(self._proved, authorization, found, peer)
        return await asyncio.get_running_loop().run_in_executor(_looking(), look)

    def _quickly(self, authorization: str, peer: str) -> Actor | _Unproved:
        """Who it is, or the password that has to be looked at first."""
        if not authorization and not self.is_required:
            return self._owner()
        # A second old at most: a token that is revoked, or a role, counts that much longer.
        found = self._known.get(authorization)
        if found is not None and found[0] > time.monotonic():
            return found[1]
        given = rules.given(authorization)
        is_token = given is not None and bool(rules.id_in(given.secret))
        kept = None if given is None or is_token else self._kept(given.name)
        if not self.is_required and not is_token and kept is None:
            # The password of another server, in an environment variable.
            return self._remember(authorization, self._owner())
        if not authorization:
            raise _needed("This server wants to know who you are.")
        if given is not None and not is_token:
            actor = self._proved_before(authorization, kept)
            return _Unproved(given, kept) if actor is None else self._remember(authorization, actor)
        actor = None if given is None else self._found(given)
        if actor is None:
            # Only now: a token that is right does not wait because of others behind the same
            # address.
            self._check_rate(peer)
            raise self._refused(peer)
        return self._remember(authorization, actor)

    def _proved(self, authorization: str, unproved: _Unproved, peer: str) -> Actor:
        """Who gives the password of which this is kept: that takes a while, so it is remembered."""
        self._check_rate(peer)
        given, kept = unproved
        if not matches(given.secret, kept):
            raise self._refused(peer)
        with self._lock:
            if len(self._proofs) >= _REMEMBERED:
                self._proofs.clear()
            self._proofs[authorization] = kept or "", given.name
        return self._remember(authorization, Actor(name=given.name))

    def _remember(self, authorization: str, actor: Actor) -> Actor:
        with self._lock:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[authorization] = (time.monotonic() + _REMEMBERED_S, actor)
        return actor

    def _kept(self, name: str) -> str | None:
        """What is kept of the password of somebody who belongs to the project."""
        if not name:
            return None
        with self._database.reading() as connection:
            return passwords.kept(connection, name)

    def _proved_before(self, authorization: str, kept: str | None) -> Actor | None:
        known, name = self._proofs.get(authorization, ("", ""))
        return Actor(name=name) if known and known == kept else None

    def _found(self, given: rules.Given) -> Actor | None:
        id_ = rules.id_in(given.secret)
        with self._database.reading() as connection:
            token = table.token(connection, id_)
            is_it = rules.matches(given.secret, table.digest(connection, id_))
        if token is None or not is_it or token.state(clock.now()) != "valid":
            return None
        if given.name not in ("", token.person):
            return None
        return Actor(name=token.person, scopes=token.scopes)

    def _check_rate(self, peer: str) -> None:
        with self._lock:
            failures = self._failures.get(peer)
            while failures and failures[0] < time.monotonic() - _WINDOW_S:
                failures.popleft()
            if failures and len(failures) >= _FAILURES:
                raise DeniedError(
                    "sign-in-limited",
                    f"{_FAILURES} wrong tokens or passwords came from here within a minute.",
                    hint="wait a minute, then send the right one",
                )

    def _refused(self, peer: str) -> DeniedError:
        """What is said to a wrong token or password, which counts as a guess."""
        with self._lock:
            if len(self._failures) >= _REMEMBERED:
                self._failures.clear()
            self._failures.setdefault(peer, deque()).append(time.monotonic())
        return _needed(
            "The token is wrong, expired or revoked, or is somebody else's; or it is a wrong "
            "password."
        )


@cache
def _looking() -> ThreadPoolExecutor:
    """Threads of their own: however many log in, those of all other requests stay free."""
    return threads.pool(2, "trueup-entrance")


def _needed(because: str) -> DeniedError:
    return DeniedError(
        "sign-in-needed",
        because,
        hint="trueup people token add NAME, then send it as bearer token or as password of NAME",
    )
