"""GitLab, its own service or one of yours; the address ends in `/api/v4`."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from trueup.backends.hosting._repository import Repository
from trueup.ports.hosting import Status, StatusState
from trueup.ports.http import Http

_STATES: Final[dict[StatusState, str]] = {
    "pending": "pending",
    "success": "success",
    "failure": "failed",
    "error": "failed",
}


class Backend(Repository):
    """One repository on GitLab."""

    service = "GitLab"
    written_as = "group/name"
    rights = "the scope: api"
    health = "https://status.gitlab.com"

    def __init__(self, url: str, http: Http, token: str, repository: str) -> None:
        address = f"{url.rstrip('/')}/projects/{quote(repository, safe='')}"
        super().__init__(address, http, {"PRIVATE-TOKEN": token})

    def set_status(self, commit: str, status: Status) -> None:
        """Say something about a commit."""
        path = f"/repository/commits/{quote(commit, safe='')}/statuses"
        said = {
            "name": status.context,
            "description": status.description[:140],
            "target_url": status.url or None,
        }
        state = _STATES[status.state]
        for old in self.ask("GET", path).json():
            if old.get("status") == state and all(old.get(k) == v for k, v in said.items()):
                return
        body = {"state": state} | {key: value for key, value in said.items() if value}
        self.ask("POST", f"/statuses/{quote(commit, safe='')}", body)

    def review_of(self, branch: str) -> int:
        """The number of the open merge request of a branch."""
        query = {"source_branch": branch, "state": "opened"}
        found = self.ask("GET", "/merge_requests", query=query).json()
        return int(found[0]["iid"]) if found else 0

    def target_of(self, review: int) -> str:
        """The branch that a merge request wants to change."""
        return str(self.ask("GET", f"/merge_requests/{review}").json()["target_branch"])

    def comment(self, review: int, mark: str, text: str) -> str:
        """Write a note, or change the one that has this mark."""
        hidden = f"<!-- {mark} -->"
        body = {"body": f"{hidden}\n{text}"}
        notes = f"/merge_requests/{review}/notes"
        if old := self.marked(notes, hidden):
            self.ask("PUT", f"{notes}/{old['id']}", body)
            return f"!{review}#note_{old['id']}"
        made = self.ask("POST", notes, body).json()
        return f"!{review}#note_{made['id']}"
