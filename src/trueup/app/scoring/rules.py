"""A rule: facts in, an answer out, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from trueup.app.scoring.facts import Facts
from trueup.app.scoring.records import Answer

Rule: TypeAlias = Callable[[Facts], Answer]
