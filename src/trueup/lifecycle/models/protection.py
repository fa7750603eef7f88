"""Whoever guards aliases and versions: moving `champion` needs evidence that later stages know.

`releases/protection.py` is the guard; here is what the verbs of models ask of it.
"""

from __future__ import annotations

from typing import Protocol

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
