"""Will this flight arrive more than fifteen minutes late?

Asked before it leaves, answered from what is known by then.
"""

import polars as pl
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OrdinalEncoder

from trueup import candidate, data, pipeline, step

LATE = 15  # minutes after the scheduled arrival
NAMES = ["carrier", "origin", "dest"]
WEATHER = ["temp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib"]
NUMBERS = ["departs", "arrives", "minutes", "weekday", "distance", "age", "seats", *WEATHER]


@step
def clean(flights: pl.DataFrame) -> pl.DataFrame:
    """The flights that did arrive, with their label. (Cancelled and diverted ones have none.)"""
    arrived = flights.filter(pl.col("arr_delay").is_not_null())
    return arrived.with_columns(late=(pl.col("arr_delay") > LATE).cast(pl.Int8))


@step(features="flights")
def features(flights: pl.DataFrame, weather: pl.DataFrame, planes: pl.DataFrame) -> pl.DataFrame:
    """What is known before departure, one row per flight, in the order given; what is unknown stays null.

    Nothing here looks at the label or at another flight, so the live client calls this very function.
    """
    # time_hour is UTC in both tables, so summer time is no trap.
    weather = weather.select("origin", "time_hour", *WEATHER)
    planes = planes.select("tailnum", "seats", built="year")
    known = flights.join(weather, on=["origin", "time_hour"], how="left", maintain_order="left")
    known = known.join(planes, on="tailnum", how="left", maintain_order="left")
    numbers = known.with_columns(
        departs=clock("sched_dep_time"),
        arrives=clock("sched_arr_time"),
        minutes=(clock("sched_arr_time") - clock("sched_dep_time")) % (24 * 60),
        weekday=pl.date("year", "month", "day").dt.weekday(),
        age=pl.col("year") - pl.col("built"),
    )
    extras = [column for column in ("time_hour", "late") if column in known.columns]
    return numbers.select(*NAMES, pl.col(NUMBERS).cast(pl.Float64), *extras)


def clock(column: str) -> pl.Expr:
    """Minutes since midnight of a time written like 1745."""
    return pl.col(column) // 100 * 60 + pl.col(column) % 100


@step
def split(rows: pl.DataFrame, holdout_days: int) -> dict[str, pl.DataFrame]:
    """Train on the past, hold out the last days: a model is judged on days it has not seen."""
    hour = pl.col("time_hour").str.to_datetime("%Y-%m-%dT%H:%M:%SZ")
    is_recent = hour > hour.max() - pl.duration(days=holdout_days)
    return {
        "train": rows.filter(~is_recent).drop("time_hour"),
        "holdout": rows.filter(is_recent).drop("time_hour"),
    }


@step(cpus=2, retries=1)
def train(rows: pl.DataFrame, iterations: int = 30, depth: int = 4, seed: int = 13) -> Pipeline:
    """Boosted trees. They take missing numbers as they are; a name never seen before becomes -1."""
    names = OrdinalEncoder(
        handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-1
    )
    model = make_pipeline(
        make_column_transformer((names, NAMES), ("passthrough", NUMBERS)),
        HistGradientBoostingClassifier(
            max_iter=iterations, max_depth=depth, learning_rate=0.2, random_state=seed
        ),
    )
    return model.fit(rows, rows["late"].to_numpy())


@step
def evaluate(model: Pipeline, rows: pl.DataFrame) -> dict[str, float]:
    """Numbers for the run's page. The gate trusts none of them: it scores the holdout itself."""
    late, score = rows["late"].to_numpy(), model.predict_proba(rows)[:, 1]
    return {
        "roc_auc": roc_auc_score(late, score),
        "log_loss": log_loss(late, score),
        "brier": brier_score_loss(late, score),
        "calibration_gap": float(abs(score.mean() - late.mean())),
    }


@pipeline(model="flights")
def flights(holdout_days: int = 14, iterations: int = 30, depth: int = 4):
    rows = features(clean(data("flights")), data("weather"), data("planes"))
    parts = split(rows, holdout_days)
    classifier = train(parts["train"], iterations, depth)
    evaluate(classifier, parts["holdout"])
    return candidate(classifier, trained_on=parts["train"], holdout=parts["holdout"], label="late")
