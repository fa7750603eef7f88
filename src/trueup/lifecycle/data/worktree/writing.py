"""Writing a version's files into a folder that holds none of them yet."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from trueup.lifecycle.data import manifest, rules
from trueup.lifecycle.data.records import EXECUTABLE, LINK, DatasetVersion
from trueup.lifecycle.data.worktree import linking, tree
from trueup.ports.blobs import Blobs, Wanted


def write(blobs: Blobs, root: Path, version: DatasetVersion) -> Path:
    """Put a version where it lies in a project, and return the place.

    What stands there goes: the folder is a copy of ours, in which a commit may hold another state.

    Args:
        blobs: Where the files are kept.
        root: The copy of the project.
        version: What to write.

    Raises:
        UsageError: The version lies outside of the project, or a link leads out of it.
        BackendError: A file's bytes are damaged, or its path may not be written.
        NotFoundError: A file is no longer kept.
    """
    place = tree.inside(root, version.path, version.name)
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place)
    else:
        place.unlink(missing_ok=True)
    files, links = [], []
    for entry in manifest.entries(blobs, version.digest):
        rules.check_path(entry.path)
        target = place if version.is_file else place / entry.path
        if entry.mode == LINK:
            to = os.fsdecode(blobs.get(entry.digest))
            linking.check(entry.path, to)
            links.append((target, to))
        else:
            mode = 0o755 if entry.mode == EXECUTABLE else 0o644
            files.append(Wanted(entry.digest, str(target), mode))
    blobs.materialise_many(files)
    for target, to in links:  # last: no file is ever written through one
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(to)
    return place
