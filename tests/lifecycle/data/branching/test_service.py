"""Branches: lines of versions; a merge holds what either side changed, or says why it cannot."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trueup.foundation.errors import ConflictError
from trueup.foundation.references import Reference
from trueup.lifecycle.data.branching import merging
from trueup.lifecycle.data.branching.merging import Prefer
from trueup.lifecycle.data.records import DatasetVersion
from trueup.lifecycle.data.retention.service import Retention
from trueup.state.unit import State

from ..conftest import Desk, laid, write
from ..test_versions import back_to, refusal


def test_branches_are_lines_of_versions_with_one_series_of_numbers(desk: Desk) -> None:
    desk.keep({"a": b"1"})
    made = desk.branching.branch(desk.actor, "images", "trial", desk.root)
    assert (made.branch, made.version) == ("trial", 1)
    second = desk.keep({"a": b"2"})
    assert (second.version, second.branch, second.parents) == (2, "trial", (1,))
    back_to(desk, "main")
    assert laid(desk.place) == {"a": b"1"}
    third = desk.keep({"b": b"3"})
    assert (third.version, third.branch, third.parents) == (3, "main", (1,))
    heads = {b.branch: b.version for b in desk.branching.branches(desk.actor, "images")}
    assert heads == {"main": 3, "trial": 2}
    assert desk.datasets.show(desk.actor, "images").version == 3
    assert desk.datasets.show(desk.actor, "images", "trial").version == 2


def test_branches_are_made_once_and_forgotten_without_their_versions(desk: Desk) -> None:
    desk.keep({"a": b"1"})
    branch, delete = desk.branching.branch, desk.branching.delete
    branch(desk.actor, "images", "trial", desk.root)
    desk.keep({"a": b"2"})
    make = lambda name: lambda: branch(desk.actor, "images", name, desk.root)  # noqa: E731
    drop = lambda name: lambda: delete(desk.actor, "images", name, desk.root)  # noqa: E731
    assert refusal(make("trial")).code == "branch-exists"
    assert refusal(make("3")).code == "name-malformed"
    assert refusal(make("b3:abc")).code == "name-malformed"
    assert refusal(drop("trail")).code == "branch-not-found"
    assert refusal(drop("trial")).code == "branch-in-use"
    back_to(desk, "main")
    assert refusal(drop("main")).code == "branch-in-use"
    assert drop("trial")().version == 2  # type: ignore[attr-defined]
    assert desk.datasets.show(desk.actor, "images", "2").version == 2


def test_changed_files_of_an_older_version_do_not_silently_undo_newer_ones(desk: Desk) -> None:
    desk.keep({"a": b"1"})
    desk.keep({"a": b"2"})
    back_to(desk, "1")
    assert desk.keep().version == 1  # unchanged: the version there is
    write(desk.place, {"b": b"3"})
    assert refusal(desk.keep).code == "dataset-behind"
    desk.branching.branch(desk.actor, "images", "fix", desk.root, "1")
    assert (desk.keep().version, desk.keep().parents) == (3, (1,))
    merged = desk.branching.merge(desk.actor, "images", desk.root, "main")
    assert merged.parents == (3, 2)
    back_to(desk)
    assert laid(desk.place) == {"a": b"2", "b": b"3"}


def test_a_merge_holds_what_either_side_changed(desk: Desk, state: State) -> None:
    desk.keep({"a": b"1", "b": b"1", "c": b"1", "d*": b"1"})
    desk.branching.branch(desk.actor, "images", "theirs", desk.root)
    (desk.place / "b").unlink()
    (desk.place / "d").chmod(0o644)
    desk.keep({"new/x": b"theirs"})
    back_to(desk, "main")
    desk.keep({"c": b"2", "d*": b"2"})
    merged = desk.branching.merge(desk.actor, "images", desk.root, "theirs", message="both")
    assert (merged.version, merged.branch, merged.parents, merged.message) == (
        4,
        "main",
        (3, 2),
        "both",
    )
    back_to(desk)
    assert laid(desk.place) == {"a": b"1", "c": b"2", "d": b"2", "new/x": b"theirs"}
    again = desk.branching.merge(desk.actor, "images", desk.root, "theirs")
    assert again == merged


def test_a_merge_into_a_branch_without_work_of_its_own_moves_it(desk: Desk) -> None:
    desk.keep({"a": b"1"})
    desk.branching.branch(desk.actor, "images", "theirs", desk.root)
    second = desk.keep({"a": b"2"})
    back_to(desk, "main")
    assert desk.branching.merge(desk.actor, "images", desk.root, "theirs") == second
    assert desk.datasets.show(desk.actor, "images", "main") == second


@pytest.mark.parametrize(
    ("prefer", "expected"),
    [("ours", {"a": b"ours", "c": b"1"}), ("theirs", {"a": b"theirs"})],
)
def test_files_that_both_changed_are_named_and_one_side_may_be_chosen(
    desk: Desk, prefer: str, expected: dict[str, bytes]
) -> None:
    desk.keep({"a": b"1", "c": b"1"})
    desk.branching.branch(desk.actor, "images", "theirs", desk.root)
    (desk.place / "c").unlink()
    desk.keep({"a": b"theirs"})
    back_to(desk, "main")
    desk.keep({"a": b"ours"})
    write(desk.place, {"c": b"1"})
    merge = desk.branching.merge
    error = refusal(lambda: merge(desk.actor, "images", desk.root, "theirs"))
    assert (error.code, error.context["files"], type(error)) == (
        "merge-conflict",
        ["a"],
        ConflictError,
    )
    assert len(desk.datasets.log(desk.actor, "images")) == 3
    merge(desk.actor, "images", desk.root, "theirs", prefer=prefer)  # type: ignore[arg-type]
    back_to(desk)
    assert laid(desk.place) == {k: v for k, v in expected.items() if k != "c"}


class TestWithoutWhatBothComeFrom:
    """Somebody needed its bytes to go, so nobody can tell a removed file from an added one."""

    @pytest.fixture
    def apart(self, desk: Desk, state: State) -> Desk:
        """Two branches of version 1, which is forgotten."""
        desk.keep({"a": b"1", "b": b"1", "same": b"1"})
        desk.branching.branch(desk.actor, "images", "theirs", desk.root)
        (desk.place / "b").unlink()
        desk.keep({"new": b"theirs"})
        back_to(desk, "main")
        desk.keep({"a": b"2"})
        first = Reference(kind="data", name="images", selector="1")
        retention = Retention(state, desk.root)
        retention.forget(desk.actor, [first], why="erased", even_if_named=True)
        return desk

    def test_it_is_said_who_forgot_it_and_what_would_cure_that(self, apart: Desk) -> None:
        merge = lambda: apart.branching.merge(apart.actor, "images", apart.root, "theirs")  # noqa: E731
        error = refusal(merge)
        assert (error.code, "data:images@1 was forgotten" in error.message) == ("merge-base", True)
        assert error.hint.startswith("trueup data forget images@1 --undo ")
        assert "trueup data merge images theirs --without-base" in error.hint
        assert len(apart.datasets.log(apart.actor, "images")) == 3

    def test_every_file_of_either_side_stays_and_differing_ones_are_decided(
        self, apart: Desk
    ) -> None:
        def merge(prefer: Prefer = "") -> DatasetVersion:
            return apart.branching.merge(
                apart.actor, "images", apart.root, "theirs", prefer=prefer, without_base=True
            )

        error = refusal(merge)
        assert (error.code, error.context["files"]) == ("merge-conflict", ["a"])
        assert merge("ours").parents == (3, 2)
        back_to(apart)
        assert laid(apart.place) == {"a": b"2", "b": b"1", "new": b"theirs", "same": b"1"}

    def test_no_branch_begins_at_it(self, apart: Desk) -> None:
        make = lambda: apart.branching.branch(  # noqa: E731
            apart.actor, "images", "again", apart.root, "1"
        )
        assert refusal(make).code == "version-forgotten"


@given(st.data())
def test_what_merges_begin_at_is_the_nearest_version_of_each_two_branches(
    data: st.DataObject,
) -> None:
    count = data.draw(st.integers(1, 12))
    parents = {
        number: tuple(data.draw(st.sets(st.integers(1, number - 1), max_size=2)))
        if number > 1
        else ()
        for number in range(1, count + 1)
    }
    heads = data.draw(st.dictionaries(st.sampled_from("abcd"), st.integers(1, count)))
    nearest = {
        merging.ancestor(parents, here, there)
        for here in heads.values()
        for there in heads.values()
        if here != there
    }
    assert {*merging.bases(parents, heads)} == nearest - {0, *heads.values()}
