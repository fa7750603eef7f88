"""A followed alias, and many swaps while callers ask: none of them notices."""

from __future__ import annotations

import os
import time

from trueup.lifecycle.models.aliases.service import Aliases
from trueup.lifecycle.releases.protection import Protection

from .conftest import Live

SWAPS = int(os.environ.get("TRUEUP_SWAPS", "6"))


def point(live: Live, version: int) -> None:
    """Let the alias `staging` point at a version."""
    shop = live.shop
    Aliases(shop.state, Protection(shop.state.keys)).set(shop.sam, "small", "staging", version)


def model(live: Live) -> str:
    return live.application.serving()["try-out"].arms[0].model_ref


def test_a_followed_alias_needs_no_release(live: Live) -> None:
    live.place = "try-out"
    point(live, 2)
    live.follower.refresh()
    assert (live.ask(), model(live)) == (0, "small@2")
    point(live, 5)
    live.follower.refresh()
    assert model(live) == "small@5"


def test_an_alias_on_a_version_without_a_verdict_leaves_the_old_one(live: Live) -> None:
    point(live, 2)
    live.follower.refresh()
    point(live, 3)
    live.follower.refresh()
    assert model(live) == "small@2"
    assert live.told == [("try-out", "verdict-missing")]
    newest = live.outcomes("try-out")[0]
    assert (newest.subject, newest.model_ref) == ("deployment:try-out", "small@3")


def test_swapping_again_and_again_under_load_fails_no_request(live: Live) -> None:
    live.place = "try-out"
    point(live, 2)
    live.follower.refresh()
    live.follower.start()
    live.keep_asking(callers=2)
    for number in range(SWAPS):
        wanted = 5 if number % 2 == 0 else 2
        point(live, wanted)
        until = time.monotonic() + 20
        while model(live) != f"small@{wanted}" and time.monotonic() < until:
            live.ask()
    live.stop_asking()
    assert set(live.statuses) == {200}
    assert set(live.models) == {"small@2", "small@5"}
    assert live.told == []
    print(f"{SWAPS} swaps, {live.statuses.total()} requests, {dict(live.statuses)}")  # noqa: T201
