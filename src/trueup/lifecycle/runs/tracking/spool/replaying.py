"""Sends what waits in the spool to its server, in order, each request once.

A server of ours gives runs and logged models the identifiers that they have here; MLflow's gives
others, which every later request is rewritten to. What was sent without a known end is looked for
before it is sent again: what it makes carries the tag `trueup.spool`.
"""

from __future__ import annotations

import fcntl
import os
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

import msgspec

from trueup.foundation.errors import BackendError
from trueup.lifecycle.runs.tracking.spool.store import Entry, Spool, answered
from trueup.ports.http import Response
from trueup.state.outbound import Outbound

TAG: Final = "trueup.spool"
_ARTIFACTS: Final = "/mlflow-artifacts/artifacts/"
_SPANS: Final = "/v1/traces"
_OF_SPANS: Final = "x-mlflow-experiment-id"
_IDS = re.compile(r"\b(?:m-|tr-|a-)?[0-9a-f]{32}\b")
_SAID = re.compile(r"traces/([^/]+)/assessments")
_PROXIED = re.compile(r"mlflow-artifacts:/(\d+)/")
_OF_OWNER = re.compile(r"(\d+)/(models/)?([\w\-]+)/artifacts/(.+)", re.DOTALL)
# What a server refuses the second time.
_ONCE: Final = re.compile(r"^DELETE |/(delete|restore|rename|delete-[\w-]+)$")
_PAUSES: Final = (1.0, 2.0, 5.0, 15.0, 60.0)
_AGAIN: Final = frozenset({401, 403, 408, 429, 500, 502, 503, 504})

Reading = Callable[[str], Iterator[bytes] | None]


class Away(Exception):
    """The server can't be reached, or can't answer now; the message says why."""


class Replay:
    """Sends one spool.

    Args:
        spool: What waits.
        read: The bytes of a file by its path here; None when it is gone.
    """

    def __init__(self, spool: Spool, read: Reading) -> None:
        self._spool = spool
        self._read = read
        self._outbound = Outbound(seconds=60)
        token = os.environ.get("MLFLOW_TRACKING_TOKEN", "")
        user = os.environ.get("MLFLOW_TRACKING_USERNAME", "")
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        password = os.environ.get("MLFLOW_TRACKING_PASSWORD", "")
        self._login = (user, password) if user and not token else None

    def run(self, stop: threading.Event) -> None:
        """Send until `stop` is set; while the server is away, try now and then."""
        failures = 0
        while not stop.is_set():
            try:
                sent = self.send(stop)
            except Away:
                stop.wait(_PAUSES[min(failures, len(_PAUSES) - 1)])
                failures += 1
                continue
            failures = 0
            if not sent:
                stop.wait(0.5)

    def send(self, stop: threading.Event | None = None) -> int:
        """Send all that waits; how many requests that were.

        Raises:
            Away: The server can't be reached or can't answer; what waits goes on waiting.
        """
        count = 0
        while (entry := self._spool.first()) is not None:
            if stop is not None and stop.is_set():
                break
            try:
                self._send(entry)
            except Away as away:
                self._spool.note("problem", str(away))
                raise
            except Exception as error:  # what waits behind it must not wait unseen
                told = (
                    f"{entry.method} {entry.path} cannot be sent: {type(error).__name__}: {error}"
                )
                self._spool.note("problem", told[:500])
                raise Away(told[:500]) from error
            count += 1
        if count:
            self._spool.note("problem", "")
        return count

    def close(self) -> None:
        """Close all connections."""
        self._outbound.close()

    def _send(self, entry: Entry) -> None:
        kind = entry.path.partition("/mlflow/")[2]
        if _ARTIFACTS in entry.path:
            self._send_file(entry)
        elif entry.path == _SPANS:
            self._send_spans(entry)
        elif entry.method == "POST" and (match := _SAID.fullmatch(kind)):
            self._say(entry, match[1])
        elif entry.method == "POST" and entry.path == "/api/2.0/mlflow/traces":
            self._begin_trace(entry)
        elif kind == "experiments/create":
            self._make_experiment(entry)
        elif kind in ("runs/create", "logged-models"):
            self._make(entry, kind)
        elif kind == "model-versions/create":
            self._make_version(entry)
        else:
            answer = self._ask(entry, self._body(entry))
            refusal = _refusal(answer)
            is_there = "ALREADY_EXISTS" in refusal and kind == "registered-models/create"
            if is_there or (refusal and entry.tries and _ONCE.search(f"{entry.method} {kind}")):
                refusal = ""  # a try whose end nobody knew had worked
            self._spool.done(entry, refusal)

    def _make_experiment(self, entry: Entry) -> None:
        here = str(answered(entry).get("experiment_id", ""))
        body = self._body(entry)
        answer = self._ask(entry, body)
        found = _json(answer)
        if "ALREADY_EXISTS" in str(found.get("error_code", "")):
            path = "/api/2.0/mlflow/experiments/get-by-name"
            asked = self._request("GET", f"{path}?{urlencode({'experiment_name': body['name']})}")
            found = _json(asked).get("experiment", {})
        there = str(found.get("experiment_id", ""))
        refusal = "" if there else _refusal(answer)
        self._spool.done(entry, refusal, [("experiment", here, there)] if there else ())

    def _make(self, entry: Entry, kind: str) -> None:
        """Make a run or a logged model, unless it was made by a try whose end nobody knows."""
        is_run = kind == "runs/create"
        said = answered(entry)
        info = said.get("run" if is_run else "model", {}).get("info", {})
        here = str(info.get("run_id" if is_run else "model_id", ""))
        body = self._body(entry)
        # A server of ours keeps this identifier; others do not know the field.
        body["run_id" if is_run else "model_id"] = here
        body["tags"] = [*(body.get("tags") or ()), {"key": TAG, "value": here}]
        if is_run:  # what would else be made up or taken from the clock
            body.setdefault("start_time", info.get("start_time"))
            body["run_name"] = info.get("run_name")
        else:
            body["name"] = info.get("name")
        found = self._made_before(is_run, here, body) if entry.tries else None
        refusal = ""
        if found is None:
            answer = self._ask(entry, body)
            refusal = _refusal(answer)
            found = _json(answer).get("run" if is_run else "model", {}).get("info", {})
        there = str(found.get("run_id" if is_run else "model_id", ""))
        places = [("id", here, there), ("files", here, str(found.get("artifact_uri", "")))]
        self._spool.done(entry, refusal, [] if refusal else places)

    def _made_before(self, is_run: bool, here: str, body: dict[str, Any]) -> dict[str, Any] | None:
        asked = {
            "experiment_ids": [str(body.get("experiment_id", "0"))],
            "filter": f"tags.`{TAG}` = '{here}'",
            "max_results": 1,
        }
        path = "/runs/search" if is_run else "/logged-models/search"
        found = _json(self._request("POST", f"/api/2.0/mlflow{path}", asked))
        listed = found.get("runs" if is_run else "models") or ()
        info: dict[str, Any] | None = listed[0]["info"] if listed else None
        return info

    def _make_version(self, entry: Entry) -> None:
        made = answered(entry).get("model_version", {})
        name, here = str(made.get("name", "")), str(made.get("version", ""))
        body = self._body(entry)
        mark = f"{name}@{here}@{entry.seq}"
        body["tags"] = [*(body.get("tags") or ()), {"key": TAG, "value": mark}]
        found: dict[str, Any] = {}
        refusal = ""
        if entry.tries:
            filter_ = f"name = '{name}' AND tags.`{TAG}` = '{mark}'"
            path = f"/api/2.0/mlflow/model-versions/search?{urlencode({'filter': filter_})}"
            found = next(iter(_json(self._request("GET", path)).get("model_versions") or ()), {})
        if not found:
            answer = self._ask(entry, body)
            refusal = _refusal(answer)
            found = _json(answer).get("model_version", {})
        there = str(found.get("version", ""))
        self._spool.done(entry, refusal, [] if refusal else [("version", f"{name}@{here}", there)])

    def _begin_trace(self, entry: Entry) -> None:
        """Begin a trace as clients 2.x do; an MLflow server gives it an identifier of its own."""
        here = answered(entry).get("trace_info", {}).get("request_id", "")
        answer = self._ask(entry, {**self._body(entry), "request_id": here})
        there = _json(answer).get("trace_info", {}).get("request_id", "")
        refusal = _refusal(answer)
        self._spool.done(entry, refusal, [] if refusal else [("id", here, there)])

    def _say(self, entry: Entry, trace: str) -> None:
        """Say something about a trace, unless a try whose end nobody knows said it."""
        here = answered(entry).get("assessment", {}).get("assessment_id", "")
        body = self._body(entry)
        said = body.setdefault("assessment", {})
        said |= {"assessment_id": here, "metadata": {**(said.get("metadata") or {}), TAG: here}}
        found: dict[str, Any] = {}
        refusal = ""
        if entry.tries:
            asked = self._request("GET", f"/api/3.0/mlflow/traces/{self._renamed(trace)}")
            info = _json(asked).get("trace", {}).get("trace_info", {})
            every = info.get("assessments") or ()
            found = next((a for a in every if (a.get("metadata") or {}).get(TAG) == here), {})
        if not found:
            answer = self._ask(entry, body)
            refusal = _refusal(answer)
            found = _json(answer).get("assessment", {})
        places = [("id", here, str(found.get("assessment_id", "")))]
        self._spool.done(entry, refusal, [] if refusal else places)

    def _send_spans(self, entry: Entry) -> None:
        headers = dict(entry.headers)
        experiment = headers.get(_OF_SPANS, "")
        headers[_OF_SPANS] = self._spool.place("experiment", experiment) or experiment
        self._spool.trying(entry)
        answer = self._request("POST", _SPANS, content=iter([entry.body]), headers=headers)
        self._spool.done(entry, _refusal(answer))

    def _send_file(self, entry: Entry) -> None:
        path = unquote(entry.path.partition(_ARTIFACTS)[2])
        place = self._place_of(path)
        if place is None:
            why = "its run or model keeps files where only its own clients can write them"
            self._spool.done(entry, why)
            return
        address = f"/api/2.0{_ARTIFACTS}{quote(place)}"
        if entry.method == "DELETE":
            answer = self._sent(entry, "DELETE", address)
            self._spool.done(entry, "" if answer.status == 404 else _refusal(answer))
            return
        pieces = self._read(path)
        if pieces is None:  # deleted since: that waits behind
            self._spool.done(entry)
            return
        self._spool.done(entry, _refusal(self._sent(entry, "PUT", address, content=pieces)))

    def _place_of(self, path: str) -> str | None:
        """Where a file's path here is on the server."""
        match = _OF_OWNER.fullmatch(path)
        files = self._spool.place("files", match[3]) if match else None
        if match is None or files is None:
            return path  # of a run that was there before: its path is the same or unknown
        split = urlsplit(files)
        if split.scheme != "mlflow-artifacts":
            return None
        return f"{unquote(split.path).strip('/')}/{match[4]}"

    def _body(self, entry: Entry) -> dict[str, Any]:
        """The request with the server's names of things."""
        if not entry.body:
            return {}
        body = msgspec.json.decode(self._renamed(entry.body.decode()))
        if isinstance(body, str):
            body = msgspec.json.decode(body)
        info = (body.get("trace") or {}).get("trace_info") or {}
        for within in (body, (info.get("trace_location") or {}).get("mlflow_experiment") or {}):
            if (experiment := within.get("experiment_id")) is not None:
                there = self._spool.place("experiment", str(experiment))
                within["experiment_id"] = there or experiment
        version = body.get("version")
        if version is not None and "name" in body:
            known = self._spool.place("version", f"{body['name']}@{version}")
            body["version"] = known or version
        return dict(body)

    def _renamed(self, text: str) -> str:
        """A text with the server's identifiers of runs, logged models and experiments in URIs."""

        def experiment(match: re.Match[str]) -> str:
            there = self._spool.place("experiment", match[1]) or match[1]
            return f"mlflow-artifacts:/{there}/"

        named = _IDS.sub(lambda match: self._spool.place("id", match[0]) or match[0], text)
        return _PROXIED.sub(experiment, named)

    def _ask(self, entry: Entry, body: dict[str, Any]) -> Response:
        query = urlencode([(name, self._renamed(v)) for name, v in parse_qsl(entry.query)])
        path = self._renamed(entry.path) + (f"?{query}" if query else "")
        return self._sent(entry, entry.method, path, body=body)

    def _sent(
        self,
        entry: Entry,
        method: str,
        path: str,
        *,
        body: dict[str, Any] | None = None,
        content: Iterator[bytes] | None = None,
    ) -> Response:
        self._spool.trying(entry)
        return self._request(method, path, body, content=content)

    def _request(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        *,
        content: Iterator[bytes] | None = None,
        headers: Mapping[str, str] = {},
    ) -> Response:
        try:
            answer = self._outbound.request(
                method,
                f"{self._spool.target.rstrip('/')}{path}",
                headers={**headers, **self._headers},
                login=self._login,
                json=body if content is None and method != "GET" else None,
                content=content,
            )
        except BackendError as error:
            raise Away(error.message) from error
        if answer.status in _AGAIN:
            raise Away(f"{answer.url} answers with {answer.status}: {_refusal(answer)[:200]}")
        return answer


def send_now(spool: Spool, read: Reading) -> int:
    """Send what waits; how many requests that were.

    Raises:
        BackendError: The server can't be reached, or another process is sending.
    """
    replay = Replay(spool, read)
    try:
        return replay.send()
    except Away as away:
        raise BackendError(
            "spool-target-away",
            f"What waits could not be sent: {away}",
            hint="trueup runs spool",
        ) from away
    finally:
        replay.close()


class Alone:
    """Held by the one process that sends.

    Args:
        folder: The project's state folder.

    Raises:
        BackendError: Another process sends.
    """

    def __init__(self, folder: Path) -> None:
        self._handle = os.open(folder / "spool.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._handle)
            raise BackendError(
                "spool-busy",
                "Another process of this project sends what waits already.",
                hint="trueup runs spool",
            ) from error

    def close(self) -> None:
        """Let others send."""
        os.close(self._handle)


def _json(answer: Response) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(answer.body or b"{}")
    except msgspec.DecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def _refusal(answer: Response) -> str:
    """Why the server will not take a request; empty when it took it."""
    if answer.status < 400:
        return ""
    said = _json(answer)
    words = f"{said.get('error_code', answer.status)}: {said.get('message', '')}"
    return words[:500]
