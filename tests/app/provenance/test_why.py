"""From anything to its causes and to what came of it; every digest on the way can be recomputed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from trueup.app.automation.reacting import ACTOR
from trueup.app.provenance.lineage import Node
from trueup.app.provenance.why import explain
from trueup.foundation import digests
from trueup.foundation.actor import Actor
from trueup.foundation.errors import DeniedError, NotFoundError, UsageError
from trueup.lifecycle.models import rules as model_rules
from trueup.lifecycle.plan.rules import plan_digest

from ..conftest import BREACH, Desk


def why(desk: Desk, reference: str) -> Node:
    return explain(desk.workspace, desk.workspace.owner, reference)


def walk(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children:
        yield from walk(child)


def refs(node: Node) -> set[str]:
    """All references of a tree."""
    return {each.ref for each in walk(node)} - {""}


def relations(node: Node) -> list[str]:
    return [child.relation for child in node.children]


@pytest.fixture
def lived(asked: Desk) -> Desk:
    """Version 2 was approved and is tried out."""
    asked.decide()
    asked.pump(BREACH)
    return asked


@pytest.fixture
def ids(lived: Desk) -> dict[str, str]:
    """The references of one thing of each kind."""
    workspace = lived.workspace
    first, second = lived.release(1), lived.release(2)
    predicted = workspace.predictions.query(workspace.owner, "desk", limit=1)[0]
    proposal = lived.proposal()
    return {
        "prediction": f"prediction:{predicted.id}",
        "alert": f"alert:{proposal.alert}",
        "run": f"run:{proposal.run}",
        "first run": f"run:{workspace.models.show(ACTOR, 'small', '1').manifest.run}",
        "verdict": f"verdict:{second.verdict}",
        "first verdict": f"verdict:{first.verdict}",
        "approval": f"approval:{second.approval}",
    }


def test_a_prediction_leads_to_rows_commit_goal_and_people(
    lived: Desk, ids: dict[str, str]
) -> None:
    tree = why(lived, ids["prediction"])
    assert relations(tree) == ["from input", "answered by"]
    assert set(tree.children[0].facts) == {"a", "b"}
    assert {
        "release:desk@1",
        "small@1",
        ids["first run"],
        ids["first verdict"],
        "data:rows@1",
        "plan:1",
        "goal:ranked",
        "goal:honest",
    } <= refs(tree)
    labels = {node.label for node in walk(tree)}
    assert "approval by rita" in labels
    assert any(label.startswith("commit ") for label in labels)
    assert tree.facts["label"] in ("0", "1")


def test_a_version_leads_back_to_its_data_and_on_to_its_releases(
    lived: Desk, ids: dict[str, str]
) -> None:
    tree = why(lived, "small@2")
    assert relations(tree) == ["made by", "judged by", "released as"]
    assert {ids["run"], ids["verdict"], ids["alert"], "data:rows@2", "release:desk@2"} <= refs(tree)
    assert refs(why(lived, "small@champion")) >= {"small@1", "release:desk@1", ids["alert"]}


def test_a_release_leads_back_to_its_cause_and_on_to_its_alerts(
    lived: Desk, ids: dict[str, str]
) -> None:
    second = why(lived, "release:desk@2")
    assert relations(second) == ["serves", "stands on", "approved by", "because of"]
    assert {"small@2", ids["verdict"], ids["approval"], ids["alert"]} <= refs(second)
    first = why(lived, "release:desk@1")
    assert "led to" in relations(first)
    assert ids["alert"] in refs(first)
    assert why(lived, "release:desk") == first  # without a number: what is live


def test_a_run_leads_back_to_its_data_and_on_to_its_version(
    lived: Desk, ids: dict[str, str]
) -> None:
    tree = why(lived, ids["run"])
    assert relations(tree) == ["from data", "at commit", "because of", "made"]
    assert {"data:rows@2", ids["alert"], "small@2", "release:desk@2"} <= refs(tree)
    assert relations(why(lived, ids["first run"])) == ["from data", "at commit", "made"]


def test_data_leads_on_to_what_was_trained_on_it(lived: Desk) -> None:
    first, second = why(lived, "data:rows@1"), why(lived, "data:rows")
    assert refs(first) >= {"small@1", "release:desk@1"}
    assert refs(second) >= {"small@2", "release:desk@2"}
    assert "small@2" not in refs(first)
    assert why(lived, f"data:rows@{first.facts['digest'][:14]}") == first


def test_data_leads_on_to_a_run_that_made_no_model_of_it(lived: Desk) -> None:
    data = {"rows": why(lived, "data:rows@1").facts["digest"]}
    owner, runs = lived.workspace.owner, lived.workspace.runs
    read = runs.start(owner, "counting", parameters={}, data=data, code="b3:c", environment="b3:e")
    runs.finish(owner, read.id)
    assert read.ref in refs(why(lived, "data:rows@1"))
    assert read.ref not in refs(why(lived, "data:rows@2"))
    assert "data:rows@1" in refs(why(lived, read.ref))


def test_a_run_that_made_the_same_once_more_leads_to_the_version_and_back(
    lived: Desk, ids: dict[str, str]
) -> None:
    owner, runs = lived.workspace.owner, lived.workspace.runs
    first = runs.show(owner, ids["run"].removeprefix("run:")).run
    facts = ("parameters", "data", "code", "environment", "model")
    again = runs.start(owner, first.pipeline, **{name: getattr(first, name) for name in facts})
    runs.finish(owner, again.id, first.candidate)
    tree = why(lived, again.ref)
    assert relations(tree)[-1] == "made again" and "small@2" in refs(tree)
    assert again.ref in refs(why(lived, "small@2"))


def test_an_alert_leads_back_to_the_goal_and_on_to_the_better_model(
    lived: Desk, ids: dict[str, str]
) -> None:
    tree = why(lived, ids["alert"])
    assert relations(tree) == ["breaks", "about", "led to"]
    assert {"goal:ranked", "plan:1", "small@1", "small@2", "release:desk@2"} <= refs(tree)


def test_verdict_approval_goal_plan_and_place_have_chains(lived: Desk, ids: dict[str, str]) -> None:
    verdict = why(lived, ids["verdict"])
    assert relations(verdict) == ["about", "under"]
    assert refs(verdict) >= {"small@2", ids["run"], "plan:1", "goal:ranked"}
    assert refs(why(lived, ids["approval"])) >= {"release:desk@2", "small@2"}
    assert refs(why(lived, "goal:ranked")) >= {"plan:1", ids["alert"]}
    assert refs(why(lived, "plan:1")) == {"plan:1", "goal:ranked", "goal:honest"}
    assert refs(why(lived, "deployment:desk")) >= {"release:desk@1", "release:desk@2"}


def test_every_reference_of_a_chain_has_a_chain_itself(lived: Desk, ids: dict[str, str]) -> None:
    seen: set[str] = set()
    waiting = set(ids.values())
    while waiting:
        reference = waiting.pop()
        seen.add(reference)
        waiting |= refs(why(lived, reference)) - seen
    assert len(seen) > 12


def test_what_leads_there_leads_back(lived: Desk, ids: dict[str, str]) -> None:
    pairs = [
        ("small@2", ids["run"]),
        ("small@2", "data:rows@2"),
        ("small@2", ids["alert"]),
        ("release:desk@2", "small@2"),
        ("release:desk@2", ids["approval"]),
        ("release:desk@2", ids["alert"]),
        (ids["alert"], "small@1"),
        (ids["alert"], "goal:ranked"),
    ]
    for one, other in pairs:
        assert other in refs(why(lived, one)), f"{one} does not lead to {other}"
        assert one in refs(why(lived, other)), f"{other} does not lead to {one}"


def test_the_digests_of_a_chain_can_be_recomputed_from_what_is_stored(
    lived: Desk, ids: dict[str, str]
) -> None:
    workspace = lived.workspace
    facts = {node.ref: node.facts for node in walk(why(lived, "release:desk@2"))}
    version = workspace.models.show(ACTOR, "small", "2")
    assert facts["small@2"]["digest"] == model_rules.address(version.manifest)
    model = facts["small@2"]["file"]
    assert digests.of_bytes(workspace.state.blobs.get(model)) == model
    verdict = workspace.gates.show(ACTOR, ids["verdict"].partition(":")[2])
    assert facts[ids["verdict"]]["digest"] == digests.of_record(verdict.statement)
    said = facts[ids["verdict"]]
    assert said["rows"] == "holdout"
    assert digests.of_bytes(workspace.state.blobs.get(said["data"])) == said["data"]
    snapshot = workspace.datasets.show(ACTOR, "rows", "2")
    assert facts["data:rows@2"]["digest"] == snapshot.digest
    assert digests.of_bytes(workspace.state.blobs.get(snapshot.digest)) == snapshot.digest
    for file in workspace.datasets.files(ACTOR, snapshot):
        assert digests.of_bytes((lived.root / "data/rows.csv").read_bytes()) == file.digest
    plan = workspace.plans.current(ACTOR)
    assert facts["plan:1"]["digest"] == plan_digest(plan.plan, plan.metrics)
    environment = facts[ids["run"]]["environment"]
    assert digests.of_bytes(workspace.state.blobs.get(environment)) == environment


@pytest.mark.parametrize(
    "reference",
    [
        "small@9",
        "tiny@1",
        "release:desk@9",
        "release:desk@canary",
        "release:hall",
        "run:7k3f9qd2",
        "data:rows@9",
        "data:lines",
        "alert:7k3f9qd2",
        "verdict:7k3f9qd2",
        "approval:7k3f9qd2",
        "goal:fast",
        "plan:9",
        "plan:first",
        "deployment:hall",
        f"prediction:{'0' * 32}-0",
        "prediction:none",
    ],
)
def test_what_does_not_exist_is_refused(desk: Desk, reference: str) -> None:
    with pytest.raises(NotFoundError):
        why(desk, reference)


@pytest.mark.parametrize(
    ("reference", "code"),
    [
        ("what:7", "reference-malformed"),
        ("", "reference-malformed"),
    ],
)
def test_what_has_no_chain_is_refused(desk: Desk, reference: str, code: str) -> None:
    with pytest.raises(UsageError) as caught:
        why(desk, reference)
    assert caught.value.code == code


def test_an_alert_outlives_its_goal(lived: Desk, ids: dict[str, str]) -> None:
    lived.adopt(
        ('id = "ranked"', 'id = "sorted"'),
        ("ranked.gate", "sorted.gate"),
        ("ranked.watch", "sorted.watch"),
    )
    labels = [node.label for node in walk(why(lived, ids["alert"]))]
    assert "goal 'ranked', which the plan no longer has" in labels
    with pytest.raises(NotFoundError):
        why(lived, "goal:ranked")


def test_a_verdict_that_is_gone_is_said_to_be_gone(lived: Desk, ids: dict[str, str]) -> None:
    with lived.workspace.state.database.writing() as connection:
        connection.execute(sa.text("DELETE FROM verdicts"))
    assert "verdict that is gone" in [node.label for node in walk(why(lived, "release:desk@2"))]


def test_strangers_learn_nothing(lived: Desk, ids: dict[str, str]) -> None:
    for reference in (*ids.values(), "small@1", "deployment:desk"):
        with pytest.raises(DeniedError):
            explain(lived.workspace, Actor(name="mallory"), reference)
