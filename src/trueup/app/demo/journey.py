"""One whole journey: the story told, then summed up. Running it again resumes, or says so."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec
from rich.console import Console

from trueup.app.demo.progress import Display
from trueup.app.demo.story import Story
from trueup.app.demo.summary import Summary, summarise
from trueup.foundation.configuration import HOME, make_private
from trueup.foundation.errors import ConflictError, UsageError
from trueup.foundation.text import listing

_MARK = "demo.json"


class Mark(msgspec.Struct):
    """What the folder's demo was begun with, and how long its parts took so far."""

    share: float
    months: int
    seconds: dict[str, float] = {}


def travel(folder: Path, share: float, months: int, console: Console) -> Summary:
    """Tell the story in `folder` and sum it up.

    Raises:
        UsageError: The folder holds something else, or a demo with another share of traffic.
        ConflictError: Another demo is at work in it.
    """
    folder = folder.resolve()
    _refuse_state_elsewhere(os.environ)
    with _alone_in(folder):
        mark_file = folder / HOME / _MARK
        mark = _begin(folder, mark_file, share, months)
        display = Display(console)
        story = Story(folder, share, months, display)
        try:
            if story.is_told:
                return _again(story, mark, display)
            if mark.seconds:
                display.remark(f"{folder.name} holds an earlier journey: going on where it ended")
            return _told(story, mark, mark_file, display)
        finally:
            story.close()


def _again(story: Story, mark: Mark, display: Display) -> Summary:
    """The story is told: nothing of it is done again, and nothing is written."""
    looked = story.look()
    done = "nothing is done" if looked.nothing_to_do else "something has changed since"
    display.remark(f"the story is told already: {done}; here is its summary")
    workspace = story.workspace
    summary = summarise(workspace, workspace.owner, mark.seconds)
    return msgspec.structs.replace(summary, looked=looked)


def _told(story: Story, mark: Mark, mark_file: Path, display: Display) -> Summary:
    started = time.perf_counter()
    try:
        workspace = story.tell()
        with display.chapter("The summary: every figure read back and recomputed"):
            summary = summarise(workspace, workspace.owner, {})
    finally:
        display.seconds["all together"] = time.perf_counter() - started
        mark.seconds = _added(mark.seconds, display.seconds)
        _write(mark_file, mark)
    return msgspec.structs.replace(summary, seconds=mark.seconds)


def _refuse_state_elsewhere(environment: Mapping[str, str]) -> None:
    """The demo adopts a plan and releases a model: never in a database of real work."""
    named = sorted({"TRUEUP_DATABASE", "TRUEUP_BLOBS", "TRUEUP_KEY"} & environment.keys())
    if named:
        raise UsageError(
            "demo-state-elsewhere",
            f"The environment sets {listing(named)}, but a demo keeps all its state in its folder.",
            hint=f"unset {' '.join(named)}",
        )


def _begin(folder: Path, mark_file: Path, share: float, months: int) -> Mark:
    if not mark_file.exists():
        if any(entry.name != HOME for entry in folder.iterdir()):
            raise UsageError(
                "demo-folder-taken",
                f"The folder {folder} is not empty and holds no demo.",
                hint="trueup demo another-folder",
            )
        mark = Mark(share=share, months=months)
        _write(mark_file, mark)
        return mark
    mark = msgspec.json.decode(mark_file.read_bytes(), type=Mark)
    if (mark.share, mark.months) != (share, months):
        begun = f"--traffic {mark.share:g} --months {mark.months}"
        raise UsageError(
            "demo-other-traffic",
            f"The demo in {folder} was begun with {begun}, "
            f"not with --traffic {share:g} --months {months}.",
            hint=f"trueup demo '{folder}' {begun}   (or another folder)",
        )
    return mark


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    make_private(folder)
    make_private(folder / HOME)
    handle = os.open(folder / HOME / "demo.lock", os.O_CREAT | os.O_RDWR, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConflictError(
                "demo-at-work",
                f"Another `trueup demo` is at work in {folder}.",
                hint="wait for it, or: trueup demo another-folder",
            ) from error
        yield
    finally:
        os.close(handle)


def _added(before: dict[str, float], now: dict[str, float]) -> dict[str, float]:
    return {name: before.get(name, 0.0) + now.get(name, 0.0) for name in {**before, **now}}


def _write(mark_file: Path, mark: Mark) -> None:
    aside = mark_file.with_suffix(".incoming")
    aside.write_bytes(msgspec.json.encode(mark))
    aside.rename(mark_file)
