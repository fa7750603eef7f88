"""`trueup checkout`: a model version's code, data, parameters and packages, back in a work tree.

By default into a new folder, so that nothing can be lost; with `here` in the project's own folder,
which must be clean. Either way the command that undoes it is told.
"""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Iterable
from pathlib import Path

from trueup.app.wiring import Workspace
from trueup.foundation.actor import Actor
from trueup.foundation.digests import of_file
from trueup.foundation.errors import ConflictError, TrueupError, UsageError
from trueup.foundation.records import Record, decode, encode
from trueup.foundation.text import listing
from trueup.lifecycle.data.records import DatasetVersion
from trueup.lifecycle.data.worktree import positions, writing
from trueup.lifecycle.models.records import Manifest, ModelVersion
from trueup.lifecycle.pipeline.code import capturing, source
from trueup.lifecycle.pipeline.code.capturing import Code
from trueup.lifecycle.pipeline.code.packages import Environment


class Restored(Record):
    """What a checkout did, or would do.

    Attributes:
        version: The model version.
        folder: The project's folder that now is that version.
        commit: The commit that its code is at.
        changed: Whether files that were not committed were put back too.
        data: The dataset versions put back.
        parameters: File with the parameters of its run.
        requirements: File with its packages; empty when they were not kept.
        run: The command that makes it again.
        undo: The command that undoes the checkout.
        done: Whether it was done, or only foreseen.
    """

    version: str
    folder: str
    commit: str
    changed: bool
    data: tuple[str, ...]
    parameters: str
    requirements: str
    run: str
    undo: str
    done: bool


def restore(
    workspace: Workspace,
    actor: Actor,
    version: ModelVersion,
    *,
    into: Path | None = None,
    here: bool = False,
    dry_run: bool = False,
) -> Restored:
    """Put back all that a model version was made of.

    Args:
        workspace: The project.
        actor: Who.
        version: The version.
        into: A folder that does not exist yet; beside the project without it.
        here: Into the project's own folder instead.
        dry_run: Say what would be done, and do nothing.

    Raises:
        UsageError: Both a folder and `here` were asked for, or nothing is known of its code.
        ConflictError: The folder exists, or files here are kept nowhere.
        NotFoundError: Something it was made of is no longer kept.
        BackendError: Git cannot give the commit.
    """
    if here and into is not None:
        raise UsageError(
            "checkout-place",
            "A checkout goes into a new folder or into this one, not both.",
            hint=f"trueup checkout {version.ref} --here",
        )
    code = _code(workspace, version)
    data = [
        workspace.datasets.show(actor, name, digest)
        for name, digest in version.manifest.data.items()
    ]
    if here:
        return _here(workspace, actor, version, code, data, dry_run=dry_run)
    root = workspace.root.resolve()
    folder = into or root.with_name(f"{root.name}-{version.model}-{version.version}")
    folder = folder.resolve()
    if folder.exists():
        raise ConflictError(
            "folder-exists",
            f"The folder {folder} exists already; a version is restored into a new one.",
            hint=f"trueup checkout {version.ref} --into '{folder}-2'",
        )
    target = folder / code.folder if code.folder else folder
    if not dry_run:
        _build(workspace, code, data, folder)
    undo = f"rm -r {shlex.quote(str(folder))}"
    told = _told(workspace, version, code, data, target, undo, done=not dry_run)
    if not dry_run:
        _leave_to_git(folder, target, (told.parameters, told.requirements))
    return told


def _build(workspace: Workspace, code: Code, data: list[DatasetVersion], folder: Path) -> None:
    blobs = workspace.state.blobs
    try:
        root = capturing.restore(blobs, code, workspace.root, folder)
        for each in data:
            writing.write(blobs, root, each)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)  # ours alone: half a version is none
        raise


def _leave_to_git(folder: Path, root: Path, names: Iterable[str]) -> None:
    """What we write beside the code is no change of it: the run that comes next needs no commit."""
    place = root.relative_to(folder)
    exclude = folder / ".git" / "info" / "exclude"
    exclude.parent.mkdir(exist_ok=True)
    with exclude.open("a", encoding="utf-8") as file:
        file.writelines(f"/{(place / name).as_posix()}\n" for name in names if name)


def _here(
    workspace: Workspace,
    actor: Actor,
    version: ModelVersion,
    code: Code,
    data: list[DatasetVersion],
    *,
    dry_run: bool,
) -> Restored:
    root = workspace.root.resolve()
    origin = source.read(root)
    if origin.is_dirty:
        raise ConflictError(
            "checkout-unsaved",
            f"{listing(origin.changed[:3])} differ from commit {origin.commit[:12]} and would be "
            "lost.",
            hint="git stash --include-untracked",
        )
    _refuse_to_overwrite(root, code)
    undo = [f"git switch {_branch(root, origin.commit)}"]
    if code.diff or code.files:
        undo.insert(0, "git stash --include-untracked")
    for each in data:
        workspace.datasets.checkout(actor, each.name, root, str(each.version), dry_run=True)
        stood = positions.position(root, each.name)
        if stood.version and stood.version != each.version:
            undo.append(f"trueup data checkout data:{each.name}@{stood.version}")
    if not dry_run:
        _git(root, "switch", "--quiet", "--detach", code.commit)
        if code.diff:
            patch = workspace.state.blobs.get(code.diff)
            _git(source.top_of(root), "apply", "--binary", "-", given=patch)
        for name, digest in code.files.items():
            file = _inside(root, name)
            if not file.is_file() or of_file(file) != digest:
                mode = 0o755 if name in code.executable else 0o644
                workspace.state.blobs.materialise(digest, file, mode=mode)
        for each in data:
            workspace.datasets.checkout(actor, each.name, root, str(each.version))
    return _told(workspace, version, code, data, root, " && ".join(undo), done=not dry_run)


def _refuse_to_overwrite(root: Path, code: Code) -> None:
    """Files that Git does not keep, and that would get another content, stay."""
    listed = _git(root, "ls-files", "-z", "--", ".")
    tracked = set(listed.decode(errors="surrogateescape").split("\0"))
    lost = [
        name
        for name, digest in code.files.items()
        if name not in tracked
        and _inside(root, name).is_file()
        and of_file(_inside(root, name)) != digest
    ]
    if lost:
        raise ConflictError(
            "checkout-unsaved",
            f"{listing(lost[:3])} would be overwritten, and Git does not keep them.",
            hint="git add -f " + " ".join(shlex.quote(name) for name in lost[:3]),
        )


def _inside(root: Path, name: str) -> Path:
    file = root / name
    if ".." in Path(name).parts or not file.parent.resolve().is_relative_to(root):
        raise ConflictError(
            "checkout-unsaved",
            f"The record of the code names '{name}', a path that leads out of the project.",
            hint="trueup doctor",
        )
    return file


def _told(
    workspace: Workspace,
    version: ModelVersion,
    code: Code,
    data: list[DatasetVersion],
    root: Path,
    undo: str,
    *,
    done: bool,
) -> Restored:
    manifest = version.manifest
    label = f"{version.model}-{version.version}"
    parameters = _file(root, "parameters", ".json", label, encode(manifest.parameters), done=done)
    packages = _requirements(workspace, manifest)
    requirements = ""
    if packages:
        requirements = _file(root, "requirements", ".txt", label, packages.encode(), done=done)
    given = " ".join(
        f"-p {shlex.quote(f'{name}={value}')}" for name, value in manifest.parameters.items()
    )
    return Restored(
        version=version.ref,
        folder=str(root),
        commit=code.commit,
        changed=bool(code.diff),
        data=tuple(each.ref for each in data),
        parameters=parameters,
        requirements=requirements,
        run=f"trueup run {manifest.pipeline} {given}".strip(),
        undo=undo,
        done=done,
    )


def _file(root: Path, stem: str, suffix: str, label: str, content: bytes, *, done: bool) -> str:
    """Write a file, under a name of its own where the project has another one of that name."""
    for name in (f"{stem}{suffix}", f"{stem}-{label}{suffix}"):
        file = root / name
        if file.is_file() and file.read_bytes() == content:
            return name
        if not file.exists():
            if done:
                file.write_bytes(content)
            return name
    raise ConflictError(
        "checkout-unsaved",
        f"{stem}{suffix} and {stem}-{label}{suffix} exist and say something else.",
        hint=f"mv '{root / f'{stem}-{label}{suffix}'}' '{root / f'{stem}-{label}-old{suffix}'}'",
    )


def _requirements(workspace: Workspace, manifest: Manifest) -> str:
    try:
        found = decode(workspace.state.blobs.get(manifest.environment), Environment)
    except TrueupError:  # collected, or of a run before environments were kept
        return ""
    pinned = "".join(f"{name}=={version}\n" for name, version in sorted(found.packages.items()))
    return f"# Python {found.python}\n{found.requirements or pinned}"


def _code(workspace: Workspace, version: ModelVersion) -> Code:
    manifest = version.manifest
    if manifest.source:
        return capturing.read(workspace.state.blobs, manifest.source)
    if not manifest.commit:
        raise UsageError(
            "checkout-no-code",
            f"Nothing is known of the code of {version.ref}: its run was in no Git repository.",
            hint=f"trueup why {version.ref}",
        )
    return Code(commit=manifest.commit, folder=source.folder_of(workspace.root))


def _branch(root: Path, commit: str) -> str:
    done = source.run(root, "symbolic-ref", "--quiet", "--short", "HEAD")
    return done.stdout.decode().strip() if not done.returncode else f"--detach {commit[:12]}"


def _git(root: Path, *arguments: str, given: bytes = b"") -> bytes:
    done = source.run(root, *arguments, given=given)
    if done.returncode:
        raise source.failed(root, done.stderr.decode(errors="replace"))
    return done.stdout
