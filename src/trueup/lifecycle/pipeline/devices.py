"""The graphics processors of this machine, and how an attempt is told which of them are its own.

Whatever was made visible to this process, by a cluster's scheduler or a person, is all there is.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from trueup.foundation.records import Record

CUDA: Final = "CUDA_VISIBLE_DEVICES"
# AMD's runtime first keeps what ROCR names; HIP then counts among these.
ROCR: Final = "ROCR_VISIBLE_DEVICES"
HIP: Final = "HIP_VISIBLE_DEVICES"


class Devices(Record):
    """Graphics processors that steps may be given.

    Attributes:
        names: As their library names them: numbers, or identifiers such as `GPU-8932f937`.
        variable: The environment variable that makes some of them visible.
    """

    names: tuple[str, ...] = ()
    variable: str = CUDA

    def showing(self, names: Iterable[str]) -> dict[str, str]:
        """The environment of an attempt that sees these alone; none asked for changes nothing."""
        shown = ",".join(names)
        return {self.variable: shown} if shown else {}


def here(environ: Mapping[str, str] = os.environ, system: Path = Path("/")) -> Devices:
    """Those that this process may use.

    Example:
        >>> here({"CUDA_VISIBLE_DEVICES": "3,1"})
        Devices(names=('3', '1'), variable='CUDA_VISIBLE_DEVICES')
        >>> here({"CUDA_VISIBLE_DEVICES": ""}).names
        ()
    """
    for variable in (HIP, ROCR, CUDA):
        if variable in environ:
            return Devices(names=_visible(environ[variable]), variable=variable)
    if count := len(list(system.glob("dev/nvidia[0-9]*"))):
        return Devices(names=_counted(count), variable=CUDA)
    nodes = system.glob("sys/class/kfd/kfd/topology/nodes/*/gpu_id")
    count = sum(_text(node) not in ("", "0") for node in nodes)  # 0 is a processor without graphics
    return Devices(names=_counted(count), variable=ROCR)


def _visible(listed: str) -> tuple[str, ...]:
    """What a variable names: the libraries stop at the first name that means nothing."""
    names: list[str] = []
    for name in (each.strip() for each in listed.split(",")):
        if not name or name.startswith("-") or name == "NoDevFiles":
            break
        names.append(name)
    return tuple(dict.fromkeys(names))


def _counted(count: int) -> tuple[str, ...]:
    return tuple(str(number) for number in range(count))


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""
