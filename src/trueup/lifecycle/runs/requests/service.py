"""The verbs of requests. Whoever sees to one proves at each step that it is still theirs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from trueup.foundation import clock
from trueup.foundation.actor import Actor
from trueup.foundation.errors import ConflictError, NotFoundError, TrueupError
from trueup.foundation.identifiers import short_id
from trueup.lifecycle.runs import process
from trueup.lifecycle.runs import rules as run_rules
from trueup.lifecycle.runs import table as runs
from trueup.lifecycle.runs.records import RunError
from trueup.lifecycle.runs.requests import rules, table
from trueup.lifecycle.runs.requests.records import OPEN, RequestState, RunRequest, Wish
from trueup.state import cursors
from trueup.state.leases import Lease
from trueup.state.unit import State, Unit

if TYPE_CHECKING:
    import sqlalchemy as sa


class Requests:
    """Runs that were asked for, in the order in which they were."""

    def __init__(self, state: State) -> None:
        self._state = state

    def ask(self, actor: Actor, wish: Wish) -> RunRequest:
        """Ask for a run. The same cause again gives the request there is."""
        with self._state.write(actor, "runs.write") as unit:
            return put(unit, wish)

    def answer(
        self, actor: Actor, lease: Lease, reader: str, seq: int, wish: Wish
    ) -> RunRequest | None:
        """Ask for a run because of events, and move their reader past them.

        While a run that events asked for still waits, more events ask for nothing more: it will
        see what they tell of. None when events ask too often; then the reader stays.

        Raises:
            ConflictError: The lease belongs to another process by now.
        """
        with self._state.write(actor, "runs.write") as unit:
            lease.require(unit.connection)
            connection = unit.connection
            waiting = table.in_states(connection, ["waiting"], wish.pipeline, "event")
            if not waiting:
                asked = table.asked_by_events(connection, wish.pipeline, unit.at - rules.WITHIN)
                if not rules.room_for_events(asked, unit.at):
                    return None
            cursors.move(connection, reader, seq)
            return waiting[0] if waiting else put(unit, wish)

    def pass_over(self, actor: Actor, lease: Lease, reader: str, seq: int | None) -> None:
        """Move a reader past events that ask for nothing; without a number, past all there are.

        Raises:
            ConflictError: The lease belongs to another process by now.
        """
        with self._state.write(actor, "runs.write") as unit:
            lease.require(unit.connection)
            if seq is None:
                cursors.skip(unit.connection, reader)
            else:
                cursors.move(unit.connection, reader, seq)

    def claim(self, actor: Actor, lease: Lease, at_most: int) -> RunRequest | None:
        """Take the next request that may start now, as this process's; None when none may.

        Args:
            actor: Who does it.
            lease: What makes this process the one that starts runs.
            at_most: How many may be at work at once, of all pipelines together.

        Raises:
            ConflictError: The lease belongs to another process by now.
        """
        with self._state.write(actor, "runs.write") as unit:
            lease.require(unit.connection)
            found = rules.next_to_start(
                table.in_states(unit.connection, ["waiting"]),
                table.in_states(unit.connection, ["started"]),
                at_most,
                unit.at,
            )
            if found is None:
                return None
            changes: dict[str, Any] = {
                "state": "started",
                "attempts": found.attempts + 1,
                "process": process.this_process(),
                "beat_at": unit.at,
                "error": None,
            }
            table.change(unit.connection, found, **changes)
            return msgspec.structs.replace(found, **changes)

    def take_over(self, actor: Actor, run: str) -> RunRequest:
        """Say that this process sees to a request from now on.

        Raises:
            NotFoundError: There is no such request.
            ConflictError: It was given to another process, or has ended.
        """
        with self._state.write(actor, "runs.write") as unit:
            request = _found(unit.connection, run)
            require_current(unit.connection, run)
            mine = process.this_process()
            table.change(unit.connection, request, process=mine, beat_at=unit.at)
            return msgspec.structs.replace(request, process=mine, beat_at=unit.at)

    def beat(self, actor: Actor, run: str) -> None:
        """Say that the process that sees to a request lives."""
        with self._state.write(actor, "runs.write") as unit:
            table.beat(unit.connection, run, unit.at)

    def fail(self, actor: Actor, run: str, error: TrueupError) -> RunRequest:
        """Record that a request failed before its run began.

        Raises:
            NotFoundError: There is no such request.
            ConflictError: It was given to another process, or has ended.
        """
        with self._state.write(actor, "runs.write") as unit:
            require_current(unit.connection, run)
            return _end(unit, _found(unit.connection, run), "failed", _said(error))

    def give_back(self, actor: Actor, run: str) -> None:
        """Let a started request wait again: this process stops, another one goes on with it.

        Nothing happens when its run has come to its end.

        Raises:
            NotFoundError: There is no such request.
        """
        with self._state.write(actor, "runs.write") as unit:
            request = _found(unit.connection, run)
            its_run = runs.run(unit.connection, run)
            if request.state != "started" or request.run != run:
                return
            if its_run is None or its_run.state not in ("finished", "failed"):
                # The stop is no fault of the request: it does not count as an attempt.
                _again(unit, request, attempts=request.attempts - 1)

    def postpone(self, actor: Actor, run: str, error: TrueupError) -> None:
        """Let a started request wait for a minute: it cannot begin as things are.

        Raises:
            NotFoundError: There is no such request.
            ConflictError: It was given to another process, or has ended.
        """
        with self._state.write(actor, "runs.write") as unit:
            require_current(unit.connection, run)
            request = _found(unit.connection, run)
            table.change(
                unit.connection,
                request,
                state="waiting",
                process=None,
                attempts=request.attempts - 1,
                not_before=unit.at + rules.LATER,
                error=_said(error),
            )

    def settle(self, actor: Actor) -> list[RunRequest]:
        """Find out what became of all started requests; returns those that changed.

        One whose run was lost, or whose process died before the run began, waits again.
        """
        with self._state.read(actor) as connection:
            if not any(_fate(connection, r) != "goes on" for r in _started(connection)):
                return []
        changed = []
        with self._state.write(actor, "runs.write") as unit:
            for request in _started(unit.connection):
                match _fate(unit.connection, request):
                    case "finished":
                        changed.append(_end(unit, request, "finished", None))
                    case "failed":
                        run = runs.run(unit.connection, request.run)
                        changed.append(_end(unit, request, "failed", run.error if run else None))
                    case "again":
                        changed.append(_again(unit, request, attempts=request.attempts))
                    case "given up":
                        changed.append(_end(unit, request, "failed", _given_up(request)))
        return changed

    def list(
        self, actor: Actor, *, pipeline: str = "", unfinished: bool = False, limit: int = 50
    ) -> list[RunRequest]:
        """Requests: the newest first, or the unfinished ones in the order they will start."""
        with self._state.read(actor) as connection:
            if unfinished:
                return table.in_states(connection, OPEN, pipeline)[:limit]
            return table.newest(connection, limit, pipeline)

    def show(self, actor: Actor, run: str) -> RunRequest:
        """The request that a run is, was or will be an attempt at.

        Raises:
            NotFoundError: There is none.
        """
        with self._state.read(actor) as connection:
            return _found(connection, run)

    def of_cause(self, actor: Actor, cause: str) -> RunRequest | None:
        """The request that a cause made, if it has made one."""
        with self._state.read(actor) as connection:
            return table.of_cause(connection, cause)


def put(unit: Unit, wish: Wish) -> RunRequest:
    """Put a request down inside a caller's transaction; the same cause puts down only one."""
    known = table.of_cause(unit.connection, wish.cause)
    if known is not None:
        return known
    id_ = short_id()
    wished = {name: getattr(wish, name) for name in wish.__struct_fields__}
    asked_by = unit.actor.name
    request = RunRequest(id=id_, run=id_, asked_by=asked_by, asked_at=unit.at, **wished)
    table.add(unit.connection, request)
    data = {"pipeline": wish.pipeline, "cause": wish.cause, "partition": wish.partition}
    unit.emit("run.requested", request.ref, why=wish.reason, data=data)
    return request


def drop(unit: Unit, request: RunRequest, why: str) -> None:
    """Let a waiting request go, because it is not needed any more."""
    error = RunError(code="request-dropped", message=why)
    _end(unit, request, "dropped", error)


def require_begun(connection: sa.Connection, run: str) -> None:
    """Say of a run that was asked for and has not begun how things stand.

    Raises:
        NotFoundError: It has not begun, or never will under this identifier.
    """
    request = table.of_run(connection, run)
    if request is None or runs.run(connection, run) is not None:
        return
    how = {"waiting": "it waits for its turn", "started": "it is about to begin"}
    said = how.get(request.state, f"its request {request.state}")
    if request.error is not None:
        said += f": {request.error.message.rstrip('.')}"
    if request.run != run:
        said += f"; it is run {request.run} now"
    raise NotFoundError(
        "run-not-begun",
        f"Run {run} was asked for and has not begun: {said}.",
        hint="trueup schedule queue",
        context={"run": request.run, "state": request.state},
    )


def require_current(connection: sa.Connection, run: str) -> None:
    """Refuse to go on with a request that is another process's by now.

    Raises:
        ConflictError: It was given to another process, or has ended.
    """
    request = table.of_run(connection, run) if run else None
    if request is not None and (request.run != run or request.state != "started"):
        raise ConflictError(
            "request-taken",
            f"Run {run} may not begin: what asked for it is {request.state}"
            f"{f' as run {request.run}' if request.run != run else ''}.",
            hint="trueup schedule queue",
            context={"run": run, "state": request.state},
        )


def _started(connection: sa.Connection) -> list[RunRequest]:
    return table.in_states(connection, ["started"])


def _fate(connection: sa.Connection, request: RunRequest) -> rules.Fate:
    run = runs.run(connection, request.run)
    is_alive = (
        request.process is not None
        and request.beat_at is not None
        and not run_rules.is_lost(
            request.process, request.beat_at, clock.now(), process.machine(), process.is_alive
        )
    )
    return rules.fate(run.state if run else None, is_alive, request.attempts)


def _again(unit: Unit, request: RunRequest, attempts: int) -> RunRequest:
    """A new identifier for the next attempt: with the old one nobody can begin any more."""
    changes: dict[str, Any] = {
        "state": "waiting",
        "run": short_id(),
        "process": None,
        "attempts": attempts,
    }
    table.change(unit.connection, request, **changes)
    again = msgspec.structs.replace(request, **changes)
    why = f"run {request.run} did not come to its end: it is asked for again"
    unit.emit("run.requested", again.ref, why=why, data={"pipeline": request.pipeline})
    return again


def _end(
    unit: Unit, request: RunRequest, state: RequestState, error: RunError | None
) -> RunRequest:
    changes: dict[str, Any] = {"state": state, "ended_at": unit.at, "error": error}
    if table.change(unit.connection, request, **changes) and state != "finished":
        why = error.message if error else ""
        data = {"pipeline": request.pipeline, "cause": request.cause}
        unit.emit(f"run-request.{state}", request.ref, why=why, data=data)
    return msgspec.structs.replace(request, **changes)


def _said(error: TrueupError) -> RunError:
    return RunError(code=error.code, message=error.message, hint=error.hint)


def _given_up(request: RunRequest) -> RunError:
    return RunError(
        code="run-lost",
        message=f"Its process died {request.attempts} times in a row; it is not tried again.",
        hint=f"trueup run {request.pipeline}",
    )


def _found(connection: sa.Connection, run: str) -> RunRequest:
    request = table.of_run(connection, run)
    if request is None:
        raise NotFoundError(
            "request-not-found",
            f"Nothing has asked for a run '{run}'.",
            hint="trueup schedule queue",
        )
    return request
