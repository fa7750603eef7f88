"""Where a reference leads: the one place that knows which page shows which kind of thing."""

from __future__ import annotations

from urllib.parse import quote

from markupsafe import Markup, escape

from trueup.foundation import digests
from trueup.foundation.errors import UsageError
from trueup.foundation.references import Reference, parse

_PAGES = {
    "alert": "/alerts/{name}",
    "approval": "/approvals/{name}",
    "data": "/data#{name}",
    "deployment": "/deployments/{name}",
    "goal": "/plan#goal-{name}",
    "plan": "/plan",
    "release": "/deployments/{name}#release-{selector}",
    "run": "/runs/{name}",
    "verdict": "/verdicts/{name}",
    "event": "/audit?event={name}#event-{name}",
    "prediction": "/why/prediction:{name}",
}


def address(reference: str) -> str | None:
    """The page of what a reference names; None if it has none.

    Example:
        >>> address("flights@3"), address("release:late@2")
        ('/models/flights#v3', '/deployments/late#release-2')
    """
    try:
        ref = parse(reference)
    except UsageError:
        return None
    if ref.kind == "model":
        return f"/models/{quote(ref.name)}{_version_anchor(ref)}"
    pattern = _PAGES.get(ref.kind)
    if pattern is None:
        return None
    return pattern.format(name=quote(ref.name), selector=quote(ref.selector))


def link(reference: str, text: str = "") -> Markup:
    """A reference as HTML: a link where there is a page, else plain code."""
    shown = escape(text or _shortened(reference))
    url = address(reference)
    if url is None:
        return Markup('<code class="ref">{}</code>').format(shown)
    return Markup('<a class="ref" href="{}">{}</a>').format(url, shown)


def why(reference: str) -> str:
    """The page that traces a reference."""
    return f"/why/{quote(reference, safe=':@')}"


def _version_anchor(ref: Reference) -> str:
    return f"#v{ref.selector}" if ref.selector.isdecimal() else ""


def _shortened(reference: str) -> str:
    """A digest is cut, for people; everything else is said in full."""
    head, found, digest = reference.partition(digests.PREFIX)
    return head + digests.short(found + digest) if found else reference
