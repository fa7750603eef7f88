"""The demo's last chapter: versions of data, of models and of results.

`keep` does what a team does at the end of a year, by the verbs that users call, and only what has
not been done yet. `read_back` says what is on record of it; nothing else is remembered.
"""

from __future__ import annotations

import time

from trueup.app.comparing.records import MetricChange
from trueup.app.comparing.versions import compare
from trueup.app.demo.progress import Display
from trueup.app.reproduction.reproducing import reproduce
from trueup.app.running import sharing
from trueup.app.running.training import train
from trueup.app.wiring import Workspace
from trueup.foundation.actor import Actor
from trueup.foundation.errors import TrueupError
from trueup.foundation.records import Record
from trueup.foundation.text import plural, seconds, size
from trueup.lifecycle.data.exchange import remotes
from trueup.lifecycle.models.records import ModelVersion
from trueup.lifecycle.runs.execution.sharing import KIND
from trueup.lifecycle.runs.records import Cause, Run, RunOptions, StepProgress
from trueup.lifecycle.runs.reproductions.records import Reproduction
from trueup.state.remotes.remote import Remote

REMOTE = "backup"
_AGAIN = Cause(by="demo", reason="would anything have to run again?")


class Copy(Record):
    """What the remote holds.

    Attributes:
        remote: Its name.
        size: Bytes of the files there.
        versions: Versions of data here.
        results: Results of steps there.
        missing: Branches that a push would still have to move.
        faults: What is not as it was written there.
    """

    remote: str
    size: int
    versions: int
    results: int
    missing: tuple[str, ...]
    faults: tuple[str, ...]


class Store(Record):
    """All versions of data, read again byte by byte."""

    versions: int
    blobs: int
    size: int
    broken: tuple[str, ...]


class DataChange(Record):
    """One dataset between the first and the newest model version.

    Attributes:
        before: Version that the first model learned from.
        after: Version that the newest one learned from.
        added: Rows that only the second has.
        removed: Rows that only the first has.
        changed: Rows with another value.
        moved: Columns whose values are distributed otherwise, so that it matters.
    """

    before: str
    after: str
    added: int
    removed: int
    changed: int
    moved: tuple[str, ...]


class ModelChange(Record):
    """What differs between the first and the newest model version."""

    before: str
    after: str
    data: tuple[DataChange, ...]
    parameters: tuple[str, ...]
    same_code: bool
    metrics: tuple[MetricChange, ...]


class Again(Record):
    """The pipeline run once more on the same files.

    Attributes:
        run: The run.
        reused: Steps whose result was reused.
        ran: Steps that ran.
        seconds: How long it took.
        why: The reasons, each once.
    """

    run: str
    reused: int
    ran: int
    seconds: float
    why: tuple[str, ...]


class Versions(Record):
    """What is on record of versions; None for what has not been done."""

    copy: Copy
    store: Store
    change: ModelChange | None
    reproduction: Reproduction | None
    again: Again | None


def keep(workspace: Workspace, actor: Actor, model: str, display: Display) -> None:
    """Push all versions of data, make the newest model's run again, and run the pipeline again."""
    run = workspace.models.versions(actor, model)[0].manifest.run
    detail = workspace.runs.show(actor, run)
    _push(workspace, actor, display)
    _share(workspace, actor, detail.run, display)
    if not detail.reproductions:
        made = reproduce(workspace, actor, run)
        words = f"run:{run} made again from its record alone: {made.outcome}"
        display.remark(f"{words}, {plural(made.steps, 'step')} in {seconds(made.seconds)}")
    if _again(workspace, actor) is None:
        train(workspace, actor, model, {}, cause=_AGAIN, register=False)
        if again := _read_again(workspace, actor):
            display.remark(f"run:{again.run}: {again.reused} steps reused, {again.ran} ran")


def is_kept(workspace: Workspace, actor: Actor) -> bool:
    """Whether `keep` has nothing left to do."""
    return _again(workspace, actor) is not None


def read_back(workspace: Workspace, actor: Actor, model: str) -> Versions:
    """All of it, from the database, the blobs and the remote."""
    newest, *older = workspace.models.versions(actor, model)
    made = workspace.runs.show(actor, newest.manifest.run).reproductions
    verified = workspace.datasets.verify(actor)
    return Versions(
        copy=_copy(workspace, actor, verified.versions),
        store=Store(
            versions=verified.versions,
            blobs=verified.blobs,
            size=verified.size,
            broken=tuple(f"{each.dataset} {each.path} {each.problem}" for each in verified.broken),
        ),
        change=_change(workspace, actor, older[-1], newest) if older else None,
        reproduction=made[0] if made else None,
        again=_read_again(workspace, actor),
    )


def left_to_send(workspace: Workspace, actor: Actor) -> tuple[str, ...]:
    """Branches that the remote lacks; why it cannot be asked, where it cannot."""
    try:
        return tuple(workspace.exchange.push(actor, remote=REMOTE, dry_run=True).branches)
    except TrueupError as error:
        return (error.message,)


def _push(workspace: Workspace, actor: Actor, display: Display) -> None:
    place = workspace.root / REMOTE  # a folder as remote is made by who owns the disk
    place.mkdir(mode=0o700, exist_ok=True)
    done = workspace.exchange.push(actor, remote=REMOTE)
    if done.branches:
        moved = f"{plural(done.moved.blobs, 'blob')}, {size(done.moved.size)}"
        display.remark(f"pushed {plural(len(done.branches), 'branch', 'branches')}: {moved}")
    started = time.perf_counter()
    more = workspace.exchange.push(actor, remote=REMOTE)
    took = seconds(time.perf_counter() - started)
    left = plural(len(more.branches), "branch", "branches") if more.branches else "nothing"
    display.remark(f"pushed again: {left} to send, {took}")


def _share(workspace: Workspace, actor: Actor, run: Run, display: Display) -> None:
    """What the steps of a run returned goes to the remote, too: nobody has to compute it again."""

    def tell(progress: StepProgress) -> None:
        display.remark(progress.notice)

    shared = sharing.results_of(workspace, RunOptions(share=True), tell)
    if shared is not None:
        try:
            sharing.send(workspace, actor, run, shared, tell)
        finally:
            shared.close()


def _again(workspace: Workspace, actor: Actor) -> Run | None:
    runs = workspace.runs.caused_by(actor, _AGAIN.by)
    return next((run for run in reversed(runs) if run.state == "finished"), None)


def _read_again(workspace: Workspace, actor: Actor) -> Again | None:
    run = _again(workspace, actor)
    if run is None or run.ended_at is None:
        return None
    steps = workspace.runs.show(actor, run.id).steps
    return Again(
        run=run.id,
        reused=sum(step.cached for step in steps),
        ran=sum(not step.cached for step in steps),
        seconds=(run.ended_at - run.started_at).total_seconds(),
        why=tuple(dict.fromkeys(reason for step in steps for reason in step.why)),
    )


def _copy(workspace: Workspace, actor: Actor, versions: int) -> Copy:
    place = workspace.root / REMOTE
    results = 0
    try:
        url = remotes.choose(workspace.root, REMOTE).url
        with Remote(url, workspace.settings.home / "cache" / "remotes") as there:
            results = len(there.list_records(KIND))
        wrong = [f"{w.object}: {w.problem}" for w in workspace.tending.verify(actor, REMOTE)]
    except TrueupError as error:
        wrong = [error.message]
    return Copy(
        remote=REMOTE,
        size=sum(file.stat().st_size for file in place.rglob("*") if file.is_file()),
        versions=versions,
        results=results,
        missing=left_to_send(workspace, actor),
        faults=tuple(wrong),
    )


def _change(
    workspace: Workspace, actor: Actor, first: ModelVersion, last: ModelVersion
) -> ModelChange:
    found = compare(workspace, actor, first, last)
    data = []
    for change in found.data:
        table = change.difference.table if change.difference is not None else None
        if table is not None:
            moved = [
                column.name
                for column in table.columns
                if column.distribution is not None
                and column.distribution.effect in ("small", "moderate", "large")
            ]
            rows = table.rows
            data.append(
                DataChange(
                    before=change.before,
                    after=change.after,
                    added=rows.added,
                    removed=rows.removed,
                    changed=rows.changed,
                    moved=tuple(moved),
                )
            )
    return ModelChange(
        before=found.before,
        after=found.after,
        data=tuple(data),
        parameters=tuple(f"{p.name} {p.before} → {p.after}" for p in found.parameters),
        same_code=found.code.same_steps,
        metrics=found.metrics,
    )
