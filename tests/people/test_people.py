"""Who may do what, and who said yes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from trueup.foundation.actor import Actor, service
from trueup.foundation.errors import ConflictError, DeniedError, NotFoundError
from trueup.people import rules, table
from trueup.people.records import Approval, Role
from trueup.people.service import People, approved, ask, set_team
from trueup.state import eventlog
from trueup.state.unit import State

CONTENT = {"verdict": "b3:1", "model": "b3:2"}
SUBJECT = "release:late@1"


def asked(state: State, actor: Actor, content: object = CONTENT) -> Approval:
    with state.write(actor, "releases.request") as unit:
        return ask(unit, SUBJECT, content, authors=["sam"], why="new month")


def given(state: State, content: object = CONTENT) -> Approval | None:
    with state.database.reading() as connection:
        return approved(connection, SUBJECT, content)


def log(state: State) -> list[str]:
    with state.database.reading() as connection:
        return [event.type for event in eventlog.since(connection, 0)]


def test_a_project_is_founded_once(new_state: Callable[[], State]) -> None:
    first, second = new_state(), new_state()
    owner = People(first).found("olga")
    assert People(second).found("olga") == owner
    People(second).found("mallory")
    assert [person.name for person in People(first).everybody(owner)] == ["olga"]
    assert log(first) == ["project.founded"]


def test_nobody_else_becomes_an_owner_by_founding(state: State) -> None:
    intruder = People(state).found("mallory")
    with pytest.raises(DeniedError), state.write(intruder, "people.write"):
        pytest.fail("the block must not run")


@pytest.mark.parametrize(
    ("name", "permission", "may"),
    [
        ("olga", "people.write", True),
        ("sam", "runs.write", True),
        ("sam", "approvals.decide", False),
        ("sam", "releases.operate", False),
        ("rita", "approvals.decide", True),
        ("rita", "models.write", False),
        ("omar", "releases.operate", True),
        ("vera", "read", True),
        ("vera", "feedback.create", False),
        ("mallory", "read", False),
    ],
)
def test_roles_decide(state: State, name: str, permission: str, may: bool) -> None:
    try:
        with state.read(Actor(name=name), permission):  # type: ignore[arg-type]
            assert may
    except DeniedError as error:
        assert not may
        assert error.code == "permission-denied"


def test_a_service_may_what_it_is_for_and_no_more(state: State) -> None:
    with state.write(service("automation"), "runs.write"):
        pass
    for name, permission in (("automation", "approvals.decide"), ("unheard-of", "read")):
        with pytest.raises(DeniedError), state.write(service(name), permission):  # type: ignore[arg-type]
            pytest.fail("the block must not run")


def test_a_person_who_is_called_like_a_service_is_no_service(state: State) -> None:
    with pytest.raises(DeniedError), state.write(Actor(name="automation"), "runs.write"):
        pytest.fail("the block must not run")


def test_no_role_but_the_owner_may_give_roles() -> None:
    assert [role for role in rules.ROLES if "people.write" in rules.ROLES[role]] == ["owner"]


def test_no_service_approves() -> None:
    assert not [name for name, may in rules.SERVICES.items() if "approvals.decide" in may]


def test_a_second_person_approves_exact_content(
    state: State, scientist: Actor, reviewer: Actor
) -> None:
    question = asked(state, scientist)
    answer = People(state).decide(reviewer, question.id, approve=True, reason="figures hold")
    assert (answer.state, answer.decided_by, answer.reason) == ("approved", "rita", "figures hold")
    assert given(state) == answer
    assert given(state, CONTENT | {"model": "b3:3"}) is None


def test_a_no_is_no_approval(state: State, scientist: Actor, reviewer: Actor) -> None:
    question = asked(state, scientist)
    People(state).decide(reviewer, question.id, approve=False)
    assert given(state) is None
    assert "approval.rejected" in log(state)


@pytest.mark.parametrize("name", ["olga", "sam"])
def test_nobody_approves_what_they_asked_for_or_made(state: State, name: str) -> None:
    with state.write(Actor(name="olga"), "people.write") as unit:
        set_team(unit, {**team(state), "sam": ("scientist", "reviewer")})
    question = asked(state, Actor(name="olga"))  # sam made it, olga asks
    with pytest.raises(DeniedError) as caught:
        People(state).decide(Actor(name=name), question.id, approve=True)
    assert caught.value.code == "approval-refused"
    assert given(state) is None


def test_a_question_is_answered_once(state: State, scientist: Actor, reviewer: Actor) -> None:
    question = asked(state, scientist)
    People(state).decide(reviewer, question.id, approve=False)
    with pytest.raises(ConflictError, match="already rejected"):
        People(state).decide(reviewer, question.id, approve=True)


def test_a_question_dies_when_its_content_changes(
    state: State, scientist: Actor, reviewer: Actor
) -> None:
    old = asked(state, scientist)
    new = asked(state, scientist, CONTENT | {"model": "b3:3"})
    with pytest.raises(ConflictError, match="already stale"):
        People(state).decide(reviewer, old.id, approve=True)
    assert [a.id for a in People(state).open_approvals(reviewer)] == [new.id]


def test_an_unknown_question_is_not_found(state: State, reviewer: Actor) -> None:
    for act in (
        lambda: People(state).approval(reviewer, "nope"),
        lambda: People(state).decide(reviewer, "nope", approve=True),
    ):
        with pytest.raises(NotFoundError) as caught:
            act()
        assert caught.value.code == "approval-not-found"


def team(state: State) -> dict[str, tuple[Role, ...]]:
    with state.database.reading() as connection:
        return {person.name: person.roles for person in table.everybody(connection)}


def test_the_team_follows_the_plan(state: State, owner: Actor) -> None:
    before = len(log(state))
    with state.write(owner, "plan.write") as unit:
        set_team(unit, {"sam": ("reviewer",), "nora": ("viewer",)})
    assert team(state) == {"nora": ("viewer",), "olga": ("owner",), "sam": ("reviewer",)}
    assert sorted(set(log(state)[before:])) == ["person.removed", "person.roles-set"]


def test_an_unchanged_team_writes_nothing_and_needs_no_permission(
    state: State, scientist: Actor
) -> None:
    before = log(state)
    with state.write(scientist, "plan.write") as unit:
        set_team(unit, team(state))
    assert log(state) == before


def test_owners_stay_owners(state: State, owner: Actor) -> None:
    with state.write(owner, "plan.write") as unit:
        set_team(unit, {"olga": ("viewer",)})
    assert team(state) == {"olga": ("owner", "viewer")}


@pytest.mark.parametrize("change", [{"sam": ("owner",)}, {"sam": ("scientist",)}, {}])
def test_writing_the_plan_does_not_let_one_give_roles(
    state: State, scientist: Actor, change: dict[str, tuple[Role, ...]]
) -> None:
    before = team(state)
    refused = pytest.raises(DeniedError, match=r"people\.write")
    with refused, state.write(scientist, "plan.write") as unit:
        set_team(unit, change)
    assert team(state) == before
