"""Lines for `trueup.toml` that demand a family of checks, made from what the plan can read."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import product
from typing import Any, Final, Literal, get_args, get_origin

import msgspec

from trueup.lifecycle.plan import demands

_VALUES: Final[tuple[Any, ...]] = ("NAME", 0.5, 50, ["NAME"], {"NAME": "NAME"})
_MOST: Final = 3  # required settings; more are not guessed at


@cache
def demanding(kind: str) -> tuple[str, ...]:
    """The line that demands a family; nothing where the plan knows no such family.

    Example:
        >>> demanding("leakage")
        ('checks = [{ kind = "leakage" }]   # in a goal of trueup.toml',)
        >>> demanding("telepathy")
        ()
    """
    settings = next(_readable(kind), None)
    if settings is None:
        return ()
    pairs = ", ".join(f"{name} = {_written(value)}" for name, value in settings.items())
    return (f"checks = [{{ {pairs} }}]   # in a goal of trueup.toml",)


def _readable(kind: str) -> Iterator[dict[str, Any]]:
    """The shortest settings of a family that a plan may hold: those required, or one limit."""
    known = {each.__struct_config__.tag: each for each in get_args(demands.AnyDemand)}
    if kind not in known:
        return
    fields = {field.encode_name: field for field in msgspec.structs.fields(known[kind])}
    required = [name for name, field in fields.items() if field.required]
    optional = [name for name, field in fields.items() if not field.required]
    if len(required) > _MOST:
        return
    for names in (required, *([*required, name] for name in optional)):
        for values in product(*(_values(fields[name].type) for name in names)):
            settings = {"kind": kind, **dict(zip(names, values, strict=True))}
            if _is_sound(settings, known[kind]):
                yield settings


def _values(type_: Any) -> tuple[Any, ...]:
    return get_args(type_) if get_origin(type_) is Literal else _VALUES


def _is_sound(settings: dict[str, Any], family: type[Any]) -> bool:
    """Whether a plan may hold this, as far as the family itself knows."""
    try:
        demand = msgspec.convert(settings, family)
    except ValueError:
        return False
    unsound = getattr(demand, "unsound", None)
    return unsound is None or not unsound()


def _written(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_written, value))}]"
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{name} = {_written(v)}' for name, v in value.items())} }}"
    return f'"{value}"' if isinstance(value, str) else str(value)
