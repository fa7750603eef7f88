"""A build is followed through restarts of its server, and stopped with us."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from trueup.foundation.errors import BackendError
from trueup.lifecycle.pipeline.steps.following import follow
from trueup.ports.builds import Build, Builds
from trueup.ports.loading import load
from trueup.state.outbound import Outbound
from trueup.testing.jenkins import Buildable, FakeJenkins


@pytest.fixture
def server() -> Iterator[FakeJenkins]:
    train = Buildable("train", log=lambda _given: "line\n" * 200, seconds=0.1)
    with FakeJenkins(train, Buildable("slow", seconds=60)) as running:
        yield running


@pytest.fixture
def builds(server: FakeJenkins) -> Iterator[Builds]:
    with Outbound() as http:
        yield load("builds", "jenkins")(server.url, http, server.user, server.token)


def nap(_seconds: float) -> None:
    time.sleep(0.01)


def test_the_whole_log_is_told_and_the_end_returned(builds: Builds) -> None:
    pieces: list[str] = []
    ended = follow(builds, "train", {}, "run-1", pieces.append, nap)
    assert (ended.result, "".join(pieces)) == ("success", "line\n" * 200)


def test_following_again_finds_the_same_build(builds: Builds, server: FakeJenkins) -> None:
    first = follow(builds, "train", {}, "run-1", lambda _text: None, nap)
    again = follow(builds, "train", {}, "run-1", lambda _text: None, nap)
    assert again.number == first.number and len(server.items) == 1


def test_the_build_stops_when_we_are_stopped(builds: Builds, server: FakeJenkins) -> None:
    waits = 0

    def interrupted(_seconds: float) -> None:
        nonlocal waits
        waits += 1
        time.sleep(0.03)
        if waits == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        follow(builds, "slow", {}, "run-1", lambda _text: None, interrupted)
    assert server.jobs["slow"].builds[0].result == "ABORTED"


class Restarting(load("builds", "jenkins")):  # type: ignore[misc]
    """A server that is away for some questions."""

    away = 4

    def look(self, build: Build) -> Build:
        self.away -= 1
        if self.away >= 0:
            raise BackendError("service-unreachable", "It restarts.", hint="wait")
        found: Build = super().look(build)
        return found


def test_a_restart_of_the_server_is_waited_for(builds: Builds, server: FakeJenkins) -> None:
    with Outbound() as http:
        patient = Restarting(server.url, http, server.user, server.token)
        assert follow(patient, "train", {}, "run-1", lambda _text: None, nap).result == "success"
        lost = Restarting(server.url, http, server.user, server.token)
        lost.away = 100
        with pytest.raises(BackendError, match="restarts"):
            follow(lost, "train", {}, "run-2", lambda _text: None, nap)
