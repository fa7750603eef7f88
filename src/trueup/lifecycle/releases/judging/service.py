"""The verbs of decisions: what was found about a release while it was tried out, and when."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from trueup.foundation.actor import Actor
from trueup.foundation.records import builtins
from trueup.lifecycle.releases.judging import table
from trueup.lifecycle.releases.judging.records import Decision, Look
from trueup.state.unit import State

# A look is kept when this many times the rows of the one before are known: some two hundred looks
# for the longest ramp.
_MORE: Final = 1.1


class Decisions:
    """The looks at releases that are or were tried out."""

    def __init__(self, state: State) -> None:
        self._state = state

    def record(
        self, actor: Actor, deployment: str, number: int, decision: Decision, at: datetime
    ) -> None:
        """Put on record what was found.

        The newest look is always there; older ones are kept as the rows grow, and wherever an
        outcome changed, which is an event too. The same again writes nothing.
        """
        with self._state.read(actor) as connection:
            before = table.newest(connection, deployment, number, 2)
            if before and before[0].decision == decision:
                return
        with self._state.write(actor, "releases.operate") as unit:
            before = table.newest(unit.connection, deployment, number, 2)
            place = (deployment, number)
            if before and not _is_news(before, decision):
                table.replace(unit.connection, *place, before[0].number, at, decision)
                return
            look = before[0].number + 1 if before else 1
            table.add(unit.connection, *place, look, at, decision)
            if not before or _outcomes(before[0].decision) != _outcomes(decision):
                unit.emit(
                    "release.examined",
                    f"release:{deployment}@{number}",
                    after=decision.action,
                    why=decision.words,
                    data={
                        "figures": [builtins(figure) for figure in decision.figures],
                        "at": at.isoformat(),
                    },
                )

    def of_release(self, actor: Actor, deployment: str, number: int) -> list[Look]:
        """All looks at a release, oldest first; the newest says how it stands."""
        with self._state.read(actor) as connection:
            return table.looks(connection, deployment, number)


def _is_news(before: list[Look], decision: Decision) -> bool:
    """Whether the newest look shall stay as it is, and this one be another."""
    if _outcomes(before[0].decision) != _outcomes(decision):
        return True
    if len(before) == 1:
        return False
    return before[0].decision.rows >= _MORE * before[1].decision.rows + 1


def _outcomes(decision: Decision) -> list[tuple[str, str]]:
    return [(decision.action, "")] + [(f.metric, f.outcome) for f in decision.figures]
