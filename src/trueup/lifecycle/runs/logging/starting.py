"""How a run begins: `trueup.run(...)`, and `trueup.log(...)` for code that has no handle."""

from __future__ import annotations

import atexit
import getpass
import logging
import os
import re
import socket
import sys
import time
import uuid
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import msgspec

from trueup.foundation.errors import TrueupError, UsageError
from trueup.lifecycle.runs.logging import ambient, capturing, outbox, sampling, surroundings
from trueup.lifecycle.runs.logging.ambient import active_run
from trueup.lifecycle.runs.logging.book import Book
from trueup.lifecycle.runs.logging.handle import Run
from trueup.lifecycle.runs.logging.records import Opening
from trueup.lifecycle.runs.tracking import rules

_DEFAULT: Final = "Default"
_WAIT_S: Final = 5.0
_ID: Final = re.compile(r"[0-9a-f]{32}")


def run(
    experiment: str = _DEFAULT,
    /,
    *,
    name: str = "",
    id: str = "",
    tags: Mapping[str, Any] = {},
    to: str | Path | None = None,
    wait: float = _WAIT_S,
    capture: bool = True,
    **params: Any,
) -> Run:
    """Start a run and report it.

    Args:
        experiment: Name of the group of runs it belongs to; made when it is not there.
        name: For people; made up when left out.
        id: Of a run that other processes report too, as their `run.id` says; a new one when left
            out.
        tags: Words about it.
        to: URL of a server (`TRUEUP_URL` when left out), or a project's folder.
        wait: Seconds to wait at the end until everything is shipped.
        capture: Keep what is printed, how busy the machine is, the packages, and the Git commit
            with what differs from it.
        params: With what it works.

    Raises:
        UsageError: A name or a value cannot be kept.
    """
    if not 0 < len(experiment) <= rules.EXPERIMENT_NAME:
        raise UsageError(
            "experiment-name-unusable",
            f"An experiment's name has 1 to {rules.EXPERIMENT_NAME} characters, "
            f"not {len(experiment)}.",
            hint='trueup.run("flights")',
        )
    if id and not _ID.fullmatch(id):
        rules.check_run_id(id)
    run_id = id or uuid.uuid4().hex
    given = "" if to is None else str(to)
    is_url = given.startswith(("http://", "https://"))
    url = given if is_url else ("" if given else os.environ.get("TRUEUP_URL", ""))
    place = outbox.place(Path(given) if given and not is_url else Path.cwd(), os.environ)
    chosen = name or ("" if id else rules.name_of(run_id))
    opening = Opening(
        run=run_id,
        experiment=experiment,
        name=chosen,
        user=_user(),
        started_at=time.time_ns() // 1_000_000,
        url=url.rstrip("/"),
        owns=not id,
        process=os.getpid(),
        host=socket.gethostname(),
    )
    book = Book(place, opening, logging.getLogger("trueup").warning)
    made = Run(run_id, experiment, chosen, book, place, url=opening.url, owns=not id, wait=wait)
    ambient.opened[run_id] = made
    try:
        made.tags({**ambient.tags(), **tags})
        made.params(params)
    except TrueupError:
        made.finish("failed", wait=0)
        raise
    if capture:
        _capture(made, book, is_whole=not id)
    made.begin()
    return made


def _capture(made: Run, book: Book, *, is_whole: bool) -> None:
    """Keep what is beside the training."""
    if not is_whole:
        return  # the process that started the run tells it
    if book.folder is not None:
        made.helped_by(capturing.capture(book.folder))
    here = Path.cwd()

    def tell() -> None:
        made.tags(surroundings.source())
        tags, difference = surroundings.commit(here)
        made.tags(tags)
        if difference:
            made.content("source/uncommitted.diff", difference)
        described = msgspec.json.format(msgspec.json.encode(surroundings.environment()))
        made.content("source/environment.json", described)

    beside = sampling.beside(book.beside)
    said = False

    def sample() -> None:
        nonlocal said
        if not said:
            said = True
            with suppress(Exception):  # what others installed may be broken in any way
                tell()
        beside()

    made.sampled_by(sample)


def log(
    values: Mapping[str, Any] | None = None, /, *, step: int | None = None, **more: Any
) -> None:
    """Log numbers to the run of this context; see `Run.log`.

    Raises:
        UsageError: There is no run: none is ever started silently.
    """
    active_run().log(values, step=step, **more)


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""


def _at_exit() -> None:
    """End what nobody ended; the interpreter tells whether an error led here."""
    failed = getattr(sys, "last_type", None) is not None
    for each in list(ambient.opened.values()):
        each.finish("failed" if failed else "finished")


def _after_fork() -> None:
    for each in ambient.opened.values():
        each.forked()


atexit.register(_at_exit)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
