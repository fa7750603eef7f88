"""Installed distributions: which one a module belongs to, what that one stands on, and all of them.

What was seen once stays for the life of the process: what is imported does not change under it.
Reading every distribution takes a third of a second, so the answer is kept in the project's
`.trueup/cache` until a folder of installed packages changes.
"""

from __future__ import annotations

import csv
import os
import platform
import re
import sys
import tempfile
from collections.abc import Iterable, Mapping
from functools import lru_cache
from importlib import machinery, metadata
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import msgspec

from trueup.foundation import digests
from trueup.foundation.configuration import HOME, make_private
from trueup.foundation.errors import TrueupError
from trueup.foundation.records import Record, decode, encode
from trueup.ports.blobs import Blobs

_REQUIREMENT = re.compile(r"\s*(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)(?P<rest>.*)", re.DOTALL)
_IMPORTABLE = (*machinery.SOURCE_SUFFIXES, *machinery.EXTENSION_SUFFIXES)
# Ours, and what a back end is loaded from: the layout of the key stands for their version.
_OURS = frozenset({"trueup"})


class Distribution(Record):
    """One installed distribution.

    Attributes:
        version: Its version.
        origin: Where it was installed from, when not from a package index; without credentials.
        commit: The commit, when it was installed from a repository.
        is_editable: Whether its code is used where it lies.
        requires: Names of the distributions it requires; optional ones are left out.
        modules: Names of the top-level modules it holds.
    """

    version: str
    origin: str = ""
    commit: str = ""
    is_editable: bool = False
    requires: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()

    @property
    def identity(self) -> str:
        """What tells two states of it apart: the version, and the commit if there is one."""
        return f"{self.version} at {self.commit[:12]}" if self.commit else self.version


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
    """Every distribution by name, and the state of the folders when it was taken."""

    folders: tuple[tuple[str, int], ...]
    distributions: dict[str, Distribution]


_seen: dict[str, Distribution] = {}
_holders: dict[str, set[str]] = {}
_folders: tuple[tuple[str, int], ...] = ()


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
        platform=platform.platform(),
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


def of_distribution(name: str, root: Path | None = None) -> dict[str, str]:
    """A distribution and all that it requires, with versions; nothing if it is not installed."""
    _distributions(root)
    return _with_requirements({_normal(name)})


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
    global _folders  # noqa: PLW0603 - what a process knows of its own surroundings
    now = _state_of_folders()
    if now != _folders:
        for name, found in _inventory(root, now).items():
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


def _inventory(
    root: Path | None, folders: tuple[tuple[str, int], ...]
) -> Mapping[str, Distribution]:
    """All distributions, from the project's cache where that is still true."""
    file = None
    if root is not None and (root / HOME).is_dir():
        name = digests.of_record(sorted(entry for entry, _ in folders))[3:19]
        file = root / HOME / "cache" / f"packages-{name}.json"
        try:
            kept = decode(file.read_bytes(), _Inventory)
            if kept.folders == folders:
                return kept.distributions
        except (OSError, msgspec.MsgspecError):
            pass
    found = _read_all()
    if file is not None:
        _keep(file, _Inventory(folders=folders, distributions=found))
    return found


def _keep(file: Path, inventory: _Inventory) -> None:
    try:
        make_private(file.parent)
        handle, aside = tempfile.mkstemp(dir=file.parent, prefix="packages-")
        with os.fdopen(handle, "wb") as opened:
            opened.write(encode(inventory))
        Path(aside).replace(file)
    except (OSError, TrueupError):
        return  # a folder that cannot be written costs a third of a second each time


def _read_all() -> dict[str, Distribution]:
    found: dict[str, Distribution] = {}
    for one in metadata.distributions():
        # Its own parser of headers and its objects for files take five times as long.
        said = _headers(one.read_text("METADATA") or one.read_text("PKG-INFO") or "")
        name = "".join(said.get("name", ())[:1])
        if name and _normal(name) not in found:  # the first on sys.path is the one imported
            origin, commit, is_editable = _installed_from(one.read_text("direct_url.json"))
            requires = said.get("requires-dist")
            if requires is None and one.read_text("requires.txt"):  # an old layout
                requires = one.requires
            found[_normal(name)] = Distribution(
                version="".join(said.get("version", ())[:1]),
                origin=origin,
                commit=commit,
                is_editable=is_editable,
                requires=_required(requires or ()),
                modules=tuple(sorted(_modules(one))),
            )
    return found


def _headers(text: str) -> dict[str, list[str]]:
    """The fields at the top of a metadata file, by name in small letters."""
    found: dict[str, list[str]] = {}
    values: list[str] = []
    for line in text.replace("\r\n", "\n").split("\n"):
        if not line:
            break
        if line[0] in " \t" and values:
            values[-1] += line
            continue
        name, _, value = line.partition(":")
        values = found.setdefault(name.strip().lower(), [])
        values.append(value.strip())
    return found


def _modules(one: metadata.Distribution) -> set[str]:
    """The top-level modules of a distribution: those it names, else those among its files."""
    named = (one.read_text("top_level.txt") or "").split()
    if named:
        return set(named)
    record = one.read_text("RECORD")
    if record is None:
        files = [str(file) for file in one.files or ()]
    else:
        files = [row[0] for row in csv.reader(record.splitlines()) if row]
    tops = set()
    for file in files:
        if file.endswith(_IMPORTABLE):
            first, slash, _ = file.partition("/")
            tops.add(first if slash else file.partition(".")[0])
    return {top for top in tops if "." not in top}


def _installed_from(direct_url: str | None) -> tuple[str, str, bool]:
    """What PEP 610 says of where a distribution came from."""
    try:
        told = msgspec.json.decode(direct_url or "{}")
        url = urlsplit(str(told["url"]))
        system = told.get("vcs_info", {})
        commit = str(system.get("commit_id", ""))
        editable = bool(told.get("dir_info", {}).get("editable", False))
    except (msgspec.DecodeError, KeyError, AttributeError, ValueError, TypeError):
        return "", "", False
    plain = urlunsplit((url.scheme, url.netloc.rpartition("@")[2], url.path, "", ""))
    if system:
        plain = f"{system.get('vcs', 'git')}+{plain}@{commit}"
    return plain, commit, editable


def _requirement(name: str, found: Distribution) -> str:
    if found.is_editable or found.origin.startswith("file:"):
        return f"# {name}=={found.version} was installed from {found.origin}\n"
    return f"{name} @ {found.origin}\n" if found.origin else f"{name}=={found.version}\n"


def _required(lines: Iterable[str]) -> tuple[str, ...]:
    found = []
    for line in lines:
        match = _REQUIREMENT.match(line)
        if match and "extra" not in match["rest"].partition(";")[2]:
            found.append(_normal(match["name"]))
    return tuple(found)


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
