"""A remote to oneself: one at a time, the others are told who, and whoever was killed gives way."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from trueup.foundation import clock
from trueup.foundation.errors import ConflictError
from trueup.ports.blobs import Blobs
from trueup.state.remotes import leasing
from trueup.state.remotes.link import Link
from trueup.state.remotes.remote import Remote

from .conftest import Open, noise

HOLD = """
import os, sys
from pathlib import Path
from trueup.state.remotes import leasing
from trueup.state.remotes.link import Link
with leasing.alone(Link(sys.argv[1], Path(sys.argv[2])), "repairs", "Ann"):
    os.kill(os.getpid(), 9)
"""


def nobody() -> Iterable[str]:
    return ()


@pytest.fixture
def link(remote: Remote, mine: Blobs, folder: Path, tmp_path: Path) -> Iterator[Link]:
    """A remote in which something lies, as another person sees it."""
    remote.push(mine, [mine.put(noise(100))])
    opened = Link(f"file://{folder}", tmp_path / "other" / "cache")
    yield opened
    opened.close()


def test_one_collects_at_a_time_and_the_other_is_told_who(
    remote: Remote, link: Link, open_remote: Open
) -> None:
    def meanwhile() -> Iterable[str]:
        with pytest.raises(ConflictError, match=r"'Ann' collects the remote .* since") as caught:
            open_remote("theirs").collect(nobody, dry_run=False)
        assert caught.value.code == "remote-collected"
        return ()

    remote.collect(meanwhile, dry_run=False, who="Ann")
    open_remote("theirs").collect(nobody, dry_run=False)


def test_whoever_was_killed_on_this_machine_gives_way_at_once(
    remote: Remote, link: Link, folder: Path, tmp_path: Path
) -> None:
    command = [sys.executable, "-c", HOLD, f"file://{folder}", str(tmp_path / "killed")]
    assert subprocess.run(command, check=False).returncode == -9
    remote.collect(nobody, dry_run=False)


def test_whoever_is_heard_of_no_more_gives_way_after_minutes(remote: Remote, link: Link) -> None:
    with leasing.alone(link, "repairs"):
        with (
            clock.held_at(clock.now() + leasing.LASTS / 2),
            pytest.raises(ConflictError, match="the last sign of life is 90 s old"),
        ):
            remote.collect(nobody, dry_run=False)
        with clock.held_at(clock.now() + leasing.LASTS):
            remote.collect(nobody, dry_run=False)


def test_whoever_says_that_it_lives_keeps_it(remote: Remote, link: Link) -> None:
    with leasing.alone(link, "repairs") as lease:
        with clock.held_at(clock.now() + leasing.LASTS * 0.9):
            lease.require()
        with clock.held_at(clock.now() + leasing.LASTS * 1.5), pytest.raises(ConflictError):
            remote.collect(nobody, dry_run=False)


def test_a_holder_says_so_by_itself(link: Link, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leasing, "_EVERY_SECONDS", 0.001)
    with leasing.alone(link, "repairs"):
        tags: set[str] = set()
        while len(tags) < 4:
            tags.add(link.objects.get_tagged(leasing.PATH)[1])


def test_whoever_lost_it_removes_nothing_more(remote: Remote, link: Link) -> None:
    """It was paused for too long: somebody else took over meanwhile."""
    with leasing.alone(link, "collects") as lease:
        with clock.held_at(clock.now() + leasing.LASTS + timedelta(seconds=1)):
            remote.collect(nobody, dry_run=False)
        with pytest.raises(ConflictError) as caught:
            lease.require()
        assert caught.value.code == "lease-lost"
