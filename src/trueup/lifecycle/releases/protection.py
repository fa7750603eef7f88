"""The guard of protected aliases: they move with the same evidence that a release needs.

Every door that could move one asks here, inside the transaction of the move.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import sqlalchemy as sa

from trueup.foundation.errors import ConflictError, DeniedError, GateFailedError, NotFoundError
from trueup.lifecycle.models.registry import table as registry
from trueup.lifecycle.plan import rules as plan_rules
from trueup.lifecycle.plan import table as plan_table
from trueup.lifecycle.plan.records import Plan, Process
from trueup.lifecycle.releases import table
from trueup.lifecycle.runs import table as runs
from trueup.people import service as people
from trueup.people import table as people_table
from trueup.people.records import Approval
from trueup.ports.keys import Keys
from trueup.state.unit import Unit

# What judges and loads models is imported where it is needed: most names are not protected.
if TYPE_CHECKING:
    from trueup.lifecycle.gates.records import Verdict
    from trueup.lifecycle.models.records import ModelVersion


class Protection:
    """Guards aliases, stages and versions by the plan in force.

    Args:
        keys: Whose signatures count.
    """

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    def may_move(self, unit: Unit, name: str, model: str, version: int | None) -> None:
        """Return if alias or stage `name` may go to a version; None takes it away.

        Raises:
            DeniedError: It is protected, and an approval is missing, or it would be taken away.
            GateFailedError: It is protected, and no passing verdict under the plan in force is
                there.
        """
        connection = unit.connection
        adopted = plan_table.current(connection)
        process = adopted.plan.process if adopted else Process()
        head = registry.head(connection, model)
        if head is not None and head.kind == "prompt":
            return  # text has no verdicts
        if not plan_rules.is_protected(name, process):
            return
        if version is None:
            raise DeniedError(
                "alias-protected",
                f"'{name}' of model '{model}' is protected: it can go to another version that has "
                "passed, but not away.",
                hint=f"trueup model alias set {model} {name} VERSION",
            )
        from trueup.lifecycle.models import service as models

        found = models.find(connection, model, str(version))
        if adopted is None:
            raise GateFailedError(
                "alias-protected",
                f"'{name}' is protected and {found.ref} has no verdict, for no plan is in force "
                "that it could be judged by.",
                hint="trueup plan adopt",
            )
        verdict = evidence(connection, self._keys, found)
        if process.template == "team":
            _require_yes(connection, adopted.plan, name, found, verdict)

    def may_delete(self, unit: Unit, model: str, version: int) -> None:
        """Return if a version may be deleted.

        Raises:
            ConflictError: A release stands on it.
        """
        standing = table.of_version(unit.connection, model, version)
        if standing:
            raise ConflictError(
                "model-released",
                f"{model}@{version} can't go: {standing[-1].ref} stands on it.",
                hint=f"trueup deployment show {standing[-1].deployment}",
            )


def evidence(connection: sa.Connection, keys: Keys, version: ModelVersion) -> Verdict:
    """The passing verdict that a version may be released on now.

    Raises:
        GateFailedError: There is none, or it compares with another champion than today's.
    """
    from trueup.lifecycle.gates import standing as gates

    verdict = gates.require_passed(connection, keys, version)
    champion = gates.champion_of(connection, version.model)
    compared = verdict.statement.champion
    if champion is not None and champion.ref != version.ref and compared != champion.digest:
        raise GateFailedError(
            "verdict-stale",
            f"The verdict about {version.ref} compares it with another champion than "
            f"{champion.ref}.",
            hint=f"trueup check {version.ref}",
        )
    return verdict


def ask(unit: Unit, keys: Keys, model: str, name: str, selector: str, why: str) -> Approval:
    """Ask a second person whether a version may get a protected name.

    Raises:
        NotFoundError: There is no such version.
        GateFailedError: It has no passing verdict.
        ConflictError: Nobody has to be asked.
    """
    from trueup.lifecycle.models import service as models
    from trueup.lifecycle.releases import rules

    connection = unit.connection
    adopted = plan_table.current(connection)
    process = adopted.plan.process if adopted else Process()
    version = models.find(connection, model, selector)
    if adopted is None:
        raise NotFoundError("plan-not-found", "No plan is in force yet.", hint="trueup plan adopt")
    if not plan_rules.is_protected(name, process) or process.template != "team":
        raise ConflictError(
            "approval-not-needed",
            f"'{name}' of model '{model}' needs nobody's approval.",
            hint=f"trueup model alias set {model} {name} {version.version}",
        )
    verdict = evidence(connection, keys, version)
    content = rules.alias_content(name, version.digest, verdict)
    for known in people_table.approvals_of(connection, version.ref):
        if known.state in ("asked", "approved") and known.content == people.bound_to(content):
            return known
    run = runs.run(connection, version.manifest.run)
    authors = [run.started_by] if run else [version.registered_by]
    question = f"make {version.ref} the {name} of {model}"
    return people.ask(unit, version.ref, content, authors, why or question)


def _require_yes(
    connection: sa.Connection, plan: Plan, name: str, version: ModelVersion, verdict: Verdict
) -> None:
    contents = list(_contents(plan, name, version, verdict))
    if any(people.approved(connection, version.ref, content) for content in contents):
        return
    bound = {people.bound_to(content) for content in contents}
    waiting = next(
        (
            each
            for each in people_table.approvals_of(connection, version.ref)
            if each.state == "asked" and each.content in bound
        ),
        None,
    )
    raise DeniedError(
        "approval-needed",
        f"'{name}' is protected, and nobody else has approved yet that {version.ref} gets it.",
        hint=f"trueup approve {waiting.id} --as NAME"
        if waiting
        else f"trueup model alias ask {version.model} {name} {version.version}",
    )


def _contents(
    plan: Plan, name: str, version: ModelVersion, verdict: Verdict
) -> Iterator[dict[str, str]]:
    """Everything whose approval allows the move: the name itself, or a release of the version."""
    from trueup.lifecycle.releases import rules

    yield rules.alias_content(name, version.digest, verdict)
    for deployment, settings in plan.deployments.items():
        if settings.model.partition("@")[0] == version.model:
            yield rules.approval_content(deployment, version.digest, verdict)
