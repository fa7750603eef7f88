"""What a run stands on: its script, Python, packages, commit, and what differs from the commit."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

_MOST_DIFF: Final = 8 << 20
_SECONDS: Final = 20


def environment() -> dict[str, Any]:
    """Python, machine and packages."""
    packages = {
        each.metadata["Name"]: each.version
        for each in importlib.metadata.distributions()
        if each.metadata["Name"]
    }
    return {
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "platform": platform.platform(),
        "machine": platform.machine(),
        "processors": os.cpu_count() or 0,
        "packages": dict(sorted(packages.items(), key=lambda each: each[0].lower())),
    }


def source() -> dict[str, str]:
    """Tags that name the code, by the words of MLflow's pages and clients."""
    main = sys.modules.get("__main__")
    file = getattr(main, "__file__", None) or ""
    kind = "LOCAL" if file else "NOTEBOOK" if "ipykernel" in sys.modules else "LOCAL"
    name = Path(file).name if file else ("notebook" if kind == "NOTEBOOK" else "python")
    return {"mlflow.source.type": kind, "mlflow.source.name": name}


def commit(folder: Path) -> tuple[dict[str, str], bytes]:
    """Tags of the Git commit that is checked out, and what differs from it; nothing outside Git."""
    head = _git(folder, "rev-parse", "HEAD").decode("ascii", "replace").strip()
    if not head:
        return {}, b""
    tags = {"mlflow.source.git.commit": head}
    branch = _git(folder, "rev-parse", "--abbrev-ref", "HEAD").decode("utf-8", "replace").strip()
    if branch and branch != "HEAD":
        tags["mlflow.source.git.branch"] = branch[:250]
    diff = _git(folder, "diff", "HEAD", "--no-color", "--no-ext-diff", "--no-textconv")
    dirty = bool(diff) or bool(_git(folder, "status", "--porcelain", "--untracked-files=normal"))
    tags["trueup.dirty"] = "true" if dirty else "false"
    if len(diff) > _MOST_DIFF:
        diff = diff[:_MOST_DIFF] + b"\n[cut: the difference is larger than 8 MiB]\n"
    return tags, diff


def _git(folder: Path, *arguments: str) -> bytes:
    environment = {**os.environ, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
    try:
        done = subprocess.run(  # noqa: S603 - our own words, no shell
            ["git", *arguments],  # noqa: S607 - the user's own Git
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return b""
    return done.stdout if done.returncode == 0 else b""
