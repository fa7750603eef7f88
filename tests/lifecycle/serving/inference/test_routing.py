"""Which arm answers for an entity."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from trueup.lifecycle.releases.records import Route
from trueup.lifecycle.serving.inference.routing import assign, bucket

from ..conftest import route

weights = st.floats(min_value=0, max_value=1)
names = st.lists(st.text(max_size=12), max_size=20)


def _canary(weight: float) -> Route:
    return route((1, "flights@1", 1 - weight), (2, "flights@2", weight))


@given(names, weights)
def test_an_entity_always_gets_the_same_arm(entities: list[str], weight: float) -> None:
    together = assign(_canary(weight), entities)
    assert together == [assign(_canary(weight), [entity])[0] for entity in entities]


@given(names, weights, weights)
def test_a_growing_canary_only_gains_entities(entities: list[str], one: float, two: float) -> None:
    small, large = sorted((one, two))
    before = assign(_canary(small), entities)
    after = assign(_canary(large), entities)
    assert all(then >= now for now, then in zip(before, after, strict=True))


@given(names)
def test_a_canary_without_weight_gets_nothing_and_one_with_all_gets_all(
    entities: list[str],
) -> None:
    assert set(assign(_canary(0.0), entities)) <= {0}
    assert set(assign(_canary(1.0), entities)) <= {1}
    assert set(assign(route((1, "flights@1", 1.0)), entities)) <= {0}


def test_the_canary_gets_its_share() -> None:
    arms = assign(_canary(0.2), [f"N{i}" for i in range(20_000)])
    assert 0.19 < sum(arms) / len(arms) < 0.21


def test_the_bucket_is_fixed_for_ever() -> None:
    """A journal of years ago must still be explainable."""
    assert bucket("pepper", "late", "N14228") == 492140355905419668


def test_a_new_salt_mixes_the_entities_anew() -> None:
    entities = [f"N{i}" for i in range(5_000)]
    old = [bucket("a", "late", entity) < 2**63 for entity in entities]
    new = [bucket("b", "late", entity) < 2**63 for entity in entities]
    agree = sum(x == y for x, y in zip(old, new, strict=True)) / len(entities)
    assert 0.47 < agree < 0.53


def test_several_canaries_take_neighbouring_shares() -> None:
    three = route((1, "m@1", 0.5), (2, "m@2", 0.3), (3, "m@3", 0.2))
    arms = assign(three, [f"N{i}" for i in range(20_000)])
    shares = [arms.count(arm) / len(arms) for arm in range(3)]
    assert all(abs(x - y) < 0.015 for x, y in zip(shares, (0.5, 0.3, 0.2), strict=True))
