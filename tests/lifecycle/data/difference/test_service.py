"""Two states of data, each a version or files of the work tree, compared by file and by row."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import polars as pl
import pytest

from trueup.foundation import toml
from trueup.foundation.actor import Actor
from trueup.foundation.errors import BackendError, DeniedError, NotFoundError, UsageError
from trueup.lifecycle.data import manifest
from trueup.lifecycle.data.difference.records import DataDifference
from trueup.lifecycle.data.difference.service import Differences
from trueup.lifecycle.data.records import DatasetVersion
from trueup.lifecycle.data.service import Datasets
from trueup.lifecycle.plan.records import Plan
from trueup.lifecycle.plan.service import Plans
from trueup.state.unit import State

PLAN = """\
[project]
name = "shop"
objective = "Try things"

[datasets]
sold = { path = "data/sold" }
"""
JUNE = pl.DataFrame({"id": [1, 2, 3], "price": [1.0, 2.0, 3.0]})
JULY = pl.DataFrame({"id": [4, 5], "price": [4.0, 5.0]})


class Place(NamedTuple):
    root: Path
    folder: Path
    datasets: Datasets
    differences: Differences
    actor: Actor

    def keep(self) -> DatasetVersion:
        return self.datasets.snapshot(self.actor, "sold", self.root)

    def compare(self, before: DatasetVersion | str, after: DatasetVersion | str) -> DataDifference:
        return self.differences.compare(self.actor, before, after, self.root)


@pytest.fixture
def place(state: State, owner: Actor, tmp_path: Path) -> Place:
    Plans(state).adopt(owner, toml.parse(PLAN, "trueup.toml", Plan))
    root = tmp_path / "project"
    folder = root / "data/sold"
    folder.mkdir(parents=True)
    JUNE.write_parquet(folder / "june.parquet")
    (folder / "notes.txt").write_text("as it came")
    return Place(root, folder, Datasets(state), Differences(state), owner)


def counts(found: DataDifference) -> tuple[int, int, int, int]:
    assert found.table is not None, found.why_no_table
    rows = found.table.rows
    return rows.added, rows.removed, rows.changed, rows.same


def listed(found: DataDifference) -> list[tuple[str, str]]:
    return [(file.state, file.path) for file in found.files.listed]


def test_a_version_does_not_differ_from_itself(place: Place) -> None:
    kept = place.keep()
    found = place.compare(kept, kept)
    assert found.is_empty
    assert (found.table, found.files.same) == (None, 2)


def test_versions_differ_in_files_and_rows(place: Place) -> None:
    first = place.keep()
    JULY.write_parquet(place.folder / "july.parquet")
    JUNE.with_columns(price=pl.col("price") + (pl.col("id") == 2)).write_parquet(
        place.folder / "june.parquet"
    )
    second = place.keep()
    found = place.compare(first, second)
    assert listed(found) == [("added", "july.parquet"), ("changed", "june.parquet")]
    assert (found.files.added, found.files.changed, found.files.same) == (1, 1, 1)
    assert counts(found) == (2, 0, 1, 2)
    assert (found.before.label, found.after.label) == ("data:sold@1", "data:sold@2")
    assert found.cost.seconds > 0
    assert place.differences.between(place.actor, "sold", place.root).table == found.table
    backwards = place.differences.between(place.actor, "sold", place.root, "2", "1")
    assert counts(backwards) == (0, 2, 1, 2)


def test_files_that_hold_no_rows_are_compared_as_files(place: Place) -> None:
    first = place.keep()
    (place.folder / "notes.txt").write_text("as it went")
    found = place.compare(first, "data/sold")
    assert listed(found) == [("changed", "notes.txt")]
    assert (found.table, found.why_no_table) == (None, "no table file differs")
    assert not found.is_empty


def test_work_files_are_compared_with_a_version(place: Place) -> None:
    first = place.keep()
    JUNE.head(2).write_parquet(place.folder / "june.parquet")
    found = place.compare(first, "data/sold")
    assert counts(found) == (0, 1, 0, 2)
    assert (found.after.label, found.after.digest) == ("data/sold", "")
    assert counts(place.compare("data/sold", first)) == (1, 0, 0, 2)


def test_unchanged_work_files_are_the_same(place: Place) -> None:
    assert place.compare(place.keep(), "data/sold").files.same == 2


def test_two_files_of_different_formats_are_compared(place: Place) -> None:
    JUNE.write_csv(place.root / "june.csv")
    found = place.compare("data/sold/june.parquet", "june.csv")
    assert counts(found) == (0, 0, 0, 3)
    assert found.is_empty


def test_a_large_file_is_read_where_it_is_kept(place: Place) -> None:
    many = pl.DataFrame({"id": range(20_000), "v": [n * 0.37 for n in range(20_000)]})
    many.write_parquet(place.folder / "june.parquet", compression="uncompressed")
    first = place.keep()
    many.with_columns(v=pl.col("v") + (pl.col("id") % 2)).write_parquet(
        place.folder / "june.parquet", compression="uncompressed"
    )
    assert counts(place.compare(first, place.keep())) == (0, 0, 10_000, 10_000)


def test_damaged_bytes_are_never_compared(place: Place, state: State) -> None:
    many = pl.DataFrame({"id": range(20_000)})
    many.write_parquet(place.folder / "june.parquet", compression="uncompressed")
    first = place.keep()
    entry = manifest.find(state.blobs, first.digest, "june.parquet")
    assert entry is not None
    blob = state.blobs.local_path(entry.digest)
    blob.chmod(0o600)
    raw = bytearray(blob.read_bytes())
    raw[len(raw) // 2] ^= 1
    blob.write_bytes(raw)
    JUNE.write_parquet(place.folder / "june.parquet")
    with pytest.raises(BackendError) as caught:
        place.compare(first, "data/sold")
    assert caught.value.code == "blob-damaged"


def test_tables_without_a_common_column_are_not_one_table(place: Place) -> None:
    first = place.keep()
    pl.DataFrame({"street": ["a"]}).write_parquet(place.folder / "places.parquet")
    found = place.compare(first, "data/sold")
    assert found.table is None
    assert found.why_no_table == "places.parquet and june.parquet have no column in common"


def test_a_side_without_a_table_is_said(place: Place) -> None:
    found = place.compare("data/sold/notes.txt", "data/sold/june.parquet")
    assert found.why_no_table == "data/sold/notes.txt has no table file"


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("../outside.csv", "dataset-outside"),
        ("/etc/hosts", "dataset-outside"),
        (".trueup/trueup.db", "dataset-reserved"),
    ],
)
def test_nothing_outside_the_project_is_read(path: str, code: str, place: Place) -> None:
    with pytest.raises(UsageError) as caught:
        place.compare("data/sold", path)
    assert caught.value.code == code


def test_a_link_is_never_followed(place: Place) -> None:
    first = place.keep()
    (place.folder / "june.parquet").unlink()
    (place.folder / "june.parquet").symlink_to("/etc/hosts")
    found = place.compare(first, "data/sold")
    assert listed(found) == [("changed", "june.parquet")]
    assert found.why_no_table == "data/sold has no table file"


def test_what_is_not_there_is_named(place: Place) -> None:
    with pytest.raises(NotFoundError):
        place.compare("data/sold", "data/nothing")
    with pytest.raises(NotFoundError) as caught:
        place.differences.between(place.actor, "sold", place.root)
    assert caught.value.code == "snapshot-not-found"


def test_a_stranger_compares_nothing(place: Place) -> None:
    with pytest.raises(DeniedError):
        place.differences.compare(Actor(name="mallory"), "data/sold", "data/sold", place.root)
