"""Tokens speak for people: who may make them, what counts, what is kept of them."""

from __future__ import annotations

import base64
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trueup.foundation import clock
from trueup.foundation.actor import Actor
from trueup.foundation.errors import ConflictError, DeniedError, NotFoundError, UsageError
from trueup.people.access import guard
from trueup.people.tokens import rules
from trueup.people.tokens.entrance import Entrance
from trueup.people.tokens.service import Tokens
from trueup.state import eventlog
from trueup.state.unit import State

DATABASES = ("sqlite", "postgresql")


@pytest.fixture
def tokens(state: State) -> Tokens:
    return Tokens(state)


@pytest.fixture
def entrance(state: State, owner: Actor) -> Entrance:
    """An entrance where everybody has to sign in."""
    return Entrance(state.database, lambda: owner, is_required=True)


def basic(name: str, secret: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{secret}".encode()).decode()


def test_a_token_speaks_for_its_person(
    tokens: Tokens, entrance: Entrance, scientist: Actor
) -> None:
    secret = tokens.add(scientist, "sam", timedelta(days=1)).secret
    assert entrance.who(f"Bearer {secret}") == scientist
    assert entrance.who(basic("sam", secret)) == scientist
    with pytest.raises(DeniedError, match="somebody else's"):
        entrance.who(basic("olga", secret))


def test_a_secret_is_kept_nowhere(tokens: Tokens, state: State, owner: Actor) -> None:
    made = tokens.add(owner, "rita")
    tokens.revoke(owner, made.token.id)
    random = made.secret.rpartition("_")[2]
    with state.database.reading() as connection:
        for table in ("tokens", "events"):
            rows = connection.exec_driver_sql(f"SELECT * FROM {table}")
            assert random not in "\n".join(map(str, rows))
        types = [event.type for event in eventlog.since(connection, 0)]
    assert types[-2:] == ["token.made", "token.revoked"]


def test_only_owners_make_and_take_tokens_of_others(
    tokens: Tokens, owner: Actor, scientist: Actor, reviewer: Actor
) -> None:
    of_rita = tokens.add(owner, "rita").token
    with pytest.raises(DeniedError):
        tokens.add(scientist, "rita")
    for id_ in (of_rita.id, "0000000000"):  # nor do they learn which there are
        with pytest.raises(DeniedError):
            tokens.revoke(scientist, id_)
    of_sam = tokens.add(scientist, "sam").token
    assert tokens.known(scientist) == [of_sam]
    assert {each.id for each in tokens.known(owner)} == {of_sam.id, of_rita.id}
    assert tokens.revoke(reviewer, of_rita.id).revoked_at is not None


def test_what_cannot_be_made_or_taken_is_told(tokens: Tokens, owner: Actor) -> None:
    with pytest.raises(NotFoundError, match="mallory"):
        tokens.add(owner, "mallory")
    with pytest.raises(NotFoundError, match="nothing"):
        tokens.revoke(owner, "nothing")
    with pytest.raises(UsageError, match="10 years"):
        tokens.add(owner, "sam", timedelta(days=4000))
    made = tokens.add(owner, "sam").token
    tokens.revoke(owner, made.id)
    with pytest.raises(ConflictError):
        tokens.revoke(owner, made.id)


def test_an_expired_or_revoked_token_counts_for_nothing(
    tokens: Tokens, entrance: Entrance, owner: Actor
) -> None:
    short = tokens.add(owner, "sam", timedelta(hours=1))
    with (
        clock.held_at(short.token.made_at + timedelta(hours=1)),
        pytest.raises(DeniedError) as refused,
    ):
        entrance.who(f"Bearer {short.secret}")
    assert refused.value.code == "sign-in-needed"
    assert short.secret not in str(refused.value)
    revoked = tokens.add(owner, "sam")
    tokens.revoke(owner, revoked.token.id)
    with pytest.raises(DeniedError):
        entrance.who(f"Bearer {revoked.secret}")


def test_wrong_tokens_are_not_looked_at_for_ever(
    tokens: Tokens, entrance: Entrance, owner: Actor
) -> None:
    secret = tokens.add(owner, "sam").secret
    codes = []
    for number in range(25):
        with pytest.raises(DeniedError) as refused:
            entrance.who(f"Bearer trueup_0123456789_{number}", "10.0.0.1")
        codes.append(refused.value.code)
    assert codes == ["sign-in-needed"] * 20 + ["sign-in-limited"] * 5
    assert entrance.who(f"Bearer {secret}", "10.0.0.2").name == "sam"


def test_guesses_of_one_do_not_shut_out_who_has_a_token_behind_the_same_address(
    tokens: Tokens, entrance: Entrance, owner: Actor
) -> None:
    secret = tokens.add(owner, "sam").secret
    for number in range(25):
        with pytest.raises(DeniedError):
            entrance.who(f"Bearer trueup_0123456789_{number}", "10.0.0.1")
    assert entrance.who(f"Bearer {secret}", "10.0.0.1").name == "sam"


def test_local_mode_needs_no_token_and_takes_one(
    state: State, tokens: Tokens, owner: Actor
) -> None:
    local = Entrance(state.database, lambda: owner)
    secret = tokens.add(owner, "sam").secret
    assert local.who("") == owner
    assert local.who("Bearer of-another-server") == owner
    assert local.who(f"Bearer {secret}").name == "sam"
    with pytest.raises(DeniedError):
        local.who(f"Bearer {secret}x")


@given(st.one_of(st.text(max_size=60), st.text(max_size=40).map(lambda t: f"Basic {t}")))
def test_any_header_is_read_without_failing(header: str) -> None:
    found = rules.given(header)
    assert found is None or isinstance(found.secret, str)
    if found is not None:
        assert not rules.matches(found.secret, rules.new_secret()[2])


def test_a_limited_token_reaches_what_it_is_for_and_nothing_else(
    tokens: Tokens, entrance: Entrance, state: State, owner: Actor
) -> None:
    made = tokens.add(owner, owner.name, scopes=["predict:clinic", "metrics", "metrics"])
    assert made.token.scopes == ("metrics", "predict:clinic")
    actor = entrance.who(f"Bearer {made.secret}")
    assert actor == entrance.who(basic(owner.name, made.secret))
    with state.database.reading() as connection:
        guard(connection, actor, "predictions.create", "clinic")
        guard(connection, actor, "read", "clinic")
        guard(connection, actor, "metrics.read")
        for permission, deployment in (
            ("predictions.create", "lab"),
            ("predictions.create", ""),
            ("feedback.create", "clinic"),
            ("read", ""),
        ):
            with pytest.raises(DeniedError, match="the token is limited to"):
                guard(connection, actor, permission, deployment)
    for verb in (lambda: tokens.add(actor, owner.name), lambda: tokens.known(actor)):
        with pytest.raises(DeniedError):  # least of all does it make itself a larger one
            verb()
    assert tokens.known(owner)[0] == made.token


def test_a_limited_token_gives_no_more_than_its_person_has(
    tokens: Tokens, entrance: Entrance, state: State, owner: Actor
) -> None:
    secret = tokens.add(owner, "rita", scopes=["predict:*"]).secret
    actor = entrance.who(f"Bearer {secret}")
    with (
        state.database.reading() as connection,
        pytest.raises(DeniedError, match="their roles are: reviewer"),
    ):
        guard(connection, actor, "predictions.create", "clinic")


@pytest.mark.parametrize("scope", ["", "predict", "predict:", "write:clinic", "predict:a/b", "*"])
def test_what_is_no_scope_is_told(tokens: Tokens, owner: Actor, scope: str) -> None:
    with pytest.raises(UsageError, match="is no scope of a token"):
        tokens.add(owner, "rita", scopes=[scope])
