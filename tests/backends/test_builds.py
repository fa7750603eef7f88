"""Jenkins through our own client: started once, followed, read and stopped."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from trueup.foundation.errors import BackendError, DeniedError, NotFoundError, UsageError
from trueup.ports import loading
from trueup.ports.builds import Build, Builds
from trueup.state.outbound import Outbound
from trueup.testing.jenkins import VERSION, Buildable, FakeJenkins


@pytest.fixture
def server() -> Iterator[FakeJenkins]:
    train = Buildable(
        "train", ("TRUEUP_RUN_ID", "depth"), lambda given: f"depth {given['depth']}\n"
    )
    slow = Buildable("slow", seconds=60, log=lambda _given: "tick\n" * 1000)
    bad = Buildable("Team/bad", result="UNSTABLE")
    off = Buildable("off", disabled=True)
    with FakeJenkins(train, slow, bad, off, Buildable("plain", parameters=())) as running:
        yield running


@pytest.fixture(autouse=True)
def http() -> Iterator[Outbound]:
    outbound = Outbound()
    _open.append(outbound)
    yield outbound
    _open.remove(outbound)
    outbound.close()


_open: list[Outbound] = []


def client(server: FakeJenkins, secret: str = "") -> Builds:
    found: Builds = loading.load("builds", "jenkins")(
        server.url + "/", _open[-1], server.user, secret or server.token
    )
    return found


def ended(builds: Builds, build: Build) -> Build:
    while (build := builds.look(build)).state != "ended":
        time.sleep(0.01)
    return build


@pytest.mark.parametrize("secret", ["token", "password"])
def test_a_job_is_built_and_followed_to_its_end(server: FakeJenkins, secret: str) -> None:
    builds = client(server, getattr(server, secret))
    build = builds.start("train", {"depth": "4"}, key="run-1")
    assert (build.state, build.number) == ("queued", 0)
    build = ended(builds, build)
    assert (build.result, build.number, build.seconds) == ("success", 1, 0.05)
    assert build.url == f"{server.url}/job/train/1/"
    assert builds.log(build).text == "depth 4\n"


def test_the_server_says_its_version(server: FakeJenkins) -> None:
    assert client(server).version() == VERSION


def test_a_token_asks_for_no_crumb(server: FakeJenkins) -> None:
    client(server).start("train", {"depth": "4"}, key="run-1")
    assert not [request for request in server.requests if "crumb" in request]


@pytest.mark.parametrize("quiet_s", [60.0, 0.0], ids=["waiting", "running"])
def test_a_second_start_with_the_same_key_finds_the_first(
    server: FakeJenkins, quiet_s: float
) -> None:
    server.quiet_s = quiet_s
    builds = client(server)
    first = builds.start("slow", {}, key="run-1")
    time.sleep(0.01)
    again = client(server).start("slow", {}, key="run-1")
    assert again.queue == first.queue
    assert len(server.items) == 1


def test_a_build_is_found_when_its_queue_item_is_forgotten(server: FakeJenkins) -> None:
    server.quiet_s = server.forgets_s = 0
    builds = client(server)
    build = builds.start("train", {"depth": "4"}, key="run-1")
    time.sleep(0.01)
    assert ended(builds, build).number == 1


def test_folders_and_results_are_told_apart(server: FakeJenkins) -> None:
    builds = client(server)
    assert ended(builds, builds.start("Team/bad", {}, key="run-1")).result == "unstable"


def test_the_log_comes_in_pieces_without_gap_or_overlap(server: FakeJenkins) -> None:
    server.quiet_s, server.jobs["slow"].seconds = 0, 0.2
    builds = client(server)
    build = builds.start("slow", {}, key="run-1")
    text, start, pieces, more = "", 0, 0, True
    while more:
        build = builds.look(build)
        part = builds.log(build, start)
        text, start, more = text + part.text, part.next, part.more
        pieces += bool(part.text)
        time.sleep(0.02)
    assert text == "tick\n" * 1000 and pieces > 1


@pytest.mark.parametrize("quiet_s", [60.0, 0.0], ids=["waiting", "running"])
def test_a_build_can_be_stopped_wherever_it_is(server: FakeJenkins, quiet_s: float) -> None:
    server.quiet_s = quiet_s
    builds = client(server)
    build = builds.start("slow", {}, key="run-1")
    time.sleep(0.01)
    assert builds.cancel(build).result == "aborted"
    assert builds.cancel(builds.look(build)).result == "aborted"


def test_what_is_wrong_is_named(server: FakeJenkins) -> None:
    builds = client(server)
    with pytest.raises(NotFoundError, match="no job 'tram'"):
        builds.start("tram", {}, key="a")
    with pytest.raises(UsageError, match="disabled"):
        builds.start("off", {}, key="a")
    with pytest.raises(UsageError, match="takes no parameters"):
        builds.start("plain", {}, key="a")
    with pytest.raises(UsageError, match="no name of a Jenkins job"):
        builds.start("../script", {}, key="a")
    with pytest.raises(DeniedError) as caught:
        client(server, "wrong-secret").start("train", {}, key="a")
    assert "wrong-secret" not in f"{caught.value} {caught.value.context}"


def test_a_server_that_is_not_there_is_named(server: FakeJenkins) -> None:
    builds = loading.load("builds", "jenkins")("http://127.0.0.1:9", _open[-1], "ci", "secret-1")
    with pytest.raises(BackendError, match=r"127\.0\.0\.1:9.* cannot be reached") as caught:
        builds.version()
    assert "secret-1" not in f"{caught.value}"
