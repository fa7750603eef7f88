"""Which graphics processors there are to give away, and how a step is told its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from trueup.lifecycle.pipeline import devices
from trueup.lifecycle.pipeline.devices import Devices


@pytest.mark.parametrize(
    ("visible", "names"),
    [
        ("0,1", ("0", "1")),
        (" 2 , GPU-8932f937", ("2", "GPU-8932f937")),
        ("3,-1,4", ("3",)),  # the library stops there, too
        ("", ()),
        ("-1", ()),
        ("NoDevFiles", ()),  # what Slurm writes when it gives none
        ("1,1", ("1",)),
    ],
)
def test_what_was_made_visible_is_all_there_is(visible: str, names: tuple[str, ...]) -> None:
    assert devices.here({"CUDA_VISIBLE_DEVICES": visible}).names == names


def test_of_amds_two_variables_the_inner_one_counts() -> None:
    found = devices.here({"ROCR_VISIBLE_DEVICES": "4,5,6", "HIP_VISIBLE_DEVICES": "0,2"})
    assert found == Devices(names=("0", "2"), variable="HIP_VISIBLE_DEVICES")


def test_without_a_variable_the_machine_is_asked(tmp_path: Path) -> None:
    assert devices.here({}, tmp_path).names == ()
    for number, gpu in enumerate((0, 5120, 5121)):
        node = tmp_path / f"sys/class/kfd/kfd/topology/nodes/{number}"
        node.mkdir(parents=True)
        (node / "gpu_id").write_text(f"{gpu}\n")
    assert devices.here({}, tmp_path) == Devices(names=("0", "1"), variable="ROCR_VISIBLE_DEVICES")
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev" / "nvidiactl").touch()
    (tmp_path / "dev" / "nvidia3").touch()  # the library counts from 0 all the same
    assert devices.here({}, tmp_path) == Devices(names=("0",), variable="CUDA_VISIBLE_DEVICES")


def test_a_step_that_asks_for_none_sees_what_everybody_sees() -> None:
    assert Devices(names=("0",)).showing([]) == {}
    assert Devices(names=("0", "7")).showing(["7"]) == {"CUDA_VISIBLE_DEVICES": "7"}
