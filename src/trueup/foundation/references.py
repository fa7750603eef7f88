"""References: the one grammar that every output prints and every command accepts.

flights@12  flights@champion          a model version, by number or alias
flights@commit:1a2b3c4                the version that the newest run of a commit made
run:7k3f9qd2                          any other kind, by identifier
data:flights@3  data:flights@b3:ab12  a dataset version, by number or digest
release:late-arrivals@2               a release, by deployment and number
prediction:0192f0c4…-17               row 17 of one prediction request
b3:ab12cd34…                          any bytes, by their digest or its beginning
commit:1a2b3c4                        a Git commit that runs were made from
"""

from __future__ import annotations

import re

from trueup.foundation.errors import UsageError
from trueup.foundation.records import Record
from trueup.foundation.text import did_you_mean

KINDS = (
    "alert",
    "approval",
    "b3",
    "commit",
    "data",
    "deployment",
    "event",
    "feature",
    "goal",
    "model",
    "plan",
    "prediction",
    "release",
    "run",
    "verdict",
)
_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]*"
_GRAMMAR = re.compile(
    rf"(?:(?P<kind>[a-z]+3?):)?(?P<name>{_NAME})(?:@(?P<selector>[A-Za-z0-9._:-]+))?"
)
_MOST_DIGITS = 9  # what every database holds in an integer


class Reference(Record):
    """The address of one thing.

    Attributes:
        kind: One of `KINDS`.
        name: Its name or identifier.
        selector: Version number, alias or digest after the `@`; empty for "the current one".
    """

    kind: str
    name: str
    selector: str = ""

    def __str__(self) -> str:
        prefix = "" if self.kind == "model" and self.selector else f"{self.kind}:"
        return prefix + self.name + (f"@{self.selector}" if self.selector else "")


def parse(text: str) -> Reference:
    """Read a reference.

    Raises:
        UsageError: The text does not follow the grammar or names an unknown kind.

    Example:
        >>> parse("flights@12").kind, parse("run:7k3f9qd2").name
        ('model', '7k3f9qd2')
    """
    match = _GRAMMAR.fullmatch(text.strip())
    if match is None:
        raise UsageError(
            "reference-malformed",
            f"'{text}' is no reference: write NAME@VERSION for a model or KIND:NAME for the rest.",
            hint="trueup explain reference-malformed",
        )
    kind = match["kind"] or "model"
    if kind not in KINDS:
        raise UsageError(
            "reference-malformed",
            f"'{text}' names the unknown kind '{kind}'.{did_you_mean(kind, KINDS)}",
            hint="trueup explain reference-malformed",
        )
    selector = match["selector"] or ""
    number = match["name"] if kind == "plan" else selector
    if number.isdecimal() and len(number) > _MOST_DIGITS:
        raise UsageError(
            "reference-malformed",
            f"'{text}' has the number {number}, and no number here is longer than "
            f"{_MOST_DIGITS} digits.",
            hint="trueup explain reference-malformed",
        )
    return Reference(kind=kind, name=match["name"], selector=selector)


def check_name(name: str, what: str) -> str:
    """Return `name` if it may name a thing.

    Raises:
        UsageError: It holds characters that a reference cannot carry.
    """
    if not re.fullmatch(_NAME, name) or len(name) > 100:
        instead = re.sub(r"[^A-Za-z0-9._-]+", "-", name)[:100].strip("-._") or what
        raise UsageError(
            "name-malformed",
            f"The {what} name '{name}' may hold letters, digits, '.', '_' and '-', at most 100.",
            hint=f"rename it, for example to '{instead}'",
        )
    return name
