"""The verbs of tokens. Everybody may have their own; an owner may give and take others'."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from trueup.foundation.actor import Actor
from trueup.foundation.errors import ConflictError, NotFoundError, UsageError
from trueup.people import access
from trueup.people import table as people
from trueup.people.rules import permitted
from trueup.people.scopes import checked
from trueup.people.tokens import rules, table
from trueup.people.tokens.records import MadeToken, Token
from trueup.state.unit import State

_YEARS = timedelta(days=3660)


class Tokens:
    """Secrets that speak for people."""

    def __init__(self, state: State) -> None:
        self._state = state

    def add(
        self,
        actor: Actor,
        person: str,
        lasts: timedelta | None = None,
        scopes: Iterable[str] = (),
    ) -> MadeToken:
        """Make a token for a person; its secret is in the answer and nowhere else.

        Args:
            actor: The person, or somebody who may change people.
            person: Who it speaks for.
            lasts: How long it counts; always when left out.
            scopes: What it is limited to; all that the person may when left out.

        Raises:
            NotFoundError: Nobody of that name belongs to the project.
            DeniedError: The actor may make no token for somebody else.
            UsageError: It would last more than ten years, or a scope is none.
        """
        limited = checked(scopes)
        if lasts is not None and lasts > _YEARS:
            raise UsageError(
                "token-lasts-long",
                f"A token may last 10 years at most; {lasts.days} days were asked for.",
                hint=f"trueup people token add {person[:100]} --expires 90d",
            )
        with self._state.write(actor, "read") as unit:
            if actor.name != person:
                access.guard(unit.connection, actor, "people.write")
            if people.person(unit.connection, person) is None:
                raise NotFoundError(
                    "person-not-found",
                    f"Nobody named '{person[:100]}' belongs to this project.",
                    hint="trueup people list",
                    context={"person": person[:100]},
                )
            id_, secret, digest = rules.new_secret()
            token = Token(
                id=id_,
                person=person,
                made_by=actor.name,
                made_at=unit.at,
                expires_at=None if lasts is None else unit.at + lasts,
                scopes=limited,
            )
            fields = {name: getattr(token, name) for name in token.__struct_fields__}
            unit.execute(table.tokens.insert().values(**fields, digest=digest))
            until = None if token.expires_at is None else token.expires_at.isoformat()
            data = {"person": person, "expires_at": until, "scopes": list(limited)}
            unit.emit("token.made", f"token:{id_}", data=data)
        return MadeToken(token=token, secret=secret)

    def known(self, actor: Actor) -> list[Token]:
        """The actor's tokens; all of them, if they may change people."""
        with self._state.read(actor) as connection:
            roles = people.roles(connection, actor.name) or ()
            may_see_all = "people.write" in permitted(roles)
            return table.known(connection, None if may_see_all else actor.name)

    def revoke(self, actor: Actor, id_: str) -> Token:
        """Take a token back: from now on it counts for nothing.

        Raises:
            NotFoundError: There is none.
            DeniedError: It is somebody else's, and the actor may not change people.
            ConflictError: It was taken back before.
        """
        with self._state.write(actor, "read") as unit:
            found = table.token(unit.connection, id_)
            if found is None or found.person != actor.name:
                access.guard(unit.connection, actor, "people.write")
            if found is None:
                raise NotFoundError(
                    "token-not-found",
                    f"There is no token '{id_[:100]}'.",
                    hint="trueup people token list",
                )
            if found.revoked_at is not None:
                raise ConflictError(
                    "token-revoked",
                    f"Token {id_} was revoked at {found.revoked_at:%Y-%m-%d %H:%M} UTC.",
                    hint="trueup people token list",
                )
            changed = table.tokens.update().where(table.tokens.c.id == id_)
            unit.execute(changed.values(revoked_at=unit.at))
            unit.emit("token.revoked", f"token:{id_}", data={"person": found.person})
            after = table.token(unit.connection, id_)
            assert after is not None  # it was found in this transaction
            return after
