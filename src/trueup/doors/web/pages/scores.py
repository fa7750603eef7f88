"""How well tested a model is: 28 tests with their proofs, and its levels of maturity."""

from __future__ import annotations

from typing import Annotated, Any

from litestar import Response
from litestar.params import QueryParameter

from trueup.app.scoring.computing import score as compute
from trueup.doors.api.access import Asked, TheActor, TheWorkspace
from trueup.doors.api.routes import Name
from trueup.doors.web import reports, shell

Moment = Annotated[str, QueryParameter(max_length=40)]


@shell.page("/models/{name:str}/score")
def score(
    request: Asked, workspace: TheWorkspace, actor: TheActor, name: Name, as_of: Moment = ""
) -> Response[Any]:
    """The score of a model, computed from evidence as it stands, or as it stood on a day."""
    card = compute(workspace, actor, name, as_of)
    command = f"trueup score {name}" + (f" --as-of {as_of}" if as_of else "")
    more = {"is_report": False, "as_of": as_of[:10]}
    title = f"Score of {name}"
    return shell.answer(request, "score.html", title, card, command=command, more=more)


@shell.page("/models/{name:str}/score/file")
def score_file(
    workspace: TheWorkspace, actor: TheActor, name: Name, as_of: Moment = ""
) -> Response[Any]:
    """The same as a file that needs nothing else."""
    card = compute(workspace, actor, name, as_of)
    html = reports.scorecard(card, f"trueup score {name}")
    kept = "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in name)
    headers = {"content-disposition": f'attachment; filename="{kept}.score.html"'}
    return Response(html.encode(), media_type="text/html; charset=utf-8", headers=headers)
