"""Handing a step what it asks for, and taking back what it returns.

A worker gives the arguments as they are stored; the step's annotations say in which form it gets
them. Secrets are filled in here and nowhere before, and leave through nothing that is recorded.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from trueup.foundation.configuration import HOME, make_private
from trueup.foundation.errors import TrueupError
from trueup.lifecycle.data.records import DatasetVersion
from trueup.lifecycle.pipeline import matching, origin, rules, secrets
from trueup.lifecycle.pipeline.drawing.graph import Secret, StepLike
from trueup.lifecycle.pipeline.passing import filing, frames, keeping, openings, values
from trueup.lifecycle.pipeline.passing.openings import Openings
from trueup.lifecycle.pipeline.records import Place, StoredValue
from trueup.lifecycle.pipeline.secrets import Guard
from trueup.ports.blobs import Blobs

SCRATCH: Final = "scratch"
_ABANDONED: Final = 3600.0


class Surroundings(msgspec.Struct):
    """What a step of ours, such as a command, may ask about where it runs.

    Attributes:
        root: The project's folder.
        run: Identifier of the run.
        name: The name of the call.
        at: Where the step is called.
        secrets: The secrets that the step was given, by name.
        attempt: Which try this is, from 1.
    """

    root: Path
    run: str
    name: str
    at: Place
    secrets: Mapping[str, str] = msgspec.field(default_factory=dict)
    attempt: int = 1
    _folder: Path | None = None

    def folder(self) -> Path:
        """A folder for this call alone, gone afterwards; made when it is first asked for."""
        if self._folder is None:
            import tempfile

            home = make_private(self.root / HOME / SCRATCH)
            _sweep(home)
            self._folder = Path(tempfile.mkdtemp(prefix=f"{os.getpid()}-", dir=home))
        return self._folder

    def leave(self) -> None:
        """Remove the folder."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)


class Performed(NamedTuple):
    """What a call came to.

    Attributes:
        outputs: What it returned, as it is kept.
        opened: The files of the project that it opened by itself.
    """

    outputs: StoredValue
    opened: Openings


_around: ContextVar[Surroundings | None] = ContextVar("trueup_surroundings", default=None)


def surroundings() -> Surroundings:
    """Where the step that asks is running."""
    found = _around.get()
    assert found is not None, "no step is running"
    return found


def root() -> Path:
    """The folder of the project whose step is running; elsewhere the folder one is in."""
    found = _around.get()
    return Path.cwd() if found is None else found.root


def perform(
    step: StepLike,
    name: str,
    at: Place,
    arguments: Mapping[str, Any],
    *,
    blobs: Blobs,
    root: Path,
    hide: Callable[[Iterable[str]], None],
    run: str = "",
    attempt: int = 1,
) -> Performed:
    """Call a step and keep what it returns.

    Args:
        step: The step.
        name: How the call is named to people.
        at: Where it is called.
        arguments: By name: plain values, with a `StoredValue`, `DatasetVersion` or `Secret`
            wherever one is to be filled in, also inside lists and dicts.
        blobs: Where values are kept.
        root: The project's folder.
        hide: Called with words that the log must not show.
        run: Identifier of the run.
        attempt: Which try this is, from 1.

    Raises:
        UserCodeError: The step raised, or returned what cannot be kept.
        NotFoundError: A secret is missing.
    """
    home = root / HOME
    hidden = secrets.words(secrets.known(home))
    hide(hidden)
    try:
        wanted = {*step.options.secrets, *(s.name for s in secrets.placeholders(arguments))}
        given = {secret: secrets.value_of(secret, home) for secret in sorted(wanted)}
        with _surrounded(Surroundings(root, run, name, at, given, attempt)) as around:
            hands = _Hands(blobs, around)
            types = step.types
            bound = step.signature.bind_partial()
            for argument, value in arguments.items():
                asked = types.get(argument, Any)
                bound.arguments[argument] = hands.give(value, asked, argument)
            with (
                secrets.given_to_step(given),
                openings.watched(root) as watch,
                origin.user_code("step-failed", f"Step '{name}'", root, at),
            ):
                result = step.function(*bound.args, **bound.kwargs)
            opened = watch.openings()
            declared = types.get("return", Any)
            if not matching.may_hold(declared, result):
                written = origin.of_function(step.function, root)
                raise rules.result_wrong(name, result, declared, written, at)
            return Performed(keeping.store(blobs, result, name, at, Guard(given)), opened)
    except TrueupError as error:
        raise secrets.clean(error, hidden) from None


@contextmanager
def _surrounded(around: Surroundings) -> Iterator[Surroundings]:
    token = _around.set(around)
    try:
        yield around
    finally:
        _around.reset(token)
        around.leave()


class _Hands:
    """Gives stored values in the form that annotations ask for."""

    def __init__(self, blobs: Blobs, around: Surroundings) -> None:
        self._blobs = blobs
        self._around = around

    def give(self, value: Any, hint: Any, name: str) -> Any:
        """The value of an argument, or of a part of one."""
        if isinstance(value, StoredValue):
            return self._stored(value, hint, name)
        if isinstance(value, DatasetVersion):
            return self._dataset(value, hint, name)
        if isinstance(value, Secret):
            return self._around.secrets[value.name]
        if isinstance(value, dict):
            return {
                key: self.give(item, matching.part(hint, str(key)), f"{name}-{key}")
                for key, item in value.items()
            }
        if type(value) in (list, tuple):
            inner = matching.item(hint) or Any
            found = [self.give(item, inner, f"{name}-{i}") for i, item in enumerate(value)]
            return found if isinstance(value, list) else tuple(found)
        return value

    def _stored(self, stored: StoredValue, hint: Any, name: str) -> Any:
        if matching.is_path(hint):
            return self._lay(stored, name)
        if stored.kind == "list":
            inner = matching.item(hint) or Any
            return [self._stored(item, inner, f"{name}-{i}") for i, item in enumerate(stored.items)]
        if stored.kind == "parts":
            return {
                key: self._stored(part, matching.part(hint, key), f"{name}-{key}")
                for key, part in stored.parts.items()
            }
        if stored.kind == "frame":
            return frames.as_kind(
                frames.read(self._blobs.local_path(stored.digest)), matching.frame_kind(hint)
            )
        return values.load(self._blobs, stored, lambda inner: self._lay(inner, name))

    def _dataset(self, version: DatasetVersion, hint: Any, name: str) -> Any:
        if not matching.is_path(hint) and (version.columns or matching.frame_kind(hint)):
            from trueup.lifecycle.data import tables

            return frames.as_kind(tables.load(self._blobs, version), matching.frame_kind(hint))
        laid = self._lay(StoredValue(kind="folder", digest=version.digest), name)
        return next(laid.iterdir()) if version.is_file else laid

    def _lay(self, stored: StoredValue, name: str) -> Path:
        safe = "".join(c if c.isalnum() or c in "-_" else "_" for c in name)[:100]
        folder = self._around.folder() / "inputs"
        folder.mkdir(exist_ok=True)
        place = folder
        while any(place.glob(f"{safe}*")):  # two keys may look alike once they are file names
            place = place / "_"
            place.mkdir(exist_ok=True)
        return filing.lay(self._blobs, stored, place, safe)


def _sweep(home: Path) -> None:
    """Remove the folders of calls whose process was killed."""
    for folder in home.iterdir():
        owner = folder.name.partition("-")[0]
        if owner.isdecimal() and not _lives(int(owner)) and _is_old(folder):
            shutil.rmtree(folder, ignore_errors=True)


def _is_old(folder: Path) -> bool:
    try:
        return time.time() - folder.stat().st_mtime > _ABANDONED
    except OSError:
        return False


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
