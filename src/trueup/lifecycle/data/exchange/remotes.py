"""Which remote a command means: the one that is named, that of the environment, or the only one.

`trueup.toml` names remotes in tables `[remotes.NAME]`. They belong to the project's surroundings,
not to its plan: where copies lie changes no goal, so no verdict and no approval depends on it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote, unquote

from trueup.foundation.errors import NotFoundError, UsageError
from trueup.foundation.text import did_you_mean, listing
from trueup.lifecycle.plan.service import surroundings

if TYPE_CHECKING:
    from trueup.state.remotes.remote import Remote

VARIABLE = "TRUEUP_REMOTE"
_INSIDE = "file://./"  # a folder of the project itself, wherever the project lies
_HINT = 'add to trueup.toml:  [remotes.team]  url = "s3://bucket/prefix"'


class Named(NamedTuple):
    """A remote and what it is called here."""

    name: str
    url: str


def known(root: Path, environment: Mapping[str, str] | None = None) -> list[Named]:
    """All remotes, the one that is meant by default first; one by URL is called by the variable.

    Raises:
        UsageError: `trueup.toml` is not sound.
    """
    env = os.environ if environment is None else environment
    named = surroundings(root).remotes
    found = [Named(name, _whole(remote.url, root)) for name, remote in named.items()]
    wanted = env.get(VARIABLE, "")
    if not wanted:
        return found
    if "://" in wanted:
        return [Named(VARIABLE, wanted), *found]
    return sorted(found, key=lambda remote: remote.name != _checked(wanted, found))


def choose(root: Path, name: str = "", environment: Mapping[str, str] | None = None) -> Named:
    """The remote that a command means.

    Raises:
        NotFoundError: There is none of that name, or none at all.
        UsageError: There are several, and none was named.
    """
    env = os.environ if environment is None else environment
    found = known(root, env)
    if name:
        _checked(name, found)
        return next(remote for remote in found if remote.name == name)
    if not found:
        raise NotFoundError("remote-unknown", "The project has no remote.", hint=_HINT)
    if len(found) > 1 and not env.get(VARIABLE):
        raise UsageError(
            "remote-ambiguous",
            f"The project has several remotes: {listing(remote.name for remote in found)}.",
            hint=f"add: --remote {found[0].name}   (or: export {VARIABLE}={found[0].name})",
        )
    return found[0]


@contextmanager
def opened(root: Path, cache: Path, name: str = "") -> Iterator[tuple[str, Remote]]:
    """The remote that a command means, by its name here, while it is used.

    Raises:
        NotFoundError: There is none of that name, or none at all.
        UsageError: There are several, and none was named.
    """
    from trueup.state.remotes.remote import Remote

    meant = choose(root, name)
    with Remote(meant.url, cache) as there:
        yield meant.name, there


def _whole(url: str, root: Path) -> str:
    if not url.startswith(_INSIDE):
        return url
    return f"file://{quote(str(root.resolve() / unquote(url.removeprefix(_INSIDE))))}"


def _checked(name: str, found: list[Named]) -> str:
    names = [remote.name for remote in found]
    if name not in names:
        raise NotFoundError(
            "remote-unknown",
            f"The project has no remote '{name}'.{did_you_mean(name, names)}",
            hint=f"use one of: {listing(names)}" if names else _HINT,
        )
    return name
