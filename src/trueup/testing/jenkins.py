"""A Jenkins for tests: a real HTTP server on this machine that keeps Jenkins' rules.

Crumbs bound to a session, 403 instead of a challenge, starts that coalesce, queue items that
expire, logs that grow. `python-jenkins` and `jenkinsapi` take it for Jenkins; that is its proof.
"""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

from trueup.foundation.identifiers import short_id
from trueup.testing.local_server import Handler, LocalServer

VERSION: Final = "2.528.1"
_CRUMB: Final = "Jenkins-Crumb"


@dataclass
class Buildable:
    """A job and what its builds do.

    Attributes:
        name: Name, with its folders: `Folder/name`.
        parameters: What it takes; without any it is started by `build`.
        log: The console, given the parameters.
        result: How its builds end.
        seconds: How long a build takes.
        disabled: Whether it cannot be built.
    """

    name: str
    parameters: tuple[str, ...] = ("TRUEUP_RUN_ID",)
    log: Callable[[Mapping[str, str]], str] = lambda _given: "Started\nFinished\n"
    result: str = "SUCCESS"
    seconds: float = 0.05
    disabled: bool = False
    config: str = "<project/>"
    builds: list[Build] = field(default_factory=list)


@dataclass
class Build:
    """One build, waiting or running: its times say which."""

    job: Buildable
    queue: int
    given: dict[str, str]
    leaves_at: float
    number: int = 0
    cancelled: bool = False
    started_at: float = 0.0
    ended_at: float = 0.0
    result: str | None = None


class FakeJenkins(LocalServer):
    """The server; use it in a `with` block.

    Args:
        jobs: The jobs it has.
        user: The one user it knows.
        token: The user's API token: needs no crumb.
        password: The user's password: needs a crumb of the same session.
        quiet_s: How long a start waits in the queue.
        forgets_s: How long a queue item is known after it left the queue.
    """

    def __init__(
        self,
        *jobs: Buildable,
        user: str = "ci",
        token: str = "11f0-token",  # noqa: S107
        password: str = "opensesame",  # noqa: S107
        quiet_s: float = 0.02,
        forgets_s: float = 300.0,
    ) -> None:
        self.jobs = {job.name: job for job in jobs}
        self.user, self.token, self.password = user, token, password
        self.quiet_s, self.forgets_s = quiet_s, forgets_s
        self.items: dict[int, Build] = {}
        self.requests: list[str] = []
        self.crumbs: dict[str, str] = {}
        self.lock = threading.RLock()
        super().__init__(type("Handler", (_Handler,), {"jenkins": self}))

    def start(self, job: Buildable, given: dict[str, str]) -> Build:
        """Put a start into the queue; one with equal parameters that waits there already is it."""
        for item in self.items.values():
            waits = not item.number and not item.cancelled
            if item.job is job and waits and item.given == given:
                return item
        item = Build(job, len(self.items) + 1, given, time.monotonic() + self.quiet_s)
        self.items[item.queue] = item
        return item

    def advance(self) -> None:
        """Let time do its work: items leave the queue, builds end."""
        now = time.monotonic()
        for item in self.items.values():
            if not item.number and not item.cancelled and now >= item.leaves_at:
                item.number = len(item.job.builds) + 1
                item.started_at = item.leaves_at
                item.job.builds.append(item)
            if item.number and item.result is None and now >= item.started_at + item.job.seconds:
                item.ended_at = item.started_at + item.job.seconds
                item.result = item.job.result

    def console(self, build: Build) -> bytes:
        """As much of the log as there is by now."""
        whole = build.job.log(build.given).encode()
        if build.result is not None:
            return whole if not build.cancelled else whole[: len(whole) // 2] + b"\nAborted\n"
        share = (time.monotonic() - build.started_at) / max(build.job.seconds, 1e-6)
        return whole[: int(len(whole) * min(max(share, 0.0), 1.0))]

    def buildable_data(self, job: Buildable) -> dict[str, Any]:
        """What Jenkins tells about a job."""
        definitions = [
            {"name": name, "type": "StringParameterDefinition", "defaultParameterValue": None}
            for name in job.parameters
        ]
        builds = [self.build_data(build) for build in reversed(job.builds)]
        return {
            "_class": "hudson.model.FreeStyleProject",
            "name": job.name.rpartition("/")[2],
            "fullName": job.name,
            "url": self.url + _address(job.name),
            "buildable": not job.disabled,
            "color": "disabled" if job.disabled else "blue",
            "inQueue": any(not i.number for i in self.items.values() if i.job is job),
            "queueItem": None,
            "builds": builds,
            "firstBuild": builds[-1] if builds else None,
            "lastBuild": builds[0] if builds else None,
            "nextBuildNumber": len(builds) + 1,
            "concurrentBuild": False,
            "property": [{"parameterDefinitions": definitions}] if definitions else [],
            "actions": [{"parameterDefinitions": definitions}] if definitions else [],
        }

    def build_data(self, build: Build) -> dict[str, Any]:
        """What Jenkins tells about a build."""
        running = build.result is None
        return {
            "_class": "hudson.model.FreeStyleBuild",
            "number": build.number,
            "id": str(build.number),
            "url": f"{self.url}{_address(build.job.name)}{build.number}/",
            "fullDisplayName": f"{build.job.name} #{build.number}",
            "building": running,
            "result": build.result,
            "timestamp": 1_700_000_000_000,
            "duration": 0 if running else round((build.ended_at - build.started_at) * 1000),
            "queueId": build.queue,
            "artifacts": [],
            "actions": _parameters(build),
        }

    def item_data(self, item: Build) -> dict[str, Any]:
        """What Jenkins tells about an item of the queue."""
        data: dict[str, Any] = {
            "id": item.queue,
            "task": {
                "name": item.job.name.rpartition("/")[2],
                "url": self.url + _address(item.job.name),
            },
            "actions": _parameters(item),
            "why": None if item.number else "In the quiet period.",
            "cancelled": item.cancelled and not item.number,
            "url": f"queue/item/{item.queue}/",
        }
        if item.number:
            address = f"{self.url}{_address(item.job.name)}{item.number}/"
            data["executable"] = {"number": item.number, "url": address}
        return data


class _Handler(Handler):
    """Jenkins' addresses."""

    jenkins: FakeJenkins

    def handle_request(self, method: str) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        raw = self.rfile.read(length)
        parts = urlsplit(self.path)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        form = {}
        if self.headers.get("Content-Type", "").startswith("application/x-www-form-urlencoded"):
            form = dict(parse_qsl(raw.decode(), keep_blank_values=True))
        with self.jenkins.lock:
            self.jenkins.requests.append(f"{method} {parts.path}")
            self.jenkins.advance()
            if not self._admitted(method):
                return
            pieces = [unquote(piece) for piece in parts.path.split("/") if piece]
            self._route(method, pieces, query, query | form, raw)

    def _admitted(self, method: str) -> bool:
        kind, _, value = self.headers.get("Authorization", "").partition(" ")
        user, _, secret = "", "", ""
        if kind.lower() == "basic":
            user, _, secret = base64.b64decode(value).decode().partition(":")
        known = user == self.jenkins.user and secret in (self.jenkins.token, self.jenkins.password)
        if kind and not known:
            self._send(401, b"Invalid password/token for user")
        elif not known:  # Jenkins does not ask who it is
            self._send(403, b"anonymous is missing the Overall/Read permission")
        elif method == "POST" and secret == self.jenkins.password and not self._has_crumb():
            self._send(403, b"No valid crumb was included in the request")
        else:
            return True
        return False

    def _has_crumb(self) -> bool:
        crumb = self.headers.get(_CRUMB, "")
        return bool(crumb) and self.jenkins.crumbs.get(self._session()) == crumb

    def _session(self) -> str:
        for cookie in self.headers.get("Cookie", "").split(";"):
            name, _, value = cookie.strip().partition("=")
            if name == "JSESSIONID":
                return value
        return ""

    def _route(
        self,
        method: str,
        pieces: list[str],
        query: dict[str, str],
        given: dict[str, str],
        raw: bytes,
    ) -> None:
        match pieces:
            case [] | ["api", "json" | "python"]:
                jobs = [self.jenkins.buildable_data(job) for job in self.jenkins.jobs.values()]
                data = {"nodeDescription": "the node", "jobs": jobs, "views": [], "url": ""}
                self._data(data | {"url": self.jenkins.url + "/"}, pieces, query)
            case ["me", "api", _]:
                self._data({"id": self.jenkins.user, "fullName": self.jenkins.user}, pieces, query)
            case ["crumbIssuer", "api", _]:
                session, crumb = self._session() or short_id(16), short_id(16)
                self.jenkins.crumbs[session] = crumb
                cookie = {"Set-Cookie": f"JSESSIONID={session}; Path=/; HttpOnly"}
                data = {"crumbRequestField": _CRUMB, "crumb": crumb}
                self._data(data, pieces, query, cookie)
            case ["queue", *rest]:
                self._queue(method, rest, query, given)
            case ["createItem"] if method == "POST":
                name = query["name"]
                self.jenkins.jobs[name] = Buildable(name, parameters=(), config=raw.decode())
                self._send(200, b"")
            case ["job", *_]:
                self._job(method, pieces, query, given, raw)
            case _:
                self._send(404, b"Not found")

    def _queue(
        self, method: str, rest: list[str], query: dict[str, str], given: dict[str, str]
    ) -> None:
        now = time.monotonic()
        match rest:
            case ["api", _]:
                waiting = [i for i in self.jenkins.items.values() if not i.number]
                data = [self.jenkins.item_data(i) for i in waiting if not i.cancelled]
                self._data({"items": data}, rest, query)
            case ["item", number, "api", _] if int(number) in self.jenkins.items:
                item = self.jenkins.items[int(number)]
                if item.number and now > item.started_at + self.jenkins.forgets_s:
                    self._send(404, b"No such item")
                else:
                    self._data(self.jenkins.item_data(item), rest, query)
            case ["cancelItem"] if method == "POST":
                cancelled = self.jenkins.items.get(int(given.get("id", "0")))
                if cancelled is not None and not cancelled.number:
                    cancelled.cancelled = True
                self._send(204, b"")
            case _:
                self._send(404, b"Not found")

    def _job(
        self,
        method: str,
        pieces: list[str],
        query: dict[str, str],
        given: dict[str, str],
        raw: bytes,
    ) -> None:
        names: list[str] = []
        rest = pieces
        while len(rest) >= 2 and rest[0] == "job":
            names, rest = [*names, rest[1]], rest[2:]
        job = self.jenkins.jobs.get("/".join(names))
        if job is None:
            self._send(404, b"No such job")
            return
        match rest:
            case [] | ["api", _]:
                self._data(self.jenkins.buildable_data(job), rest, query)
            case ["config.xml"]:
                job.config = raw.decode() if method == "POST" else job.config
                self._send(200, job.config.encode())
            case ["build" | "buildWithParameters" as how] if method == "POST":
                self._start(job, how, given)
            case [number, *part] if number.isdecimal() and int(number) <= len(job.builds):
                self._build(method, job.builds[int(number) - 1], part, query)
            case _:
                self._send(404, b"Not found")

    def _start(self, job: Buildable, how: str, given: dict[str, str]) -> None:
        if job.disabled:
            self._send(409, b"is not buildable")
        elif (how == "buildWithParameters") != bool(job.parameters):
            self._send(400, b"Bad request: parameters")
        else:
            chosen = {name: given[name] for name in job.parameters if name in given}
            item = self.jenkins.start(job, chosen)
            place = f"{self.jenkins.url}/queue/item/{item.queue}/"
            self._send(201, b"", {"Location": place})

    def _build(self, method: str, build: Build, part: list[str], query: dict[str, str]) -> None:
        console = self.jenkins.console(build)
        match part:
            case [] | ["api", _]:
                self._data(self.jenkins.build_data(build), part, query)
            case ["consoleText"]:
                self._send(200, console, {"Content-Type": "text/plain;charset=utf-8"})
            case ["logText", "progressiveText"]:
                headers = {"X-Text-Size": str(len(console)), "Content-Type": "text/plain"}
                more = {"X-More-Data": "true"} if build.result is None else {}
                self._send(200, console[int(query.get("start", "0")) :], headers | more)
            case ["stop"] if method == "POST":
                if build.result is None:
                    build.result, build.cancelled = "ABORTED", True
                    build.ended_at = time.monotonic()
                address = f"{self.jenkins.url}{_address(build.job.name)}"
                self._send(302, b"", {"Location": address})
            case _:
                self._send(404, b"Not found")

    def _data(
        self,
        data: dict[str, Any],
        pieces: list[str],
        query: dict[str, str],
        headers: Mapping[str, str] | None = None,
    ) -> None:
        chosen = chosen_by(query["tree"], data) if query.get("tree") else data
        is_python = bool(pieces) and pieces[-1] == "python"
        raw = _as_python(chosen).encode() if is_python else msgspec.json.encode(chosen)
        kind = "text/x-python" if is_python else "application/json"
        self._send(200, raw, {"Content-Type": kind, **(headers or {})})

    def _send(self, status: int, raw: bytes, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"X-Jenkins": VERSION, **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)


def chosen_by(tree: str, data: Any) -> Any:
    """The part of some data that Jenkins' `tree` parameter asks for.

    Example:
        >>> chosen_by("builds[number]{0,1}", {"builds": [{"number": 2}, {"number": 1}], "x": 1})
        {'builds': [{'number': 2}]}
    """
    if isinstance(data, list):
        return [chosen_by(tree, item) for item in data]
    if not isinstance(data, dict):
        return data
    chosen = {}
    for name, inner, first, last in _wishes(tree):
        if name in data:
            value = data[name]
            if isinstance(value, list) and last:
                value = value[first:last]
            chosen[name] = chosen_by(inner, value) if inner else value
    return chosen


def _wishes(tree: str) -> list[tuple[str, str, int, int]]:
    """Name, inner tree and range of each wish at the top of a tree."""
    wishes, depth, start = [], 0, 0
    for place, letter in enumerate(tree + ","):
        depth += (letter in "[{") - (letter in "]}")
        if letter == "," and depth == 0:
            wish, start = tree[start:place], place + 1
            wish, _, span = wish.partition("{") if wish.endswith("}") else (wish, "", "")
            name, _, inner = wish.partition("[")
            first, _, last = span.rstrip("}").partition(",")
            wishes.append((name, inner.removesuffix("]"), int(first or 0), int(last or 0)))
    return wishes


def _as_python(data: Any) -> str:
    """Data as Jenkins writes it for Python: text in double quotes, but True, False and None."""
    if isinstance(data, dict):
        return "{" + ",".join(f'"{key}":{_as_python(item)}' for key, item in data.items()) + "}"
    if isinstance(data, list):
        return "[" + ",".join(map(_as_python, data)) + "]"
    return msgspec.json.encode(data).decode() if isinstance(data, str) else repr(data)


def _address(name: str) -> str:
    return "".join(f"/job/{part}" for part in name.split("/")) + "/"


def _parameters(build: Build) -> list[dict[str, Any]]:
    kind = {"_class": "hudson.model.StringParameterValue"}
    given = [{**kind, "name": name, "value": value} for name, value in build.given.items()]
    return [{"_class": "hudson.model.ParametersAction", "parameters": given}, {}] if given else []
