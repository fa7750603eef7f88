"""A deployment keeps its contract, and every way of breaking it is named."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from trueup.foundation.errors import UsageError
from trueup.lifecycle.gates.records import CheckResult
from trueup.lifecycle.models.records import Column, Signature
from trueup.lifecycle.serving.checking import contract
from trueup.lifecycle.serving.checking.asking import Deployment
from trueup.state.outbound import Outbound

from .conftest import NAME, Behaviour, well_behaved

Serve = Callable[[Behaviour], str]
BAD = {
    *("no JSON", "empty body", "no inputs", "no rows", "input missing", "input unknown"),
    *("input twice", "wrong type", "wrong datatype", "wrong shape", "nested", "huge"),
    *("NaN", "Infinity", "1e999", "unknown model"),
}


def broken(found: CheckResult) -> dict[str, str]:
    """The parts that failed, with their words."""
    return {part.name: part.words for part in found.parts if part.outcome != "passed"}


@pytest.fixture
def checked(
    serve: Serve, http: Outbound, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., CheckResult]:
    """Checks a server that answers as a function says."""
    monkeypatch.setattr(contract, "_HUGE", 1000)

    def check(behave: Behaviour, token: str = "", **more: Any) -> CheckResult:
        return contract.check(Deployment(serve(behave), NAME, http, token), **more)

    return check


@pytest.mark.slow
def test_our_own_server_keeps_its_contract(real: Deployment) -> None:
    found = contract.check(real, {"x": [1.0, 2.0, None]})
    assert broken(found) == {}
    assert {part.name for part in found.parts} >= BAD | {"live", "ready", "metadata", "answers"}
    assert found.outcome == "passed"


def test_another_server_of_the_protocol_keeps_it_too(checked: Callable[..., CheckResult]) -> None:
    found = checked(well_behaved)
    assert broken(found) == {}


def test_refusals_with_a_wrong_status_are_named(checked: Callable[..., CheckResult]) -> None:
    def behave(path: str, body: bytes) -> tuple[int, Any]:
        status, said = well_behaved(path, body)
        return (500 if status == 400 else status), said

    found = checked(behave)
    assert set(broken(found)) == BAD - {"unknown model"}
    assert "it answers with 500, not with a refusal" in broken(found)["no rows"]


def test_bad_rows_that_are_answered_are_named(checked: Callable[..., CheckResult]) -> None:
    def behave(path: str, body: bytes) -> tuple[int, Any]:
        status, said = well_behaved(path, body)
        return (200, {"model_name": NAME, "outputs": []}) if status == 400 else (status, said)

    found = checked(behave)
    assert "answered as if nothing were wrong" in broken(found)["NaN"]


def test_a_refusal_without_words_or_with_values_is_named(
    checked: Callable[..., CheckResult],
) -> None:
    def silent(path: str, body: bytes) -> tuple[int, Any]:
        status, said = well_behaved(path, body)
        return status, b"<html>" if status == 400 else said

    def chatty(path: str, body: bytes) -> tuple[int, Any]:
        status, said = well_behaved(path, body)
        return status, {"error": f"cannot read {body[:200]!r}"} if status == 400 else said

    assert "has no JSON body" in broken(checked(silent))["no rows"]
    assert "repeats the value" in broken(checked(chatty))["wrong type"]


@pytest.mark.parametrize(
    ("change", "part", "said"),
    [
        ({"outputs": []}, "metadata", "it names no inputs or no outputs"),
        ({"name": "other"}, "metadata", "it calls itself 'other'"),
        ({"live": False}, "live", "does not say that live is true"),
        ({"extensions": None, "version": None}, None, ""),
    ],
)
def test_what_it_says_about_itself_is_looked_at(
    checked: Callable[..., CheckResult], change: dict[str, Any], part: str | None, said: str
) -> None:
    def behave(path: str, body: bytes) -> tuple[int, Any]:
        status, answer = well_behaved(path, body)
        return status, answer if body or status != 200 else answer | change

    found = broken(checked(behave))
    assert said in found.get(part or "", "")
    assert part is None or part in found


@pytest.mark.parametrize(
    ("change", "part"),
    [
        (lambda said, n: said.update(id="other"), "id"),
        (lambda said, n: said["outputs"][0].update(shape=[n + 1]), "answers"),
        (lambda said, n: said["outputs"][0].update(datatype="INT64"), "answers"),
        (lambda said, n: said["outputs"][0].update(data=[n / 7] * n), "same answer"),
        (lambda said, n: said["outputs"].append(dict(said["outputs"][0], name="b")), "outputs"),
        (lambda said, n: said.update(outputs=None), "answers"),
    ],
)
def test_a_wrong_answer_is_named(
    checked: Callable[..., CheckResult], change: Callable[[Any, int], Any], part: str
) -> None:
    def behave(path: str, body: bytes) -> tuple[int, Any]:
        status, said = well_behaved(path, body)
        if status == 200 and "outputs" in said and "model_name" in said:
            change(said, len(said["outputs"][0]["data"]))
        return status, said

    assert part in broken(checked(behave))


def test_a_server_that_is_not_ready_fails(checked: Callable[..., CheckResult]) -> None:
    found = checked(lambda path, body: (503, {"error": "starting"}))
    assert found.outcome == "failed"
    assert {"live", "ready", "model ready", "server", "metadata"} <= set(broken(found))


def test_a_token_that_nobody_asks_for_is_named(checked: Callable[..., CheckResult]) -> None:
    assert "anybody may ask" in broken(checked(well_behaved, token="t"))["token"]


def test_the_signature_is_held_against_the_metadata(checked: Callable[..., CheckResult]) -> None:
    same = Signature(inputs=(Column(name="x", kind="number"),))
    other = Signature(inputs=(Column(name="x", kind="text"),))
    assert broken(checked(well_behaved, signature=same)) == {}
    assert "x differ between" in broken(checked(well_behaved, signature=other))["signature"]


@pytest.mark.parametrize("url", ["http://h:1", "http://h:1/v2/models/", "http://h:1/v2"])
def test_an_address_without_a_deployment_says_how_to_name_it(url: str, http: Outbound) -> None:
    with pytest.raises(UsageError) as caught:
        Deployment(url, "", http)
    assert caught.value.hint == "trueup check service http://h:1 --model NAME"


def test_an_address_may_name_the_deployment(http: Outbound) -> None:
    there = Deployment("http://h:1/proxy/v2/models/late/infer", "", http)
    assert (there.name, there.address()) == ("late", "http://h:1/proxy/v2/models/late")


def test_a_token_goes_to_no_other_machine_in_the_open(http: Outbound) -> None:
    with pytest.raises(UsageError) as caught:
        contract.check(Deployment("http://10.255.255.1:1", "late", http, "secret"))
    assert caught.value.code == "service-without-tls"


def test_requests_hold_only_what_json_can_say() -> None:
    about = contract.Description(name="m", inputs=[contract_tensor("x")], outputs=[])
    body = json.loads(contract.request(about, {"x": [1.0]}))
    assert body["inputs"] == [{"name": "x", "datatype": "FP64", "shape": [1], "data": [1.0]}]


def contract_tensor(name: str) -> Any:
    from trueup.lifecycle.serving.checking.asking import Tensor

    return Tensor(name=name, datatype="FP64", shape=[-1])
