"""How a route of the API is declared: a permission, a thread, and a body with a reason."""

from __future__ import annotations

from typing import Annotated

from litestar import get, post
from litestar.params import PathParameter, QueryParameter

from trueup.doors.api.access import needs
from trueup.foundation.permissions import Permission
from trueup.foundation.records import Record

Name = Annotated[str, PathParameter(max_length=300)]
Word = Annotated[str, QueryParameter(max_length=300)]
# Litestar keeps the plain name for itself.
InState = Annotated[str, QueryParameter(name="state", max_length=40)]
From = Annotated[str, QueryParameter(name="from", max_length=300)]
OfType = Annotated[str, QueryParameter(name="type", max_length=80)]
Limit = Annotated[int, QueryParameter(ge=1, le=1000)]
Before = Annotated[int, QueryParameter(ge=0)]


class Reason(Record):
    """The body of a verb: why it is done."""

    reason: str = ""


def reading(path: str, permission: Permission = "read") -> get:
    """A route that reads."""
    return get(path, opt=needs(permission), sync_to_thread=True)


def verb(path: str, permission: Permission) -> post:
    """A route that does something; it answers with what became of it."""
    return post(path, opt=needs(permission), sync_to_thread=True, status_code=200)
