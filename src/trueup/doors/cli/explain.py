"""`trueup explain`: the page of an error code, in the terminal and without a network."""

from __future__ import annotations

from importlib.resources import files

import click
from rich.markdown import Markdown

from trueup.doors.cli.terminal import output
from trueup.doors.cli.terminal.grammar import Command
from trueup.foundation.errors import NotFoundError
from trueup.foundation.text import did_you_mean, nearest


@click.command(cls=Command, example="trueup explain git-dirty")
@click.argument("code", required=False)
@output.json_option
def command(code: str | None, as_json: bool) -> None:
    """Explain an error code: what it means, why it happens, how to mend it.

    Without a code it lists all of them.
    """
    pages = _pages()
    if code is None:
        _list(pages, as_json)
        return
    if code not in pages:
        near = nearest(code, pages)
        raise NotFoundError(
            "explanation-not-found",
            f"There is no error code '{code}'.{did_you_mean(code, pages)}",
            hint=f"trueup explain {near}" if near else "trueup explain",
        )
    if as_json:
        output.emit_json({"code": code, "page": pages[code]})
        return
    output.show(Markdown(pages[code], code_theme="ansi_dark"))


def _list(pages: dict[str, str], as_json: bool) -> None:
    summaries = {code: _summary(page) for code, page in pages.items()}
    if as_json:
        output.emit_json(summaries)
        return
    output.table(("code", "what it means"), summaries.items())
    output.next_step("trueup explain CODE")


def _pages() -> dict[str, str]:
    folder = files("trueup.rendering") / "explanations"
    found = {
        entry.name.removesuffix(".md"): entry.read_text(encoding="utf-8")
        for entry in folder.iterdir()
        if entry.name.endswith(".md")
    }
    return dict(sorted(found.items()))


def _summary(page: str) -> str:
    """The first sentence below the title."""
    paragraphs = [part.strip() for part in page.split("\n\n")]
    text = next((p for p in paragraphs if p and not p.startswith(("#", "```", "-"))), "")
    return " ".join(text.split()).split(". ")[0].rstrip(".") + "."
