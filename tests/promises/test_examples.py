"""The examples in docstrings are true."""

from __future__ import annotations

import doctest
import importlib
from typing import Any


def test_every_example_gives_what_it_says(modules: list[Any]) -> None:
    tried = 0
    for module in modules:
        if ">>>" not in module.text:
            continue
        name = "trueup." + module.path.removesuffix(".py").removesuffix("/__init__").replace(
            "/", "."
        )
        result = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)
        assert result.failed == 0, f"an example in {name} does not hold (printed above)"
        tried += result.attempted
    assert tried > 5
