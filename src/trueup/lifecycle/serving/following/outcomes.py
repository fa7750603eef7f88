"""What came of following a release: it serves, or why it does not. Servers note it, once each."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from trueup.foundation.actor import Actor
from trueup.foundation.errors import TrueupError
from trueup.foundation.records import Record
from trueup.state import eventlog
from trueup.state.unit import State

SERVED: Final = "release.served"
REFUSED: Final = "release.refused"
_LOOKED_AT: Final = 200


class Outcome(Record):
    """What servers last said about a release, or about a version that an alias pointed at.

    Attributes:
        subject: The release, or `deployment:NAME` where an alias is followed.
        model_ref: The model version.
        is_served: Whether it answers; otherwise what served before goes on.
        at: When that was said.
        code: Error code of the reason; empty when it answers.
        why: The reason in words.
        seconds: How long loading, golden rows and warm-up took.
        bytes: About how much memory it took; 0 where that is not known.
    """

    subject: str
    model_ref: str
    is_served: bool
    at: datetime
    code: str = ""
    why: str = ""
    seconds: float = 0.0
    bytes: int = 0


class Outcomes:
    """The verbs of outcomes."""

    def __init__(self, state: State) -> None:
        self._state = state

    def served(
        self,
        actor: Actor,
        deployment: str,
        release: int,
        model_ref: str,
        *,
        seconds: float,
        size: int,
    ) -> None:
        """Note that a server answers with a version now; what was said already is not repeated."""
        facts = {"model": model_ref, "seconds": round(seconds, 3), "bytes": size}
        self._note(actor, SERVED, _subject(deployment, release), "", facts)

    def refused(
        self, actor: Actor, deployment: str, release: int, model_ref: str, error: TrueupError
    ) -> None:
        """Note why a server does not take a version; what was said already is not repeated."""
        facts = {"model": model_ref, "code": error.code}
        self._note(actor, REFUSED, _subject(deployment, release), error.message, facts)

    def of_deployment(self, actor: Actor, deployment: str) -> list[Outcome]:
        """The last word about each release of a deployment, newest first."""
        with self._state.read(actor) as connection:
            said = [
                *eventlog.latest(connection, _LOOKED_AT, subject=f"release:{deployment}@*"),
                *eventlog.latest(connection, _LOOKED_AT, subject=_subject(deployment, 0)),
            ]
        found: dict[tuple[str, str], Outcome] = {}
        for event in sorted(said, key=lambda each: -each.seq):
            if event.type in (SERVED, REFUSED):
                outcome = _outcome(event)
                found.setdefault((outcome.subject, outcome.model_ref), outcome)
        return list(found.values())

    def _note(
        self, actor: Actor, type_: str, subject: str, why: str, facts: dict[str, Any]
    ) -> None:
        with self._state.write(actor, "releases.operate") as unit:
            # Several servers follow one release, and each starts more than once.
            for event in reversed(eventlog.about(unit.connection, subject)):
                if event.type in (SERVED, REFUSED) and event.data["model"] == facts["model"]:
                    if (event.type, event.why) == (type_, why):
                        return
                    break
            unit.emit(type_, subject, why=why, data=facts)


def _subject(deployment: str, release: int) -> str:
    return f"release:{deployment}@{release}" if release else f"deployment:{deployment}"


def _outcome(event: eventlog.Event) -> Outcome:
    return Outcome(
        subject=event.subject,
        model_ref=event.data["model"],
        is_served=event.type == SERVED,
        at=event.at,
        code=event.data.get("code", ""),
        why=event.why,
        seconds=event.data.get("seconds", 0.0),
        bytes=event.data.get("bytes", 0),
    )
