"""`trueup why`: the chain behind anything, as a tree."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from rich.text import Text
from rich.tree import Tree

from trueup.doors.cli.terminal import output
from trueup.doors.cli.terminal.grammar import Command
from trueup.foundation.digests import PREFIX, short

if TYPE_CHECKING:
    from trueup.app.provenance.lineage import Node

_COMMIT_LENGTH = 40


@click.command(cls=Command, example="trueup why lumps@champion")
@click.argument("reference", metavar="REF")
@click.option("--facts/--no-facts", default=True, help="Show the facts of every thing, or not.")
@output.json_option
def command(reference: str, facts: bool, as_json: bool) -> None:
    """Trace anything to its causes and its effects.

    REF may name a prediction, model version, release, run, snapshot, feature definition, alert,
    verdict, approval, goal, plan or deployment.
    """
    from trueup.app.provenance.why import explain

    with output.here() as workspace:
        found = explain(workspace, workspace.owner, reference)
    if as_json:
        output.emit_json(found)
        return
    tree = Tree(_text(found, facts), guide_style="dim")
    for child in found.children:
        _grow(tree, child, facts)
    output.show(tree)
    refs = [ref for ref in _refs(found) if ref != found.ref]
    output.next_step(f"trueup why {refs[0]}" if refs else "trueup status")


def _grow(tree: Tree, node: Node, facts: bool) -> None:
    branch = tree.add(_text(node, facts))
    for child in node.children:
        _grow(branch, child, facts)


def _text(node: Node, facts: bool) -> Text:
    relation, label = node.relation, node.label
    if relation and relation.split()[-1] == label.split()[0]:  # not "at commit commit 1a2b3c4"
        relation = relation.rpartition(" ")[0]
    before = (f"{relation} ", "cyan") if relation else ""
    reference = (f"  {node.ref}", "magenta") if node.ref and node.ref not in label else ""
    text = Text.assemble(before, (label, "bold"), reference)
    shown = [
        f"{name} {_shortened(value)}"
        for name, value in node.facts.items()
        if facts and _shortened(value) not in label
    ]
    return text.append("\n" + " · ".join(shown), style="dim") if shown else text


def _shortened(value: str) -> str:
    if value.startswith(PREFIX):
        return short(value)
    is_commit = len(value) == _COMMIT_LENGTH and set(value) <= set("0123456789abcdef")
    return value[:12] if is_commit else value


def _refs(node: Node) -> list[str]:
    return [ref for child in node.children for ref in (child.ref, *_refs(child)) if ref]
