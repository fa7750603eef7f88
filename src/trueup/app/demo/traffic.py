"""The demo's live traffic: what an airline's system would ask before each scheduled hour."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any, NamedTuple

import polars as pl

from trueup.app.demo.warehouse import LABEL_DELAY, OUTCOMES, Source, of_share
from trueup.lifecycle.models.records import Signature
from trueup.lifecycle.pipeline.decorators import Step


class Batch(NamedTuple):
    """The flights of one scheduled hour; of one day where only a share of them is replayed.

    Attributes:
        key: Idempotency key: asking again after a crash gives the recorded answer.
        at: The (first) hour.
        known_at: When all its labels are known.
        inputs: Column name to one value per flight, the model's columns and the entity.
        labels: What happened, one per flight; None for a flight that never arrived.
    """

    key: str
    at: datetime
    known_at: datetime
    inputs: dict[str, list[Any]]
    labels: list[float | None]


def batches(
    source: Source,
    features: Step[..., pl.DataFrame],
    signature: Signature,
    entity: str,
    start: datetime,
    end: datetime,
    share: float,
) -> Iterator[Batch]:
    """All batches from `start` to `end`, in time order.

    The features come from the project's own step, called as the plain function that it is, on
    rows without any outcome.
    """
    hours = 1 if share > 0.5 else _HOURS_OF_A_SHARE
    scheduled = pl.col("time_hour").str.to_datetime("%Y-%m-%dT%H:%M:%SZ")
    moment = scheduled.dt.truncate(f"{hours}h")
    rows = of_share(source.flights, share).with_columns(moment.alias("moment"))
    rows = rows.filter(pl.col("moment").is_between(_plain(start), _plain(end), closed="left"))
    rows = rows.sort("moment", maintain_order=True)
    late = (rows["arr_delay"] > LATE_MINUTES).cast(pl.Float64).to_list()
    moments = rows["moment"].to_list()
    entities = rows[entity].fill_null("unknown").to_list()
    inputs = features(rows.drop(*OUTCOMES, "moment"), source.weather, source.planes)
    columns = {column.name: inputs[column.name].to_list() for column in signature.inputs}
    columns[entity] = entities
    for hour, places in groupby(range(len(moments)), key=moments.__getitem__):
        span = list(places)
        part = slice(span[0], span[-1] + 1)
        yield Batch(
            key=f"{hour:%Y-%m-%dT%H}",
            at=hour.replace(tzinfo=UTC),
            known_at=hour.replace(tzinfo=UTC) + timedelta(hours=hours) + LABEL_DELAY,
            inputs={name: values[part] for name, values in columns.items()},
            labels=late[part],
        )


LATE_MINUTES = 15
_HOURS_OF_A_SHARE = 24
WEEK = timedelta(days=7)


def _plain(moment: datetime) -> datetime:
    return moment.replace(tzinfo=None)
