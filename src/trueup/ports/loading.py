"""Finding a back end: the URL scheme or kind is the file name in `trueup/backends/<port>/`.

A package outside Trueup offers one through the entry point group `trueup.<port>`; reading those
brings in half of the library for mail, so that is imported only when somebody asks for one.
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

from trueup.foundation.errors import MissingExtraError, NotFoundError
from trueup.foundation.text import did_you_mean


def names(port: str) -> list[str]:
    """The names of all back ends of a port, Trueup's own and installed ones."""
    import pkgutil
    from importlib import metadata

    package = importlib.import_module(f"trueup.backends.{port}")
    modules = pkgutil.iter_modules(package.__path__)
    own = {module.name for module in modules if not module.name.startswith("_")}
    return sorted(own | {point.name for point in metadata.entry_points(group=f"trueup.{port}")})


def load(port: str, name: str) -> Any:
    """The class `Backend` of the file `trueup/backends/<port>/<name>.py`.

    Raises:
        NotFoundError: No back end of that name exists.
        MissingExtraError: It exists, but the package it stands on is not installed.
    """
    full_name = f"trueup.backends.{port}.{name}"
    try:
        module: ModuleType = importlib.import_module(full_name)
    except ModuleNotFoundError as error:
        if error.name != full_name:
            raise MissingExtraError(error.name or name, name) from error
        from importlib import metadata

        for point in metadata.entry_points(group=f"trueup.{port}", name=name):
            return point.load()
        known = names(port)
        raise NotFoundError(
            "backend-not-found",
            f"There is no {port} back end '{name}'.{did_you_mean(name, known)}",
            hint=f"use one of: {', '.join(known)}",
        ) from error
    return module.Backend
