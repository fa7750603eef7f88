"""The steps are plain functions: they are tested without Trueup, on three made-up flights."""

import sys
from pathlib import Path

import polars as pl

sys.path.insert(0, str(Path(__file__).parents[1]))  # so that a bare `pytest` finds the pipelines, too

from pipelines import flights as pipeline  # noqa: E402

FLIGHTS = pl.DataFrame(
    {
        "year": [2013, 2013, 2013],
        "month": [1, 1, 1],
        "day": [1, 1, 2],
        "sched_dep_time": [600, 1745, 2359],
        "sched_arr_time": [830, 2010, 340],
        "arr_delay": [20, None, 5],
        "carrier": ["UA", "AA", "DL"],
        "origin": ["EWR", "JFK", "LGA"],
        "dest": ["IAH", "MIA", "ATL"],
        "tailnum": ["N1", "N2", None],
        "distance": [1400, 1089, 762],
        "time_hour": ["2013-01-01T11:00:00Z", "2013-01-01T22:00:00Z", "2013-01-03T04:00:00Z"],
    }
)
WEATHER = pl.DataFrame(
    {"origin": ["EWR"], "time_hour": ["2013-01-01T11:00:00Z"]}
    | {name: [1.0] for name in pipeline.WEATHER}
)
PLANES = pl.DataFrame({"tailnum": ["N1"], "year": [2000], "seats": [150]})


def test_a_flight_that_never_arrived_has_no_label():
    assert pipeline.clean(FLIGHTS)["late"].to_list() == [1, 0]


def test_features_keep_order_and_leave_the_unknown_missing():
    rows = pipeline.features(FLIGHTS, WEATHER, PLANES)
    assert rows["carrier"].to_list() == ["UA", "AA", "DL"]
    assert rows["temp"].to_list() == [1.0, None, None]
    assert rows["age"].to_list() == [13.0, None, None]


def test_a_flight_over_midnight_has_a_positive_length():
    assert pipeline.features(FLIGHTS, WEATHER, PLANES)["minutes"][2] == 221
