"""What a plan can demand of a version before release: one record per family of checks.

A record holds the settings of its family; ``gates/checks/<kind>.py`` holds the check itself.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from msgspec import Meta

from trueup.lifecycle.plan.data_demands import Conflicts, Outliers, Privacy, Schema
from trueup.lifecycle.plan.demand import (
    Better,
    Confidence,
    Cut,
    Demand,
    Disturbance,
    FairnessMeasure,
    FewestRows,
    GateName,
    OnMissing,
    PairRule,
    Positive,
    ProperShare,
    Share,
)
from trueup.lifecycle.plan.engineering import (
    CodeTests,
    Determinism,
    FeatureValue,
    FileFormat,
    Reproduction,
    SignatureFits,
    Speed,
    Stability,
    Staleness,
)
from trueup.lifecycle.plan.trials import Minimum, Trial

__all__ = [
    "Answers",
    "AnyDemand",
    "Baseline",
    "Behaviour",
    "Better",
    "Calibration",
    "Champion",
    "CodeTests",
    "Confidence",
    "Conflicts",
    "Cut",
    "Demand",
    "Determinism",
    "Disturbance",
    "Drift",
    "Fairness",
    "FairnessMeasure",
    "FeatureValue",
    "FewestRows",
    "FileFormat",
    "Fuzzing",
    "GateName",
    "Leakage",
    "Limit",
    "OnMissing",
    "Outliers",
    "PairRule",
    "Positive",
    "Privacy",
    "ProperShare",
    "Reproduction",
    "Robustness",
    "Schema",
    "Share",
    "SignatureFits",
    "Skew",
    "Slices",
    "Speed",
    "Stability",
    "Staleness",
    "Weakness",
    "kind_of",
]


class Limit(Demand, tag="limit"):
    """A metric keeps a limit, with confidence.

    Attributes:
        metric: Name of the metric.
        at_least: Smallest value that will do (give this or `at_most`).
        at_most: Largest value that will do.
        confidence: One-sided confidence of the bound.
        min_rows: With fewer labelled rows the answer is "not enough data".
        on_missing: What rows without a label mean: an error, or to be left out and counted.
        better: Of a metric of the project: which direction is better; the goal's if left out.
    """

    metric: str
    at_least: float | None = None
    at_most: float | None = None
    confidence: float = 0.95
    min_rows: int = 500
    on_missing: OnMissing = "refuse"
    better: Better = ""


class Champion(Demand, tag="champion"):
    """The candidate beats the live version on the same rows.

    Attributes:
        metric: What both are measured by.
        margin: How much better; negative allows a little worse.
        confidence: One-sided confidence of the difference.
        rule: How the difference is judged; the metric's own way when left out (see `Gate`).
        on_missing: As of a limit.
        better: As of a limit.
    """

    metric: str
    margin: float = 0.0
    confidence: float = 0.95
    rule: PairRule = ""
    on_missing: OnMissing = "refuse"
    better: Better = ""


class Baseline(Demand, tag="baseline"):
    """The candidate beats what needs no learning, or a simpler model, on the same rows.

    Attributes:
        metric: What both are measured by.
        against: `constant`: what the training labels alone say, the same for every row; `last`: the
            value of a column, such as yesterday's; `linear` and `tree`: a logistic or linear model,
            a shallow tree, fitted on the training rows.
        column: For `last`: the column.
        margin: How much better; negative allows a little worse.
        confidence: One-sided confidence of the difference.
        rule: As of a champion.
        min_rows: As of a limit.
        on_missing: As of a limit.
        better: As of a limit.
    """

    metric: str
    against: Literal["constant", "last", "linear", "tree"] = "constant"
    column: str = ""
    margin: float = 0.0
    confidence: Confidence = 0.95
    rule: PairRule = ""
    min_rows: int = 100
    on_missing: OnMissing = "refuse"
    better: Better = ""

    def __post_init__(self) -> None:
        """A column says what the last value is, and nothing else."""
        if (self.against == "last") != bool(self.column):
            raise ValueError('column names the last value: write against = "last" with it')


class Answers(Demand, tag="answers"):
    """Every answer is what the model's task allows, and the same when asked twice."""


class Leakage(Demand, tag="leakage"):
    """Rows set aside are rows never trained on, and no feature gives the label away.

    Attributes:
        shared: Largest share of rows that may also be training rows.
        digits: Rows are compared a second time with numbers rounded to so many digits.
        time: Column of the moment a row is about: training rows must all be older.
        auc: Largest AUC that one feature alone may have for the label.
        after: Columns that are known only after the label.
        ignore: Columns that are no features.
    """

    shared: Annotated[float, Meta(ge=0, le=1)] = 0.01
    digits: Annotated[int, Meta(ge=1, le=12)] = 3
    time: str = ""
    auc: Annotated[float, Meta(ge=0.5, le=1)] = 0.99
    after: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()


class Slices(Demand, tag="slices"):
    """A metric keeps a limit in every slice of the rows, or is nowhere much worse than on all.

    Attributes:
        metric: Name of the metric.
        by: Columns whose values cut the rows; a list of columns cuts by all of them together.
        at_least: Smallest value that will do in a slice.
        at_most: Largest value that will do in a slice.
        gap: How much worse than on all rows a slice may be.
        quantiles: Into how many slices of equal rows a column of many numbers is cut.
        confidence: That every statement about slices holds at once.
        min_rows: A slice of fewer rows is not judged.
        cover: Share of the rows that must lie in slices proven good, for each cut.
        on_missing: As of a limit.
    """

    metric: str
    by: tuple[Cut, ...]
    at_least: float | None = None
    at_most: float | None = None
    gap: Positive | None = None
    quantiles: Annotated[int, Meta(ge=2, le=100)] = 4
    confidence: Confidence = 0.95
    min_rows: FewestRows = 100
    cover: Share = 0.9
    on_missing: OnMissing = "refuse"

    def unsound(self) -> str:
        """Why nothing could prove it; empty when it can be asked."""
        if self.at_least is None and self.at_most is None and self.gap is None:
            return "gives none of at_least, at_most and gap"
        if self.at_least is not None and self.at_most is not None:
            return "gives both at_least and at_most"
        return _no_cut(self.by)


class Weakness(Demand, tag="weakness"):
    """No slice of the rows is much worse than the others: searched on one half, shown on the other.

    Attributes:
        gap: How much higher the mean loss of a slice may be than that of the other rows.
        metric: The loss of a row: one whose value is a mean over rows.
        hard_rows: Whether rows that are hard by the model's own probabilities count as weak. When
            not, a row's loss is what exceeds the loss that its probabilities lead to expect.
        columns: Where to search; every input of the model when left out.
        depth: Most conditions that describe a slice.
        min_rows: Fewest rows of a slice.
        min_share: Smallest share of the rows.
        confidence: That nothing is found where nothing is.
        seed: Of the halves.
        on_missing: As of a limit.
    """

    gap: Annotated[float, Meta(ge=0)]
    metric: str = "brier"
    hard_rows: bool = False
    columns: tuple[str, ...] = ()
    depth: Annotated[int, Meta(ge=1, le=5)] = 3
    min_rows: Annotated[int, Meta(ge=20)] = 200
    min_share: Share = 0.02
    confidence: Confidence = 0.95
    seed: int = 0
    on_missing: OnMissing = "refuse"


class Calibration(Demand, tag="calibration"):
    """Probabilities keep their word: the expected calibration error stays below a limit.

    Attributes:
        at_most: Largest error that will do, on the bound.
        groups: Into how many groups of about equal rows the scores are cut.
        confidence: One-sided confidence of the bound.
        min_rows: With fewer labelled rows the answer is "not enough data".
        seed: Of the resamples.
        on_missing: As of a limit.
    """

    at_most: Positive
    groups: Annotated[int, Meta(ge=2, le=100)] = 15
    confidence: Confidence = 0.95
    min_rows: FewestRows = 500
    seed: int = 0
    on_missing: OnMissing = "refuse"


class Fairness(Demand, tag="fairness"):
    """Groups of people are decided alike.

    Attributes:
        by: Columns whose values make the groups; a list of columns makes them together.
        measure: What is compared over the groups, as Fairlearn defines it.
        at_most: Largest difference that will do.
        at_least: Smallest ratio that will do.
        threshold: A score from here on is a yes.
        quantiles: Into how many groups of equal rows a column of many numbers is cut.
        confidence: One-sided confidence of the bound.
        min_rows: A group whose rate rests on fewer rows is not compared.
        cover: Share of the rows that must lie in groups that are compared, for each cut.
        on_missing: As of a limit.
    """

    by: tuple[Cut, ...]
    measure: FairnessMeasure
    at_most: Share | None = None
    at_least: Share | None = None
    threshold: Share = 0.5
    quantiles: Annotated[int, Meta(ge=2, le=100)] = 4
    confidence: Confidence = 0.95
    min_rows: FewestRows = 50
    cover: Share = 0.9
    on_missing: OnMissing = "refuse"

    def unsound(self) -> str:
        """Why nothing could prove it; empty when it can be asked."""
        needed, other = self.at_most, self.at_least
        name = "at_most"
        if self.measure.endswith("ratio"):
            needed, other, name = other, needed, "at_least"
        if needed is None or other is not None:
            return f"compares by {self.measure}; give {name}, and nothing else"
        return _no_cut(self.by)


class Robustness(Demand, tag="robustness"):
    """A model keeps what it is worth when its inputs are disturbed, and never breaks.

    Attributes:
        metric: What a loss is measured by.
        loss: Most that the metric may lose, on the bound.
        moves: Largest share of decisions that may move among the disturbed rows, on the bound.
        under: The ways of disturbing.
        columns: What is disturbed; every input of the model when left out.
        together: Columns that go missing together, as those of one source do.
        noise: Levels of noise, in standard deviations of the training rows.
        share: Of the rows, how many lose a value or get another; noise comes to all.
        confidence: One-sided confidence of every bound.
        min_rows: With fewer labelled rows the answer is "not enough data".
        seed: Of chance.
        on_missing: As of a limit.
    """

    metric: str = ""
    loss: Positive | None = None
    moves: Share | None = None
    under: tuple[Disturbance, ...] = ("noise", "missing", "extremes", "swaps", "unseen")
    columns: tuple[str, ...] = ()
    together: tuple[tuple[str, ...], ...] = ()
    noise: tuple[Positive, ...] = (0.1,)
    share: Annotated[float, Meta(gt=0, le=1)] = 0.1
    confidence: Confidence = 0.95
    min_rows: FewestRows = 500
    seed: int = 0
    on_missing: OnMissing = "refuse"

    def unsound(self) -> str:
        """Why nothing could prove it; empty when it can be asked."""
        if self.loss is None and self.moves is None:
            return "gives neither loss nor moves"
        if (self.loss is None) != (not self.metric):
            return "needs metric and loss together"
        return "" if self.under else "names no way of disturbing in under"


class Behaviour(Demand, tag="behaviour"):
    """A model behaves as people who know the matter expect.

    Attributes:
        tests: What they expect.
        at_least: Share of rows on which an invariance or a direction holds, on the bound; what is
            a minimum holds on every row.
        rows: Most rows that are tried.
        confidence: One-sided confidence of the bounds.
        seed: Of chance.
    """

    tests: Annotated[tuple[Trial, ...], Meta(min_length=1)]
    at_least: Share = 0.95
    rows: FewestRows = 2000
    confidence: Confidence = 0.95
    seed: int = 0

    def unsound(self) -> str:
        """Why nothing could prove it; empty when it can be asked."""
        names = [test.name for test in self.tests]
        if len(set(names)) < len(names):
            return "has two tests of one name"
        for test in self.tests:
            if (
                isinstance(test, Minimum)
                and (test.at_least, test.at_most, test.says) == (None,) * 3
            ):
                return (
                    f"says nothing of the answers in '{test.name}'; give at_least, at_most or says"
                )
        return ""


class Fuzzing(Demand, tag="fuzzing"):
    """Whatever comes in, a model answers what its task allows, or refuses in words.

    Attributes:
        rows: Rows of a batch that is spoilt.
        batch: Rows of a very large batch.
        seconds: Time for each answer.
    """

    rows: FewestRows = 200
    batch: FewestRows = 100_000
    seconds: Positive = 30.0


class Drift(Demand, tag="drift"):
    """The rows look as those of the reference do, column by column.

    Attributes:
        effect: Smallest share of a column's rows whose change matters.
        false_alarms: Chance of any alarm if nothing changed, over all columns together.
        columns: Columns to compare; all but the label when left out.
        ignore: Columns to leave out.
    """

    effect: ProperShare = 0.05
    false_alarms: ProperShare = 0.05
    columns: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()


class Skew(Demand, tag="skew"):
    """The rows that are served look as those that were learned from, in the bins of the monitors.

    Attributes:
        psi: Largest population stability index, less what chance adds, that does not matter.
        unseen: Largest share of a column's values that training never saw.
        false_alarms: Chance of any alarm if nothing differs, over all columns together.
        ignore: Columns to leave out.
    """

    psi: Positive = 0.1
    unseen: Share = 0.01
    false_alarms: ProperShare = 0.05
    ignore: tuple[str, ...] = ()


AnyDemand: TypeAlias = (
    Limit
    | Champion
    | Baseline
    | Answers
    | Leakage
    | Schema
    | Conflicts
    | Outliers
    | Privacy
    | Speed
    | FileFormat
    | SignatureFits
    | Determinism
    | Slices
    | Weakness
    | Calibration
    | Fairness
    | Robustness
    | Behaviour
    | Fuzzing
    | Drift
    | Skew
    | Stability
    | Staleness
    | FeatureValue
    | Reproduction
    | CodeTests
)


def kind_of(demand: Demand) -> str:
    """The family that answers a demand.

    Example:
        >>> kind_of(Answers())
        'answers'
    """
    return str(demand.__struct_config__.tag)


def _no_cut(by: tuple[Cut, ...]) -> str:
    return "" if by and all(by) else "names no column in by"
