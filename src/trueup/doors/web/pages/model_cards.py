"""The card and the bill of materials of a model version: as pages, and as files to keep."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from litestar import Response

from trueup.app.cards import writing
from trueup.app.cards.bom import bill
from trueup.app.cards.gathering import gather
from trueup.app.cards.records import Card
from trueup.app.cards.writing import Format
from trueup.doors.api.access import Asked, TheActor, TheWorkspace
from trueup.doors.api.routes import Name
from trueup.doors.web import shell
from trueup.foundation.errors import NotFoundError
from trueup.foundation.records import Record

_FORMS: Final[dict[str, tuple[Format, str]]] = {
    "md": ("md", "text/markdown; charset=utf-8"),
    "html": ("html", "text/html; charset=utf-8"),
    "keep": ("json", "application/json"),
}


class CardPage(Record):
    """The card of a version, and the digest that a kept one is held against."""

    digest: str
    card: Card


class BillPage(Record):
    """A bill of materials: CycloneDX as it is written to a file."""

    ref: str
    bill: dict[str, Any]


@shell.page("/models/{name:str}/{version:str}/card")
def card(
    request: Asked, workspace: TheWorkspace, actor: TheActor, name: Name, version: Name
) -> Response[Any]:
    """What is known of a version, gathered from evidence as it stands now."""
    found = gather(workspace, actor, name, version)
    page = CardPage(digest=found.address, card=found)
    more = {"sections": writing.sections(found)}
    command = f"trueup model card {found.ref}"
    title = f"Card of {found.ref}"
    return shell.answer(request, "model_card.html", title, page, command=command, more=more)


@shell.page("/models/{name:str}/{version:str}/card/{form:str}")
def card_file(
    workspace: TheWorkspace, actor: TheActor, name: Name, version: Name, form: Name
) -> Response[Any]:
    """The same as a file that `trueup model card --check` can hold against the evidence later."""
    if form not in _FORMS:
        raise NotFoundError(
            "page-not-found",
            f"A card has no form '{form[:40]}'.",
            hint=f"trueup model card {name} --format md",
        )
    written, kind = _FORMS[form]
    found = gather(workspace, actor, name, version)
    text = writing.text(found, written)
    return _download(text, kind, f"{_file_name(found.ref)}.card.{written}")


@shell.page("/models/{name:str}/{version:str}/bom")
def bom(
    request: Asked, workspace: TheWorkspace, actor: TheActor, name: Name, version: Name
) -> Response[Any]:
    """What a version is made of: data, packages, parameters, environment."""
    found = gather(workspace, actor, name, version)
    page = BillPage(ref=found.ref, bill=bill(found))
    title = f"Bill of materials of {found.ref}"
    command = f"trueup model bom {found.ref}"
    return shell.answer(request, "model_bom.html", title, page, command=command)


@shell.page("/models/{name:str}/{version:str}/bom/file")
def bom_file(workspace: TheWorkspace, actor: TheActor, name: Name, version: Name) -> Response[Any]:
    """The same as a CycloneDX file."""
    found = gather(workspace, actor, name, version)
    text = msgspec.json.format(msgspec.json.encode(bill(found)), indent=2).decode() + "\n"
    return _download(text, "application/vnd.cyclonedx+json", f"{_file_name(found.ref)}.bom.json")


def _download(text: str, kind: str, name: str) -> Response[Any]:
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    return Response(text.encode(), media_type=kind, headers=headers)


def _file_name(ref: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "-_." else "-" for letter in ref)
