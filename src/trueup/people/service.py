"""The verbs of people and approvals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from trueup.foundation import clock, digests
from trueup.foundation.actor import Actor
from trueup.foundation.errors import ConflictError, DeniedError, NotFoundError
from trueup.foundation.identifiers import short_id
from trueup.people import access, rules, table
from trueup.people.passwords import table as passwords
from trueup.people.records import Approval, Person, Role
from trueup.state.unit import State, Unit

if TYPE_CHECKING:
    import sqlalchemy as sa


class People:
    """Who belongs to the project, and the questions they answer."""

    def __init__(self, state: State) -> None:
        self._state = state

    def found(self, owner: str) -> Actor:
        """The owner of a new project; the one verb that needs no permission, and only once.

        Every later call returns the same owner and writes nothing.
        """
        with self._state.database.reading() as connection:
            known = table.person(connection, owner)
        if known is not None:
            return Actor(name=owner)
        with self._state.database.writing() as connection:
            if not table.everybody(connection):
                at = clock.now()
                table.add(connection, owner, ["owner"], at, "plan")
                self._state.log.append(
                    connection,
                    Actor(name=owner),
                    at,
                    [{"type": "project.founded", "subject": f"person:{owner}"}],
                )
        return Actor(name=owner)

    def everybody(self, actor: Actor) -> list[Person]:
        """All persons of the project."""
        with self._state.read(actor) as connection:
            return table.everybody(connection)

    def open_approvals(self, actor: Actor) -> list[Approval]:
        """All unanswered questions, oldest first."""
        with self._state.read(actor) as connection:
            return table.open_approvals(connection)

    def approval(self, actor: Actor, approval_id: str) -> Approval:
        """One approval.

        Raises:
            NotFoundError: There is no such approval.
        """
        with self._state.read(actor) as connection:
            return _found(table.approval(connection, approval_id), approval_id)

    def decide(self, actor: Actor, approval_id: str, approve: bool, reason: str = "") -> Approval:
        """Answer a question: yes or no, with a reason.

        Raises:
            NotFoundError: There is no such approval.
            ConflictError: It was already answered, or its content has changed since.
            DeniedError: The actor asked the question or made the content.
        """
        with self._state.write(actor, "approvals.decide") as unit:
            approval = _found(table.approval(unit.connection, approval_id), approval_id)
            if refusal := rules.may_decide(approval, actor.name):
                error = ConflictError if approval.state != "asked" else DeniedError
                raise error(
                    "approval-refused",
                    f"{actor.name} cannot answer approval {approval_id}: {refusal}.",
                    hint=f"ask another reviewer: trueup approve {approval_id} --as NAME",
                )
            state = "approved" if approve else "rejected"
            unit.execute(
                table.approvals.update()
                .where(table.approvals.c.id == approval_id)
                .values(state=state, decided_by=actor.name, decided_at=unit.at, reason=reason)
            )
            unit.emit(
                f"approval.{state}",
                f"approval:{approval_id}",
                data={"subject": approval.subject, "content": approval.content},
                after=approval.content,
                why=reason,
            )
            return _found(table.approval(unit.connection, approval_id), approval_id)


def set_team(unit: Unit, team: Mapping[str, Sequence[Role]]) -> None:
    """Make the plan's team the project's people; owners stay owners.

    Raises:
        DeniedError: The team would change, and the actor may not give or take roles.
    """
    known = {person.name: person for person in table.everybody(unit.connection)}
    if rules.team_changes(known, team):
        # Whoever may only write the plan must not make themselves an owner by it.
        access.guard(unit.connection, unit.actor, "people.write")
    for name, roles in team.items():
        before = known.get(name)
        wanted = rules.roles_after(before, roles)
        if before is None:
            table.add(unit.connection, name, wanted, unit.at, "plan")
        elif sorted(before.roles) != wanted or before.origin != "plan":
            unit.execute(
                table.people.update()
                .where(table.people.c.name == name)
                .values(roles=wanted, origin="plan")
            )
        else:
            continue
        unit.emit("person.roles-set", f"person:{name}", data={"roles": wanted})
    for name, person in known.items():
        if rules.leaves(person, team):
            unit.execute(table.people.delete().where(table.people.c.name == name))
            passwords.forget(unit.connection, name)
            unit.emit("person.removed", f"person:{name}", data={"roles": list(person.roles)})


def ask(unit: Unit, subject: str, content: object, authors: Sequence[str], why: str) -> Approval:
    """Ask for an approval bound to `content`; an open question about other content goes stale."""
    digest = digests.of_record(content)
    for earlier in table.approvals_of(unit.connection, subject):
        if earlier.state == "asked" and earlier.content != digest:
            unit.execute(
                table.approvals.update()
                .where(table.approvals.c.id == earlier.id)
                .values(state="stale")
            )
            unit.emit("approval.went-stale", f"approval:{earlier.id}", before=earlier.content)
    approval = Approval(
        id=short_id(),
        subject=subject,
        content=digest,
        asked_by=unit.actor.name,
        authors=tuple(sorted(set(authors))),
        asked_at=unit.at,
        state="asked",
    )
    unit.execute(
        table.approvals.insert().values(
            id=approval.id,
            subject=subject,
            content=digest,
            asked_by=approval.asked_by,
            authors=list(approval.authors),
            asked_at=unit.at,
            state="asked",
        )
    )
    unit.emit(
        "approval.asked",
        f"approval:{approval.id}",
        data={"subject": subject, "authors": list(approval.authors)},
        after=digest,
        why=why,
    )
    return approval


def bound_to(content: object) -> str:
    """The digest by which an approval names its content."""
    return digests.of_record(content)


def approved(connection: sa.Connection, subject: str, content: object) -> Approval | None:
    """The yes that is bound to exactly this content, if somebody gave it."""
    digest = digests.of_record(content)
    given = table.approvals_of(connection, subject)
    return next((a for a in given if a.state == "approved" and a.content == digest), None)


def _found(approval: Approval | None, approval_id: str) -> Approval:
    if approval is None:
        raise NotFoundError(
            "approval-not-found",
            f"There is no approval '{approval_id}'.",
            hint="trueup approve --list",
        )
    return approval
