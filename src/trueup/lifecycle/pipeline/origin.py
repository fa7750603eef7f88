"""Whose code is it? The user's own files, as opposed to installed packages and Python itself."""

from __future__ import annotations

import inspect
import linecache
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from pathlib import Path
from traceback import extract_tb
from types import FrameType, TracebackType
from typing import Any

from trueup.foundation.errors import TrueupError, UserCodeError
from trueup.lifecycle.pipeline.records import Place

_TRUEUP = Path(__file__).resolve().parents[2]
_PYTHON = tuple(
    Path(path).resolve() for key in ("stdlib", "platstdlib") if (path := sysconfig.get_path(key))
)
_INSTALLED = frozenset({"site-packages", "dist-packages"})
# A recursion without end has a thousand frames: who called it and where it was will do.
_OUTERMOST = 5
_INNERMOST = 15
_SURELY_NOT = tuple(f"{folder}/" for folder in (*_PYTHON, _TRUEUP))

_project: ContextVar[Path | None] = ContextVar("trueup_project", default=None)


@lru_cache(maxsize=4096)
def is_first_party(file: str) -> bool:
    """Whether a file is the user's: neither Python's, nor Trueup's, nor an installed package's."""
    if is_cell(file):
        return True
    if not file or file.startswith("<"):
        return False
    if file.startswith(_SURELY_NOT):  # most files, without asking the file system
        return False
    path = Path(file).resolve()
    if _INSTALLED & set(path.parts) or path.is_relative_to(_TRUEUP):
        return False
    return not any(path.is_relative_to(folder) for folder in _PYTHON)


def is_cell(file: str) -> bool:
    """Whether a file name stands for a notebook cell, whose text Python keeps in memory."""
    known = file.startswith("<ipython-input-") or "ipykernel_" in file
    return known and file in linecache.cache


def place(file: str, line: int, root: Path | None = None) -> Place:
    """A place as people read it: relative to the project where it can be."""
    return Place(_shown(file, root or _project.get()), line)


def of_function(function: Any, root: Path | None = None) -> Place:
    """Where a function is written."""
    code = inspect.unwrap(function).__code__
    return place(code.co_filename, code.co_firstlineno, root)


@contextmanager
def inside(root: Path) -> Iterator[None]:
    """Show places relative to this project inside the block, also where it is not said."""
    token = _project.set(root)
    try:
        yield
    finally:
        _project.reset(token)


@lru_cache(maxsize=4096)
def _shown(file: str, root: Path | None) -> str:
    path = Path(file)
    if root is not None and path.resolve().is_relative_to(root.resolve()):
        return path.resolve().relative_to(root.resolve()).as_posix()
    return path.name


def caller(frame: FrameType | None, root: Path | None = None) -> Place:
    """The nearest line of the user's, from `frame` outwards."""
    while frame is not None and not is_first_party(frame.f_code.co_filename):
        frame = frame.f_back
    return Place("?", 0) if frame is None else place(frame.f_code.co_filename, frame.f_lineno, root)


@contextmanager
def user_code(code: str, what: str, root: Path, at: Place | None = None) -> Iterator[None]:
    """The border around the user's code: what it raises becomes a `UserCodeError`.

    Args:
        code: Code of the error.
        what: The thing that failed, such as `Step 'train'`.
        root: The project's folder; frames are shown relative to it.
        at: Where to point when the error has no frame in the user's files.

    Raises:
        UserCodeError: With the frames of the user's own files only. Trueup's own errors and
            Ctrl-C pass unchanged.
    """
    try:
        yield
    except (TrueupError, KeyboardInterrupt):
        raise
    except BaseException as error:  # such as asyncio.CancelledError, too
        frames = _frames(error, root)
        shown = Place(str(frames[-1]["file"]), int(frames[-1]["line"])) if frames else at
        raise UserCodeError(
            code,
            f"{what} failed{f' at {shown}' if shown else ''}: {_said(error)}",
            hint=f"mend {shown}, then run this again" if shown else f"trueup explain {code}",
            context={"frames": frames, "exception": type(error).__name__},
        ) from error


def _said(error: BaseException) -> str:
    if isinstance(error, SystemExit):
        return f"it tried to end the process (SystemExit: {error.code})."
    try:
        text = str(error)
    except Exception:  # the user's own __str__
        return f"{type(error).__name__}, which cannot be shown as text."
    lines = text.encode(errors="backslashreplace").decode().strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:400]}" if lines else f"{type(error).__name__}."


def _frames(error: BaseException, root: Path) -> list[dict[str, str | int]]:
    frames: list[dict[str, str | int]] = []
    trace: TracebackType | None = error.__traceback__
    for frame in extract_tb(trace):
        if is_first_party(frame.filename):
            where = place(frame.filename, frame.lineno or 0, root)
            frames.append(
                {
                    "file": where.file,
                    "line": where.line,
                    "function": frame.name,
                    "text": frame.line or "",
                }
            )
    if isinstance(error, SyntaxError) and error.filename and is_first_party(error.filename):
        where = place(error.filename, error.lineno or 0, root)
        text = (error.text or "").strip()
        frames.append({"file": where.file, "line": where.line, "function": "", "text": text})
    return frames[:_OUTERMOST] + frames[_OUTERMOST:][-_INNERMOST:]
