"""A plan that passes can be carried out; one that cannot is refused with the place and the cure."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from trueup.foundation import toml
from trueup.foundation.actor import Actor
from trueup.foundation.errors import DeniedError, NotFoundError, UsageError
from trueup.lifecycle.plan import rules, table
from trueup.lifecycle.plan.records import Plan, Process
from trueup.lifecycle.plan.service import Plans, read
from trueup.state import eventlog
from trueup.state.unit import State
from trueup.statistics.metrics import METRICS

TEXT = """\
[project]
name = "flights"
objective = "Warn passengers of a late arrival before they leave home"

[team]
sam = ["scientist"]
sasha = ["scientist"]
rita = ["reviewer"]
omar = ["operator"]
vera = ["viewer"]

[datasets.flights]
path = "data/flights.parquet"

[[goals]]
id = "accurate"
claim = "Late flights rank above punctual ones"
metric = "roc_auc"
gate = { at_least = 0.64, beats = "champion" }
watch = { window = "7d", labels_within = "3d" }
on_breach = ["alert", "retrain"]

[[goals]]
id = "honest"
claim = "Probabilities mean what they say"
metric = "brier"
gate = { at_most = 0.2 }
watch = { at_most = 0.25 }

[[risks]]
id = "storms"
threat = "Winter storms change what late means"
likelihood = 3
impact = 3
detect = "accurate.watch"
treat = "accurate.on_breach"

[[milestones]]
id = "live"
due = 2027-01-15
done_when = ["accurate.gate", "released:late-arrivals"]

[deployments.late-arrivals]
model = "flights@champion"
entity = "tailnum"
"""


def parsed(text: str = TEXT) -> Plan:
    return toml.parse(text, "trueup.toml", Plan)


def refusal(old: str, new: str) -> UsageError:
    """The error for the plan in which `old` was replaced."""
    assert old in TEXT
    with pytest.raises(UsageError) as caught:
        rules.check(parsed(TEXT.replace(old, new)), METRICS)
    return caught.value


def events(state: State) -> list[str]:
    with state.database.reading() as connection:
        return [event.type for event in eventlog.since(connection, 0)]


def test_the_example_is_sound() -> None:
    rules.check(parsed(), METRICS)


def test_a_latency_may_be_a_goal_with_a_limit() -> None:
    quick = TEXT.replace('"brier"', '"latency_p95_ms"').replace("at_most = 0.2", "at_most = 20")
    rules.check(parsed(quick), METRICS)


def test_a_plan_is_read_from_its_file(tmp_path: Path) -> None:
    (tmp_path / "trueup.toml").write_text(TEXT)
    assert read(tmp_path) == parsed()


@pytest.mark.parametrize(
    ("old", "new", "line", "near"),
    [
        ("metric = ", "metrik = ", 18, "metric"),
        ('window = "7d"', 'windov = "7d"', 20, "window"),
        ("[[risks]]", "[[risk]]", 30, "risks"),
        ('entity = "tailnum"', 'entiti = "tailnum"', 45, "entity"),
        ("objective = ", "objectiv = ", 3, "objective"),
    ],
)
def test_an_unknown_key_has_its_line_and_the_near_name(
    old: str, new: str, line: int, near: str
) -> None:
    error = refusal(old, new)
    assert error.code == "config-unknown-key"
    assert f"line {line}:" in error.message
    assert f"Did you mean '{near}'?" in error.message


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("likelihood = 3", 'likelihood = "often"', "Expected `int`"),
        ("at_least = 0.64", 'at_least = "high"', "Expected `float"),
        ("due = 2027-01-15", "due = 2027", "Expected `date"),
        ('sam = ["scientist"]', 'sam = ["boss"]', "Invalid enum value 'boss'"),
        ('"alert", "retrain"', '"alert", "pray"', "matching regex '^(alert|retrain|build:"),
    ],
)
def test_a_wrong_value_is_named(old: str, new: str, said: str) -> None:
    error = refusal(old, new)
    assert error.code == "config-wrong-value"
    assert said in error.message


@pytest.mark.parametrize("job", ["build:", "build:/", "build: ", "building"])
def test_a_breach_may_start_a_build(tmp_path: Path, job: str) -> None:
    text = TEXT.replace('"alert", "retrain"', '"alert", "build:Team/train"')
    (tmp_path / "trueup.toml").write_text(text)
    assert read(tmp_path).goals[0].on_breach == ("alert", "build:Team/train")
    assert refusal('"alert", "retrain"', f'"alert", "{job}"').code == "config-wrong-value"


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("watch", "has no watch; give window, labels_within and min_rows"),
        ("gate", "has neither at_least and at_most; give exactly one"),
        ("claim", "has no 'claim'"),
        ("metric", "names neither a metric nor checks, so nothing proves it"),
    ],
)
def test_a_goal_without_one_of_its_parts_is_refused(key: str, said: str) -> None:
    line = next(line for line in TEXT.splitlines() if line.startswith(f"{key} = "))
    error = refusal(line + "\n", "")
    assert error.code == ("config-missing-key" if key == "claim" else "plan-unsound")
    assert said in error.message


@pytest.mark.parametrize(
    ("old", "new", "code", "said"),
    [
        ('"roc_auc"', '"roc_auk"', "metric-unknown", "Did you mean 'roc_auc'"),
        ('"accurate.watch"', '"acurate.watch"', "plan-dangling", "Did you mean 'accurate.watch'"),
        ('"accurate.on_breach"', '"accurate.pray"', "plan-dangling", "storms' treat"),
        ('"released:late-arrivals"', '"released:x"', "plan-dangling", "done_when"),
        ('"accurate.gate", ', '"accurate.on_breach", ', "plan-dangling", "done_when"),
        ('id = "honest"', 'id = "accurate"', "plan-unsound", "2 times"),
        ("at_least = 0.64, ", "", "plan-unsound", "neither"),
        ("at_least = 0.64", "at_least = 0.6, at_most = 1.0", "plan-unsound", "both"),
        ("at_least = 0.64", "at_least = 0.64, min_rows = 0", "plan-unsound", "min_rows 0"),
        ("at_least = 0.64", "at_least = 0.64, confidence = 1.0", "plan-unsound", "confidence 1.0"),
        ('"roc_auc"', '"prevalence"', "plan-unsound", "neither good nor bad"),
        ('"roc_auc"', '"latency_p95_ms"', "plan-unsound", "measured on calls"),
        ('"roc_auc"', '"mae"', "plan-unsound", "cannot be had from counts"),
        ('"roc_auc"', '"recall@2"', "metric-unknown", "'recall@2'"),
        ("beats = ", 'rule = "mcnemar", beats = ', "plan-unsound", "decided rightly: accuracy"),
        ('beats = "champion"', 'rule = "delong"', "plan-unsound", "compares with nothing"),
        ('window = "7d"', 'window = "a week"', "plan-unsound", "watch.window of goal 'accurate'"),
        ("likelihood = 3", "likelihood = 6", "plan-unsound", "1 to 5"),
        ('["accurate.gate", "released:late-arrivals"]', "[]", "plan-unsound", "no condition"),
        ('"flights@champion"', '"flights@3"', "plan-unsound", "flights@champion"),
        ('"tailnum"', '"tailnum"\nmonitor_every = "0d"', "plan-unsound", "monitor_every"),
        ('"tailnum"', '"tailnum"\ncanary = { weight = 1.0 }', "plan-unsound", "canary.weight 1;"),
        ('"tailnum"', '"tailnum"\nfalse_alarms_per_year = 0', "plan-unsound", "no budget"),
        ('name = "flights"', 'name = "my flights"', "name-malformed", "project name"),
        ("[datasets.flights]", '[datasets."a b"]', "name-malformed", "dataset name"),
    ],
)
def test_what_could_not_be_carried_out_is_refused(old: str, new: str, code: str, said: str) -> None:
    error = refusal(old, new)
    assert error.code == code
    assert said in error.message
    assert error.hint


def test_a_watch_inherits_the_limit_of_its_gate() -> None:
    plan = parsed()
    assert rules.limit(plan.goal("accurate"), "watch") == (0.64, None)
    assert rules.limit(plan.goal("honest"), "watch") == (None, 0.25)
    assert rules.limit(plan.goal("honest"), "gate") == (None, 0.2)


def test_a_milestone_is_reached_by_evidence_alone() -> None:
    (milestone,) = parsed().milestones
    assert rules.milestone_status(milestone, []).missing == milestone.done_when
    half = rules.milestone_status(milestone, ["accurate.gate"])
    assert (half.reached, half.missing) == (False, ("released:late-arrivals",))
    assert rules.milestone_status(milestone, milestone.done_when).reached


def test_the_address_of_a_plan_covers_its_content_and_the_code_of_its_metrics() -> None:
    plan, changed = parsed(), parsed(TEXT.replace("0.64", "0.65"))
    prints = {"roc_auc": "b3:1"}
    assert rules.plan_digest(plan, prints) == rules.plan_digest(parsed(), prints)
    assert rules.plan_digest(plan, prints) != rules.plan_digest(changed, prints)
    assert rules.plan_digest(plan, prints) != rules.plan_digest(plan, {"roc_auc": "b3:2"})


def test_adopting_puts_a_plan_in_force(state: State, owner: Actor) -> None:
    adopted = Plans(state).adopt(owner, parsed(), commit="abc123")
    assert (adopted.version, adopted.adopted_by, adopted.commit) == (1, "olga", "abc123")
    assert Plans(state).current(owner) == adopted
    assert sorted(adopted.metrics) == ["brier", "roc_auc"]
    with state.read(owner) as connection:
        (event,) = eventlog.about(connection, "plan:1")
        assert table.with_digest(connection, adopted.digest) == adopted
    assert (event.type, event.after) == ("plan.adopted", adopted.digest)


def test_adopting_the_same_plan_again_writes_nothing(state: State, owner: Actor) -> None:
    first = Plans(state).adopt(owner, parsed(), commit="abc123")
    before = events(state)
    assert Plans(state).adopt(owner, parsed(), commit="def456") == first
    assert events(state) == before


def test_a_changed_plan_is_a_new_version_that_names_the_old(state: State, owner: Actor) -> None:
    first = Plans(state).adopt(owner, parsed())
    second = Plans(state).adopt(owner, parsed(TEXT.replace("0.64", "0.65")))
    with state.read(owner) as connection:
        (event,) = eventlog.about(connection, "plan:2")
        assert table.version(connection, 1) == first
    assert second.version == 2
    assert (event.before, event.after) == (first.digest, second.digest)


def test_an_unsound_plan_is_not_adopted(state: State, owner: Actor) -> None:
    before = events(state)
    with pytest.raises(UsageError):
        Plans(state).adopt(owner, parsed(TEXT.replace("likelihood = 3", "likelihood = 9")))
    assert events(state) == before


def test_the_team_of_the_plan_becomes_the_people_of_the_project(state: State, owner: Actor) -> None:
    text = TEXT.replace('vera = ["viewer"]\n', 'nora = ["viewer", "operator"]\n')
    Plans(state).adopt(owner, parsed(text))
    with pytest.raises(DeniedError):
        Plans(state).current(Actor(name="vera"))
    assert Plans(state).current(Actor(name="nora")).version == 1
    assert {"person.removed", "person.roles-set"} <= set(events(state))


def test_a_scientist_adopts_a_plan_but_does_not_change_the_team(
    state: State, scientist: Actor
) -> None:
    assert Plans(state).adopt(scientist, parsed()).adopted_by == "sam"
    bolder = TEXT.replace('sam = ["scientist"]', 'sam = ["owner"]')
    with pytest.raises(DeniedError, match=r"people\.write"):
        Plans(state).adopt(scientist, parsed(bolder))
    assert Plans(state).current(scientist).version == 1


def test_a_viewer_does_not_adopt(state: State, viewer: Actor) -> None:
    with pytest.raises(DeniedError):
        Plans(state).adopt(viewer, parsed())


def test_only_an_owner_does_away_with_the_second_person(state: State, owner: Actor) -> None:
    team = parsed()
    alone = msgspec.structs.replace(team, process=Process(template="solo"))
    plans, sam = Plans(state), Actor(name="sam")
    first = plans.adopt(owner, team)
    with pytest.raises(DeniedError):
        plans.adopt(sam, alone)
    assert plans.current(owner) == first
    assert plans.adopt(owner, alone).version == 2
    assert plans.adopt(sam, team).version == 3  # asking for more care needs no owner


def test_before_the_first_plan_there_is_none(state: State, owner: Actor) -> None:
    with pytest.raises(NotFoundError) as caught:
        Plans(state).current(owner)
    assert caught.value.code == "plan-not-found"
