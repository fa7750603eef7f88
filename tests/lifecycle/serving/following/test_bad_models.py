"""A release whose model is bad in any way: the one before goes on, and the reason is on record."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from trueup.lifecycle.gates import table
from trueup.lifecycle.serving.following.registry import Registry

from ...conftest import Shop
from .conftest import Live

FAILURES = "trueup_load_failures_total"
Behave = Callable[[str], None]


def refused(live: Live, code: str, spoil: Callable[[], object] = lambda: None) -> str:
    """Release `small@5` while callers ask; all are answered by release 1. The reason in words."""
    live.keep_asking()
    live.release(5)
    spoil()
    for _ in range(2):  # told once, however often it looks
        live.follower.refresh()
    live.stop_asking()
    assert set(live.statuses) == {200}
    assert set(live.releases) == {1}
    assert live.told == [("hall", code)]
    newest = live.outcomes()[0]
    assert (newest.subject, newest.model_ref) == ("release:hall@2", "small@5")
    assert (newest.is_served, newest.code) == (False, code)
    if code != "model-load-timeout":  # that one goes on in vain
        assert f'{FAILURES}{{deployment="hall",code="{code}"}} 1' in live.metrics()
    return newest.why


def forge(shop: Shop) -> None:
    digest = shop.models.show(shop.sam, "small", "5").digest
    with shop.state.database.writing() as connection:
        forged = table.verdicts.update().where(table.verdicts.c.model == digest)
        connection.execute(forged.values(signature="00" * 64))


def file_of(shop: Shop, version: int) -> str:
    return shop.models.show(shop.sam, "small", str(version)).manifest.file


@pytest.mark.parametrize(
    ("mode", "code", "words"),
    [
        ("fails to load", "model-code-failed", "the weights are of another kind"),
        ("gives NaN", "golden-rows", "differs in 32 of 32 rows"),
        ("gives other numbers", "golden-rows", "It is not what was judged"),
        ("gives another shape", "model-output", "3 numbers a row"),
        ("slow", "model-load-timeout", "within 1 s"),
        ("huge", "model-too-large", "ran out of memory"),
    ],
)
def test_code_that_goes_wrong_on_the_server(
    live: Live, behave: Behave, mode: str, code: str, words: str
) -> None:
    behave(mode)
    assert words in refused(live, code)


def test_a_missing_file(live: Live) -> None:
    file = file_of(live.shop, 5)
    refused(live, "blob-not-found", lambda: live.shop.state.blobs.delete([file]))


def test_a_file_of_another_digest(live: Live) -> None:
    path = live.shop.state.blobs.local_path(file_of(live.shop, 5))
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    refused(live, "blob-damaged")


def test_a_verdict_that_is_no_longer_what_was_signed(live: Live) -> None:
    refused(live, "verdict-not-genuine", lambda: forge(live.shop))


def test_a_version_whose_leave_was_taken_back(live: Live) -> None:
    def take_back() -> None:
        live.shop.adopt()

    refused(live, "verdict-missing", take_back)


def test_it_serves_again_what_was_mended(live: Live, behave: Behave) -> None:
    behave("fails to load")
    refused(live, "model-code-failed")
    behave("")
    live.follower._failed.clear()  # it would try again by itself after half a minute
    live.follower.refresh()
    assert live.ask() == 2
    newest = live.outcomes()[0]
    assert (newest.is_served, newest.why) == (True, "")
    assert newest.seconds > 0


def test_a_server_that_starts_with_a_bad_release_answers_with_the_one_before(
    live: Live, behave: Behave
) -> None:
    behave("fails to load")
    live.release(5)
    for name in live.application.serving():
        live.application.retire(name)
    live.follower.refresh()
    assert live.ask() == 1
    assert live.told == [("hall", "model-code-failed")]


def test_an_idle_look_asks_nothing_of_the_database(live: Live) -> None:
    live.outcomes()  # all that is said about the first release was written
    registry = Registry(live.shop.state)
    first = registry.routes()
    assert registry.routes() is first
    live.release(5)
    assert registry.routes()["hall"].arms[0].model_ref == "small@5"
