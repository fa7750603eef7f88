"""The verbs by which tracked runs say what they read and made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import sqlalchemy as sa

from trueup.foundation.actor import Actor
from trueup.lifecycle.runs.tracking import finding, logged, rules
from trueup.lifecycle.runs.tracking.inputs import table
from trueup.lifecycle.runs.tracking.records import UsedDataset, UsedModel
from trueup.lifecycle.runs.tracking.table import tracked_runs
from trueup.state.unit import State

NAME: Final = 500
DIGEST: Final = 36
SOURCE: Final = 65_535
SCHEMA: Final = 1_048_575
PROFILE: Final = 16_777_215
TAG_KEY: Final = 255
TAG_VALUE: Final = 500


class Inputs:
    """Keeps what runs read and made.

    Args:
        state: Where it is kept.
    """

    def __init__(self, state: State) -> None:
        self._state = state

    def add(
        self,
        actor: Actor,
        run_id: str,
        *,
        datasets: Sequence[UsedDataset] = (),
        models: Sequence[UsedModel] = (),
    ) -> None:
        """Keep datasets and models of a run: all of them or none. Again changes nothing.

        Raises:
            NotFoundError: There is no such run.
            ConflictError: It is deleted.
            UsageError: Something is too long.
        """
        for dataset in datasets:
            _check(dataset)
        for model in models:
            rules.check_value("model_id", model.model, "model", rules.KEY)
        with self._state.write(actor, "runs.write", relaxed=True) as unit:
            run, state = finding.active(unit.connection, run_id)
            if datasets:
                group = sa.select(tracked_runs.c.experiment).where(tracked_runs.c.number == run)
                experiment: int = unit.execute(group).scalar_one()
                table.add_datasets(unit.connection, run, experiment, datasets)
            if models:
                table.add_models(unit.connection, run, models)
            logged.write(unit.connection, {run: state})


def _check(dataset: UsedDataset) -> None:
    for field, value, limit in (
        ("name", dataset.name, NAME),
        ("digest", dataset.digest, DIGEST),
        ("source", dataset.source, SOURCE),
        ("schema", dataset.schema or "", SCHEMA),
        ("profile", dataset.profile or "", PROFILE),
    ):
        rules.check_value(field, value, "dataset", limit)
    for key, value in dataset.tags.items():
        rules.check_value("key", key, "dataset tag", TAG_KEY)
        rules.check_value(key, value, "dataset tag", TAG_VALUE)
