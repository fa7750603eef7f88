"""A rollback and a stop are obeyed at once, whoever holds the database; the record follows."""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import msgspec
import pytest

from trueup.backends.keys.file import Backend as FileKey
from trueup.lifecycle.releases.braking import Brakes
from trueup.lifecycle.releases.orders import Order, Orders

from ...conftest import AT
from .conftest import Live

pytestmark = pytest.mark.skipif(
    bool(os.environ.get("TRUEUP_DATABASE")), reason="locks a database that is a file"
)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Somebody else writes to the database, and does not come to an end."""
    database = sqlite3.connect(folder / "home" / "trueup.db", isolation_level=None)
    with closing(database) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


def rollback(live: Live) -> Order:
    return Brakes(live.shop.state).order_roll_back(live.shop.omar, "hall", AT, "complaints")


def stop(live: Live) -> Order:
    return Brakes(live.shop.state).order_stop(live.shop.omar, "hall", AT, "wrong units")


def serve_release_2(live: Live) -> None:
    live.release(5)
    live.follower.refresh()
    assert live.ask() == 2


def test_a_rollback_is_obeyed_while_the_database_is_locked(live: Live, tmp_path: Path) -> None:
    serve_release_2(live)
    with locked(tmp_path):
        live.orders.give(rollback(live))
        live.follower.refresh()
        assert live.ask() == 1
    assert live.shop.states("hall") == ["superseded", "live"]


def test_the_record_follows_and_the_order_goes(live: Live) -> None:
    serve_release_2(live)
    order = rollback(live)
    live.orders.give(order)
    shop = live.shop
    for _ in range(2):  # again, or by two at once, it goes back no further
        assert shop.releases.roll_back(order.actor, "hall", AT, order.why, of=order.release)
        live.orders.take_away(order)
    live.follower.refresh()
    assert (live.ask(), live.orders.standing()) == (1, ())
    assert shop.states("hall") == ["live", "rolled-back"]
    (event,) = shop.events("release.rolled-back")
    assert (event.actor, event.why) == ("omar", "complaints")


def test_an_order_is_void_once_its_release_serves_no_more(live: Live) -> None:
    serve_release_2(live)
    order = rollback(live)
    live.shop.releases.roll_back(live.shop.omar, "hall", AT)
    live.orders.give(order)
    live.follower.refresh()
    assert live.ask() == 1


def test_a_stopped_place_says_why_until_it_is_resumed(live: Live, tmp_path: Path) -> None:
    brakes = Brakes(live.shop.state)
    order = stop(live)
    with locked(tmp_path):
        live.orders.give(order)
        live.follower.refresh()
        assert live.ask() == -1
    assert live.statuses[503] == 1
    brakes.stop(order.actor, "hall", AT, order.why)
    live.orders.take_away(order)
    live.follower.refresh()
    assert live.ask() == -1  # now the database says so
    assert live.application.serving()["hall"].stopped == "omar: wrong units"
    assert brakes.resume(live.shop.omar, "hall") == "hall answers again"
    assert brakes.resume(live.shop.omar, "hall") == ""
    live.follower.refresh()
    assert live.ask() == 1


def test_a_release_that_cannot_be_loaded_holds_up_no_stop(live: Live, behave: object) -> None:
    behave("fails to load")  # type: ignore[operator]
    live.release(5)
    live.follower.refresh()
    assert live.ask() == 1
    live.orders.give(stop(live))
    live.follower.refresh()
    assert live.ask() == -1


def test_nobody_obeys_what_the_project_did_not_sign(live: Live, tmp_path: Path) -> None:
    foreign = Orders(tmp_path / "orders", FileKey(f"file://{tmp_path / 'foreign.key'}"))
    foreign.give(stop(live))
    live.follower.refresh()
    assert (live.ask(), live.orders.standing()) == (1, ())


def test_nobody_obeys_an_order_for_one_place_in_another(live: Live, tmp_path: Path) -> None:
    order = msgspec.structs.replace(stop(live), deployment="desk")
    live.orders.give(order)
    (file,) = (tmp_path / "orders").iterdir()
    file.rename(file.with_name("hall.stop.order"))
    live.follower.refresh()
    assert (live.ask(), live.orders.standing()) == (1, ())


def test_nobody_else_may_read_an_order(live: Live, tmp_path: Path) -> None:
    live.orders.give(stop(live))
    (file,) = (tmp_path / "orders").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
