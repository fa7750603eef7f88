"""Why: from anything to its causes and its effects, as a tree."""

from __future__ import annotations

from typing import Any

from litestar import Response

from trueup.app.provenance.lineage import Node
from trueup.app.provenance.why import explain
from trueup.doors.api.access import Asked, TheActor, TheWorkspace
from trueup.doors.api.routes import Name
from trueup.doors.web import lineage_graph, shell
from trueup.foundation.records import Record


class WhyPage(Record):
    """The chain of one reference."""

    reference: str
    tree: Node


@shell.page("/why/{reference:str}")
def why(request: Asked, workspace: TheWorkspace, actor: TheActor, reference: Name) -> Response[Any]:
    """The whole chain behind a reference."""
    page = WhyPage(reference=reference, tree=explain(workspace, actor, reference))
    title = f"Why {reference}"
    drawing = "" if shell.wants_json(request) else lineage_graph.svg(page.tree)
    return shell.answer(
        request, "why.html", title, page, command=f"trueup why {reference}", drawing=drawing
    )
