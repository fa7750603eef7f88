"""A run in a notebook: static, small, light or dark as the notebook is. No script, no CDN."""

from __future__ import annotations

import math
from collections.abc import Mapping
from html import escape
from typing import Any, Final

_MOST: Final = 24
_LONGEST: Final = 60
_STYLE: Final = (
    ".trueup{font:13px/1.5 system-ui,sans-serif;border:1px solid #8884;border-radius:8px;"
    "padding:.7em 1em;max-width:46em;color:inherit}"
    ".trueup b{font-weight:600}.trueup table{border-collapse:collapse;margin:.3em 0}"
    ".trueup td{padding:.1em 1.2em .1em 0;text-align:left;background:none}"
    ".trueup td+td{font-variant-numeric:tabular-nums}.trueup summary{cursor:pointer}"
    ".trueup span{border-radius:9px;padding:0 .6em;background:#8883}.trueup small{opacity:.75}"
)


def card(
    *,
    name: str,
    ref: str,
    experiment: str,
    state: str,
    page: str,
    params: Mapping[str, str],
    metrics: Mapping[str, Any],
) -> str:
    """The run as HTML, always below 20 KB."""
    title = escape(name or ref)
    if page:
        title = f'<a href="{escape(page)}">{title}</a>'
    parts = [
        f"<style>{_STYLE}</style>",
        f'<div class="trueup"><b>{title}</b> <span>{escape(state)}</span> '
        f"<small>experiment {escape(experiment[:100])}</small>",
        _table("Metrics", {key: _number(value) for key, value in metrics.items()}, is_open=True),
        _table("Parameters", params, is_open=len(params) <= 8),
        f"<small><code>trueup runs show {escape(ref)}</code></small></div>",
    ]
    return "".join(parts)


def _table(title: str, words: Mapping[str, str], *, is_open: bool) -> str:
    if not words:
        return ""
    rows = "".join(
        f"<tr><td>{_short(key)}</td><td>{_short(value)}</td></tr>"
        for key, value in list(words.items())[:_MOST]
    )
    more = len(words) - _MOST
    rest = f"<small>and {more} more</small>" if more > 0 else ""
    opened = " open" if is_open else ""
    return f"<details{opened}><summary>{title}</summary><table>{rows}</table>{rest}</details>"


def _short(text: str) -> str:
    return escape(text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…")


def _number(value: Any) -> str:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return str(value)
    return f"{number:.6g}" if math.isfinite(number) else str(number)
