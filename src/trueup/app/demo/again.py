"""A demo that is told already: what would have to be done again, and why. Nothing is written."""

from __future__ import annotations

import time
from datetime import datetime

from trueup.app.demo.versions import left_to_send
from trueup.app.running import previewing
from trueup.app.wiring import Workspace
from trueup.foundation.actor import Actor
from trueup.foundation.records import Record
from trueup.lifecycle.pipeline import discovery
from trueup.lifecycle.pipeline.code import source
from trueup.lifecycle.plan import service as plans
from trueup.lifecycle.runs.preview.records import RunPlan


class DataLook(Record):
    """A dataset as its files are now, against its newest version."""

    version: str
    digest: str
    files: int
    changed: bool


class Looked(Record):
    """What a second demo looked at.

    Attributes:
        weeks: Looks of the monitors that are on record.
        last: The last of them.
        plan: The plan in force.
        plan_changed: Whether `trueup.toml` says something else now.
        edited: Files that differ from the commit.
        data: The datasets.
        run: What a run of the pipeline would do.
        to_send: Branches that the remote lacks, or why it cannot be asked.
        seconds: How long looking took.
    """

    weeks: int
    last: datetime
    plan: str
    plan_changed: bool
    edited: tuple[str, ...]
    data: tuple[DataLook, ...]
    run: RunPlan
    to_send: tuple[str, ...]
    seconds: float

    @property
    def nothing_to_do(self) -> bool:
        """Whether everything is as the demo left it, comments apart."""
        is_same = not (self.plan_changed or self.to_send or any(d.changed for d in self.data))
        return is_same and self.run.count("reuse") == len(self.run.steps)


def look(workspace: Workspace, actor: Actor, model: str, looks: list[datetime]) -> Looked:
    """Look at plan, code, data and remote, and ask what a run would do."""
    started = time.perf_counter()
    adopted = workspace.plans.current(actor)
    found = discovery.find(workspace.root, model)
    would = previewing.of_run(workspace, actor, found, found.parse({}))
    data = [
        DataLook(
            version=version.ref,
            digest=version.digest,
            files=version.files,
            changed=would.data[version.name] != version.digest,
        )
        for version in workspace.datasets.newest(actor)
        if version.name in would.data
    ]
    return Looked(
        weeks=len(looks),
        last=max(looks),
        plan=f"plan:{adopted.version}",
        plan_changed=plans.address(plans.read(workspace.root), workspace.root)[0] != adopted.digest,
        edited=source.read(workspace.root).changed,
        data=tuple(data),
        run=would,
        to_send=left_to_send(workspace, actor),
        seconds=time.perf_counter() - started,
    )
