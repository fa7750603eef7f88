"""Secrets by name: `secret("TOKEN")` is a placeholder until a step runs, and is stored nowhere.

The value comes from the variable `TRUEUP_SECRET_TOKEN`, else from the file that `trueup secret set`
wrote. What must never hold a value is searched by `Guard` and cleaned by `masked`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import msgspec

from trueup.foundation.configuration import FILE, HOME
from trueup.foundation.errors import NotFoundError, TrueupError, UsageError
from trueup.foundation.text import did_you_mean
from trueup.lifecycle.pipeline import options, origin
from trueup.lifecycle.pipeline.drawing import tracing
from trueup.lifecycle.pipeline.drawing.graph import Secret

if TYPE_CHECKING:
    import polars as pl

VARIABLE: Final = "TRUEUP_SECRET_"
FOLDER: Final = "secrets"
# Shorter ones would be found everywhere, in honest text too.
SHORTEST: Final = 8
HIDDEN: Final = "***"
_READ_AT_ONCE: Final = 1 << 20

_given: ContextVar[Mapping[str, str] | None] = ContextVar("trueup_secrets", default=None)


def secret(name: str) -> str:
    """A secret of the project, by name.

    Inside a pipeline it is an argument for a step, which gets the value when it runs. Inside a step
    that was declared with `@step(secrets=["TOKEN"])` it is the value. Only the name is part of a
    cache key.

    Raises:
        UsageError: The name is malformed, or the running step did not ask for it.
        NotFoundError: The secret has no value here.
    """
    at = origin.caller(sys._getframe(1))
    try:
        options.secret_name(name)
    except (ValueError, TypeError) as error:
        raise UsageError("secret-name", f"{at}: {error}.", hint='secret("API_TOKEN")') from error
    if tracing.tracing() is not None:
        return cast(str, Secret(name))
    given = _given.get()
    if given is None:
        return value_of(name, _home())
    if name not in given:
        raise UsageError(
            "secret-not-asked",
            f"{at}: this step did not ask for the secret '{name}'.{did_you_mean(name, given)}",
            hint=f'@step(secrets=["{name}"])',
            context={"file": at.file, "line": at.line},
        )
    return given[name]


@contextmanager
def given_to_step(values: Mapping[str, str]) -> Iterator[None]:
    """Let the step that runs inside the block read these secrets."""
    token = _given.set(values)
    try:
        yield
    finally:
        _given.reset(token)


def value_of(name: str, home: Path) -> str:
    """The value of a secret.

    Args:
        name: Its name.
        home: The project's state folder.

    Raises:
        NotFoundError: It has none here.
        UsageError: It is too short to be kept out of anything.
    """
    found = known(home).get(name)
    if found is None:
        raise NotFoundError(
            "secret-missing",
            f"There is no secret '{name}' here.{did_you_mean(name, known(home))}",
            hint=f"trueup secret set {name}   (or set the variable {VARIABLE}{name})",
            context={"secret": name},
        )
    check_value(name, found)
    return found


def known(home: Path) -> dict[str, str]:
    """All secrets by name; a variable comes before a file."""
    found: dict[str, str] = {}
    if (home / FOLDER).is_dir():
        for file in sorted((home / FOLDER).iterdir()):
            if file.is_file() and not file.is_symlink() and _is_name(file.name):
                found[file.name] = file.read_text(encoding="utf-8")
    for variable in os.environ:
        name = variable.removeprefix(VARIABLE)
        if name != variable and _is_name(name) and (value := os.environ.get(variable)):
            found[name] = value
    return found


def check_value(name: str, value: str) -> None:
    """Refuse a value that could not be told from other text.

    Raises:
        UsageError: It is too short.
    """
    if len(value) < SHORTEST:
        raise UsageError(
            "secret-short",
            f"The secret '{name}' has {len(value)} characters; with fewer than {SHORTEST} it could "
            "not be told from other text, and would stay in logs and results.",
            hint=f"trueup secret set {name}",
            context={"secret": name},
        )


def placeholders(value: Any) -> Iterator[Secret]:
    """Every secret in an argument, also inside lists, tuples and dicts."""
    if isinstance(value, Secret):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from placeholders(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from placeholders(item)


def words(values: Mapping[str, str]) -> list[str]:
    """What must not be seen of some secrets: each value, and each long line of one."""
    found: list[str] = []
    for value in values.values():
        if len(value) >= SHORTEST:
            found += [value, *(ln for ln in value.splitlines() if len(ln.strip()) >= SHORTEST)]
    return sorted(dict.fromkeys(found), key=len, reverse=True)


def masked(value: Any, hidden: list[str]) -> Any:
    """Text, or lists and dicts of text, with `***` in place of these words."""
    if isinstance(value, str):
        for word in hidden:
            value = value.replace(word, HIDDEN)
        return value
    if isinstance(value, Mapping):
        return {masked(k, hidden): masked(item, hidden) for k, item in value.items()}
    if isinstance(value, list | tuple):
        return [masked(item, hidden) for item in value]
    return value


def clean(error: TrueupError, hidden: list[str]) -> TrueupError:
    """The error without these words."""
    error.message = masked(error.message, hidden)
    error.hint = masked(error.hint, hidden)
    error.context = masked(error.context, hidden)
    error.args = (error.message,)
    return error


class Guard:
    """Looks for secrets in what a step returned.

    Args:
        values: The secrets that the step was given, by name.
    """

    def __init__(self, values: Mapping[str, str]) -> None:
        self._patterns = {name: _patterns(value) for name, value in values.items()}
        self._texts = dict(values)

    def in_bytes(self, raw: bytes) -> str:
        """The name of a secret that the bytes hold; empty if they hold none."""
        return next(
            (
                name
                for name, patterns in self._patterns.items()
                if any(pattern in raw for pattern in patterns)
            ),
            "",
        )

    def in_file(self, path: Path) -> str:
        """The name of a secret that the file holds; it is read piece by piece."""
        if not self._patterns:
            return ""
        overlap = max(len(p) for patterns in self._patterns.values() for p in patterns) - 1
        with path.open("rb") as file:
            tail = b""
            while piece := file.read(_READ_AT_ONCE):
                if found := self.in_bytes(tail + piece):
                    return found
                tail = (tail + piece)[-overlap:]
        return ""

    def in_frame(self, frame: pl.DataFrame) -> str:
        """The name of a secret in a text column, also inside lists and structures."""
        if not self._texts or not frame.width:
            return ""
        if found := self.in_bytes("\0".join(frame.columns).encode()):
            return found
        import polars as pl

        plain = [c for c, kind in frame.schema.items() if kind == pl.String]
        coded = [c for c, kind in frame.schema.items() if kind in (pl.Categorical, pl.Enum)]
        binary = [c for c, kind in frame.schema.items() if kind == pl.Binary]
        nested = [c for c, kind in frame.schema.items() if kind.is_nested()]
        for name, text in self._texts.items():
            asked = [pl.col(plain).str.contains(text, literal=True)] if plain else []
            asked += [pl.col(coded).cast(pl.String).str.contains(text, literal=True)] * bool(coded)
            asked += [pl.col(binary).bin.contains(text.encode())] * bool(binary)
            if asked and any(frame.select(pl.any_horizontal(asked).any()).row(0)):
                return name
        if nested:
            return self.in_bytes(frame.select(nested).write_ndjson().encode())
        return ""


def _patterns(value: str) -> tuple[bytes, ...]:
    """The bytes by which a text is found: as it is, inside JSON, inside an array of texts."""
    raw = value.encode()
    return tuple(dict.fromkeys((raw, msgspec.json.encode(value)[1:-1], value.encode("utf-32-le"))))


def _is_name(name: str) -> bool:
    try:
        options.secret_name(name)
    except ValueError:
        return False
    return True


def _home() -> Path:
    """The state folder of the project around the current folder, for steps outside a pipeline."""
    here = Path.cwd()
    return next((f / HOME for f in (here, *here.parents) if (f / FILE).is_file()), here / HOME)
