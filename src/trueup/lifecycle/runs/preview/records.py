"""The nouns of a preview: what a run would do, why, and what it would take."""

from __future__ import annotations

from typing import Any, Literal

from trueup.foundation.records import Record
from trueup.lifecycle.pipeline.records import CacheEntry, Components

Decision = Literal["run", "reuse", "depends", "skip", "choose"]


class StepPlan(Record):
    """What a run would do with one step.

    Attributes:
        step: Name of the step in the pipeline.
        place: File and line of the call.
        decision: `run` and `reuse` are certain; `depends` means that it takes the result of a
            step that is to run, and may be reused if that comes out as before; `skip` means that
            its condition does not hold; `choose` is no step but a choice between two values.
        why: The reasons, in the words of the run itself.
        waits_for: Steps whose results are not there yet.
        takes: Where its arguments come from.
        seconds: What it took before, in the middle; None when it never ran.
        cost: What that costs; None when unknown or no rates are set.
        run: The run whose result is reused.
        items: How many items it goes over; None when it goes over none or that is not known.
        reused_items: How many of these are reused.
    """

    step: str
    place: str
    decision: Decision
    why: tuple[str, ...]
    waits_for: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()
    seconds: float | None = None
    cost: float | None = None
    run: str = ""
    items: int | None = None
    reused_items: int = 0


class RunPlan(Record):
    """What a run would do.

    Attributes:
        pipeline: Name of the pipeline.
        parameters: All parameter values.
        data: Dataset name to digest, as the files are now.
        steps: Its steps, in order.
        model: Model that it would make a version of; empty for none.
        seconds: What is certain to be spent, steps after each other.
        seconds_at_most: The same if nothing that depends on a result is reused.
        cost: What that costs; None when no rates are set.
        cost_at_most: The same if nothing that depends on a result is reused.
        currency: The unit of the costs.
        without_history: Steps that may run and never ran before: they are in no figure.
        verify_cache: Share of what is reused that would be computed again, besides.
    """

    pipeline: str
    parameters: dict[str, Any]
    data: dict[str, str]
    steps: tuple[StepPlan, ...]
    model: str = ""
    seconds: float = 0.0
    seconds_at_most: float = 0.0
    cost: float | None = None
    cost_at_most: float | None = None
    currency: str = ""
    without_history: tuple[str, ...] = ()
    verify_cache: float = 0.0

    def count(self, decision: Decision) -> int:
        """How many steps a decision was made for."""
        return sum(step.decision == decision for step in self.steps)


class KeyNow(Record):
    """The key of a step call as it is now, beside the kept result closest to it.

    Attributes:
        step: Name of the step in the pipeline.
        place: File and line of the call.
        decision: What a run would do with it.
        why: The reasons; empty when nothing differs.
        key: Its key; empty when there is none, or when it depends on results still to come.
        components: What the key is made of; None when it is not cached.
        waits_for: Steps whose results are not there yet; in the components their digest is `?`.
        closest: The result kept for the step that differs least, the newest of equals.
        same_key: The result kept under this very key.
    """

    step: str
    place: str
    decision: Decision
    why: tuple[str, ...]
    key: str = ""
    components: Components | None = None
    waits_for: tuple[str, ...] = ()
    closest: CacheEntry | None = None
    same_key: CacheEntry | None = None
