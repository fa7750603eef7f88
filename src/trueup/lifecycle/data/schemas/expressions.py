"""Conditions between columns: a small language with Python's spelling, compiled to Polars.

Nothing is ever evaluated by Python: the text is parsed, every node is one of a short list, and each
becomes an expression of Polars. `column("dep delay")` names a column that is no Python name.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from functools import reduce
from typing import TYPE_CHECKING, Any, Final

from trueup.foundation import clock
from trueup.foundation.errors import UsageError
from trueup.foundation.text import did_you_mean

if TYPE_CHECKING:
    import polars as pl

LONGEST: Final = 4000
DEEPEST: Final = 40
_COMPARISONS: Final[dict[type[ast.cmpop], Callable[[Any, Any], Any]]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_ARITHMETIC: Final[dict[type[ast.operator], Callable[[Any, Any], Any]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}


def compiled(text: str) -> pl.Expr:
    """A condition as an expression of Polars.

    Raises:
        UsageError: It is no condition, or uses something that the language has not.
    """
    try:
        return _Compiler(text).of(_tree(text))
    except (OverflowError, ValueError) as error:
        if isinstance(error, UsageError):
            raise
        raise _refused(text, str(error)) from error


def columns_of(text: str) -> list[str]:
    """The columns that a condition names, each once, in order.

    Raises:
        UsageError: As for `compiled`.
    """
    return list(dict.fromkeys(_named(_tree(text))))


def functions() -> list[str]:
    """The functions of the language."""
    return sorted([*_ROWWISE, *_WRITTEN])


def _tree(text: str) -> ast.expr:
    if len(text) > LONGEST:
        raise _refused(text, f"it has {len(text):,} characters, more than {LONGEST:,}")
    try:
        body = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        said = error.msg if isinstance(error, SyntaxError) else "it cannot be parsed"
        raise _refused(text, said) from error
    if _depth(body) > DEEPEST:
        raise _refused(text, f"it is nested deeper than {DEEPEST} levels")
    return body


def _depth(tree: ast.AST) -> int:
    depth, level = 0, [tree]
    while level and depth <= DEEPEST:
        depth += 1
        level = [child for node in level for child in ast.iter_child_nodes(node)]
    return depth


def _named(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Call(func=ast.Name(id="column"), args=[ast.Constant(value=str(name))]):
            yield name
        case ast.Call(args=arguments):
            for argument in arguments:
                yield from _named(argument)
        case ast.Name(id=name):
            yield name
        case _:
            for child in ast.iter_child_nodes(node):
                yield from _named(child)


class _Compiler:
    """Turns nodes into expressions; refuses what it does not know."""

    def __init__(self, text: str) -> None:
        self._text = text

    def of(self, node: ast.expr) -> pl.Expr:
        import polars as pl

        found: pl.Expr
        match node:
            case ast.Name(id=name):
                found = pl.col(_exactly(name))
            case ast.Constant(value=bool() | int() | float() | str() | None as value):
                found = pl.lit(value)
            case ast.BoolOp(op=op, values=values):
                join = operator.and_ if isinstance(op, ast.And) else operator.or_
                found = reduce(join, [self.of(value) for value in values])
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                found = ~self.of(operand)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                found = -self.of(operand)
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
                found = _ARITHMETIC[type(op)](self.of(left), self.of(right))
            case ast.Compare(left=left, ops=ops, comparators=others):
                pairs = zip([left, *others], ops, others, strict=False)
                found = reduce(operator.and_, [self._compared(*pair) for pair in pairs])
            case ast.IfExp(test=test, body=body, orelse=orelse):
                found = pl.when(self.of(test)).then(self.of(body)).otherwise(self.of(orelse))
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
                found = self._called(name, arguments)
            case _:
                raise self._refused(f"'{ast.unparse(node)[:60]}' is not part of the language")
        return found

    def _compared(self, left: ast.expr, op: ast.cmpop, right: ast.expr) -> pl.Expr:
        if isinstance(op, ast.In | ast.NotIn):
            if not isinstance(right, ast.List | ast.Tuple | ast.Set):
                raise self._refused("'in' needs values in brackets, such as ['a', 'b']")
            found = self.of(left).is_in([self._constant(item) for item in right.elts])
            return ~found if isinstance(op, ast.NotIn) else found
        if type(op) not in _COMPARISONS:
            raise self._refused("'is' is not part of the language; say is_missing(x)")
        return _COMPARISONS[type(op)](self.of(left), self.of(right))  # type: ignore[no-any-return]

    def _called(self, name: str, arguments: list[ast.expr]) -> pl.Expr:
        if name in _WRITTEN:
            values = [self._constant(argument) for argument in arguments]
        elif name in _ROWWISE:
            values = [
                self._constant(argument) if name in _TAKE_TEXT and place else self.of(argument)
                for place, argument in enumerate(arguments)
            ]
        else:
            near = did_you_mean(name, functions())
            raise self._refused(f"there is no function {name}.{near}")
        try:
            return (_WRITTEN | _ROWWISE)[name](*values)
        except (TypeError, ValueError, AttributeError) as error:
            raise self._refused(f"{name} cannot be called like this: {error}") from error

    def _constant(self, node: ast.expr) -> Any:
        match node:
            case ast.Constant(value=bool() | int() | float() | str() as value):
                return value
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as value)):
                return -value
        raise self._refused(f"'{ast.unparse(node)[:60]}' must be a number or a text")

    def _refused(self, why: str) -> UsageError:
        return _refused(self._text, why)


def _refused(text: str, why: str) -> UsageError:
    return UsageError(
        "schema-expression",
        f"The expression '{text[:120]}' cannot be used: {why}.".replace("?.", "?"),
        hint="trueup explain schema-expression",
    )


def _exactly(name: str) -> str:
    """A name that Polars takes as it is: `^…$` would be a pattern of names."""
    if name.startswith("^") and name.endswith("$"):
        raise ValueError("a column cannot be called ^…$")
    return name


def _column(name: str) -> pl.Expr:
    import polars as pl

    return pl.col(_exactly(name))


def _literal(value: date | datetime | timedelta) -> pl.Expr:
    import polars as pl

    return pl.lit(value)


def _day(text: str) -> pl.Expr:
    return _literal(date.fromisoformat(text))


def _moment(text: str) -> pl.Expr:
    return _literal(datetime.fromisoformat(text))


def _now() -> pl.Expr:
    return _literal(clock.now())


def _length_of_time(text: str) -> pl.Expr:
    return _literal(clock.parse_duration(text))


def _greatest(*values: pl.Expr) -> pl.Expr:
    import polars as pl

    return values[0].max() if len(values) == 1 else pl.max_horizontal(*values)


def _least(*values: pl.Expr) -> pl.Expr:
    import polars as pl

    return values[0].min() if len(values) == 1 else pl.min_horizontal(*values)


def _first_there(*values: pl.Expr) -> pl.Expr:
    import polars as pl

    return pl.coalesce(*values)


def _is_missing(value: pl.Expr) -> pl.Expr:
    return value.is_null()


_WRITTEN: Final[dict[str, Callable[..., pl.Expr]]] = {
    "column": _column,
    "date": _day,
    "datetime": _moment,
    "now": _now,
    "duration": _length_of_time,
}
"""Functions of written values."""

_ROWWISE: Final[dict[str, Callable[..., pl.Expr]]] = {
    "abs": lambda x: x.abs(),
    "round": lambda x, digits=0: x.round(int(digits)),
    "log": lambda x: x.log(),
    "sqrt": lambda x: x.sqrt(),
    "length": lambda x: x.str.len_chars(),
    "lower": lambda x: x.str.to_lowercase(),
    "upper": lambda x: x.str.to_uppercase(),
    "starts_with": lambda x, text: x.str.starts_with(text),
    "ends_with": lambda x, text: x.str.ends_with(text),
    "contains": lambda x, text: x.str.contains(text, literal=True),
    "matches": lambda x, pattern: x.str.contains(pattern),
    "year": lambda x: x.dt.year(),
    "month": lambda x: x.dt.month(),
    "day": lambda x: x.dt.day(),
    "hour": lambda x: x.dt.hour(),
    "weekday": lambda x: x.dt.weekday(),
    "is_missing": _is_missing,
    "first_there": _first_there,
    "previous": lambda x: x.shift(1),
    "min": _least,
    "max": _greatest,
    "mean": lambda x: x.mean(),
    "median": lambda x: x.median(),
    "sum": lambda x: x.sum(),
    "std": lambda x: x.std(),
    "quantile": lambda x, q: x.quantile(float(q), "linear"),
    "count": lambda x: x.count(),
    "distinct": lambda x: x.drop_nulls().n_unique(),
}
"""Functions of columns, row by row or (the last ones) of a whole column."""

_TAKE_TEXT: Final = frozenset(
    {"starts_with", "ends_with", "contains", "matches", "round", "quantile"}
)
"""Of these the arguments after the first are written values."""
