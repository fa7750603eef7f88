"""A server that speaks MLflow's REST interface as a source: one of MLflow's, or one of ours."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Self
from urllib.parse import quote

import msgspec

from trueup.foundation.errors import BackendError, DeniedError
from trueup.lifecycle.runs.tracking import points
from trueup.lifecycle.runs.tracking.imports.database import logged_model_of
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
    STAGES,
    STATES,
    Unreachable,
    identity,
)
from trueup.lifecycle.runs.tracking.logged_models.records import ModelPoint
from trueup.lifecycle.runs.tracking.records import Life, Point, UsedDataset, UsedModel
from trueup.state.outbound import Outbound, shown

_PAGE: Final = 100  # as many runs as one question about metrics may name
_POINTS: Final = 25_000
_API: Final = "/api/2.0/mlflow"
_PAGES: Final = "/ajax-api/2.0/mlflow"
_MODEL_STATES: Final = {
    "LOGGED_MODEL_PENDING": "pending",
    "LOGGED_MODEL_READY": "ready",
    "LOGGED_MODEL_UPLOAD_FAILED": "failed",
}


class Server:
    """MLflow's server, asked with the log-in that its own client would use.

    Args:
        url: Its address.
    """

    counts_points = False

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        self._outbound = Outbound(seconds=120)
        self._keys: dict[str, list[str]] = {}
        token = os.environ.get("MLFLOW_TRACKING_TOKEN", "")
        user = os.environ.get("MLFLOW_TRACKING_USERNAME", "")
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._login = None
        if user and not token:
            self._login = (user, os.environ.get("MLFLOW_TRACKING_PASSWORD", ""))

    @property
    def shown(self) -> str:
        """Where it is."""
        return shown(self._url)

    def experiments(self) -> Iterator[SourceExperiment]:
        """All experiments."""
        asked = {"max_results": 1000, "view_type": "ALL"}
        for each in self._paged("POST", "/experiments/search", asked, "experiments"):
            yield SourceExperiment(
                id=str(each["experiment_id"]),
                name=each["name"],
                life=_life(each),
                created_at=_whole(each.get("creation_time")) or 0,
                updated_at=_whole(each.get("last_update_time")) or 0,
                files=each.get("artifact_location", ""),
                tags=_words(each.get("tags")),
            )

    def runs(self, experiment: str) -> Iterator[list[SourceRun]]:
        """The runs of an experiment."""
        asked = {
            "experiment_ids": [experiment],
            "run_view_type": "ALL",
            "max_results": _PAGE,
            "order_by": ["attribute.start_time ASC"],
        }
        some: list[SourceRun] = []
        for each in self._paged("POST", "/runs/search", asked, "runs"):
            some.append(self._run(each))
            if len(some) == _PAGE:
                yield some
                some = []
        if some:
            yield some

    def points(self, runs: Sequence[str]) -> Iterator[tuple[str, list[Point]]]:
        """The points of runs: a metric of many runs at once, where they are not too many."""
        at_once, long = self._short_histories(runs)
        for run in runs:
            for some in at_once.pop(run, {}).values():
                yield run, list(some.values())
            for key in long.get(run, ()):
                yield from self._long_history(run, key)

    def count_points(self, runs: Sequence[str]) -> int:
        """How many points runs have; reads them all."""
        return sum(len(some) for _, some in self.points(runs))

    def models(self, experiment: str) -> Iterator[list[SourceModel]]:
        """The logged models of an experiment; servers before 3.0 have none."""
        asked = {"experiment_ids": [experiment], "max_results": 100}
        some = [
            _model(experiment, each)
            for each in self._paged("POST", "/logged-models/search", asked, "models")
        ]
        if some:
            yield some

    def names(self) -> Iterator[SourceName]:
        """The registered names with their versions, prompts included."""
        versions: dict[str, list[SourceVersion]] = {}
        prompts = "tag.`mlflow.prompt.is_prompt` = 'true'"
        listed: list[dict[str, Any]] = []
        for filter_ in ("", prompts):
            asked = {"max_results": "1000", **({"filter": filter_} if filter_ else {})}
            path = "/registered-models/search"
            listed += self._paged("GET", path, asked, "registered_models")
        for each in {name["name"]: name for name in listed}.values():
            quoted = each["name"].replace("'", "''")
            asked = {"filter": f"name = '{quoted}'", "max_results": "10000"}
            found = list(self._paged("GET", "/model-versions/search", asked, "model_versions"))
            if each["name"] in versions:
                continue
            yield SourceName(
                name=each["name"],
                description=each.get("description", ""),
                created_at=_whole(each.get("creation_timestamp")) or 0,
                updated_at=_whole(each.get("last_updated_timestamp")) or 0,
                tags=_words(each.get("tags")),
                aliases={
                    alias["alias"]: int(alias["version"]) for alias in each.get("aliases", ())
                },
                versions=tuple(sorted(map(_version, found), key=lambda version: version.version)),
            )

    def files(self, owner: Owner) -> Iterable[SourceFile]:
        """The files of a run or logged model, as the server lists them."""
        waiting = [""]
        while waiting:
            folder = waiting.pop()
            for each in self._listed(owner, folder):
                if each.get("is_dir"):
                    waiting.append(each["path"])
                else:
                    yield SourceFile(each["path"], _whole(each.get("file_size")) or 0)

    def read(self, owner: Owner, path: str) -> Iterator[bytes]:
        """One file, as the server gives it out."""
        query = {"path": path, "run_uuid": owner.id, "run_id": owner.id}
        address = f"{self._url}/get-artifact"
        if owner.kind == "model":
            address = f"{self._url}{_PAGES}/logged-models/{quote(owner.id)}/artifacts/files"
            query = {"artifact_file_path": path}
        return self._outbound.pieces(address, headers=self._headers, query=query, login=self._login)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_raised: object) -> None:
        self._outbound.close()

    def _run(self, given: Mapping[str, Any]) -> SourceRun:
        info, data = given["info"], given.get("data", {})
        id_ = info.get("run_id") or info["run_uuid"]
        metrics = data.get("metrics", ())
        self._keys[id_] = [each["key"] for each in metrics]
        tags = _words(data.get("tags"))
        used = given.get("inputs", {})
        made = given.get("outputs", {}).get("model_outputs", ())
        models = [
            UsedModel(model=each["model_id"], way="input") for each in used.get("model_inputs", ())
        ] + [
            UsedModel(model=each["model_id"], way="output", step=_whole(each.get("step")) or 0)
            for each in made
        ]
        return SourceRun(
            id=id_,
            experiment=str(info["experiment_id"]),
            name=info.get("run_name") or tags.get("mlflow.runName", ""),
            user=info.get("user_id", ""),
            state=STATES.get(info.get("status", ""), "finished"),
            life=_life(info),
            started_at=_whole(info.get("start_time")) or 0,
            ended_at=_whole(info.get("end_time")),
            deleted_at=_whole(info.get("deleted_time")),
            files=info.get("artifact_uri", ""),
            stamp="\n".join(
                f"{m['key']} {m.get('step', 0)} {m.get('timestamp')} {m.get('value')}"
                for m in metrics
            ),
            params=_words(data.get("params")),
            tags=tags,
            datasets=tuple(_dataset(each) for each in used.get("dataset_inputs", ())),
            models=tuple(models),
        )

    def _short_histories(
        self, runs: Sequence[str]
    ) -> tuple[dict[str, dict[str, dict[object, Point]]], dict[str, list[str]]]:
        """Points by run and key, and the keys of each run of which there are too many."""
        having: dict[str, list[str]] = {}
        for run in runs:
            for key in self._keys.get(run, ()):
                having.setdefault(key, []).append(run)
        found: dict[str, dict[str, dict[object, Point]]] = {}
        long: dict[str, list[str]] = {}
        for key, some in having.items():
            if len(some) == 1:
                long.setdefault(some[0], []).append(key)
                continue
            query = [("run_id", run) for run in some]
            query += [("metric_key", key), ("max_results", str(_POINTS))]
            answer = self._asked("GET", "/metrics/get-history-bulk", query, base=_PAGES)
            given = answer.get("metrics", ())
            if len(given) >= _POINTS:
                for run in some:
                    long.setdefault(run, []).append(key)
                continue
            for each in given:
                point = _point(each)
                of_key = found.setdefault(each["run_id"], {}).setdefault(key, {})
                of_key[identity(point)] = point
        return found, long

    def _long_history(self, run: str, key: str) -> Iterator[tuple[str, list[Point]]]:
        query = {"run_id": run, "run_uuid": run, "metric_key": key, "max_results": str(_POINTS)}
        while True:
            answer = self._asked("GET", "/metrics/get-history", list(query.items()))
            points_ = {identity(point): point for point in map(_point, answer.get("metrics", ()))}
            if points_:
                yield run, list(points_.values())
            token = answer.get("next_page_token")
            if not token:
                return
            query["page_token"] = token

    def _listed(self, owner: Owner, folder: str) -> Iterator[dict[str, Any]]:
        if owner.kind == "model":
            path = f"/logged-models/{quote(owner.id)}/artifacts/directories"
            query = {"artifact_directory_path": folder} if folder else {}
        else:
            path = "/artifacts/list"
            query = {
                "run_id": owner.id,
                "run_uuid": owner.id,
                **({"path": folder} if folder else {}),
            }
        while True:
            answer = self._asked("GET", path, list(query.items()), may_fail=True)
            if "error_code" in answer:
                raise Unreachable(str(answer.get("message", answer["error_code"]))[:300])
            yield from answer.get("files", ())
            token = answer.get("next_page_token")
            if not token:
                return
            query["page_token"] = token

    def _paged(
        self, method: str, path: str, asked: Mapping[str, Any], field: str
    ) -> Iterator[dict[str, Any]]:
        given = dict(asked)
        while True:
            if method == "GET":
                answer = self._asked(method, path, list(given.items()), may_lack=True)
            else:
                answer = self._asked(method, path, given, may_lack=True)
            yield from answer.get(field, ())
            token = answer.get("next_page_token")
            if not token:
                return
            given["page_token"] = token

    def _asked(
        self,
        method: str,
        path: str,
        given: Mapping[str, Any] | Sequence[tuple[str, str]],
        *,
        base: str = _API,
        may_lack: bool = False,
        may_fail: bool = False,
    ) -> dict[str, Any]:
        address = f"{self._url}{base}{path}"
        if method == "GET":
            assert not isinstance(given, Mapping)
            words = "&".join(f"{quote(name)}={quote(value, safe='')}" for name, value in given)
            answer = self._outbound.request(
                "GET", f"{address}?{words}", headers=self._headers, login=self._login
            )
        else:
            answer = self._outbound.request(
                method, address, json=given, headers=self._headers, login=self._login
            )
        if answer.status in (401, 403):
            raise DeniedError(
                "mlflow-denied",
                f"{shown(address)} refuses: {_message(answer.body)}",
                hint="export MLFLOW_TRACKING_TOKEN=… or MLFLOW_TRACKING_USERNAME and _PASSWORD",
            )
        if answer.status == 404 and may_lack:
            return {}
        try:
            found = msgspec.json.decode(answer.body)
        except msgspec.DecodeError:
            found = None
        if not isinstance(found, dict) or (answer.status != 200 and not may_fail):
            raise BackendError(
                "mlflow-unreadable",
                f"{shown(address)} answers with {answer.status}: {_message(answer.body)}",
                hint=f"curl -i '{shown(address)}'",
            )
        return found


def _model(experiment: str, given: Mapping[str, Any]) -> SourceModel:
    info, data = given["info"], given.get("data", {})
    metrics = [_model_point(each) for each in data.get("metrics", ())]
    state = _MODEL_STATES.get(info.get("status", ""), "unspecified")
    return SourceModel(
        id=info["model_id"],
        experiment=experiment,
        name=info.get("name", ""),
        kind=info.get("model_type", ""),
        run=info.get("source_run_id", ""),
        state=next(each for each in MODEL_STATES if each == state),
        life="active",
        created_at=_whole(info.get("creation_timestamp_ms")) or 0,
        updated_at=_whole(info.get("last_updated_timestamp_ms")) or 0,
        files=info.get("artifact_uri", ""),
        params=_words(data.get("params")),
        tags=_words(info.get("tags")),
        metrics=tuple({identity(point): point for point in metrics}.values()),
    )


def _version(given: Mapping[str, Any]) -> SourceVersion:
    stage = given.get("current_stage", "")
    source = given.get("source", "")
    return SourceVersion(
        version=int(given["version"]),
        source=source,
        run=given.get("run_id", ""),
        logged_model=given.get("model_id") or logged_model_of(source),
        user=given.get("user_id", ""),
        run_link=given.get("run_link", ""),
        description=given.get("description", ""),
        stage=stage if stage in STAGES else "",
        created_at=_whole(given.get("creation_timestamp")) or 0,
        updated_at=_whole(given.get("last_updated_timestamp")) or 0,
        tags=_words(given.get("tags")),
    )


def _dataset(given: Mapping[str, Any]) -> UsedDataset:
    dataset = given["dataset"]
    return UsedDataset(
        name=dataset["name"],
        digest=dataset["digest"],
        source_type=dataset.get("source_type", ""),
        source=dataset.get("source", ""),
        schema=dataset.get("schema"),
        profile=dataset.get("profile"),
        tags=_words(given.get("tags")),
    )


def _point(given: Mapping[str, Any]) -> Point:
    step, at = _whole(given.get("step")) or 0, _whole(given.get("timestamp")) or 0
    return Point(given["key"], _value(given.get("value", 0.0)), step, at)


def _model_point(given: Mapping[str, Any]) -> ModelPoint:
    plain = _point(given)
    about = (
        given.get("run_id", ""),
        given.get("dataset_name", ""),
        given.get("dataset_digest", ""),
    )
    return ModelPoint(*plain, *about)


def _value(said: Any) -> float:
    value = float(said)  # "NaN" and "Infinity" are texts on the wire
    return value if math.isnan(value) else points.held(value)


def _words(given: Any) -> dict[str, str]:
    return {each["key"]: each.get("value", "") for each in given or ()}


def _life(given: Mapping[str, Any]) -> Life:
    return "deleted" if given.get("lifecycle_stage") == "deleted" else "active"


def _whole(value: Any) -> int | None:
    return None if value is None else int(value)


def _message(body: bytes) -> str:
    try:
        said = msgspec.json.decode(body)
    except msgspec.DecodeError:
        said = None
    return str(said.get("message", ""))[:300] if isinstance(said, dict) else "no JSON."
