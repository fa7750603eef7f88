"""The verbs of web hooks. A secret goes in and never comes out."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from trueup.foundation import clock
from trueup.foundation.actor import Actor
from trueup.foundation.errors import BackendError, NotFoundError
from trueup.lifecycle.models.webhooks import outbox, payloads, rules, sending, table
from trueup.lifecycle.models.webhooks.records import (
    Answer,
    Delivery,
    Errand,
    HookState,
    Webhook,
)
from trueup.state.unit import State

if TYPE_CHECKING:
    import sqlalchemy as sa

_AT_ONCE: Final = 100


class Webhooks:
    """Who elsewhere is told of changes of the registry.

    Args:
        state: Where they are kept.
        root: The project's folder, whose `trueup.toml` says which private hosts may be told.
    """

    def __init__(self, state: State, root: Path) -> None:
        self._state = state
        self._root = root

    def add(
        self,
        actor: Actor,
        name: str,
        url: str,
        events: Sequence[str],
        *,
        description: str = "",
        secret: str = "",
        state: HookState = "active",
    ) -> Webhook:
        """Tell an address of what happens from now on.

        Raises:
            UsageError: Name, address or events are of no use, or the address is private.
        """
        rules.check_name(name)
        rules.check_url(url, sending.private_hosts(self._root))
        rules.check_words(description, secret)
        wanted = rules.check_events(events)
        with self._state.write(actor, "webhooks.write") as unit:
            id_ = str(uuid.uuid4())
            unit.execute(
                table.webhooks.insert().values(
                    **{"id": id_, "name": name, "url": url, "events": list(wanted)},
                    **{"description": description, "state": state},
                    sealed=self._sealed(id_, secret),
                    **{"made_by": actor.name, "created_at": unit.at, "updated_at": unit.at},
                    **{"failures": 0, "last_error": ""},
                )
            )
            told = {"name": name, "events": list(wanted), "is_signed": bool(secret)}
            unit.emit("webhook.added", f"webhook:{id_}", data=told)
            return _there(table.find(unit.connection, id_), id_)

    def show(self, actor: Actor, id_: str) -> Webhook:
        """One web hook, and how it stands.

        Raises:
            NotFoundError: There is none.
        """
        with self._state.read(actor, "webhooks.write") as connection:
            return _there(table.find(connection, id_), id_)

    def known(self, actor: Actor, limit: int = 1000, token: str = "") -> tuple[list[Webhook], str]:
        """One page of web hooks, newest first, and the token of the next.

        Raises:
            UsageError: The token is none.
        """
        with self._state.read(actor, "webhooks.write") as connection:
            return table.page(connection, limit, token)

    def change(
        self,
        actor: Actor,
        id_: str,
        *,
        name: str | None = None,
        url: str | None = None,
        events: Sequence[str] | None = None,
        description: str | None = None,
        secret: str | None = None,
        state: HookState | None = None,
    ) -> Webhook:
        """Change what is given; an empty secret takes the signature away.

        Raises:
            NotFoundError: There is no such web hook.
            UsageError: What is given is of no use.
        """
        values: dict[str, Any] = {"description": description, "state": state, "name": name}
        if name is not None:
            rules.check_name(name)
        if url is not None:
            rules.check_url(url, sending.private_hosts(self._root))
            values |= {"url": url, "failures": 0, "last_error": ""}
        if events is not None:
            values["events"] = list(rules.check_events(events))
        rules.check_words(description or "", secret or "")
        given = {key: value for key, value in values.items() if value is not None}
        changed = sorted({*given, *(("secret",) if secret is not None else ())})
        if url is not None or state == "active":
            given["retry_at"] = None  # whoever mends a web hook wants it tried at once
        if secret is not None:
            given["sealed"] = self._sealed(id_, secret)
        with self._state.write(actor, "webhooks.write") as unit:
            if not table.change(unit.connection, id_, **given, updated_at=unit.at):
                raise _missing(id_)
            unit.emit("webhook.changed", f"webhook:{id_}", data={"changed": changed})
            return _there(table.find(unit.connection, id_), id_)

    def remove(self, actor: Actor, id_: str) -> None:
        """Tell an address nothing any more, and forget what it was still to be told.

        Raises:
            NotFoundError: There is no such web hook.
        """
        with self._state.write(actor, "webhooks.write") as unit:
            found = _there(table.find(unit.connection, id_), id_)
            hooks, lines = table.webhooks, table.deliveries
            unit.execute(lines.delete().where(lines.c.webhook == id_))
            unit.execute(hooks.delete().where(hooks.c.id == id_))
            told = {"name": found.name, "untold": found.waiting}
            unit.emit("webhook.removed", f"webhook:{id_}", data=told)

    def test(self, actor: Actor, id_: str, event: str = "") -> Answer:
        """Tell a web hook a made-up event now, by default the first of its own.

        Raises:
            NotFoundError: There is no such web hook.
            UsageError: There is no such event.
        """
        if event:
            rules.check_events([event])
        with self._state.read(actor, "webhooks.write") as connection:
            found = _there(table.find(connection, id_), id_)
            secret = self._opened(id_, table.sealed(connection, id_))
        event = event or found.events[0]
        body = outbox.body(event, clock.now(), payloads.example(event))
        with sending.outbound(self._root) as http:
            return sending.attempt(http, found.url, secret, str(uuid.uuid4()), body)

    def due(self, actor: Actor, now: datetime) -> list[Errand]:
        """Whom to tell what now."""
        with self._state.read(actor, "webhooks.deliver") as connection:
            if not table.any_waits(connection):
                return []
            return [self._errand(connection, hook) for hook in table.due(connection, now)]

    def settle(self, actor: Actor, errand: Errand, delivery: Delivery, answer: Answer) -> bool:
        """Write down how an attempt ended.

        Returns:
            Whether the next thing may be told: not after a failure that may pass.
        """
        hook = errand.webhook.id
        # A loss of power takes this back and tells it again, which receivers see by its identifier.
        with self._state.write(actor, "webhooks.deliver", relaxed=True) as unit:
            found = table.find(unit.connection, hook)
            if found is None:  # it was removed meanwhile
                return False
            if not answer.error:
                table.drop(unit.connection, delivery.number)
                done = {"failures": 0, "retry_at": None, "last_error": ""}
                return table.change(unit.connection, hook, **done, delivered_at=unit.at)
            is_over = unit.at - delivery.at > rules.KEPT_FOR
            gives_up = is_over or rules.is_refused_for_good(answer.status)
            if gives_up and table.drop(unit.connection, delivery.number):
                data = {"delivery": delivery.id, "event": delivery.event, "error": answer.error}
                unit.emit("webhook.given-up", f"webhook:{hook}", data=data)
            passes = rules.is_refused_for_good(answer.status)
            failures = 0 if passes else found.failures + 1
            later = None if passes else unit.at + rules.wait_after(failures, answer.wait_s)
            values = {"failures": failures, "retry_at": later, "last_error": answer.error[:1000]}
            table.change(unit.connection, hook, **values)
            return passes

    def _errand(self, connection: sa.Connection, hook: Webhook) -> Errand:
        waiting = tuple(table.waiting(connection, hook.id, _AT_ONCE))
        try:
            secret, trouble = self._opened(hook.id, table.sealed(connection, hook.id)), ""
        except BackendError as error:  # without its key: what another web hook waits for is told
            secret, trouble = "", error.message
        return Errand(webhook=hook, secret=secret, deliveries=waiting, trouble=trouble)

    def _sealed(self, id_: str, secret: str) -> bytes | None:
        return self._state.keys.seal(secret.encode(), f"webhook:{id_}") if secret else None

    def _opened(self, id_: str, sealed: bytes | None) -> str:
        if sealed is None:
            return ""
        return self._state.keys.unseal(sealed, f"webhook:{id_}").decode()


def _there(found: Webhook | None, id_: str) -> Webhook:
    if found is None:
        raise _missing(id_)
    return found


def _missing(id_: str) -> NotFoundError:
    return NotFoundError(
        "webhook-not-found",
        f"There is no web hook '{id_[:100]}'.",
        hint="trueup webhook list",
        context={"webhook": id_[:100]},
    )
