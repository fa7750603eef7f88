"""The outbound port: one request to a service of somebody else's, one answer.

Back ends that speak to such services are given an `Http`; they never open a connection themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from trueup.foundation.errors import BackendError
from trueup.foundation.records import Record


class Response(Record):
    """What a service answered.

    Attributes:
        status: HTTP status.
        headers: By lower-case name.
        body: The bytes.
        url: The address that was asked, without what a person may not see.
    """

    status: int
    headers: dict[str, str]
    body: bytes
    url: str

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode("utf-8", "replace")

    def json(self) -> Any:
        """The body as JSON data.

        Raises:
            BackendError: It is none.
        """
        try:
            return msgspec.json.decode(self.body)
        except msgspec.DecodeError as error:
            raise BackendError(
                "service-answer-malformed",
                f"{self.url} answered {self.status} with something that is no JSON.",
                hint="check the address of the service in trueup.toml",
            ) from error


class Http(Protocol):
    """A client for services of others: bounded in time and size, and it tells no secret."""

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
        json: Any = None,
        login: tuple[str, str] | None = None,
    ) -> Response:
        """Ask once; an answer of any status is returned, redirects are not followed.

        Args:
            method: HTTP method.
            url: Absolute address.
            headers: Further headers.
            query: Parameters of the address.
            form: Fields of a form, as the body.
            json: JSON data, as the body.
            login: User and password or token, sent as Basic authentication at once.

        Raises:
            BackendError: The service cannot be reached, or answers too slowly or too much.
            UsageError: The address may not be asked.
        """
        ...
