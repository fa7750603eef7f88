"""Whoever guards aliases and versions: moving `champion` needs evidence that later stages know.

`releases/protection.py` is the guard; here is what the verbs of models ask of it.
"""

from __future__ import annotations

from typing import Protocol

import sqlalchemy as sa

from trueup.lifecycle.models import table
from trueup.state.unit import Unit


class Guard(Protocol):
    """Asked inside the transaction of a change, before anything is written."""

    def may_move(self, unit: Unit, name: str, model: str, version: int | None) -> None:
        """Return if alias or stage `name` may go to a version; None takes it away.

        Raises:
            DeniedError: It is protected, and an approval is missing, or it would be taken away.
            GateFailedError: It is protected, and no passing verdict under the plan in force is
                there.
        """
        ...

    def may_delete(self, unit: Unit, model: str, version: int) -> None:
        """Return if a version may be deleted.

        Raises:
            ConflictError: Something stands on it.
        """
        ...


def check_leaving(unit: Unit, guard: Guard, model: str, version: int, stage: str) -> None:
    """Refuse that a version leaves a protected stage empty.

    Raises:
        DeniedError: It is the only one there.
    """
    if stage and table.standing_in(unit.connection, model, stage) == [version]:
        guard.may_move(unit, stage, model, None)


def check_aliases(unit: Unit, guard: Guard, model: str, version: int | None = None) -> None:
    """Refuse that the protected aliases of a model, or of one version, are taken away.

    Raises:
        DeniedError: There is one.
    """
    rows = table.aliases.c
    query = sa.select(rows.alias).where(rows.model == model)
    if version is not None:
        query = query.where(rows.version == version)
    for alias in sorted(unit.execute(query).scalars()):
        guard.may_move(unit, alias, model, None)
