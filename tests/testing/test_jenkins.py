"""The fake Jenkins is one that the two usual clients take for Jenkins."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import jenkins
import pytest
from jenkinsapi.jenkins import Jenkins

from trueup.testing.jenkins import VERSION, Buildable, FakeJenkins

PythonJenkins = Callable[..., jenkins.Jenkins]
JenkinsApi = Callable[..., Jenkins]


@pytest.fixture
def server() -> Iterator[FakeJenkins]:
    lines = Buildable(
        "train", ("TRUEUP_RUN_ID", "depth"), lambda given: f"depth {given['depth']}\n"
    )
    slow = Buildable("slow", seconds=60, log=lambda _given: "tick\n" * 1000)
    with FakeJenkins(
        lines, slow, Buildable("plain", parameters=()), Buildable("Team/nightly")
    ) as running:
        yield running


@pytest.fixture
def as_python_jenkins(server: FakeJenkins) -> Iterator[Callable[..., jenkins.Jenkins]]:
    opened: list[jenkins.Jenkins] = []

    def connect(secret: str = "", user: str | None = "ci") -> jenkins.Jenkins:
        password = (secret or server.token) if user else None
        opened.append(jenkins.Jenkins(server.url, user, password, timeout=5))
        return opened[-1]

    yield connect
    for client in opened:
        client._session.close()


@pytest.fixture
def as_jenkinsapi(server: FakeJenkins) -> Iterator[Callable[..., Jenkins]]:
    opened: list[Jenkins] = []

    def connect(secret: str, *, use_crumb: bool) -> Jenkins:
        opened.append(Jenkins(server.url, "ci", secret, use_crumb=use_crumb))
        return opened[-1]

    yield connect
    for client in opened:
        client.requester.session.close()


@pytest.mark.parametrize("secret", ["token", "password"])
def test_python_jenkins_builds_a_job(
    server: FakeJenkins, secret: str, as_python_jenkins: Callable[..., jenkins.Jenkins]
) -> None:
    client = as_python_jenkins(getattr(server, secret))
    assert client.get_whoami()["id"] == "ci"
    assert client.get_version() == VERSION
    assert client.job_exists("train") and not client.job_exists("tram")
    item = client.build_job("train", {"TRUEUP_RUN_ID": "a", "depth": "4"})
    while "executable" not in (told := client.get_queue_item(item)):
        time.sleep(0.01)
    number = told["executable"]["number"]
    while client.get_build_info("train", number)["building"]:
        time.sleep(0.01)
    build = client.get_build_info("train", number)
    assert (build["result"], build["queueId"]) == ("SUCCESS", item)
    assert client.get_build_console_output("train", number) == "depth 4\n"


def test_python_jenkins_works_with_folders_queues_and_stops(
    server: FakeJenkins, as_python_jenkins: Callable[..., jenkins.Jenkins]
) -> None:
    client = as_python_jenkins()
    assert client.get_job_info("Team/nightly")["fullName"] == "Team/nightly"
    server.quiet_s = 60
    waiting = client.build_job("Team/nightly", {"TRUEUP_RUN_ID": "a"})
    assert [item["id"] for item in client.get_queue_info()] == [waiting]
    client.cancel_queue(waiting)
    assert client.get_queue_item(waiting)["cancelled"] and client.get_queue_info() == []
    server.quiet_s = 0
    client.build_job("slow", {"TRUEUP_RUN_ID": "b"})
    assert client.get_build_info("slow", 1)["building"]
    client.stop_build("slow", 1)
    assert client.get_build_info("slow", 1)["result"] == "ABORTED"


def test_python_jenkins_makes_a_job(
    server: FakeJenkins, as_python_jenkins: Callable[..., jenkins.Jenkins]
) -> None:
    client = as_python_jenkins(server.password)
    client.create_job("new", jenkins.EMPTY_CONFIG_XML)
    assert client.get_job_config("new") == jenkins.EMPTY_CONFIG_XML
    assert client.build_job("new") == 1


def test_jenkinsapi_builds_a_job(
    server: FakeJenkins, as_jenkinsapi: Callable[..., Jenkins]
) -> None:
    client = as_jenkinsapi(server.token, use_crumb=False)
    assert client.version == VERSION
    assert set(client.keys()) >= {"train", "plain"}
    item = client["train"].invoke(build_params={"TRUEUP_RUN_ID": "a", "depth": "7"})
    build = item.block_until_building(delay=0.01)  # type: ignore[arg-type]
    build.block_until_complete(delay=0.01)  # type: ignore[arg-type]
    assert (build.get_status(), build.get_number()) == ("SUCCESS", 1)
    assert build.get_params() == {"TRUEUP_RUN_ID": "a", "depth": "7"}
    assert build.get_console() == "depth 7\n"
    assert "".join(build.stream_logs()) == "depth 7\n"


def test_jenkinsapi_needs_a_crumb_with_a_password(
    server: FakeJenkins, as_jenkinsapi: Callable[..., Jenkins]
) -> None:
    client = as_jenkinsapi(server.password, use_crumb=True)
    server.quiet_s = 0
    item = client["slow"].invoke(build_params={"TRUEUP_RUN_ID": "a"})
    build = item.block_until_building(delay=0.01)  # type: ignore[arg-type]
    assert build.is_running() and build.stop()
    assert client["slow"].get_build(1).get_status() == "ABORTED"


def test_a_stranger_gets_403_and_no_challenge(
    server: FakeJenkins, as_python_jenkins: Callable[..., jenkins.Jenkins]
) -> None:
    with pytest.raises(jenkins.JenkinsException, match="403"):
        as_python_jenkins(user=None).build_job("plain")


def test_equal_starts_that_wait_become_one(
    server: FakeJenkins, as_python_jenkins: Callable[..., jenkins.Jenkins]
) -> None:
    client = as_python_jenkins()
    server.quiet_s = 60
    first = client.build_job("train", {"TRUEUP_RUN_ID": "a", "depth": "4"})
    assert client.build_job("train", {"TRUEUP_RUN_ID": "a", "depth": "4"}) == first
    assert client.build_job("train", {"TRUEUP_RUN_ID": "b", "depth": "4"}) != first


def test_a_queue_item_is_forgotten_after_it_left(
    server: FakeJenkins, as_python_jenkins: Callable[..., jenkins.Jenkins]
) -> None:
    client = as_python_jenkins()
    server.quiet_s = server.forgets_s = 0
    item = client.build_job("plain")
    time.sleep(0.01)
    with pytest.raises(jenkins.JenkinsException, match="does not exist"):
        client.get_queue_item(item)
