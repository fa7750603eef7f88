"""Secrets reach the steps that ask for them, and nothing that a run leaves behind holds one."""

from __future__ import annotations

import io
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from trueup.backends.blobs.local import Backend
from trueup.foundation.errors import TrueupError
from trueup.lifecycle.runs.secrets.service import Secrets

CANARIES = {
    "TOKEN": "kanarie-token-4f9a1c",
    "KEY": "kanarie-key-77aa00\nkanarie-second-line-9\n",
    "OTHER": "kanarie-other-00ff11",
}

PIPELINE = """
    import os, subprocess, sys
    from pathlib import Path

    import polars as pl

    from trueup import pipeline, secret, sh, step

    @step
    def login(user: str, token: str) -> dict[str, float]:
        print("token", token)
        print(token, file=sys.stderr)
        os.write(1, f"raw {token}".encode())
        subprocess.run(["echo", "child", token])
        return {"length": float(len(token))}

    @step(secrets=["KEY"])
    def rows() -> pl.DataFrame:
        print(secret("KEY"))
        return pl.DataFrame({"length": [len(secret("KEY"))]})

    @step
    def text_of(file: Path) -> str:
        return file.read_text()

    @step(secrets=["KEY"])
    def leak(how: str) -> object:
        value = secret("KEY").splitlines()[0] if how == "raise" else secret("KEY")
        if how == "raise":
            raise ValueError(f"refused {value}")
        return {"text": value, "frame": pl.DataFrame({"a": [value]})}[how]

    @pipeline
    def flights(how: str = ""):
        login("sam", token=secret("TOKEN"))
        rows()
        made = sh('env | sort; printf "%s" "${#OTHER}" > "$n"',
                  outputs={"n": "n.txt"}, secrets=["OTHER"], shell=True)
        text_of(made["n"])
        if how:
            leak(how)
"""


@pytest.fixture
def holding_secrets(project: Any, state: Any, scientist: Any, home: Path) -> Any:
    project.write(PIPELINE)
    secrets = Secrets(state, project.root / ".trueup")
    for name, value in CANARIES.items():
        secrets.keep(scientist, name, value)
    return project


def traces(root: Path, home: Path) -> Iterator[str]:
    """Where a canary is found: in files, in rows of the database, in Parquet once decoded."""
    kept = root / ".trueup" / "secrets"
    for path in (*root.rglob("*"), *home.rglob("*")):
        if path.is_file() and not path.is_relative_to(kept):
            raw = path.read_bytes()
            yield from (f"{path}: {raw[:40]!r}" for _ in [0] if b"kanarie" in raw)
            if raw[:4] == b"PAR1" and "kanarie" in str(pl.read_parquet(io.BytesIO(raw)).to_dicts()):
                yield f"{path} (Parquet)"
    for database in home.rglob("*.db"):
        with sqlite3.connect(database) as connection:
            for line in connection.iterdump():
                if "kanarie" in line:
                    yield line[:200]
        connection.close()


def blobs_with_a_canary(blobs: Backend) -> list[str]:
    """Packed blobs may be compressed: each is looked at as it is given out."""
    found = []
    for digest in blobs.digests():
        raw = blobs.get(digest)
        frame = str(pl.read_parquet(raw).to_dicts()) if raw[:4] == b"PAR1" else ""
        if b"kanarie" in raw or "kanarie" in frame:
            found.append(digest)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["inprocess://", "processes://"])
def test_nothing_holds_a_secret_after_a_run(
    holding_secrets: Any, state: Any, home: Path, engine: str, capfd: pytest.CaptureFixture[str]
) -> None:
    project = holding_secrets
    run = project.run(engine=engine)
    assert run.state == "finished"
    for how in ("text", "frame", "raise") if engine == "inprocess://" else ("raise",):
        with pytest.raises(TrueupError) as caught:
            project.run({"how": how}, engine=engine)
        assert caught.value.code == ("step-failed" if how == "raise" else "secret-returned")
        assert "kanarie" not in str(caught.value.as_problem())
    assert not list(traces(project.root, home))
    assert not blobs_with_a_canary(state.blobs)
    logs = b"\n".join(state.blobs.get(d) for d in state.blobs.digests()).decode("utf-8", "replace")
    assert "token ***" in logs
    assert "OTHER=***" in logs
    assert "TRUEUP_SECRET" not in logs
    if engine == "processes://":  # in this process, what goes past Python goes to the terminal
        assert "raw ***" in logs
        assert "child ***" in logs
        said = capfd.readouterr()
        assert "kanarie" not in said.out + said.err


def test_the_search_finds_a_canary_wherever_it_is(
    holding_secrets: Any, state: Any, home: Path
) -> None:
    root = holding_secrets.root
    assert not list(traces(root, home))
    pl.DataFrame({"a": ["kanarie-x"]}).write_parquet(root / "a.parquet", compression="zstd")
    (root / "b.log").write_text("a kanarie")
    state.blobs.put(b"kanarie " * 1000)
    found = " ".join(traces(root, home))
    assert "a.parquet" in found
    assert "b.log" in found
    assert len(blobs_with_a_canary(state.blobs)) == 1


def test_a_parameter_that_holds_a_secret_stops_the_run(holding_secrets: Any, state: Any) -> None:
    with pytest.raises(TrueupError, match="'how' of pipeline 'flights' holds a secret") as caught:
        holding_secrets.run({"how": f"x {CANARIES['TOKEN']}"})
    assert "kanarie" not in str(caught.value.as_problem())
    assert not holding_secrets.progress
