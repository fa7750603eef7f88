"""Do two annotated types fit together? Refused is only what can never fit. Pure functions.

Types are compared by family: frames of any library are one, since a step gets the kind of frame it
asks for; a class that is in no family fits everything that is in none.
"""

from __future__ import annotations

import collections.abc
import enum
import types
import typing
from pathlib import PurePath
from typing import Any, Final, Literal, NamedTuple


class DATASET:
    """The type of `data("…")`: rows for a frame parameter, a folder for one that is a path."""


class FRAME:
    """The type of any frame, whichever library's."""


Family = Literal[
    "none", "bool", "int", "float", "text", "bytes", "path", "frame", "array", "list", "dict"
]
_FRAMES: Final = frozenset(
    {
        "polars.DataFrame",
        "polars.LazyFrame",
        "pandas.DataFrame",
        "pyarrow.Table",
    }
)
# What has no safe stored form, and what to return instead.
_CURES: Final = {
    "builtins.set": "return sorted(items)",
    "builtins.frozenset": "return sorted(items)",
    "builtins.complex": "return [number.real, number.imag]",
    "collections.abc.Iterator": "return list(items)",
    "collections.abc.Generator": "return list(items)",
    "datetime.date": "return day.isoformat()",
    "datetime.datetime": "return moment.isoformat()",
    "datetime.timedelta": "return length.total_seconds()",
    "polars.LazyFrame": "return frame.collect()",
    "polars.Series": "return series.to_frame()",
    "pandas.Series": "return series.to_frame()",
}
# Given family -> the other families that accept it.
_WIDER: Final[dict[Family, frozenset[Family]]] = {
    "bool": frozenset({"int", "float"}),
    "int": frozenset({"float"}),
}
_LISTS = (
    list,
    tuple,
    collections.abc.Sequence,
    collections.abc.Iterable,
    collections.abc.Collection,
)
_DICTS = (dict, collections.abc.Mapping, collections.abc.MutableMapping)


class _Shape(NamedTuple):
    family: Family
    inner: Any = Any


def hints(function: Any) -> dict[str, Any]:
    """The annotated types of a function by parameter, and `return`; what cannot be read is Any.

    Example:
        >>> def area(width: float, height: "Metres") -> float: ...
        >>> hints(area)
        {'width': <class 'float'>, 'height': typing.Any, 'return': <class 'float'>}
    """
    given = dict(getattr(function, "__annotations__", {}))
    try:
        return typing.get_type_hints(function) if given else {}
    except Exception:  # a name that only type checkers see: read the others one by one
        return {name: _one_hint(function, hint) for name, hint in given.items()}


def fits(given: Any, wanted: Any) -> bool:
    """Whether a value of type `given` can be an argument of type `wanted`.

    Example:
        >>> fits(int, float), fits(list[int], list[str]), fits(int | None, int)
        (True, False, True)
    """
    givens, wanteds = _members(given), _members(wanted)
    return any(_fits_one(g, w) for g in givens for w in wanteds)


def accepts(wanted: Any, value: Any) -> bool:
    """Whether a plain value can be an argument of type `wanted`.

    Example:
        >>> accepts(int, 6), accepts(int, "six"), accepts(list[int], [1, "two"])
        (True, False, False)
    """
    return any(_accepts_one(w, value) for w in _members(wanted))


def may_hold(declared: Any, value: Any) -> bool:
    """Whether a value can be of type `declared`; what a list or dict holds is not looked at.

    Example:
        >>> may_hold(int, 6), may_hold(int, "six"), may_hold(list[int], ["six"])
        (True, False, True)
    """
    return any(_may_hold_one(d, value) for d in _members(declared))


def part(of: Any, key: str) -> Any:
    """The type of one value of a dict; Any when the annotation does not say.

    Example:
        >>> part(dict[str, int], "rows")
        <class 'int'>
    """
    if isinstance(of, type) and typing.is_typeddict(of):
        return typing.get_type_hints(of).get(key, Any)
    shape = _shape(of)
    return shape.inner if shape is not None and shape.family == "dict" else Any


def item(of: Any) -> Any:
    """The type of one value of a list; None when it is no list at all.

    Example:
        >>> item(list[int]), item(int)
        (<class 'int'>, None)
    """
    if any(m is Any or _shape(m) is None for m in _members(of)):
        return Any
    return next((s.inner for m in _members(of) if (s := _shape(m)) and s.family == "list"), None)


def list_of(hint: Any) -> Any:
    """The type of a list of such values.

    Example:
        >>> list_of(int)
        list[int]
    """
    return types.GenericAlias(list, (hint,))


def either(*hints: Any) -> Any:
    """The type of a value that is one of several.

    Example:
        >>> shown(either(int, type(None)))
        'int | None'
    """
    if any(hint is Any or hint is DATASET for hint in hints):
        return Any
    return typing.Union[tuple(hints)]  # noqa: UP007 - made at run time


def wants_path(hint: Any) -> bool:
    """Whether a parameter of this type is to be given as a file or folder.

    Example:
        >>> from pathlib import Path
        >>> wants_path(Path), wants_path(list[Path] | None), wants_path(str)
        (True, True, False)
    """
    for member in _members(hint):
        shape = _shape(member)
        if shape is not None and (
            shape.family == "path"
            or (
                shape.family in ("list", "dict")
                and shape.inner is not Any
                and wants_path(shape.inner)
            )
        ):
            return True
    return False


def is_path(hint: Any) -> bool:
    """Whether a parameter of this type is itself to be a file or folder."""
    shapes = (_shape(member) for member in _members(hint))
    return any(shape is not None and shape.family == "path" for shape in shapes)


def frame_kind(hint: Any) -> str:
    """Which library's frame a parameter asks for, such as `pandas.DataFrame`; empty for none."""
    names = (_qualified(m) for m in _members(hint) if isinstance(m, type))
    return next((name for name in names if name in _FRAMES), "")


def cure(hint: Any) -> str:
    """What to return instead of a type that no value can be kept of; empty for all others.

    Example:
        >>> cure(set[int]), cure(list[int]), cure(set[int] | None)
        ('return sorted(items)', '', '')
    """
    found = [_CURES.get(_whole_name(typing.get_origin(m) or m), "") for m in _members(hint)]
    return found[0] if found and all(found) else ""


def shown(hint: Any) -> str:
    """A type as people write it.

    Example:
        >>> shown(int), shown(list[int]), shown(int | None)
        ('int', 'list[int]', 'int | None')
    """
    if hint is DATASET:
        return "a dataset"
    if hint is type(None):
        return "None"
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return " | ".join(shown(member) for member in typing.get_args(hint))
    if isinstance(hint, type) and not typing.get_args(hint):
        return hint.__name__
    return str(hint).replace("typing.", "").replace("NoneType", "None")


def _one_hint(function: Any, hint: Any) -> Any:
    if not isinstance(hint, str):
        return hint
    try:
        holder = types.SimpleNamespace(__annotations__={"it": hint})
        return typing.get_type_hints(holder, globalns=getattr(function, "__globals__", {}))["it"]
    except Exception:
        return Any


def _members(hint: Any) -> tuple[Any, ...]:
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return tuple(m for arg in typing.get_args(hint) for m in _members(arg))
    if typing.get_origin(hint) is typing.Annotated:
        return _members(typing.get_args(hint)[0])
    if typing.get_origin(hint) is Literal:
        return tuple(dict.fromkeys(type(value) for value in typing.get_args(hint)))
    return (type(None),) if hint is None else (hint,)


def _fits_one(given: Any, wanted: Any) -> bool:
    if given is DATASET:
        shape = _shape(wanted)
        return shape is None or shape.family in ("frame", "path")
    have, want = _shape(given), _shape(wanted)
    if have is None or want is None:
        known = want if have is None else have
        other = given if have is None else wanted
        return known is None or not _is_plain_class(other)
    if want.family == "path" and have.family not in ("text", "none"):
        return True  # stored values can be handed over as files; a text might mean a name
    if have.family != want.family:
        return want.family in _WIDER.get(have.family, ())
    return fits(have.inner, want.inner)


def _accepts_one(wanted: Any, value: Any) -> bool:
    want = _shape(wanted)
    if not _may_hold_one(wanted, value):
        return False
    if want is None or want.inner is Any:
        return True
    within = value.values() if want.family == "dict" else value
    return all(accepts(want.inner, each) for each in within)


def _may_hold_one(declared: Any, value: Any) -> bool:
    want, have = _shape(declared), _shape(type(value))
    if want is None:
        return not _is_plain_class(declared) or isinstance(value, declared) or have is None
    if have is None:  # such as a mapping that is no dict
        origin = typing.get_origin(declared) or declared
        return not typing.is_typeddict(origin) and isinstance(value, origin)
    return have.family == want.family or want.family in _WIDER.get(have.family, ())


def _shape(hint: Any) -> _Shape | None:  # noqa: PLR0911 - one line a family
    """The family of a type; None for Any and all that is in no family."""
    origin = typing.get_origin(hint) or hint
    arguments = typing.get_args(hint)
    if origin is Any or not isinstance(origin, type):  # Any is a class too
        return None
    if typing.is_typeddict(origin):
        return _Shape("dict")
    if origin in _LISTS or issubclass(origin, list | tuple):
        inner = arguments[0] if len(set(arguments) - {Ellipsis}) == 1 else Any
        return _Shape("list", inner)
    if origin in _DICTS or issubclass(origin, dict):
        return _Shape("dict", arguments[1] if len(arguments) == 2 else Any)
    for family, members in _ATOMS.items():
        if issubclass(origin, members):
            return _Shape(family)
    ancestors = {_qualified(parent) for parent in origin.__mro__}
    if ancestors & _FRAMES or origin is FRAME:
        return _Shape("frame")
    for family, name in _NUMPY.items():
        if name in ancestors:
            return _Shape(family)
    return None


_ATOMS: Final[dict[Family, Any]] = {
    "none": type(None),
    "bool": bool,
    "int": int,
    "float": float,
    "text": str,
    "bytes": bytes | bytearray,
    "path": PurePath,
}
_NUMPY: Final[dict[Family, str]] = {
    "array": "numpy.ndarray",
    "bool": "numpy.bool",
    "int": "numpy.integer",
    "float": "numpy.floating",
}


def _is_plain_class(hint: Any) -> bool:
    """Whether only values of that very class fit: no Any, protocol, abstract class or `object`."""
    origin = typing.get_origin(hint) or hint
    abstract = type(collections.abc.Sized)  # ABCMeta: also that of every protocol
    return (
        isinstance(origin, type)
        and origin not in (Any, object)
        and not isinstance(origin, abstract)
        and not issubclass(origin, enum.Enum)
    )


def _whole_name(of: Any) -> str:
    """The name of a class as in `_CURES`: the library of a frame, else the whole module."""
    if not isinstance(of, type):
        return ""
    library = of.__module__.partition(".")[0]
    return f"{library if library in ('polars', 'pandas') else of.__module__}.{of.__qualname__}"


def _qualified(cls: type) -> str:
    return f"{cls.__module__.partition('.')[0]}.{cls.__qualname__}"
