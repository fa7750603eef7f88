"""The verbs of monitoring, on real state."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from trueup.foundation.actor import Actor
from trueup.foundation.errors import ConflictError, DeniedError, NotFoundError, UsageError
from trueup.lifecycle.monitoring import table
from trueup.lifecycle.monitoring.records import Evaluation, Finding
from trueup.lifecycle.monitoring.service import Monitors
from trueup.lifecycle.plan.records import Gate, Goal, Plan, Watch
from trueup.lifecycle.plan.service import Plans
from trueup.lifecycle.releases.records import Release
from trueup.lifecycle.releases.table import releases
from trueup.lifecycle.serving.records import Cursor
from trueup.state import eventlog
from trueup.state.unit import State
from trueup.statistics.metrics import METRICS, fingerprint

World = Any  # of conftest.py
PLACE = "late-arrivals"


def finding(made: Evaluation, monitor: str, model_ref: str = "flights@1") -> Finding:
    return next(f for f in made.findings if (f.monitor, f.model_ref) == (monitor, model_ref))


def events(state: State, type_: str) -> list[eventlog.Event]:
    with state.database.reading() as connection:
        return eventlog.since(connection, 0, (type_,))


def day(world: World, number: int) -> datetime:
    return world.start + timedelta(days=number)


def kept(state: State) -> list[Any]:
    with state.database.reading() as connection:
        return [
            connection.execute(sa.select(each).order_by(*each.primary_key)).all()
            for each in (table.monitor_hours, table.monitor_index, table.waiting_labels)
        ]


# --- ingest ---


def test_records_and_cursor_are_kept_together(
    monitors: Monitors, owner: Actor, world: World
) -> None:
    assert monitors.cursor(owner) is None
    done = monitors.ingest(owner, world.days(0, 1), None, Cursor(through="0001"))
    assert (done.requests, done.rows, done.labels) == (4, 200, 200)
    assert monitors.cursor(owner) == {"through": "0001", "unfinished": {}, "lost_bytes": 0}


def test_what_was_counted_is_never_counted_twice(
    monitors: Monitors, state: State, owner: Actor, world: World
) -> None:
    records = world.days(0, 1)
    monitors.ingest(owner, records, None, {"at": 1})
    before = kept(state)
    with pytest.raises(ConflictError) as refused:
        monitors.ingest(owner, records, None, {"at": 1})
    assert refused.value.code == "journal-already-counted"
    assert kept(state) == before


def test_parts_in_any_order_leave_the_same_rows_as_the_whole(
    new_state: Callable[[], State], state: State, owner: Actor, world: World
) -> None:
    records = world.days(0, 3, rows=5)
    whole = Monitors(state, lambda _ref: world.reference)
    whole.ingest(owner, records, None, 1)
    expected = kept(state)
    with state.database.writing() as connection:
        for each in (table.monitor_hours, table.monitor_index, table.monitor_cursors):
            connection.execute(each.delete())
    cursor = None
    for step, start in enumerate(range(0, len(records), 5)):
        part = list(reversed(records))[start : start + 5]
        whole.ingest(owner, part, cursor, step)
        cursor = step
    assert kept(state) == expected


def test_two_journals_have_a_cursor_each(monitors: Monitors, owner: Actor, world: World) -> None:
    monitors.ingest(owner, world.days(0, 1), None, 1, journal="a")
    monitors.ingest(owner, world.days(1, 1), None, 7, journal="b")
    assert (monitors.cursor(owner, "a"), monitors.cursor(owner, "b")) == (1, 7)


def test_labels_that_are_neither_0_nor_1_leave_an_event(
    monitors: Monitors, state: State, owner: Actor, world: World
) -> None:
    request = world.request(world.start, 2)
    told = world.labels(request, timedelta(days=1))
    told.labels[0] = 0.5
    monitors.ingest(owner, [request, told], None, 1)
    assert [event.data for event in events(state, "labels.refused")] == [{"labels": 1}]


def test_a_viewer_may_not_ingest(monitors: Monitors, viewer: Actor) -> None:
    with pytest.raises(DeniedError, match="their roles are: viewer"):
        monitors.ingest(viewer, [], None, 1)


# --- evaluate ---


def test_a_healthy_deployment_has_one_finding_per_monitor(
    monitors: Monitors, owner: Actor, world: World
) -> None:
    monitors.ingest(owner, world.days(0, 14), None, 1)
    made = monitors.evaluate(owner, PLACE, day(world, 14))
    assert {f.monitor: f.verdict for f in made.findings} == {
        "accurate.watch": "ok",
        "accurate.estimate": "ok",
        "drift": "ok",
        "quality": "ok",
        "latency": "ok",
        "errors": "ok",
    }
    assert made.model_ref == "flights@1"
    assert monitors.alerts(owner) == []


def test_realised_metrics_look_only_where_labels_had_time_to_come(
    monitors: Monitors, owner: Actor, world: World
) -> None:
    monitors.ingest(owner, world.days(0, 14), None, 1)
    watch = finding(monitors.evaluate(owner, PLACE, day(world, 14)), "accurate.watch")
    assert (watch.window_start, watch.window_end) == (day(world, 4), day(world, 11))
    assert watch.n == 7 * 4 * 50


def test_the_watch_uses_the_very_metric_of_the_gate(
    monitors: Monitors, owner: Actor, world: World
) -> None:
    monitors.ingest(owner, world.days(0, 14), None, 1)
    watch = finding(monitors.evaluate(owner, PLACE, day(world, 14)), "accurate.watch")
    assert watch.fingerprint == fingerprint(METRICS["roc_auc"])


def test_without_traffic_nothing_is_found(monitors: Monitors, owner: Actor, world: World) -> None:
    made = monitors.evaluate(owner, PLACE, day(world, 14))
    assert (made.findings, made.model_ref) == ((), "")


def test_too_few_rows_are_not_enough_data(monitors: Monitors, owner: Actor, world: World) -> None:
    monitors.ingest(owner, world.days(0, 14, rows=3), None, 1)
    watch = finding(monitors.evaluate(owner, PLACE, day(world, 14)), "accurate.watch")
    assert (watch.verdict, watch.n, watch.needed) == ("not-enough-data", 84, 500)


def test_fewer_than_seven_days_with_labels_are_not_enough_data(
    monitors: Monitors, owner: Actor, world: World
) -> None:
    monitors.ingest(owner, world.days(4, 6, bad=1.0), None, 1)
    watch = finding(monitors.evaluate(owner, PLACE, day(world, 14)), "accurate.watch")
    assert (watch.verdict, watch.n, watch.numbers["days"]) == ("not-enough-data", 1200, 6)
    assert "needs 7 days" in watch.detail


def test_storms_that_come_by_day_are_no_proof(
    monitors: Monitors, owner: Actor, world: World
) -> None:
    # On three of seven days the scores mean nothing, on four they are good: 1,400 rows that were
    # independent would prove harm, seven days do not.
    for number, bad in enumerate((0, 1, 0, 1, 0, 1, 0)):
        monitors.ingest(owner, world.days(4 + number, 1, bad=bad), number or None, number + 1)
    watch = finding(monitors.evaluate(owner, PLACE, day(world, 14)), "accurate.watch")
    assert watch.value is not None
    assert watch.bound is not None
    reach = 3 * watch.numbers["standard error by day"]
    assert watch.bound - watch.value > reach
    assert watch.verdict in ("ok", "not-enough-data")


def test_the_same_moment_again_gives_the_same_evaluation(
    monitors: Monitors, state: State, owner: Actor, world: World
) -> None:
    monitors.ingest(owner, world.days(0, 14), None, 1)
    first = monitors.evaluate(owner, PLACE, day(world, 14))
    monitors.ingest(owner, world.days(14, 1), 1, 2)
    assert monitors.evaluate(owner, PLACE, day(world, 14)) == first
    assert len(events(state, "monitors.evaluated")) == 1


def test_time_does_not_run_backwards(monitors: Monitors, owner: Actor, world: World) -> None:
    monitors.evaluate(owner, PLACE, day(world, 14))
    with pytest.raises(ConflictError, match="is earlier"):
        monitors.evaluate(owner, PLACE, day(world, 7))


def test_a_moment_needs_a_time_zone(monitors: Monitors, owner: Actor, world: World) -> None:
    with pytest.raises(UsageError, match="no time zone"):
        monitors.evaluate(owner, PLACE, day(world, 7).replace(tzinfo=None))


def test_an_unknown_deployment_gets_a_near_name(
    monitors: Monitors, owner: Actor, world: World
) -> None:
    with pytest.raises(NotFoundError, match="Did you mean 'late-arrivals'"):
        monitors.evaluate(owner, "late-arivals", day(world, 7))


def test_drift_without_harm_warns_and_pages_nobody(
    monitors: Monitors, owner: Actor, world: World
) -> None:
    records = world.days(0, 14)
    for record in records:
        if hasattr(record, "inputs"):
            record.inputs["distance"] = [2 * d for d in record.inputs["distance"]]
    monitors.ingest(owner, records, None, 1)
    made = monitors.evaluate(owner, PLACE, day(world, 14))
    drift = finding(made, "drift")
    assert (drift.verdict, drift.columns) == ("warning", ("distance",))
    assert finding(made, "accurate.watch").verdict == "ok"
    assert monitors.alerts(owner) == []


def test_missing_and_unseen_values_are_told(monitors: Monitors, owner: Actor, world: World) -> None:
    records = world.days(0, 7)
    for record in records:
        if hasattr(record, "inputs"):
            record.inputs["carrier"] = [None, "ZZ"] * 25
    monitors.ingest(owner, records, None, 1)
    quality = finding(monitors.evaluate(owner, PLACE, day(world, 7)), "quality")
    assert (quality.verdict, quality.columns) == ("warning", ("carrier",))
    assert "carrier missing in 50% of rows" in quality.detail
    assert "carrier unseen in 50% of rows" in quality.detail


def test_failing_requests_raise_an_alert(monitors: Monitors, owner: Actor, world: World) -> None:
    failures = [world.failure(day(world, 1) + timedelta(minutes=n)) for n in range(20)]
    monitors.ingest(owner, [*world.days(0, 7), *failures], None, 1)
    monitors.evaluate(owner, PLACE, day(world, 7))
    (alert,) = monitors.alerts(owner)
    assert (alert.monitor, alert.goal, alert.severity) == ("errors", "", "page")
    assert alert.value == pytest.approx(20 / 48)


def test_labels_without_a_prediction_are_told(
    monitors: Monitors, owner: Actor, world: World
) -> None:
    lost = world.request(world.start, 3)
    monitors.ingest(owner, [world.labels(lost, timedelta(days=1)), *world.days(0, 7)], None, 1)
    quality = finding(monitors.evaluate(owner, PLACE, day(world, 7)), "quality")
    assert quality.numbers["labels without a prediction"] == 3


def test_latency_comes_from_the_histogram(monitors: Monitors, owner: Actor, world: World) -> None:
    monitors.ingest(owner, world.days(0, 7, seconds=0.02), None, 1)
    latency = finding(monitors.evaluate(owner, PLACE, day(world, 7)), "latency")
    assert latency.n == 28
    assert latency.value == pytest.approx(0.02, rel=0.13)


# --- estimated before labels ---


def test_performance_is_estimated_before_labels_and_later_held_against_the_truth(
    monitors: Monitors, owner: Actor, world: World
) -> None:
    monitors.ingest(owner, world.days(0, 35), None, 1)
    first = finding(monitors.evaluate(owner, PLACE, day(world, 21)), "accurate.estimate")
    assert first.window_end == day(world, 21)
    later = finding(monitors.evaluate(owner, PLACE, day(world, 28)), "accurate.estimate")
    assert later.numbers["estimated then"] == first.value
    assert abs(later.numbers["error then"]) < 0.05


def test_without_a_labelled_past_nothing_is_estimated(
    monitors: Monitors, owner: Actor, world: World
) -> None:
    unlabelled = [record for record in world.days(0, 14) if hasattr(record, "inputs")]
    monitors.ingest(owner, unlabelled, None, 1)
    estimate = finding(monitors.evaluate(owner, PLACE, day(world, 14)), "accurate.estimate")
    assert (estimate.verdict, estimate.value) == ("not-enough-data", None)


# --- alerts ---


@pytest.fixture
def harmed(monitors: Monitors, owner: Actor, world: World) -> Monitors:
    """Two good weeks, then two in which the scores mean nothing; evaluated up to the first bad."""
    monitors.ingest(owner, [*world.days(0, 14), *world.days(14, 14, bad=0.9)], None, 1)
    monitors.evaluate(owner, PLACE, day(world, 17))
    monitors.evaluate(owner, PLACE, day(world, 24))
    return monitors


def test_proven_harm_raises_one_alert(harmed: Monitors, owner: Actor, world: World) -> None:
    (alert,) = harmed.alerts(owner)
    assert (alert.monitor, alert.goal, alert.model_ref) == (
        "accurate.watch",
        "accurate",
        "flights@1",
    )
    assert (alert.state, alert.severity, alert.judged) == ("open", "page", "unknown")
    assert alert.bound < alert.limit == 0.62
    assert alert.raised_at == day(world, 24)
    assert alert.first_bad == day(world, 14)
    assert "first bad on 2013-04-15" in alert.cause


def test_a_breach_says_all_that_automation_needs(
    harmed: Monitors, state: State, owner: Actor, world: World
) -> None:
    (alert,) = harmed.alerts(owner)
    (event,) = events(state, "monitor.breached")
    assert event.subject == "deployment:late-arrivals"
    assert event.data == {
        "deployment": PLACE,
        "goal": "accurate",
        "monitor": "accurate.watch",
        "model_ref": "flights@1",
        "as_of": day(world, 24).isoformat().replace("+00:00", "Z"),
        "value": alert.value,
        "limit": 0.62,
        "bound": alert.bound,
        "on_breach": ["alert", "retrain"],
        "alert": alert.id,
    }
    (raised,) = events(state, "alert.raised")
    assert raised.subject == alert.ref
    assert raised.data["cause"] == alert.cause


def test_harm_that_lasts_stays_one_alert(
    harmed: Monitors, state: State, owner: Actor, world: World
) -> None:
    harmed.evaluate(owner, PLACE, day(world, 31))
    (alert,) = harmed.alerts(owner)
    assert (alert.raised_at, alert.seen_at) == (day(world, 24), day(world, 31))
    assert len(events(state, "monitor.breached")) == 1


def test_an_alert_resolves_after_two_clean_evaluations(
    harmed: Monitors, state: State, owner: Actor, world: World
) -> None:
    harmed.ingest(owner, world.days(28, 28), 1, 2)
    harmed.evaluate(owner, PLACE, day(world, 38))
    assert harmed.alerts(owner)[0].state == "open"
    harmed.evaluate(owner, PLACE, day(world, 45))
    (alert,) = harmed.alerts(owner)
    assert (alert.state, alert.resolved_at) == ("resolved", day(world, 45))
    assert [event.subject for event in events(state, "alert.resolved")] == [alert.ref]
    assert harmed.alerts(owner, unresolved=True) == []


def test_silence_does_not_end_an_alert(harmed: Monitors, owner: Actor, world: World) -> None:
    made = harmed.evaluate(owner, PLACE, day(world, 100))
    assert made.findings == ()
    assert harmed.alerts(owner)[0].state == "open"


def test_an_alert_ends_when_its_version_no_longer_serves(
    harmed: Monitors, owner: Actor, world: World
) -> None:
    harmed.ingest(owner, world.days(28, 3, model_ref="flights@2", release=2), 1, 2)
    harmed.evaluate(owner, PLACE, day(world, 31))
    (alert,) = harmed.alerts(owner)
    assert (alert.state, alert.why) == ("resolved", "flights@1 no longer serves")


def test_what_serves_is_what_the_releases_say(
    harmed: Monitors, state: State, owner: Actor, world: World
) -> None:
    live = Release(
        deployment=PLACE,
        number=2,
        model="flights",
        version=2,
        verdict="",
        approval="",
        strategy="all-at-once",
        weight=1.0,
        state="live",
        requested_by="olga",
        requested_at=day(world, 30),
    )
    fields = {name: getattr(live, name) for name in live.__struct_fields__}
    with state.database.writing() as connection:
        connection.execute(releases.insert().values(**fields))
    made = harmed.evaluate(owner, PLACE, day(world, 31))
    assert {f.model_ref for f in made.findings} == {"flights@2"}
    assert finding(made, "accurate.watch", "flights@2").verdict == "not-enough-data"
    assert harmed.alerts(owner)[0].why == "flights@1 no longer serves"


def test_a_version_that_takes_less_traffic_is_reported_and_raises_nothing(
    monitors: Monitors, owner: Actor, world: World
) -> None:
    canary = world.days(0, 14, rows=45, bad=0.9, model_ref="flights@2", release=2)
    monitors.ingest(owner, [*world.days(0, 14), *canary], None, 1)
    made = monitors.evaluate(owner, PLACE, day(world, 14))
    report = finding(made, "accurate.watch", "flights@2")
    assert (report.verdict, report.is_live) == ("breach", False)
    assert monitors.alerts(owner) == []


def test_an_operator_acknowledges_and_the_alert_still_guards_against_doubles(
    harmed: Monitors, operator: Actor, owner: Actor, world: World
) -> None:
    (alert,) = harmed.alerts(owner)
    handled = harmed.acknowledge(operator, alert.id, "looking at the weather feed")
    assert (handled.state, handled.handled_by) == ("acknowledged", "omar")
    harmed.evaluate(owner, PLACE, day(world, 31))
    assert [a.state for a in harmed.alerts(owner)] == ["acknowledged"]


def test_a_scientist_may_not_acknowledge(harmed: Monitors, scientist: Actor, owner: Actor) -> None:
    with pytest.raises(DeniedError, match="their roles are: scientist"):
        harmed.acknowledge(scientist, harmed.alerts(owner)[0].id, "mine")


def test_a_resolved_alert_cannot_be_acknowledged(
    harmed: Monitors, owner: Actor, world: World
) -> None:
    harmed.ingest(owner, world.days(28, 3, model_ref="flights@2", release=2), 1, 2)
    harmed.evaluate(owner, PLACE, day(world, 31))
    with pytest.raises(ConflictError, match="is resolved"):
        harmed.acknowledge(owner, harmed.alerts(owner)[0].id, "too late")


def test_an_unknown_alert_is_not_found(harmed: Monitors, owner: Actor) -> None:
    with pytest.raises(NotFoundError, match="There is no alert 'nope'"):
        harmed.alert(owner, "nope")


def test_an_alert_is_judged_true_when_all_labels_confirm_it(
    harmed: Monitors, state: State, owner: Actor, world: World
) -> None:
    (judged,) = harmed.judge_alerts(owner, PLACE, day(world, 31))
    assert judged.judged == "true"
    assert harmed.alert(owner, judged.id) == judged
    assert harmed.judge_alerts(owner, PLACE, day(world, 31)) == []
    assert len(events(state, "alert.judged")) == 1


def test_an_alert_is_judged_false_when_corrected_labels_clear_it(
    harmed: Monitors, owner: Actor, world: World
) -> None:
    again = type(world)(seed=1)
    again.days(0, 14)
    requests = [record for record in again.days(14, 14, bad=0.9) if hasattr(record, "inputs")]
    corrected = [again.labels(record, timedelta(days=6)) for record in requests]
    harmed.ingest(owner, corrected, 1, 2)
    (judged,) = harmed.judge_alerts(owner, PLACE, day(world, 31))
    assert judged.judged == "false"


# --- reading ---


def test_a_series_is_what_the_live_version_did(
    harmed: Monitors, owner: Actor, world: World
) -> None:
    points = harmed.series(owner, PLACE, "accurate.watch")
    assert [(p.as_of, p.verdict) for p in points] == [
        (day(world, 17), "ok"),
        (day(world, 24), "breach"),
    ]


def test_losses_of_an_arm_between_two_moments(
    monitors: Monitors, owner: Actor, world: World
) -> None:
    failures = [world.failure(day(world, 1), rows=5)]
    monitors.ingest(owner, [*world.days(0, 4), *failures], None, 1)
    arm = monitors.arm_losses(owner, PLACE, "flights@1", day(world, 1), day(world, 3))
    assert (arm.n, arm.labelled, arm.requests) == (400, 400, 8)
    assert (arm.failures, arm.failed_rows) == (1, 5)
    assert arm.mean == pytest.approx(0.18, abs=0.03)


def test_metrics_that_need_no_labels_do_not_wait(
    monitors: Monitors, state: State, owner: Actor, world: World, make_plan: Callable[..., Plan]
) -> None:
    Plans(state).adopt(owner, make_plan(labels_within="1d", window="2d", min_rows=100))
    monitors.ingest(owner, world.days(0, 14), None, 1)
    made = monitors.evaluate(owner, PLACE, day(world, 14))
    assert finding(made, "accurate.watch").window_end == day(world, 13)
    assert finding(made, "drift").window_start == day(world, 12)


@pytest.mark.parametrize(
    ("seconds", "verdict", "alerts"), [(0.004, "ok", []), (0.09, "breach", ["quick.watch"])]
)
def test_a_latency_goal_is_watched_without_labels(
    monitors: Monitors,
    state: State,
    owner: Actor,
    world: World,
    make_plan: Callable[..., Plan],
    seconds: float,
    verdict: str,
    alerts: list[str],
) -> None:
    quick = Goal(
        id="quick",
        claim="Answers come at once",
        metric="latency_p95_ms",
        gate=Gate(at_most=20),
        watch=Watch(window="14d", min_rows=50),
    )
    Plans(state).adopt(owner, msgspec.structs.replace(make_plan(), goals=(quick,)))
    unlabelled = [r for r in world.days(0, 14, seconds=seconds) if hasattr(r, "inputs")]
    monitors.ingest(owner, unlabelled, None, 1)
    made = monitors.evaluate(owner, PLACE, day(world, 14))
    watch = finding(made, "quick.watch")
    assert (watch.verdict, watch.kind, watch.n) == (verdict, "latency", 14 * 4)
    assert (watch.window_start, watch.window_end) == (day(world, 0), day(world, 14))
    assert watch.value == pytest.approx(1000 * seconds, rel=0.13)
    assert watch.fingerprint == fingerprint(METRICS["latency_p95_ms"])
    assert not [f for f in made.findings if f.monitor == "quick.estimate"]
    assert [alert.monitor for alert in monitors.alerts(owner)] == alerts
    assert [(a.kind, a.severity) for a in monitors.alerts(owner)] == [("latency", "page")] * len(
        alerts
    )
