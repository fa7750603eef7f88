"""Forgetting in a remote: bytes that nobody needs go, history stays, a push brings them back."""

from __future__ import annotations

from datetime import timedelta

import pytest

from trueup.foundation import clock
from trueup.foundation.actor import Actor
from trueup.foundation.errors import DeniedError
from trueup.foundation.references import Reference
from trueup.lifecycle.data.exchange import remotes
from trueup.lifecycle.data.records import DatasetVersion
from trueup.lifecycle.data.retention.forgetting import NOTHING, Forgetting, Keep
from trueup.state import eventlog
from trueup.state.remotes.remote import Remote

from ..exchange.test_service import SAM, Make, Project, make, refusal

__all__ = ["make"]
BIG = 60_000


@pytest.fixture
def mine(make: Make) -> Project:
    """Four versions in a remote: each has a file of its own, and all share another."""
    project = make("mine")
    project.write(shared="s" * BIG)
    for number in range(4):
        project.keep(own=str(number) * BIG)
    project.push()
    return project


def forget(project: Project, *numbers: int, keep: Keep = NOTHING, **options: object) -> Forgetting:
    names = [Reference(kind="data", name="notes", selector=str(n)) for n in numbers]
    options = {"why": "old"} | options
    return project.tending.forget(SAM, names, keep, **options)  # type: ignore[arg-type]


def gone(found: Forgetting) -> list[str]:
    return [fate.ref for fate in found.gone]


def collect(project: Project) -> None:
    """Mark, and remove some days later."""
    for days in (2, 4):
        with clock.held_at(clock.now() + timedelta(days=days)):
            project.tending.collect(SAM, dry_run=False)


def holds(project: Project, version: DatasetVersion) -> bool:
    with remote_of(project) as there:
        there.refresh()
        return there.has([version.digest]) != set()


def remote_of(project: Project) -> Remote:
    return Remote(remotes.choose(project.root).url, project.root / "cache")


def test_a_look_says_what_would_go_and_changes_nothing(mine: Project) -> None:
    seen = forget(mine, keep=Keep(last=2), dry_run=True)
    assert (gone(seen), seen.done) == (["data:notes@2", "data:notes@1"], False)
    assert (seen.frees, seen.shares) == (2 * BIG, BIG)
    assert [fate.why for fate in seen.fates][:2] == ["the rule keeps it"] * 2
    assert seen.fates[-1].why == "its bytes stay here"
    assert forget(mine, keep=Keep(last=2), dry_run=True) == seen


def test_its_bytes_go_with_a_collection_and_all_else_stays(mine: Project, make: Make) -> None:
    versions = mine.datasets.log(SAM, "notes")
    assert gone(forget(mine, 1)) == ["data:notes@1"]
    assert holds(mine, versions[-1])
    collect(mine)
    assert not holds(mine, versions[-1])
    assert mine.tending.verify(SAM) == []
    assert mine.texts("1")["own.txt"] == "0" * BIG  # here nothing changed
    theirs = make("theirs")
    for number in ("2", "3", "4"):
        theirs.pull(f"notes@{number}")
        assert theirs.texts(number) == mine.texts(number)
    code, message = refusal(lambda: theirs.pull("notes@1"))
    assert (code, "by sam: old" in message) == ("version-forgotten", True)
    assert len(theirs.datasets.log(SAM, "notes")) == 4
    mine.keep(own="4" * BIG)
    mine.push()
    theirs.pull("notes")
    assert theirs.texts() == mine.texts()


def test_forgetting_twice_changes_nothing(mine: Project) -> None:
    forget(mine, 1)
    again = forget(mine, 1)
    assert (gone(again), again.fates[0].why) == ([], "it was forgotten there before")


def test_only_a_push_of_everything_brings_it_back(mine: Project, make: Make) -> None:
    forget(mine, 1)
    collect(mine)
    mine.push()
    mine.push(repair=True)  # mending is no reason to undo what was asked for
    assert not holds(mine, mine.datasets.show(SAM, "notes", "1"))
    mine.push(whole=True)
    theirs = make("theirs")
    theirs.pull("notes@1")
    assert theirs.texts("1") == mine.texts("1")
    collect(mine)
    assert mine.tending.verify(SAM) == []
    assert holds(mine, mine.datasets.show(SAM, "notes", "1"))


def test_a_branch_that_begins_at_it_brings_it_back(mine: Project, make: Make) -> None:
    forget(mine, 1, 2)
    collect(mine)
    mine.branching.branch(SAM, "notes", "again", mine.root, "1")
    mine.push()
    collect(mine)
    assert mine.tending.verify(SAM) == []
    theirs = make("theirs")
    theirs.pull("notes")
    assert theirs.texts("again") == mine.texts("1")
    assert refusal(lambda: theirs.pull("notes@2"))[0] == "version-forgotten"


def test_the_newest_of_a_branch_there_and_what_a_merge_needs_stay(mine: Project) -> None:
    mine.branching.branch(SAM, "notes", "trial", mine.root, "2")
    mine.datasets.checkout(SAM, "notes", mine.root, "trial")
    mine.keep(own="trial")
    mine.push()
    for number, why in ((4, "newest of branch 'main'"), (5, "'trial'"), (2, "a merge needs it")):
        code, message = refusal(lambda n=number: forget(mine, n))  # type: ignore[misc]
        assert (code, why in message) == ("version-needed", True)
    assert refusal(lambda: forget(mine, 5, even_if_named=True))[0] == "version-needed"
    assert gone(forget(mine, keep=Keep(last=1))) == ["data:notes@3", "data:notes@1"]


def test_it_must_be_in_the_remote_and_all_of_the_remote_known_here(
    mine: Project, make: Make
) -> None:
    mine.keep(own="here alone")
    assert refusal(lambda: forget(mine, 5))[0] == "remote-version"
    theirs = make("theirs")
    theirs.pull("notes")
    theirs.datasets.checkout(SAM, "notes", theirs.root)
    theirs.keep(own="theirs")
    theirs.push()
    code, message = refusal(lambda: forget(mine, 1))
    assert (code, "trueup data pull notes" in message) == ("branch-apart", True)


def test_what_goes_for_good_is_told(mine: Project, make: Make) -> None:
    theirs = make("theirs")
    theirs.pull("notes")
    assert "nobody may have them" in forget(theirs, 1, dry_run=True).fates[0].why


def test_it_stands_in_the_log_with_the_remote(mine: Project) -> None:
    forget(mine, 1)
    with mine.state.read(SAM) as connection:
        event = eventlog.about(connection, "data:notes@1")[-1]
    assert (event.type, event.why, event.data["remote"]) == ("data.forgotten", "old", "team")


def test_a_version_or_a_rule_is_asked_for_and_a_reason_to_overrule(mine: Project) -> None:
    assert refusal(lambda: forget(mine))[0] == "forget-what"
    assert refusal(lambda: forget(mine, 1, even_if_named=True, why=""))[0] == "forget-why"


def test_only_who_may_write_data_forgets(mine: Project) -> None:
    wanted = [Reference(kind="data", name="notes", selector="1")]
    with pytest.raises(DeniedError):
        mine.tending.forget(Actor(name="mallory"), wanted)
