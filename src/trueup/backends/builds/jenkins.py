"""Jenkins: API tokens or passwords, queue item to build, log by pieces, cancellation.

A build is found again by its parameter TRUEUP_RUN_ID: Jenkins may drop a start whose parameters
equal those of a waiting one, and a queue item disappears minutes after it left the queue.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

import msgspec

from trueup.foundation.errors import BackendError, DeniedError, NotFoundError, UsageError
from trueup.ports.builds import Build, BuildResult, LogPart
from trueup.ports.http import Http, Response

KEY: Final = "TRUEUP_RUN_ID"
_RESULTS: Final[dict[str, BuildResult]] = {
    "SUCCESS": "success",
    "UNSTABLE": "unstable",
    "FAILURE": "failure",
    "ABORTED": "aborted",
    "NOT_BUILT": "not-built",
}
_BUILD: Final = "number,url,building,result,duration,queueId,actions[parameters[name,value]]"
_ITEM: Final = "id,why,cancelled,task[url],executable[number,url],actions[parameters[name,value]]"
_NEWEST: Final = 100  # builds of a job that are searched for a key


class Backend:
    """One Jenkins server, for one user."""

    def __init__(self, url: str, http: Http, user: str, token: str) -> None:
        self._url = url.rstrip("/")
        self._http = http
        self._login = (user, token)
        self._crumb: dict[str, str] | None = None

    def version(self) -> str:
        """The version of Jenkins."""
        answer = self._get("/api/json", tree="nodeDescription")
        return answer.headers.get("x-jenkins", "unknown")

    def start(self, job: str, parameters: Mapping[str, str], key: str) -> Build:
        """Start a job, or find the build that was started with this key."""
        path = _path(job)
        known = self.find(job, key)
        if known is not None:
            return known
        facts = self._get(path + "/api/json", job=job, tree="buildable,property[_class]").json()
        if facts.get("buildable") is False:
            raise UsageError(
                "jenkins-job",
                f"The Jenkins job '{job}' is disabled or is a folder; it cannot be built.",
                hint=f"open {self._url}{path}/",
            )
        answer = self._post(path + "/buildWithParameters", {**parameters, KEY: key}, job)
        if answer.status == 400:
            raise UsageError(
                "jenkins-job",
                f"The Jenkins job '{job}' takes no parameters; it needs at least {KEY}, "
                "by which its build is found again.",
                hint=f"add to its Jenkinsfile: parameters {{ string(name: '{KEY}') }}",
            )
        _expect(answer, job, 201, 302, 303)
        queue = answer.headers.get("location", "").rstrip("/").rpartition("/")[2]
        number = int(queue) if queue.isdecimal() else 0
        return Build(job=job, key=key, state="queued", queue=number)

    def find(self, job: str, key: str) -> Build | None:
        """The waiting item or the build that has this key."""
        path = _path(job)
        tree = f"url,builds[{_BUILD}]{{0,{_NEWEST}}}"
        facts = self._get(path + "/api/json", job=job, tree=tree).json()
        blank = Build(job=job, key=key, state="queued")
        for data in facts.get("builds") or ():
            if _parameters(data).get(KEY) == key:
                return _of_build(blank, data)
        for item in self._get("/queue/api/json", tree=f"items[{_ITEM}]").json().get("items", ()):
            if _parameters(item).get(KEY) == key and item["task"]["url"] == facts.get("url"):
                return msgspec.structs.replace(blank, queue=item["id"], why=item.get("why") or "")
        return None

    def look(self, build: Build) -> Build:
        """The build as it stands now."""
        if build.state == "ended":
            return build
        if build.number:
            path = f"{_path(build.job)}/{build.number}/api/json"
            return _of_build(build, self._get(path, job=build.job, tree=_BUILD).json())
        if build.queue:
            answer = self._asked("GET", f"/queue/item/{build.queue}/api/json", {"tree": _ITEM})
            if answer.status == 200:
                return self._of_item(build, answer.json())
            if answer.status != 404:
                _expect(answer, build.job, 200)
        found = self.find(build.job, build.key)
        if found is None:
            raise BackendError(
                "jenkins-build-lost",
                f"Jenkins knows no build of '{build.job}' with {KEY}={build.key} any more.",
                hint=f"open {self._url}{_path(build.job)}/",
            )
        return found

    def log(self, build: Build, start: int = 0) -> LogPart:
        """Its console from the byte `start` on."""
        if not build.number:
            return LogPart(text="", next=start, more=build.state != "ended")
        path = f"{_path(build.job)}/{build.number}/logText/progressiveText"
        answer = self._get(path, job=build.job, start=str(start))
        return LogPart(
            text=answer.text,
            next=int(answer.headers.get("x-text-size", start + len(answer.body))),
            more=answer.headers.get("x-more-data") == "true",
        )

    def cancel(self, build: Build) -> Build:
        """Stop it, or take it out of the queue."""
        now = self.look(build)
        if now.state == "queued" and now.queue:
            answer = self._post("/queue/cancelItem", {}, build.job, {"id": str(now.queue)})
            _expect(answer, build.job, 200, 204, 302, 303, 404)
        if now.state == "running":
            answer = self._post(f"{_path(build.job)}/{now.number}/stop", {}, build.job)
            _expect(answer, build.job, 200, 302, 303)
        return self.look(now)

    def _of_item(self, build: Build, item: dict[str, Any]) -> Build:
        if item.get("cancelled"):
            return msgspec.structs.replace(build, state="ended", result="aborted", why="")
        started = item.get("executable")
        if not started:
            return msgspec.structs.replace(build, why=item.get("why") or "")
        found = msgspec.structs.replace(
            build, number=started["number"], url=started.get("url", ""), state="running", why=""
        )
        return self.look(found)

    def _get(self, path: str, *, job: str = "", **query: str) -> Response:
        answer = self._asked("GET", path, query)
        _expect(answer, job, 200)
        return answer

    def _post(
        self, path: str, form: Mapping[str, str], job: str, query: Mapping[str, str] | None = None
    ) -> Response:
        answer = self._asked("POST", path, query, form, self._crumb or {})
        if answer.status == 403 and "crumb" in answer.text.lower() and self._crumb is None:
            # A password instead of a token: Jenkins wants a crumb of the same session.
            crumb = self._get("/crumbIssuer/api/json").json()
            self._crumb = {crumb["crumbRequestField"]: crumb["crumb"]}
            answer = self._asked("POST", path, query, form, self._crumb)
        _refuse(answer, job)
        return answer

    def _asked(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        return self._http.request(
            method,
            self._url + path,
            headers=headers,
            query=query or None,
            form=form,
            login=self._login,
        )


def _path(job: str) -> str:
    """`Folder/name` as Jenkins addresses it; a branch name with a slash is `Folder/name/a%2Fb`."""
    names = [name for name in job.strip("/").split("/") if name]
    if not names or any(name in (".", "..") for name in names):
        raise UsageError(
            "jenkins-job", f"'{job}' is no name of a Jenkins job.", hint="use: Folder/name"
        )
    return "".join(f"/job/{quote(name, safe='')}" for name in names)


def _of_build(build: Build, data: dict[str, Any]) -> Build:
    running = data.get("building") or data.get("result") is None
    return msgspec.structs.replace(
        build,
        state="running" if running else "ended",
        result="" if running else _RESULTS.get(data["result"], "failure"),
        number=data["number"],
        url=data.get("url", ""),
        queue=data.get("queueId") or build.queue,
        seconds=(data.get("duration") or 0) / 1000,
        why="",
    )


def _parameters(data: dict[str, Any]) -> dict[str, Any]:
    return {
        parameter["name"]: parameter.get("value")
        for action in data.get("actions") or ()
        for parameter in (action or {}).get("parameters") or ()
    }


def _expect(answer: Response, job: str, *statuses: int) -> None:
    _refuse(answer, job)
    if answer.status not in statuses:
        raise BackendError(
            "jenkins-failed",
            f"Jenkins answered {answer.status} at {answer.url}.",
            hint=f"curl -I '{answer.url}'",
        )


def _refuse(answer: Response, job: str) -> None:
    # Jenkins never asks for a login: it answers 403, or 404 to hide a job from a stranger.
    if answer.status in (401, 403):
        raise DeniedError(
            "jenkins-denied",
            f"Jenkins refuses this user or token at {answer.url} ({answer.status}).",
            hint="make a new API token on your Jenkins user page, then: trueup secret set NAME",
        )
    if answer.status == 404 and job:
        raise NotFoundError(
            "jenkins-job-not-found",
            f"Jenkins shows this user no job '{job}' ({answer.url}).",
            hint="write folders too: Folder/name",
        )
