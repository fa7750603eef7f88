"""What may start: never more than there is room for, and everything that fits."""

from __future__ import annotations

import math
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from trueup.foundation.errors import ConflictError, UserCodeError
from trueup.lifecycle.pipeline.checking import Machine
from trueup.lifecycle.pipeline.devices import Devices
from trueup.lifecycle.pipeline.records import StepOptions
from trueup.lifecycle.runs.execution import scheduling
from trueup.lifecycle.runs.execution.scheduling import Occupancy, Room

GB = 10**9
shares = st.sampled_from([0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 100.0])
options = st.builds(
    StepOptions,
    cpus=shares,
    memory=st.sampled_from(["", "500MB", "1GB", "3GB", "900GB"]),
    gpus=st.sampled_from([0.0, 0.5, 1.0, 4.0]),
    at_most=st.integers(0, 3),
)
rooms = st.builds(
    Room,
    workers=st.integers(1, 6),
    cpus=st.sampled_from([1.0, 2.0, 4.0]),
    memory=st.sampled_from([GB, 4 * GB]),
    devices=st.sampled_from([Devices(), Devices(names=("0",)), Devices(names=("3", "GPU-1"))]),
)
calls = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 2)), max_size=30)


@given(rooms, st.lists(options, min_size=3, max_size=3), calls, st.randoms(use_true_random=False))
def test_no_more_runs_than_there_is_room_for_and_all_get_their_turn(
    room: Room, given_options: list[StepOptions], wanted: list[tuple[str, int]], random: object
) -> None:
    needs = [scheduling.need_of(step, given_options[which], room) for step, which in wanted]
    occupied, waiting = Occupancy(room), list(needs)
    running: list[scheduling.Need] = []
    devices: list[dict[str, float]] = []
    while waiting or running:
        for need in [each for each in waiting if occupied.fits(each)]:
            if occupied.fits(need):  # the ones before have taken their room
                devices.append(occupied.take(need))
                waiting.remove(need)
                running.append(need)
        assert running, "something waits although nothing runs"
        assert len(running) <= room.workers
        assert sum(need.cpus for need in running) <= room.cpus + 1e-6
        assert sum(need.memory for need in running) <= room.memory
        for name in room.devices.names:
            assert sum(each.get(name, 0.0) for each in devices) <= 1 + 1e-6
        for need, got in zip(running, devices, strict=True):
            assert abs(sum(got.values()) - need.gpus) < 1e-6
            assert len(got) == math.ceil(need.gpus)
        for need in running:
            count = Counter(each.step for each in running)[need.step]
            assert not need.at_most or count <= max(
                need.at_most, *(each.at_most or 99 for each in running if each.step == need.step)
            )
        assert not any(occupied.fits(each) for each in waiting), "there was room for one more"
        which = random.randrange(len(running))  # type: ignore[attr-defined]
        occupied.give(running.pop(which), devices.pop(which))


def test_who_asks_for_more_workers_than_cores_gets_them() -> None:
    machine = Machine(cpus=2.0, memory=GB)
    assert scheduling.room_of(machine).workers == 2
    room = scheduling.room_of(machine, 8)
    assert (room.workers, room.cpus) == (8, 8.0)


def test_waits_double_and_end_at_an_hour() -> None:
    waits = [scheduling.wait_before_retry(StepOptions(backoff="2s"), n) for n in (1, 2, 3, 30)]
    assert waits == [2.0, 4.0, 8.0, 3600.0]


def test_only_what_may_pass_is_tried_again() -> None:
    failed = UserCodeError("step-failed", "no")
    twice = StepOptions(retries=2)
    assert [scheduling.may_retry(twice, n, failed) for n in (1, 2, 3)] == [True, True, False]
    assert not scheduling.may_retry(twice, 1, UserCodeError("step-output", "a set"))
    assert not scheduling.may_retry(twice, 1, ConflictError("code-changed", "edited"))
    assert not scheduling.may_retry(StepOptions(), 1, failed)
