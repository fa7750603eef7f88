"""The other process of `trueup reproduce`: it runs one pipeline in a project built afresh.

`python -m trueup.app.reproduction.rerunning` in the project's folder; the order comes as JSON on
stdin. The project's state is new, so there is no cache. `reproducing.py` reads what came out.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from trueup.app.running.training import train
from trueup.app.wiring import open_workspace
from trueup.foundation.errors import TrueupError
from trueup.foundation.records import Record, decode, encode
from trueup.lifecycle.pipeline.code import source
from trueup.lifecycle.plan import service as plans
from trueup.lifecycle.runs.records import Cause, RunOptions


class Order(Record):
    """What to run.

    Attributes:
        pipeline: Name of the pipeline.
        parameters: All parameter values.
        partition: The part of the data that it covers.
        reason: What the run is made for.
        data: The path of every dataset that it reads, by name.
    """

    pipeline: str
    parameters: dict[str, Any]
    partition: str = ""
    reason: str = ""
    data: dict[str, str] = {}


class Answer(Record):
    """What came out: the run, or why there is none."""

    run: str = ""
    problem: str = ""


def perform(order: Order, start: Path) -> Answer:
    """Run the pipeline in the project at `start`."""
    with open_workspace(start) as workspace:
        actor = workspace.owner
        commit = source.commit(workspace.root)
        plan = plans.read(workspace.root)
        workspace.plans.adopt(actor, plan, commit)
        cause = Cause(reason=order.reason, partition=order.partition)
        try:
            for name in order.data.keys() - plan.datasets.keys():  # added by hand, then
                workspace.datasets.add(actor, order.data[name], workspace.root, name)
            done = train(
                workspace,
                actor,
                order.pipeline,
                order.parameters,
                cause=cause,
                options=RunOptions(share=False),  # no result of anybody's is reused
                allow_dirty=True,
                register=False,  # results are compared, no model is kept
            )
        except TrueupError as error:
            return Answer(run=str(error.context.get("run", "")), problem=error.message)
        return Answer(run=done.run.id)


def main() -> None:
    """Read the order, obey, and answer on the last line of stdout."""
    order = decode(sys.stdin.buffer.read(), Order)
    try:
        answer = perform(order, Path.cwd())
    except TrueupError as error:
        answer = Answer(problem=error.message)
    sys.stdout.write("\n" + encode(answer).decode() + "\n")


if __name__ == "__main__":
    main()
