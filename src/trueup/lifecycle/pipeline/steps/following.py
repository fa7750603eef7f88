"""Following a build elsewhere: start it once, read its log as it grows, stop it when we stop."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from trueup.foundation.errors import BackendError
from trueup.ports.builds import Build, Builds

_FIRST_S, _MOST_S = 0.2, 5.0
_PATIENCE = 10  # questions in a row that find nobody


def follow(
    builds: Builds,
    job: str,
    parameters: Mapping[str, str],
    key: str,
    tell: Callable[[str], None],
    sleep: Callable[[float], None] = time.sleep,
) -> Build:
    """Start a build, or find the one of this key, and return when it has ended.

    A server that restarts meanwhile is asked again. When this process is interrupted, the build
    is stopped before the interruption goes on.

    Args:
        builds: The server.
        job: What is built.
        parameters: Its parameters.
        key: Identifier of this start.
        tell: Given the log, piece by piece.
        sleep: Waits between two questions.

    Raises:
        BackendError: The server stayed away.
    """
    build = builds.start(job, parameters, key)
    try:
        return _to_the_end(builds, build, tell, sleep)
    except (KeyboardInterrupt, SystemExit):
        builds.cancel(build)
        raise


def _to_the_end(
    builds: Builds, build: Build, tell: Callable[[str], None], sleep: Callable[[float], None]
) -> Build:
    start, pause, missed = 0, _FIRST_S, 0
    while True:
        try:
            build = builds.look(build)
            # Ended first, log second: what was written until the end is read before we leave.
            part = builds.log(build, start)
        except BackendError:
            missed += 1
            if missed > _PATIENCE:
                raise
            sleep(_MOST_S)
            continue
        missed = 0
        if part.text:
            tell(part.text)
        start = part.next
        if build.state == "ended" and not part.more:
            return build
        pause = _FIRST_S if part.text else min(pause * 1.5, _MOST_S)
        sleep(pause)
