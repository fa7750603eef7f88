"""The access log: what was asked and how it went, never with what values."""

from __future__ import annotations

import json
from pathlib import Path

from trueup.lifecycle.serving.server.access import AccessLog

from ..conftest import Server, request_of


def test_each_request_is_a_line_without_its_values(server: Server, tmp_path: Path) -> None:
    log = AccessLog(str(tmp_path / "access.jsonl"))
    server.application.access = log
    server.infer(request_of([123456.5]))
    server.ask("POST", "/v2/models/late/infer", b"{")
    (tmp_path / "access.jsonl").rename(tmp_path / "rotated.jsonl")
    while not (tmp_path / "access.jsonl").exists():
        server.ask("GET", "/v2/health/live")
    log.close()
    text = (tmp_path / "rotated.jsonl").read_text() + (tmp_path / "access.jsonl").read_text()
    one, two, *rest = map(json.loads, text.splitlines())
    assert one.keys() == {
        *("at", "method", "path", "deployment", "status", "ms", "bytes", "caller", "peer")
    }
    assert (one["method"], one["path"], one["deployment"]) == ("POST", INFER, "late")
    assert [one["status"], two["status"], rest[0]["status"]] == [200, 400, 200]
    assert "123456" not in text


def test_a_share_is_logged_and_every_failure(server: Server, tmp_path: Path) -> None:
    log = AccessLog(str(tmp_path / "access.jsonl"), share=0.0)
    server.application.access = log
    server.infer(request_of([1.0]))
    server.ask("GET", "/nothing")
    log.close()
    (line,) = map(json.loads, (tmp_path / "access.jsonl").read_text().splitlines())
    assert (line["status"], line["path"]) == (404, "/nothing")


INFER = "/v2/models/late/infer"
