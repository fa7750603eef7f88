"""Demands on how a version is made and runs: time, file, signature, training again, tests."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from trueup.foundation import clock
from trueup.lifecycle.plan.demand import Confidence, Demand, Positive


class Speed(Demand, tag="speed"):
    """A model answers and starts fast enough, and needs little enough. At least one limit.

    Attributes:
        p50_ms: Most milliseconds of a call with one row, in half of the calls.
        p95_ms: The same in 95 of 100 calls.
        p99_ms: The same in 99 of 100 calls.
        rows_per_second: Fewest rows a second, in batches.
        start_seconds: Longest from the start of a process to the first answer.
        memory_mb: Most memory of a process that loads it and answers the holdout.
        size_mb: Largest model file.
        joules_per_1000: Most energy for 1,000 rows: an estimate where no meter can be read.
        calls: How many calls are timed.
        batch: Rows in a batch.
        watts: What a busy processor core is taken to use, for that estimate.
        confidence: One-sided confidence of the bounds.
    """

    p50_ms: Positive | None = None
    p95_ms: Positive | None = None
    p99_ms: Positive | None = None
    rows_per_second: Positive | None = None
    start_seconds: Positive | None = None
    memory_mb: Positive | None = None
    size_mb: Positive | None = None
    joules_per_1000: Positive | None = None
    calls: Annotated[int, Meta(ge=10, le=100_000)] = 300
    batch: Annotated[int, Meta(ge=1, le=1_000_000)] = 1000
    watts: Positive = 15.0
    confidence: Confidence = 0.95

    def __post_init__(self) -> None:
        """A demand without a limit would pass whatever is measured."""
        settings = {"calls", "batch", "watts", "confidence"}
        limits = [name for name in self.__struct_fields__ if name not in settings]
        if all(getattr(self, name) is None for name in limits):
            raise ValueError(f"it has no limit; give one of {', '.join(limits)}")


class FileFormat(Demand, tag="format"):
    """The model's file holds what it says, nothing that runs, and nothing outside of it.

    Attributes:
        allowed: The formats that will do; any format of data when left out.
        code: Whether the file may hold code of the project.
        unpacked_mb: Largest size that an archive may unpack to.
    """

    allowed: tuple[str, ...] = ()
    code: Literal["refuse", "allow"] = "refuse"
    unpacked_mb: Positive = 2000.0


class SignatureFits(Demand, tag="signature"):
    """What the model says that it takes is what the rows hold.

    Attributes:
        unseen: Largest share of a column's values that training never saw: outside of its range,
            or of no category of it.
        extra: Whether the rows may hold columns that the model does not take.
    """

    unseen: Annotated[float, Meta(ge=0, le=1)] = 0.01
    extra: Literal["allow", "refuse"] = "allow"


class Determinism(Demand, tag="determinism"):
    """The same row gets the same answer: again, in any batch, order, thread and process.

    Attributes:
        eps: Largest difference that counts as the same; 0 demands the same bits.
        rows: How many rows are asked about.
    """

    eps: Annotated[float, Meta(ge=0)] = 0.0
    rows: Annotated[int, Meta(ge=1)] = 2000


class Stability(Demand, tag="stability"):
    """Training again with other seeds gives models that are as good.

    Attributes:
        metric: What they are measured by.
        spread: Largest standard deviation of the metric between seeds.
        seeds: How many trainings, besides the version's own.
        argument: Argument of the step that trains which takes the seed.
        confidence: One-sided confidence of the bound.
    """

    metric: str
    spread: Positive
    seeds: Annotated[int, Meta(ge=2, le=100)] = 5
    argument: str = "seed"
    confidence: Confidence = 0.95


class Staleness(Demand, tag="staleness"):
    """A model that learned from older rows only is not much worse: how fast it ages.

    Attributes:
        metric: What it is measured by.
        column: Column of the datasets that says when a row is from.
        loss: Most that the metric may get worse per `every`.
        every: By how much older each training's rows are than those of the one before.
        times: How many trainings.
    """

    metric: str
    column: str
    loss: Positive
    every: str = "28d"
    times: Annotated[int, Meta(ge=1, le=24)] = 3

    def unsound(self) -> str:
        """Why nothing could prove it."""
        try:
            clock.parse_duration(self.every)
        except ValueError as error:
            return f"has every = {self.every!r}: {error}"
        return ""


class FeatureValue(Demand, tag="feature-value"):
    """What each input gains the model that learns from it, and what it costs.

    Attributes:
        metric: What is gained.
        columns: The inputs to look at; all when left out.
        gain: Smallest gain that an input must bring; without it gains are shown only.
        costs: What an input costs, in a unit of the team's own; its bytes a row without.
    """

    metric: str
    columns: tuple[str, ...] = ()
    gain: float | None = None
    costs: dict[str, float] = {}


class Reproduction(Demand, tag="reproduction"):
    """Training again from the record gives the same model.

    Attributes:
        eps: Largest difference of an answer; 0 demands the same bits of the model's file.
    """

    eps: Annotated[float, Meta(ge=0)] = 0.0


class CodeTests(Demand, tag="tests"):
    """The project's own tests pass at the code that the version was made by.

    Attributes:
        paths: Files and folders of the project; pytest collects in them.
        seconds: Longest time that they may take.
    """

    paths: tuple[str, ...] = ("tests",)
    seconds: Positive = 600.0

    def unsound(self) -> str:
        """Why nothing could prove it."""
        odd = [p for p in self.paths if not p or p.startswith(("/", "-")) or ".." in p.split("/")]
        if odd or not self.paths:
            return f"has paths = {list(self.paths)}; name files and folders of the project"
        return ""
