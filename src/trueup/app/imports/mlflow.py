"""Taking over what MLflow keeps, piece by piece, and counting afterwards what is here of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from trueup.app.wiring import Workspace
from trueup.foundation import digests
from trueup.foundation.actor import Actor
from trueup.foundation.errors import NotFoundError, UsageError
from trueup.foundation.records import Record
from trueup.foundation.text import did_you_mean
from trueup.lifecycle.runs.tracking.files import rules as paths
from trueup.lifecycle.runs.tracking.imports.records import (
    Counts,
    Owner,
    Parcel,
    SourceExperiment,
    SourceFile,
    SourceRun,
)
from trueup.lifecycle.runs.tracking.imports.service import source_id
from trueup.lifecycle.runs.tracking.imports.source import Source, Unreachable, identity

_RUNS: Final = 200
_POINTS: Final = 20_000
_FILES: Final = 500
_BYTES: Final = 64 << 20

Progress = Callable[["Counts"], None]


class NotTaken(Record):
    """Something that stays behind, and why."""

    what: str
    why: str


class Imported(Record):
    """What an import did.

    Attributes:
        source: Where it came from.
        is_dry: Whether nothing was taken.
        there: How many of each kind there are; of points None where only reading all would tell.
        here: How many of them are here now, counted here; None after a dry run.
        as_before: Runs that were here whole from an earlier import.
        not_taken: What stays behind.
    """

    source: str
    is_dry: bool
    there: Counts
    here: Counts | None
    as_before: int
    not_taken: tuple[NotTaken, ...]

    @property
    def lacking(self) -> tuple[str, ...]:
        """Kinds of which fewer are here than there, though nothing was said to stay behind."""
        if self.here is None:
            return ()
        there, here = msgspec.structs.asdict(self.there), msgspec.structs.asdict(self.here)
        return tuple(kind for kind in there if here[kind] < there[kind])


class _Group(NamedTuple):
    """An experiment there, and its number here."""

    there: SourceExperiment
    number: int


class _Import:
    """One import under way."""

    def __init__(
        self, workspace: Workspace, actor: Actor, source: Source, progress: Progress
    ) -> None:
        self._workspace = workspace
        self._actor = actor
        self._source = source
        self._progress = progress
        self._id = source_id(source.shown)
        self.there: dict[str, int] = dict.fromkeys(Counts.__struct_fields__, 0)
        self.not_taken: list[NotTaken] = []
        self.as_before = 0

    def take(self, chosen: Sequence[SourceExperiment]) -> list[_Group]:
        """Take experiments with all that is in them."""
        groups = []
        for experiment in chosen:
            number = self._workspace.imports.take_experiment(self._actor, self._id, experiment)
            groups.append(_Group(experiment, number))
            self._add(experiments=1, experiment_tags=len(experiment.tags))
        for group in groups:
            for runs in self._source.runs(group.there.id):
                self._take_runs(group, runs)
                for run in runs:
                    owner = Owner("run", run.id, run.experiment, run.files, _is_gone(run.life))
                    self._take_files(group, owner)
            for models in self._source.models(group.there.id):
                imports = self._workspace.imports
                imports.take_models(self._actor, self._id, group.number, models)
                for model in models:
                    self._add(
                        logged_models=1,
                        model_words=len(model.params) + len(model.tags),
                        model_points=len(set(map(identity, model.metrics))),
                    )
                    gone = _is_gone(model.life)
                    owner = Owner("model", model.id, model.experiment, model.files, gone)
                    self._take_files(group, owner)
        return groups

    def foresee(self, chosen: Sequence[SourceExperiment]) -> None:
        """Count what there is to be taken."""
        for experiment in chosen:
            self._add(experiments=1, experiment_tags=len(experiment.tags))
            for runs in self._source.runs(experiment.id):
                for run in runs:
                    self._add_run(run)
                    owner = Owner("run", run.id, run.experiment, run.files, _is_gone(run.life))
                    for file in self._files(owner):
                        self._add(files=1, bytes=file.size)
                if self._source.counts_points:
                    self._add(points=self._source.count_points([run.id for run in runs]))
            for models in self._source.models(experiment.id):
                for model in models:
                    self._add(
                        logged_models=1,
                        model_words=len(model.params) + len(model.tags),
                        model_points=len(set(map(identity, model.metrics))),
                    )
                    owner = Owner("model", model.id, model.experiment, model.files)
                    for file in self._files(owner):
                        self._add(files=1, bytes=file.size)

    def take_names(self, *, is_dry: bool) -> Counts:
        """Take the registered names, or count them; how many of their kinds are here."""
        found = Counts()
        for name in self._source.names():
            self._add(
                names=1,
                name_tags=len(name.tags),
                versions=len(name.versions),
                version_tags=sum(len(version.tags) for version in name.versions),
                aliases=len(name.aliases),
                stages=sum(bool(version.stage) for version in name.versions),
            )
            if is_dry:
                continue
            taken = self._workspace.name_imports.take(self._actor, self._id, name)
            self.not_taken += [NotTaken(what=what, why=why) for what, why in taken.left]
            found = _sum(found, taken.here)
        return found

    def _take_runs(self, group: _Group, runs: list[SourceRun]) -> None:
        imports = self._workspace.imports
        known = imports.marks(self._actor, self._id, "run", [run.id for run in runs])
        marks = {run.id: digests.of_record(run) for run in runs}
        fresh = [run for run in runs if known.get(run.id, ("", 0, 0))[0] != marks[run.id]]
        for run in runs:
            self._add_run(run)
            if known.get(run.id, ("", 0, 0))[0] == marks[run.id]:
                self.as_before += 1
                self._add(points=known[run.id][2])
        waiting: list[Parcel] = []
        for parcel in self._parcels(group, fresh, marks):
            waiting.append(parcel)
            held = sum(len(each.points) for each in waiting)
            if len(waiting) >= _RUNS or held >= _POINTS:
                imports.take_runs(self._actor, self._id, waiting)
                waiting = []
                self._tell()
        if waiting:
            imports.take_runs(self._actor, self._id, waiting)
        self._tell()

    def _parcels(
        self, group: _Group, runs: list[SourceRun], marks: dict[str, str]
    ) -> Iterator[Parcel]:
        """Each run with its points; one of many points in several, the last of which ends it."""
        following = self._source.points([run.id for run in runs])
        ahead = next(following, None)
        for run in runs:
            count = 0
            while ahead is not None and ahead[0] == run.id:
                points = ahead[1]
                count += len(points)
                self._add(points=len(points))
                ahead = next(following, None)
                if ahead is not None and ahead[0] == run.id:
                    yield Parcel(run, group.number, points)
                else:
                    yield Parcel(run, group.number, points, marks[run.id], count)
            if not count:
                yield Parcel(run, group.number, [], marks[run.id])

    def _take_files(self, group: _Group, owner: Owner) -> None:
        imports = self._workspace.imports
        listed = list(self._files(owner))
        if not listed:
            return
        self._add(files=len(listed), bytes=sum(file.size for file in listed))
        mark = digests.of_record([list(file) for file in listed])
        known = imports.marks(self._actor, self._id, "files", [f"{owner.kind}:{owner.id}"])
        before = next(iter(known.values()), None)
        if before is not None and before[0] == mark:
            return
        if before is None:  # perhaps killed half-way: what is here whole need not be read again
            here = imports.known_files(self._actor, owner, group.number)
            wanted = [file for file in listed if here.get(file.path) != file.size]
        else:
            wanted = listed
        is_whole = True
        for some in _portions(wanted):
            opened = []
            for file in some:
                try:
                    opened.append((file, self._source.read(owner, file.path)))
                except Unreachable as error:
                    is_whole = False
                    self._leave(owner, str(error))
            imports.take_files(self._actor, self._id, owner, group.number, opened)
            self._tell()
        if is_whole:
            size = sum(file.size for file in listed)
            imports.finish_files(self._actor, self._id, owner, mark, len(listed), size)

    def _files(self, owner: Owner) -> Iterator[SourceFile]:
        try:
            for file in self._source.files(owner):
                try:
                    paths.checked(file.path)
                except UsageError:
                    self._leave(owner, f"'{file.path[:200]}' can be no path of a file here")
                else:
                    yield file
        except Unreachable as error:
            self._leave(owner, str(error))

    def _leave(self, owner: Owner, why: str) -> None:
        kind = "run" if owner.kind == "run" else "logged model"
        self.not_taken.append(NotTaken(what=f"files of {kind} {owner.id}", why=why))

    def _add_run(self, run: SourceRun) -> None:
        self._add(
            runs=1,
            params=len(run.params),
            tags=len(run.tags),
            datasets=len({(each.name, each.digest) for each in run.datasets}),
            used_models=len({(each.way, each.model) for each in run.models}),
        )

    def _add(self, **counts: int) -> None:
        for kind, count in counts.items():
            self.there[kind] += count

    def _tell(self) -> None:
        self._progress(Counts(**self.there))


def import_mlflow(
    workspace: Workspace,
    actor: Actor,
    source: Source,
    *,
    experiment: str = "",
    is_dry: bool = False,
    progress: Progress = lambda _counts: None,
) -> Imported:
    """Take over experiments, runs, their files, models and registered names from MLflow.

    Args:
        workspace: The project.
        actor: Who.
        source: Where it is; only read.
        experiment: Only the experiment of this name; registered names stay behind then.
        is_dry: Only count.
        progress: Told now and then what was seen so far.

    Raises:
        NotFoundError: There is no experiment of that name.
    """
    known = list(source.experiments())
    chosen = [each for each in known if not experiment or each.name == experiment]
    if experiment and not chosen:
        names = [each.name for each in known]
        raise NotFoundError(
            "mlflow-not-found",
            f"There is no experiment '{experiment}' there.{did_you_mean(experiment, names)}",
            hint="leave --experiment out to take all",
        )
    work = _Import(workspace, actor, source, progress)
    here = None
    if is_dry:
        work.foresee(chosen)
        if not experiment:
            work.take_names(is_dry=True)
    else:
        groups = work.take(chosen)
        places = [group.number for group in groups]
        here = workspace.imports.count(actor, source_id(source.shown), places)
        if not experiment:
            here = _sum(here, work.take_names(is_dry=False))
    return Imported(
        source=source.shown,
        is_dry=is_dry,
        there=Counts(**work.there),
        here=here,
        as_before=work.as_before,
        not_taken=tuple(work.not_taken),
    )


def open_source(uri: str, files: Sequence[Path] = ()) -> Source:
    """The source at a URI: a server, a SQLite file or an `mlruns` folder.

    Args:
        uri: `http(s)://…`, `sqlite:///…`, or the path of a file or folder.
        files: Further folders of the user that files may be read from.

    Raises:
        UsageError: It is none of them.
        NotFoundError: There is nothing.
        BackendError: It cannot be read.
    """
    from trueup.lifecycle.runs.tracking.imports.opening import opened

    return opened(uri, files)


def _portions(files: Sequence[SourceFile]) -> Iterator[list[SourceFile]]:
    some: list[SourceFile] = []
    size = 0
    for file in files:
        some.append(file)
        size += file.size
        if len(some) >= _FILES or size >= _BYTES:
            yield some
            some, size = [], 0
    if some:
        yield some


def _is_gone(life: str) -> bool:
    return life == "deleted"


def _sum(one: Counts, other: Counts) -> Counts:
    first, second = msgspec.structs.asdict(one), msgspec.structs.asdict(other)
    return Counts(**{kind: first[kind] + second[kind] for kind in first})
