"""What makes a pipeline sound: arguments, parameters, datasets, schedule. Pure functions."""

from __future__ import annotations

import datetime as dt
import enum
import inspect
import math
import re
import reprlib
import types
import typing
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from trueup.foundation.errors import TrueupError, UsageError, UserCodeError
from trueup.foundation.text import did_you_mean, listing, plural
from trueup.lifecycle.pipeline import matching, nesting
from trueup.lifecycle.pipeline.records import Parameter, Place

REQUIRED: Final = inspect.Parameter.empty
_PLAIN = (str, int, float, bool, type(None), dt.date, dt.datetime)
_EPOCH = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
_UNEXPECTED = re.compile(r"unexpected keyword argument '(?P<name>[^']*)'")


def bind(
    step: str,
    signature: inspect.Signature,
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
    at: Place,
) -> dict[str, Any]:
    """The arguments of a step call by name, defaults filled in.

    Raises:
        UsageError: An argument is missing, unknown or given twice.
    """
    try:
        bound = signature.bind(*args, **kwargs)
    except TypeError as error:
        near = ""
        if match := _UNEXPECTED.search(str(error)):
            near = did_you_mean(match["name"], signature.parameters)
        raise UsageError(
            "pipeline-argument",
            f"{at}: the call of step '{step}' is wrong: {error}.{near}",
            hint=f"the step is: {step}({', '.join(map(str, signature.parameters))})",
            context={"file": at.file, "line": at.line, "step": step},
        ) from error
    bound.apply_defaults()
    return dict(bound.arguments)


def check_unmarked(step: str, marked: Iterable[str], at: Place) -> None:
    """Refuse `each(…)` in a plain call.

    Raises:
        UsageError: Naming the first argument that is marked.
    """
    for name in marked:
        raise UsageError(
            "map-malformed",
            f"{at}: '{name}' of step '{step}' is marked with each(…), which means something "
            f"in {step}.map(…) only.",
            hint=f"write: {step}.map({name}=each(…))",
            context={"file": at.file, "line": at.line, "step": step},
        )


def type_wrong(
    step: str, name: str, value: Any, given: Any, wanted: Any, at: Place, mapped: bool = False
) -> UsageError:
    """The error for an argument that can never be of the type that the step asks for."""
    is_plain = type(value) is given
    what = f"{value!r:.60}" if is_plain else repr(value).strip("<>")
    has = "" if is_plain else f", which is {matching.shown(given)}"
    asked = f"a list of {matching.shown(wanted)}" if mapped else matching.shown(wanted)
    hint = f"give '{name}' a value of that type, or correct the annotations"
    if mapped:
        hint = f"pass what is the same for all calls by keyword: {step}.map(…, {name}=value)"
    return UsageError(
        "pipeline-type",
        f"{at}: step '{step}' takes {asked} as '{name}', but is given {what}{has}.",
        hint=hint,
        context={"file": at.file, "line": at.line, "step": step, "argument": name},
    )


def default_wrong(step: str, name: str, value: Any, wanted: Any, written: Place) -> UsageError:
    """The error for a default of a step that can never be of the type written beside it."""
    asked = matching.shown(wanted)
    return UsageError(
        "pipeline-type",
        f"{written}: step '{step}' takes {asked} as '{name}', but its default is {value!r:.60}.",
        hint=f"give '{name}' a default of that type, or correct its annotation",
        context={"file": written.file, "line": written.line, "step": step, "argument": name},
    )


def result_wrong(step: str, value: Any, declared: Any, written: Place, at: Place) -> UserCodeError:
    """The error for a result that can never be of the type that the step declares."""
    has, says = matching.shown(type(value)), matching.shown(declared)
    return UserCodeError(
        "step-result-type",
        f"{at}: step '{step}' is declared to return {says} at {written}, but returned {has}"
        f"{_sample(value)}.",
        hint=matching.cure(type(value)) or f"return {says}, or write -> {has} at {written}",
        context={
            **{"file": written.file, "line": written.line, "step": step},
            **{"declared": says, "returned": has},
        },
    )


def _sample(value: Any) -> str:
    """A plain value itself, cut to a length that a message can bear."""
    plain = isinstance(value, str | int | float) and value is not None
    return f" ({reprlib.repr(value)})" if plain else ""


def check_depth(step: str, values: Iterable[Any], at: Place) -> None:
    """Refuse an argument that holds itself, or is nested too deep to be recorded.

    Raises:
        UsageError: Saying where in it, and what to write instead.
    """
    for value in values:
        try:
            nesting.check(value)
        except nesting.Endless as error:
            what = f"a {type(value).__name__} which{error.where and f', in {error.where},'}"
            raise UsageError(
                "argument-unusable",
                f"{at}: step '{step}' is given {what} {error.problem}.",
                hint=error.cure,
                context={"file": at.file, "line": at.line, "step": step},
            ) from None


def condition_wrong(what: str, given: Any, at: Place) -> UsageError:
    """The error for a choice whose condition can never be true or false."""
    return UsageError(
        "choice-condition",
        f"{at}: choose(…) needs a condition that is True or False, but {what.strip('<>')} "
        f"is {matching.shown(given)}.",
        hint="let a step return the condition: def is_better(…) -> bool: …",
        context={"file": at.file, "line": at.line},
    )


def together(problems: Sequence[UsageError]) -> UsageError:
    """One error for all that is wrong with a pipeline; a single problem stays as it is."""
    if len(problems) == 1:
        return problems[0]
    said = "\n".join(f"  {problem.message}" for problem in problems)
    return UsageError(
        "pipeline-problems",
        f"{len(problems)} things are wrong, and nothing was run:\n{said}",
        hint="trueup explain " + problems[0].code,
        context={
            "problems": [
                {"code": p.code, "message": p.message, "hint": p.hint, **p.context}
                for p in problems
            ]
        },
    )


def wrong_pipelines(errors: Mapping[str, TrueupError]) -> UsageError:
    """One error for all pipelines of a project that cannot run."""
    said = "\n".join(
        f"  {name}: {error.message.replace(chr(10), chr(10) + '  ')}"
        for name, error in errors.items()
    )
    return UsageError(
        "pipeline-problems",
        f"{plural(len(errors), 'pipeline')} cannot run:\n{said}",
        hint=f"trueup run {next(iter(errors))} --check",
        context={"pipelines": {name: error.as_problem() for name, error in errors.items()}},
    )


def cycle(circle: Iterable[tuple[str, Place]]) -> UsageError:
    """The error for pipelines that call each other in a circle; the first one stands at the end."""
    calls = list(circle)
    chain = " -> ".join([calls[-1][0], *(f"{name} ({place})" for name, place in calls)])
    last = calls[-1][1]
    return UsageError(
        "pipeline-cycle",
        f"Pipeline '{calls[-1][0]}' calls itself and would never end: {chain}.",
        hint=f"remove the call in {last}",
        context={"circle": [{"pipeline": n, "file": p.file, "line": p.line} for n, p in calls]},
    )


def check_datasets(used: Mapping[str, Place], known: Collection[str]) -> None:
    """Refuse a pipeline that reads a dataset the project does not have.

    Raises:
        UsageError: Naming the first one, and where it is read.
    """
    for name, at in used.items():
        if name not in known:
            have = f"the project has: {', '.join(sorted(known))}" if known else "it has none yet"
            raise UsageError(
                "dataset-unknown",
                f"{at}: there is no dataset '{name}' ({have}).{did_you_mean(name, known)}",
                hint=f'add to trueup.toml:  [datasets.{name}]  path = "data/{name}.parquet"',
                context={"file": at.file, "line": at.line, "dataset": name},
            )


def check_schedule(schedule: str, at: Place) -> None:
    """Refuse a schedule that is no cron expression or never comes.

    Raises:
        UsageError: Saying what is wrong with it.
    """
    from cronsim import CronSim, CronSimError  # here: few pipelines have a schedule

    reason = ""
    if len(schedule.split()) != 5:
        reason = f"it has {len(schedule.split())} fields instead of 5"
    else:
        try:
            next(CronSim(schedule, _EPOCH))
        except CronSimError as error:
            reason = str(error)
        except StopIteration:
            reason = "such a moment never comes"
    if reason:
        raise UsageError(
            "schedule-invalid",
            f"{at}: the schedule '{schedule}' is of no use: {reason}.",
            hint='write a cron expression such as schedule="0 3 * * 1" (Mondays at 03:00 UTC)',
            context={"schedule": schedule},
        )


def parameters_of(pipeline: str, function: Any, at: Place) -> dict[str, Parameter]:
    """The parameters of a pipeline function: type and default of each.

    Raises:
        UsageError: A parameter has a type that no command line could give, or a default that is
            not of its type.
    """
    try:
        hints = typing.get_type_hints(function)
    except Exception as error:
        raise _wrong(pipeline, f"an annotation cannot be read: {error}", at) from error
    found = {}
    for name, parameter in inspect.signature(function).parameters.items():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            raise _wrong(pipeline, f"'*{name}' cannot be given by name; list the parameters", at)
        default = parameter.default
        guess = str if default is REQUIRED or default is None else type(default)
        type_ = hints.get(name, guess)
        if not _is_plain(type_):
            raise _wrong(
                pipeline,
                f"'{name}' has the type {_shown(type_)}; use str, int, float, bool, date, "
                "or lists and dicts of them",
                at,
            )
        if default is not REQUIRED:
            default = _convert(pipeline, name, default, type_, strict=True, written=at)
        found[name] = Parameter(type_, default)
    return found


def typed(
    pipeline: str,
    parameters: Mapping[str, Parameter],
    given: Mapping[str, Any],
    *,
    from_text: bool = False,
) -> dict[str, Any]:
    """All parameters with their values: those given, checked, and the defaults of the rest.

    Args:
        pipeline: Its name, for messages.
        parameters: What the pipeline takes.
        given: The values; text if `from_text`, as on a command line.
        from_text: Read numbers and the like from text; lists and dicts from JSON.

    Raises:
        UsageError: A name is unknown, a value has the wrong type, or one is missing.
    """
    for name in given:
        if name not in parameters:
            takes = ", ".join(parameters) or "none"
            raise _wrong(
                pipeline,
                f"it has no parameter '{name}' (its parameters: {takes})."
                f"{did_you_mean(name, parameters)}".rstrip("."),
            )
    values = {}
    for name, parameter in parameters.items():
        if name in given:
            value = given[name]
            if from_text and _is_container(parameter.type):
                value = _from_json(pipeline, name, value)
                values[name] = _convert(pipeline, name, value, parameter.type, strict=True)
            else:
                values[name] = _convert(pipeline, name, value, parameter.type, strict=not from_text)
        elif parameter.default is REQUIRED:
            raise UsageError(
                "pipeline-parameter",
                f"Pipeline '{pipeline}' needs a value for '{name}' ({_shown(parameter.type)}).",
                hint=f"trueup run {pipeline} -p {name}=VALUE",
                context={"pipeline": pipeline, "parameter": name},
            )
        else:
            values[name] = parameter.default
    return values


def _convert(
    pipeline: str,
    name: str,
    value: Any,
    type_: Any,
    *,
    strict: bool,
    written: Place | None = None,
) -> Any:
    """A value of its type; one `written` in a file is a default."""
    what = f"the {'default of the ' if written else ''}parameter '{name}' is {value!r}, which is no"
    try:
        converted = msgspec.convert(value, type_, strict=strict)
    except (msgspec.ValidationError, TypeError) as error:
        raise _wrong(pipeline, f"{what} {_shown(type_)}", written) from error
    if isinstance(converted, float) and not math.isfinite(converted):
        raise _wrong(pipeline, f"{what} finite number", written)
    return converted


def _from_json(pipeline: str, name: str, text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise _wrong(
            pipeline, f"the parameter '{name}' is {text!r}, which is no JSON: {error}"
        ) from error


def _wrong(pipeline: str, what: str, written: Place | None = None) -> UsageError:
    """What is wrong with a value that was given, or with what is written in a file."""
    if written is None:
        return UsageError(
            "pipeline-parameter",
            f"Pipeline '{pipeline}': {what}.",
            hint=f"trueup run {pipeline} -p NAME=VALUE",
            context={"pipeline": pipeline},
        )
    return UsageError(
        "pipeline-parameter",
        f"{written}: pipeline '{pipeline}': {what}.",
        hint="trueup explain pipeline-parameter",
        context={"pipeline": pipeline, "file": written.file, "line": written.line},
    )


def _is_plain(type_: Any) -> bool:
    if type_ in _PLAIN or type_ is Any:
        return True
    if isinstance(type_, type) and issubclass(type_, enum.Enum):
        return True
    origin = typing.get_origin(type_) or type_
    if origin is typing.Literal:
        return True
    if origin in (list, tuple, dict, typing.Union, types.UnionType):
        return all(_is_plain(a) for a in typing.get_args(type_) if a is not Ellipsis)
    return False


def _is_container(type_: Any) -> bool:
    origin = typing.get_origin(type_) or type_
    return origin in (list, tuple, dict)


def _shown(type_: Any) -> str:
    return type_.__name__ if isinstance(type_, type) else str(type_).replace("typing.", "")


def names_of(items: Iterable[str]) -> str:
    """Names in quotes, as in a sentence."""
    return listing(f"'{item}'" for item in items)
