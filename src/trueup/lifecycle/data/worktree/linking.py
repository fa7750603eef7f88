"""Symbolic links in a dataset: which may be kept, and what to do about the others."""

from __future__ import annotations

import posixpath
import shlex
from pathlib import Path

from trueup.foundation.errors import UsageError
from trueup.lifecycle.data.rules import RESERVED

# Every virtual environment of Python has this file at its top.
_ENVIRONMENT = "pyvenv.cfg"


def check(path: str, target: str) -> None:
    """Refuse a symbolic link of a version that leads out of its dataset.

    Raises:
        UsageError: It is absolute or leads out.
    """
    if not stays_inside(path, target):
        raise _leads_out(path, target)


def stays_inside(path: str, target: str) -> bool:
    """Whether a link leads to a place in its own dataset.

    Only leading `..` parts are allowed: after a link of the dataset, `..` could lead anywhere.
    """
    parts = target.split("/")
    ups = next((i for i, part in enumerate(parts) if part != ".."), len(parts))
    joined = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
    return (
        target != ""
        and not target.startswith("/")
        and ".." not in parts[ups:]
        and joined != ".."
        and not joined.startswith("../")
        and RESERVED.isdisjoint(joined.split("/"))
    )


def refused(
    where: Path, path: str, shown: str, dataset: str, *, may_stay_inside: bool = False
) -> UsageError:
    """The error for a symbolic link that may not be here, with the rule that would let it pass.

    Args:
        where: The link, absolute.
        path: Its place in the dataset.
        shown: Its place in the project.
        dataset: The dataset's place in the project; empty where links cannot be kept at all.
        may_stay_inside: Whether links are kept, and this one leads out.
    """
    target = str(where.readlink())
    if environment := _environment_around(where, path):
        shown_environment = shown.removesuffix(path) + environment
        folder = ".." if dataset == "." else posixpath.dirname(dataset) or "."
        return UsageError(
            "dataset-link",
            f"{shown} is a symbolic link of the Python environment {shown_environment}, which "
            "holds programs of this machine and no data.",
            hint=f"mv {shlex.quote(shown_environment)} {shlex.quote(folder)}"
            "   (out of the dataset)",
        )
    if may_stay_inside:
        return _leads_out(shown, target)
    if dataset and stays_inside(path, target):
        hint = f"trueup data add {shlex.quote(dataset)} --links keep   (keeps the link itself)"
    elif where.exists():
        hint = _by_the_file(target, shown)
    else:
        hint = f"rm {shlex.quote(shown)}   (it leads nowhere)"
    return UsageError(
        "dataset-link",
        f"{shown} is a symbolic link to '{target}'; a dataset holds files.",
        hint=hint,
    )


def _leads_out(shown: str, target: str) -> UsageError:
    return UsageError(
        "dataset-link-leads-out",
        f"The link {shown} points to '{target}', which leads out of its dataset.",
        hint=_by_the_file(target, shown),
    )


def _by_the_file(target: str, shown: str) -> str:
    there = posixpath.join(posixpath.dirname(shown), target)
    link = shlex.quote(shown)
    return f"rm {link} && cp -r {shlex.quote(there)} {link}   (the file itself instead)"


def _environment_around(where: Path, path: str) -> str:
    """The folder of the dataset that is a Python environment and holds the link, if any."""
    above = list(zip(Path(path).parents, where.parents, strict=False))
    inside = ((folder, place) for folder, place in above if folder != Path())
    return next((str(f) for f, place in inside if (place / _ENVIRONMENT).exists()), "")
