"""The verbs of the model registry."""

from __future__ import annotations

import io
from typing import Final

import polars as pl
import sqlalchemy as sa

from trueup.foundation import digests
from trueup.foundation.actor import Actor
from trueup.foundation.errors import (
    BackendError,
    NotFoundError,
    TrueupError,
    UsageError,
    UserCodeError,
)
from trueup.foundation.records import builtins, decode, encode
from trueup.foundation.text import did_you_mean
from trueup.lifecycle.models import answers, golden, leave, rules, table
from trueup.lifecycle.models.contents.containers import danger_in
from trueup.lifecycle.models.leave import Leave
from trueup.lifecycle.models.records import Manifest, ModelVersion, Reference, Signature
from trueup.lifecycle.models.usable import quarantined
from trueup.lifecycle.runs import table as runs
from trueup.lifecycle.runs.features import table as feature_table
from trueup.lifecycle.runs.records import Run
from trueup.ports.blobs import Blobs
from trueup.ports.format import Predictor, Scores
from trueup.ports.loading import load as load_backend
from trueup.state.unit import State

COMMIT: Final = "commit:"


class Models:
    """Versions of models, and the aliases that point at them."""

    def __init__(self, state: State) -> None:
        self._state = state

    def register(self, actor: Actor, run_id: str) -> ModelVersion:
        """Make the candidate of a finished run a version.

        The same run, or another that made the same of the same, gives the version there is.

        Raises:
            NotFoundError: There is no such run.
            UsageError: The run is not finished or has no candidate.
        """
        with self._state.read(actor) as connection:
            found = runs.run(connection, run_id)
            known = made_by(connection, found) if found else None
            features = feature_table.of_run(connection, run_id)
            allowed = leave.of_model(connection, found.model) if found else leave.NEVER
        if known is not None:
            return known
        run = _finished(found, run_id)
        manifest = self._manifest(run, features, allowed)
        digest = rules.address(manifest)
        with self._state.write(actor, "models.write") as unit:
            meanwhile = made_by(unit.connection, run)
            if meanwhile is not None:
                return meanwhile
            if not table.is_registered(unit.connection, manifest.model):
                unit.emit("model.created", f"model:{manifest.model}", data={"kind": "model"})
            version = ModelVersion(
                model=manifest.model,
                version=table.next_number(unit.connection, manifest.model, unit.at),
                digest=digest,
                manifest=manifest,
                registered_by=actor.name,
                registered_at=unit.at,
            )
            unit.execute(
                table.model_versions.insert().values(
                    model=version.model,
                    version=version.version,
                    digest=digest,
                    run=run_id,
                    manifest=builtins(manifest),
                    registered_by=actor.name,
                    registered_at=unit.at,
                    updated_at=unit.at,
                    source=f"trueup:{version.ref}",
                    location=f"trueup:{version.ref}",
                )
            )
            unit.emit(
                "model-version.registered",
                version.ref,
                after=digest,
                data={"run": run_id, "file": manifest.file, "format": manifest.format},
            )
            return version

    def names(self, actor: Actor) -> list[str]:
        """All registered models."""
        with self._state.read(actor) as connection:
            return table.models(connection)

    def versions(self, actor: Actor, model: str) -> list[ModelVersion]:
        """All versions of a model, newest first."""
        with self._state.read(actor) as connection:
            return table.versions(connection, model)

    def aliases(self, actor: Actor, model: str) -> dict[str, int]:
        """All aliases of a model and the versions they point at."""
        with self._state.read(actor) as connection:
            return table.aliases_of(connection, model)

    def show(self, actor: Actor, model: str, selector: str = "") -> ModelVersion:
        """One version, by number, alias or `commit:SHA`; the newest without a selector.

        Raises:
            NotFoundError: There is no such version.
        """
        with self._state.read(actor) as connection:
            return find(connection, model, selector)

    def _manifest(self, run: Run, features: dict[str, str], allowed: Leave) -> Manifest:
        candidate = run.candidate
        if candidate is None:
            raise UsageError(
                "run-without-candidate",
                f"Run {run.id} of pipeline '{run.pipeline}' made no candidate.",
                hint="end the pipeline function with: return candidate(model, ...)",
            )
        blobs = self._state.blobs
        trained_on = read_rows(blobs, candidate.trained_on.digest)
        holdout = read_rows(blobs, candidate.holdout.digest)
        signature = rules.signature_of(trained_on, candidate.label, candidate.question)
        predict = load_file(blobs, candidate.model.format, candidate.model.digest, allowed)
        given = _answers(run, predict, holdout, signature)
        question = answers.question_of(
            candidate.question, trained_on[candidate.label], given.shape[1] if given.ndim > 1 else 1
        )
        signature = rules.signature_of(trained_on, candidate.label, question)
        scores = answers.as_said(given, signature)
        reference = rules.reference_of(trained_on, signature, scores)
        return Manifest(
            model=run.model,
            format=candidate.model.format,
            file=candidate.model.digest,
            signature=signature,
            reference=blobs.put(encode(reference)),
            holdout=candidate.holdout.digest,
            trained_on=candidate.trained_on.digest,
            label=candidate.label,
            run=run.id,
            pipeline=run.pipeline,
            parameters=run.parameters,
            data=run.data,
            code=run.code,
            commit=run.commit,
            environment=run.environment,
            features=features,
            source=run.source,
            golden=golden.keep(blobs, rules.conform(holdout, signature), scores),
        )


def load_predictor(blobs: Blobs, manifest: Manifest, allowed: Leave = leave.NEVER) -> Predictor:
    """Load the model of a version, to answer as its signature says; see `load_file`."""
    found = load_file(blobs, manifest.format, manifest.file, allowed)
    return answers.Shaped(found, manifest.signature)


def load_file(
    blobs: Blobs, format_: str, file: str, allowed: Leave = leave.NEVER, *, keep: bool = True
) -> Predictor:
    """Load a model file; code in it runs by leave of the plan only. `blobs.get` checks its digest.

    Args:
        blobs: Where it is.
        format_: Of the file.
        file: Its digest.
        allowed: Whether code in it may run.
        keep: Whether it stays loaded for whoever asks next. Servers see to that themselves.

    Raises:
        DeniedError: The file names types that are not known to be safe, or is code without leave.
        UserCodeError: The code in it failed.
        BackendError: The file is damaged.
    """
    allowed.check(format_)
    raw = blobs.get(file)
    if not keep:
        return _build(format_, file, raw)
    # A candidate is loaded to be registered, to be judged and to be beaten: it is built once.
    known = _built.get((format_, file)) or _build(format_, file, raw)
    _built[format_, file] = known
    while len(_built) > _MOST_BUILT:
        del _built[next(iter(_built))]
    return known


_MOST_BUILT: Final = 4
_built: dict[tuple[str, str], Predictor] = {}


def _build(format_: str, file: str, raw: bytes) -> Predictor:
    danger = danger_in(io.BytesIO(raw))
    if danger:
        raise quarantined(f"The model file {digests.short(file)}", f"it {danger}")
    backend = load_backend("formats", format_)()
    try:
        predictor: Predictor = backend.predictor(backend.load(raw))
    except (TrueupError, MemoryError):
        raise
    except Exception as error:  # a damaged file may break its reader in any way
        raise BackendError(
            "model-unreadable",
            f"The model file {digests.short(file)} is no readable {format_} file: {error}.",
            hint="train and register the model again",
        ) from error
    return predictor


def check_answers(
    blobs: Blobs, version: ModelVersion, signature: Signature, rows: pl.DataFrame
) -> None:
    """Refuse a signature with which a model cannot be asked.

    Raises:
        UserCodeError: It cannot answer these rows.
    """
    manifest = version.manifest
    predict = load_file(blobs, manifest.format, manifest.file)
    try:
        answers.as_said(predict(rules.conform(rows, signature)), signature)
    except TrueupError:
        raise
    except Exception as error:  # a library of models may fail in any way
        raise UserCodeError(
            "candidate-cannot-answer",
            f"{version.ref} cannot answer the example rows: {' '.join(str(error).split())[:300]}",
            hint=f"trueup model show {version.ref}",
        ) from error


def reference_of(blobs: Blobs, version: ModelVersion) -> Reference:
    """What the version's training rows looked like."""
    return decode(blobs.get(version.manifest.reference), Reference)


def read_rows(blobs: Blobs, digest: str) -> pl.DataFrame:
    """The rows of a stored frame, checked against their digest."""
    return pl.read_parquet(io.BytesIO(blobs.get(digest)))


def find(connection: sa.Connection, model: str, selector: str = "") -> ModelVersion:
    """One version, inside a transaction of the caller's.

    Raises:
        NotFoundError: There is no such model, version or alias.
    """
    if not selector:
        found = table.latest(connection, model)
    elif selector.isdecimal():
        found = table.version(connection, model, int(selector))
    elif selector.startswith(COMMIT):
        found = _of_commit(connection, model, selector.removeprefix(COMMIT))
    else:
        number = table.alias(connection, model, selector)
        found = None if number is None else table.version(connection, model, number)
    if found is None:
        known = [*table.models(connection)]
        wanted = f"{model}@{selector}" if selector else model
        raise NotFoundError(
            "model-not-found",
            f"There is no model version '{wanted}'."
            + (did_you_mean(model, known) if model not in known else ""),
            hint=f"trueup model show {model}" if model in known else "trueup model list",
            context={"name": model[:300], **({"version": selector} if selector else {})},
        )
    return found


def made_by(connection: sa.Connection, run: Run) -> ModelVersion | None:
    """The version that a run made, or that was there when it made the same once more."""
    if known := table.of_run(connection, run.id):
        return known[-1]
    features = feature_table.of_run(connection, run.id)
    versions = table.versions(connection, run.model) if run.candidate else []
    return next((v for v in versions if rules.is_made_of(v.manifest, run, features)), None)


def remade_by(connection: sa.Connection, version: ModelVersion, limit: int) -> list[Run]:
    """The newest runs that made once more what a version held already."""
    made = version.manifest
    offering = runs.offering(connection, made.model, made.file, limit) if made.pipeline else []
    return [
        run
        for run in offering
        if run.id != made.run
        and rules.is_made_of(made, run, feature_table.of_run(connection, run.id))
    ]


def _of_commit(connection: sa.Connection, model: str, commit: str) -> ModelVersion | None:
    """The version that the newest run of a commit made; the commit may be abbreviated."""
    run = runs.newest_of_commit(connection, model, commit)
    return made_by(connection, run) if run else None


def _answers(run: Run, predict: Predictor, holdout: pl.DataFrame, signature: Signature) -> Scores:
    try:
        return predict(rules.conform(holdout, signature))
    except Exception as error:
        raise UserCodeError(
            "candidate-cannot-answer",
            f"The model of run {run.id} cannot answer its own holdout rows: "
            f"{' '.join(str(error).split())[:300]}",
            hint="give trained_on and holdout the columns that the model was fitted on, in that "
            "order, and the label",
        ) from error


def _finished(run: Run | None, run_id: str) -> Run:
    if run is None:
        raise NotFoundError(
            "run-not-found", f"There is no run '{run_id}'.", hint="trueup runs list"
        )
    if run.state != "finished":
        raise UsageError(
            "run-not-finished",
            f"Run {run_id} is {run.state}; only a finished run can be registered.",
            hint=f"trueup run {run.pipeline}",
        )
    return run
