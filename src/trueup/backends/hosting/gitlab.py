"""GitLab, its own service or one of yours; the address ends in `/api/v4`."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote

from trueup.foundation.errors import BackendError, DeniedError, NotFoundError
from trueup.ports.hosting import Status, StatusState
from trueup.ports.http import Http, Response

_STATES: Final[dict[StatusState, str]] = {
    "pending": "pending",
    "success": "success",
    "failure": "failed",
    "error": "failed",
}
_PAGE = 100


class Backend:
    """One repository on GitLab."""

    def __init__(self, url: str, http: Http, token: str, repository: str) -> None:
        self._url = url.rstrip("/")
        self._http = http
        self._repository = repository
        self._headers = {"PRIVATE-TOKEN": token}

    def set_status(self, commit: str, status: Status) -> None:
        """Say something about a commit."""
        path = f"/repository/commits/{quote(commit, safe='')}/statuses"
        said = {
            "name": status.context,
            "description": status.description[:140],
            "target_url": status.url or None,
        }
        state = _STATES[status.state]
        for old in self._ask("GET", path).json():
            if old.get("status") == state and all(old.get(k) == v for k, v in said.items()):
                return
        body = {"state": state} | {key: value for key, value in said.items() if value}
        self._ask("POST", f"/statuses/{quote(commit, safe='')}", body)

    def review_of(self, branch: str) -> int:
        """The number of the open merge request of a branch."""
        query = {"source_branch": branch, "state": "opened"}
        found = self._ask("GET", "/merge_requests", query=query).json()
        return int(found[0]["iid"]) if found else 0

    def target_of(self, review: int) -> str:
        """The branch that a merge request wants to change."""
        return str(self._ask("GET", f"/merge_requests/{review}").json()["target_branch"])

    def comment(self, review: int, mark: str, text: str) -> str:
        """Write a note, or change the one that has this mark."""
        hidden = f"<!-- {mark} -->"
        body = {"body": f"{hidden}\n{text}"}
        notes = f"/merge_requests/{review}/notes"
        page = 1
        while True:
            query = {"per_page": str(_PAGE), "page": str(page)}
            listed = self._ask("GET", notes, query=query).json()
            for old in listed:
                if (old.get("body") or "").startswith(hidden):
                    self._ask("PUT", f"{notes}/{old['id']}", body)
                    return f"!{review}#note_{old['id']}"
            if len(listed) < _PAGE:
                break
            page += 1
        made = self._ask("POST", notes, body).json()
        return f"!{review}#note_{made['id']}"

    def _ask(
        self, method: str, path: str, body: Any = None, query: dict[str, str] | None = None
    ) -> Response:
        url = f"{self._url}/projects/{quote(self._repository, safe='')}{path}"
        answer = self._http.request(method, url, headers=self._headers, query=query, json=body)
        if answer.status == 404:
            raise NotFoundError(
                "hosting-not-found",
                f"GitLab shows this token nothing at {answer.url}.",
                hint='check repository = "group/name" and the token\'s rights in trueup.toml',
            )
        if answer.status in (401, 403):
            raise DeniedError(
                "hosting-denied",
                f"GitLab refuses this token at {answer.url} ({answer.status}).",
                hint="give the token the scope: api",
            )
        if answer.status >= 300:
            raise BackendError(
                "hosting-failed",
                f"GitLab answered {answer.status} at {answer.url}.",
                hint="https://status.gitlab.com",
            )
        return answer
