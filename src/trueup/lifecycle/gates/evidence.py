"""What the checks of a model look at: the model, the rows set aside, what it answers to them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from trueup.foundation import digests
from trueup.foundation.errors import TrueupError, UserCodeError
from trueup.foundation.records import builtins
from trueup.foundation.text import listing
from trueup.lifecycle.gates.rebuilding import Rebuild
from trueup.lifecycle.gates.records import Ground
from trueup.lifecycle.gates.samples import Sample
from trueup.lifecycle.models import answers
from trueup.lifecycle.models import rules as model_rules
from trueup.lifecycle.models.leave import NEVER, Leave
from trueup.lifecycle.models.records import ModelVersion, Signature
from trueup.lifecycle.models.service import load_predictor, read_rows
from trueup.lifecycle.plan.demands import OnMissing
from trueup.ports.blobs import Blobs
from trueup.ports.format import Predictor, Scores
from trueup.statistics.metrics import METRICS, Estimate, Metric, is_own, metric, own

_TIMED_CALLS = 50


@dataclass(frozen=True)
class ModelFile:
    """The file that a model is kept in.

    Attributes:
        format: Name of the file format.
        read: Its bytes.
        load: The model, loaded from them once more.
    """

    format: str
    read: Callable[[], bytes]
    load: Callable[[], Predictor]


@dataclass(frozen=True)
class Rival:
    """The live version that a candidate is compared with.

    Attributes:
        ref: Such as `flights@2`.
        scores: Its answers to the candidate's rows, of the shape of the candidate's; None when it
            cannot answer them.
        trouble: Why it cannot.
    """

    ref: str
    scores: Scores | None
    trouble: str = ""


@dataclass(frozen=True)
class Measures:
    """What a plan measures by, besides Trueup's own metrics.

    Attributes:
        functions: Metrics of the project by name, `module:function`.
        prints: Fingerprint of the code of every metric of the plan.
    """

    functions: Mapping[str, Callable[..., Any]] = field(default_factory=dict)
    prints: Mapping[str, str] = field(default_factory=dict)


NO_MEASURES: Final = Measures()


@dataclass(frozen=True)
class Evidence:
    """Everything that checks of a model rest on.

    Attributes:
        ref: The candidate, such as `flights@3`; any name for a model that is not registered.
        predict: The candidate itself.
        signature: What it takes and gives.
        holdout: The rows it is judged on, with the label.
        label: Column that is predicted.
        labels: Its values as metrics take them (see `models.answers.labels_of`), shape [n].
        scores: The candidate's answers, shape [n] or [n, k].
        again: The same question asked a second time.
        trained_on: Its training rows, with the label; None when they are not known.
        rival: The live version; None without one.
        file: What it is kept in; None for a model that was never kept.
        address: Digest of all this; empty where not all of it has a digest.
        measures: What it may be measured by, besides Trueup's own metrics.
        rebuild: Trains it again, and builds its code; None where that is not known.
    """

    ref: str
    predict: Predictor
    signature: Signature
    holdout: pl.DataFrame
    label: str
    labels: npt.NDArray[np.float64]
    scores: Scores
    again: Scores
    trained_on: pl.DataFrame | None = None
    rival: Rival | None = None
    file: ModelFile | None = None
    address: str = ""
    measures: Measures = NO_MEASURES
    rebuild: Rebuild | None = None

    @cached_property
    def inputs(self) -> pl.DataFrame:
        """The holdout as the model takes it: its columns, in its order and types."""
        return model_rules.conform(self.holdout, self.signature)

    @cached_property
    def beside(self) -> npt.NDArray[np.float64] | None:
        """What metrics need besides labels and scores: groups of rows, levels of columns."""
        return answers.beside_of(self.holdout, self.signature)

    @cached_property
    def milliseconds(self) -> npt.NDArray[np.float64]:
        """Times of single-row answers, shape [k]; taken only when a check asks for latency."""
        return _timed(self.predict, self.inputs)

    def sample(self, on: str = "holdout") -> Sample:
        """The rows set aside, beside those it learned from; or these alone, for `training`."""
        inputs = tuple(column.name for column in self.signature.inputs)
        if on == "training" and self.trained_on is not None:
            return Sample(
                name=f"training rows of {self.ref}",
                rows=self.trained_on,
                label=self.label,
                inputs=inputs,
            )
        return Sample(
            name=f"holdout of {self.ref}",
            rows=self.holdout,
            label=self.label,
            reference=self.trained_on,
            inputs=inputs,
        )

    def labelled(self, on_missing: OnMissing) -> Evidence:
        """The same evidence without the rows that have no label, where these may be left out."""
        has_label = ~np.isnan(self.labels)
        if on_missing == "refuse" or has_label.all():
            return self
        rival = self.rival
        if rival is not None and rival.scores is not None:
            rival = replace(rival, scores=rival.scores[has_label])
        return replace(
            self,
            holdout=self.holdout.filter(has_label),
            labels=self.labels[has_label],
            scores=self.scores[has_label],
            again=self.again[has_label],
            rival=rival,
            address="",
        )

    def trouble(self) -> str:
        """Why nothing can be measured on these rows; empty when it can."""
        values = self.holdout[self.label] if self.label in self.holdout.columns else ()
        told = answers.unfit_labels(self.labels, self.signature, values)
        if told:
            return told
        if self.signature.group and self.beside is not None and np.isnan(self.beside).any():
            return f"rows without a value in '{self.signature.group}' are ranked with none"
        return answers.unfit(self.scores, self.signature)[1]

    def metric(self, name: str, better: str = "") -> Metric:
        """The metric of that name, whether of Trueup or of the project.

        Raises:
            LookupError: There is none.
        """
        if not is_own(name):
            return metric(name)
        code = self.measures.functions.get(name)
        if code is None:
            raise LookupError(f"the metric '{name}' was not given with the evidence")
        direction: Literal["higher", "lower"] = "lower" if better == "lower" else "higher"
        groups = self.beside if self.signature.group else None
        return own(name, direction, code, self.holdout, groups)

    def why_not(self, metric: Metric) -> str:
        """Why a metric says nothing about a model of this task; empty when it does."""
        task = self.signature.task
        if metric.needs == "latency" or task in metric.tasks:
            return ""
        fit = [name for name, made in METRICS.items() if task in made.tasks]
        return (
            f"{metric.name} measures {' and '.join(metric.tasks)} models, and {self.ref} is a "
            f"{task} model: use one of {', '.join(fit)}"
        )

    def why_undefined(self) -> str:
        """What these rows lack where a metric is not defined on them, in words."""
        rows = len(self.labels)
        if not rows:
            return "there are no rows with a label"
        values = np.unique(self.labels)
        if len(values) > 1:
            return f"it is not defined on the answers to these {rows:,} rows"
        said: object = f"{values[0]:g}"
        if self.signature.classes:
            said = repr(self.signature.classes[int(values[0])])
        return f"the label is {said} in all {rows:,} rows, and that does not define it"

    def measured(self, metric: Metric, rows: npt.NDArray[np.int64] | None = None) -> Estimate:
        """A metric on the rows set aside, or on some of them."""
        if metric.needs == "latency":
            times = self.milliseconds
            return metric.estimate(np.zeros_like(times), times, np.ones_like(times))
        if rows is None:
            return metric.estimate(self.labels, self.scores, np.ones_like(self.labels), self.beside)
        labels, beside = self.labels[rows], self.beside
        if beside is not None and self.signature.group:
            beside = beside[rows]
        return metric.estimate(labels, self.scores[rows], np.ones_like(labels), beside)


class _Asked:
    """A model that says which rows it could not answer."""

    def __init__(self, predict: Predictor, ref: str, named: str) -> None:
        self._predict = predict
        self._said = f"{ref} cannot answer the rows of {named}"

    def __call__(self, rows: pl.DataFrame) -> Scores:
        try:
            return self._predict(rows)
        except TrueupError:
            raise
        except Exception as error:  # a library of models may fail in any way
            words = " ".join(str(error).split())[:300] or type(error).__name__
            raise UserCodeError(
                "candidate-cannot-answer",
                f"{self._said}: {words}",
                hint="trueup explain candidate-cannot-answer",
            ) from error


def gather(
    blobs: Blobs,
    version: ModelVersion,
    ground: Ground,
    champion: ModelVersion | None,
    allowed: Leave = NEVER,
    measures: Measures = NO_MEASURES,
    rebuild: Rebuild | None = None,
) -> Evidence:
    """Load candidate, champion and rows by their digests, and let both models answer."""
    manifest = version.manifest

    def load() -> Predictor:
        return load_predictor(blobs, manifest, allowed)

    signature = manifest.signature
    holdout = read_rows(blobs, ground.data)
    return collect(
        load(),
        holdout,
        ground.label,
        signature=signature,
        ref=version.ref,
        rows_named=ground.rows,
        trained_on=read_rows(blobs, ground.trained_on) if ground.trained_on else None,
        rival=None if champion is None else _rival(blobs, champion, holdout, signature, allowed),
        file=ModelFile(manifest.format, lambda: blobs.get(manifest.file), load),
        address=digests.of_record(
            {
                "model": version.digest,
                "ground": builtins(ground),
                "champion": champion.digest if champion else "",
            }
        ),
        measures=measures,
        rebuild=rebuild,
    )


def collect(
    predict: Predictor,
    holdout: pl.DataFrame,
    label: str,
    *,
    signature: Signature,
    ref: str = "model",
    rows_named: str = "the rows given",
    trained_on: pl.DataFrame | None = None,
    rival: Rival | None = None,
    file: ModelFile | None = None,
    address: str = "",
    measures: Measures = NO_MEASURES,
    rebuild: Rebuild | None = None,
) -> Evidence:
    """Let a model answer the rows it is judged on, twice.

    Raises:
        UserCodeError: It cannot answer them.
    """
    ask = _Asked(predict, ref, rows_named)
    inputs = model_rules.conform(holdout, signature)
    return Evidence(
        ref=ref,
        predict=ask,
        signature=signature,
        holdout=holdout,
        label=label,
        labels=answers.labels_of(holdout, label, signature),
        scores=ask(inputs),
        again=ask(inputs),
        trained_on=trained_on,
        rival=rival,
        file=file,
        address=address,
        measures=measures,
        rebuild=rebuild,
    )


def _rival(
    blobs: Blobs,
    champion: ModelVersion,
    holdout: pl.DataFrame,
    signature: Signature,
    allowed: Leave,
) -> Rival:
    manifest = champion.manifest
    known = manifest.signature
    if (known.task, set(known.classes), known.levels) != (
        signature.task,
        set(signature.classes),
        signature.levels,
    ):
        others = listing(map(str, (known.classes or known.levels)[:8]))
        words = f"it is a {known.task} model" + (f" of {others}" if others else "")
        return Rival(champion.ref, None, words)
    absent = [c.name for c in manifest.signature.inputs if c.name not in holdout.columns]
    if absent:
        return Rival(champion.ref, None, f"they lack {listing(absent[:5])}")
    answer = load_predictor(blobs, manifest, allowed)
    try:
        scores = answer(model_rules.conform(holdout, known))
        if known.classes != signature.classes:  # the same classes, in another order
            scores = scores[:, [known.classes.index(each) for each in signature.classes]]
        return Rival(champion.ref, scores)
    except (pl.exceptions.PolarsError, ValueError, TypeError) as error:
        return Rival(champion.ref, None, str(error).splitlines()[0])


def _timed(predict: Predictor, rows: pl.DataFrame) -> npt.NDArray[np.float64]:
    times = []
    for number in range(min(_TIMED_CALLS, rows.height)):
        row = rows.slice(number, 1)
        start = time.perf_counter()
        predict(row)
        times.append((time.perf_counter() - start) * 1000)
    return np.asarray(times, dtype=np.float64)
