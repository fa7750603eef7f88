"""A real `trueup up` over an empty project, for clients in other processes."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .environments import ROOT, environment

TRUEUP = [sys.executable, "-m", "trueup"]
PLAN = '[project]\nname = "tracked"\nobjective = "Show what is tracked"\n'

OURS = environment(PYTHONPATH=str(ROOT / "src"))


@contextmanager
def serving(project: Path, *options: str) -> Iterator[str]:
    """The address of a server that lives as long as the block.

    Args:
        project: Folder of the project; made when it is not there.
        options: More options of `trueup up`.
    """
    project.mkdir(parents=True, exist_ok=True)
    if not (project / "trueup.toml").exists():
        (project / "trueup.toml").write_text(PLAN)
    subprocess.run(["git", "init", "--quiet", str(project)], check=True)
    command = [*TRUEUP, "up", "--port", "0", "--json"]
    with (project / "server.log").open("w") as log:
        server = subprocess.Popen(
            [*command, "--until-stdin-closes", *options],
            cwd=project,
            env=OURS,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    assert server.stdin is not None
    assert server.stdout is not None
    try:
        line = server.stdout.readline()
        assert line, (project / "server.log").read_text()
        yield json.loads(line)["listening"]
    finally:
        server.stdin.close()
        try:
            server.wait(timeout=20)
        finally:
            server.kill()
            server.stdout.close()
            server.wait()


def say(project: Path, *words: str) -> str:
    """What a command of ours prints in a project."""
    done = subprocess.run(
        [*TRUEUP, *words], cwd=project, env=OURS, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
