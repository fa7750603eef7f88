"""Installed distributions: which one a module belongs to, what that one stands on, and all of them.

What was seen once stays for the life of the process: what is imported does not change under it.
Reading every distribution takes a third of a second, so the answer is kept in the project's
`.trueup/cache` until a folder of installed packages changes.
"""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path

import msgspec

from trueup.foundation import digests
from trueup.foundation.configuration import HOME, make_private
from trueup.foundation.errors import TrueupError
from trueup.foundation.records import Record, decode, encode
from trueup.lifecycle.pipeline.code.distributions import Distribution, normal
from trueup.ports.blobs import Blobs

# Ours, and what a back end is loaded from: the layout of the key stands for their version.
_OURS = frozenset({"trueup"})


class Environment(Record):
    """What a run executed on: Python and every installed distribution.

    Attributes:
        python: Version of Python.
        implementation: CPython or another.
        machine: Processor architecture.
        system: Operating system.
        platform: Operating system with its release and C library.
        packages: Distribution name to version.
        origins: Distribution name to where it came from, for those not from a package index.
        requirements: A requirements file that installs the same again.
    """

    python: str
    implementation: str
    machine: str
    system: str
    packages: dict[str, str]
    platform: str = ""
    origins: dict[str, str] = {}
    requirements: str = ""


class _Inventory(Record):
    """Every distribution by name, and the state of folders and system when it was taken."""

    folders: tuple[tuple[str, int], ...]
    system: tuple[str, ...]
    platform: str
    distributions: dict[str, Distribution]


_seen: dict[str, Distribution] = {}
_holders: dict[str, set[str]] = {}
_folders: tuple[tuple[str, int], ...] = ()
_platform = ""


def python() -> str:
    """The version of Python, such as `3.11.7`."""
    return platform.python_version()


def environment(root: Path | None = None) -> Environment:
    """The environment of this process."""
    found = dict(sorted(_distributions(root).items()))
    return Environment(
        python=python(),
        implementation=platform.python_implementation(),
        machine=platform.machine(),
        system=platform.system(),
        platform=_platform,
        packages={name: one.version for name, one in found.items()},
        origins={name: one.origin for name, one in found.items() if one.origin},
        requirements="".join(_requirement(name, one) for name, one in found.items()),
    )


def capture(blobs: Blobs, root: Path | None = None) -> str:
    """Keep the environment of this process and return its digest."""
    return blobs.put(encode(environment(root)))


def is_standard(module: str) -> bool:
    """Whether a module is part of Python itself."""
    top = module.partition(".")[0]
    return top in sys.stdlib_module_names or top in ("builtins", "__main__")


def is_known(module: str, root: Path | None = None) -> bool:
    """Whether a module is Python's, Trueup's, or an installed distribution's."""
    if is_standard(module) or module.partition(".")[0] in _OURS:
        return True
    _distributions(root)
    return module.partition(".")[0] in _holders


def of_modules(modules: Iterable[str], root: Path | None = None) -> dict[str, str]:
    """The distributions that hold the modules, and all that these require, with versions."""
    _distributions(root)
    names: set[str] = set()
    for module in modules:
        if not is_standard(module):
            names |= _holders.get(module.partition(".")[0], set())
    return _with_requirements(names)


def holding(modules: Iterable[str], root: Path | None = None) -> dict[str, str]:
    """The distributions that hold the modules themselves, with versions; Trueup is none of them."""
    known = _distributions(root)
    names = {name for m in modules for name in _holders.get(m.partition(".")[0], ())} - _OURS
    return {name: known[name].version for name in sorted(names)}


def of_distribution(name: str, root: Path | None = None) -> dict[str, str]:
    """A distribution and all that it requires, with versions; nothing if it is not installed."""
    _distributions(root)
    return _with_requirements({normal(name)})


def forget() -> None:
    """Look again: packages were installed, and none of them had been imported before."""
    global _folders  # noqa: PLW0603 - what a process knows of its own surroundings
    _seen.clear()
    _holders.clear()
    _folders = ()


def _with_requirements(names: set[str]) -> dict[str, str]:
    reached: dict[str, str] = {}
    waiting = sorted(names)
    while waiting:
        name = waiting.pop()
        if name in reached or name not in _seen or name in _OURS:
            continue
        reached[name] = _seen[name].identity
        waiting.extend(_seen[name].requires)
    return dict(sorted(reached.items()))


def _distributions(root: Path | None) -> Mapping[str, Distribution]:
    global _folders, _platform  # noqa: PLW0603 - what a process knows of its own surroundings
    now = _state_of_folders()
    if now != _folders:
        inventory = _inventory(root, now)
        _platform = inventory.platform
        for name, found in inventory.distributions.items():
            if name not in _seen:
                _seen[name] = found
                for module in found.modules:
                    _holders.setdefault(module, set()).add(name)
        _folders = now
    return _seen


def _state_of_folders() -> tuple[tuple[str, int], ...]:
    """The places of installed packages, and when an entry of each last came or went."""
    found = []
    for entry in dict.fromkeys(sys.path):
        try:
            changed = os.stat(entry or ".").st_mtime_ns  # noqa: PTH116 - faster
        except OSError:
            continue
        if _holds_distributions(entry, changed):
            found.append((entry, changed))
    return tuple(found)


@lru_cache(maxsize=256)
def _holds_distributions(entry: str, _changed: int) -> bool:
    try:
        names = os.listdir(entry or ".")  # noqa: PTH208 - names alone, and faster
    except OSError:
        return entry.endswith((".zip", ".whl", ".egg"))
    return any(name.endswith((".dist-info", ".egg-info", ".egg-link")) for name in names)


def _inventory(root: Path | None, folders: tuple[tuple[str, int], ...]) -> _Inventory:
    """All distributions, from the project's cache where that is still true."""
    file = None
    system = _system()
    if root is not None and (root / HOME).is_dir():
        name = digests.of_record(sorted(entry for entry, _ in folders))[3:19]
        file = root / HOME / "cache" / f"packages-{name}.json"
        try:
            kept = decode(file.read_bytes(), _Inventory)
            if (kept.folders, kept.system) == (folders, system):
                return kept
        except (OSError, msgspec.MsgspecError):
            pass
    from trueup.lifecycle.pipeline.code import installations

    found = _Inventory(
        folders=folders,
        system=system,
        platform=platform.platform(),  # starts a process of its own on most systems
        distributions=installations.read_all(),
    )
    if file is not None:
        _keep(file, found)
    return found


def _system() -> tuple[str, ...]:
    if not hasattr(os, "uname"):
        return (platform.version(),)
    told = os.uname()
    return told.sysname, told.release, told.version, told.machine


def _keep(file: Path, inventory: _Inventory) -> None:
    import tempfile

    try:
        make_private(file.parent)
        handle, aside = tempfile.mkstemp(dir=file.parent, prefix="packages-")
        with os.fdopen(handle, "wb") as opened:
            opened.write(encode(inventory))
        Path(aside).replace(file)
    except (OSError, TrueupError):
        return  # a folder that cannot be written costs a third of a second each time


def _requirement(name: str, found: Distribution) -> str:
    if found.is_editable or found.origin.startswith("file:"):
        return f"# {name}=={found.version} was installed from {found.origin}\n"
    return f"{name} @ {found.origin}\n" if found.origin else f"{name}=={found.version}\n"
