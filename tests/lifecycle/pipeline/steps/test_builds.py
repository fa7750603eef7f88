"""A Jenkins job as a step: started once, its log is the step's, its result decides."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from trueup import build, choose, pipeline, step
from trueup.foundation.errors import UsageError, UserCodeError
from trueup.lifecycle.pipeline.passing import handing
from trueup.lifecycle.pipeline.steps import builds, connecting
from trueup.lifecycle.runs.execution import scheduling
from trueup.testing.jenkins import Buildable, FakeJenkins


@pytest.fixture
def server(bench: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeJenkins]:
    train = Buildable("Team/train", ("TRUEUP_RUN_ID", "DEPTH"), lambda given: f"{given['DEPTH']}\n")
    with FakeJenkins(train, Buildable("shaky", result="UNSTABLE")) as running:
        (bench.root / "trueup.toml").write_text(
            '[project]\nname = "shop"\nobjective = "Sell"\n'
            f'[connections.jenkins]\nurl = "{running.url}"\nuser = "ci"\ntoken = "secret:JENKINS"\n'
        )
        monkeypatch.setenv("TRUEUP_SECRET_JENKINS", running.token)
        yield running


def test_a_build_is_a_step_with_a_result(
    bench: Any, server: FakeJenkins, capsys: pytest.CaptureFixture[str]
) -> None:
    def wire() -> None:
        build("Team/train", parameters={"DEPTH": 6})

    (stored,) = bench.run(wire)
    result = bench.load(stored)
    assert (result["result"], result["number"]) == ("success", 1)
    assert result["url"] == f"{server.url}/job/Team/job/train/1/"
    assert capsys.readouterr().out == "6\n"
    again = bench.load(bench.run(wire)[0])  # the same call of the same run: the same build
    assert again["number"] == 1 and len(server.items) == 1


def test_another_result_fails_the_step_unless_it_is_accepted(
    bench: Any, server: FakeJenkins
) -> None:
    def strict() -> None:
        build("shaky")

    def lenient() -> None:
        build("shaky", accept=("success", "unstable"))

    with pytest.raises(UserCodeError, match="build 1 of 'shaky' ended as unstable"):
        bench.run(strict)
    accepted = bench.run(lenient)
    assert bench.load(accepted[0])["result"] == "unstable"


def test_a_build_is_an_effect_and_never_reused() -> None:
    @pipeline
    def nightly() -> None:
        build("Team/train")

    (node,) = nightly.draw({}).nodes
    assert not node.called.options.cache and node.name == "train"
    assert builds.built_by(node) == "Team/train"


def test_other_nodes_build_nothing() -> None:
    @step
    def wanted() -> bool:
        return True

    @pipeline
    def nightly() -> None:
        choose(wanted(), then=lambda: build("a"), otherwise=lambda: build("b"))

    found = [builds.built_by(node) for node in nightly.draw({}).nodes]
    assert [job for job in found if job] == ["a", "b"]


def test_a_build_outside_a_pipeline_is_refused() -> None:
    with pytest.raises(UsageError, match="only inside a @pipeline"):
        build("Team/train")


def test_a_stopped_run_stops_its_builds(bench: Any, server: FakeJenkins) -> None:
    @pipeline
    def nightly() -> None:
        build("slow")
        build("shaky")

    server.jobs["slow"] = Buildable("slow", seconds=60)
    nodes = nightly.draw({}).nodes
    with connecting.outbound(bench.root) as http:
        jenkins = connecting.builds(bench.root, http)
        jenkins.start("slow", {}, builds.key_of("7k3f9qd2", "slow"))
    assert builds.stop(bench.root, "7k3f9qd2", nodes) == ["slow"]
    assert builds.stop(bench.root, "7k3f9qd2", nodes) == []
    assert builds.stop(bench.root, "", nodes) == []


def test_each_attempt_is_a_build_of_its_own_and_ends_the_one_before(
    bench: Any, server: FakeJenkins
) -> None:
    @pipeline
    def nightly() -> None:
        build("slow", retries=2)

    def attempt(number: int) -> Any:
        return handing.perform(
            node.called,
            node.name,
            node.at,
            node.arguments,
            blobs=bench.blobs,
            root=bench.root,
            hide=bench.hide,
            run="7k3f9qd2",
            attempt=number,
        ).outputs

    (node,) = nightly.draw({}).nodes
    server.jobs["slow"] = Buildable("slow", result="FAILURE")
    with pytest.raises(UserCodeError, match="build 1 of 'slow' ended as failure") as raised:
        attempt(1)
    assert scheduling.may_retry(node.called.options, 1, raised.value)
    server.jobs["slow"].seconds = 60
    with connecting.outbound(bench.root) as http:  # the second attempt hung and was killed
        jenkins = connecting.builds(bench.root, http)
        hung = jenkins.start("slow", {}, builds.key_of("7k3f9qd2", "slow", 2))
    server.jobs["slow"] = Buildable("slow", builds=server.jobs["slow"].builds)
    assert bench.load(attempt(3))["result"] == "success"
    with connecting.outbound(bench.root) as http:
        assert connecting.builds(bench.root, http).look(hung).result in ("aborted", "not-built")
    keys = [build.given["TRUEUP_RUN_ID"] for build in server.jobs["slow"].builds]
    assert keys[0] == "7k3f9qd2-slow" and keys[-1] == "7k3f9qd2-slow#3"
