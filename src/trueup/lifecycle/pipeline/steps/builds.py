"""`build("Team/train", parameters=…)`: a build on Jenkins as a step of a pipeline.

An attempt starts it once, whatever dies meanwhile: its identifier is made of the run, the call and
the number of the attempt. Its log is the step's log; a run that is stopped stops its builds.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, cast

from trueup.foundation.errors import UserCodeError
from trueup.lifecycle.pipeline import options, origin
from trueup.lifecycle.pipeline.decorators import Step
from trueup.lifecycle.pipeline.drawing import tracing
from trueup.lifecycle.pipeline.drawing.graph import Node
from trueup.lifecycle.pipeline.passing import handing
from trueup.lifecycle.pipeline.steps import connecting, following
from trueup.lifecycle.pipeline.steps.calling import Call, outside
from trueup.lifecycle.pipeline.steps.shell import as_text
from trueup.ports.builds import BuildResult, Builds

_PARAMETER: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,99}")
GOOD: Final[tuple[BuildResult, ...]] = ("success",)


def build(
    job: str,
    *,
    parameters: Mapping[str, Any] | None = None,
    accept: tuple[BuildResult, ...] = GOOD,
    name: str = "",
    **asked: Any,
) -> dict[str, Any]:
    """Run a Jenkins job as a step of a pipeline, and wait for its end.

    The server is `[connections.jenkins]` in trueup.toml. A build is an effect: it is never reused
    from the cache. The job must take the parameter `TRUEUP_RUN_ID`.

    Args:
        job: The job, with its folders: `Team/train`.
        parameters: Its parameters: plain values.
        accept: Results that count as good; `unstable` may be one.
        name: Another name for the step than that of the job.
        **asked: The options of `@step`.

    Returns:
        `result`, `number`, `url` and `seconds` of the build.

    Raises:
        UsageError: Something about the call is wrong, or it is outside a pipeline.

    Example:
        >>> from trueup import pipeline
        >>> @pipeline
        ... def nightly() -> None:
        ...     build("Team/train", parameters={"DEPTH": 6})
        >>> [node.name for node in nightly.draw({}).nodes]
        ['train']
    """
    trace = tracing.tracing()
    at = origin.caller(sys._getframe(1), trace.root if trace else None)
    call = Call("build", at)
    if trace is None:
        outside(at, "build")
    plain = call.parameters(parameters or {}, _PARAMETER)
    read = options.read({"cache": False} | asked, "build(…)", at)
    called = name or job.rstrip("/").rpartition("/")[2]
    made: Step[..., Any] = Step(run_build, name=called, options=read)
    arguments = {"job": job, "parameters": plain, "accept": list(accept)}
    return cast("dict[str, Any]", trace.call(made, (), arguments))


def run_build(job: str, parameters: dict[str, Any], accept: list[str]) -> dict[str, Any]:
    """Start the build of a step, or find it again, and follow it to its end.

    Raises:
        UserCodeError: It ended otherwise than was accepted.
        BackendError: Jenkins cannot be reached.
    """
    around = handing.surroundings()
    words = {name: as_text(value) for name, value in parameters.items()}
    with connecting.outbound(around.root) as http:
        server = connecting.builds(around.root, http)
        for earlier in range(1, around.attempt):  # one that hung or lost its server may still run
            _end(server, job, key_of(around.run, around.name, earlier))
        key = key_of(around.run, around.name, around.attempt)
        ended = following.follow(server, job, words, key, _tell)
    if ended.result not in accept:
        raise UserCodeError(
            "build-failed",
            f"{around.at}: build {ended.number} of '{job}' ended as {ended.result} ({ended.url}).",
            hint=f"open {ended.url}",
            context={"job": job, "number": ended.number, "result": ended.result},
        )
    return {
        "result": ended.result,
        "number": ended.number,
        "url": ended.url,
        "seconds": ended.seconds,
    }


def stop(root: Path, run: str, nodes: Iterable[Node]) -> list[str]:
    """Stop the builds that a run has started, because the run was stopped.

    Args:
        root: The project's folder.
        run: Identifier of the run.
        nodes: The calls of its pipeline.

    Returns:
        The jobs whose builds were stopped.

    Raises:
        BackendError: Jenkins cannot be reached.
    """
    jobs = [(node, job) for node in nodes if (job := built_by(node))]
    if not jobs or not run:
        return []
    stopped = []
    with connecting.outbound(root) as http:
        server = connecting.builds(root, http)
        for node, job in jobs:
            attempts = range(1, node.called.options.retries + 2)
            ended = [_end(server, job, key_of(run, node.name, attempt)) for attempt in attempts]
            if any(ended):
                stopped.append(job)
    return stopped


def key_of(run: str, name: str, attempt: int = 1) -> str:
    """The identifier of the build of one attempt at a call; no job and no step has a `#`."""
    return f"{run}-{name}" + (f"#{attempt}" if attempt > 1 else "")


def _end(server: Builds, job: str, key: str) -> bool:
    """Stop the build with this key, if there is one that has not ended."""
    build = server.find(job, key)
    if build is None or server.look(build).state == "ended":
        return False
    server.cancel(build)
    return True


def built_by(node: Node) -> str:
    """The Jenkins job that a node builds; empty for any other node."""
    is_build = node.step is not None and node.step.function is run_build
    return str(node.arguments["job"]) if is_build else ""


def _tell(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
