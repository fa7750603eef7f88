"""What a trace may be, and what its spans tell of it. Pure functions."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Final

from trueup.foundation.errors import UsageError
from trueup.lifecycle.runs.tracking.traces.records import Overlap, Span, Trace

NAME_TAG: Final = "mlflow.traceName"
RUN_WORD: Final = "mlflow.sourceRun"
SPANS_TAG: Final = "mlflow.trace.spansLocation"
KEPT_HERE: Final = "TRACKING_STORE"
FILES_TAG: Final = "mlflow.artifactLocation"

_ID: Final = re.compile(r"[A-Za-z0-9][\w\-]{0,127}")
_SAID: Final = re.compile(r"a-[\w\-]{1,38}", re.ASCII)
_KEY: Final = 250
_VALUE: Final = 8000


def check(trace_id: str, words: Mapping[str, str] = {}) -> None:
    """Refuse what cannot be kept.

    Raises:
        UsageError: The identifier or one of the words is malformed or too long.
    """
    if not _ID.fullmatch(trace_id):
        raise _refused(f"'{trace_id[:100]}' can be no identifier of a trace")
    for key, value in words.items():
        if not 0 < len(key) <= _KEY:
            raise _refused(f"The key '{key[:100]}' is empty or longer than {_KEY} characters")
        if len(value) > _VALUE:
            raise _refused(f"The value of '{key}' has {len(value)} characters; {_VALUE} may be")


def check_assessment(id_: str, trace: str, owner: str | None) -> None:
    """Refuse an identifier that can be none of an assessment, or is that of another trace's.

    Args:
        id_: The identifier.
        trace: What the assessment is about.
        owner: The trace that the assessment of this identifier is about, if there is one.

    Raises:
        UsageError: It cannot be kept.
    """
    if not _SAID.fullmatch(id_):
        raise _refused(f"'{id_[:100]}' can be no identifier of an assessment")
    if owner not in (None, trace):
        raise _refused(f"The assessment '{id_}' is about another trace")


def drawn(spans: Sequence[Span], experiment: int) -> Trace:
    """The trace that spans of it show, where its program says nothing more.

    Args:
        spans: Some or all spans of one trace; not empty.
        experiment: Where it belongs.
    """
    begins = min(span.started_ns for span in spans)
    root = next((span for span in spans if not span.parent), None)
    ends = max(span.ended_ns for span in spans)
    name = str((root or spans[0]).body.get("name", ""))[:_VALUE]
    return Trace(
        id=spans[0].trace,
        experiment=experiment,
        state="in-progress" if root is None else "error" if root.failed else "ok",
        started_at=begins // 1_000_000,
        took=None if root is None else (ends - begins) // 1_000_000,
        tags={NAME_TAG: name, SPANS_TAG: KEPT_HERE},
    )


def association(found: Overlap, added: float = 0.0) -> float:
    """How much two filters go together: their normalised pointwise mutual information.

    Args:
        found: How they overlap.
        added: To each of the four fields of the table of counts; half a trace is Jeffreys' prior.

    Returns:
        1 if they match the same traces, 0 if they are independent, -1 if they never match
        together; NaN where one of them matches none.

    Example:
        >>> association(Overlap(first=10, second=10, both=10, total=40))
        1.0
        >>> round(association(Overlap(first=20, second=20, both=10, total=40)), 9)
        0.0
    """
    if not (found.first and found.second):
        return math.nan
    both = found.both + added
    if not both:
        return -1.0
    total = found.total + 4 * added
    if both == total:
        return 1.0
    first, second = found.first + 2 * added, found.second + 2 * added
    return math.log(both * total / (first * second)) / -math.log(both / total)


def _refused(because: str) -> UsageError:
    return UsageError("trace-malformed", f"{because}.", hint="trueup explain trace-malformed")
