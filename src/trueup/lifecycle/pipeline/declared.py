"""What a step declares to depend on beside code and arguments: files, variables, a version.

Files that a step opens and variables that it reads cannot be seen from outside, so they are named:
`@step(depends_on=("words.txt",), environment=("REGION",))`.
"""

from __future__ import annotations

import os
from pathlib import Path

from trueup.foundation import digests
from trueup.lifecycle.pipeline.code.syntax import Unclear
from trueup.lifecycle.pipeline.records import Declared, StepOptions

_UNSET = "unset"


def of_options(options: StepOptions, root: Path) -> Declared:
    """The state of everything that the options name.

    Raises:
        Unclear: A file is missing, cannot be read, or lies outside the project.
    """
    files: dict[str, str] = {}
    for name in options.depends_on:
        files |= _content(name, root.resolve())
    return Declared(
        version=options.version,
        files=files,
        environment={name: _variable(name) for name in sorted(set(options.environment))},
        secrets=tuple(sorted(set(options.secrets))),
    )


def _variable(name: str) -> str:
    """A digest: the key is kept and shared, and the value may be private."""
    value = os.environ.get(name)
    return _UNSET if value is None else digests.of_bytes(os.fsencode(value))


def _content(name: str, root: Path) -> dict[str, str]:
    place = (root / name).resolve()
    if not place.is_relative_to(root):
        raise Unclear(f"it depends on '{name}', which leads out of the project")
    try:
        if place.is_dir():
            return {
                file.relative_to(root).as_posix(): _digest(file, root)
                for file in sorted(place.rglob("*"))
                if file.is_file() and "__pycache__" not in file.parts
            }
        return {place.relative_to(root).as_posix(): _digest(place, root)}
    except OSError as error:
        reason = error.strerror or str(error)
        raise Unclear(f"it depends on '{name}', which cannot be read ({reason})") from error


def _digest(file: Path, root: Path) -> str:
    if not file.resolve().is_relative_to(root):
        raise Unclear(f"it depends on '{file.name}', which leads out of the project")
    return digests.of_file(file)
