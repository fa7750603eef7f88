"""Which run is meant when none is named: that of this context, else the only one that is open."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from trueup.foundation.errors import UsageError

current: ContextVar[Any] = ContextVar("trueup_run", default=None)
_tags: ContextVar[Mapping[str, str] | None] = ContextVar("trueup_step", default=None)
# Those that are open in this process; the key is the identifier.
opened: dict[str, Any] = {}


@contextmanager
def tagged(tags: Mapping[str, str]) -> Iterator[None]:
    """Give these tags to every run that starts in the block: a step of a pipeline does."""
    token = _tags.set({**(_tags.get() or {}), **tags})
    try:
        yield
    finally:
        _tags.reset(token)


def tags() -> Mapping[str, str]:
    """The tags that a run that starts here gets."""
    return _tags.get() or {}


def active_run() -> Any:
    """The run of this context; in a thread that has none, the only one that is open.

    Raises:
        UsageError: There is none, or there are several.
    """
    found = current.get()
    if found is not None:
        return found
    if len(opened) == 1:
        return next(iter(opened.values()))
    if opened:
        raise UsageError(
            "run-ambiguous",
            f"{len(opened)} runs are open in this process and none of them in this thread.",
            hint="run.log(loss=0.1)  # the run that `trueup.run(...)` gave",
        )
    raise UsageError(
        "no-run",
        "There is no run to log to: nothing is ever logged to a run that nobody started.",
        hint='with trueup.run("flights"): trueup.log(loss=0.1)',
    )
