"""The verbs of improvement."""

from __future__ import annotations

from datetime import datetime

from trueup.foundation.actor import Actor
from trueup.foundation.errors import ConflictError, NotFoundError
from trueup.foundation.identifiers import short_id
from trueup.foundation.records import builtins
from trueup.lifecycle.improvement import rules, table
from trueup.lifecycle.improvement.records import Proposal, ProposalState
from trueup.lifecycle.plan.service import in_force
from trueup.lifecycle.releases import table as releases
from trueup.state.unit import State


class Improvements:
    """Retrainings that evidence asked for."""

    def __init__(self, state: State) -> None:
        self._state = state

    def propose(
        self, actor: Actor, deployment: str, goal: str, *, cause: str, alert: str, at: datetime
    ) -> Proposal | None:
        """Propose a retraining because a goal was breached.

        The same cause twice gives the proposal there is. None while another proposal or a canary
        is under way, too soon after the last one ended, or where the plan no longer has the
        deployment.
        """
        with self._state.write(actor, "improvement.run") as unit:
            earlier = table.of_deployment(unit.connection, deployment)
            for proposal in earlier:
                if proposal.cause == cause:
                    return proposal
            moving = releases.in_state(unit.connection, deployment, ("requested", "canary"))
            if moving or rules.reason_to_wait(earlier, at):
                return None
            planned = in_force(unit.connection).plan.deployments
            if deployment not in planned:
                return None
            served = planned[deployment].model
            proposal = Proposal(
                id=short_id(),
                deployment=deployment,
                goal=goal,
                cause=cause,
                alert=alert,
                model=served.partition("@")[0],
                proposed_at=at,
                state="proposed",
            )
            unit.execute(
                table.proposals.insert().values(**builtins(proposal) | {"proposed_at": at})
            )
            unit.emit(
                "improvement.proposed",
                f"deployment:{deployment}",
                why=f"goal '{goal}' is breached",
                data={"proposal": proposal.id, "alert": alert, "at": at.isoformat()},
            )
            return proposal

    def record(
        self,
        actor: Actor,
        proposal_id: str,
        state: ProposalState,
        *,
        why: str,
        run: str = "",
        candidate: str = "",
        release: int = 0,
        ended_at: datetime | None = None,
    ) -> Proposal:
        """Write down what became of a proposal; the same state again changes nothing.

        Raises:
            NotFoundError: There is no such proposal.
            ConflictError: Its present state forbids it.
        """
        with self._state.write(actor, "improvement.run") as unit:
            proposal = table.proposal(unit.connection, proposal_id)
            if proposal is None:
                raise NotFoundError(
                    "proposal-not-found",
                    f"There is no proposal '{proposal_id}'.",
                    hint="trueup status",
                )
            if proposal.state == state and not (run and run != proposal.run):
                return proposal
            if not rules.may_become(proposal, state):
                raise ConflictError(
                    "proposal-state",
                    f"Proposal {proposal_id} is {proposal.state} and cannot become {state}.",
                    hint="trueup status",
                )
            values = {
                "state": state,
                "why": why,
                "run": run or proposal.run,
                "candidate": candidate or proposal.candidate,
                "release": release or proposal.release,
                "ended_at": ended_at,
            }
            unit.execute(
                table.proposals.update().where(table.proposals.c.id == proposal_id).values(**values)
            )
            unit.emit(
                f"improvement.{state}",
                f"deployment:{proposal.deployment}",
                before=proposal.state,
                after=state,
                why=why,
                data={"proposal": proposal_id, "run": run, "candidate": candidate},
            )
            found = table.proposal(unit.connection, proposal_id)
            assert found is not None, "a row just updated is there"
            return found

    def of_deployment(self, actor: Actor, deployment: str) -> list[Proposal]:
        """All proposals of a deployment, newest first."""
        with self._state.read(actor) as connection:
            return table.of_deployment(connection, deployment)

    def unfinished(self, actor: Actor) -> list[Proposal]:
        """All proposals that still have to become something, oldest first."""
        with self._state.read(actor) as connection:
            return table.unfinished(connection)
