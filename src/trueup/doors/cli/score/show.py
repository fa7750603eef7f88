"""`trueup score MODEL`: 28 tests, each with its proof and what would gain its point."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from trueup.doors.cli.terminal import output
from trueup.doors.cli.terminal.addresses import of_kind
from trueup.doors.cli.terminal.grammar import Command
from trueup.rendering import words

if TYPE_CHECKING:
    from rich.text import Text

    from trueup.app.scoring.records import Answer, Line, Maturity, Scorecard

_PROOFS: Final = 2
_STEPS: Final = 2


@click.command(cls=Command, example="trueup score lumps")
@click.argument("model")
@click.option(
    "--as-of", default="", metavar="DAY", help="As it stood at the end of a day, or at a moment."
)
@click.option("--brief", is_flag=True, help="Only the sums and the levels.")
@click.option("--html", default="", metavar="FILE", help="Write a page that needs nothing else.")
@output.json_option
def command(model: str, as_of: str, brief: bool, html: str, as_json: bool) -> None:
    """Compute the ML Test Score of a model and its levels of maturity.

    A test has 1 point when evidence shows that it is made automatically and again and again, 0.5
    when a person attests it, else 0. The score is the smallest of the four sums.
    """
    from trueup.app.scoring import computing

    name = of_kind(model, "model").name
    with output.here() as workspace:
        card = computing.score(workspace, workspace.owner, name, as_of)
    if html:
        from trueup.doors.web import reports  # loads the web framework

        output.write_file(html, reports.scorecard(card, f"trueup score {name}"))
    if as_json:
        output.emit_json(card)
        return
    _summary(card)
    if not brief:
        for section in card.sections:
            output.blank()
            title = f"{words.title(section.name)}  {words.number(section.points)} of 7"
            output.heading(title)
            output.show(_lines(section.lines))
    output.blank()
    for maturity in card.maturity:
        _maturity(maturity)
    if html:
        output.say("\nWritten to {}.", html)
    output.next_step(*_next(card, computing.to_gain(card)))


def _summary(card: Scorecard) -> None:
    output.heading(
        f"{card.model}  ML Test Score {words.number(card.final)}",
        f"{card.means}; about {card.about or 'no version'}, {words.moment(card.at)}",
    )
    output.blank()
    for section in card.sections:
        marks = "".join(words.state(line.state).mark for line in section.lines)
        least = "   the smallest counts" if section.points == card.final else ""
        output.show(f"  {section.name:15} {marks}  {words.number(section.points):>3}{least}")
    for each in card.discarded:
        output.say("[yellow]{} is not what was signed: it counts for nothing.[/]", each)


def _lines(lines: tuple[Line, ...]) -> object:
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for line in lines:
        mark, style = output.mark(line.state)
        grid.add_row(Text(f"{mark} {line.id}", style=style), _told(line))
    return Padding(grid, (0, 0, 0, 2), expand=False)


def _told(line: Line) -> Text:
    from rich.text import Text

    from trueup.foundation.text import visible

    told = Text.assemble((line.title, "bold" if line.points == 1 else ""))
    told.append(f"\n{visible(line.words)}", style="dim")
    if line.attested:
        said = f"{line.attested.by} until {line.attested.until}: {line.attested.reason}"
        told.append(f"\nattested by {visible(said)}", style="yellow")
    refs = dict.fromkeys(proof.ref for proof in line.proofs)
    if refs:
        told.append(f"\nproof: {'  '.join(list(refs)[:_PROOFS])}", style="dim")
    for command in line.next[:_STEPS]:
        told.append(f"\n→ {visible(command)}", style="cyan")
    return told


def _maturity(maturity: Maturity) -> None:
    highest = len(maturity.levels)
    title = f"{maturity.author} level {maturity.reached} of {highest}"
    output.heading(title, maturity.title)
    if maturity.reached == highest:
        return
    lacking = maturity.levels[maturity.reached]
    output.show(f"  for level {lacking.number}, {lacking.title}:")
    output.findings(
        (_state(each.answer), f"{each.title}: {each.answer.words}") for each in lacking.conditions
    )


def _state(answer: Answer) -> str:
    return "proven" if answer.holds else "unproven"


def _next(card: Scorecard, lines: tuple[Line, ...]) -> list[str]:
    """The first command of what holds the score down, and where the rest is shown."""
    steps = [step for line in lines for step in line.next[:1] if step.startswith("trueup ")]
    others = [step for step in steps if not step.startswith("trueup score attest")]
    return [*list(dict.fromkeys(others or steps))[:2], f"trueup score {card.model} --html FILE"]
