"""The journal's records become evidence, whatever their order and however they are cut."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from trueup.app.automation.judging.rows import Rows
from trueup.app.automation.judging.totals import Pair, evidence
from trueup.lifecycle.releases.judging.evidence import Evidence
from trueup.lifecycle.serving.records import AnyRecord, Failure, Labels, Predictions

AT = datetime(2026, 3, 2, tzinfo=UTC)
QUARTER = {1: 0.75, 2: 0.25}
HALF = {1: 0.5, 2: 0.5}
PAIR = Pair(new=2, control=1, metrics=("brier",))


def answered(
    number: int,
    release: int = 2,
    entities: Sequence[str] = ("a",),
    scores: Sequence[Any] = (0.5,),
    weights: dict[int, float] = QUARTER,
    **said: Any,
) -> Predictions:
    at = AT + timedelta(seconds=number)
    return Predictions(
        **{
            "deployment": "desk",
            "received_at": at,
            "request": f"{number:032x}",
            "key": "",
            "at": at,
            "release": release,
            "model_ref": f"small@{release}",
            "rows": list(range(len(scores))),
            "entities": list(entities),
            "inputs": {},
            "scores": list(scores),
            "seconds": 0.01,
            "weights": weights,
        }
        | said
    )


def failed(number: int, release: int = 2, entities: Sequence[str] = ("a",), **said: Any) -> Failure:
    at = AT + timedelta(seconds=number)
    return Failure(
        **{
            "deployment": "desk",
            "received_at": at,
            "request": f"{number:032x}",
            "at": at,
            "model_ref": f"small@{release}",
            "rows": len(entities) or 1,
            "code": "model-failed",
            "release": release,
            "entities": list(entities),
            "weights": QUARTER,
        }
        | said
    )


def labelled(
    number: int, labels: Sequence[Any], known: int = 100, deployment: str = "desk"
) -> Labels:
    at = AT + timedelta(seconds=known)
    return Labels(
        deployment=deployment,
        received_at=at,
        predictions=[f"{number:032x}-{row}" for row in range(len(labels))],
        labels=list(labels),
        at=at,
    )


def seen(records: Sequence[AnyRecord], pair: Pair = PAIR, **settings: Any) -> Evidence:
    rows = Rows("desk", pair.new, **settings)
    for record in records:
        rows.add(record)
    return evidence(rows, pair)


def plain(found: Evidence) -> Any:
    """Evidence as numbers that can be compared."""

    def arm(totals: Any) -> Any:
        parts = dict(vars(totals))
        parts["scores"] = parts["scores"].tolist()
        parts["latency"] = {size: bins.tolist() for size, bins in parts["latency"].items()}
        return parts

    return [(p.share, arm(p.new), arm(p.control)) for p in found.periods], dict(found.pairs)


# --- what belongs to a ramp


def test_rows_of_both_arms_are_counted_from_the_first_request_of_the_ramp_on() -> None:
    found = seen(
        [
            answered(1, release=1, weights={}),
            answered(2, release=2, scores=(0.1, 0.2), entities=("a", "b")),
            answered(3, release=1, entities=("c",)),
            answered(4, release=1, deployment="hall"),
            answered(5, release=3, weights={1: 0.5, 3: 0.5}),
        ]
    )
    (period,) = found.periods
    assert (period.share, period.new.rows, period.control.rows) == (0.25, 2, 1)
    assert (period.new.units, period.control.units) == (2, 1)


def test_a_ramp_has_a_period_for_each_share() -> None:
    found = seen(
        [
            answered(1, 2, ("a",)),
            answered(2, 1, ("b",)),
            answered(3, 2, ("a",), weights=HALF),
            answered(4, 2, ("b",), weights=HALF),
            answered(5, 2, ("c",), weights=HALF),
            answered(6, 1, ("d",), weights=HALF),
        ]
    )
    assert [(p.share, p.new.rows, p.control.rows) for p in found.periods] == [
        (0.25, 1, 1),
        (0.5, 3, 1),
    ]
    # Who was met before says nothing about the split any more.
    assert [(p.new.units, p.control.units) for p in found.periods] == [(1, 1), (1, 1)]


def test_nothing_in_the_journal_is_no_period() -> None:
    assert seen([]).periods == []


# --- failures


def test_an_entity_that_fails_again_and_again_counts_once_and_all_its_rows_do() -> None:
    records = [failed(n) for n in range(20)] + [failed(30, entities=("b",)), answered(31)]
    (period,) = seen(records).periods
    errors = period.new.failed["errors"]
    assert period.new.failing["errors"] == 2
    assert (errors.rows, errors.total, errors.units) == (22, 21, 2)


def test_an_entity_that_failed_before_it_met_the_new_version_is_not_its_failure() -> None:
    before = failed(1, release=1)
    after = failed(2, release=2, weights=HALF)
    found = seen([before, answered(0), after, answered(3, 1, ("b",), weights=HALF)])
    assert [p.new.failing["errors"] for p in found.periods] == [0, 0]
    assert [p.control.failing["errors"] for p in found.periods] == [1, 0]


def test_timeouts_are_errors_too_and_not_the_other_way_round() -> None:
    late = failed(2, entities=("b",), code="deadline-exceeded")
    (period,) = seen([failed(1), late]).periods
    assert period.new.failing == {"errors": 2, "timeouts": 1}


def test_without_entities_a_request_is_the_unit() -> None:
    (period,) = seen(
        [failed(1, entities=(), rows=30), answered(2, entities=(), scores=(0.1, 0.2))]
    ).periods
    errors = period.new.failed["errors"]
    assert (errors.units, errors.rows, errors.total, errors.squares) == (2, 32, 30, 900)


# --- labels


def test_labels_make_losses_wherever_they_come() -> None:
    records = [answered(1, scores=(0.8, 0.4), entities=("a", "b")), labelled(1, (1, 0))]
    for order in (records, records[::-1]):
        (period,) = seen(order).periods
        loss = period.new.values["brier"]
        assert (loss.rows, loss.total) == (2, pytest.approx(0.04 + 0.16))


def test_a_corrected_label_replaces_the_earlier_one() -> None:
    first, second = labelled(1, (1,), known=100), labelled(1, (0,), known=200)
    for order in ((first, second), (second, first), (first, second, second)):
        (period,) = seen([answered(1, scores=(0.8,)), *order]).periods
        assert period.new.values["brier"].total == pytest.approx(0.64)


def test_labels_of_other_rows_or_places_change_nothing() -> None:
    others = [labelled(9, (1,)), labelled(1, (1,), deployment="hall")]
    (period,) = seen([answered(1), *others]).periods
    assert period.new.values["brier"].rows == 0


def test_classes_may_be_labelled_by_their_names() -> None:
    scores = ([0.7, 0.2, 0.1], [0.2, 0.2, 0.6])
    record = answered(1, scores=scores, entities=("a", "b"))
    classes = {"red": 0.0, "green": 1.0, "blue": 2.0}
    found = seen([record, labelled(1, ("red", "blue"))], classes=classes)
    loss = found.periods[0].new.values["brier"]
    assert (loss.rows, loss.total) == (2, pytest.approx(0.14 + 0.24))
    unknown = seen([record, labelled(1, ("pink", 7))], classes=classes)
    assert unknown.periods[0].new.values["brier"].rows == 0


def test_numbers_levels_and_rewards_have_their_own_losses() -> None:
    numbers = seen([answered(1, scores=(7.0,)), labelled(1, (4.5,))], Pair(2, 1, ("mae", "reward")))
    values = numbers.periods[0].new.values
    assert (values["mae"].total, values["reward"].total) == (2.5, 4.5)
    pair = Pair(2, 1, ("pinball",), levels=(0.1, 0.9))
    levels = seen([answered(1, scores=([1.0, 4.0],)), labelled(1, (3.0,))], pair)
    assert levels.periods[0].new.values["pinball"].total == pytest.approx(0.15)


# --- shadows


def test_a_shadow_is_paired_with_the_rows_that_were_answered() -> None:
    both = {1: 1.0, 2: 0.0}
    records: list[AnyRecord] = []
    for n, (new, old) in enumerate([(0.9, 0.6), (0.2, 0.1), (0.5, 0.5)]):
        records.append(answered(n, 2, (f"u{n}",), (new,), both, shadow=True))
        records.append(answered(n, 1, (f"u{n}",), (old,), both))
        records.append(labelled(n, (1,)))
    records.append(answered(9, 1, ("u9",), (0.3,), both))  # a shadow that was dropped
    found = seen(records)
    assert found.is_shadow
    assert found.pairs["brier"].rows == 3
    assert found.pairs["brier"].total == pytest.approx((0.01 - 0.16) + (0.64 - 0.81) + 0.0)
    assert found.rows() == (3, 4)


def test_what_fails_in_both_arms_says_nothing_about_a_shadow() -> None:
    both = {1: 1.0, 2: 0.0}
    records = [
        failed(1, 2, ("a",), weights=both, shadow=True),
        failed(1, 1, ("a",), weights=both),
        failed(2, 2, ("b",), weights=both, shadow=True),
        answered(2, 1, ("b",), weights=both),
    ]
    (period,) = seen(records).periods
    assert (period.new.failing["errors"], period.control.failing["errors"]) == (1, 0)


# --- any order, any cut, any size


def life(requests: int, seed: int) -> list[AnyRecord]:
    rng = random.Random(seed)
    records: list[AnyRecord] = []
    for n in range(requests):
        entities = [f"e{rng.randrange(60)}" for _ in range(rng.randrange(1, 4))]
        weights = QUARTER if n < requests // 2 else HALF
        release = rng.choice([1, 2])
        if rng.random() < 0.1:
            records.append(failed(n, release, entities, weights=weights))
            continue
        scores = [rng.random() for _ in entities]
        records.append(answered(n, release, entities, scores, weights, seconds=rng.random()))
        records += [
            labelled(n, [rng.randrange(2) for _ in scores], known)
            for known in (100, 200)
            if rng.random() < 0.5
        ]
    return records


@pytest.mark.parametrize("seed", [1, 2])
def test_any_order_and_any_cut_gives_the_same_evidence(seed: int) -> None:
    records = life(150, seed)
    expected = plain(seen(records))
    rng = random.Random(seed)
    rows = Rows("desk", 2)
    shuffled = rng.sample(records, len(records))
    for record in shuffled:
        rows.add(record)
        if rng.random() < 0.05:
            evidence(rows, PAIR)  # a look changes nothing
    assert _rounded(plain(evidence(rows, PAIR))) == _rounded(expected)


def test_rows_that_come_twice_count_once() -> None:
    records = life(60, 3)
    once, twice = seen(records), seen([*records, *records])
    for one, two in zip(once.periods, twice.periods, strict=True):
        assert one.new.failed == two.new.failed
        assert one.new.values == two.new.values
        assert one.new.units == two.new.units


def test_above_its_limit_it_keeps_the_same_entities_whatever_the_order() -> None:
    records = [answered(n, 1 + n % 2, (f"e{n}",), (0.5,)) for n in range(4_000)]
    found = seen(records, most=1_000)
    assert found.part == 0.125 or found.part == 0.25
    kept = sum(p.new.units + p.control.units for p in found.periods)
    assert 400 < kept <= 1_000
    assert found.rows() == (2_000, 2_000)  # counts stay whole
    rows = Rows("desk", 2, most=1_000)
    for n, record in enumerate(random.Random(4).sample(records, len(records))):
        rows.add(record)
        if n % 500 == 0:
            evidence(rows, PAIR)
    assert _rounded(plain(evidence(rows, PAIR))) == _rounded(plain(found))


def _rounded(value: Any) -> Any:
    """Sums of floats differ in their last digits with their order."""
    if isinstance(value, float):
        return round(value, 9)
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    if hasattr(value, "__dataclass_fields__"):
        return _rounded(vars(value))
    return value if not isinstance(value, np.ndarray) else value.tolist()
