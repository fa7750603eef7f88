"""An `mlruns` folder of MLflow's as a source: one small file per tag, parameter and metric."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, Self

import yaml

from trueup.foundation.errors import UsageError
from trueup.lifecycle.runs.tracking import points
from trueup.lifecycle.runs.tracking.imports.database import logged_model_of
from trueup.lifecycle.runs.tracking.imports.places import Places
from trueup.lifecycle.runs.tracking.imports.records import (
    Owner,
    SourceExperiment,
    SourceFile,
    SourceModel,
    SourceName,
    SourceRun,
    SourceVersion,
)
from trueup.lifecycle.runs.tracking.imports.source import (
    MODEL_STATES,
    NUMBERED,
    STAGES,
    STATES,
    identity,
)
from trueup.lifecycle.runs.tracking.logged_models.records import ModelPoint
from trueup.lifecycle.runs.tracking.records import Life, Point, State, UsedDataset, UsedModel

_META: Final = "meta.yaml"
_TRASH: Final = ".trash"
_NO_RUNS: Final = frozenset({"tags", "datasets", "traces", "models", ".trash"})
_PAGE: Final = 200
_POINTS: Final = 20_000


class Folder:
    """MLflow's folder of files.

    Args:
        path: The folder `mlruns`.
        places: Where files of runs lie.

    Raises:
        UsageError: It is no such folder.
    """

    counts_points = False

    def __init__(self, path: Path, places: Places) -> None:
        self.path = path.resolve()
        self._places = places
        self._experiments = {
            place.name: place
            for above in (self.path, self.path / _TRASH)
            for place in _folders(above)
            if (place / _META).is_file() and place.name != "models"
        }
        self._names = sorted(_folders(self.path / "models"))
        self._found: dict[str, Path] = {}
        if not self._experiments and not self._names:
            raise UsageError(
                "mlflow-no-database",
                f"'{path}' is no folder of MLflow's: no folder in it has a {_META}.",
                hint="trueup import mlflow ./mlruns",
            )

    @property
    def shown(self) -> str:
        """Where it is."""
        return f"file://{self.path}"

    def experiments(self) -> Iterator[SourceExperiment]:
        """All experiments, those in the trash included."""
        for id_, place in sorted(self._experiments.items()):
            meta = _read(place / _META)
            gone = place.parent.name == _TRASH
            yield SourceExperiment(
                id=id_,
                name=str(meta.get("name", id_)),
                life="deleted" if gone else _life(meta),
                created_at=_whole(meta.get("creation_time")) or 0,
                updated_at=_whole(meta.get("last_update_time")) or 0,
                files=str(meta.get("artifact_location") or ""),
                tags=_words(place / "tags"),
            )

    def runs(self, experiment: str) -> Iterator[list[SourceRun]]:
        """The runs of an experiment."""
        place = self._experiments[experiment]
        some: list[SourceRun] = []
        for each in sorted(_folders(place)):
            if each.name in _NO_RUNS or not (each / _META).is_file():
                continue
            self._found[each.name] = each
            some.append(self._run(experiment, place, each))
            if len(some) == _PAGE:
                yield some
                some = []
        if some:
            yield some

    def points(self, runs: Sequence[str]) -> Iterator[tuple[str, list[Point]]]:
        """The points of runs; MLflow repeats some, which are one here."""
        for run in runs:
            for key, file in _below(self._found[run] / "metrics"):
                found = {identity(point): point for point in _points(key, file)}
                listed = list(found.values())
                for start in range(0, len(listed), _POINTS):
                    yield run, listed[start : start + _POINTS]

    def count_points(self, runs: Sequence[str]) -> int:
        """How many points runs have."""
        return sum(len(some) for _, some in self.points(runs))

    def models(self, experiment: str) -> Iterator[list[SourceModel]]:
        """The logged models of an experiment."""
        some = [
            self._model(experiment, place)
            for place in sorted(_folders(self._experiments[experiment] / "models"))
            if (place / _META).is_file()
        ]
        if some:
            yield some

    def names(self) -> Iterator[SourceName]:
        """The registered names with their versions."""
        for place in self._names:
            if not (place / _META).is_file():
                continue
            meta = _read(place / _META)
            versions = [
                _version(each) for each in _folders(place) if each.name.startswith("version-")
            ]
            aliases = {alias: _whole(number) for alias, number in _words(place / "aliases").items()}
            yield SourceName(
                name=str(meta.get("name", place.name)),
                description=str(meta.get("description") or ""),
                created_at=_whole(meta.get("creation_timestamp")) or 0,
                updated_at=_whole(meta.get("last_updated_timestamp")) or 0,
                tags=_words(place / "tags"),
                aliases={alias: number for alias, number in aliases.items() if number},
                versions=tuple(sorted(versions, key=lambda version: version.version)),
            )

    def files(self, owner: Owner) -> Iterable[SourceFile]:
        """The files of a run or logged model."""
        return self._places.files(self._here(owner))

    def read(self, owner: Owner, path: str) -> Path:
        """Where one file lies."""
        return self._places.file(self._here(owner), path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_raised: object) -> None:
        self._found.clear()

    def _here(self, owner: Owner) -> Owner:
        """Files beside the run itself come first: the folder may have been moved as a whole."""
        place = self._experiments[owner.experiment]
        inside = place / "models" / owner.id if owner.kind == "model" else place / owner.id
        if (inside / "artifacts").is_dir():
            return owner._replace(uri=str(inside / "artifacts"))
        return owner

    def _run(self, experiment: str, group: Path, place: Path) -> SourceRun:
        meta = _read(place / _META)
        datasets, models = _inputs(group, place)
        sizes = [f"{key} {file.stat().st_size}" for key, file in _below(place / "metrics")]
        tags = _words(place / "tags")
        return SourceRun(
            id=place.name,
            experiment=experiment,
            name=str(meta.get("run_name") or tags.get("mlflow.runName", "")),
            user=str(meta.get("user_id") or ""),
            state=_state(meta.get("status")),
            life="deleted" if group.parent.name == _TRASH else _life(meta),
            started_at=_whole(meta.get("start_time")) or 0,
            ended_at=_whole(meta.get("end_time")),
            deleted_at=_whole(meta.get("deleted_time")),
            files=str(meta.get("artifact_uri") or ""),
            stamp="\n".join(sizes),
            params=_words(place / "params"),
            tags=tags,
            datasets=tuple(datasets),
            models=tuple(models),
        )

    def _model(self, experiment: str, place: Path) -> SourceModel:
        meta = _read(place / _META)
        metrics = {
            identity(point): point
            for key, file in _below(place / "metrics")
            for point in _model_points(key, file)
        }
        state = _whole(meta.get("status")) or 0
        return SourceModel(
            id=place.name,
            experiment=experiment,
            name=str(meta.get("name") or ""),
            kind=str(meta.get("model_type") or ""),
            run=str(meta.get("source_run_id") or ""),
            state=MODEL_STATES[state if state in range(len(MODEL_STATES)) else 0],
            life=_life(meta),
            created_at=_whole(meta.get("creation_timestamp")) or 0,
            updated_at=_whole(meta.get("last_updated_timestamp")) or 0,
            files=str(meta.get("artifact_location") or ""),
            params=_words(place / "params"),
            tags=_words(place / "tags"),
            metrics=tuple(metrics.values()),
        )


def _inputs(group: Path, place: Path) -> tuple[list[UsedDataset], list[UsedModel]]:
    datasets: list[UsedDataset] = []
    models: list[UsedModel] = []
    for each in sorted(_folders(place / "inputs")):
        meta = _read(each / _META)
        source = str(meta.get("source_id") or "")
        if meta.get("source_type") != "DATASET":
            models.append(UsedModel(model=source or each.name, way="input"))
            continue
        dataset = _read(group / "datasets" / Path(source).name / _META)
        used = UsedDataset(
            name=str(dataset.get("name") or ""),
            digest=str(dataset.get("digest") or ""),
            source_type=str(dataset.get("source_type") or ""),
            source=str(dataset.get("source") or ""),
            schema=dataset.get("schema"),
            profile=dataset.get("profile"),
            tags={str(key): str(value) for key, value in (meta.get("tags") or {}).items()},
        )
        datasets.append(used)
    for each in sorted(_folders(place / "outputs")):
        step = _whole(_read(each / _META).get("step")) or 0
        models.append(UsedModel(model=each.name, way="output", step=step))
    return datasets, models


def _version(place: Path) -> SourceVersion:
    meta = _read(place / _META)
    source = str(meta.get("source") or "")
    stage = str(meta.get("current_stage") or "")
    return SourceVersion(
        version=_whole(meta.get("version")) or int(place.name.removeprefix("version-")),
        source=source,
        run=str(meta.get("run_id") or ""),
        logged_model=str(meta.get("model_id") or "") or logged_model_of(source),
        user=str(meta.get("user_id") or ""),
        run_link=str(meta.get("run_link") or ""),
        description=str(meta.get("description") or ""),
        stage=stage if stage in STAGES else "",
        created_at=_whole(meta.get("creation_timestamp")) or 0,
        updated_at=_whole(meta.get("last_updated_timestamp")) or 0,
        tags=_words(place / "tags"),
    )


def _points(key: str, file: Path) -> Iterator[Point]:
    """Lines of time, value and step; old ones have no step."""
    for line in file.read_text("utf-8").splitlines():
        parts = line.split()
        if len(parts) >= 2:
            step = int(parts[2]) if len(parts) > 2 else 0
            yield Point(key, points.held(float(parts[1])), step, int(parts[0]))


def _model_points(key: str, file: Path) -> Iterator[ModelPoint]:
    """Lines of time, value, step, run, and perhaps name and digest of a dataset."""
    for line in file.read_text("utf-8").splitlines():
        parts = [*line.split(), "", "", ""]
        if len(parts) >= 6:
            at, value, step, run, dataset, digest = parts[:6]
            held = points.held(float(value))
            yield ModelPoint(key, held, int(step), int(at), run, dataset, digest)


def _folders(place: Path) -> list[Path]:
    try:
        with os.scandir(place) as found:
            return [Path(each.path) for each in found if each.is_dir(follow_symlinks=False)]
    except (FileNotFoundError, NotADirectoryError):
        return []


def _below(place: Path) -> Iterator[tuple[str, Path]]:
    """The files below a folder, by the name that their paths spell."""
    for where, folders, names in os.walk(place):
        folders.sort()
        for name in sorted(names):
            file = Path(where, name)
            if file.is_file() and not file.is_symlink():
                yield file.relative_to(place).as_posix(), file


def _words(place: Path) -> dict[str, str]:
    # Bytes: reading as text would turn \r\n into \n.
    return {key: file.read_bytes().decode("utf-8", "replace") for key, file in _below(place)}


def _read(file: Path) -> dict[str, Any]:
    try:
        found = yaml.safe_load(file.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
        raise UsageError(
            "mlflow-unreadable",
            f"'{file}' cannot be read: {str(error).splitlines()[0]}.",
            hint="mend or remove the file, then run the same command again",
        ) from error
    return found if isinstance(found, dict) else {}


def _state(value: Any) -> State:
    if isinstance(value, int) and value in range(len(NUMBERED)):
        return NUMBERED[value]
    return STATES.get(str(value), "finished")


def _life(meta: dict[str, Any]) -> Life:
    return "deleted" if meta.get("lifecycle_stage") == "deleted" else "active"


def _whole(value: Any) -> int | None:
    try:
        return None if value is None else int(value)
    except (TypeError, ValueError):
        return None
