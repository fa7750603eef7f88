"""Trueup: plan, ship and keep machine-learning models true.

A project's pipeline files are written with `step`, `pipeline`, `data` and `candidate`; `each`
and `choose` serve fan-out and conditions, `sh` and `notebook` run what is no Python function,
`secret` names what must stay secret, `function_model` and `tensor_model` make models of the
project's own code. Code outside a pipeline reports itself with `run` and `log`; `check_model`
and `check_data` check what is in memory, `drift` compares two tables.
The life of a model has one folder of `trueup.lifecycle` a stage, in this order: plan, data,
pipeline, runs, models, gates, releases, serving, monitoring, improvement. The errors are in
`trueup.foundation.errors`. Public names are resolved when first used: `import trueup` stays cheap.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trueup.foundation.errors import (
        BackendError,
        ConflictError,
        DeniedError,
        GateFailedError,
        InternalError,
        MissingExtraError,
        NotFoundError,
        TrueupError,
        UsageError,
        UserCodeError,
    )
    from trueup.lifecycle.gates.alone import check_data, check_model
    from trueup.lifecycle.gates.drift.comparing import drift
    from trueup.lifecycle.pipeline.decorators import candidate, data, pipeline, step
    from trueup.lifecycle.pipeline.drawing.choosing import choose
    from trueup.lifecycle.pipeline.drawing.mapping import each
    from trueup.lifecycle.pipeline.passing.packing import function_model, tensor_model
    from trueup.lifecycle.pipeline.secrets import secret
    from trueup.lifecycle.pipeline.steps.builds import build
    from trueup.lifecycle.pipeline.steps.notebooks import notebook
    from trueup.lifecycle.pipeline.steps.shell import sh
    from trueup.lifecycle.runs.logging.ambient import active_run
    from trueup.lifecycle.runs.logging.starting import log, run

__all__ = [
    "BackendError",
    "ConflictError",
    "DeniedError",
    "GateFailedError",
    "InternalError",
    "MissingExtraError",
    "NotFoundError",
    "TrueupError",
    "UsageError",
    "UserCodeError",
    "__version__",
    "active_run",
    "build",
    "candidate",
    "check_data",
    "check_model",
    "choose",
    "data",
    "drift",
    "each",
    "function_model",
    "log",
    "notebook",
    "pipeline",
    "run",
    "secret",
    "sh",
    "step",
    "tensor_model",
]

__version__ = "0.1.0"

# Public name -> the module that defines it.
_PUBLIC = {
    "BackendError": "trueup.foundation.errors",
    "ConflictError": "trueup.foundation.errors",
    "DeniedError": "trueup.foundation.errors",
    "GateFailedError": "trueup.foundation.errors",
    "InternalError": "trueup.foundation.errors",
    "MissingExtraError": "trueup.foundation.errors",
    "NotFoundError": "trueup.foundation.errors",
    "TrueupError": "trueup.foundation.errors",
    "UsageError": "trueup.foundation.errors",
    "UserCodeError": "trueup.foundation.errors",
    "active_run": "trueup.lifecycle.runs.logging.ambient",
    "build": "trueup.lifecycle.pipeline.steps.builds",
    "candidate": "trueup.lifecycle.pipeline.decorators",
    "check_data": "trueup.lifecycle.gates.alone",
    "check_model": "trueup.lifecycle.gates.alone",
    "choose": "trueup.lifecycle.pipeline.drawing.choosing",
    "data": "trueup.lifecycle.pipeline.decorators",
    "drift": "trueup.lifecycle.gates.drift.comparing",
    "each": "trueup.lifecycle.pipeline.drawing.mapping",
    "function_model": "trueup.lifecycle.pipeline.passing.packing",
    "log": "trueup.lifecycle.runs.logging.starting",
    "notebook": "trueup.lifecycle.pipeline.steps.notebooks",
    "pipeline": "trueup.lifecycle.pipeline.decorators",
    "run": "trueup.lifecycle.runs.logging.starting",
    "secret": "trueup.lifecycle.pipeline.secrets",
    "sh": "trueup.lifecycle.pipeline.steps.shell",
    "step": "trueup.lifecycle.pipeline.decorators",
    "tensor_model": "trueup.lifecycle.pipeline.passing.packing",
}


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'trueup' has no attribute '{name}'")
    value = getattr(importlib.import_module(_PUBLIC[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*_PUBLIC, "__version__"])
