"""The nouns of schedules."""

from __future__ import annotations

from datetime import datetime

from trueup.foundation.records import Record
from trueup.lifecycle.pipeline.records import Partitions
from trueup.lifecycle.runs.schedules.slots import CatchUp


class Declared(Record):
    """When a pipeline wants to run by itself, as its decorator says.

    Attributes:
        pipeline: Name of the pipeline.
        schedule: Cron expression; empty for none.
        timezone: Name of the zone that the schedule is meant in.
        catch_up: Which missed slots to run.
        on: What else it runs for.
        partitions: The parts of its data, when it runs for one part at a time.
    """

    pipeline: str
    schedule: str = ""
    timezone: str = "UTC"
    catch_up: CatchUp = "latest"
    on: tuple[str, ...] = ()
    partitions: Partitions | None = None


class Schedule(Record):
    """What is known of the automatic runs of a pipeline.

    Attributes:
        pipeline: Name of the pipeline.
        schedule: Cron expression that was looked at last.
        timezone: Its zone.
        looked_at: Slots up to here were seen to.
        paused_at: Since when nothing is asked for; None while it is not paused.
        paused_by: Who paused it.
        why: Why.
    """

    pipeline: str
    schedule: str
    timezone: str
    looked_at: datetime
    paused_at: datetime | None = None
    paused_by: str = ""
    why: str = ""
