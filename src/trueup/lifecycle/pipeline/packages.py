"""Installed distributions: which one a module belongs to, what that one stands on, and all of them.

Answers are kept for the life of the process: what is imported does not change under it.
"""

from __future__ import annotations

import platform
import re
import sys
from collections.abc import Iterable, Mapping
from functools import cache
from importlib import metadata

from trueup.foundation.records import Record, encode
from trueup.ports.blobs import Blobs

_REQUIREMENT = re.compile(r"\s*(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)(?P<rest>.*)", re.DOTALL)


class Environment(Record):
    """What a run executed on: Python and every installed distribution.

    Attributes:
        python: Version of Python.
        implementation: CPython or another.
        machine: Processor architecture.
        system: Operating system.
        packages: Distribution name to version.
    """

    python: str
    implementation: str
    machine: str
    system: str
    packages: dict[str, str]


def python() -> str:
    """The version of Python, such as `3.11.7`."""
    return platform.python_version()


@cache
def installed() -> Mapping[str, str]:
    """Every installed distribution and its version."""
    found: dict[str, str] = {}
    for distribution in metadata.distributions():
        name = distribution.metadata["Name"]
        if name:  # the first on sys.path is the one that is imported
            found.setdefault(_normal(name), distribution.version)
    return dict(sorted(found.items()))


def environment() -> Environment:
    """The environment of this process."""
    return Environment(
        python=python(),
        implementation=platform.python_implementation(),
        machine=platform.machine(),
        system=platform.system(),
        packages=dict(installed()),
    )


def capture(blobs: Blobs) -> str:
    """Keep the environment of this process and return its digest."""
    return blobs.put(encode(environment()))


def is_standard(module: str) -> bool:
    """Whether a module is part of Python itself."""
    top = module.partition(".")[0]
    return top in sys.stdlib_module_names or top in ("builtins", "__main__")


def of_modules(modules: Iterable[str]) -> dict[str, str]:
    """The distributions that hold the modules, and all that these require, with versions."""
    names: set[str] = set()
    for module in modules:
        if not is_standard(module):
            names.update(_normal(name) for name in _holders().get(module.partition(".")[0], ()))
    return _with_requirements(names)


def of_distribution(name: str) -> dict[str, str]:
    """A distribution and all that it requires, with versions; nothing if it is not installed."""
    return _with_requirements({_normal(name)})


@cache
def _holders() -> Mapping[str, list[str]]:
    return metadata.packages_distributions()


def _with_requirements(names: set[str]) -> dict[str, str]:
    versions = installed()
    reached: dict[str, str] = {}
    waiting = sorted(names)
    while waiting:
        name = waiting.pop()
        if name in reached or name not in versions:
            continue
        reached[name] = versions[name]
        waiting.extend(_requirements(name))
    return dict(sorted(reached.items()))


@cache
def _requirements(name: str) -> tuple[str, ...]:
    found = []
    for line in metadata.requires(name) or ():
        match = _REQUIREMENT.match(line)
        if match and "extra" not in match["rest"].partition(";")[2]:
            found.append(_normal(match["name"]))
    return tuple(found)


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
