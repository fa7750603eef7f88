"""What goes out: a record becomes an HTML page inside the common frame, or its JSON twin.

A page never prints a value by itself: everything passes through the filters made here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import msgspec
from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from markupsafe import Markup

from trueup import __version__
from trueup.app.wiring import Workspace
from trueup.doors.api.access import Asked, needs
from trueup.doors.web import links, static, twins
from trueup.foundation import digests, text
from trueup.foundation.actor import Actor
from trueup.foundation.errors import TrueupError
from trueup.foundation.permissions import Permission
from trueup.foundation.records import Record
from trueup.rendering import sparks, words

if TYPE_CHECKING:
    from jinja2 import Environment

JSON = "application/json"
HTML = "text/html"
_LONG: Final = 10  # letters of a number in a cell


class Place(Record):
    """One entry of the navigation."""

    label: str
    path: str
    is_current: bool
    count: int = 0


class Frame(Record):
    """What every page shows around its own content; plan 0 is none, None is unknown."""

    project: str
    plan: int | None
    actor: str
    version: str
    places: tuple[Place, ...]


# A place with others beside it; each is reached from the first.
RUNS: Final = (("Runs", "/runs"), ("Sweeps", "/sweeps"), ("Schedules", "/schedules"))
_BESIDE: Final = {path: "/runs" for _, path in RUNS if path != "/runs"} | {
    "/traces": "/experiments"
}

_PLACES = (
    ("Home", "/"),
    ("Plan", "/plan"),
    ("Data", "/data"),
    ("Runs", "/runs"),
    ("Experiments", "/experiments"),
    ("Models", "/models"),
    ("Deployments", "/deployments"),
    ("Alerts", "/alerts"),
    ("Audit", "/audit"),
)


def page(path: str, permission: Permission = "read") -> Callable[..., HTTPRouteHandler]:
    """Make a function answer at `path`, in a thread: it may wait for the database."""
    return get(path, opt=needs(permission), sync_to_thread=True, include_in_schema=False)


def answer(
    request: Asked,
    template: str,
    title: str,
    content: Record,
    *,
    command: str = "",
    drawing: str = "",
    more: Mapping[str, Any] | None = None,
    is_live: bool = False,
    status: int = 200,
) -> Response[Any]:
    """The page, or its JSON twin when that was asked for.

    Args:
        request: What was asked.
        template: File in `templates/`.
        title: Title of the page.
        content: Everything it says.
        command: The command that prints the same.
        drawing: A picture of it, as SVG made by `rendering/drawing.py`.
        more: What else the template needs and the twin does not say.
        is_live: Whether it is under way, so that the page reads itself again.
        status: HTTP status.
    """
    if wants_json(request):
        return Response(msgspec.json.encode(content), media_type=JSON, status_code=status)
    workspace: Workspace = request.app.state.workspace
    html = render(
        template,
        title=title,
        page=content,
        command=command,
        drawing=Markup(drawing),  # noqa: S704 - its texts are escaped there
        twin=twins.address(request.url.path, request.url.query),
        frame=frame(workspace, request.state.actor, request.url.path),
        is_live=is_live,
        **(more or {}),
    )
    return Response(html, media_type=HTML, status_code=status)


def wants_json(request: Asked) -> bool:
    """Whether the caller asked for data: by the API, by `.json`, or by what it accepts."""
    path = request.url.path
    if path.startswith(("/api/", "/hooks/")) or twins.is_twin(request.scope):
        return True
    accepted = request.headers.get("accept", "*/*")
    return JSON in accepted and HTML not in accepted


def render(template: str, **values: Any) -> str:
    """A template as HTML."""
    return _environment().get_template(template).render(**values)


def frame(workspace: Workspace, actor: Actor, path: str) -> Frame:
    """The common frame: where one is, and what waits elsewhere."""
    try:
        adopted = workspace.plans.current(actor)
        project, plan = adopted.plan.project.name, adopted.version
    except TrueupError:
        project, plan = workspace.root.name, 0
    alerts = len(workspace.monitors.alerts(actor, unresolved=True))
    return Frame(
        project=project,
        plan=plan,
        actor=str(actor),
        version=__version__,
        places=_places(path, {"/alerts": alerts}),
    )


def bare_frame(path: str) -> Frame:
    """A frame for when the project itself cannot be read."""
    return Frame(
        project="Trueup", plan=None, actor="", version=__version__, places=_places(path, {})
    )


def _places(path: str, counts: dict[str, int]) -> tuple[Place, ...]:
    home = next((home for beside, home in _BESIDE.items() if _is_in(path, beside)), path)
    return tuple(
        Place(label=label, path=at, is_current=_is_in(home, at), count=counts.get(at, 0))
        for label, at in _PLACES
    )


def _is_in(path: str, place: str) -> bool:
    return path == place or (place != "/" and path.startswith(f"{place}/"))


@cache
def _environment() -> Environment:
    import jinja2  # with the first page: a server that only answers programs does without

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("trueup.doors.web"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        auto_reload=False,
    )
    environment.filters |= {
        "number": words.number,
        "percent": words.percent,
        "brief": _brief,
        "cost": words.cost,
        "difference": words.difference,
        "moment": words.moment,
        "day": words.day,
        "duration": words.duration,
        "size": text.size,
        "plural": _plural,
        "by_position": _by_position,
        "by_key": _by_key,
        "of_ms": _of_ms,
        "training_first": _training_first,
        "listing": text.listing,
        "heading": words.title,
        "sentence": text.sentence,
        "short": digests.short,
        "link": links.link,
        "why": links.why,
    }
    environment.globals |= {
        "state_of": words.state,
        "span": words.span,
        "limit": words.limit,
        "stylesheet": static.url("style.css"),
        "icon": static.url("icon.svg"),
        "script": static.url("page.js"),
        "spark": _spark,
        "runs_places": RUNS,
    }
    return environment


def _brief(value: Any) -> Markup | str:
    """A value in a cell: a long number is rounded, and said in full when pointed at."""
    shown = str(value)
    if len(shown) <= _LONG:
        return shown
    try:
        short = words.number(float(shown))
    except ValueError:
        short = f"{shown[: 2 * _LONG]}…"
        if len(shown) <= 2 * _LONG:
            return shown
    return Markup('<span title="{}">{}</span>').format(shown, short)


def _spark(before: Sequence[float], after: Sequence[float], title: str) -> Markup:
    return Markup(sparks.svg(before, after, title))  # noqa: S704 - its one text is escaped there


def _by_position(records: Sequence[Any]) -> dict[int, Any]:
    return {record.position: record for record in records}


def _by_key(records: Sequence[Any]) -> dict[str, Any]:
    return {record.key: record for record in records}


def _training_first(points: Sequence[Any]) -> list[Any]:
    """What the training logged before what was sampled of its machine."""
    return sorted(points, key=lambda point: (point.key.startswith("system/"), point.key))


def _of_ms(milliseconds: int | None) -> datetime | None:
    """A time of tracking, which counts milliseconds, as pages show times."""
    return None if milliseconds is None else datetime.fromtimestamp(milliseconds / 1000, UTC)


def _plural(items: Sequence[Any] | int, noun: str, many: str = "") -> str:
    return text.plural(items if isinstance(items, int) else len(items), noun, many)
