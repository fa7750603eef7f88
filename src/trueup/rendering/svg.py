"""Drawing a chart: a Vega-Lite spec becomes an SVG that is legible in light and in dark.

The first drawing of a process starts a JavaScript engine, so nothing here is imported
before a chart is wanted. Pictures are kept by the digest of their spec.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Any, Final

from trueup.foundation import digests
from trueup.rendering import vega

# Each colour of vega.py: its name, and its dark twin of the same contrast.
_TWINS: Final[dict[str, tuple[str, str]]] = {
    vega.INK: ("ink", "#e6ebf0"),
    vega.FAINT: ("faint", "#9fadbb"),
    vega.RULE: ("rule", "#33404d"),
    vega.LIMIT: ("limit", "#ff8a80"),
    **dict(
        zip(
            vega.SERIES,
            (
                ("s1", "#6cb2f0"),
                ("s2", "#f0a24a"),
                ("s3", "#6fc58f"),
                ("s4", "#c39be6"),
                ("s5", "#f088b4"),
                ("s6", "#9db7d1"),
            ),
            strict=True,
        )
    ),
}
_KEPT = 256


class _Pictures:
    """Drawings by the digest of their spec; the least recently used goes first."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: OrderedDict[str, str] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, digest: str) -> str | None:
        with self._lock:
            if digest in self._kept:
                self._kept.move_to_end(digest)
            return self._kept.get(digest)

    def put(self, digest: str, picture: str) -> None:
        with self._lock:
            self._kept[digest] = picture
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)


_pictures = _Pictures(_KEPT)


def svg(spec: dict[str, Any]) -> str:
    """The picture of a spec, as a stand-alone SVG that follows the reader's colour scheme."""
    digest = digests.of_record(spec)
    known = _pictures.get(digest)
    if known is None:
        known = _legible(_drawn(spec))
        _pictures.put(digest, known)
    return known


def _drawn(spec: dict[str, Any]) -> str:
    import vl_convert

    drawn: str = vl_convert.vegalite_to_svg(spec)
    return drawn


def _legible(drawn: str) -> str:
    for colour, (name, _) in _TWINS.items():
        drawn = drawn.replace(f'"{colour}"', f'"var(--{name})"')
    light = "".join(f"--{name}:{colour};" for colour, (name, _) in _TWINS.items())
    dark = "".join(f"--{name}:{twin};" for name, twin in _TWINS.values())
    style = (
        f"<style>:root{{{light}}}"
        f"@media (prefers-color-scheme:dark){{:root{{{dark}}}}}"
        "@media print{:root{" + light + "}}</style>"
    )
    head, _, rest = drawn.partition(">")
    return f"{head}>{style}{rest}"
