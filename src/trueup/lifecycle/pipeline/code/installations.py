"""Reading what is installed: the metadata of every distribution, which takes a third of a second.

`packages.py` keeps the answer; this is imported when it has none that is still true.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from importlib import machinery, metadata
from urllib.parse import urlsplit, urlunsplit

import msgspec

from trueup.lifecycle.pipeline.code.distributions import Distribution, normal

_REQUIREMENT = re.compile(r"\s*(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)(?P<rest>.*)", re.DOTALL)
_IMPORTABLE = (*machinery.SOURCE_SUFFIXES, *machinery.EXTENSION_SUFFIXES)


def read_all() -> dict[str, Distribution]:
    """Every installed distribution by its normal name."""
    found: dict[str, Distribution] = {}
    for one in metadata.distributions():
        # Its own parser of headers and its objects for files take five times as long.
        said = _headers(one.read_text("METADATA") or one.read_text("PKG-INFO") or "")
        name = "".join(said.get("name", ())[:1])
        if name and normal(name) not in found:  # the first on sys.path is the one imported
            origin, commit, is_editable = _installed_from(one.read_text("direct_url.json"))
            requires = said.get("requires-dist")
            if requires is None and one.read_text("requires.txt"):  # an old layout
                requires = one.requires
            found[normal(name)] = Distribution(
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


def _required(lines: Iterable[str]) -> tuple[str, ...]:
    found = []
    for line in lines:
        match = _REQUIREMENT.match(line)
        if match and "extra" not in match["rest"].partition(";")[2]:
            found.append(normal(match["name"]))
    return tuple(found)
