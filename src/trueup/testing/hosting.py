"""GitHub and GitLab for tests: one real HTTP server that keeps their rules for what we use.

`PyGithub` and `python-gitlab` take it for the services; that is its proof.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

from trueup.testing.local_server import Handler, LocalServer


class FakeHosting(LocalServer):
    """One repository with commits, one open review, and what was said about them.

    Args:
        repository: `owner/name`.
        token: The token that may do everything.
        commits: The commits it knows.
        branch: The branch with an open review, number 7, which wants to change `main`.
    """

    def __init__(
        self,
        repository: str = "ann/flights",
        token: str = "hosting-token",  # noqa: S107
        commits: tuple[str, ...] = ("a" * 40,),
        branch: str = "better",
    ) -> None:
        self.repository, self.token, self.branch = repository, token, branch
        self.statuses: dict[str, list[dict[str, Any]]] = {commit: [] for commit in commits}
        self.comments: dict[int, dict[str, Any]] = {}
        self.requests: list[str] = []
        super().__init__(type("Handler", (_Handler,), {"hosting": self}))


class _Handler(Handler):
    hosting: FakeHosting

    def handle_request(self, method: str) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = urlsplit(self.path)
        body = msgspec.json.decode(raw) if raw else {}
        query = dict(parse_qsl(parts.query))
        self.hosting.requests.append(f"{method} {parts.path}")
        pieces = [unquote(piece) for piece in parts.path.split("/") if piece]
        given = self.headers.get("Authorization", "").partition(" ")[2]
        token = given or self.headers.get("PRIVATE-TOKEN", "")
        if token != self.hosting.token:
            self._send(401, {"message": "Bad credentials"})
            return
        owner, name = self.hosting.repository.split("/")
        match pieces:
            case ["repos", o, n, *rest] if (o, n) == (owner, name):
                self._github(method, rest, query, body)
            case ["api", "v4", "projects", which, *rest] if which in ("1", self.hosting.repository):
                self._gitlab(method, rest, query, body)
            case ["api", "v4", "user"]:
                self._send(200, {"id": 1, "username": owner})
            case _:
                self._send(404, {"message": "Not Found"})

    def _github(
        self, method: str, rest: list[str], query: dict[str, str], body: dict[str, Any]
    ) -> None:
        host = self.hosting
        base = f"{host.url}/repos/{host.repository}"
        pull = {
            "number": 7,
            "state": "open",
            "url": f"{base}/pulls/7",
            "issue_url": f"{base}/issues/7",
            "head": {"ref": host.branch},
            "base": {"ref": "main"},
        }
        match method, rest:
            case "GET", []:
                owner, name = host.repository.split("/")
                data = {"id": 1, "name": name, "full_name": host.repository, "url": base}
                self._send(200, data | {"owner": {"login": owner}})
            case "GET", ["commits", commit] if commit in host.statuses:
                self._send(200, {"sha": commit, "url": f"{base}/commits/{commit}"})
            case "GET", ["commits", commit, "status"] if commit in host.statuses:
                newest = {said["context"]: said for said in host.statuses[commit]}
                self._send(200, {"sha": commit, "statuses": list(newest.values())})
            case "GET", ["commits", commit, "statuses"] if commit in host.statuses:
                self._send(200, host.statuses[commit][::-1])
            case "POST", ["statuses", commit]:
                self._say(commit, body, ("pending", "success", "failure", "error"))
            case "GET", ["pulls"]:
                wanted = query.get("head", "").rpartition(":")[2]
                self._send(200, [pull] if wanted in ("", host.branch) else [])
            case "GET", ["pulls" | "issues", "7"]:
                self._send(200, pull)
            case "GET", ["issues", "7", "comments"]:
                self._send(200, self._page(query))
            case "POST", ["issues", "7", "comments"]:
                self._send(201, self._comment(body, f"{base}/issues/comments"))
            case "PATCH", ["issues", "comments", number] if int(number) in host.comments:
                host.comments[int(number)]["body"] = body["body"]
                self._send(200, host.comments[int(number)])
            case _:
                self._send(404, {"message": "Not Found"})

    def _gitlab(
        self, method: str, rest: list[str], query: dict[str, str], body: dict[str, Any]
    ) -> None:
        host = self.hosting
        review = {"id": 70, "iid": 7, "source_branch": host.branch, "target_branch": "main"}
        match method, rest:
            case "GET", []:
                self._send(200, {"id": 1, "path_with_namespace": host.repository})
            case "GET", ["repository", "commits", commit] if commit in host.statuses:
                self._send(200, {"id": commit})
            case "GET", ["repository", "commits", commit, "statuses"] if commit in host.statuses:
                self._send(200, [_as_gitlab(said) for said in host.statuses[commit]])
            case "POST", ["statuses", commit]:
                self._say(commit, body, ("pending", "running", "success", "failed", "canceled"))
            case "GET", ["merge_requests"]:
                wanted = query.get("source_branch", host.branch)
                self._send(200, [review] if wanted == host.branch else [])
            case "GET", ["merge_requests", "7"]:
                self._send(200, review)
            case "GET", ["merge_requests", "7", "notes"]:
                self._send(200, self._page(query))
            case "POST", ["merge_requests", "7", "notes"]:
                self._send(201, self._comment(body, host.url))
            case "PUT", ["merge_requests", "7", "notes", number] if int(number) in host.comments:
                host.comments[int(number)]["body"] = body["body"]
                self._send(200, host.comments[int(number)])
            case _:
                self._send(404, {"message": "404 Not Found"})

    def _say(self, commit: str, body: dict[str, Any], states: tuple[str, ...]) -> None:
        if commit not in self.hosting.statuses:
            self._send(404, {"message": "No commit found"})
        elif body.get("state") not in states or len(body.get("description") or "") > 140:
            self._send(422, {"message": "Validation Failed"})
        else:
            said = {"id": len(self.hosting.statuses[commit]) + 1, "target_url": None, **body}
            self.hosting.statuses[commit].append(said)
            self._send(201, _as_gitlab(said) if "name" in said else said)

    def _comment(self, body: dict[str, Any], base: str) -> dict[str, Any]:
        number = len(self.hosting.comments) + 1
        address = f"{base}/{number}"
        made = {"id": number, "body": body["body"], "url": address, "html_url": address}
        self.hosting.comments[number] = made
        return made

    def _page(self, query: Mapping[str, str]) -> list[dict[str, Any]]:
        size = int(query.get("per_page", "30"))
        start = (int(query.get("page", "1")) - 1) * size
        return list(self.hosting.comments.values())[start : start + size]

    def _send(self, status: int, data: Any) -> None:
        raw = msgspec.json.encode(data)
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)


def _as_gitlab(said: dict[str, Any]) -> dict[str, Any]:
    return {**said, "status": said["state"]}
