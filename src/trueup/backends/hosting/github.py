"""GitHub, and GitHub Enterprise with its address ending in `/api/v3`."""

from __future__ import annotations

from urllib.parse import quote

from trueup.backends.hosting._repository import Repository
from trueup.ports.hosting import Status
from trueup.ports.http import Http


class Backend(Repository):
    """One repository on GitHub."""

    service = "GitHub"
    written_as = "owner/name"
    rights = "the rights: commit statuses and pull requests, read and write"
    health = "https://www.githubstatus.com"

    def __init__(self, url: str, http: Http, token: str, repository: str) -> None:
        self._owner = repository.partition("/")[0]
        address = f"{url.rstrip('/')}/repos/{quote(repository)}"
        headers = {
            "Authorization": f"Bearer {token}",
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": "2022-11-28",
        }
        super().__init__(address, http, headers)

    def set_status(self, commit: str, status: Status) -> None:
        """Say something about a commit."""
        known = self.ask("GET", f"/commits/{quote(commit, safe='')}/status").json()
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
        self.ask("POST", f"/statuses/{quote(commit, safe='')}", body)

    def review_of(self, branch: str) -> int:
        """The number of the open pull request of a branch."""
        query = {"head": f"{self._owner}:{branch}", "state": "open"}
        found = self.ask("GET", "/pulls", query=query).json()
        return int(found[0]["number"]) if found else 0

    def target_of(self, review: int) -> str:
        """The branch that a pull request wants to change."""
        return str(self.ask("GET", f"/pulls/{review}").json()["base"]["ref"])

    def comment(self, review: int, mark: str, text: str) -> str:
        """Write a comment, or change the one that has this mark."""
        hidden = f"<!-- {mark} -->"
        body = {"body": f"{hidden}\n{text}"}
        comments = f"/issues/{review}/comments"
        if old := self.marked(comments, hidden):
            written = self.ask("PATCH", f"/issues/comments/{old['id']}", body).json()
        else:
            written = self.ask("POST", comments, body).json()
        return str(written.get("html_url", ""))
