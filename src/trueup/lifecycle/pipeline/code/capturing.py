"""Keeping the code of a run: the commit, what differs from it, and every file that it reached.

A run on a dirty tree is rebuilt from this record alone and the repository's history. `restore`
is the way back.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from trueup.foundation.digests import of_file
from trueup.foundation.errors import BackendError
from trueup.foundation.records import Record, decode, encode
from trueup.lifecycle.pipeline import origin
from trueup.lifecycle.pipeline.code import source
from trueup.ports.blobs import Blobs

# A larger new file is no code; it is named, and a run that is rebuilt does without it.
LARGEST = 16 << 20
_DIFF = (
    *("diff", "--binary", "--full-index", "--no-color", "--no-ext-diff", "--no-textconv"),
    *("--no-renames", "--src-prefix=a/", "--dst-prefix=b/", "HEAD", "--", "."),
)


class Code(Record):
    """The code of a run, as it can be built again.

    Attributes:
        commit: The commit that was checked out.
        folder: The project's folder in the repository; empty for its top.
        diff: Digest of the binary difference of tracked files; empty for none.
        files: New files and files the code reached, by path in the project, with their digests.
        executable: Those of them that may be executed.
        outside: Files the code reached that lie outside of the project: the path below the folder
            they are imported from, with their digests.
        left_out: New files that are too large to be code, with their sizes.
    """

    commit: str
    folder: str = ""
    diff: str = ""
    files: dict[str, str] = {}
    executable: tuple[str, ...] = ()
    outside: dict[str, str] = {}
    left_out: dict[str, int] = {}


def capture(blobs: Blobs, root: Path, commit: str, *, dirty: bool, reached: Iterable[str]) -> str:
    """Keep the code as it is now and return the digest of its record.

    Args:
        blobs: Where to.
        root: The project's folder.
        commit: The commit that is checked out.
        dirty: Whether anything differs from it; a clean tree costs no call of Git.
        reached: First-party files that the pipeline reaches, resolved; those of all modules that
            are loaded count as well, also when Git ignores them or they lie elsewhere.

    Raises:
        BackendError: Git or the store failed.
    """
    root = root.resolve()
    diff, new = _differences(root) if dirty else (b"", ())
    files: dict[str, Path] = {}
    outside: dict[str, Path] = {}
    left_out: dict[str, int] = {}
    imported = _imported()
    for file in map(Path, {*reached, *imported}):
        if file.is_relative_to(root):
            files[file.relative_to(root).as_posix()] = file
        else:
            outside[imported.get(str(file), file.name)] = file
    for name in new:
        file = root / name
        if file.is_symlink() or not file.is_file():
            continue
        size = file.stat().st_size
        if size > LARGEST:
            left_out[name] = size
        else:
            files[name] = file
    record = Code(
        commit=commit,
        folder=source.folder_of(root),
        diff=blobs.put(diff) if diff else "",
        files=_kept(blobs, files),
        executable=tuple(sorted(n for n, f in files.items() if os.access(f, os.X_OK))),
        outside=_kept(blobs, outside),
        left_out=left_out,
    )
    return blobs.put(encode(record))


def read(blobs: Blobs, digest: str) -> Code:
    """The record that `capture` kept.

    Raises:
        NotFoundError: It is not here.
    """
    return decode(blobs.get(digest), Code)


def restore(blobs: Blobs, code: Code, repository: Path, target: Path) -> Path:
    """Build the code of a run in an empty folder, and return the project's folder in it.

    Args:
        blobs: Where the captured files are.
        code: What to build.
        repository: A folder of the repository that holds the commit.
        target: An empty folder; afterwards a repository of its own at the same commit.

    Raises:
        NotFoundError: A captured file is no longer kept.
        BackendError: The commit is not in the repository, or the difference does not apply.
    """
    origin = source.top_of(repository)
    _git(origin, "clone", "--quiet", "--shared", "--no-checkout", "--", str(origin), str(target))
    _git(target, "checkout", "--quiet", "--detach", code.commit, "--")
    if code.diff:
        given = blobs.get(code.diff)
        _git(target, "apply", "--binary", "--whitespace=nowarn", "-", given=given)
    root = target / code.folder if code.folder else target
    for name, digest in code.files.items():
        _write(blobs, root, name, digest, 0o755 if name in code.executable else 0o644)
    return root


def restore_outside(blobs: Blobs, code: Code, target: Path) -> None:
    """Write the files that the code reached outside of the project below a folder for imports.

    Raises:
        NotFoundError: One is no longer kept.
    """
    for name, digest in code.outside.items():
        _write(blobs, target, name, digest, 0o644)


def _write(blobs: Blobs, folder: Path, name: str, digest: str, mode: int) -> None:
    file = folder / name
    parts = PurePosixPath(name)
    leads_out = not file.parent.resolve().is_relative_to(folder.resolve())
    if parts.is_absolute() or ".." in parts.parts or leads_out:
        raise BackendError(
            "code-damaged",
            f"The record of the run's code names '{name}', a path that leads out.",
            hint="trueup doctor",
        )
    if file.is_file() and of_file(file) == digest:
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    file.unlink(missing_ok=True)  # never write through a link that the commit holds
    file.write_bytes(blobs.get(digest))
    file.chmod(mode)


def _differences(root: Path) -> tuple[bytes, tuple[str, ...]]:
    diff = _git(root, *_DIFF)
    listed = _git(root, "ls-files", "--others", "--exclude-standard", "-z", "--", ".")
    names = [name for name in os.fsdecode(listed).split("\0") if name]
    folders = {folder for name in names for folder in PurePosixPath(name).parents}
    of_others = {folder for folder in folders if source.is_environment(root / folder)}
    return diff, tuple(n for n in names if of_others.isdisjoint(PurePosixPath(n).parents))


def _git(root: Path, *arguments: str, given: bytes = b"") -> bytes:
    done = source.run(root, *arguments, given=given)
    if done.returncode:
        raise source.failed(root, done.stderr.decode(errors="replace"))
    return done.stdout


def _imported() -> dict[str, str]:
    """The user's own modules: file, and its path below the folder that imports begin at.

    A module that only holds constants is reached by no function, and yet it is needed.
    """
    found = {}
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None) or ""
        if name != "__main__" and origin.is_first_party(file) and Path(file).is_file():
            is_package = Path(file).stem == "__init__"
            inside = name.replace(".", "/") + ("/__init__" if is_package else "")
            found[str(Path(file).resolve())] = inside + Path(file).suffix
    return found


def _kept(blobs: Blobs, files: dict[str, Path]) -> dict[str, str]:
    found = {name: of_file(file) for name, file in sorted(files.items())}
    # What is read again may have changed since: the record names what was kept.
    return {
        name: digest if blobs.has(digest) else blobs.put_file(files[name])
        for name, digest in found.items()
    }
