"""A call of `sh`, `notebook` or a build elsewhere, checked where it stands in a pipeline."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from trueup.foundation import text
from trueup.foundation.errors import UsageError
from trueup.foundation.text import did_you_mean, listing
from trueup.lifecycle.pipeline import options, secrets
from trueup.lifecycle.pipeline.drawing.graph import Output
from trueup.lifecycle.pipeline.records import Place

# {name} is filled in, {{name}} is written {name}; other braces stay as they are.
PLACEHOLDER = re.compile(r"\{\{(?P<literal>\w+)\}\}|\{(?P<name>[A-Za-z_]\w*)\}")
# Lower case: each is an environment variable too, and must not stand for PATH or HOME.
_NAME = re.compile(r"[a-z][A-Za-z0-9_]{0,63}")


class Call:
    """The checks that these calls share.

    Args:
        word: What is called, for messages.
        at: Where.
    """

    def __init__(self, word: str, at: Place) -> None:
        self._word = word
        self._at = at

    def split(self, command: str) -> list[str]:
        """The words of a command line."""
        try:
            words = shlex.split(command)
        except (ValueError, AttributeError) as error:
            self.refuse(f"the command {command!r} cannot be split into words: {error}")
        if not words or "\0" in command:
            self.refuse("the command is empty" if not words else "the command holds a zero byte")
        return words

    def inputs(self, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """The inputs: results as they are, files of the project as relative paths."""
        found: dict[str, Any] = {}
        for name, value in inputs.items():
            self._check_name(name)
            if isinstance(value, Output):
                found[name] = value
            elif isinstance(value, str | Path):
                found[name] = self.path(name, str(value))
            else:
                self.refuse(
                    f"the input '{name}' is {value!r:.60}, neither a result of a step nor a file "
                    "of the project",
                    "give plain values as parameters={…}",
                )
        return found

    def outputs(self, outputs: Mapping[str, str]) -> dict[str, str]:
        """The outputs: relative paths; one of a folder ends with a slash."""
        found: dict[str, str] = {}
        for name, path in outputs.items():
            self._check_name(name)
            if not isinstance(path, str):
                self.refuse(f"the output '{name}' is {path!r:.60} and no file name")
            found[name] = self.path(name, path) + ("/" if path.endswith("/") else "")
        places = [path.rstrip("/") for path in found.values()]
        if len(set(places)) < len(places):
            self.refuse("two outputs have one path")
        return found

    def parameters(
        self, parameters: Mapping[str, Any], pattern: re.Pattern[str] = _NAME
    ) -> dict[str, Any]:
        """The parameters: plain values; no results, and no secrets."""
        for name, value in parameters.items():
            self._check_name(name, pattern)
            if isinstance(value, Output):
                self.refuse(f"the parameter '{name}' is {value!r}", "give it as an input")
            for one in secrets.placeholders(value):
                self.refuse(
                    f"the parameter '{name}' holds {one!r}, which others would see",
                    f'secrets=["{one.name}"] gives it as the variable {one.name}',
                )
        return dict(parameters)

    def distinct(self, *groups: Mapping[str, Any]) -> None:
        """Refuse a name that is given twice."""
        seen: set[str] = set()
        for group in groups:
            if twice := seen & set(group):
                self.refuse(f"'{min(twice)}' names two things")
            seen |= set(group)

    def placeholders(
        self, words: Sequence[str], command: str, known: set[str], *, for_shell: bool
    ) -> None:
        """Refuse a placeholder that names nothing, or that a shell would read."""
        for match in (m for word in words for m in PLACEHOLDER.finditer(word)):
            named = match["name"]
            if for_shell and named in known:
                self.refuse(
                    f"nothing is filled into a command for the shell, and it holds '{{{named}}}'",
                    f'write "${named}" instead',
                )
            if not for_shell and named and named not in known:
                there = listing(sorted(known)) or "none"
                self.refuse(
                    f"'{{{named}}}' in the command names no input, output or parameter "
                    f"(there are: {there}).{did_you_mean(named, known)}",
                    f"for the text itself write {{{{{named}}}}}",
                )

    def refuse(self, problem: str, hint: str = "") -> NoReturn:
        """Raise the error of a wrong call."""
        raise UsageError(
            "command-malformed",
            text.sentence(f"{self._at}: {self._word}(…): {problem}"),
            hint=hint or "trueup explain command-malformed",
            context={"file": self._at.file, "line": self._at.line},
        )

    def _check_name(self, name: str, pattern: re.Pattern[str] = _NAME) -> None:
        if not isinstance(name, str) or not pattern.fullmatch(name):
            self.refuse(f"{name!r} is no name: letters, digits and '_', a small letter first")

    def path(self, name: str, path: str) -> str:
        """A path below the project, as it is written."""
        try:
            return options.relative_path(path)
        except ValueError as error:
            self.refuse(f"'{name}': {error}")


def outside(at: Place, word: str) -> NoReturn:
    """Refuse a call that only a pipeline function can make.

    Raises:
        UsageError: Always.
    """
    raise UsageError(
        "outside-pipeline",
        f"{at}: {word}(…) has a meaning only inside a @pipeline function.",
        hint="outside a pipeline run the program itself, for example with subprocess.run",
    )
