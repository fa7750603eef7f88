"""Two tables compared: what changed is named, what these rows cannot show is said."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from scipy import stats

from trueup.foundation.errors import NotFoundError, UsageError
from trueup.lifecycle.gates.drift.comparing import drift


def mixed(seed: int, rows: int, shift: float = 0.0) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    found = {f"normal{i}": rng.normal(shift if i == 1 else 0, 1, rows) for i in range(8)}
    found |= {"amount": rng.lognormal(3, 1, rows), "count": rng.poisson(4, rows)}
    found |= {"rating": rng.integers(1, 6, rows), "flag": rng.random(rows) < 0.2}
    values = rng.normal(size=rows)
    values[rng.random(rows) < 0.08] = np.nan
    found["gaps"] = values
    for i, names in enumerate((2, 3, 12, 60, 300, 5, 7)):
        found[f"word{i}"] = pl.Series([f"w{k}" for k in range(names)]).gather(
            rng.integers(0, names, rows)
        )
    return pl.DataFrame(found)


def test_the_column_that_moved_is_named_and_no_other():
    found = drift(mixed(1, 5_000), mixed(2, 5_000, 0.3))
    assert (found.verdict, found.changed) == ("changed", ("normal1",))
    column = found.columns[0]
    assert column.name == "normal1"
    assert column.words.startswith("14 % of the rows are elsewhere, the mean moved")


@pytest.mark.slow
def test_unchanged_tables_raise_an_alarm_in_few_cases():
    rng = np.random.default_rng(5)
    sizes = rng.integers(50, 1_000, (40, 2))
    alarms = sum(
        bool(drift(mixed(int(a) * 7, int(a)), mixed(int(b) * 7 + 1, int(b))).changed)
        for a, b in sizes
    )
    assert alarms <= 4  # 5 % of 40, and two standard deviations


def test_a_shift_of_three_tenths_is_found_at_a_thousand_rows():
    found = [drift(mixed(s, 1_000), mixed(s + 100, 1_000, 0.3)).changed for s in range(6)]
    assert sum("normal1" in changed for changed in found) >= 6


def test_the_statistics_are_scipys_on_every_row():
    before, now = mixed(1, 900), mixed(2, 700, 0.1)
    column = drift(before, now).column("amount")
    pair = before["amount"].to_numpy(), now["amount"].to_numpy()
    smirnov = stats.ks_2samp(*pair, method="asymp").statistic
    assert column.distances["kolmogorov_smirnov"] == pytest.approx(smirnov, abs=1e-12)
    moved = stats.wasserstein_distance(*pair)
    assert column.distances["wasserstein"] == pytest.approx(moved, rel=1e-9)
    by = column.distances["wasserstein_by_deviation"]
    assert by == pytest.approx(moved / pair[0].std(), rel=1e-9)
    assert column.tests[0].observed == smirnov
    assert column.reference.mean == pytest.approx(pair[0].mean(), rel=1e-12)
    assert column.reference.quantiles[3] == pytest.approx(np.median(pair[0]))


def test_categories_are_tested_as_scipy_tests_a_table():
    before = pl.DataFrame({"word": ["a"] * 600 + ["b"] * 300 + ["c"] * 100})
    now = pl.DataFrame({"word": ["a"] * 500 + ["b"] * 400 + ["c"] * 100})
    test = drift(before, now).column("word").tests[0]
    table = [[600, 300, 100], [500, 400, 100]]
    assert test.p_value == pytest.approx(
        stats.chi2_contingency(table, correction=False).pvalue, abs=1e-12
    )
    assert test.observed == pytest.approx(0.1)


def test_p_values_are_corrected_for_all_questions_together():
    found = drift(mixed(1, 800), mixed(2, 800, 0.2))
    tests = [test for column in found.columns for test in column.tests]
    expected = stats.false_discovery_control([test.p_value for test in tests])
    assert [test.adjusted for test in tests] == pytest.approx(expected.tolist(), abs=1e-12)


def test_too_few_rows_are_no_pass_and_say_how_many_would_do():
    found = drift(mixed(1, 50_000), mixed(2, 300))
    assert found.verdict == "not-enough-data"
    needed = {c.name: c.tests[0].rows_needed for c in found.columns}["normal0"]
    assert 300 < needed < 5_000
    again = drift(mixed(1, 50_000)["normal0",], mixed(2, needed)["normal0",])
    assert again.verdict == "unchanged"


def test_what_rows_show_counts_all_questions_that_are_asked():
    rng = np.random.default_rng(1)
    alone = drift({"x": rng.normal(size=1_000)}, {"x": rng.normal(size=1_000)}).columns[0]
    assert alone.tests[0].detectable == pytest.approx((1.3581 + 0.4208) / np.sqrt(500), abs=1e-4)
    twenty = [{f"x{i}": rng.normal(size=1_000) for i in range(20)} for _ in range(2)]
    shown = [column.tests[0].detectable for column in drift(*twenty).columns]
    assert shown == pytest.approx([(1.8283 + 0.4208) / np.sqrt(500)] * 20, abs=1e-4)


def test_a_change_too_small_to_matter_is_said_and_is_no_change():
    rng = np.random.default_rng(3)
    found = drift({"x": rng.normal(size=200_000)}, {"x": rng.normal(0.03, 1, 200_000)})
    assert (found.verdict, found.columns[0].verdict) == ("unchanged", "negligible")
    strict = drift(
        {"x": rng.normal(size=200_000)}, {"x": rng.normal(0.03, 1, 200_000)}, effect=0.005
    )
    assert strict.verdict == "changed"


def test_values_that_go_missing_are_a_change_though_the_others_are_as_before():
    rng = np.random.default_rng(4)
    before, now = rng.normal(size=4_000), rng.normal(size=4_000)
    now[:800] = np.nan
    column = drift({"x": before}, {"x": now}).columns[0]
    assert column.verdict == "changed"
    assert column.words == "missing from 0 % to 20 % of the rows"


def test_infinite_values_are_counted_and_do_not_hide_the_others():
    rng = np.random.default_rng(4)
    before, now = rng.normal(size=4_000), rng.normal(size=4_000)
    now[:600] = np.inf
    column = drift({"x": before}, {"x": now}).columns[0]
    assert (column.verdict, column.current.infinite) == ("changed", 600)
    assert "infinite from 0 % to 15 % of the rows" in column.words


def test_a_new_category_is_found_and_named():
    before = {"word": ["a", "b"] * 2_000}
    now = {"word": ["a", "b"] * 900 + ["z"] * 200}
    column = drift(before, now).columns[0]
    assert column.verdict == "changed"
    assert "new: 'z' in 10 % of the rows" in column.words


def test_absent_new_and_retyped_columns_are_named():
    rng = np.random.default_rng(1)
    before = pl.DataFrame({"kept": rng.normal(size=9_000), "gone": 1, "number": 5})
    now = pl.DataFrame({"kept": rng.normal(size=9_000), "number": ["5", "n/a", "6"] * 3_000})
    found = drift(before, now.with_columns(fresh=pl.lit(2)))
    verdicts = {column.name: column.verdict for column in found.columns}
    assert verdicts == {
        "gone": "absent",
        "number": "retyped",
        "fresh": "new",
        "kept": "unchanged",
    }
    assert found.changed == ("gone", "number")
    assert "3,000 of 9,000 values are no numbers" in found.column("number").words


def test_a_whole_number_that_became_a_fraction_is_the_same_kind():
    rng = np.random.default_rng(1)
    whole = rng.integers(0, 1_000, 9_000)
    found = drift({"x": whole}, {"x": rng.integers(0, 1_000, 9_000).astype(np.float32)})
    assert found.verdict == "unchanged"


def moments(start: datetime, rows: int = 3_000) -> pl.Series:
    return pl.Series([start + timedelta(minutes=i) for i in range(rows)])


def test_time_is_said_and_judged_only_when_asked():
    before = pl.DataFrame({"at": moments(datetime(2026, 1, 1))})
    now = pl.DataFrame({"at": moments(datetime(2026, 6, 1))})
    column = drift(before, now).columns[0]
    assert column.verdict == "not-compared"
    assert "2026-01-01 to 2026-01-03" in column.words
    assert drift(before, now).verdict == "not-enough-data"
    assert drift(before, now, columns=["at"]).columns[0].verdict == "changed"


def test_time_zones_are_instants_and_a_lost_zone_is_another_type():
    utc = moments(datetime(2026, 1, 1)).dt.replace_time_zone("UTC")
    before, same = {"at": utc}, {"at": utc.dt.convert_time_zone("Asia/Tokyo")}
    frames = [pl.DataFrame(side) for side in (before, same)]
    assert drift(*frames, columns=["at"]).columns[0].tests[0].observed == 0
    naive = pl.DataFrame({"at": utc.dt.replace_time_zone(None)})
    assert drift(frames[0], naive).columns[0].verdict == "retyped"
    assert datetime(2026, 1, 1, tzinfo=UTC) == utc[0]


NOTHING = pl.DataFrame({"x": pl.Series([], dtype=pl.Float64), "w": pl.Series([], dtype=pl.String)})


def test_tables_without_rows_or_values_are_not_enough():
    full = pl.DataFrame({"x": np.arange(500.0), "w": ["a", "b"] * 250})
    for before, now in ((NOTHING, full), (full, NOTHING), (NOTHING, NOTHING)):
        found = drift(before, now)
        assert {column.verdict for column in found.columns} == {"not-enough-data"}
        assert "has no rows" in found.columns[0].words
    lost = pl.DataFrame({"x": [None] * 500, "w": [None] * 500})
    assert drift(lost, lost).verdict == "not-enough-data"
    found = drift(full, lost)
    assert {column.name: column.verdict for column in found.columns} == {
        "x": "changed",
        "w": "changed",
    }
    assert drift(pl.DataFrame(), pl.DataFrame()).verdict == "not-enough-data"


def test_a_constant_is_unchanged_and_another_constant_is_not():
    same = drift({"x": np.ones(2_000), "w": ["a"] * 2_000}, {"x": np.ones(900), "w": ["a"] * 900})
    assert same.verdict == "unchanged"
    other = drift({"x": np.ones(2_000)}, {"x": np.full(900, 2.0)})
    assert other.verdict == "changed"


def test_a_million_names_are_not_compared_in_silence():
    names = pl.Series([str(i) for i in range(50_000)])
    found = drift(pl.DataFrame({"id": names}), pl.DataFrame({"id": "n" + names}))
    assert found.verdict == "not-enough-data"
    assert "50,000 different values in 50,000 rows" in found.columns[0].words
    filled = drift(pl.DataFrame({"id": names}), pl.DataFrame({"id": ["unknown"] * 5_000}))
    assert filled.verdict == "changed"


def test_mixed_types_of_pandas_are_said_and_the_rest_is_compared():
    pd = pytest.importorskip("pandas")
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"odd": [1, "a"] * 4_500, "x": rng.normal(size=9_000)})
    found = drift(frame, frame.sample(frac=1, random_state=1))
    assert found.column("odd").verdict == "not-compared"
    assert "has the column 'odd' with a int beside texts" in found.column("odd").words
    assert found.column("x").verdict == "unchanged"
    twice = pd.DataFrame(np.ones((5, 2)), columns=["a", "a"])
    with pytest.raises(UsageError, match="more than one column of the name 'a'"):
        drift(twice, twice)


@pytest.mark.parametrize("library", ["polars", "lazy", "pandas", "arrow", "numpy", "dict"])
def test_frames_of_every_library_say_the_same(library):
    frame = pl.DataFrame({"x": np.arange(300.0), "w": ["a", "b", "c"] * 100})

    def made(rows: pl.DataFrame) -> object:
        match library:
            case "lazy":
                return rows.lazy()
            case "pandas":
                pd = pytest.importorskip("pandas")
                return pd.DataFrame(rows.to_dict(as_series=False))
            case "arrow":
                return pytest.importorskip("pyarrow").table(rows.to_dict(as_series=False))
            case "numpy":
                return np.array(list(rows.iter_rows()), dtype=[("x", "f8"), ("w", "U1")])
            case "dict":
                return rows.to_dict(as_series=False)
        return rows

    found = drift(made(frame), made(frame.head(150)))
    expected = drift(frame, frame.head(150))
    assert found.columns[0].tests == expected.columns[0].tests
    assert found.verdict == expected.verdict == "changed"


def test_what_is_no_table_is_refused():
    with pytest.raises(UsageError, match="whose columns have no names"):
        drift(np.ones((3, 2)), np.ones((3, 2)))
    with pytest.raises(UsageError, match="is a int, and no frame"):
        drift(3, 4)
    with pytest.raises(UsageError, match="The reference data is no table"):
        drift({"a": [1, 2], "b": [1]}, {"a": [1]})
    with pytest.raises(UsageError, match="Did you mean 'age'"):
        drift({"age": [1]}, {"age": [1]}, columns=["agee"])
    with pytest.raises(UsageError, match="must be a share between 0 and 1"):
        drift({"age": [1]}, {"age": [1]}, effect=5)


@pytest.mark.parametrize(
    ("before", "now", "verdict"),
    [
        (np.array([1e308, -1e308] * 500), np.array([5e307, -5e307] * 500), "changed"),
        (
            np.array(["2026-01-01"] * 900, "M8[s]"),
            np.array(["2026-01-02"] * 900, "M8[s]"),
            "changed",
        ),
        (np.array([1, 2] * 900, "m8[s]"), np.array([2, 2] * 900, "m8[s]"), "changed"),
        ([2**64 - 1, 0] * 900, [2**64 - 1, 0] * 900, "unchanged"),
        ([[1], [2]], [[1], [2]], "not-compared"),
    ],
)
def test_odd_values_have_an_answer(before, now, verdict):
    column = drift({"x": before}, {"x": now}, columns=["x"], effect=0.1).columns[0]
    assert column.verdict == verdict
    assert "mean moved" not in column.words


def test_columns_are_chosen_and_left_out():
    frame = pl.DataFrame({"a": np.arange(50.0), "b": 1.0, "c": "x"})
    assert [c.name for c in drift(frame, frame, columns=["a", "c"]).columns] == ["a", "c"]
    assert {c.name for c in drift(frame, frame, ignore=["a"]).columns} == {"b", "c"}


@pytest.mark.parametrize("kind", ["parquet", "csv", "ipc"])
def test_files_are_read_column_by_column(tmp_path, kind):
    before, now = mixed(1, 700), mixed(2, 700, 0.4)
    paths = []
    for name, frame in (("before", before), ("now", now)):
        paths.append(tmp_path / f"{name}.{kind}")
        getattr(frame, f"write_{kind}")(paths[-1])
    found = drift(*paths, html=tmp_path / "drift.html")
    assert found.changed == drift(before, now).changed == ("normal1",)
    page = (tmp_path / "drift.html").read_text()
    assert "normal1" in page
    assert len(page) < 500_000


def test_a_folder_of_files_is_one_table(tmp_path):
    for number in range(3):
        (tmp_path / "parts").mkdir(exist_ok=True)
        mixed(number, 100).write_parquet(tmp_path / "parts" / f"{number}.parquet")
    assert drift(tmp_path / "parts", mixed(9, 100)).rows_reference == 300


def test_files_that_are_none_are_told_apart(tmp_path):
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 and no more")
    (tmp_path / "text.txt").write_text("hello")
    (tmp_path / "twice.csv").write_text("a,b,a\n1,2,3\n")
    (tmp_path / "empty.csv").write_text("")
    good = {"a": [1]}
    with pytest.raises(NotFoundError, match="There is nothing at"):
        drift(tmp_path / "nowhere.csv", good)
    with pytest.raises(UsageError, match="cannot be read as a table"):
        drift(tmp_path / "broken.parquet", good)
    with pytest.raises(UsageError, match=r"is no \.parquet"):
        drift(tmp_path / "text.txt", good)
    with pytest.raises(UsageError, match="more than one column of the name 'a'"):
        drift(good, tmp_path / "twice.csv")
    assert drift(good, tmp_path / "empty.csv").column("a").verdict == "absent"


@pytest.mark.slow
def test_thousands_of_columns_are_compared_and_the_page_stays_small(tmp_path):
    rng = np.random.default_rng(1)
    frame = pl.DataFrame(rng.normal(size=(60, 2_000)), schema=[f"c{i}" for i in range(2_000)])
    found = drift(frame, frame.sample(fraction=1, seed=1), html=tmp_path / "wide.html")
    assert len(found.columns) == 2_000
    assert found.verdict == "not-enough-data"
    assert (tmp_path / "wide.html").stat().st_size < 500_000
