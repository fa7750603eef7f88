"""The nouns of runs."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, Literal

from trueup.foundation.questions import Question
from trueup.foundation.records import Record
from trueup.lifecycle.pipeline.records import CacheEntry, StoredValue
from trueup.lifecycle.runs.reproductions.records import Reproduction, StepDifference

RunState = Literal["running", "finished", "failed", "interrupted", "lost"]
StepState = Literal["finished", "failed", "interrupted", "skipped"]


class RunOptions(Record):
    """How a pipeline is to be run; none of it belongs to what is run.

    Attributes:
        engine: URL of the engine that runs the steps.
        workers: How many steps may run at once; 0 for as many as there are cores.
        from_step: Run this step and all that follow from it again, whatever the cache holds.
        only_step: Run this step alone; what it takes must be in the cache.
        verify_cache: Share of the reused results to compute again and compare, 0 to 1.
        share: Whether results are shared through a remote; None for what trueup.toml says.
    """

    engine: str = "processes://"
    workers: int = 0
    from_step: str = ""
    only_step: str = ""
    verify_cache: float = 0.0
    share: bool | None = None


class Cause(Record):
    """What a run is made for.

    Attributes:
        by: What asked for it: a slot of a schedule, an event, a proposal; empty for a person.
        reason: The same in words.
        run: The identifier kept free for the run; empty for a new one.
        sweep: Identifier of the sweep or back-fill that it belongs to.
        partition: The part of the data that it covers.
    """

    by: str = ""
    reason: str = ""
    run: str = ""
    sweep: str = ""
    partition: str = ""


BY_HAND: Final = Cause()


class RunError(Record):
    """Why a run did not finish."""

    code: str
    message: str
    hint: str = ""


class Candidate(Record):
    """What a run offers as a new model version.

    Attributes:
        model: The fitted model.
        trained_on: The rows it was fitted on.
        holdout: Rows it has not seen.
        label: The column that it predicts; both row sets have it.
        question: What was said about the question that it answers.
    """

    model: StoredValue
    trained_on: StoredValue
    holdout: StoredValue
    label: str
    question: Question = Question()


class Run(Record):
    """One execution of a pipeline.

    Attributes:
        id: Short identifier.
        pipeline: Name of the pipeline.
        model: Model that its candidate becomes a version of; empty when it makes none.
        state: Where it stands; `lost` when its process died without a word.
        parameters: All parameter values.
        commit: Git commit of the project; empty when unknown.
        dirty: Whether files differed from that commit.
        code: Fingerprint of the pipeline and all steps; empty when it could not be taken.
        data: Dataset name to snapshot digest, for the datasets it reads.
        environment: Digest of the environment (an `Environment` as JSON).
        caused_by: What asked for it; empty when a person started it.
        reason: The same in words.
        sweep: Identifier of the sweep or back-fill that it belongs to.
        partition: The part of the data that it covers.
        started_by: Who.
        started_at: When.
        ended_at: When it ended, or was found lost.
        error: Why it did not finish.
        candidate: What it offers; None until it has finished, or when it makes no model.
        source: Digest of the record by which the code can be built again (a `Code` as JSON).
    """

    id: str
    pipeline: str
    model: str
    state: RunState
    parameters: dict[str, Any]
    commit: str
    dirty: bool
    code: str
    data: dict[str, str]
    environment: str
    caused_by: str
    started_by: str
    started_at: datetime
    ended_at: datetime | None = None
    error: RunError | None = None
    candidate: Candidate | None = None
    reason: str = ""
    sweep: str = ""
    partition: str = ""
    source: str = ""

    @property
    def ref(self) -> str:
        """The reference of this run, such as `run:7k3f9qd2`."""
        return f"run:{self.id}"


class Taken(Record):
    """A value that comes from elsewhere: from another step, or from a dataset.

    Attributes:
        argument: What takes it, with the place in it, such as `models.0`; empty for a condition.
        step: Position of the step it comes from; 0 for a dataset.
        dataset: Name of the dataset; empty for a step.
        part: Which part of a result, such as `train`; empty for the whole.
        wanted: For a condition, what the value must be; None for an argument.
    """

    argument: str = ""
    step: int = 0
    dataset: str = ""
    part: str = ""
    wanted: bool | None = None


class PlannedStep(Record):
    """One step of a pipeline as it was drawn.

    Attributes:
        position: Place in the pipeline, from 1.
        name: Unique in the pipeline.
        step: The step that is called; empty for a choice between two values.
        place: File and line of the call.
        takes: The values that come from elsewhere.
        values: The other arguments, in short.
        over: The arguments that are lists to be taken item by item.
    """

    position: int
    name: str
    step: str
    place: str
    takes: tuple[Taken, ...] = ()
    values: dict[str, str] = {}
    over: tuple[str, ...] = ()


class StepRun(Record):
    """One step of a run, or one item of a step that goes over a list, recorded when it ended.

    Attributes:
        run: Identifier of the run.
        position: Place in the pipeline, from 1.
        step: Name of the step in the pipeline; of an item with its number, such as `train[3]`.
        state: How it ended; `skipped` when it was not to run.
        cached: Whether an earlier result was reused; of a step over a list, whether all were.
        key: Its cache key; empty when it cannot be cached.
        why: Why it ran, was reused or skipped, one reason each.
        seconds: How long it took, over all attempts, without the waits between them.
        started_at: When it began.
        place: File and line of the call.
        outputs: What it returned; None when it did not finish.
        item: Number of the item, from 0; -1 for the step itself.
        items: How many items the step goes over; 0 when it goes over none.
        reused: How many of them were reused.
        attempts: How often it was tried; 0 when it was reused or skipped.
        cpu_seconds: Processor time of all attempts.
        peak_memory: Largest memory of an attempt in bytes; 0 when unknown.
        worker: The process of the last attempt.
        log: Digest of what the last attempt printed; empty when it printed nothing.
    """

    run: str
    position: int
    step: str
    state: StepState
    cached: bool
    key: str
    why: tuple[str, ...]
    seconds: float
    started_at: datetime
    place: str
    outputs: StoredValue | None = None
    item: int = -1
    items: int = 0
    reused: int = 0
    attempts: int = 0
    cpu_seconds: float = 0.0
    peak_memory: int = 0
    worker: str = ""
    log: str = ""


class StepAttempt(Record):
    """One try at a step, recorded when it ended.

    Attributes:
        run: Identifier of the run.
        position: Place of the step in the pipeline, from 1.
        item: Number of the item, from 0; -1 for the step itself.
        number: Which try, from 1.
        step: Name of the step, of an item with its number.
        state: How it ended.
        started_at: When it began.
        seconds: Wall time.
        cpu_seconds: Processor time.
        peak_memory: Largest memory in bytes; 0 when unknown.
        worker: The process, such as `host/4711`.
        exit: How the process ended when the step did not return: `exit code 3`, `SIGSEGV`.
        error: Why it failed.
        log: Digest of what it printed; empty when it printed nothing.
    """

    run: str
    position: int
    item: int
    number: int
    step: str
    state: StepState
    started_at: datetime
    seconds: float
    cpu_seconds: float = 0.0
    peak_memory: int = 0
    worker: str = ""
    exit: str = ""
    error: RunError | None = None
    log: str = ""


class Ended(Record):
    """A step or item that ended, with all that is recorded about it at once.

    Attributes:
        step: How it ended.
        metrics: The numbers that it returned.
        keep: Its result for the cache.
    """

    step: StepRun
    metrics: dict[str, float] = {}
    keep: CacheEntry | None = None


class Metric(Record):
    """One number that a step of a run reported.

    Attributes:
        run: Identifier of the run.
        step: Name of the step that returned it.
        name: Name of the number.
        value: The number.
        at: When it was reported.
    """

    run: str
    step: str
    name: str
    value: float
    at: datetime


class RunDetail(Record):
    """A run with its steps in order, its metrics, and the attempts that did not finish.

    `outline` are all its steps, also those that have not ended; `findings` are results that came
    out otherwise when the cache was verified, and `reproductions` say how it went to make it again.
    """

    run: Run
    steps: tuple[StepRun, ...]
    metrics: tuple[Metric, ...]
    reproductions: tuple[Reproduction, ...] = ()
    findings: tuple[StepDifference, ...] = ()
    failures: tuple[StepAttempt, ...] = ()
    outline: tuple[PlannedStep, ...] = ()


class ItemPage(Record):
    """Some items of a step in order; `next` continues the list, and is -1 at its end."""

    items: tuple[StepRun, ...]
    next: int = -1


class ItemCounts(Record):
    """How the items of one step have ended so far.

    Attributes:
        position: Place of the step in the pipeline, from 1.
        reused: Items whose earlier result was reused.
        states: How many of the others ended in each state.
        failed: Names of the first that failed.
    """

    position: int
    reused: int = 0
    states: dict[StepState, int] = {}
    failed: tuple[str, ...] = ()


class RunPage(Record):
    """Some runs, newest first; `next` continues the list, and is empty at its end."""

    runs: tuple[Run, ...]
    next: str = ""


class StepProgress(Record):
    """What a caller of `execute` is told as it goes.

    Attributes:
        run: Identifier of the run.
        step: Name of the step, of an item with its number.
        position: Place in the pipeline, from 1.
        total: Steps in the pipeline.
        state: `starting` while the engine's workers import, `started`, `reused`, `finished`,
            `failed`, `interrupted`, `skipped`, or `retried` when an attempt failed and another
            follows.
        why: Why it runs, is reused or is skipped; of a failed attempt, the error.
        seconds: How long it took; 0 when it has just started.
        log: File that gets what the attempt prints; told when it starts.
        item: Number of the item, from 0; -1 for the step itself.
        items: How many items the step goes over.
        ended: How many of these have ended.
        notice: Something about the run as a whole; then no step is named.
    """

    run: str
    step: str
    position: int
    total: int
    state: Literal[
        "starting",
        "started",
        "reused",
        "finished",
        "failed",
        "interrupted",
        "skipped",
        "retried",
        "notice",
    ]
    why: tuple[str, ...] = ()
    seconds: float = 0.0
    log: str = ""
    item: int = -1
    items: int = 0
    ended: int = 0
    notice: str = ""


class Process(Record):
    """The process that executes a run.

    Attributes:
        machine: Machine, boot and process namespace: where the number means something.
        pid: Its number there.
        born: When the kernel started it, so that a reused number is told apart.
    """

    machine: str
    pid: int
    born: str
