"""Whether a running deployment keeps the Open Inference Protocol, for good requests and bad ones.

Its good requests are answered and recorded like any other; bad ones must be refused in words.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from trueup.foundation.errors import TrueupError
from trueup.foundation.text import listing
from trueup.lifecycle.gates.methods.parts import told, worst
from trueup.lifecycle.gates.records import CheckResult, Part
from trueup.lifecycle.models.records import Signature
from trueup.lifecycle.serving.checking.asking import (
    Answers,
    Columns,
    Deployment,
    Description,
    example,
    part,
    request,
    said,
)
from trueup.lifecycle.serving.protocol.intake import DATATYPES
from trueup.ports.http import Response

_MARK: Final = "trueup-contract-7431"
_HUGE: Final = 20 << 20
_ROWS: Final = 3
_VALUES: Final = ("no JSON", "wrong type")


def check(
    deployment: Deployment, rows: Columns | None = None, signature: Signature | None = None
) -> CheckResult:
    """Ask a deployment everything that its contract holds.

    Args:
        deployment: What to ask.
        rows: Rows that it can answer; made up from what it says about itself when left out.
        signature: What the model behind it is known to take; None when nobody said.
    """
    parts = [*_health(deployment)]
    try:
        about = deployment.description()
    except TrueupError as error:
        parts.append(part("metadata", error.message, ""))
    else:
        parts += _described(deployment, about, signature)
        columns = rows or example(about, _ROWS)
        parts += _answered(deployment, about, columns)
        parts += _refused(deployment, about, columns)
        parts += _guarded(deployment, about, columns)
        parts.append(_still(deployment, about, columns))
    return CheckResult(
        check="contract",
        outcome=worst(parts),
        words=told(parts, f"{deployment.where} keeps its contract in {len(parts)} cases"),
        rows=len(parts),
        parts=tuple(parts),
    )


def _health(deployment: Deployment) -> Iterator[Part]:
    for name, path, key in (
        ("live", "/v2/health/live", "live"),
        ("ready", "/v2/health/ready", "ready"),
        ("model ready", f"/v2/models/{deployment.name}/ready", ""),
    ):
        reply = deployment.get(path)
        wrong = "" if reply.status == 200 else f"{path} answers with {reply.status}"
        if not wrong and key and _object(reply).get(key) is not True:
            wrong = f"{path} answers 200, but does not say that {key} is true"
        yield part(name, wrong, f"{path} answers 200")
    reply = deployment.get("/v2")
    body = _object(reply)
    absent = [key for key in ("name", "version", "extensions") if key not in body]
    yield part(
        "server",
        f"/v2 answers with {reply.status} and lacks {listing(absent)}" if absent else "",
        "/v2 names the server, its version and its extensions",
    )


def _described(
    deployment: Deployment, about: Description, signature: Signature | None
) -> Iterator[Part]:
    wrong = ""
    tensors = [*about.inputs, *about.outputs]
    if about.name != deployment.name:
        wrong = f"it calls itself '{about.name}'"
    elif not about.inputs or not about.outputs:
        wrong = "it names no inputs or no outputs"
    elif len({t.name for t in about.inputs}) < len(about.inputs):
        wrong = "it names an input twice"
    elif odd := [t.name for t in tensors if not t.shape]:
        wrong = f"{listing(odd[:5])} have no shape"
    yield part("metadata", wrong, f"it takes {len(about.inputs):,} inputs")
    if signature is None:
        return
    stated = {tensor.name: tensor.datatype for tensor in about.inputs}
    known = {column.name: DATATYPES[column.kind] for column in signature.inputs}
    apart = sorted(name for name in {*stated, *known} if stated.get(name) != known.get(name))
    words = f"{listing(apart[:5])} differ between its metadata and the model's signature"
    yield part("signature", words if apart else "", "its metadata is the model's signature")


def _answered(deployment: Deployment, about: Description, columns: Columns) -> Iterator[Part]:
    count = len(next(iter(columns.values()), ()))
    try:
        whole = deployment.answers(request(about, columns, id=_MARK))
        alone = deployment.answers(request(about, _first(columns)))
        wanted = whole.outputs[0].name if whole.outputs else ""
        only = deployment.answers(request(about, columns, outputs=[{"name": wanted}]))
    except TrueupError as error:
        yield part("answers", error.message, "")
        return
    yield part("answers", _shapes(about, whole, count), f"{count:,} rows get {count:,} answers")
    yield part(
        "id", "" if whole.id == _MARK else "it does not send the id back", "it echoes the id"
    )
    names = [output.name for output in only.outputs]
    yield part(
        "outputs",
        "" if names == [wanted] else f"asked for {wanted} alone, it sends {listing(names)}",
        "it sends the outputs that are asked for",
    )
    before, now = whole.scores()[:1], alone.scores()[:1]
    yield part(
        "same answer",
        "" if str(before) == str(now) else "a row is answered otherwise alone than among others",
        "a row gets one answer, alone and among others",
    )


def _shapes(about: Description, answers: Answers, count: int) -> str:
    stated = {tensor.name: tensor.datatype for tensor in about.outputs}
    for output in answers.outputs:
        if stated.get(output.name) != output.datatype:
            return f"output '{output.name}' is {output.datatype}, and not in its metadata as that"
        if output.shape[:1] != [count] or len(output.data) != math.prod(output.shape):
            return f"output '{output.name}' has shape {output.shape} for {count} rows"
    if not answers.outputs:
        return "it answers without outputs"
    endless = [value for value in answers.scores() if not math.isfinite(value)]
    return f"{len(endless):,} answers are no numbers" if endless else ""


def _refused(deployment: Deployment, about: Description, columns: Columns) -> Iterator[Part]:
    """Requests that break a rule: each must be refused by a 4xx with words that repeat no value."""
    for name, body in _broken(about, columns):
        try:
            reply = deployment.post(body)
        except TrueupError as error:
            # Who is sent far too much may hang up before it is all there.
            wrong = "" if name == "huge" else f"{name}: {error.message}"
            yield part(name, wrong, "refused by hanging up")
        else:
            yield _refusal(name, reply)
    unknown = deployment.get(f"/v2/models/{_MARK}")
    wrong = "" if unknown.status == 404 else f"a model that is not there gets {unknown.status}"
    yield part("unknown model", wrong or _words_of(unknown), "a model that is not there gets 404")


def _broken(about: Description, columns: Columns) -> Iterator[tuple[str, bytes]]:
    good: dict[str, Any] = msgspec.json.decode(request(about, _first(columns)))
    first = good["inputs"][0]
    rest = good["inputs"][1:]

    def body(changed: list[Any]) -> bytes:
        return msgspec.json.encode({**good, "inputs": changed})

    odd: Any = 7 if first["datatype"] == "BYTES" else _MARK
    yield "no JSON", b'{"inputs": [' + _MARK.encode()
    yield "empty body", b""
    yield "no inputs", msgspec.json.encode({"id": _MARK})
    yield "no rows", body([{**each, "shape": [0], "data": []} for each in good["inputs"]])
    yield "input missing", body(rest)
    yield "input unknown", body([*good["inputs"], {**first, "name": _MARK}])
    yield "input twice", body([*good["inputs"], first])
    yield "wrong type", body([{**first, "data": [odd]}, *rest])
    yield "wrong datatype", body([{**first, "datatype": _MARK}, *rest])
    yield "wrong shape", body([{**first, "shape": [2]}, *rest])
    yield "nested", body([{**first, "data": [[[first["data"][0]]]]}, *rest])
    numbers = [each for each in good["inputs"] if each["datatype"].startswith("FP")]
    for word in ("NaN", "Infinity", "1e999") if numbers else ():
        marked = [
            {**each, "data": [_MARK]} if each is numbers[0] else each for each in good["inputs"]
        ]
        yield word, body(marked).replace(f'"{_MARK}"'.encode(), word.encode())
    yield "huge", body([{**first, "data": ["x" * _HUGE]}, *rest])


def _refusal(name: str, reply: Response) -> Part:
    wrong = ""
    if reply.status == 200:
        wrong = f"{name}: it is answered as if nothing were wrong"
    elif not 400 <= reply.status < 500:
        wrong = f"{name}: it answers with {reply.status}, not with a refusal (4xx)"
    elif words := _words_of(reply):
        wrong = f"{name}: {words}"
    elif name in _VALUES and _MARK.encode() in reply.body:
        wrong = f"{name}: the refusal repeats the value that was sent"
    return part(name, wrong, f"refused with {reply.status}: {said(reply)[:80]}")


def _words_of(reply: Response) -> str:
    """What is wrong with the body of a refusal; empty when nothing is."""
    error = _object(reply).get("error")
    if not isinstance(error, str) or not error:
        return 'the refusal has no JSON body {"error": "…"}'
    if "Traceback" in error or ".py" in error:
        return "the refusal shows the insides of the server"
    return ""


def _guarded(deployment: Deployment, about: Description, columns: Columns) -> Iterator[Part]:
    if not deployment.token:
        return
    reply = deployment.post(request(about, _first(columns)), token=False)
    if reply.status in (401, 403):
        words = f"without the token it answers with {reply.status}"
        yield Part(name="token", outcome="passed", words=words)
        return
    words = f"without the token it answers with {reply.status}: anybody may ask"
    yield Part(name="token", outcome="failed", words=words)


def _still(deployment: Deployment, about: Description, columns: Columns) -> Part:
    try:
        deployment.answers(request(about, _first(columns)))
    except TrueupError as error:
        return part("afterwards", f"after bad requests it no longer answers: {error.message}", "")
    return part("afterwards", "", "after all that it still answers")


def _first(columns: Columns) -> dict[str, list[Any]]:
    return {name: list(values[:1]) for name, values in columns.items()}


def _object(reply: Response) -> dict[str, Any]:
    try:
        body = msgspec.json.decode(reply.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}
    return body if isinstance(body, dict) else {}
