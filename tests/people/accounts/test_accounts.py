"""Accounts: whom an owner lets in beside the plan's team, and what nobody may."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable

import pytest

from trueup.foundation.actor import Actor
from trueup.foundation.errors import ConflictError, DeniedError, NotFoundError, UsageError
from trueup.people.accounts.service import Accounts
from trueup.people.passwords import rules
from trueup.people.service import People, set_team
from trueup.people.tokens import entrance as entrances
from trueup.people.tokens.entrance import Entrance
from trueup.people.tokens.service import Tokens
from trueup.state.unit import State

DATABASES = ("sqlite", "postgresql")
SECRET = "correct horse battery"
OTHER = "staple of another horse"
ANNA = Actor(name="anna")


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashes that do not take a while."""
    monkeypatch.setattr(rules, "_COST", 16)
    monkeypatch.setattr(entrances, "_REMEMBERED_S", 0.0)


@pytest.fixture
def accounts(state: State) -> Accounts:
    return Accounts(state)


@pytest.fixture
def entrance(state: State, owner: Actor) -> Entrance:
    return Entrance(state.database, lambda: owner, is_required=True)


def basic(name: str, secret: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{secret}".encode()).decode()


def roles(accounts: Accounts, name: str) -> tuple[str, ...]:
    return accounts.show(Actor(name="olga"), name).roles


def test_who_is_let_in_may_read_and_signs_in_with_a_password(
    accounts: Accounts, entrance: Entrance, owner: Actor, state: State
) -> None:
    made = accounts.add(owner, "anna", SECRET)
    assert (made.roles, made.origin) == (("viewer",), "account")
    assert entrance.who(basic("anna", SECRET)) == ANNA
    assert entrance.who(basic("anna", SECRET)) == ANNA  # what was proved stays so
    for wrong in (basic("anna", OTHER), basic("vera", SECRET), basic("nobody", SECRET)):
        with pytest.raises(DeniedError):
            entrance.who(wrong)
    with pytest.raises(DeniedError), state.write(ANNA, "runs.write"):
        pytest.fail("a viewer writes")


def test_nobody_waits_for_the_password_of_another(
    accounts: Accounts, entrance: Entrance, state: State, owner: Actor
) -> None:
    accounts.add(owner, "anna", SECRET)
    token = Tokens(state).add(owner, "olga").secret

    async def three_at_once() -> None:
        anna = asyncio.create_task(entrance.enter(basic("anna", SECRET)))
        wrong = asyncio.create_task(entrance.enter(basic("anna", OTHER)))
        await asyncio.sleep(0)
        assert await entrance.enter(f"Bearer {token}") == owner
        assert not anna.done()
        assert not wrong.done()
        assert await anna == ANNA
        with pytest.raises(DeniedError):
            await wrong
        again = asyncio.create_task(entrance.enter(basic("anna", SECRET)))
        await asyncio.sleep(0)
        assert again.done()  # what was proved is not looked at again

    asyncio.run(three_at_once())


def test_another_password_counts_at_once_and_the_old_one_no_more(
    accounts: Accounts, entrance: Entrance, owner: Actor
) -> None:
    accounts.add(owner, "anna", SECRET)
    assert entrance.who(basic("anna", SECRET)) == ANNA
    accounts.set_password(ANNA, "anna", OTHER, current=SECRET)
    assert entrance.who(basic("anna", OTHER)) == ANNA
    with pytest.raises(DeniedError):
        entrance.who(basic("anna", SECRET))


def test_in_local_mode_a_password_of_ours_counts_and_another_servers_does_not(
    accounts: Accounts, owner: Actor, state: State
) -> None:
    accounts.add(owner, "anna", SECRET)
    local = Entrance(state.database, lambda: owner)
    assert local.who(basic("anna", SECRET)) == ANNA
    assert local.who(basic("admin", "of another server")) == owner
    with pytest.raises(DeniedError):
        local.who(basic("anna", "of another server"))


def test_nobody_changes_a_password_that_is_not_proved(
    accounts: Accounts, entrance: Entrance, owner: Actor, viewer: Actor
) -> None:
    accounts.add(owner, "anna", SECRET)
    for actor, name, current in (
        (ANNA, "anna", ""),
        (ANNA, "anna", OTHER),
        (viewer, "anna", SECRET),
        (ANNA, "olga", ""),
        (viewer, "vera", ""),  # has a token and no password: an owner gives the first one
    ):
        with pytest.raises(DeniedError):
            accounts.set_password(actor, name, OTHER, current)
    accounts.set_password(owner, "vera", OTHER)
    assert entrance.who(basic("vera", OTHER)) == viewer


def test_a_password_is_kept_nowhere(accounts: Accounts, owner: Actor, state: State) -> None:
    accounts.add(owner, "anna", SECRET)
    accounts.add(owner, "otto", SECRET)
    with state.database.reading() as connection:
        for table in ("people", "passwords", "events"):
            rows = "".join(map(repr, connection.exec_driver_sql(f"SELECT * FROM {table}")))
            assert SECRET not in rows
        kept = list(connection.exec_driver_sql("SELECT hash FROM passwords"))
    assert kept[0] != kept[1]  # equal passwords do not look equal


@pytest.mark.parametrize("name", ["olga", "OLGA", "Rita"])
def test_nobody_is_called_like_somebody_who_is_there(
    accounts: Accounts, owner: Actor, name: str
) -> None:
    with pytest.raises(ConflictError, match=f"named '{name.lower()}'"):
        accounts.add(owner, name, SECRET)


def test_only_owners_let_in_give_roles_and_take_out(
    accounts: Accounts, owner: Actor, scientist: Actor
) -> None:
    accounts.add(owner, "anna", SECRET)
    for actor in (scientist, ANNA):
        refused: tuple[Callable[[], object], ...] = (
            lambda actor=actor: accounts.add(actor, "otto", SECRET),
            lambda actor=actor: accounts.give_role(actor, actor.name, "owner"),
            lambda actor=actor: accounts.take_role(actor, "olga", "owner"),
            lambda actor=actor: accounts.remove(actor, "anna"),
        )
        for ask in refused:
            with pytest.raises(DeniedError):
                ask()
    assert roles(accounts, "anna") == ("viewer",)


def test_roles_are_given_and_taken(accounts: Accounts, owner: Actor) -> None:
    accounts.add(owner, "anna", SECRET)
    assert accounts.give_role(owner, "anna", "scientist").roles == ("scientist", "viewer")
    assert accounts.take_role(owner, "anna", "viewer").roles == ("scientist",)
    with pytest.raises(ConflictError, match=r"\[team\]"):
        accounts.give_role(owner, "vera", "scientist")  # the plan says what she may


def test_there_is_always_an_owner(accounts: Accounts, owner: Actor) -> None:
    with pytest.raises(ConflictError, match="nobody else is an owner"):
        accounts.take_role(owner, "olga", "owner")
    accounts.give_role(owner, "vera", "owner")
    accounts.take_role(owner, "olga", "owner")
    with pytest.raises(ConflictError, match="nobody else is an owner"):
        accounts.take_role(Actor(name="vera"), "vera", "owner")


def test_who_was_taken_out_has_no_way_in_even_under_the_same_name(
    accounts: Accounts, entrance: Entrance, owner: Actor, state: State
) -> None:
    accounts.add(owner, "anna", SECRET)
    token = Tokens(state).add(ANNA, "anna").secret
    accounts.remove(owner, "anna")
    accounts.add(owner, "anna", OTHER)  # somebody else
    for gone in (basic("anna", SECRET), f"Bearer {token}"):
        with pytest.raises(DeniedError):
            entrance.who(gone)


def test_nobody_removes_themselves_or_who_the_plan_names(accounts: Accounts, owner: Actor) -> None:
    for name in ("olga", "vera"):
        with pytest.raises(ConflictError):
            accounts.remove(owner, name)
    with pytest.raises(NotFoundError):
        accounts.remove(owner, "nobody")


def test_an_account_outlasts_a_plan_and_a_name_in_the_plan_does_not(
    accounts: Accounts, entrance: Entrance, owner: Actor, state: State
) -> None:
    accounts.add(owner, "anna", SECRET)
    accounts.set_password(owner, "vera", OTHER)
    with state.write(owner, "people.write") as unit:
        set_team(unit, {"rita": ("reviewer",)})
    assert {each.name for each in People(state).everybody(owner)} == {"olga", "rita", "anna"}
    assert entrance.who(basic("anna", SECRET)) == ANNA
    with pytest.raises(DeniedError):
        entrance.who(basic("vera", OTHER))
    for team in ({"anna": ("scientist",)}, {}):  # the plan takes her in, and lets her go
        with state.write(owner, "people.write") as unit:
            set_team(unit, team)
    assert {each.name for each in People(state).everybody(owner)} == {"olga"}


def test_a_plan_that_takes_an_account_over_is_a_change_of_people(
    accounts: Accounts, owner: Actor, scientist: Actor, state: State
) -> None:
    accounts.add(owner, "anna", SECRET)
    known = {each.name: each.roles for each in People(state).everybody(owner)}
    with pytest.raises(DeniedError), state.write(scientist, "plan.write") as unit:
        set_team(unit, known)


@pytest.mark.parametrize("name", ["", "a b", "a:b", "automation", "x" * 101, "../x", "-x", "ä"])
def test_a_name_that_will_not_do_is_refused(accounts: Accounts, owner: Actor, name: str) -> None:
    with pytest.raises(UsageError):
        accounts.add(owner, name, SECRET)


@pytest.mark.parametrize("password", ["", "x" * 11, "x" * 1001])
def test_a_password_that_will_not_do_is_refused(
    accounts: Accounts, owner: Actor, password: str
) -> None:
    with pytest.raises(UsageError):
        accounts.add(owner, "anna", password)
    with pytest.raises(ConflictError):
        accounts.add(owner, "vera", SECRET)


def test_people_are_numbered(accounts: Accounts, owner: Actor, state: State) -> None:
    made = accounts.add(owner, "anna", SECRET)
    numbers = [each.number for each in People(state).everybody(owner)]
    assert len(set(numbers)) == len(numbers)
    assert made.number == max(numbers)


def test_a_password_costs_a_guesser(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    assert rules.hashed(SECRET).startswith("scrypt$16384$8$5$")
    assert rules.matches(SECRET, rules.hashed(SECRET))
