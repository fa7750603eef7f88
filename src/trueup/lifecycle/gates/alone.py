"""Checks by themselves, in Python: of a model on rows, or of rows alone; no plan, no registry.

The same families as in a gate, with the same settings. Read ``families.py`` first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

import msgspec

from trueup.foundation.errors import GateFailedError, MissingExtraError, UsageError
from trueup.foundation.text import did_you_mean, plural
from trueup.lifecycle.gates import rules, running
from trueup.lifecycle.gates.families import family_of
from trueup.lifecycle.gates.records import CheckResult
from trueup.lifecycle.models import answers
from trueup.lifecycle.models import rules as model_rules
from trueup.lifecycle.pipeline.passing import frames
from trueup.lifecycle.plan.demand import Demand
from trueup.lifecycle.plan.demands import AnyDemand
from trueup.ports import loading
from trueup.ports.format import Predictor
from trueup.rendering import words

if TYPE_CHECKING:
    import polars as pl

    from trueup.foundation.questions import Task

Wanted = str | Mapping[str, Any] | Demand
"""A check: its kind, its kind with settings as in `trueup.toml`, or a demand."""
_KINDS: Final[dict[str, type[Demand]]] = {
    str(each.__struct_config__.tag): each for each in get_args(AnyDemand)
}


class Findings(Sequence[CheckResult]):
    """What checks found, in their order.

    Example:
        >>> found = Findings([CheckResult(check="answers", outcome="passed", words="all repeat")])
        >>> found.passed, str(found)
        (True, '✓ answers: all repeat')
    """

    def __init__(self, results: Iterable[CheckResult]) -> None:
        self._results = tuple(results)

    def __getitem__(self, index: Any) -> Any:
        return self._results[index]

    def __len__(self) -> int:
        return len(self._results)

    @property
    def passed(self) -> bool:
        """Whether there is evidence, and all of it is good."""
        return rules.outcome_of(self._results) == "PASSED"

    def require(self) -> Findings:
        """These findings, if they passed.

        Raises:
            GateFailedError: They did not; with the checks that refuse.
        """
        if self.passed:
            return self
        bad = [result for result in self._results if result.refuses]
        said = "; ".join(f"{each.name}: {each.words}" for each in bad[:3]) or "nothing was checked"
        raise GateFailedError(
            "check-failed",
            f"{plural(len(bad), 'check')} of {len(self)} did not pass: {said}.",
            hint="trueup explain check-failed",
            context={"failing": [msgspec.to_builtins(each) for each in bad]},
        )

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        for each in self._results:
            yield f"{words.state(each.outcome).mark} {each.name}: {each.words}"

    def _repr_html_(self) -> str:
        from html import escape

        rows = "".join(
            f"<tr><td>{words.state(each.outcome).mark}</td><th>{escape(each.name)}</th>"
            f"<td>{escape(each.words)}</td></tr>"
            for each in self._results
        )
        return f"<table>{rows}</table>"


def check_model(
    model: Any,
    rows: Any,
    *,
    label: str,
    checks: Iterable[Wanted] = (),
    trained_on: Any = None,
    task: Task | Literal[""] = "",
    name: str = "model",
) -> Findings:
    """Check a model on labelled rows that it has not seen.

    Args:
        model: A fitted model of a format that Trueup knows, or a function from a Polars frame to
            one number a row, or several.
        rows: A frame of any library: the model's inputs and the label.
        label: The column that is predicted.
        checks: What to check: kinds such as `"answers"`, or `{"kind": "limit", "metric":
            "roc_auc", "at_least": 0.7}` as in a goal of `trueup.toml`; all that need no settings
            when left out.
        trained_on: The rows it learned from, with the label, if they are known.
        task: The kind of question it answers; said by label and model when left out.
        name: What it is called in findings.

    Raises:
        UsageError: A check is unknown or its settings are wrong, or the rows have no such label.
        UserCodeError: The model cannot answer the rows.

    Example:
        >>> import polars as pl
        >>> rows = pl.DataFrame({"a": [0.1, 0.9], "late": [0, 1]})
        >>> found = check_model(lambda frame: frame["a"].to_numpy(), rows, label="late",
        ...                     checks=["answers"])
        >>> print(found)
        ✓ answers: 2 answers lie in 0 to 1 and repeat exactly
    """
    from trueup.foundation.questions import Question
    from trueup.lifecycle.gates.evidence import collect

    holdout = frames.as_polars(rows)
    seen = None if trained_on is None else frames.as_polars(trained_on)
    predict = _predictor(model)
    signature = model_rules.signature_of(holdout, label)
    given = predict(model_rules.conform(holdout, signature))
    width = given.shape[1] if given.ndim > 1 else 1
    question = answers.question_of(Question(task=task), holdout[label], width)
    signature = model_rules.signature_of(holdout, label, question)
    evidence = collect(
        answers.Shaped(predict, signature),
        holdout,
        label,
        signature=signature,
        ref=name,
        trained_on=seen,
    )
    wanted = demands(checks, "evidence")
    return Findings(running.run([running.Asked("", each) for each in wanted], evidence))


def check_data(
    rows: Any,
    *,
    label: str = "",
    checks: Iterable[Wanted] = (),
    reference: Any = None,
    environment: str = "training",
    name: str = "rows",
) -> Findings:
    """Check rows.

    Args:
        rows: A frame of any library.
        label: The column that is predicted, if there is one.
        checks: As of `check_model`.
        reference: Rows to compare with.
        environment: What the rows are for: `training` has labels, `serving` has not.
        name: What they are called in findings.

    Raises:
        UsageError: A check is unknown, or its settings are wrong.
    """
    from trueup.lifecycle.gates.samples import Sample

    sample = Sample(
        name=name,
        rows=frames.as_polars(rows),
        label=label,
        reference=None if reference is None else frames.as_polars(reference),
        environment=environment,
    )
    return Findings(running.of_sample(each, sample) for each in demands(checks, "sample"))


def demands(checks: Iterable[Wanted], takes: Literal["evidence", "sample"]) -> list[AnyDemand]:
    """The demands that are meant; all of a sort that need no settings when none is named.

    Raises:
        UsageError: A check is unknown, or its settings are wrong.
    """
    named = [_demand(each) for each in checks]
    return named or [each for each in without_settings() if takes == family_of(each).TAKES]


def without_settings() -> Iterator[AnyDemand]:
    """Every demand that asks something as it is."""
    for kind in _KINDS.values():
        try:
            made: Any = kind()
        except (TypeError, ValueError):  # a setting is required, or one of several
            continue
        if not made.unsound():
            yield made


def _demand(wanted: Wanted) -> AnyDemand:
    if isinstance(wanted, Demand):
        return wanted  # type: ignore[return-value]
    said = {"kind": wanted} if isinstance(wanted, str) else dict(wanted)
    kind = str(said.get("kind", ""))
    if kind not in _KINDS:
        raise UsageError(
            "check-unknown",
            f"There is no check '{kind}'.{did_you_mean(kind, _KINDS)}",
            hint=f"use one of: {', '.join(sorted(_KINDS))}",
        )
    made: Any = None
    try:
        made = msgspec.convert(said, AnyDemand)
        wrong = made.unsound()
    except msgspec.ValidationError as error:
        wrong = str(error)
    if wrong:
        fields = ", ".join(_KINDS[kind].__struct_fields__)
        raise UsageError(
            "check-malformed",
            f"The check '{kind}' cannot be made like this: {wrong}.",
            hint=f"its settings are: {fields or 'none'}",
        )
    return made  # type: ignore[no-any-return]


def _predictor(model: Any) -> Predictor:
    missing: MissingExtraError | None = None
    for name in loading.names("formats"):
        try:
            format_ = loading.load("formats", name)()
        except MissingExtraError as error:
            missing = error
            continue
        if not format_.runs_code and format_.accepts(model):
            found: Predictor = format_.predictor(model)
            return found
    if callable(model):
        return _called(model)
    if missing is not None:
        raise missing
    raise UsageError(
        "model-unknown",
        f"A {type(model).__name__} is no model of a format that is known, and no function.",
        hint="give a function that takes a Polars frame and returns one number a row",
    )


def _called(function: Callable[[pl.DataFrame], Any]) -> Predictor:
    import numpy as np

    def predict(rows: pl.DataFrame) -> Any:
        return np.asarray(function(rows), dtype=np.float64)

    return predict
