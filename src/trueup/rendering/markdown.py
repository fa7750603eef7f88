"""Markdown of ours as HTML: the pages that explain an error. Raw HTML in it stays text."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markdown_it import MarkdownIt

_FOLDER = "explanations"


def to_html(text: str) -> str:
    """Markdown as HTML that is safe to put into a page.

    Example:
        >>> to_html("a *b* <i>c</i>")
        '<p>a <em>b</em> &lt;i&gt;c&lt;/i&gt;</p>\\n'
    """
    html: str = _markdown().render(text)
    return html


def explanation(code: str) -> str | None:
    """The Markdown page of an error code, if there is one."""
    if code not in explained_codes():
        return None
    return _pages().joinpath(f"{code}.md").read_text(encoding="utf-8")


def explained_codes() -> list[str]:
    """All error codes that have a page."""
    return sorted(
        page.name.removesuffix(".md") for page in _pages().iterdir() if page.name.endswith(".md")
    )


def _pages() -> resources.abc.Traversable:
    return resources.files("trueup.rendering").joinpath(_FOLDER)


@cache
def _markdown() -> MarkdownIt:
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"html": False}).enable("table")
