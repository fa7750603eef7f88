"""Forgetting: names and history stay, bytes go, and nothing goes that anything needs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest

from trueup.foundation import clock
from trueup.foundation.actor import Actor
from trueup.foundation.errors import DeniedError, TrueupError
from trueup.foundation.references import Reference
from trueup.lifecycle.data import manifest
from trueup.lifecycle.data.records import DatasetVersion
from trueup.lifecycle.data.retention.forgetting import Forgetting, Keep
from trueup.lifecycle.data.retention.service import Retention
from trueup.lifecycle.data.upkeep import live
from trueup.state import eventlog
from trueup.state.unit import State

from ..conftest import Desk
from ..upkeep.test_collecting import collected, insert

BIG = 100_000


@pytest.fixture
def retention(state: State, desk: Desk) -> Retention:
    return Retention(state, desk.root)


@pytest.fixture
def versions(desk: Desk) -> list[DatasetVersion]:
    """Four versions: each has a large file of its own, and all share another."""
    shared = {"shared": b"s" * BIG}
    return [desk.keep(shared | {"own": bytes([number]) * BIG}) for number in range(4)]


def named(*versions: DatasetVersion) -> list[Reference]:
    return [Reference(kind="data", name=v.name, selector=str(v.version)) for v in versions]


def refs(found: Forgetting) -> list[str]:
    return [fate.ref for fate in found.gone]


@contextmanager
def later() -> Iterator[None]:
    with clock.held_at(clock.now() + timedelta(days=1)):
        yield


def everything_is_there(state: State, version: DatasetVersion) -> bool:
    return not state.blobs.missing(set(manifest.blobs_of(state.blobs, version.digest)))


def raised(code: str, verb: Any) -> TrueupError:
    with pytest.raises(TrueupError) as caught:
        verb()
    assert caught.value.code == code
    return caught.value


def test_a_forgotten_version_frees_what_it_alone_needs(
    desk: Desk, state: State, retention: Retention, versions: list[DatasetVersion]
) -> None:
    first, second, *rest = versions
    seen = retention.forget(desk.actor, named(first, second), why="old", dry_run=True)
    assert (refs(seen), seen.done) == ([first.ref, second.ref], False)
    assert 2 * BIG <= seen.frees < 2 * BIG + 2_000
    assert BIG <= seen.shares < BIG + 2_000
    assert retention.forgotten(desk.actor, "images") == {}
    done = retention.forget(desk.actor, named(first, second), why="old")
    assert (done.done, done.frees) == (True, seen.frees)
    with later():
        assert collected(desk).freed == seen.frees
    assert all(everything_is_there(state, version) for version in rest)
    with state.read(desk.actor) as connection:
        (event,) = eventlog.about(connection, first.ref)[-1:]
    assert (event.type, event.why, event.before) == ("data.forgotten", "old", first.digest)


def test_the_name_and_the_history_stay(
    desk: Desk, retention: Retention, versions: list[DatasetVersion]
) -> None:
    retention.forget(desk.actor, named(versions[1]))
    assert desk.datasets.show(desk.actor, "images", "2") == versions[1]
    assert len(desk.datasets.log(desk.actor, "images")) == 4
    assert desk.keep({"own": b"next"}).version == 5


@pytest.mark.parametrize("collect", [False, True])
def test_whoever_meets_a_forgotten_version_is_told_who_forgot_it_and_the_cure(
    desk: Desk, retention: Retention, versions: list[DatasetVersion], collect: bool
) -> None:
    retention.forget(desk.actor, named(versions[0]), why="too old")
    if collect:
        with later():
            collected(desk)
    verbs = (
        lambda: desk.datasets.checkout(desk.actor, "images", desk.root, "1"),
        lambda: desk.datasets.files(desk.actor, versions[0]),
        lambda: desk.datasets.load(desk.actor, versions[0]),
    )
    for verb in verbs:
        error = raised("version-forgotten", verb)
        assert error.message.endswith(f"by {desk.actor.name}: too old.")
        assert ("pull" if collect else "--undo") in error.hint


def test_it_can_be_undone_until_the_bytes_went(
    desk: Desk, state: State, retention: Retention, versions: list[DatasetVersion]
) -> None:
    first, second = versions[:2]
    retention.forget(desk.actor, named(first, second))
    assert retention.undo(desk.actor, named(first)) == [first]
    with later():
        collected(desk)
    assert everything_is_there(state, first)
    desk.datasets.checkout(desk.actor, "images", desk.root, "1")
    raised("version-forgotten", lambda: retention.undo(desk.actor, named(second)))


def test_the_newest_of_a_branch_and_the_files_that_lie_here_are_needed(
    desk: Desk, retention: Retention, versions: list[DatasetVersion]
) -> None:
    desk.branching.branch(desk.actor, "images", "trial", desk.root, at="2")
    desk.datasets.checkout(desk.actor, "images", desk.root, "3")
    for version, why in ((versions[3], "'main'"), (versions[1], "'trial'"), (versions[2], "lie")):
        verb = lambda v=version: retention.forget(  # noqa: E731
            desk.actor, named(v), why="x", even_if_named=True
        )
        assert why in raised("version-needed", verb).message
    found = retention.forget(desk.actor, [], Keep(last=1))
    assert refs(found) == ["data:images@1"]


def test_what_two_branches_come_from_is_needed_until_they_are_merged(
    desk: Desk, retention: Retention, versions: list[DatasetVersion]
) -> None:
    desk.branching.branch(desk.actor, "images", "trial", desk.root, at="2")
    desk.datasets.checkout(desk.actor, "images", desk.root, "trial")
    desk.keep({"own": b"of the trial"})
    desk.datasets.checkout(desk.actor, "images", desk.root, "main")
    base = versions[1]
    error = raised("version-needed", lambda: retention.forget(desk.actor, named(base)))
    assert "branches 'main' and 'trial' come from it" in error.message
    assert error.hint.startswith("trueup data merge images trial")
    looked = retention.forget(desk.actor, [], Keep(last=1))
    assert refs(looked) == ["data:images@3", "data:images@1"]
    desk.branching.merge(desk.actor, "images", desk.root, "trial", prefer="ours")
    assert refs(retention.forget(desk.actor, named(base))) == [base.ref]


def test_what_anything_names_is_needed_unless_a_reason_is_given(
    desk: Desk, state: State, retention: Retention, versions: list[DatasetVersion]
) -> None:
    name_it(state, "runs", {"source": "", "data": f'{{"images":"{versions[0].digest}"}}'})
    error = raised("version-needed", lambda: retention.forget(desk.actor, named(versions[0])))
    assert "named by run:x" in error.message
    assert refs(retention.forget(desk.actor, [], Keep(last=1))) == [
        "data:images@3",
        "data:images@2",
    ]
    raised(
        "forget-why",
        lambda: retention.forget(desk.actor, named(versions[0]), even_if_named=True),
    )
    done = retention.forget(desk.actor, named(versions[0]), why="erased", even_if_named=True)
    assert done.frees >= BIG
    with later():
        assert collected(desk).freed >= 3 * BIG
    assert not state.blobs.has(versions[0].digest)


def test_what_came_to_be_named_meanwhile_keeps_its_bytes(
    desk: Desk, state: State, retention: Retention, versions: list[DatasetVersion]
) -> None:
    """A run that began before a version was forgotten may name it afterwards."""
    retention.forget(desk.actor, named(versions[0]))
    name_it(state, "runs", {"source": "", "data": f'{{"images":"{versions[0].digest}"}}'})
    with later():
        collected(desk)
    assert everything_is_there(state, versions[0])
    assert retention.undo(desk.actor, named(versions[0])) == [versions[0]]


def test_what_a_forgotten_run_named_may_go(
    desk: Desk, state: State, retention: Retention, versions: list[DatasetVersion]
) -> None:
    name_it(state, "runs", {"source": "", "data": f'{{"images":"{versions[0].digest}"}}'})
    name_it(state, "forgotten_runs", {})
    assert refs(retention.forget(desk.actor, named(versions[0]))) == [versions[0].ref]


def test_equal_content_of_another_version_stays(
    desk: Desk, state: State, retention: Retention, versions: list[DatasetVersion]
) -> None:
    again = desk.keep({"own": bytes([0]) * BIG})
    assert again.digest == versions[0].digest
    assert retention.forget(desk.actor, named(versions[0])).frees == 0
    with later():
        collected(desk)
    assert everything_is_there(state, again)


def test_a_rule_keeps_the_newest_and_the_young(
    desk: Desk, retention: Retention, versions: list[DatasetVersion]
) -> None:
    def goes(**rule: Any) -> list[str]:
        return refs(retention.forget(desk.actor, [], Keep(**rule), dry_run=True))

    assert goes(last=3) == ["data:images@1"]
    assert goes(since=versions[2].taken_at) == ["data:images@2", "data:images@1"]
    assert goes(last=3, since=versions[3].taken_at) == ["data:images@1"]
    assert goes(since=versions[0].taken_at) == []


@pytest.mark.parametrize("selector", ["", "1"])
def test_either_versions_or_a_rule_is_asked_for(
    desk: Desk, retention: Retention, versions: list[DatasetVersion], selector: str
) -> None:
    wanted = [Reference(kind="data", name="images", selector=selector)]
    rule = Keep(last=2) if selector else Keep()
    raised("forget-what", lambda: retention.forget(desk.actor, wanted, rule))


def test_forgetting_twice_changes_nothing(
    desk: Desk, retention: Retention, versions: list[DatasetVersion]
) -> None:
    retention.forget(desk.actor, named(versions[0]), why="first")
    assert refs(retention.forget(desk.actor, named(versions[0]), why="second")) == []
    assert retention.forgotten(desk.actor, "images")[1].why == "first"


def test_only_who_may_write_data_forgets(
    desk: Desk, viewer: Actor, retention: Retention, versions: list[DatasetVersion]
) -> None:
    for verb in (retention.forget, retention.undo):
        with pytest.raises(DeniedError):
            verb(viewer, named(versions[0]))


def name_it(state: State, name: str, texts: dict[str, str]) -> None:
    """A row of another stage."""
    with state.database.writing() as connection:
        (found,) = [each for each in live.tables(connection) if each.name == name]
        insert(connection, found, texts)
