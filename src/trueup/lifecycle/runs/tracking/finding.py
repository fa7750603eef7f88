"""Experiments and runs as callers name them, or the refusal of a name that is none."""

from __future__ import annotations

import sqlalchemy as sa

from trueup.foundation.errors import ConflictError, NotFoundError
from trueup.lifecycle.runs.tracking import logged, rules, table
from trueup.lifecycle.runs.tracking.records import DEFAULT_EXPERIMENT, Experiment, Life, State


def experiment(connection: sa.Connection, number: int) -> Experiment:
    """One experiment by its number.

    Raises:
        NotFoundError: There is none.
    """
    found = table.experiment(connection, number=number)
    if found is None:
        raise NotFoundError(
            "experiment-not-found",
            f"There is no experiment {number}.",
            hint="mlflow experiments search",
            context={"experiment": number},
        )
    return found


def default(root: str) -> Experiment:
    """The experiment that is there before anybody wrote one."""
    return Experiment(
        number=DEFAULT_EXPERIMENT,
        name="Default",
        artifacts=f"{root}/{DEFAULT_EXPERIMENT}",
        life="active",
        created_at=0,
        updated_at=0,
    )


def number(connection: sa.Connection, run_id: str) -> int:
    """The number of a run.

    Raises:
        NotFoundError: There is no such run.
        UsageError: It can be no identifier of one.
    """
    return head(connection, run_id)[0]


def active(connection: sa.Connection, run_id: str) -> tuple[int, State]:
    """Number and state of a run that is about to be written, which takes its text away.

    Raises:
        NotFoundError: There is no such run.
        ConflictError: It is deleted.
        UsageError: It can be no identifier of one.
    """
    found, life, state = head(connection, run_id)
    rules.check_active(run_id, life)
    if state in logged.ENDED:
        logged.take_away(connection, [found])
    return found, state


def head(connection: sa.Connection, run_id: str) -> tuple[int, Life, State]:
    """Number, life and state of a run.

    Raises:
        NotFoundError: There is no such run.
        UsageError: It can be no identifier of one.
    """
    rules.check_run_id(run_id)
    found = table.head(connection, run_id)
    if found is None:
        raise _no_run(run_id)
    return found


def taken(name: str, known: Experiment | None) -> ConflictError:
    """The refusal of a name that an experiment has already."""
    gone = known is not None and known.life == "deleted"
    return ConflictError(
        "experiment-exists",
        f"There is already an experiment '{name[:300]}'" + (", which is deleted." if gone else "."),
        hint="choose another name" + (", or restore it" if gone else ""),
        context={"name": name[:500], "deleted": gone},
    )


def _no_run(run_id: str) -> NotFoundError:
    return NotFoundError(
        "tracked-run-not-found",
        f"There is no run '{run_id}'.",
        hint="trueup runs list",
        context={"run": run_id},
    )
