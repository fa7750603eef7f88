"""A snapshot is the rows of files as they were: the same content has the same address for ever."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trueup.foundation import clock, toml
from trueup.foundation.actor import Actor
from trueup.foundation.errors import BackendError, DeniedError, NotFoundError, UsageError
from trueup.lifecycle.data import manifest, rules
from trueup.lifecycle.data.records import DatasetVersion, Entry
from trueup.lifecycle.data.service import Datasets
from trueup.lifecycle.plan.records import Plan
from trueup.lifecycle.plan.service import Plans
from trueup.state import eventlog
from trueup.state.unit import State

PLAN = """\
[project]
name = "flights"
objective = "Try things"

[team]
sam = ["scientist"]
vera = ["viewer"]

[datasets]
flights = { path = "data/flights" }
one = { path = "data/one.csv" }
gone = { path = "../elsewhere" }
absolute = { path = "/etc" }
"""
JUNE = pl.DataFrame({"day": [1, 2, 3], "delay": [0.5, None, 7.0]})
JULY = pl.DataFrame({"day": [4, 5], "delay": [1.0, 2.0]})

Place = tuple[Datasets, Path]


@pytest.fixture
def place(state: State, owner: Actor, tmp_path: Path) -> Place:
    """The verbs, and a project's folder with two files of the dataset `flights`."""
    Plans(state).adopt(owner, toml.parse(PLAN, "trueup.toml", Plan))
    root = tmp_path / "project"
    (root / "data/flights").mkdir(parents=True)
    JUNE.write_parquet(root / "data/flights/june.parquet")
    JULY.write_parquet(root / "data/flights/july.parquet")
    (root / "data/one.csv").write_text("day,delay\n1,0.5\n2,7.0\n")
    return Datasets(state), root


def refusal(verb: Callable[[], object]) -> tuple[str, str]:
    """The code and the message of a refusal."""
    with pytest.raises((UsageError, NotFoundError)) as caught:
        verb()
    return caught.value.code, caught.value.message


def test_a_folder_is_its_files_by_path(place: Place, scientist: Actor) -> None:
    datasets, root = place
    taken = datasets.snapshot(scientist, "flights", root)
    assert (taken.ref, taken.rows, taken.taken_by) == ("data:flights@1", 5, "sam")
    assert taken.columns == {"day": "Int64", "delay": "Float64"}
    kept = list(datasets.files(scientist, taken))
    assert [f.path for f in kept] == ["july.parquet", "june.parquet"]
    assert [f.size for f in kept] == [(root / "data/flights" / f.path).stat().st_size for f in kept]
    assert (taken.files, taken.size) == (2, sum(f.size for f in kept))


def test_loading_gives_the_rows_of_the_source(place: Place, scientist: Actor) -> None:
    datasets, root = place
    taken = datasets.snapshot(scientist, "flights", root)
    assert datasets.load(scientist, taken).equals(pl.concat([JULY, JUNE]))
    one = datasets.snapshot(scientist, "one", root)
    assert datasets.load(scientist, one).rows() == [(1, 0.5), (2, 7.0)]
    assert [f.path for f in datasets.files(scientist, one)] == ["one.csv"]
    assert (one.path, one.is_file) == ("data/one.csv", True)


def test_columns_in_another_order_are_put_in_the_order_of_the_first_file(
    place: Place, scientist: Actor
) -> None:
    datasets, root = place
    JUNE.select("delay", "day").write_parquet(root / "data/flights/june.parquet")
    taken = datasets.snapshot(scientist, "flights", root)
    assert datasets.load(scientist, taken).equals(pl.concat([JULY, JUNE]))


def test_a_snapshot_outlives_its_files(place: Place, scientist: Actor) -> None:
    datasets, root = place
    taken = datasets.snapshot(scientist, "flights", root)
    for file in (root / "data/flights").iterdir():
        file.unlink()
    assert datasets.load(scientist, taken).height == 5


def test_the_same_content_is_the_same_version(place: Place, scientist: Actor) -> None:
    datasets, root = place
    first = datasets.snapshot(scientist, "flights", root)
    for file in (root / "data/flights").iterdir():
        os.utime(file, (1, 1))
    assert datasets.snapshot(scientist, "flights", root) == first


def test_a_change_is_a_new_version_and_its_event_says_what_changed(
    place: Place, scientist: Actor, state: State
) -> None:
    datasets, root = place
    first = datasets.snapshot(scientist, "flights", root)
    (root / "data/flights/july.parquet").unlink()
    JUNE.write_parquet(root / "data/flights/august.parquet")
    JUNE.head(1).write_parquet(root / "data/flights/june.parquet")
    second = datasets.snapshot(scientist, "flights", root)
    assert (second.version, second.rows) == (2, 4)
    with state.read(scientist) as connection:
        (event,) = eventlog.about(connection, "data:flights@2")
    assert (event.type, event.before, event.after, event.actor) == (
        "data.snapshot-taken",
        first.digest,
        second.digest,
        "sam",
    )
    assert event.data == {
        "rows": 4,
        "rows_before": 5,
        "added": ["august.parquet"],
        "removed": ["july.parquet"],
        "changed": ["june.parquet"],
    }


def test_content_that_comes_back_is_a_new_version_with_the_old_address(
    place: Place, scientist: Actor
) -> None:
    datasets, root = place
    file = root / "data/one.csv"
    before = file.read_text()
    first = datasets.snapshot(scientist, "one", root)
    file.write_text(before + "3,1.0\n")
    datasets.snapshot(scientist, "one", root)
    file.write_text(before)
    third = datasets.snapshot(scientist, "one", root)
    assert (third.version, third.digest) == (3, first.digest)


def test_versions_are_found_by_number_by_digest_and_as_the_newest(
    place: Place, scientist: Actor
) -> None:
    datasets, root = place
    first = datasets.snapshot(scientist, "one", root)
    (root / "data/one.csv").write_text("day,delay\n1,0.5\n")
    second = datasets.snapshot(scientist, "one", root)
    flights = datasets.snapshot(scientist, "flights", root)
    assert datasets.show(scientist, "one", "1") == first
    assert datasets.show(scientist, "one", first.digest[:12]) == first
    assert datasets.show(scientist, "one") == second
    assert datasets.newest(scientist) == [flights, second]
    for selector in ("3", "b3:0000", "june"):
        code, _ = refusal(lambda s=selector: datasets.show(scientist, "one", s))
        assert code == "snapshot-not-found"


@pytest.mark.parametrize("name", ["gone", "absolute"])
def test_a_path_out_of_the_project_is_refused(place: Place, scientist: Actor, name: str) -> None:
    datasets, root = place
    assert refusal(lambda: datasets.snapshot(scientist, name, root))[0] == "dataset-outside"


def test_a_link_out_of_the_project_is_refused(
    place: Place, scientist: Actor, tmp_path: Path
) -> None:
    datasets, root = place
    secret = tmp_path / "secret.csv"
    secret.write_text("day,delay\n9,9.0\n")
    (root / "data/flights/linked.csv").symlink_to(secret)
    code, message = refusal(lambda: datasets.snapshot(scientist, "flights", root))
    assert code == "dataset-link"
    assert "data/flights/linked.csv" in message
    (root / "data/one.csv").unlink()
    (root / "data/one.csv").symlink_to(secret)
    assert refusal(lambda: datasets.snapshot(scientist, "one", root))[0] == "dataset-outside"


def test_a_place_that_is_a_link_inside_the_project_is_followed(
    place: Place, scientist: Actor
) -> None:
    datasets, root = place
    (root / "data/flights").rename(root / "elsewhere")
    (root / "data/flights").symlink_to(root / "elsewhere")
    assert datasets.snapshot(scientist, "flights", root).rows == 5


def test_a_project_behind_a_link_works(place: Place, scientist: Actor, tmp_path: Path) -> None:
    datasets, root = place
    (tmp_path / "alias").symlink_to(root)
    assert datasets.snapshot(scientist, "flights", tmp_path / "alias").rows == 5


def test_what_the_plan_does_not_declare_is_refused_with_the_near_name(
    place: Place, scientist: Actor
) -> None:
    datasets, root = place
    code, message = refusal(lambda: datasets.snapshot(scientist, "flight", root))
    assert (code, "flights" in message) == ("dataset-not-found", True)


def test_a_dataset_without_files_is_refused(place: Place, scientist: Actor) -> None:
    datasets, root = place
    for file in (root / "data/flights").iterdir():
        file.unlink()
    assert refusal(lambda: datasets.snapshot(scientist, "flights", root))[0] == "dataset-empty"
    (root / "data/one.csv").unlink()
    assert refusal(lambda: datasets.snapshot(scientist, "one", root))[0] == "dataset-empty"


@pytest.mark.parametrize(
    ("name", "raw"),
    [("june.parquet", b"no parquet"), ("june.parquet", b""), ("august.csv", b"")],
)
def test_what_cannot_be_read_is_named(
    place: Place, scientist: Actor, name: str, raw: bytes
) -> None:
    datasets, root = place
    (root / "data/flights" / name).write_bytes(raw)
    code, message = refusal(lambda: datasets.snapshot(scientist, "flights", root))
    assert (code, f"data/flights/{name}" in message) == ("dataset-unreadable", True)


def test_a_value_of_another_type_far_down_is_named_when_it_is_read(
    place: Place, scientist: Actor
) -> None:
    datasets, root = place
    lines = ["day,delay", *["1,0.5"] * 10_001, "soon,0.5"]
    (root / "data/one.csv").write_text("\n".join(lines))
    code, message = refusal(
        lambda: datasets.load(scientist, datasets.snapshot(scientist, "one", root))
    )
    assert (code, "one.csv" in message) == ("dataset-unreadable", True)


@pytest.mark.parametrize(
    ("other", "differing"),
    [
        (pl.DataFrame({"day": ["1"], "delay": [0.5]}), "day"),
        (pl.DataFrame({"day": [1]}), "delay"),
        (pl.DataFrame({"day": [1], "delay": [0.5], "tail": ["N1"]}), "tail"),
    ],
)
def test_files_of_one_dataset_must_agree_on_their_columns(
    place: Place, scientist: Actor, other: pl.DataFrame, differing: str
) -> None:
    datasets, root = place
    other.write_parquet(root / "data/flights/june.parquet")
    code, message = refusal(lambda: datasets.snapshot(scientist, "flights", root))
    assert code == "dataset-columns-differ"
    assert message.endswith(f"of its dataset in {differing}.")


def test_a_refused_snapshot_changes_nothing(
    place: Place, scientist: Actor, viewer: Actor, state: State
) -> None:
    datasets, root = place
    first = datasets.snapshot(scientist, "flights", root)
    (root / "data/flights/june.parquet").write_bytes(b"broken")
    with pytest.raises(UsageError):
        datasets.snapshot(scientist, "flights", root)
    assert datasets.newest(viewer) == [first]


def test_damaged_rows_are_never_loaded(place: Place, scientist: Actor, home: Path) -> None:
    datasets, root = place
    (root / "data/one.csv").write_text("day,delay\n" + "1,0.5\n" * 20_000)
    taken = datasets.snapshot(scientist, "one", root)
    digest = next(datasets.files(scientist, taken)).digest.removeprefix("b3:")
    blob = home / "blobs" / digest[:2] / digest[2:]
    blob.chmod(0o600)
    blob.write_bytes(blob.read_bytes().replace(b"0.5", b"0.6"))
    with pytest.raises(BackendError) as caught:
        datasets.load(scientist, taken)
    assert caught.value.code == "blob-damaged"


def test_viewers_look_and_take_nothing(place: Place, scientist: Actor, viewer: Actor) -> None:
    datasets, root = place
    with pytest.raises(DeniedError):
        datasets.snapshot(viewer, "one", root)
    taken = datasets.snapshot(scientist, "one", root)
    assert datasets.load(viewer, datasets.show(viewer, "one")).height == taken.rows


def test_strangers_do_not_even_read(place: Place, scientist: Actor, stranger: Actor) -> None:
    datasets, root = place
    taken = datasets.snapshot(scientist, "one", root)
    with pytest.raises(DeniedError):
        datasets.load(stranger, taken)


def test_paths_are_part_of_the_content_and_order_is_not(place: Place, scientist: Actor) -> None:
    datasets, root = place
    first = datasets.snapshot(scientist, "flights", root)
    (root / "data/flights/june.parquet").rename(root / "data/flights/may.parquet")
    assert datasets.snapshot(scientist, "flights", root).digest != first.digest


@given(st.sets(st.sampled_from("abcdef")), st.sets(st.sampled_from("abcdef")))
def test_a_change_names_each_file_once(before: set[str], after: set[str]) -> None:
    def entry(path: str, salt: str) -> Entry:
        return Entry(path, path if path in "abc" else path + salt, 1)

    version = DatasetVersion(
        name="n",
        version=1,
        digest="",
        path="n",
        files=len(after),
        size=len(after),
        rows=len(after),
        taken_by="",
        taken_at=clock.now(),
    )
    changes = manifest.changes(
        (entry(path, "1") for path in sorted(before)), (entry(path, "2") for path in sorted(after))
    )
    told = rules.change(None, version, changes)
    assert told["added"] == sorted(after - before)
    assert told["removed"] == sorted(before - after)
    assert told["changed"] == sorted((before & after) - set("abc"))
