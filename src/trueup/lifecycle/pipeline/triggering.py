"""When a pipeline runs by itself: time zone, missed moments, and what it waits for. Pure functions.

Only read and checked here, where `@pipeline` stands; the scheduler acts on it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, NoReturn

from trueup.foundation.errors import UsageError
from trueup.foundation.text import did_you_mean
from trueup.lifecycle.pipeline.records import Place

CATCH_UP: Final = ("latest", "all", "none")
OPTIONS: Final = (
    *("model", "schedule", "timezone", "catch_up", "on", "partitions", "start", "name"),
)
COMMIT: Final = "commit"
BRANCH: Final = "commit:"
DATA: Final = "data:"
LABELS: Final = "labels:"
# Common events, for near names: any event of the log will do.
_EVENTS: Final = (
    *("alert.raised", "approval.decided", "model-version.registered", "release.went-live"),
    *("data.snapshot-taken", "run.finished", "run.failed"),
)
_EVENT = re.compile(r"[a-z]+(-[a-z]+)*\.[a-z]+(-[a-z]+)*")
_BRANCH = re.compile(r"(?!-)[A-Za-z0-9._/+-]{1,150}")
_DATASET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def check_options(asked: Mapping[str, Any], at: Place) -> None:
    """Refuse an option that `@pipeline` does not have.

    Raises:
        UsageError: Naming the first one, with the near name.
    """
    for name in asked:
        if name not in OPTIONS:
            _refuse(at, "", f"there is no option '{name}'", name, OPTIONS)


def timezone(name: str, at: Place) -> str:
    """The name of a time zone, checked.

    Raises:
        UsageError: There is no such zone.
    """
    if name == "UTC":
        return name
    import zoneinfo  # here: few pipelines name a zone

    try:
        zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError, TypeError):
        known = zoneinfo.available_timezones()
        _refuse(at, "timezone", f"there is no time zone '{name}'", str(name), known)
    return name


def catch_up(policy: str, at: Place) -> str:
    """What happens to scheduled moments that were missed, checked.

    Raises:
        UsageError: There is no such policy.
    """
    if policy not in CATCH_UP:
        _refuse(at, "catch_up", f"there is no policy '{policy}'", str(policy), CATCH_UP)
    return policy


def on(names: str | Sequence[str], at: Place) -> tuple[str, ...]:
    """What a pipeline runs for beside its schedule, checked.

    Raises:
        UsageError: One is neither `commit`, `commit:BRANCH`, `data:NAME`, `labels:1000`, nor the
            name of an event.
    """
    found = (names,) if isinstance(names, str) else tuple(names)
    for name in found:
        if not isinstance(name, str) or not _is_trigger(name):
            known = (COMMIT, *_EVENTS)
            problem = (
                f"'{name}' is neither 'commit', 'commit:BRANCH', 'data:NAME', 'labels:1000', "
                "nor the name of an event"
            )
            _refuse(at, "on", problem, str(name), known)
    return tuple(dict.fromkeys(found))


def labels(name: str) -> int:
    """How many labels a trigger waits for; 0 for triggers that wait for something else.

    Example:
        >>> labels("labels:1000"), labels("commit")
        (1000, 0)
    """
    number = name.removeprefix(LABELS) if name.startswith(LABELS) else ""
    return int(number) if number.isdecimal() and len(number) < 10 else 0


def _is_trigger(name: str) -> bool:
    if name.startswith(DATA):
        return _DATASET.fullmatch(name.removeprefix(DATA)) is not None
    if name.startswith(BRANCH):
        return _BRANCH.fullmatch(name.removeprefix(BRANCH)) is not None
    if name.startswith(LABELS):
        return labels(name) > 0
    return name == COMMIT or _EVENT.fullmatch(name) is not None


def _refuse(at: Place, option: str, problem: str, word: str, known: Collection[str]) -> NoReturn:
    raise UsageError(
        "pipeline-option",
        f"{at}: @pipeline({f'{option}=…' if option else '…'}): {problem}."
        f"{did_you_mean(word, known)}",
        hint="trueup explain pipeline-option",
        context={"file": at.file, "line": at.line},
    )
