"""The nouns of a source, as MLflow keeps them. Times are whole milliseconds since 1970."""

from __future__ import annotations

from typing import NamedTuple

from trueup.foundation.records import Record
from trueup.lifecycle.runs.tracking.logged_models.records import ModelPoint, ModelState
from trueup.lifecycle.runs.tracking.records import Life, Point, State, UsedDataset, UsedModel


class SourceExperiment(Record):
    """An experiment there; `id` is a text, `files` where its files are."""

    id: str
    name: str
    life: Life
    created_at: int
    updated_at: int
    files: str = ""
    tags: dict[str, str] = {}


class SourceRun(Record):
    """A run there.

    Attributes:
        id: Kept here.
        experiment: Identifier of its experiment there.
        name: For people.
        user: Who ran it.
        state: As it was told.
        life: Deleted ones are taken, too.
        started_at: When it began.
        ended_at: When it ended.
        deleted_at: When it was deleted.
        files: Where its files are, as a URI.
        stamp: Changes when its points change, as far as the source can tell cheaply.
        params: All.
        tags: All.
        datasets: What it read.
        models: Models that it read or made.
    """

    id: str
    experiment: str
    name: str
    user: str
    state: State
    life: Life
    started_at: int
    ended_at: int | None
    deleted_at: int | None
    files: str
    stamp: str
    params: dict[str, str] = {}
    tags: dict[str, str] = {}
    datasets: tuple[UsedDataset, ...] = ()
    models: tuple[UsedModel, ...] = ()


class SourceModel(Record):
    """A logged model there; `experiment` as in `SourceRun`."""

    id: str
    experiment: str
    name: str
    kind: str
    run: str
    state: ModelState
    life: Life
    created_at: int
    updated_at: int
    files: str
    params: dict[str, str] = {}
    tags: dict[str, str] = {}
    metrics: tuple[ModelPoint, ...] = ()


class SourceVersion(Record):
    """A version of a registered name there.

    Attributes:
        version: Its number, kept here.
        source: The URI that was registered.
        run: Identifier of its run; empty when unknown.
        logged_model: Identifier of its logged model; empty for none.
        user: Who registered it.
        run_link: Address of its run elsewhere.
        description: Words about it.
        stage: `Staging`, `Production`, `Archived` or empty.
        created_at: When it was registered.
        updated_at: When it was changed last.
        tags: Words about it.
    """

    version: int
    source: str
    run: str
    logged_model: str
    user: str
    run_link: str
    description: str
    stage: str
    created_at: int
    updated_at: int
    tags: dict[str, str] = {}


class SourceName(Record):
    """A registered name there, with its versions by number and what its aliases point at."""

    name: str
    description: str
    created_at: int
    updated_at: int
    tags: dict[str, str] = {}
    aliases: dict[str, int] = {}
    versions: tuple[SourceVersion, ...] = ()


class SourceFile(NamedTuple):
    """A file below a run or logged model: its path, its size, when it changed if that is known."""

    path: str
    size: int
    changed: int = 0


class Parcel(NamedTuple):
    """A run to be taken, or the next points of one.

    Attributes:
        run: The run.
        experiment: Number of its experiment here.
        points: Some of its points.
        mark: What the source says of it now; empty while more points of it come.
        total: How many points it has in all, once known.
    """

    run: SourceRun
    experiment: int
    points: list[Point]
    mark: str = ""
    total: int = 0


class Owner(NamedTuple):
    """What files belong to.

    Attributes:
        kind: `run` or `model`.
        id: Its identifier.
        experiment: Identifier of its experiment there.
        uri: Where the source says that its files are.
        is_deleted: Whether it was deleted.
    """

    kind: str
    id: str
    experiment: str
    uri: str
    is_deleted: bool = False


class Counts(Record):
    """How many there are of each kind.

    Attributes:
        experiments: Deleted ones included, as everywhere here.
        experiment_tags: On them.
        runs: All.
        params: Of runs.
        tags: Of runs.
        points: Of metrics of runs; equal ones are one.
        datasets: Uses of datasets by runs.
        used_models: Uses of logged models by runs.
        files: Below runs and logged models.
        bytes: Of those files.
        logged_models: All.
        model_words: Parameters and tags of logged models.
        model_points: Of metrics of logged models.
        names: Registered names.
        name_tags: On them.
        versions: Of registered names.
        version_tags: On them.
        aliases: Of registered names.
        stages: Versions that are in one.
    """

    experiments: int = 0
    experiment_tags: int = 0
    runs: int = 0
    params: int = 0
    tags: int = 0
    points: int = 0
    datasets: int = 0
    used_models: int = 0
    files: int = 0
    bytes: int = 0
    logged_models: int = 0
    model_words: int = 0
    model_points: int = 0
    names: int = 0
    name_tags: int = 0
    versions: int = 0
    version_tags: int = 0
    aliases: int = 0
    stages: int = 0
