"""A run on a Trueup server: asked for, followed line by line, stopped when we stop.

Made for builds: the key of a request makes it one run, however often it is asked for.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import msgspec

from trueup.app.running.logs import LogLine
from trueup.foundation.errors import BackendError, UserCodeError, of_problem
from trueup.foundation.records import Record, decode
from trueup.lifecycle.runs.records import RunDetail
from trueup.lifecycle.runs.requests.records import OPEN, RunRequest
from trueup.state.outbound import Outbound

_PAUSE_S: Final = 1.0
_PATIENCE: Final = 10  # questions in a row that find nobody


class Wanted(Record):
    """The body of a call for a run, as `POST /api/v1/runs` takes it."""

    pipeline: str
    parameters: dict[str, Any] = {}
    partition: str = ""
    reason: str = ""
    key: str = ""


class Server:
    """A Trueup server as its callers see it.

    Args:
        url: Its address.
        token: Sent as a bearer token, for whoever stands before it; may be empty.
        http: The client.
        sleep: Waits between two questions.
    """

    def __init__(
        self, url: str, token: str, http: Outbound, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._api = url.rstrip("/") + "/api/v1"
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._http = http
        self._sleep = sleep

    def ask(self, wanted: Wanted) -> RunRequest:
        """Ask for a run; the same key again gives the request there is.

        Raises:
            TrueupError: What the server says is wrong.
        """
        answer = self._call("POST", "/runs", msgspec.to_builtins(wanted))
        return msgspec.convert(answer["request"], RunRequest)

    def cancel(self, run: str, reason: str) -> None:
        """Ask for a run to be stopped."""
        self._call("POST", f"/runs/{run}/cancel", {"reason": reason})

    def follow(
        self,
        request: RunRequest,
        tell: Callable[[LogLine], None],
        notice: Callable[[str], None],
    ) -> RunDetail:
        """Tell what the steps print until the run has ended, and give its record.

        Args:
            request: What was asked for.
            tell: Given each line that a step prints.
            notice: Told, once each, why the run still waits.

        Raises:
            UserCodeError: The request came to its end before a run began.
            BackendError: The server stayed away.
        """
        run, seen, missed, waits = "", 0, 0, ""
        while True:
            try:
                now = msgspec.convert(self._call("GET", f"/requests/{request.id}"), RunRequest)
                if now.run != run:  # its first run was lost, and another one began
                    run, seen = now.run, 0
                why = now.error.message if now.error and now.state == "waiting" else ""
                if why and why != waits:
                    notice(why)
                waits = why
                detail = self._detail(run) if now.attempts else None
                if detail is not None:
                    for line in self._lines(run, after=seen):
                        seen += 1
                        tell(line)
                    detail = self._detail(run)
                missed = 0
            except BackendError:
                missed += 1
                if missed > _PATIENCE:
                    raise
                detail = None
            else:
                if now.state not in OPEN:
                    if detail is None:
                        raise _not_begun(now)
                    return detail
            self._sleep(_PAUSE_S)

    def _detail(self, run: str) -> RunDetail | None:
        answer = self._http.request("GET", f"{self._api}/runs/{run}", headers=self._headers)
        return decode(answer.body, RunDetail) if answer.status == 200 else None

    def _lines(self, run: str, after: int) -> Iterator[LogLine]:
        """What is printed, live; whoever was cut off asks again for what follows."""
        with self._http.lines(f"{self._api}/runs/{run}/logs", headers=self._headers) as lines:
            number = 0
            for line in lines:
                if line.startswith("data: {"):
                    number += 1
                    if number > after:
                        yield decode(line.removeprefix("data: ").encode(), LogLine)

    def _call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        answer = self._http.request(method, self._api + path, headers=self._headers, json=body)
        try:
            said = msgspec.json.decode(answer.body)
        except msgspec.DecodeError:
            said = None
        if answer.status < 300 and isinstance(said, dict):
            return said
        if isinstance(said, dict) and {"title", "code", "detail"} <= said.keys():
            raise of_problem(said)
        raise BackendError(
            "server-answer",
            f"{answer.url} answers with status {answer.status}, which no Trueup server says here.",
            hint=f"curl -i '{self._api}/runs'",
        )


def _not_begun(request: RunRequest) -> UserCodeError:
    error = request.error
    return UserCodeError(
        error.code if error else "run-not-begun",
        error.message if error else f"The server dropped the request for '{request.pipeline}'.",
        hint=error.hint if error else "trueup explain run-not-begun",
    )
