"""How busy the machine is: what can be read is told, as numbers of their right size."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from trueup.lifecycle.runs.logging import sampling
from trueup.lifecycle.runs.logging.sampling import Sampler


def test_rates_are_those_since_the_sample_before() -> None:
    found = Sampler().sample()
    assert {"system/cpu_percent", "system/memory_percent", "system/disk_read_mib_s"} <= set(found)
    assert 0 < found["system/memory_percent"] < 100
    assert found["system/process_memory_mib"] > 1
    assert all(value >= 0 for value in found.values())


def test_what_cannot_be_read_is_left_out(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.setattr(sampling, "_PROC", tmp_path)
    assert Sampler().sample() == {}


def test_graphics_cards_are_told_where_their_library_is(monkeypatch: pytest.MonkeyPatch) -> None:
    library = SimpleNamespace(
        NVMLError=RuntimeError,
        nvmlInit=lambda: None,
        nvmlDeviceGetCount=lambda: 1,
        nvmlDeviceGetHandleByIndex=lambda number: number,
        nvmlDeviceGetMemoryInfo=lambda _: SimpleNamespace(used=3 << 30),
        nvmlDeviceGetUtilizationRates=lambda _: SimpleNamespace(gpu=97),
        nvmlDeviceGetPowerUsage=lambda _: 250_000,
    )
    monkeypatch.setitem(sys.modules, "pynvml", library)
    found = Sampler().sample()
    told = {name: value for name, value in found.items() if "gpu0" in name}
    assert told == {
        "system/gpu0/memory_mib": 3072,
        "system/gpu0/percent": 97,
        "system/gpu0/watts": 250,
    }


def test_each_sample_is_one_step_further() -> None:
    taken: list[int] = []
    take = sampling.beside(lambda values, step: taken.append(step))
    take()
    take()
    assert taken == [0, 1]
