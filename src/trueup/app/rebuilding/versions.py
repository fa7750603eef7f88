"""Rebuilding a version from its record: code from the commit, values from the store.

Models that were trained once for a change are found again by version and change, as steps are.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from trueup.app.rebuilding.training import Made, Order
from trueup.foundation import clock, digests
from trueup.foundation.actor import Actor
from trueup.foundation.errors import TrueupError
from trueup.foundation.records import builtins, decode, encode
from trueup.lifecycle.data.service import Datasets
from trueup.lifecycle.gates.rebuilding import Change, Code, NotHereError, Retrained
from trueup.lifecycle.models import answers
from trueup.lifecycle.models.leave import Leave
from trueup.lifecycle.models.records import ModelVersion
from trueup.lifecycle.models.service import load_file
from trueup.lifecycle.pipeline import secrets
from trueup.lifecycle.pipeline import table as cache
from trueup.lifecycle.pipeline.code import capturing, packages
from trueup.lifecycle.pipeline.passing import values
from trueup.lifecycle.pipeline.records import CacheEntry, Components, StoredValue
from trueup.lifecycle.runs.service import Runs
from trueup.state.unit import State

_LONGEST: Final = 3600.0
_LATER_DETAIL: Final = 300


class Rebuilding:
    """Rebuilds versions of one project.

    Args:
        state: Where their records are.
        root: The project's folder, in whose repository their commits are.
        home: The folder of its secrets.
    """

    def __init__(self, state: State, root: Path, home: Path) -> None:
        self._state = state
        self._root = root
        self._home = home

    def of(self, actor: Actor, version: ModelVersion, allowed: Leave) -> VersionRebuild:
        """What rebuilds one version for whoever asks."""
        return VersionRebuild(self._state, self._root, self._home, actor, version, allowed)


class VersionRebuild:
    """Rebuilds one version. See `lifecycle.gates.rebuilding.Rebuild`."""

    def __init__(
        self,
        state: State,
        root: Path,
        home: Path,
        actor: Actor,
        version: ModelVersion,
        allowed: Leave,
    ) -> None:
        self._actor = actor
        self._state = state
        self._blobs = state.blobs
        self._root = root
        self._home = home
        self._version = version
        self._allowed = allowed

    def train(self, changes: Sequence[Change]) -> list[Retrained]:
        """Train once for each change; what was trained before is not trained again."""
        keys = [self._key(change) for change in changes]
        with self._state.read(self._actor) as connection:
            known = cache.entries(connection, keys)
        known = {k: e for k, e in known.items() if values.is_present(self._blobs, e.outputs)}
        new = [(k, change) for k, change in zip(keys, changes, strict=True) if k not in known]
        made: dict[str, Made] = {}
        if new:
            found = self._trained([change for _, change in new])
            made = {key: each for (key, _), each in zip(new, found, strict=True)}
            self._keep(new, made)
        return [
            self._loaded(Made(model=known[key].outputs, seconds=known[key].seconds))
            if key in known
            else self._loaded(made[key])
            for key in keys
        ]

    @contextmanager
    def code(self) -> Iterator[Code]:
        """The code of the version, in a folder that goes with the block."""
        manifest = self._version.manifest
        if manifest.foreign is not None:
            raise NotHereError(f"a client registered {self._version.ref}: its code is not known")
        if not manifest.source or not self._blobs.has(manifest.source):
            raise NotHereError(f"the run of {self._version.ref} kept no record of its code")
        with tempfile.TemporaryDirectory(prefix="trueup-rebuild-") as folder:
            try:
                code = capturing.read(self._blobs, manifest.source)
                repository = Path(folder) / "repository"
                root = capturing.restore(self._blobs, code, self._root, repository)
                imports = Path(folder) / "imports"
                imports.mkdir()
                capturing.restore_outside(self._blobs, code, imports)
            except TrueupError as error:
                raise NotHereError(error.message) from error
            yield Code(root, imports, code.commit, bool(code.diff), self._root)

    def _trained(self, changes: Sequence[Change]) -> tuple[Made, ...]:
        manifest = self._version.manifest
        with self.code() as code:
            try:
                steps = Runs(self._state).show(self._actor, manifest.run).steps
                datasets = Datasets(self._state)
                order = Order(
                    root=os.fspath(code.root),
                    pipeline=manifest.pipeline,
                    parameters=manifest.parameters,
                    run=manifest.run,
                    blobs=self._blobs.url,
                    data={n: datasets.show(self._actor, n, d) for n, d in manifest.data.items()},
                    outputs={s.step: s.outputs for s in steps if s.outputs is not None},
                    changes=tuple(changes),
                )
            except TrueupError as error:
                raise NotHereError(error.message) from error
            return self._ordered(order, code)

    def _ordered(self, order: Order, code: Code) -> tuple[Made, ...]:
        kept = {n: v for n, v in os.environ.items() if not n.startswith(("TRUEUP_", "GIT_"))}
        known = secrets.known(self._home)
        kept |= {f"{secrets.VARIABLE}{name}": value for name, value in known.items()}
        paths = os.pathsep.join([str(code.imports), *(entry for entry in sys.path if entry)])
        try:
            done = subprocess.run(
                [sys.executable, "-m", "trueup.app.rebuilding.training"],
                input=encode(order),
                capture_output=True,
                check=False,
                timeout=_LONGEST,
                cwd=code.root,
                env={**kept, "PYTHONPATH": paths, "PYTHONSAFEPATH": "1"},
            )
            return decode(done.stdout.strip().splitlines()[-1], tuple[Made, ...])
        except subprocess.TimeoutExpired:
            raise NotHereError(f"training did not end within {_LONGEST:g} s") from None
        except (msgspec.MsgspecError, IndexError):
            said = done.stderr.decode(errors="replace").strip()
            said = secrets.masked(said, secrets.words(known))[-_LATER_DETAIL:]
            raise NotHereError(f"the process that trained ended: {said}") from None

    def _loaded(self, made: Made) -> Retrained:
        if made.model is None or made.model.kind != "model":
            return Retrained(None, trouble=made.trouble or "the step returned no model")
        stored = made.model
        predict = load_file(self._blobs, stored.format, stored.digest, self._allowed)
        shaped = answers.Shaped(predict, self._version.manifest.signature)
        return Retrained(shaped, stored.digest, seconds=made.seconds)

    def _key(self, change: Change) -> str:
        return digests.of_record(
            {
                "version": self._version.digest,
                "change": builtins(change),
                "packages": packages.environment(self._root).packages,
            }
        )

    def _keep(self, new: Sequence[tuple[str, Change]], made: dict[str, Made]) -> None:
        manifest = self._version.manifest
        entries = [
            CacheEntry(
                key=key,
                step=f"{manifest.pipeline} (trained again)",
                run=manifest.run,
                outputs=model,
                components=Components(
                    step=manifest.pipeline,
                    code=manifest.code,
                    parts={},
                    parameters=builtins(change),
                    inputs=manifest.data,
                    python=packages.python(),
                    packages={},
                ),
                seconds=made[key].seconds,
                created_at=clock.now(),
            )
            for key, change in new
            if (model := _model(made[key])) is not None
        ]
        with self._state.database.writing() as connection:
            cache.keep_many(connection, entries)


def _model(made: Made) -> StoredValue | None:
    return made.model
