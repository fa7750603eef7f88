"""Asking a running deployment: its addresses, what it says that it takes, rows as a request."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
import polars as pl

from trueup.foundation.errors import BackendError, UsageError
from trueup.foundation.text import listing
from trueup.lifecycle.gates.records import CheckOutcome, Part
from trueup.ports.http import Response
from trueup.state.outbound import Outbound

JSON: Final = "application/json"
_MODELS: Final = "/v2/models/"
_EXAMPLES: Final[dict[str, Sequence[Any]]] = {
    "BYTES": ("a", "b", "c"),
    "BOOL": (True, False, True),
    **dict.fromkeys(("FP16", "FP32", "FP64"), (0.5, 1.5, 2.5)),
    **{f"{sign}INT{bits}": (1, 2, 3) for sign in ("", "U") for bits in (8, 16, 32, 64)},
}

Columns = Mapping[str, Sequence[Any]]


class Tensor(msgspec.Struct):
    """An input or output, as a server describes it."""

    name: str
    datatype: str
    shape: list[int] = []


class Description(msgspec.Struct):
    """What a server says about a model."""

    name: str
    inputs: list[Tensor]
    outputs: list[Tensor]
    versions: list[str] = []


class Output(msgspec.Struct):
    """One output tensor of a reply."""

    name: str
    datatype: str
    shape: list[int]
    data: list[Any]


class Answers(msgspec.Struct):
    """The reply to rows."""

    model_name: str
    outputs: list[Output]
    id: str | None = None

    def scores(self) -> list[float]:
        """The first output that is numbers, a number a row."""
        for output in self.outputs:
            if output.datatype.startswith("FP"):
                return [math.nan if value is None else float(value) for value in output.data]
        return []


class Deployment:
    """One deployment behind a URL. Nothing but that URL is ever asked.

    Args:
        url: Where the server is; what follows `/v2` in it may name the deployment.
        name: The deployment; that of the URL when empty.
        http: Sends requests.
        token: Bearer token; empty for none.
    """

    def __init__(self, url: str, name: str, http: Outbound, token: str = "") -> None:
        base, found, rest = url.rstrip("/").partition("/v2")
        named = rest.removeprefix("/models/").partition("/")[0] if found else ""
        self.base = base
        self.name = name or named
        if not self.name:
            raise UsageError(
                "service-address",
                f"'{url}' names no deployment, and a server may have many.",
                hint=f"trueup check service {base or 'URL'} --model NAME",
            )
        self._http = http
        self.token = token

    @property
    def where(self) -> str:
        """How it is called in findings."""
        return f"{self.name} at {urlsplit(self.base).netloc}"

    def address(self, path: str = "") -> str:
        """The address of the deployment, or of something below it."""
        return f"{self.base}{_MODELS}{self.name}{path}"

    def headers(self, *, token: bool = True) -> dict[str, str]:
        """What is sent with a request."""
        allowed = {"Authorization": f"Bearer {self.token}"} if self.token and token else {}
        return {"Content-Type": JSON, **allowed}

    def get(self, path: str, *, token: bool = True) -> Response:
        """Ask for a path of the server."""
        headers = self.headers(token=token)
        del headers["Content-Type"]
        return self._http.request("GET", f"{self.base}{path}", headers=headers)

    def post(self, body: bytes, *, token: bool = True) -> Response:
        """Send a request for answers, whatever it holds."""
        return self._http.request(
            "POST", self.address("/infer"), headers=self.headers(token=token), content=body
        )

    def description(self) -> Description:
        """What it says that it takes and gives.

        Raises:
            BackendError: It does not say so.
        """
        reply = self.get(f"{_MODELS}{self.name}")
        if reply.status != 200:
            raise _malformed(self.address(), f"answers with {reply.status}: {said(reply)}")
        try:
            return msgspec.json.decode(reply.body, type=Description)
        except msgspec.MsgspecError as error:
            raise _malformed(self.address(), f"does not describe a model: {error}") from error

    def answers(self, body: bytes) -> Answers:
        """The answers to a request.

        Raises:
            BackendError: There are none.
        """
        reply = self.post(body)
        if reply.status != 200:
            raise _malformed(self.address("/infer"), f"answers with {reply.status}: {said(reply)}")
        try:
            return msgspec.json.decode(reply.body, type=Answers)
        except msgspec.MsgspecError as error:
            raise _malformed(self.address("/infer"), f"sends no answers: {error}") from error


def request(about: Description, columns: Columns, **more: Any) -> bytes:
    """Rows as a request.

    Args:
        about: What the deployment takes.
        columns: Values by input.
        more: Further fields, such as `id`.
    """
    inputs = [
        {
            "name": tensor.name,
            "datatype": tensor.datatype,
            "shape": [len(columns[tensor.name])],
            "data": list(columns[tensor.name]),
        }
        for tensor in about.inputs
    ]
    return msgspec.json.encode({"inputs": inputs, **more})


def example(about: Description, rows: int = 1) -> dict[str, list[Any]]:
    """Rows that fit what a deployment says it takes; they mean nothing."""
    return {
        tensor.name: [
            _EXAMPLES.get(tensor.datatype, (0, 1, 2))[number % 3] for number in range(rows)
        ]
        for tensor in about.inputs
    }


def columns_of(about: Description, frame: pl.DataFrame, named: str) -> dict[str, list[Any]]:
    """The columns of a frame that a deployment takes.

    Raises:
        UsageError: It lacks some, or has no rows.
    """
    names = [tensor.name for tensor in about.inputs]
    if missing := [name for name in names if name not in frame.columns]:
        raise UsageError(
            "service-rows",
            f"{named} lacks {listing(missing[:5])}, which {about.name} takes.",
            hint=f"give rows with the columns {listing(names[:8])}",
        )
    if not frame.height:
        raise UsageError("service-rows", f"{named} holds no rows.", hint="give at least one row")
    floats = {tensor.name for tensor in about.inputs if tensor.datatype.startswith("FP")}
    return {
        name: [
            None if isinstance(value, float) and math.isnan(value) else value
            for value in (frame[name].cast(pl.Float64) if name in floats else frame[name])
        ]
        for name in names
    }


def said(reply: Response) -> str:
    """The error that a reply states, cut short."""
    try:
        body = msgspec.json.decode(reply.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return "no JSON"
    return str(body.get("error", ""))[:200] if isinstance(body, dict) else "no object"


def part(name: str, wrong: str, good: str, outcome: CheckOutcome = "failed") -> Part:
    """A part that failed with these words, or else passed."""
    return Part(name=name, outcome=outcome if wrong else "passed", words=wrong or good)


def _malformed(url: str, what: str) -> BackendError:
    return BackendError("service-answer-malformed", f"{url} {what}.", hint=f"curl -i '{url}'")
