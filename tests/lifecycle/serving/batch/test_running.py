"""A batch answers every row once, whatever interrupts it; bad rows are named without values."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from trueup.foundation.errors import ConflictError, NotFoundError, UsageError
from trueup.lifecycle.models.records import Signature
from trueup.lifecycle.releases.records import Arm, Route
from trueup.lifecycle.serving.batch.answering import Answering
from trueup.lifecycle.serving.batch.output import Output
from trueup.lifecycle.serving.batch.records import Batch, Order
from trueup.lifecycle.serving.batch.running import Running
from trueup.lifecycle.serving.batch.sources import Files, Source
from trueup.lifecycle.serving.batch.sql import Query
from trueup.lifecycle.serving.inference.routing import assign
from trueup.lifecycle.serving.inference.source import LoadedModel
from trueup.lifecycle.serving.journal import reader
from trueup.lifecycle.serving.records import Predictions

from ..conftest import AT, SIGNATURE, fails_on_negative, route, tenth_of_distance

LATE = route((1, "flights@1", 1.0))
VERSION = Route(deployment="", arms=(Arm(release=0, model_ref="flights@2", weight=1.0),), salt="")


class Stopped(Exception):
    """As kill -9 would: nothing after it is done."""


def rows(count: int, **changes: Any) -> pl.DataFrame:
    columns = {
        "id": range(count),
        "carrier": ["UA"] * count,
        "distance": np.arange(count) * 10.0,
        "hour": [7] * count,
        "tailnum": [f"N{row % 50}" for row in range(count)],
    }
    return pl.DataFrame(columns | changes)


class Desk:
    """Runs batches in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.journal = folder / "journal"

    def put(self, name: str, frame: pl.DataFrame) -> str:
        place = self.folder / name
        place.parent.mkdir(exist_ok=True)
        writers = {".csv": frame.write_csv, ".arrow": frame.write_ipc}
        writers.get(place.suffix, frame.write_parquet)(place)
        return str(place)

    def running(
        self,
        source: Source | str,
        to: str = "out.parquet",
        *,
        by: Route = LATE,
        predictor: Callable[[pl.DataFrame], np.ndarray] = tenth_of_distance,
        signature: Signature = SIGNATURE,
        tell: Callable[..., None] = lambda *_: None,
        **order: Any,
    ) -> Running:
        models = [LoadedModel(a.model_ref, a.release, signature, predictor) for a in by.arms]
        self.answering = Answering(by, models, is_shared=True)
        found = Files(source) if isinstance(source, str) else source
        journal = self.journal if by.deployment else None
        wanted = Order(output=str(self.folder / to), **order)
        return Running(wanted, "late", found, self.answering, journal, tell)

    def run(self, source: Source | str, to: str = "out.parquet", **options: Any) -> Batch:
        running = self.running(source, to, **options)
        try:
            return running.run()
        finally:
            self.answering.close()

    def recorded(self) -> list[Predictions]:
        found = [record for record, _ in reader.read(self.journal)]
        return [record for record in found if isinstance(record, Predictions)]

    def ids(self) -> Counter[str]:
        return Counter(f"{r.request}-{row}" for r in self.recorded() for row in r.rows)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    yield Desk(tmp_path)


@pytest.mark.parametrize("kind", ["parquet", "csv", "arrow"])
def test_every_kind_of_file_is_read_and_written(desk: Desk, kind: str) -> None:
    done = desk.run(desk.put(f"in.{kind}", rows(25)), f"out.{kind}", chunk_rows=10, keep=("id",))
    assert (done.rows, done.chunks, done.bad) == (25, 3, 0)
    readers = {"parquet": pl.read_parquet, "csv": pl.read_csv, "arrow": pl.read_ipc}
    made = readers[kind](desk.folder / f"out.{kind}")
    assert made.columns == ["row", "id", "score", "model", "release", "prediction_id"]
    assert made["row"].to_list() == list(range(1, 26))
    assert made["score"].to_list() == pytest.approx(list(range(25)))
    assert [int(number) for number in made["id"]] == list(range(25))
    assert sorted(path.name for path in desk.folder.iterdir()) == [
        f"in.{kind}",
        "journal",
        f"out.{kind}",
    ]


def test_a_folder_and_a_glob_are_read_in_the_order_of_names(desk: Desk) -> None:
    desk.put("in/b.parquet", rows(5, distance=[50.0] * 5))
    desk.put("in/a.parquet", rows(5))
    desk.run(str(desk.folder / "in"), "one.parquet", by=VERSION, chunk_rows=2)
    desk.run(str(desk.folder / "in/*.parquet"), "two.parquet", by=VERSION)
    scores = [pl.read_parquet(desk.folder / n)["score"] for n in ("one.parquet", "two.parquet")]
    assert scores[0].to_list() == scores[1].to_list() == [0.0, 1.0, 2.0, 3.0, 4.0, *[5.0] * 5]


def test_an_output_without_an_ending_is_a_folder_of_parts(desk: Desk) -> None:
    desk.run(desk.put("in.parquet", rows(25)), "out", chunk_rows=10)
    parts = sorted(path.name for path in (desk.folder / "out").iterdir())
    assert parts == [f"part-00000{part}.parquet" for part in range(3)]


def test_a_query_is_read_behind_the_last_key(desk: Desk) -> None:
    with closing(sqlite3.connect(desk.folder / "rows.db")) as database, database:
        database.execute("CREATE TABLE flights (id, carrier, distance, hour, tailnum)")
        database.executemany("INSERT INTO flights VALUES (?, ?, ?, ?, ?)", rows(25).rows())
    source = Query(f"sqlite:///{desk.folder}/rows.db", "SELECT * FROM flights;", "id")
    assert desk.run(source, chunk_rows=10).chunks == 3
    assert pl.read_parquet(desk.folder / "out.parquet")["score"].sum() == sum(range(25))
    twice = Query(f"sqlite:///{desk.folder}/rows.db", "SELECT * FROM flights", "hour")
    with pytest.raises(UsageError, match="'hour' is the same in two rows"):
        desk.run(twice, "again.parquet", chunk_rows=10)


@pytest.mark.parametrize("moment", ["records", "part", "checkpoint", "merge", "tidying"])
def test_wherever_it_is_killed_the_same_call_goes_on(
    desk: Desk, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = desk.put("in.parquet", rows(45))

    def stop(*_told: object) -> None:
        raise Stopped

    def behind(name: str, chunk: int) -> Callable[..., None]:
        """The method as it is, which stops behind this chunk."""
        own = getattr(Output, name)

        def call(self: Output, number: Any, *rest: Any) -> None:
            own(self, number, *rest)
            if getattr(number, "chunks", number) == chunk:
                raise Stopped

        return call

    with monkeypatch.context() as patch:
        if moment == "records":
            patch.setattr(Output, "write", stop)
        elif moment == "part":
            patch.setattr(Output, "write", behind("write", 2))
        elif moment == "checkpoint":
            patch.setattr(Output, "keep", behind("keep", 2))
        elif moment == "merge":
            patch.setattr(Output, "_merge", stop)
        else:
            patch.setattr("shutil.rmtree", stop)
        with pytest.raises(Stopped):
            desk.run(place, chunk_rows=10)
    done = desk.run(place, chunk_rows=10)
    assert done.resumed
    made = pl.read_parquet(desk.folder / "out.parquet")
    assert made["score"].to_list() == pytest.approx(list(range(45)))
    assert desk.ids() == Counter(made["prediction_id"])
    assert set(desk.ids().values()) == {1}


def test_what_went_on_is_the_same_to_the_last_byte(desk: Desk) -> None:
    place = desk.put("in.parquet", rows(45))
    desk.run(place, "whole.csv", by=VERSION, chunk_rows=10)

    def stop(state: Any, _total: object) -> None:
        if state.chunks == 3:
            raise Stopped

    with pytest.raises(Stopped):
        desk.run(place, "parts.csv", by=VERSION, chunk_rows=10, tell=stop)
    desk.run(place, "parts.csv", by=VERSION, chunk_rows=10)
    assert (desk.folder / "parts.csv").read_bytes() == (desk.folder / "whole.csv").read_bytes()


def test_an_interrupted_batch_goes_on_only_as_it_began(desk: Desk) -> None:
    place = desk.put("in.parquet", rows(45))

    def stop(*_told: object) -> None:
        raise Stopped

    with pytest.raises(Stopped):
        desk.run(place, chunk_rows=10, tell=stop)
    for change in ({"chunk_rows": 11}, {"by": route((2, "flights@2", 1.0))}):
        with pytest.raises(ConflictError) as caught:
            desk.run(place, **({"chunk_rows": 10} | change))
        assert caught.value.code == "batch-changed"


def test_an_output_is_never_replaced_nor_made_by_two(desk: Desk) -> None:
    place = desk.put("in.parquet", rows(5))

    def again(*_told: object) -> None:
        with pytest.raises(ConflictError) as caught:
            desk.run(place)
        assert caught.value.code == "batch-running"

    desk.run(place, tell=again)
    with pytest.raises(ConflictError) as caught:
        desk.run(place)
    assert caught.value.code == "batch-output-exists"


def test_bad_rows_are_named_and_their_values_are_not(desk: Desk) -> None:
    wrong = rows(30).with_columns(
        distance=pl.when(pl.col("id") == 3).then(float("inf")).otherwise("distance"),
        hour=pl.when(pl.col("id") == 12).then(None).otherwise("hour"),
    )
    place = desk.put("in.parquet", wrong)
    with pytest.raises(UsageError, match="row 4 column 'distance' is not finite"):
        desk.run(place, chunk_rows=10)
    done = desk.run(place, "kept.parquet", chunk_rows=10, on_bad="report", keep=("id",))
    assert (done.rows, done.bad) == (28, 2)
    made = pl.read_parquet(desk.folder / "kept.parquet")
    assert made["id"].to_list() == [row for row in range(30) if row not in (3, 12)]
    assert made["row"].to_list() == [row + 1 for row in made["id"]]
    assert Path(done.report).read_text() == (
        "row,column,rule\n4,distance,is not finite\n13,hour,is missing\n"
    )
    assert Counter(made["prediction_id"]) == desk.ids()


def test_the_text_of_a_csv_is_read_as_the_model_wants_it(desk: Desk) -> None:
    place = desk.folder / "in.csv"
    place.write_text("hour,distance,carrier\n7,10,1\nx-secret,20,2\n8.5,30,\n9,,DL\n")
    done = desk.run(str(place), "out.csv", by=VERSION, on_bad="report")
    assert pl.read_csv(desk.folder / "out.csv")["row"].to_list() == [1, 4]
    report = Path(done.report).read_text()
    assert report == "row,column,rule\n2,hour,is not of the kind integer\n" + (
        "3,hour,is not of the kind integer\n"
    )
    assert "secret" not in report


def test_rows_that_break_the_model_fail_alone(desk: Desk) -> None:
    wrong = rows(300).with_columns(
        distance=pl.when(pl.col("id").is_in([7, 250])).then(-1.0).otherwise("distance")
    )
    place = desk.put("in.parquet", wrong)
    with pytest.raises(UsageError, match="row 8 breaks the model") as caught:
        desk.run(place, predictor=fails_on_negative)
    assert "42" not in str(caught.value)
    done = desk.run(place, "kept.parquet", predictor=fails_on_negative, on_bad="skip")
    assert (done.rows, done.bad) == (298, 2)
    made = pl.read_parquet(desk.folder / "kept.parquet")
    assert not made["score"].is_nan().any()
    assert desk.ids() == Counter(made["prediction_id"])


def test_arms_answer_whom_the_server_would_let_them(desk: Desk) -> None:
    both = route((1, "flights@1", 0.7), (2, "flights@2", 0.3))
    desk.run(desk.put("in.parquet", rows(200)), by=both, keep=("tailnum",), chunk_rows=64)
    made = pl.read_parquet(desk.folder / "out.parquet")
    arms = assign(both, made["tailnum"].to_list())
    assert made["release"].to_list() == [arm + 1 for arm in arms]
    assert set(arms) == {0, 1}
    for record in desk.recorded():
        assert record.weights == {1: 0.7, 2: 0.3}
        assert record.salt == "pepper"
    assert desk.ids() == Counter(made["prediction_id"])


def test_what_is_recorded_is_what_a_server_records(desk: Desk) -> None:
    desk.run(desk.put("in.parquet", rows(3)), at=AT)
    (record,) = desk.recorded()
    assert (record.deployment, record.release, record.model_ref) == ("late", 1, "flights@1")
    assert record.at == AT
    assert record.entities == ["N0", "N1", "N2"]
    assert record.inputs == {
        "distance": [0.0, 10.0, 20.0],
        "hour": [7, 7, 7],
        "carrier": ["UA"] * 3,
    }
    assert record.scores == [0.0, 1.0, 2.0]


def test_a_shadow_scores_everything_and_answers_nothing(desk: Desk) -> None:
    shadow = Arm(release=2, model_ref="flights@2", weight=0.0, shadow=True)
    beside = Route(deployment="late", arms=(*LATE.arms, shadow), salt="pepper")
    desk.run(desk.put("in.parquet", rows(20)), by=beside)
    assert set(pl.read_parquet(desk.folder / "out.parquet")["release"]) == {1}
    assert sorted((r.release, r.shadow, len(r.rows)) for r in desk.recorded()) == [
        (1, False, 20),
        (2, True, 20),
    ]


def test_several_classes_have_a_column_each(desk: Desk) -> None:
    three = Signature(inputs=SIGNATURE.inputs, task="multiclass", classes=("a", "b"))

    def both(frame: pl.DataFrame) -> np.ndarray:
        return np.column_stack([np.full(frame.height, 0.25), np.full(frame.height, 0.75)])

    desk.run(desk.put("in.parquet", rows(4)), signature=three, predictor=both)
    made = pl.read_parquet(desk.folder / "out.parquet")
    assert made.select("score_a", "score_b").row(3) == (0.25, 0.75)


def test_a_trial_writes_nothing(desk: Desk) -> None:
    running = desk.running(desk.put("in.parquet", rows(25)), chunk_rows=10)
    told = running.trial()
    desk.answering.close()
    assert (told.rows, told.total, told.recorded) == (10, 25, False)
    assert [path.name for path in desk.folder.iterdir()] == ["in.parquet"]


def test_no_rows_give_an_output_without_rows(desk: Desk) -> None:
    desk.run(desk.put("in.parquet", rows(0)), keep=("id",))
    made = pl.read_parquet(desk.folder / "out.parquet")
    assert made.height == 0
    assert "score" in made.columns


@pytest.mark.parametrize(
    ("frame", "options", "words"),
    [
        (rows(3).drop("hour"), {}, "has no column 'hour'"),
        (rows(3, distance=["a", "b", "c"]), {}, "'distance' of the input holds String"),
        (rows(3), {"keep": ("idd",)}, "no column 'idd'. Did you mean 'id'"),
        (rows(3).rename({"id": "score"}), {"keep": ("score",)}, "'score' of the input cannot"),
    ],
)
def test_a_table_that_does_not_fit_is_refused(
    desk: Desk, frame: pl.DataFrame, options: dict[str, Any], words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        desk.run(desk.put("in.parquet", frame), **options)
    assert not (desk.folder / "out.parquet").exists()


def test_an_input_that_is_not_what_its_name_says_is_refused(desk: Desk) -> None:
    (desk.folder / "in.parquet").write_text("no parquet")
    with pytest.raises(UsageError, match="cannot be read as its name says"):
        desk.run(str(desk.folder / "in.parquet"))
    with pytest.raises(NotFoundError):
        Files(str(desk.folder / "none.parquet"))
