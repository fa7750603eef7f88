"""What a plan says of a deployment: how versions take over, how they answer, what is kept.

One record for each concern; `[deployments.NAME]` of `trueup.toml` has their shape.
"""

from __future__ import annotations

from typing import Literal

from trueup.foundation.records import Record
from trueup.lifecycle.plan.calendars import Calendar

Strategy = Literal["canary", "all-at-once", "shadow", "split"]


class Canary(Record):
    """How a release is tried out.

    Attributes:
        weight: Share of the entities that the new version serves, where there are no steps.
        steps: Rising shares, such as `[0.01, 0.05, 0.25]`; after the last one it serves all.
        lasts: How long each step lasts at least, in the time of the traffic.
        rows: Rows that the new version scores at least in each step.
        margin: Largest loss of mean Brier score that counts as "no harm".
    """

    weight: float = 0.25
    steps: tuple[float, ...] = ()
    lasts: str = "7d"
    rows: int = 0
    margin: float = 0.02


class Shadow(Record):
    """How a release runs beside what answers, before anybody gets its answers.

    Attributes:
        lasts: How long at least, in the time of the traffic.
        rows: Rows that it scores at least.
        then: What follows: the steps of a canary, all traffic, or a person's word.
    """

    lasts: str = "1d"
    rows: int = 1000
    then: Literal["canary", "promote", "ask"] = "ask"


class Split(Record):
    """How two versions are compared at a fixed share (A/B) until the evidence decides.

    Attributes:
        weight: Share of the entities that the new version answers.
        lasts: How long at least, in the time of the traffic.
    """

    weight: float = 0.5
    lasts: str = "28d"


class Guard(Record):
    """What a new version must not make worse than the arm beside it.

    Attributes:
        metric: `errors` or `timeouts` (share of the rows), `latency_p50`, `_p90`, `_p95` or `_p99`
            (seconds), `loss` (the error measure of the model's own question), a metric of rows such
            as `brier`, `log_loss`, `mae` or `pinball`, `score` (the distribution of the answers) or
            `reward` (what was sent as the label is to be large).
        margin: Largest change for the worse that counts as "no harm": a number in the metric's
            unit, or a part of the control's value such as "10%".
        required: Whether the next step waits until harm beyond the margin is ruled out. Otherwise
            the metric only looks out for harm.
        at_most: For `errors` and `timeouts`: the share that may fail at all, over the whole ramp.
        bounds: For `reward`: the least and the largest there can be; the bounds of what is known
            are then exact at any number of rows.
    """

    metric: str
    margin: float | str | None = None
    required: bool | None = None
    at_most: float | None = None
    bounds: tuple[float, float] | None = None


class Limits(Record):
    """What one caller may ask of a deployment.

    Attributes:
        requests_per_second: Requests of one caller; 0 for any number.
        rows_per_second: Rows of one caller; 0 for any number.
        burst_seconds: How much may come at once, in seconds of those rates.
        body_mib: Largest body in MiB.
    """

    requests_per_second: float = 0.0
    rows_per_second: float = 0.0
    burst_seconds: float = 2.0
    body_mib: float = 16.0


class Loading(Record):
    """What it may take to load a version, aside, while another one serves.

    Attributes:
        within: How long it may take, with its golden rows and its warm-up.
        memory: Most memory that the server may hold afterwards, such as `4GB`; empty for what the
            machine has.
    """

    within: str = "2m"
    memory: str = ""


class Journaling(Record):
    """How the predictions of a deployment are recorded.

    Attributes:
        mode: `durable` answers when the record is on disk; `written` when the operating system has
            it, which a power cut may lose for a second; `sampled` records a part of the requests,
            durably.
        sample: The part of the requests that is recorded where the mode is `sampled`.
        when_full: What happens while the disk is full, slow or broken: `refuse` answers 503,
            `count` answers and puts on record how many predictions are missing.
        lag_seconds: How long one write may take before the disk counts as slow.
        drop: Inputs that are not recorded.
    """

    mode: Literal["durable", "written", "sampled"] = "durable"
    sample: float = 0.1
    when_full: Literal["refuse", "count"] = "refuse"
    lag_seconds: float = 10.0
    drop: tuple[str, ...] = ()


class Deployment(Record):
    """A named place where a model answers.

    Attributes:
        model: Model that is served here, through releases; with another alias than `champion`,
            as `flights@staging`, the place follows that alias and has no releases.
        entity: Input that names whom a prediction is about; routing is sticky by it.
        strategy: How a new version takes over.
        canary: Settings of that strategy.
        shadow: Settings of that strategy.
        split: Settings of that strategy.
        calendar: When releases here may start and go on; the plan's, where nothing is said.
        guard: What a new version must not make worse; what is not said here has defaults.
        limits: What one caller may ask.
        journal: How predictions are recorded.
        loading: What loading a version may take.
        monitor_every: How often the monitors evaluate.
        false_alarms_per_year: Budget over all monitors of this deployment.
    """

    model: str
    entity: str = ""
    strategy: Strategy = "canary"
    canary: Canary = Canary()
    shadow: Shadow = Shadow()
    split: Split = Split()
    calendar: Calendar | None = None
    guard: tuple[Guard, ...] = ()
    limits: Limits = Limits()
    journal: Journaling = Journaling()
    loading: Loading = Loading()
    monitor_every: str = "7d"
    false_alarms_per_year: float = 1.0

    @property
    def followed(self) -> str:
        """The alias that the place follows; empty where releases say what serves."""
        alias = self.model.partition("@")[2]
        return "" if alias == "champion" else alias
