"""The nouns of tracking. Times are whole milliseconds since 1970, as the clients send them."""

from __future__ import annotations

from typing import Literal, NamedTuple

from trueup.foundation.records import Record

Life = Literal["active", "deleted"]
State = Literal["running", "scheduled", "finished", "failed", "killed", "lost"]

DEFAULT_EXPERIMENT = 0


class Experiment(Record):
    """A named group of runs that are compared with each other.

    Attributes:
        number: From 0, which is the experiment `Default`.
        name: Unique among all experiments, deleted ones included.
        artifacts: Where its runs keep their files, as a URI.
        life: Deleted experiments can be restored.
        created_at: When it was made.
        updated_at: When it was changed last.
        tags: Words about it.
    """

    number: int
    name: str
    artifacts: str
    life: Life
    created_at: int
    updated_at: int
    tags: dict[str, str] = {}


class Point(NamedTuple):
    """One value of a metric.

    Attributes:
        key: Name of the metric.
        value: May be NaN; infinities are held at the largest float.
        step: Where in the training; any whole number.
        at: When.
    """

    key: str
    value: float
    step: int
    at: int


class UsedDataset(Record):
    """A dataset as a run describes it; its files are not kept.

    Attributes:
        name: By the run's own word.
        digest: Of its content, by the run's own word.
        source_type: What `source` is.
        source: Where it came from, usually JSON.
        schema: Of its columns, as JSON; None when not said.
        profile: Counts and the like, as JSON; None when not said.
        tags: Words about its use in this run, such as the context `train`.
    """

    name: str
    digest: str
    source_type: str
    source: str
    schema: str | None = None
    profile: str | None = None
    tags: dict[str, str] = {}


class UsedModel(Record):
    """A model that a run read or made.

    Attributes:
        model: Its identifier.
        way: Read or made.
        step: At which step it was made.
    """

    model: str
    way: Literal["input", "output"]
    step: int = 0


class DatasetSummary(Record):
    """A dataset that some run of an experiment used, in some context."""

    experiment: int
    name: str
    digest: str
    context: str | None


class TrackedRun(Record):
    """One run that its own code reports.

    Attributes:
        id: 32 hexadecimal digits if it was made here; imported runs keep theirs.
        experiment: Number of its experiment.
        name: For people; need not be unique.
        user: Who ran it, by their own word.
        state: `lost` means that nothing was heard of it for longer than its lease.
        life: Deleted runs can be restored.
        started_at: When it began.
        ended_at: When it ended; None while it runs.
        deleted_at: When it was deleted.
        artifacts: Where it keeps its files, as a URI.
        params: Never change once set.
        tags: May change.
        metrics: The last point of each metric, by name.
        datasets: What it read.
        models: Models that it read or made.
    """

    id: str
    experiment: int
    name: str
    user: str
    state: State
    life: Life
    started_at: int
    ended_at: int | None
    deleted_at: int | None
    artifacts: str
    params: dict[str, str] = {}
    tags: dict[str, str] = {}
    metrics: tuple[Point, ...] = ()
    datasets: tuple[UsedDataset, ...] = ()
    models: tuple[UsedModel, ...] = ()

    @property
    def ref(self) -> str:
        """Its reference."""
        return f"run:{self.id}"
