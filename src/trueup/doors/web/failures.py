"""What an error looks like from outside: a page for people, problem JSON for programs.

An error of ours says what to do. Anything else becomes `internal` and says nothing about the
inside; the trace goes to the log.
"""

from __future__ import annotations

import logging
from typing import Any

import msgspec
from litestar import Response
from litestar.exceptions import HTTPException

from trueup.doors.api.access import Asked
from trueup.doors.web import shell
from trueup.foundation.errors import InternalError, NotFoundError, TrueupError, UsageError
from trueup.foundation.records import Record
from trueup.people.tokens.entrance import CHALLENGES
from trueup.people.tokens.entrance import STATUS as SIGN_IN

PROBLEM = "application/problem+json"
_log = logging.getLogger("trueup.web")


class Failure(Record):
    """What the error page says."""

    code: str
    message: str
    hint: str
    status: int


def handle(request: Asked, error: Exception) -> Response[Any]:
    """The answer to a request that failed, whatever failed."""
    known = translated(request, error)
    if isinstance(known, InternalError):
        _log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    if shell.wants_json(request):
        body = msgspec.json.encode(known.as_problem(), enc_hook=str)
        answer = Response(body, media_type=PROBLEM, status_code=_status(known, error))
        return _challenged(answer)
    failure = Failure(
        code=known.code, message=known.message, hint=known.hint, status=_status(known, error)
    )
    html = shell.render(
        "failure.html",
        title=f"Error {failure.status}",
        page=failure,
        command=f"trueup explain {known.code}",
        twin="",
        frame=_frame(request),
    )
    return _challenged(Response(html, media_type=shell.HTML, status_code=failure.status))


def translated(request: Asked, error: Exception) -> TrueupError:
    """The error as one of ours."""
    if isinstance(error, TrueupError):
        return error
    path = request.url.path
    if isinstance(error, HTTPException):
        if error.status_code == 404:
            return NotFoundError(
                "page-not-found", f"There is no page {path[:200]}.", hint="trueup status"
            )
        if error.status_code == 405:
            return UsageError(
                "method-not-allowed",
                f"{path[:200]} does not take {request.method}.",
                hint="curl http://localhost:8080/api/v1/openapi",
            )
        if error.status_code < 500:
            return UsageError(
                "request-malformed",
                f"The request to {path[:200]} is malformed: {_reason(error)}.",
                hint="trueup explain request-malformed",
            )
    return InternalError("internal", "Something went wrong inside Trueup.", hint="trueup doctor")


def _status(known: TrueupError, error: Exception) -> int:
    if isinstance(error, HTTPException):
        return error.status_code
    return SIGN_IN.get(known.code, known.http_status)


def _challenged(answer: Response[Any]) -> Response[Any]:
    """The answer, which asks who it is when it is 401: browsers then ask for name and token."""
    if answer.status_code == 401:
        answer.set_header("www-authenticate", CHALLENGES[0].decode())
    return answer


def _reason(error: HTTPException) -> str:
    said = [str(error.detail).rstrip(".")]
    extra = error.extra if isinstance(error.extra, list) else []
    said += [f"{e.get('key', '')}: {e.get('message', '')}" for e in extra if isinstance(e, dict)]
    return "; ".join(said)[:500]


def _frame(request: Asked) -> shell.Frame:
    """The usual frame if its facts can be read; the error may be that they cannot."""
    path = request.url.path
    try:
        return shell.frame(request.app.state.workspace, request.state.actor, path)
    except (TrueupError, AttributeError, KeyError):
        return shell.bare_frame(path)
