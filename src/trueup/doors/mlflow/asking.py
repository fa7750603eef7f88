"""What a client asks: one request, with its arguments read as MLflow reads them.

Unknown fields are ignored, `null` counts as left out, and a wrong value is named in MLflow's words.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from trueup.app.wiring import Workspace
from trueup.doors.mlflow.failures import Refusal
from trueup.foundation.actor import Actor

_LARGEST: Final = 2**63 - 1
_SHOWN: Final = 200


@dataclass(frozen=True, slots=True)
class Call:
    """One request on its way to a handler.

    Attributes:
        workspace: The project.
        actor: Who asks.
        path: The parts of the path that the route's pattern names.
        given: The body's JSON object, or the query.
        headers: The request's headers, by lower-case name.
        client: Version of the MLflow client, such as (3, 17); (0, 0) when it does not say.
    """

    workspace: Workspace
    actor: Actor
    path: Mapping[str, str] = field(default_factory=dict)
    given: Mapping[str, Any] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    client: tuple[int, int] = (0, 0)

    def text(self, *names: str, default: str | None = None) -> str:
        """The text under the first of these names that is given; they mean the same.

        Raises:
            Refusal: It is missing and has no default, or is no text.
        """
        for name in names:
            value = self._value(name)
            if value is None:
                continue
            if not isinstance(value, str):
                raise invalid(name, value)
            return value
        if default is None:
            raise missing(names[0])
        return default

    def filled(self, *names: str) -> str:
        """A text that is not empty.

        Raises:
            Refusal: It is missing or empty.
        """
        value = self.text(*names)
        if not value:
            raise missing(names[0])
        return value

    def whole(
        self,
        name: str,
        default: int | None = None,
        *,
        low: int = -_LARGEST - 1,
        high: int = _LARGEST,
    ) -> int:
        """A whole number; clients may send it as text.

        Raises:
            Refusal: It is missing and has no default, is none, or is out of bounds.
        """
        value = self._value(name)
        if value is None:
            if default is None:
                raise missing(name)
            return default
        number = _whole(value)
        if number is None or not low <= number <= high:
            raise invalid(name, value)
        return number

    def whole_or_none(self, name: str) -> int | None:
        """A whole number that may be left out."""
        return None if self._value(name) is None else self.whole(name)

    def flag(self, name: str, default: bool = False) -> bool:
        """Yes or no.

        Raises:
            Refusal: It is neither.
        """
        value = self._value(name)
        if value is None:
            return default
        if isinstance(value, bool):
            return value
        if value in ("true", "True", "1"):
            return True
        if value in ("false", "False", "0"):
            return False
        raise invalid(name, value)

    def texts(self, name: str) -> list[str]:
        """A list of texts; empty when left out. A query repeats the name.

        Raises:
            Refusal: It is no list of texts.
        """
        value = self._value(name)
        if value is None:
            return []
        listed = [value] if isinstance(value, str) and not self._is_body else value
        if not isinstance(listed, list) or not all(isinstance(each, str) for each in listed):
            raise invalid(name, value)
        return listed

    def objects(self, name: str) -> list[Call]:
        """A list of JSON objects, each readable as this one; empty when left out.

        Raises:
            Refusal: It is no list of objects.
        """
        value = self._value(name)
        if value is None:
            return []
        if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
            raise invalid(name, value)
        return [self._inside(each) for each in value]

    def object(self, name: str) -> Call | None:
        """A JSON object; None when left out.

        Raises:
            Refusal: It is none.
        """
        value = self._value(name)
        if value is None:
            return None
        if not isinstance(value, dict):
            raise invalid(name, value)
        return self._inside(value)

    def words(self, name: str, limit: int | None = None) -> dict[str, str]:
        """A list of `{"key", "value"}` as a mapping.

        Raises:
            Refusal: It is none, or longer than `limit`.
        """
        pairs = self.objects(name)
        if limit is not None and len(pairs) > limit:
            raise invalid(name, f"{len(pairs)} entries; at most {limit} are allowed")
        return {pair.text("key"): pair.text("value", default="") for pair in pairs}

    @property
    def _is_body(self) -> bool:
        return "content-type" in self.headers

    def _value(self, name: str) -> Any:
        return self.given.get(name)

    def _inside(self, given: Mapping[str, Any]) -> Call:
        return Call(self.workspace, self.actor, self.path, given, self.headers, self.client)


def missing(name: str) -> Refusal:
    """The refusal of a request that leaves out what it must have."""
    return Refusal(
        "INVALID_PARAMETER_VALUE",
        f"Missing value for required parameter '{name}'. "
        "See the API docs for more information about request parameters.",
    )


def invalid(name: str, value: object, because: str = "") -> Refusal:
    """The refusal of a value, in the words that clients look for."""
    shown = repr(value) if isinstance(value, str) else str(value)
    if len(shown) > _SHOWN:
        shown = f"{shown[:_SHOWN]}…"
    return Refusal(
        "INVALID_PARAMETER_VALUE",
        f"Invalid value {shown} for parameter '{name}' supplied{': ' if because else '.'}{because}",
    )


def _whole(value: object) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and value.removeprefix("-").isdecimal() and len(value) < 20:
        return int(value)
    return None
