"""The error tree, cut by who must act. Every other folder raises these and only these.

    TrueupError              code, message, hint          exit   HTTP
      UsageError             you called it wrong             2    400   (also ValueError)
      NotFoundError          there is no such thing          3    404   (also LookupError)
      ConflictError          its state forbids it            4    409
      DeniedError            you may not                     5    403
      GateFailedError        an expected "no"                6    422
      UserCodeError          your step or model raised       7    422
      BackendError           a disk, server or library       8    503
        MissingExtraError    an optional package is absent   8    503   (also ImportError)
      InternalError          our bug                        70    500

A message names the thing, the cause and the value; a hint is a command or a line to paste; every
code has a page, shown by `trueup explain <code>`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar


class TrueupError(Exception):
    """Base of every error that Trueup raises on purpose.

    Args:
        code: Stable kebab-case name; `trueup explain <code>` prints its page.
        message: The thing, the cause and the value, in one or two sentences.
        hint: A command or a line to paste that mends it.
        context: Further facts for `--json` and HTTP, JSON types only.

    Example:
        >>> error = NotFoundError("model-not-found", "There is no model 'fraud'.", hint="trueup model list")
        >>> error.exit_code, error.http_status
        (3, 404)
    """  # noqa: E501

    exit_code: ClassVar[int] = 70
    http_status: ClassVar[int] = 500

    def __init__(
        self, code: str, message: str, *, hint: str = "", context: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.context = dict(context or {})

    def as_problem(self) -> dict[str, Any]:
        """The same JSON on the command line (`--json`) and over HTTP (RFC 9457 shape)."""
        problem: dict[str, Any] = {
            "type": f"trueup:error/{self.code}",
            "title": type(self).__name__,
            "status": self.http_status,
            "code": self.code,
            "detail": self.message,
        }
        if self.hint:
            problem["hint"] = self.hint
        if self.context:
            problem["context"] = self.context
        return problem


class UsageError(TrueupError, ValueError):
    """The call, the file or the option is wrong; nothing was done."""

    exit_code = 2
    http_status = 400


class NotFoundError(TrueupError, LookupError):
    """The thing named does not exist."""

    exit_code = 3
    http_status = 404


class ConflictError(TrueupError):
    """The thing exists, but its present state forbids the action."""

    exit_code = 4
    http_status = 409


class DeniedError(TrueupError):
    """This actor has no permission for the action."""

    exit_code = 5
    http_status = 403


class GateFailedError(TrueupError):
    """An expected no: the evidence does not allow the transition."""

    exit_code = 6
    http_status = 422


class UserCodeError(TrueupError):
    """Code of the user's project raised; only the user's own frames are shown."""

    exit_code = 7
    http_status = 422


class BackendError(TrueupError):
    """A disk, a server or a library that Trueup relies on failed."""

    exit_code = 8
    http_status = 503


class MissingExtraError(BackendError, ImportError):
    """An optional package is needed; the hint is its install line."""

    def __init__(self, package: str, extra: str) -> None:
        BackendError.__init__(
            self,
            "missing-extra",
            f"This needs the package '{package}', which is not installed.",
            hint=f"pip install 'trueup[{extra}]'",
            context={"package": package, "extra": extra},
        )


class InternalError(TrueupError):
    """A bug in Trueup itself."""


def of_problem(problem: Mapping[str, Any]) -> TrueupError:
    """The error that `as_problem` described, for example in another process."""
    kinds: dict[str, type[TrueupError]] = {
        kind.__name__: kind
        for kind in (
            *(UsageError, NotFoundError, ConflictError, DeniedError, GateFailedError),
            *(UserCodeError, BackendError),
        )
    }
    kind = kinds.get(problem["title"], InternalError)
    if problem["title"] == MissingExtraError.__name__:
        kind = BackendError
    code, message = problem["code"], problem["detail"]
    return kind(code, message, hint=problem.get("hint", ""), context=problem.get("context"))
