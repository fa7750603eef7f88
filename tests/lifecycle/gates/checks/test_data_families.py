"""The families of data checks, each alone on rows: what they find, and what is no finding."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import roc_auc_score

from trueup.lifecycle.gates.checks import conflicts, leakage, outliers, privacy, schema
from trueup.lifecycle.gates.records import CheckResult, Part
from trueup.lifecycle.gates.samples import Sample
from trueup.lifecycle.plan.data_demands import Conflicts, Outliers, Privacy, Schema
from trueup.lifecycle.plan.demands import Leakage

N = 2000


@pytest.fixture(scope="module")
def rows() -> pl.DataFrame:
    """Rows without any fault; the label follows `a`."""
    r = np.random.default_rng(3)
    a = r.normal(size=N)
    start = datetime(2026, 1, 1)
    return pl.DataFrame(
        {
            "a": a,
            "b": r.exponential(size=N),
            "kind": r.choice(["x", "y", "z"], N),
            "late": (r.random(N) < 1 / (1 + np.exp(-a))).astype(int),
            "at": [start + timedelta(minutes=m) for m in range(N)],
        }
    )


def part(result: CheckResult, name: str) -> Part:
    return next(each for each in result.parts if each.name == name)


# --- schema


def test_a_schema_is_kept_or_broken(rows: pl.DataFrame) -> None:
    text = '[columns.a]\ntype = "number"\nat_most = 100\n' + "".join(
        f'[columns.{name}]\ntype = "any"\n' for name in ("b", "kind", "late", "at")
    )
    kept = schema.check(Schema(file="s.toml", text=text), Sample("s", rows))
    assert (kept.outcome, kept.rows) == ("passed", N)
    broken = schema.check(Schema(file="s.toml", text=text), Sample("s", rows.with_columns(a=200)))
    assert broken.outcome == "failed"
    assert broken.words == "a: 2,000 of 2,000 rows lie above 100"


def test_a_schema_that_cannot_be_read_is_an_error_not_a_pass(rows: pl.DataFrame) -> None:
    found = schema.check(Schema(file="s.toml", text="columns = 1"), Sample("s", rows))
    assert found.outcome == "error"
    assert "s.toml" in found.words


def test_training_has_labels_and_serving_has_not(rows: pl.DataFrame) -> None:
    text = (
        'further_columns = "allow"\n[columns.late]\ntype = "whole"\nenvironments = ["training"]\n'
    )
    for environment, frame, outcome in [
        ("training", rows, "passed"),
        ("training", rows.drop("late"), "failed"),
        ("serving", rows.drop("late"), "passed"),
        ("serving", rows, "failed"),
    ]:
        demand = Schema(file="s.toml", text=text, environment=environment)
        assert schema.check(demand, Sample("s", frame)).outcome == outcome


@pytest.mark.parametrize(
    ("line", "outcome", "said"),
    [
        ("rows = { at_least = 1999 }", "passed", ""),
        ("rows = { at_most = 1999 }", "failed", "at most 1,999 are wanted"),
        ('unique = [["at"]]', "passed", ""),
        ('unique = [["kind", "late"]]', "failed", "repeat a value"),
        ('freshness = { column = "at", within = "2d" }', "passed", ""),
        ('freshness = { column = "at", within = "1h" }', "failed", "1h is the limit"),
        ('freshness = { column = "a", within = "1h" }', "failed", "neither dates nor moments"),
        ('[[rules]]\nname = "r"\nexpression = "b >= 0"', "passed", ""),
        ('[[rules]]\nname = "r"\nexpression = "b > 1"\nholds = 0.3', "passed", ""),
        ('[[rules]]\nname = "r"\nexpression = "b > 1"\nholds = 0.5', "failed", "break 'b > 1'"),
        ('[[rules]]\nname = "r"\nexpression = "mean(b) < 5"', "passed", ""),
        ('[[rules]]\nname = "r"\nexpression = "mean(b) > 5"', "failed", "is false"),
        ('[[rules]]\nname = "r"\nexpression = "bb > 1"', "error", "there is no column bb"),
        ('[[rules]]\nname = "r"\nexpression = "kind > 1"', "error", "cannot be used"),
        ('[[rules]]\nname = "r"\nexpression = "a + b"', "error", "it is no condition"),
        ('[[references]]\ncolumns = ["kind"]\ntable = "kinds"', "passed", ""),
        ('[[references]]\ncolumns = ["kind"]\ntable = "few"', "failed", "no counterpart in few"),
        ('[[references]]\ncolumns = ["kind"]\ntable = "gone"', "error", "'gone' was not given"),
        ('[[references]]\ncolumns = ["late"]\ntable = "kinds"\nto = ["kind"]', "error", "compared"),
    ],
)
def test_what_holds_between_rows_columns_and_tables(
    rows: pl.DataFrame, line: str, outcome: str, said: str
) -> None:
    sample = Sample(
        "s",
        rows,
        tables={
            "kinds": pl.DataFrame({"kind": ["x", "y", "z"]}),
            "few": pl.DataFrame({"kind": ["x"]}),
        },
        at=datetime(2026, 1, 3).astimezone(),
    )
    text = line if line.startswith("[[") else ""
    top = "" if text else line
    demand = Schema(file="s.toml", text=f'further_columns = "allow"\n{top}\n{text}\n')
    found = schema.check(demand, sample)
    assert (found.outcome, said in found.words) == (outcome, True), found.words


# --- leakage


@pytest.mark.parametrize("seed", range(3))
def test_the_auc_of_a_feature_is_that_of_scikit_learn(seed: int) -> None:
    r = np.random.default_rng(seed)
    label = r.integers(0, 2, 500)
    value = np.round(r.normal(size=500) + label, 1)  # with ties
    frame = pl.DataFrame({"v": value, "late": label})
    frame = frame.with_columns(v=pl.when(pl.int_range(500) % 7 == 0).then(None).otherwise("v"))
    there = frame.drop_nulls()
    found = leakage.check(Leakage(), Sample("s", frame, label="late"))
    oracle = roc_auc_score(there["late"], there["v"])
    assert part(found, "v").value == pytest.approx(max(oracle, 1 - oracle), abs=1e-9)


@pytest.mark.parametrize(
    ("leak", "said"),
    [
        (pl.col("late") * 3.5 + pl.col("b") * 1e-3, "AUC 1.0000"),
        (-pl.col("late"), "AUC 1.0000"),
        (pl.when(pl.col("late") == 1).then(pl.col("b")), "by whether it has a value"),
        (pl.col("late").cast(pl.String) + "!", "AUC 1.0000"),
        (pl.col("late") == 1, "AUC 1.0000"),
        (pl.lit(date(2026, 1, 1)).dt.offset_by(pl.format("{}d", "late")), "AUC 1.0000"),
    ],
)
def test_a_feature_that_tells_the_label_is_named(
    rows: pl.DataFrame, leak: pl.Expr, said: str
) -> None:
    found = leakage.check(Leakage(), Sample("s", rows.with_columns(leak=leak), label="late"))
    assert (found.outcome, part(found, "leak").outcome) == ("failed", "failed")
    assert said in part(found, "leak").words
    assert (
        leakage.check(
            Leakage(ignore=("leak",)), Sample("s", rows.with_columns(leak=leak), label="late")
        ).outcome
        == "passed"
    )


@pytest.mark.parametrize(
    "label",
    [
        pl.col("kind"),
        pl.col("b"),
        pl.when(pl.int_range(N) > 5).then(pl.col("late")),
    ],
)
def test_classes_numbers_and_gaps_of_labels_are_read(rows: pl.DataFrame, label: pl.Expr) -> None:
    honest = rows.select("a", target=label)
    assert leakage.check(Leakage(), Sample("s", honest, label="target")).outcome == "passed"
    leaky = honest.with_columns(leak=pl.col("target"))
    found = leakage.check(Leakage(), Sample("s", leaky, label="target"))
    assert part(found, "leak").outcome == "failed"


def test_many_values_of_text_are_no_leak_by_themselves(rows: pl.DataFrame) -> None:
    """Each of 2,000 values comes once: learned on one half, they tell nothing of the other."""
    names = rows.with_columns(name=pl.format("n{}", pl.int_range(N)))
    found = leakage.check(Leakage(), Sample("s", names, label="late"))
    assert found.outcome == "passed"


def test_few_rows_are_no_evidence_of_a_leak() -> None:
    r = np.random.default_rng(1)
    wide = pl.DataFrame({f"c{n}": r.normal(size=24) for n in range(3000)})
    found = leakage.check(
        Leakage(auc=0.9), Sample("s", wide.with_columns(y=pl.Series([0, 1] * 12)), label="y")
    )
    assert {p.outcome for p in found.parts} <= {"passed", "not-enough-data"}


def test_copies_with_noise_are_found(rows: pl.DataFrame) -> None:
    seen = rows.head(1000).drop("at")
    copies = seen.head(100).with_columns(pl.col("a") + 1e-9, pl.col("kind").str.to_uppercase())
    held = pl.concat([rows.tail(900).drop("at"), copies])
    found = leakage.check(Leakage(), Sample("s", held, label="late", reference=seen))
    assert part(found, "rows seen before").outcome == "passed"
    assert part(found, "rows nearly seen before").value == pytest.approx(0.1, abs=0.01)
    assert found.outcome == "failed"


def test_rows_that_are_older_than_those_learned_from_are_found(rows: pl.DataFrame) -> None:
    demand = Leakage(time="at")
    apart = Sample("s", rows.tail(1000), label="late", reference=rows.head(1000))
    assert leakage.check(demand, apart).outcome == "passed"
    mixed = Sample("s", rows.tail(1000), label="late", reference=rows.head(1200))
    found = part(leakage.check(demand, mixed), "time")
    assert (found.outcome, found.value) == ("failed", 0.2)


def test_what_is_known_only_after_the_label_is_found(rows: pl.DataFrame) -> None:
    later = rows.with_columns(paid_at=pl.col("at").dt.offset_by("3d"))
    sample = Sample("s", later, label="late")
    assert part(leakage.check(Leakage(time="at"), sample), "paid_at").outcome == "failed"
    named = leakage.check(Leakage(after=("b",)), sample)
    assert (named.outcome, "only after the label" in named.words) == ("failed", True)


def test_a_model_that_is_given_row_names_is_refused(rows: pl.DataFrame) -> None:
    numbered = rows.with_columns(user_id=pl.int_range(N).shuffle(1), number=pl.int_range(N))
    given = Sample("s", numbered, label="late", inputs=("a", "user_id", "number"))
    found = leakage.check(Leakage(), given)
    assert {p.name for p in found.parts if p.outcome == "failed"} == {"user_id", "number"}
    assert leakage.check(Leakage(), Sample("s", numbered, label="late")).outcome == "passed"


# --- conflicts


def test_equal_rows_with_other_labels_and_repeated_rows_are_found(rows: pl.DataFrame) -> None:
    assert conflicts.check(Conflicts(), Sample("s", rows, label="late")).outcome == "passed"
    torn = pl.concat([rows, rows.head(100).with_columns(late=1 - pl.col("late"))])
    found = conflicts.check(Conflicts(), Sample("s", torn, label="late"))
    assert part(found, "labels").value == pytest.approx(200 / 2100)
    assert (part(found, "labels").outcome, part(found, "repeated rows").outcome) == (
        "failed",
        "passed",
    )
    again = pl.concat([rows, rows.head(400)])
    found = conflicts.check(Conflicts(), Sample("s", again, label="late"))
    assert part(found, "repeated rows").value == pytest.approx(400 / 2400)
    assert part(found, "labels").outcome == "passed"


def test_coarse_rows_repeat_by_nature(rows: pl.DataFrame) -> None:
    found = conflicts.check(Conflicts(), Sample("s", rows.select("kind", "late"), label="late"))
    assert found.outcome == "not-applicable"
    assert "would repeat by chance" in found.parts[0].words


# --- outliers


@pytest.mark.parametrize("seed", range(4))
def test_no_shape_of_distribution_is_an_outlier(seed: int) -> None:
    r = np.random.default_rng(seed)
    n = 20_000
    frame = pl.DataFrame(
        {
            "normal": r.normal(size=n),
            "uniform": r.uniform(size=n),
            "price": np.exp(2 * r.normal(size=n)),
            "cauchy": r.standard_cauchy(n),
            "pareto": r.pareto(1.0, n),
            "count": r.poisson(0.1, n),
            "far": 1e9 + r.normal(size=n),
        }
    )
    found = outliers.check(Outliers(), Sample("s", frame))
    assert found.outcome == "passed", found.parts


@pytest.mark.parametrize("value", [-999.0, 1e7, float("inf")])
def test_marks_units_and_infinities_are_found(value: float) -> None:
    ages = np.random.default_rng(1).uniform(18, 90, 1000)
    ages[:4] = value
    found = outliers.check(Outliers(), Sample("s", pl.DataFrame({"age": ages})))
    assert (found.outcome, found.value) == ("failed", 0.004)
    assert "999" not in found.words
    allowed = outliers.check(Outliers(extreme=0.01), Sample("s", pl.DataFrame({"age": ages})))
    assert allowed.outcome == ("failed" if value == float("inf") else "passed")


# --- privacy


PERSONAL: dict[str, list[Any]] = {
    "contact": [f"user{i}@example.com" for i in range(50)],
    "note": ["call me: +49 30 901820" if i % 10 == 0 else "all fine" for i in range(50)],
    "paid_with": ["4111 1111 1111 1111", "5500-0000-0000-0004"] * 25,
    "account": ["GB82 WEST 1234 5698 7654 32"] * 50,
    "social": ["078-05-1120", "219-09-9999"] * 25,
    "burgerservice": [111222333, 123456782] * 25,
    "firstName": ["x"] * 50,
}


@pytest.mark.parametrize("name", PERSONAL)
def test_personal_data_is_named_and_never_shown(name: str) -> None:
    frame = pl.DataFrame({name: PERSONAL[name], "a": range(50)})
    found = privacy.check(Privacy(), Sample("s", frame))
    assert (found.outcome, found.advisory, found.refuses) == ("failed", True, False)
    assert [p.name for p in found.parts if p.outcome == "failed"] == [name]
    assert not any(str(value) in repr(found) for value in PERSONAL[name] if len(str(value)) > 1)
    assert privacy.check(Privacy(known=(name,)), Sample("s", frame)).outcome == "passed"


def test_numbers_by_chance_are_nobody() -> None:
    r = np.random.default_rng(5)
    frame = pl.DataFrame(
        {
            "nine": r.integers(10**8, 10**9, 2000),
            "eleven": r.integers(10**10, 10**11, 2000),
            "sixteen": [str(v) for v in r.integers(4 * 10**15, 5 * 10**15, 2000)],
            "dates": ["2013-01-01 10:00:00"] * 2000,
            "hashes": [f"{v:016x}" for v in r.integers(0, 2**63, 2000)],
            "versions": ["1.2.3-4567"] * 2000,
            "epoch": r.integers(1_600_000_000, 1_700_000_000, 2000),
            "amount": r.normal(size=2000) * 1e12,
        }
    )
    found = privacy.check(Privacy(), Sample("s", frame))
    assert found.outcome == "passed", found.parts
