"""Which distributions a packaged model needs, and their wheels in a folder."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path

from trueup.foundation.errors import UsageError
from trueup.foundation.text import listing

_NAME = re.compile(r"[A-Za-z0-9._-]+")


def needed(packages: list[str], recorded: Mapping[str, str]) -> dict[str, str]:
    """Name to version of all that Trueup and these packages stand on.

    Args:
        packages: Distributions that the model's format needs.
        recorded: Of the environment in which the model was made; what it lacks is as it is here.
    """
    known = {normal(name): version for name, version in recorded.items()}
    found: dict[str, str] = {}
    waiting = ["trueup", *packages]
    while waiting:
        name = normal(waiting.pop())
        if name in found:
            continue
        try:
            here = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            if name != "trueup":
                if name in known:
                    found[name] = known[name]
                continue
            waiting += _base_requirements()
            found[name] = ""
            continue
        found[name] = known.get(name, here.version)
        waiting += [r for r in map(_required, here.requires or ()) if r]
    found.pop("trueup", None)
    return dict(sorted(found.items()))


def _base_requirements() -> list[str]:
    return ["blake3", "click", "httptools", "litestar", "msgspec", "numpy", "polars", "sqlalchemy"]


def chosen(folder: Path, wanted: Mapping[str, str]) -> list[Path]:
    """The wheel of each distribution.

    Raises:
        UsageError: The folder lacks some.
    """
    there: dict[tuple[str, str], Path] = {}
    for wheel in sorted(folder.glob("*.whl")):
        name, version, *_ = wheel.name.split("-")
        there.setdefault((normal(name), version), wheel)
    missing = [pair for pair in wanted.items() if pair not in there]
    if missing:
        named = listing(f"{name}=={version}" for name, version in missing[:5])
        raise UsageError(
            "package-wheels",
            f"The folder '{folder}' lacks {len(missing)} of {len(wanted)} wheels: {named}.",
            hint="pip download --only-binary :all: --no-deps -d wheels "
            + " ".join(f"{name}=={version}" for name, version in missing),
        )
    return [there[pair] for pair in wanted.items()]


def requirements(wanted: Mapping[str, str], folder: Path | None) -> list[str]:
    """Lines of a requirements file, with the hashes of the wheels that are there."""
    lines: list[str] = []
    for name, version in wanted.items():
        own = [] if folder is None else sorted(folder.glob("*.whl"))
        hashes = [
            f" --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}"
            for wheel in own
            if (normal(wheel.name.split("-")[0]), wheel.name.split("-")[1]) == (name, version)
        ]
        lines.append(f"{name}=={version}{''.join(hashes)}")
    return lines


def normal(name: str) -> str:
    """A distribution's name as all spell it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _required(text: str) -> str:
    if "extra ==" in text:
        return ""
    found = _NAME.match(text)
    return found[0] if found else ""
