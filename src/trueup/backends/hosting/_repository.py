"""What the hosting services share: asking about one repository, and refusals as errors of ours."""

from __future__ import annotations

from typing import Any, ClassVar

from trueup.foundation.errors import BackendError, DeniedError, NotFoundError
from trueup.ports.http import Http, Response

PAGE = 100


class Repository:
    """One repository at a service; the services differ in addresses and in their words.

    Attributes:
        service: What people call it.
        written_as: How its repositories are written in the settings.
        rights: What its token has to allow.
        health: Where it says whether it works.
    """

    service: ClassVar[str]
    written_as: ClassVar[str]
    rights: ClassVar[str]
    health: ClassVar[str]

    def __init__(self, url: str, http: Http, headers: dict[str, str]) -> None:
        self._url = url
        self._http = http
        self._headers = headers

    def ask(
        self, method: str, path: str, body: Any = None, query: dict[str, str] | None = None
    ) -> Response:
        """Ask about the repository.

        Args:
            method: HTTP method.
            path: Address below that of the repository.
            body: JSON data.
            query: Parameters of the address.

        Raises:
            NotFoundError: The token sees nothing there.
            DeniedError: The token may not do it.
            BackendError: The service fails.
        """
        answer = self._http.request(
            method, self._url + path, headers=self._headers, query=query, json=body
        )
        if answer.status == 404:
            raise NotFoundError(
                "hosting-not-found",
                f"{self.service} shows this token nothing at {answer.url}.",
                hint=f'check repository = "{self.written_as}" and the token\'s rights '
                "in trueup.toml",
            )
        if answer.status in (401, 403):
            raise DeniedError(
                "hosting-denied",
                f"{self.service} refuses this token at {answer.url} ({answer.status}).",
                hint=f"give the token {self.rights}",
            )
        if answer.status >= 300:
            raise BackendError(
                "hosting-failed",
                f"{self.service} answered {answer.status} at {answer.url}.",
                hint=self.health,
            )
        return answer

    def marked(self, path: str, mark: str) -> dict[str, Any] | None:
        """The comment of a review that begins with a mark, if there is one.

        Args:
            path: Where the review's comments are listed.
            mark: What it begins with.
        """
        page = 1
        while True:
            listed = self.ask("GET", path, query={"per_page": str(PAGE), "page": str(page)}).json()
            for comment in listed:
                if (comment.get("body") or "").startswith(mark):
                    return dict(comment)
            if len(listed) < PAGE:
                return None
            page += 1
