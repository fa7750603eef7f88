"""The kinds of question that a model answers; named here, where every stage can see them."""

from __future__ import annotations

from typing import Final, Literal, TypeAlias, get_args

from trueup.foundation.records import Record

Task: TypeAlias = Literal["binary", "regression", "multiclass", "ranking", "quantile"]

TASKS: Final[tuple[Task, ...]] = get_args(Task)


class Question(Record, omit_defaults=True):
    """What somebody says about the question that a model answers; label and model say the rest.

    Attributes:
        task: The kind of question; empty when label and model are to say it.
        classes: What the label says, in the order of the model's answers; empty for rising order.
        levels: Of quantiles, rising.
        group: The column that says which rows are ranked together.
    """

    task: Task | Literal[""] = ""
    classes: tuple[int | str, ...] = ()
    levels: tuple[float, ...] = ()
    group: str = ""


def why_wrong(question: Question) -> str:
    """What contradicts itself in a question; empty when nothing does.

    Example:
        >>> why_wrong(Question(task="quantile"))
        'a quantile model needs levels=(0.1, 0.5, 0.9)'
    """
    task, levels = question.task, question.levels
    for name, owner in (("classes", "multiclass"), ("levels", "quantile"), ("group", "ranking")):
        if getattr(question, name) and task not in ("", owner):
            return f"{name} belong to task='{owner}', not to '{task}'"
    if sum(map(bool, (question.classes, levels, question.group))) > 1:
        return "it has more than one of classes, levels and group"
    if task == "quantile" and not levels:
        return "a quantile model needs levels=(0.1, 0.5, 0.9)"
    if task == "ranking" and not question.group:
        return 'a ranking needs group="column", which says which rows are ranked together'
    return _why_no_list(question)


def _why_no_list(question: Question) -> str:
    levels, classes = question.levels, question.classes
    if any(not 0 < level < 1 for level in levels) or list(levels) != sorted(set(levels)):
        return f"levels are {levels}; they must rise from above 0 to below 1"
    if len(set(classes)) != len(classes) or len(classes) == 1:
        return f"classes are {classes}; there must be two or more, each once"
    return ""
