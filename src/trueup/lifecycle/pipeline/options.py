"""What a step asks for beside its arguments: read and checked where the decorator stands.

Pure functions. The record is `StepOptions`; `checking.py` compares it with this machine.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath
from typing import Any, Final

from trueup.foundation import clock
from trueup.foundation.amounts import bytes_of
from trueup.foundation.errors import UsageError
from trueup.foundation.references import check_name
from trueup.foundation.text import did_you_mean
from trueup.lifecycle.pipeline.records import Place, StepOptions

MOST_RETRIES: Final = 100
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NO_TIME = re.compile(r"0+(ms|s|m|h|d|w)")


def seconds_of(duration: str) -> float:
    """A length of time in seconds: `250ms`, `2s`, `10m`, `1h`; 0 for `0s` and an empty text.

    Raises:
        ValueError: It is no length of time.

    Example:
        >>> seconds_of("90m"), seconds_of("250ms"), seconds_of("")
        (5400.0, 0.25, 0.0)
    """
    is_none = not duration or _NO_TIME.fullmatch(duration)
    return 0.0 if is_none else clock.parse_duration(duration).total_seconds()


def read(given: Mapping[str, Any], what: str, at: Place) -> StepOptions:
    """The options of a step, from the keywords of its decorator.

    Args:
        given: The keywords.
        what: What they were given to, such as `@step`.
        at: Where, for messages.

    Raises:
        UsageError: One or more are unknown or of no use; all are named.
    """
    problems: list[str] = []
    values: dict[str, Any] = {}
    for name, value in given.items():
        if name not in _READERS:
            known = ", ".join(_READERS)
            near = did_you_mean(name, _READERS)
            problems.append(f"there is no option '{name}' (there are: {known}).{near}")
            continue
        try:
            values[name] = _READERS[name](value)
        except ValueError as error:
            problems.append(f"{name}={value!r} is of no use: {error}")
    if problems:
        raise UsageError(
            "step-option",
            f"{at}: {what}: {'; '.join(problem.rstrip('.') for problem in problems)}.",
            hint="trueup explain step-option",
            context={"file": at.file, "line": at.line, "problems": problems},
        )
    return StepOptions(**values)


def relative_path(text: str) -> str:
    """A path below the project's folder, as it is written in `depends_on` and in `sh`.

    Raises:
        ValueError: It leads elsewhere.

    Example:
        >>> relative_path("./sql/flights.sql")
        'sql/flights.sql'
    """
    path = PurePosixPath(text)
    if not text or "\0" in text or path.is_absolute() or ".." in path.parts or path == path.parent:
        raise ValueError(f"'{text}' is no path below the project's folder")
    if path.parts[0] in (".trueup", ".git"):
        raise ValueError(f"'{text}' belongs to {path.parts[0]}, not to the project's files")
    return path.as_posix()


def _name(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("write a name, such as features='flights'")
    return check_name(value, "feature")


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("write True or False")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("write a text")
    return value


def _texts(check: Callable[[str], str]) -> Callable[[Any], tuple[str, ...]]:
    def read_all(value: Any) -> tuple[str, ...]:
        items = (value,) if isinstance(value, str) else value
        if not isinstance(items, list | tuple) or not all(isinstance(i, str) for i in items):
            raise ValueError('write a list of texts, such as ["first", "second"]')
        return tuple(dict.fromkeys(map(check, items)))

    return read_all


def _variable(name: str) -> str:
    if not _VARIABLE.fullmatch(name):
        raise ValueError(f"'{name}' is no name of a variable")
    return name


def secret_name(name: str) -> str:
    """A name that a secret may have: it also names an environment variable.

    Raises:
        ValueError: It holds other characters than letters, digits and underscores.
    """
    if not _VARIABLE.fullmatch(name) or len(name) > 100:
        raise ValueError(
            f"'{name}' may hold letters, digits and '_', and begins with no digit, "
            "because it names an environment variable"
        )
    return name


def _duration(value: Any) -> str:
    seconds_of(_text(value))
    return str(value)


def _limit(value: Any) -> str:
    if _duration(value) and not seconds_of(value):
        raise ValueError("it must be more than nothing")
    return str(value)


def _size(value: Any) -> str:
    text = _text(value)
    if text and bytes_of(text) <= 0:
        raise ValueError("it must be more than nothing")
    return text


def _number(at_least: float, *, exclusive: bool = False) -> Callable[[Any], float]:
    def read_one(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError("write a number")
        if not math.isfinite(value) or value < at_least or (exclusive and value == at_least):
            raise ValueError(f"it must be {'more than' if exclusive else 'at least'} {at_least:g}")
        return float(value)

    return read_one


def _count(at_most: int = 1_000_000) -> Callable[[Any], int]:
    def read_one(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= at_most:
            raise ValueError(f"write a whole number from 0 to {at_most:,}")
        return value

    return read_one


_READERS: Final[dict[str, Callable[[Any], Any]]] = {
    "cache": _flag,
    "version": _text,
    "depends_on": _texts(relative_path),
    "environment": _texts(_variable),
    "secrets": _texts(secret_name),
    "retries": _count(MOST_RETRIES),
    "backoff": _duration,
    "timeout": _limit,
    "cpus": _number(0, exclusive=True),
    "memory": _size,
    "gpus": _number(0),
    "at_most": _count(),
    "features": _name,
}
