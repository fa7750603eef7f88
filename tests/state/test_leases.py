"""A lease: one holder at a time, a larger fence for each new one, and no one lost for ever."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

from trueup.foundation import clock
from trueup.state.leases import Lease
from trueup.state.unit import State

DATABASES = ("sqlite", "postgresql")

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def test_only_one_of_two_may_work(state: State) -> None:
    one, two = (Lease(state.database, "scheduler", MINUTE) for _ in range(2))
    assert one.take()
    assert not two.take()
    assert one.take(), "the holder renews"


def test_names_are_independent(state: State) -> None:
    assert Lease(state.database, "scheduler", MINUTE).take()
    assert Lease(state.database, "worker", MINUTE).take()


def test_an_expired_lease_goes_to_the_next_with_a_larger_fence(state: State) -> None:
    dead, heir = (Lease(state.database, "scheduler", MINUTE) for _ in range(2))
    with clock.held_at(NOON):
        assert dead.take()
    with clock.held_at(NOON + MINUTE / 2):
        assert not heir.take()
    with clock.held_at(NOON + MINUTE):
        assert heir.take()
        assert not dead.take()
    assert heir.fence == dead.fence + 1


def test_renewing_moves_the_end(state: State) -> None:
    holder, other = (Lease(state.database, "scheduler", MINUTE) for _ in range(2))
    with clock.held_at(NOON):
        holder.take()
    with clock.held_at(NOON + MINUTE / 2):
        holder.take()
    with clock.held_at(NOON + MINUTE):
        assert not other.take()


def test_a_released_lease_is_free_at_once(state: State) -> None:
    one, two = (Lease(state.database, "scheduler", MINUTE) for _ in range(2))
    one.take()
    two.release()  # not the holder: nothing happens
    assert not two.take()
    one.release()
    assert two.take()


def test_of_many_that_try_at_once_one_wins(state: State) -> None:
    together = Barrier(4)

    def attempt(_: int) -> tuple[bool, int]:
        lease = Lease(state.database, "scheduler", MINUTE)
        together.wait()
        return lease.take(), lease.fence

    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(attempt, range(4)))
    assert sorted(results) == [(False, 0), (False, 0), (False, 0), (True, 1)]
