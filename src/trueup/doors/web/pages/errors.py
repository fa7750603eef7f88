"""Error codes: the list, and the page of one, as `trueup explain` prints it."""

from __future__ import annotations

from typing import Any

from litestar import Response

from trueup.doors.api.access import Asked
from trueup.doors.api.routes import Name
from trueup.doors.web import shell
from trueup.foundation.errors import NotFoundError
from trueup.foundation.records import Record
from trueup.foundation.text import did_you_mean
from trueup.rendering import markdown


class ErrorsPage(Record):
    """All error codes."""

    codes: tuple[str, ...]


class ErrorPage(Record):
    """One error code and its page, as Markdown and as HTML."""

    code: str
    markdown: str
    html: str


@shell.page("/errors")
def errors(request: Asked) -> Response[Any]:
    """All error codes."""
    page = ErrorsPage(codes=tuple(markdown.explained_codes()))
    return shell.answer(request, "errors.html", "Error codes", page, command="trueup explain")


@shell.page("/errors/{code:str}")
def error(request: Asked, code: Name) -> Response[Any]:
    """One error code."""
    text = markdown.explanation(code)
    if text is None:
        known = markdown.explained_codes()
        raise NotFoundError(
            "explanation-not-found",
            f"There is no error code '{code[:100]}'.{did_you_mean(code, known)}",
            hint="trueup explain",
        )
    page = ErrorPage(code=code, markdown=text, html=markdown.to_html(text))
    return shell.answer(request, "error.html", code, page, command=f"trueup explain {code}")
