"""Secrets: a name while the pipeline is drawn, a value for the step, and nothing anywhere else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from trueup import each, pipeline, secret, sh, step
from trueup.foundation.errors import NotFoundError, UsageError, UserCodeError
from trueup.lifecycle.pipeline import secrets
from trueup.lifecycle.pipeline.records import StoredValue
from trueup.lifecycle.pipeline.secrets import Guard
from trueup.lifecycle.runs.execution import addressing

CANARY = 'canary-4f9a"1c77é2'
SAFE = "canary-77aa00bb"


@step
def login(url: str, token: str) -> int:
    assert token.startswith("canary-")
    return len(token)


@step(secrets=["TOKEN"])
def ask() -> int:
    return len(secret("TOKEN"))


@pytest.fixture(autouse=True)
def _known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRUEUP_SECRET_TOKEN", CANARY)


def drawn(function: Any) -> Any:
    return pipeline(function).draw({})


def test_inside_a_pipeline_it_is_a_name() -> None:
    def flights() -> None:
        login("https://example.org", token=secret("TOKEN"))

    [node] = drawn(flights).nodes
    assert repr(node.arguments["token"]) == "secret:TOKEN"
    assert [s.name for s in secrets.placeholders(node.arguments)] == ["TOKEN"]


def test_a_step_gets_the_value_and_the_key_the_name(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flights() -> None:
        login("x", token=secret("TOKEN"))

    [node] = drawn(flights).nodes
    assert bench.load(bench.perform(node.called, **node.arguments)) == len(CANARY)

    def key() -> Any:
        return addressing.components(
            node.called, node.arguments, bench.root, lambda _: StoredValue(kind="json", digest="")
        )

    before = key()
    monkeypatch.setenv("TRUEUP_SECRET_TOKEN", SAFE)
    assert key() == before
    assert "canary" not in repr(before)
    monkeypatch.delenv("TRUEUP_SECRET_TOKEN")
    with pytest.raises(NotFoundError, match="There is no secret 'TOKEN' here") as caught:
        bench.perform(node.called, **node.arguments)
    assert caught.value.hint.startswith("trueup secret set TOKEN")


def test_a_step_may_ask_for_what_it_declared(bench: Any) -> None:
    assert bench.load(bench.perform(ask)) == len(CANARY)

    @step
    def undeclared() -> int:
        return len(secret("TOKEN"))

    with pytest.raises(UsageError, match="did not ask for the secret 'TOKEN'") as caught:
        bench.perform(undeclared)
    assert caught.value.hint == '@step(secrets=["TOKEN"])'


def test_outside_a_pipeline_it_is_the_value() -> None:
    assert ask() == len(CANARY)
    with pytest.raises(NotFoundError, match="Did you mean 'TOKEN'"):
        secret("TOKN")
    with pytest.raises(UsageError, match="letters, digits"):
        secret("../x")


@pytest.mark.parametrize("use", [str, lambda s: f"Bearer {s}", "{}".format])
def test_it_cannot_become_text_before_its_step_runs(use: Any) -> None:
    def flights() -> None:
        login("x", token=use(secret("TOKEN")))

    with pytest.raises(UsageError, match="is used as text") as caught:
        drawn(flights)
    assert caught.value.code == "secret-as-text"


def test_it_can_be_mapped_beside(bench: Any) -> None:
    def flights() -> None:
        login.map(["x", "y"], token=secret("TOKEN"))
        login.map(["x"], token=each([secret("TOKEN")]))

    assert len(drawn(flights).nodes) == 2


LEAKS: dict[str, Any] = {
    "text": lambda s: f"token {s}",
    "plain data": lambda s: {"a": [{"b": s}]},
    "key": lambda s: {s: 1},
    "bytes": lambda s: b"\x00" + s.encode(),
    "text column": lambda s: pl.DataFrame({"a": ["x", f"<{s}>"]}),
    "categories": lambda s: pl.DataFrame({"a": [s]}, schema={"a": pl.Categorical}),
    "column name": lambda s: pl.DataFrame({s: [1]}),
    "nested column": lambda s: pl.DataFrame({"a": [[{"b": s}]]}),
    "binary column": lambda s: pl.DataFrame({"a": [s.encode()]}),
    "array of texts": lambda s: np.array(["x", s]),
    "part": lambda s: {"rows": pl.DataFrame({"a": [1]}), "said": s},
    "list": lambda s: [pl.DataFrame({"a": [s]})],
}


@pytest.mark.parametrize("how", LEAKS)
@pytest.mark.parametrize("value", [CANARY, SAFE])
def test_a_result_that_holds_it_is_refused(
    bench: Any, monkeypatch: pytest.MonkeyPatch, how: str, value: str
) -> None:
    monkeypatch.setenv("TRUEUP_SECRET_TOKEN", value)

    @step(secrets=["TOKEN"])
    def leak() -> Any:
        return LEAKS[how](secret("TOKEN"))

    with pytest.raises(UserCodeError, match="holds the secret 'TOKEN', so it was not kept") as e:
        bench.perform(leak)
    assert "canary" not in str(e.value.as_problem())
    assert not holding(bench.root, "canary")


def test_a_file_that_holds_it_is_refused(bench: Any, tmp_path: Path) -> None:
    @step(secrets=["TOKEN"])
    def leak(folder: bool) -> Path:
        place = tmp_path / "out"
        place.mkdir(exist_ok=True)
        (place / "a.txt").write_text("x" * (2**20 - 5) + secret("TOKEN"))
        return place if folder else place / "a.txt"

    for folder in (True, False):
        with pytest.raises(UserCodeError, match="holds the secret 'TOKEN'"):
            bench.perform(leak, folder=folder)
    assert not holding(bench.root, "canary")


def test_an_error_that_holds_it_is_cleaned(bench: Any) -> None:
    @step(secrets=["TOKEN"])
    def fail() -> None:
        raise ValueError(f"bad token {secret('TOKEN')}")

    with pytest.raises(UserCodeError) as caught:
        bench.perform(fail)
    assert "bad token ***" in caught.value.message
    assert "canary" not in repr(caught.value.as_problem()) + str(caught.value)
    assert caught.value.__cause__ is None


def test_logs_are_told_what_to_hide(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRUEUP_SECRET_KEY", f"-----BEGIN\n{SAFE}\nx\n")
    bench.perform(ask)
    assert bench.hidden == [f"-----BEGIN\n{SAFE}\nx\n", CANARY, SAFE, "-----BEGIN"]


def test_a_program_gets_its_secrets_as_variables_and_no_others(
    bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRUEUP_SECRET_OTHER", SAFE)

    @step
    def read(file: Path) -> str:
        return file.read_text()

    def flights() -> None:
        made = sh(
            'env | grep -c canary > "$n"; test "${#TOKEN}" -gt 8',
            outputs={"n": "n.txt"},
            secrets=["TOKEN"],
            shell=True,
        )
        read(made["n"])

    assert bench.load(bench.run(flights)[1]).strip() == "1"


def test_a_program_is_not_given_secrets_where_others_see_them() -> None:
    def flights() -> None:
        sh("curl {token}", parameters={"token": secret("TOKEN")})

    with pytest.raises(UsageError, match="which others would see") as caught:
        drawn(flights)
    assert caught.value.hint.startswith('secrets=["TOKEN"]')


def test_a_short_one_is_refused(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRUEUP_SECRET_TOKEN", "1234")
    with pytest.raises(UsageError, match="has 4 characters") as caught:
        bench.perform(ask)
    assert "1234" not in caught.value.message


def test_nothing_is_searched_when_nothing_is_secret() -> None:
    guard = Guard({})
    assert guard.in_bytes(b"x") == guard.in_frame(pl.DataFrame({"a": ["x"]})) == ""


def holding(folder: Path, text: str) -> list[str]:
    """The files below a folder that hold a text."""
    return [
        str(path)
        for path in folder.rglob("*")
        if path.is_file() and text.encode() in path.read_bytes()
    ]


def test_the_search_finds_one(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a canary")
    assert len(holding(tmp_path, "canary")) == 1


def test_asking_for_secrets_imports_no_large_library() -> None:
    code = "from trueup import secret; import sys; print({'polars', 'numpy'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ
    )
    assert done.stdout.strip() == "set()"
