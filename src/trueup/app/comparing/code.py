"""The code of two runs, file by file: between two commits, or rebuilt where trees were dirty."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

from trueup.app.comparing.records import CodeFile
from trueup.foundation.errors import TrueupError
from trueup.lifecycle.pipeline.code import capturing, source
from trueup.lifecycle.pipeline.code.capturing import Code
from trueup.ports.blobs import Blobs

_PLAIN: Final = ("--no-color", "--no-ext-diff", "--no-textconv", "--no-renames")
_PATCH_AT_MOST: Final = 1 << 20


class CodeFiles(NamedTuple):
    """The files that differ, the patch if it was asked for, or why there is neither."""

    files: tuple[CodeFile, ...] = ()
    patch: str = ""
    problem: str = ""


def compare(
    blobs: Blobs,
    root: Path,
    before: Code,
    after: Code,
    *,
    is_dirty: bool,
    patch: bool,
    data: Sequence[str] = (),
) -> CodeFiles:
    """What differs between the code of two runs, in the project's folder.

    Args:
        blobs: Where captured files are.
        root: The project's folder.
        before: The first run's code.
        after: The second run's code.
        is_dirty: Whether files differed from the commit in one of the runs.
        patch: Whether to give the patch too.
        data: Places of datasets in the project: they are compared as data, not as code.
    """
    reached = {*before.files, *after.files}
    try:
        if not is_dirty:
            without = [f":(exclude,literal){path}" for path in data]
            between = ["--relative", before.commit, after.commit, "--", ".", *without]
            found = _differences(root, between, reached, is_pair=False, patch=patch)
            return _with_ignored(found, before, after)
        return _rebuilt(blobs, root, before, after, reached, patch=patch, data=data)
    except TrueupError as error:
        return CodeFiles(problem=error.message)


def _with_ignored(found: CodeFiles, before: Code, after: Code) -> CodeFiles:
    """The same with files that were reached although Git ignores them."""
    known = {file.path for file in found.files}
    ignored = sorted(
        path
        for path in {*before.files, *after.files} - known
        if path in before.files and path in after.files and before.files[path] != after.files[path]
    )
    more = [CodeFile(path=path, added=None, removed=None, reached=True) for path in ignored]
    return CodeFiles((*found.files, *more), found.patch)


def _rebuilt(
    blobs: Blobs,
    root: Path,
    before: Code,
    after: Code,
    reached: set[str],
    *,
    patch: bool,
    data: Sequence[str],
) -> CodeFiles:
    with tempfile.TemporaryDirectory(prefix="trueup-code-") as folder:
        top = Path(folder).resolve()
        for name, code in (("a", before), ("b", after)):
            built = capturing.restore(blobs, code, root, top / f"{name}-whole")
            shutil.rmtree(top / f"{name}-whole" / ".git")
            built.rename(top / name)
            for path in data:
                _drop(top / name / path, top)
        return _differences(top, ["--no-index", "--", "a", "b"], reached, is_pair=True, patch=patch)


def _drop(place: Path, top: Path) -> None:
    if not place.parent.resolve().is_relative_to(top):
        return
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place)
    else:
        place.unlink(missing_ok=True)


def _differences(
    folder: Path, between: Sequence[str], reached: set[str], *, is_pair: bool, patch: bool
) -> CodeFiles:
    counted = _diff(folder, ["--numstat", "-z", *between])
    files = [
        CodeFile(
            path=path,
            added=int(added) if added.isdecimal() else None,
            removed=int(removed) if removed.isdecimal() else None,
            reached=path in reached,
        )
        for added, removed, path in _numbers(counted, is_pair=is_pair)
    ]
    files.sort(key=lambda file: (not file.reached, file.path))
    text = _diff(folder, [*between]) if patch else b""
    shown = text[:_PATCH_AT_MOST].decode(errors="replace")
    return CodeFiles(tuple(files), shown)


def _numbers(raw: bytes, *, is_pair: bool) -> list[tuple[str, str, str]]:
    """Lines added and removed, and the path; `--no-index` names the path on both sides."""
    parts = raw.decode(errors="replace").split("\0")
    found = []
    at = 0
    while at < len(parts) and parts[at]:
        added, removed, path = parts[at].split("\t", 2)
        at += 1
        if not path:  # both sides follow; a file that one side lacks is /dev/null there
            sides = parts[at : at + 2]
            path = next(side for side in reversed(sides) if side != "/dev/null")
            at += 2
        found.append((added, removed, path.partition("/")[2] if is_pair else path))
    return found


def _diff(folder: Path, arguments: Sequence[str]) -> bytes:
    done = source.run(folder, "diff", *_PLAIN, *arguments)
    if done.returncode not in (0, 1):  # --no-index answers 1 when something differs
        raise source.failed(folder, done.stderr.decode(errors="replace"))
    return done.stdout
