"""The history of a model's aliases and stages: which version was what, when."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from litestar import Response
from litestar.params import QueryParameter

from trueup.doors.api.access import Asked, TheActor, TheWorkspace
from trueup.doors.api.routes import Name
from trueup.doors.web import shell
from trueup.foundation.records import Record
from trueup.lifecycle.models.aliases.records import History, Move
from trueup.rendering import timeline
from trueup.rendering.timeline import Span

Moment = Annotated[str, QueryParameter(max_length=40)]


class HistoryPage(Record):
    """Where a model's aliases and stages stood, and every move until then.

    Attributes:
        name: The model.
        as_of: The day or moment that was asked about; empty for now.
        history: What is known.
    """

    name: str
    as_of: str
    history: History


@shell.page("/models/{name:str}/history")
def history(
    request: Asked, workspace: TheWorkspace, actor: TheActor, name: Name, as_of: Moment = ""
) -> Response[Any]:
    """Every move of a model's aliases and stages, and where they stood on a day."""
    found = workspace.aliases.history(actor, name, as_of)
    page = HistoryPage(name=name, as_of=as_of, history=found)
    command = f"trueup model history {name}" + (f" --as-of {as_of}" if as_of else "")
    drawing = ""
    if not shell.wants_json(request):
        title = f"Aliases and stages of {name} over time"
        drawing = timeline.svg(spans(found.moves), found.standing.at, title)
    return shell.answer(
        request,
        "model_history.html",
        f"History of {name}",
        page,
        command=command,
        drawing=drawing,
    )


def spans(moves: Sequence[Move]) -> list[Span]:
    """What each move began, until the move that ended it; lanes by name, aliases first.

    An alias points at one version at a time. A stage may hold several: each has its own lane.
    """
    found: list[Span] = []
    begun: dict[tuple[str, str, int | None], tuple[datetime, int]] = {}
    for move in moves:
        if move.before is not None:
            key = _key(move, move.before)
            if key in begun:
                start, version = begun.pop(key)
                found.append(_span(key, version, start, move.at))
        if move.after is not None:
            begun[_key(move, move.after)] = (move.at, move.after)
    found += [_span(key, version, start, None) for key, (start, version) in begun.items()]
    return sorted(found, key=lambda span: (span.lane, span.start))


def _key(move: Move, version: int) -> tuple[str, str, int | None]:
    return move.what, move.name, version if move.what == "stage" else None


def _span(
    key: tuple[str, str, int | None], version: int, start: datetime, end: datetime | None
) -> Span:
    what, name, _ = key
    lane = name if what == "alias" else f"{name} @{version}"
    return Span(lane=lane, word=f"@{version}", start=start, end=end)
