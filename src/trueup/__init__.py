"""Trueup: plan, ship and keep machine-learning models true.

The public names are resolved when first used, so that `import trueup` stays cheap.
The stages, in order: `trueup.lifecycle`; the errors: `trueup.foundation.errors`.
"""

from __future__ import annotations

import importlib
from typing import Any

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
}


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'trueup' has no attribute '{name}'")
    value = getattr(importlib.import_module(_PUBLIC[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*_PUBLIC, "__version__"])
