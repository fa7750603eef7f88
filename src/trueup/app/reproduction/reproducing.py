"""`trueup reproduce`: a run is made again from its record alone, and compared step by step.

Code, data, parameters and packages come from what the run captured; a folder and a state of their
own keep the copy apart from the project. The verdict is kept with the run.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

import trueup
from trueup.app.reproduction.rerunning import Answer, Order
from trueup.app.wiring import Workspace, open_workspace
from trueup.foundation import clock
from trueup.foundation.actor import Actor
from trueup.foundation.errors import ConflictError, NotFoundError, TrueupError
from trueup.foundation.identifiers import short_id
from trueup.foundation.records import decode, encode
from trueup.lifecycle.data import manifest
from trueup.lifecycle.data.records import DatasetVersion
from trueup.lifecycle.data.worktree import writing
from trueup.lifecycle.pipeline import secrets
from trueup.lifecycle.pipeline.code import capturing, packages
from trueup.lifecycle.pipeline.code.packages import Environment
from trueup.lifecycle.pipeline.passing import comparing
from trueup.lifecycle.pipeline.records import Difference
from trueup.lifecycle.runs.records import RunDetail, StepRun
from trueup.lifecycle.runs.reproductions import rules as reproduction_rules
from trueup.lifecycle.runs.reproductions.records import (
    EnvironmentMode,
    Reproduction,
    StepDifference,
)
from trueup.ports.blobs import Blobs

_MOST = 100
_LATER_DETAIL = 400


class _Impossible(Exception):
    """What keeps the run from being made again."""


def nothing(_words: str) -> None:
    """Tell nobody."""


def reproduce(
    workspace: Workspace,
    actor: Actor,
    run_id: str,
    *,
    tolerance: float = 0.0,
    keep: Path | None = None,
    environment: EnvironmentMode = "check",
    tell: Callable[[str], None] = nothing,
) -> Reproduction:
    """Make a run again and keep the verdict.

    Args:
        workspace: The project.
        actor: Who asks.
        run_id: The run.
        tolerance: The largest relative difference of numbers that counts as equal.
        keep: A folder that does not exist yet and is to stay; else a temporary one.
        environment: `check` says how the packages differ from those of the run, `install` makes
            an environment with exactly those, `ignore` does neither.
        tell: Told what is being done.

    Raises:
        NotFoundError: There is no such run.
        ConflictError: The folder to keep exists already.
        DeniedError: The actor may not write runs; nothing was made.
    """
    detail = workspace.runs.show(actor, run_id)
    with workspace.state.read(actor, "runs.write"):
        pass  # ask before the work rather than after it
    if keep is not None and keep.exists():
        raise ConflictError(
            "folder-exists",
            f"The folder {keep} exists already; a run is made again in a new one.",
            hint=f"trueup reproduce {detail.run.ref} --keep {keep}-2",
        )
    started = time.perf_counter()
    with _folder(keep) as folder:
        making = _Making(workspace, actor, detail, folder, environment, tell)
        missing: tuple[str, ...] = ()
        found: list[StepDifference] = []
        try:
            found = making.compared()
        except _Impossible as error:
            missing = tuple(str(error).splitlines())
        except TrueupError as error:
            missing = (error.message,)
    made = Reproduction(
        id=short_id(),
        run=run_id,
        outcome=reproduction_rules.outcome_of(found, tolerance, missing),
        tolerance=tolerance,
        environment=environment,
        packages=tuple(making.packages),
        steps=making.steps,
        differences=tuple(found[:_MOST]),
        missing=missing,
        seconds=time.perf_counter() - started,
        folder=str(keep) if keep else "",
        reproduced_by=str(actor),
        reproduced_at=clock.now(),
    )
    workspace.runs.reproduced(actor, made)
    return made


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    if keep is not None:
        keep.mkdir(mode=0o700, parents=True)
        yield keep
        return
    with tempfile.TemporaryDirectory(prefix="trueup-reproduce-") as folder:
        yield Path(folder)


class _Making:
    """One run being made again."""

    def __init__(
        self,
        workspace: Workspace,
        actor: Actor,
        detail: RunDetail,
        folder: Path,
        environment: EnvironmentMode,
        tell: Callable[[str], None],
    ) -> None:
        self._workspace = workspace
        self._blobs = workspace.state.blobs
        self._actor = actor
        self._detail = detail
        self._run = detail.run
        self._folder = folder
        self._environment = environment
        self._tell = tell
        self.packages: list[str] = []
        self.steps = 0

    def compared(self) -> list[StepDifference]:
        """Everything that came out otherwise."""
        if self._run.state != "finished":
            raise _Impossible(f"the run {self._run.state}, so it has no result to compare with")
        versions = self._versions()
        captured = self._captured()
        self._tell("building the code")
        code = capturing.read(self._blobs, self._run.source)
        root = capturing.restore(
            self._blobs, code, self._workspace.root, self._folder / "repository"
        )
        imports = self._folder / "imports"
        imports.mkdir()
        capturing.restore_outside(self._blobs, code, imports)
        self._tell("writing the data")
        for version in versions:
            writing.write(self._blobs, root, version)
        python = self._python(captured, imports)
        self._tell("running")
        answer = self._rerun(python, root, imports, versions)
        return self._comparison(answer, root)

    def _versions(self) -> list[DatasetVersion]:
        missing, found = [], []
        if not self._run.source:
            missing.append("the run did not capture its code (it ran outside of a repository)")
        elif not self._blobs.has(self._run.source):
            missing.append("the record of its code is no longer kept")
        for name, digest in self._run.data.items():
            try:
                version = self._workspace.datasets.show(self._actor, name, digest)
                gone = self._blobs.missing(manifest.blobs_of(self._blobs, version.digest))
            except NotFoundError as error:
                missing.append(error.message)
                continue
            if gone:
                missing.append(f"{len(gone)} files of {version.ref} are no longer kept")
            found.append(version)
        if missing:
            raise _Impossible("\n".join(missing))
        return found

    def _captured(self) -> Environment | None:
        try:
            return decode(self._blobs.get(self._run.environment), Environment)
        except (TrueupError, msgspec.MsgspecError):
            if self._environment == "install":
                raise _Impossible("the record of its packages is no longer kept") from None
            return None

    def _python(self, captured: Environment | None, imports: Path) -> str:
        """The interpreter to run with; how it differs from the run's is noted."""
        if self._environment == "ignore" or captured is None:
            return sys.executable
        if self._environment == "check":
            self.packages = differing(captured, packages.environment(self._workspace.root))
            return sys.executable
        if captured.python != packages.python():
            self.packages = [f"Python was {captured.python}, is {packages.python()}"]
        self._tell("installing the packages")
        return self._installed(captured, imports)

    def _installed(self, captured: Environment, imports: Path) -> str:
        place = self._folder / "environment"
        _called([sys.executable, "-m", "venv", "--without-pip", str(place)], "venv")
        python = str(place / "bin" / "python")
        lines = captured.requirements.splitlines(keepends=True)
        wanted = self._folder / "requirements.txt"
        wanted.write_text("".join(line for line in lines if not line.startswith("trueup")))
        pip = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet"]
        _called([*pip, "--no-deps", "--requirement", str(wanted)], "pip")
        # Trueup itself is the one that is asking; its package stands beside the imports.
        (imports / "trueup").symlink_to(Path(trueup.__file__).parent)
        return python

    def _rerun(
        self, python: str, root: Path, imports: Path, versions: list[DatasetVersion]
    ) -> Answer:
        order = Order(
            pipeline=self._run.pipeline,
            parameters=self._run.parameters,
            partition=self._run.partition,
            reason=f"{self._run.ref} made again",
            data={version.name: version.path for version in versions},
        )
        kept = {n: v for n, v in os.environ.items() if not n.startswith(("TRUEUP_", "GIT_"))}
        # Secrets are this project's as they are now: no record holds them, and no file of the copy.
        known = secrets.known(self._workspace.settings.home)
        kept |= {f"{secrets.VARIABLE}{name}": value for name, value in known.items()}
        if self._environment == "install":
            kept["PYTHONPATH"] = str(imports)
        else:
            # The same interpreter must find the same Trueup, wherever this one came from.
            paths = [str(imports), *(entry for entry in sys.path if entry)]
            kept["PYTHONPATH"] = os.pathsep.join(paths)
        done = subprocess.run(  # noqa: S603 - our own module, no shell
            [python, "-m", "trueup.app.reproduction.rerunning"],
            input=encode(order),
            capture_output=True,
            check=False,
            cwd=root,
            env=kept | {"PYTHONSAFEPATH": "1"},
        )
        try:
            return decode(done.stdout.strip().splitlines()[-1], Answer)
        except (msgspec.MsgspecError, IndexError):
            said = done.stderr.decode(errors="replace").strip()
            said = secrets.masked(said, secrets.words(known))[-_LATER_DETAIL:]
            raise _Impossible(f"the process that made it again ended: {said}") from None

    def _comparison(self, answer: Answer, root: Path) -> list[StepDifference]:
        if not answer.run:
            raise _Impossible(answer.problem)
        with open_workspace(root) as copy:
            made = copy.runs.show(copy.owner, answer.run)
            found = list(self._inputs(made))
            now = {step.step: step for step in made.steps}
            for step in self._detail.steps:
                if step.outputs is not None:
                    self.steps += 1
                    found += self._step(step, now.get(step.step), copy.state.blobs, answer)
            found += self._metrics(made)
        return found

    def _inputs(self, made: RunDetail) -> Iterator[StepDifference]:
        for name, digest in self._run.data.items():
            if made.run.data.get(name) != digest:
                what = Difference(where=f"dataset {name}", what="was written back otherwise")
                yield StepDifference(step="", difference=what)

    def _step(
        self, before: StepRun, now: StepRun | None, there: Blobs, answer: Answer
    ) -> list[StepDifference]:
        assert before.outputs is not None
        if now is None or now.outputs is None:
            why = f"did not end: {answer.problem}" if answer.problem else "did not run"
            return [StepDifference(step=before.step, difference=Difference(where="", what=why))]
        different = comparing.differences(before.outputs, self._blobs, now.outputs, there)
        return [StepDifference(step=before.step, difference=each) for each in different]

    def _metrics(self, made: RunDetail) -> Iterator[StepDifference]:
        now = {(metric.step, metric.name): metric.value for metric in made.metrics}
        for metric in self._detail.metrics:
            value = now.get((metric.step, metric.name))
            where = f"metric {metric.name}"
            if value is None:
                found = Difference(where=where, what="is gone")
            else:
                found_ = comparing.of_numbers(metric.value, value, where)
                if found_ is None:
                    continue
                found = found_
            yield StepDifference(step=metric.step, difference=found)


def differing(then: Environment, now: Environment) -> list[str]:
    """How the packages of this process differ from those of a run, one line each."""
    lines = [
        f"{what} was {before}, is {after}"
        for what, before, after in (
            ("Python", then.python, now.python),
            ("implementation", then.implementation, now.implementation),
            ("machine", then.machine, now.machine),
            ("system", then.system, now.system),
        )
        if before != after
    ]
    for name in sorted({*then.packages, *now.packages}):
        before, after = then.packages.get(name), now.packages.get(name)
        if before is None:
            lines.append(f"package {name} {after} is new")
        elif after is None:
            lines.append(f"package {name} {before} is gone")
        elif before != after:
            lines.append(f"package {name} was {before}, is {after}")
        elif then.origins.get(name) != now.origins.get(name):
            lines.append(f"package {name} was installed from elsewhere")
    return lines


def _called(arguments: list[str], name: str) -> None:
    done = subprocess.run(arguments, capture_output=True, check=False)  # noqa: S603 - fixed program
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines() or ["no reason given"]
        raise _Impossible(f"the packages could not be installed: {name}: {said[-1]}")
