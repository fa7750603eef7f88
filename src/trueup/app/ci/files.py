"""Files for the servers that build: they call Trueup's command line and nothing else."""

from __future__ import annotations

import os
import platform
from importlib import resources
from pathlib import Path
from typing import Final, NamedTuple

from trueup.foundation.errors import BackendError, ConflictError
from trueup.lifecycle.pipeline.code import source

MARK: Final = "Written by: trueup ci"


class Server(NamedTuple):
    """A server that builds: its file in the repository, and the suffix of its templates."""

    file: str
    suffix: str


SERVERS: Final[dict[str, Server]] = {
    "jenkins": Server("Jenkinsfile", "groovy"),
    "github": Server(".github/workflows/trueup.yml", "yml"),
    "gitlab": Server(".gitlab-ci.yml", "yml"),
}


def text(
    server: str,
    pipeline: str,
    model: str,
    *,
    requirements: str,
    pulls: bool,
    branch: str = "main",
    folder: str = "",
) -> str:
    """The file for a server.

    Args:
        server: One of `SERVERS`.
        pipeline: What is run; checked to be a name when the pipeline was loaded.
        model: Whose newest version goes through the gate; empty for no gate.
        requirements: The requirements file of the project.
        pulls: Whether data comes from a remote.
        branch: The branch that reviews are merged into.
        folder: The project's folder in its repository; empty for the top.

    Example:
        >>> "trueup run flights" in text("jenkins", "flights", "", requirements="r.txt", pulls=False)
        True
    """  # noqa: E501
    filled = _template(server, "")
    parts = {
        "@GATE@": _template(server, ".gate") if model else "",
        "@PULL@": _template(server, ".pull") if pulls else "",
        "@INSIDE@": _template(server, ".inside") if folder else "",
        "@UNDER@": f"{folder}/" if folder else "",
        "@FOLDER@": folder,
        "@PIPELINE@": pipeline,
        "@MODEL@": model,
        "@BRANCH@": branch,
        "@REQUIREMENTS@": requirements,
        "@PYTHON@": ".".join(platform.python_version_tuple()[:2]),
    }
    for mark, value in parts.items():
        filled = filled.replace(mark, value)
    return filled


def place_of(root: Path, server: str) -> Path:
    """The folder of a server's file: Jenkins is told where it is, the others look at the top."""
    return root if server == "jenkins" else source.top_of(root)


def write(place: Path, server: str, content: str, *, force: bool = False) -> tuple[Path, bool]:
    """Write the file of a server into its folder.

    Returns:
        Its path, and whether anything changed.

    Raises:
        ConflictError: There is another file of that name, or one that was edited since.
        BackendError: The folder cannot be written.
    """
    path = place / SERVERS[server].file
    before = path.read_text(encoding="utf-8") if path.is_file() else None
    if before == content:
        return path, False
    if before is not None and not force:
        edited = "was edited or written for other settings" if MARK in before else "is not Trueup's"
        raise ConflictError(
            "ci-file-exists",
            f"{SERVERS[server].file} exists and {edited}; nothing was written.",
            hint="compare it with --print, or replace it with --force",
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = path.with_name(path.name + ".incoming")
        aside.write_text(content, encoding="utf-8")
        os.replace(aside, path)  # noqa: PTH105 - the same, and atomic by name
    except OSError as error:
        raise BackendError(
            "ci-file-not-written",
            f"{path} could not be written: {error.strerror or error}.",
            hint=f"ls -ld '{path.parent}'",
        ) from error
    return path, True


def requirements_of(root: Path) -> str:
    """The requirements file of a project, as its build installs it."""
    for name in ("requirements.txt", "requirements/runtime.txt"):
        if (root / name).is_file():
            return name
    return "requirements.txt"


def branch_of(root: Path) -> str:
    """The branch that others build on: the remote's own, else `main` or `master`, else this one."""
    told = source.run(root, "symbolic-ref", "--short", "refs/remotes/origin/HEAD").stdout
    if told:
        return os.fsdecode(told).strip().removeprefix("origin/")
    here = os.fsdecode(source.run(root, "symbolic-ref", "--short", "HEAD").stdout).strip()
    listed = source.run(root, "branch", "--format=%(refname:short)").stdout
    known = os.fsdecode(listed).split()
    return next((name for name in ("main", "master") if name in known), here or "main")


def _template(server: str, part: str) -> str:
    name = f"{server}{part}.{SERVERS[server].suffix}"
    return resources.files("trueup.app.ci").joinpath(name).read_text(encoding="utf-8")
