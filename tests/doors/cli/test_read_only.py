"""A project on a disk that nobody may write can be read, and says plainly what it cannot do."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from trueup.doors.cli.main import run

# In a namespace of its own the process sees the folder as a disk mounted to be read.
MOUNTED = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && cd "$0" && exec "$@"'
READING = (
    ["data", "log", "images"],
    ["data", "status", "images"],
    ["data", "verify"],
    ["runs", "list"],
)
WRITING = ["data", "add", "data/images"]
SCRIPT = """
from trueup.doors.cli.main import run
for command in {commands}:
    print("code", run(command), flush=True)
"""


@pytest.mark.slow
@pytest.mark.parametrize("has_log", [False, True], ids=["at-rest", "with-a-log-left"])
def test_what_only_reads_works_and_what_writes_names_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_log: bool
) -> None:
    if subprocess.run(["unshare", "-rm", "true"], check=False, capture_output=True).returncode:
        pytest.skip("nothing can be mounted here")
    images = tmp_path / "data/images"
    images.mkdir(parents=True)
    (tmp_path / "trueup.toml").write_text('[project]\nname = "p"\nobjective = "Try"\n')
    (images / "a.jpg").write_bytes(b"1")
    monkeypatch.chdir(tmp_path)
    assert run(["data", "status"]) == 0
    # Whoever reads meanwhile keeps the log of what is written from being folded in.
    with closing(sqlite3.connect(tmp_path / ".trueup/trueup.db")) as reader:
        if has_log:
            reader.execute("SELECT count(*) FROM events").fetchone()
        assert run(["data", "add", "data/images"]) == 0
        log = tmp_path / ".trueup/trueup.db-wal"
        assert (log.exists() and log.stat().st_size > 0) == has_log
        script = SCRIPT.format(commands=[*READING, WRITING])
        done = subprocess.run(
            ["unshare", "-rm", "sh", "-c", MOUNTED, tmp_path, sys.executable, "-c", script],
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        )
    codes = [line.split()[1] for line in done.stdout.splitlines() if line.startswith("code ")]
    assert codes == ["0", "0", "0", "0", "8"], done.stderr
    assert "data:images@1" in done.stdout
    assert "Read-only file system" in done.stderr
