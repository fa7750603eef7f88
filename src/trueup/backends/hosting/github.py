"""GitHub, and GitHub Enterprise with its address ending in `/api/v3`."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from trueup.foundation.errors import BackendError, DeniedError, NotFoundError
from trueup.ports.hosting import Status
from trueup.ports.http import Http, Response

_PAGE = 100


class Backend:
    """One repository on GitHub."""

    def __init__(self, url: str, http: Http, token: str, repository: str) -> None:
        self._url = url.rstrip("/")
        self._http = http
        self._repository = repository
        self._headers = {
            "Authorization": f"Bearer {token}",
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": "2022-11-28",
        }

    def set_status(self, commit: str, status: Status) -> None:
        """Say something about a commit."""
        known = self._ask("GET", f"/commits/{quote(commit, safe='')}/status").json()
        description = status.description[:140]
        said = {
            "state": status.state,
            "context": status.context,
            "description": description,
            "target_url": status.url or None,
        }
        if any(all(old.get(k) == v for k, v in said.items()) for old in known.get("statuses", ())):
            return
        body = {key: value for key, value in said.items() if value}
        self._ask("POST", f"/statuses/{quote(commit, safe='')}", body)

    def review_of(self, branch: str) -> int:
        """The number of the open pull request of a branch."""
        owner = self._repository.partition("/")[0]
        query = {"head": f"{owner}:{branch}", "state": "open"}
        found = self._ask("GET", "/pulls", query=query).json()
        return int(found[0]["number"]) if found else 0

    def target_of(self, review: int) -> str:
        """The branch that a pull request wants to change."""
        return str(self._ask("GET", f"/pulls/{review}").json()["base"]["ref"])

    def comment(self, review: int, mark: str, text: str) -> str:
        """Write a comment, or change the one that has this mark."""
        hidden = f"<!-- {mark} -->"
        body = {"body": f"{hidden}\n{text}"}
        page = 1
        while True:
            query = {"per_page": str(_PAGE), "page": str(page)}
            listed = self._ask("GET", f"/issues/{review}/comments", query=query).json()
            for old in listed:
                if (old.get("body") or "").startswith(hidden):
                    changed = self._ask("PATCH", f"/issues/comments/{old['id']}", body).json()
                    return str(changed.get("html_url", ""))
            if len(listed) < _PAGE:
                break
            page += 1
        made = self._ask("POST", f"/issues/{review}/comments", body).json()
        return str(made.get("html_url", ""))

    def _ask(
        self, method: str, path: str, body: Any = None, query: dict[str, str] | None = None
    ) -> Response:
        url = f"{self._url}/repos/{quote(self._repository)}{path}"
        answer = self._http.request(method, url, headers=self._headers, query=query, json=body)
        if answer.status == 404:
            raise NotFoundError(
                "hosting-not-found",
                f"GitHub shows this token nothing at {answer.url}.",
                hint='check repository = "owner/name" and the token\'s rights in trueup.toml',
            )
        if answer.status in (401, 403):
            raise DeniedError(
                "hosting-denied",
                f"GitHub refuses this token at {answer.url} ({answer.status}).",
                hint="give the token the rights: commit statuses and pull requests, read and write",
            )
        if answer.status >= 300:
            raise BackendError(
                "hosting-failed",
                f"GitHub answered {answer.status} at {answer.url}.",
                hint="https://www.githubstatus.com",
            )
        return answer
