"""Which states follow which, and when a run counts as lost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import get_args

import pytest

from trueup.foundation.errors import ConflictError
from trueup.lifecycle.runs import rules
from trueup.lifecycle.runs.records import Process, RunState

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HERE = "desk/boot-1/pid"
STATES = get_args(RunState)


@pytest.mark.parametrize("before", STATES)
@pytest.mark.parametrize("after", STATES)
def test_only_a_running_run_can_end_and_it_ends_once(before: RunState, after: RunState) -> None:
    if before == "running" and after != "running":
        rules.check_transition("x", before, after)
    else:
        with pytest.raises(ConflictError):
            rules.check_transition("x", before, after)


@pytest.mark.parametrize(
    ("machine", "alive", "silent", "lost"),
    [
        (HERE, True, timedelta(days=1), False),  # busy for a day, but its process is here
        (HERE, False, timedelta(0), True),  # killed a moment ago
        ("other/boot-1/pid", False, timedelta(seconds=30), False),
        ("other/boot-1/pid", True, timedelta(seconds=91), True),
        ("desk/boot-0/pid", True, timedelta(hours=1), True),  # before this machine restarted
    ],
)
def test_a_run_is_lost_when_its_process_is(
    machine: str, alive: bool, silent: timedelta, lost: bool
) -> None:
    process = Process(machine=machine, pid=1, born="1")
    assert rules.is_lost(process, NOW - silent, NOW, HERE, lambda _: alive) is lost
