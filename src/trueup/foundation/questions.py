"""The kinds of question that a model answers; named here, where every stage can see them."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias, get_args

Task: TypeAlias = Literal["binary", "regression", "multiclass", "ranking", "quantile"]

TASKS: Final[tuple[Task, ...]] = get_args(Task)
