"""How a route of the API is declared: a permission, a thread, and a body with a reason."""

from __future__ import annotations

from typing import Annotated

from litestar import get, post
from litestar.params import Parameter, QueryParameter

from trueup.doors.api.access import needs
from trueup.foundation.permissions import Permission
from trueup.foundation.records import Record

Word = Annotated[str, Parameter(max_length=300)]
# Litestar keeps the plain name for itself.
InState = Annotated[str, QueryParameter(name="state", max_length=40)]
Limit = Annotated[int, Parameter(ge=1, le=1000)]


class Reason(Record):
    """The body of a verb: why it is done."""

    reason: str = ""


def reading(path: str, permission: Permission = "read") -> get:
    """A route that reads."""
    return get(path, opt=needs(permission), sync_to_thread=True)


def verb(path: str, permission: Permission) -> post:
    """A route that does something; it answers with what became of it."""
    return post(path, opt=needs(permission), sync_to_thread=True, status_code=200)
