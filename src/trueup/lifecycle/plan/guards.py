"""What a deployment's guards may say, and what holds where a plan says nothing. Pure functions."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from trueup.foundation.questions import Task
from trueup.foundation.records import Record
from trueup.foundation.text import did_you_mean
from trueup.lifecycle.plan.deployments import Deployment, Guard

if TYPE_CHECKING:
    from trueup.statistics.metrics import Metric

FAILURES: Final = ("errors", "timeouts")
QUANTILES: Final = {f"latency_p{number}": number / 100 for number in (50, 90, 95, 99)}
_OTHERS: Final = ("loss", "score", "reward")
_MOST_RELATIVE: Final = 10.0

# The error measure of a question, where the plan does not name one; a ranking has none by row.
LOSSES: Final[Mapping[Task, str]] = {
    "binary": "brier",
    "multiclass": "brier",
    "regression": "mae",
    "quantile": "pinball",
}


class Margin(Record):
    """How much worse counts as no harm.

    Attributes:
        least: In the metric's unit, whatever the control does.
        part: Of the control's value.
    """

    least: float = 0.0
    part: float = 0.0

    def allowed(self, control: float) -> float:
        """The largest change for the worse beside this value of the control."""
        return max(self.least, self.part * abs(control))


class Guarded(Record):
    """A guard with everything said.

    Attributes:
        metric: Its name; never `loss`, but the metric that stands for it.
        margin: How much worse counts as no harm; None where only a change is told.
        required: Whether the next step waits for it.
        at_most: Share of the rows that may fail at all.
        bounds: Between which values a reward lies.
    """

    metric: str
    margin: Margin | None
    required: bool
    at_most: float | None = None
    bounds: tuple[float, float] | None = None


def guarded(deployment: Deployment, task: Task) -> tuple[Guarded, ...]:
    """What is looked at while a new version is tried out: the plan's guards among the defaults.

    Errors and the loss of the model's question are required; latency and the distribution of the
    scores are looked at.
    """
    loss = LOSSES.get(task, "")
    in_shares = task in ("binary", "multiclass")
    usual = {
        "errors": Guarded(metric="errors", margin=Margin(least=0.01), required=True),
        "latency_p95": Guarded(
            metric="latency_p95", margin=Margin(least=0.005, part=0.25), required=False
        ),
        loss: Guarded(
            metric=loss,
            margin=Margin(least=deployment.canary.margin) if in_shares else Margin(part=0.05),
            required=True,
        ),
        "score": Guarded(metric="score", margin=None, required=False),
    }
    usual.pop("", None)
    said = {loss if guard.metric == "loss" else guard.metric: guard for guard in deployment.guard}
    if any(name not in (*usual, *FAILURES, *QUANTILES) for name in said):
        # The plan names what its labels are judged by.
        said.setdefault(loss, Guard(metric=loss, required=False))
    if any(name in QUANTILES for name in said) and "latency_p95" not in said:
        del usual["latency_p95"]
    return tuple(
        _with_defaults(name, said.get(name), usual.get(name)) for name in {**usual, **said}
    )


def problems(guards: Sequence[Guard], metrics: Mapping[str, Metric]) -> Iterator[str]:
    """What is wrong with guards, each as the end of a sentence."""
    seen = set()
    for guard in guards:
        name = guard.metric
        if name in seen:
            yield f"for '{name}' twice"
        seen.add(name)
        if name not in (*FAILURES, *QUANTILES, *_OTHERS):
            known = {key for key, metric in metrics.items() if _is_of_rows(metric)}
            if name not in known:
                near = did_you_mean(name, [*FAILURES, *QUANTILES, *_OTHERS, *known])
                yield f"for '{name}', which is no mean over rows.{near}"
        if guard.margin is not None and margin(guard.margin) is None:
            yield f"for '{name}' with margin {guard.margin!r}; write 0.01, or \"10%\" of the rest"
        if name == "reward" and guard.margin is None:
            yield "for 'reward' without a margin; how much less reward is no harm?"
        if guard.at_most is not None and (name not in FAILURES or not 0 < guard.at_most < 1):
            yield f"for '{name}' with at_most {guard.at_most}; it is a share, such as 0.02"
        if guard.bounds is not None and (name != "reward" or not guard.bounds[0] < guard.bounds[1]):
            yield f"for '{name}' with bounds {list(guard.bounds)}; only a reward has them, rising"
        if name == "score" and (guard.margin is not None or guard.required):
            yield "for 'score' with a margin or required; a change of the scores is only told"


def margin(said: float | str) -> Margin | None:
    """A margin as a plan writes it; None if it is none.

    Example:
        >>> margin("10%"), margin(0.5), margin("much")
        (Margin(least=0.0, part=0.1), Margin(least=0.5, part=0.0), None)
    """
    is_part = isinstance(said, str)
    try:
        value = float(said.strip().removesuffix("%")) / 100 if isinstance(said, str) else said
    except ValueError:
        return None
    if is_part and not str(said).strip().endswith("%"):
        return None
    if not (math.isfinite(value) and value > 0) or (is_part and value > _MOST_RELATIVE):
        return None
    return Margin(part=value) if is_part else Margin(least=value)


def _with_defaults(name: str, said: Guard | None, usual: Guarded | None) -> Guarded:
    if said is None:
        assert usual is not None
        return usual
    own = margin(said.margin) if said.margin is not None else None
    if own is not None and own.part and name in QUANTILES:
        own = Margin(least=0.005, part=own.part)  # a few milliseconds are never harm
    if own is None:
        if usual is not None:
            own = usual.margin
        elif name in FAILURES:
            own = Margin(least=0.01)
        else:
            own = Margin(least=0.005 if name in QUANTILES else 0.0, part=0.25)
    required = said.required if said.required is not None else name != "score"
    return Guarded(
        metric=name,
        margin=own,
        required=required,
        at_most=said.at_most,
        bounds=said.bounds,
    )


def _is_of_rows(metric: Metric) -> bool:
    is_mean = metric.row_value is not None and not metric.is_magnitude
    return is_mean and metric.needs == "labels" and metric.better != "neither"
