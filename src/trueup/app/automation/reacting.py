"""Automation: the one place that reacts across stages. It reads the event log and acts.

    release.requested   ->  it starts, where no answer is needed or a yes was given before
    release.went-live   ->  the proposal behind it has ended; also when it was rolled back
    approval.approved   ->  the release starts
    approval.rejected   ->  the release ends
    monitor.breached    ->  a retraining is proposed, a build is started (`breach_builds.py`)
    plan.adopted        ->  what is live is judged by the new plan
    a proposal          ->  a run, a candidate, a verdict, a request for release
    a canary            ->  more traffic, or none, as its evidence says

Every reaction is idempotent: after a crash the same event comes again.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from trueup.app import emergency
from trueup.app.automation.breach_builds import BreachBuilds
from trueup.app.automation.judging.ramps import Ramps
from trueup.app.running.training import Trained, train
from trueup.app.wiring import Workspace
from trueup.foundation import clock
from trueup.foundation.actor import Actor, service
from trueup.foundation.errors import (
    ConflictError,
    DeniedError,
    GateFailedError,
    NotFoundError,
    UsageError,
    UserCodeError,
)
from trueup.foundation.references import parse
from trueup.lifecycle.improvement.records import CAUSE, Proposal
from trueup.lifecycle.plan.deployments import Deployment
from trueup.lifecycle.plan.guards import guarded
from trueup.lifecycle.releases.judging import rules as judging
from trueup.lifecycle.releases.judging.records import Decision
from trueup.lifecycle.releases.records import Release
from trueup.lifecycle.runs.records import Cause, RunOptions
from trueup.lifecycle.runs.requests.records import Wish
from trueup.state.cursors import Reader
from trueup.state.eventlog import Event

ACTOR = service("automation")

Tell = Callable[[str], None]


class Automation:
    """Reacts to events, as the service `automation`, with no more rights than that service has.

    Args:
        workspace: The project.
        tell: Takes what happens, a sentence at a time.
        later: Ask for trainings and look after them, instead of waiting until they are done.
        options: How it trains when it waits.
    """

    def __init__(
        self,
        workspace: Workspace,
        tell: Tell = lambda _words: None,
        *,
        later: bool = False,
        options: RunOptions = RunOptions(),  # noqa: B008 (a frozen record)
    ) -> None:
        self._workspace = workspace
        self._options = options
        self._later = later
        self._tell = tell
        self._told = ""
        self._reader = Reader(workspace.state.database, "automation")
        self._ramps = Ramps(workspace.settings.journal)
        self._builds = BreachBuilds(workspace, ACTOR, tell)
        self._reactions: dict[str, Callable[[Event, datetime], None]] = {
            "release.requested": self._start_if_allowed,
            "release.went-live": self._end_proposal,
            "release.rolled-back": self._end_proposal,
            "release.rejected": self._end_proposal,
            "release.withdrawn": self._end_proposal,
            "approval.approved": self._start_release,
            "approval.rejected": self._reject_release,
            "monitor.breached": self._propose,
            "plan.adopted": self._judge_what_is_live,
        }

    def pump(self, at: datetime | None = None) -> int:
        """React to everything that happened, until nothing is left to do.

        Args:
            at: The time of the traffic; now for a live system.

        Returns:
            The number of events handled.
        """
        moment = at or clock.now()
        emergency.put_on_record(self._workspace)
        handled = self.react(moment)
        self._start_what_is_due(moment)
        self._builds.pump()
        # Canaries first: harm must not wait until a training is done.
        canaries = [r for r in self._workspace.releases.serving(ACTOR) if r.state == "canary"]
        self._ramps.forget({(canary.deployment, canary.number) for canary in canaries})
        for canary in canaries:
            self._judge_canary(canary, moment)
        for proposal in self._workspace.improvements.unfinished(ACTOR):
            self._carry_out(proposal, moment)
        return handled + self.react(moment)

    def retry_open_alerts(self, at: datetime) -> None:
        """Propose a retraining again for harm that still lasts, if the last one is long past."""
        for alert in self._workspace.monitors.alerts(ACTOR, unresolved=True):
            goals = self._workspace.plans.current(ACTOR).plan.goals
            if any(g.id == alert.goal and "retrain" in g.on_breach for g in goals):
                cause = f"{alert.id}:{at:%Y-%m-%dT%H}"
                self._proposal(alert.deployment, alert.goal, cause, alert.id, at)

    def react(self, at: datetime) -> int:
        """React to events alone: what they make somebody propose is not carried out yet.

        Args:
            at: The time of the traffic.

        Returns:
            The number of events handled.
        """
        handled = 0
        while pending := self._reader.pending(tuple(self._reactions)):
            for event in pending:
                self._reactions[event.type](event, at)
                self._reader.acknowledge(event.seq)
                handled += 1
        return handled

    def _start_if_allowed(self, event: Event, at: datetime) -> None:
        approval = str(event.data["approval"])
        if approval and self._workspace.people.approval(ACTOR, approval).state != "approved":
            return
        ref = parse(event.subject)
        for release in self._workspace.releases.of_deployment(ACTOR, ref.name):
            if str(release.number) == ref.selector:
                self._start(release, at)

    def _start_what_is_due(self, at: datetime) -> None:
        """Start what waited for its moment, or for the calendar; what may not start, waits."""
        for release in self._workspace.releases.waiting(ACTOR):
            approval = release.approval
            if approval and self._workspace.people.approval(ACTOR, approval).state != "approved":
                continue
            if release.starts_at is None or at >= release.starts_at:
                self._start(release, at)

    def _start_release(self, event: Event, at: datetime) -> None:
        for release in self._standing_on(event):
            self._start(release, at)

    def _start(self, release: Release, at: datetime) -> None:
        if release.state != "requested":
            return
        try:
            started = self._workspace.releases.start(ACTOR, release.deployment, release.number, at)
        except (ConflictError, DeniedError, GateFailedError, NotFoundError) as error:
            self._tell_once(f"{release.ref} did not start: {error.message}")
            return
        share = f"{started.weight:.0%} of the traffic"
        self._tell(f"{started.ref} ({started.model_ref}) serves {share}")

    def _reject_release(self, event: Event, at: datetime) -> None:
        for release in self._standing_on(event):
            if release.state == "requested":
                self._workspace.releases.reject(
                    ACTOR, release.deployment, release.number, event.why or "approval refused"
                )

    def _standing_on(self, event: Event) -> list[Release]:
        approval = parse(event.subject).name
        return self._workspace.releases.with_approval(ACTOR, approval)

    def _end_proposal(self, event: Event, at: datetime) -> None:
        for proposal in self._workspace.improvements.unfinished(ACTOR):
            if event.subject == f"release:{proposal.deployment}@{proposal.release}":
                self._record(proposal, "done", why=f"{event.after}: {event.why}", ended_at=at)

    def _propose(self, event: Event, at: datetime) -> None:
        breach = event.data
        if "retrain" in breach["on_breach"]:
            self._proposal(breach["deployment"], breach["goal"], event.id, breach["alert"], at)

    def _proposal(self, deployment: str, goal: str, cause: str, alert: str, at: datetime) -> None:
        proposal = self._workspace.improvements.propose(
            ACTOR, deployment, goal, cause=cause, alert=alert, at=at
        )
        if proposal is not None and proposal.state == "proposed":
            self._tell(f"goal '{goal}' is breached: retraining {proposal.model}")

    def _judge_what_is_live(self, _event: Event, _at: datetime) -> None:
        for release in self._serving_and_before():
            verdict = self._workspace.gates.judge(ACTOR, release.model, str(release.version))
            self._tell(f"{release.model_ref} under the new plan: {verdict.statement.outcome}")

    def _serving_and_before(self) -> list[Release]:
        """What serves, and what a rollback would return to: a server asks for its verdict, too."""
        found = []
        for release in self._workspace.releases.serving(ACTOR):
            of_place = self._workspace.releases.of_deployment(ACTOR, release.deployment)
            before = [r for r in of_place if r.number == release.previous]
            found += [release, *(r for r in before if r.state == "superseded")]
        return found

    def _carry_out(self, proposal: Proposal, at: datetime) -> None:
        """Take a proposal one step further; each step is recorded before the next begins."""
        if proposal.state == "proposed":
            proposal = self._record(proposal, "training", why="data is there, training")
        if proposal.state == "training" and not proposal.candidate:
            proposal = self._train(proposal, at)
        if proposal.state == "training" and proposal.candidate:
            self._request_release(proposal, at)

    def _train(self, proposal: Proposal, at: datetime) -> Proposal:
        try:
            trained = self._trained(CAUSE + proposal.id, proposal.model)
        except (UserCodeError, UsageError, NotFoundError) as error:
            if error.code == "git-dirty":  # somebody is editing: the next pump tries again
                self._tell_once(error.message)
                return proposal
            self._tell(f"the retraining failed: {error.message}")
            return self._record(proposal, "failed", why=error.message, ended_at=at)
        if trained is None:
            return proposal
        if trained.version is None:
            why = f"run {trained.run.id} made no candidate"
            return self._record(proposal, "failed", why=why, run=trained.run.id, ended_at=at)
        if trained.version.manifest.run != trained.run.id:
            why = f"the same data and code made {trained.version.ref} again: there is nothing new"
            self._tell(why)
            return self._record(proposal, "refused", why=why, run=trained.run.id, ended_at=at)
        self._tell(f"run:{trained.run.id} made {trained.version.ref}")
        return self._record(
            proposal,
            "training",
            why=f"{trained.version.ref} is trained",
            run=trained.run.id,
            candidate=trained.version.ref,
        )

    def _trained(self, cause: str, model: str) -> Trained | None:
        """Train, or take what was trained for this cause before a crash; None when it goes on."""
        for run in self._workspace.runs.caused_by(ACTOR, cause):
            if run.state == "finished":
                version = self._workspace.models.register(ACTOR, run.id) if run.candidate else None
                return Trained(run, version)
        reason = "a retraining was proposed"
        if not self._later:
            why = Cause(by=cause, reason=reason)
            return train(self._workspace, ACTOR, model, {}, cause=why, options=self._options)
        wish = Wish(pipeline=model, kind="proposal", cause=cause, reason=reason)
        request = self._workspace.requests.ask(ACTOR, wish)
        if request.error is not None and request.state in ("failed", "dropped"):
            raise UserCodeError(request.error.code, request.error.message, hint=request.error.hint)
        return None

    def _request_release(self, proposal: Proposal, at: datetime) -> None:
        try:
            release = self._requested(proposal)
        except (GateFailedError, NotFoundError) as error:
            self._tell(f"{proposal.candidate} is refused: {error.message}")
            self._record(proposal, "refused", why=error.message, ended_at=at)
            return
        except ConflictError as error:  # another release is on its way; the next pump tries again
            self._tell_once(error.message)
            return
        self._tell(f"{proposal.candidate} passed its gate; {release.ref} waits for approval")
        proposal = self._record(
            proposal, "requested", why=f"requested as {release.ref}", release=release.number
        )
        if release.state not in ("requested", "canary"):  # it went on while nobody took notes
            self._record(proposal, "done", why=f"{release.state}: {release.why}", ended_at=at)

    def _requested(self, proposal: Proposal) -> Release:
        """The release of a proposal's candidate; before a crash it may have been asked for."""
        for release in self._workspace.releases.of_deployment(ACTOR, proposal.deployment):
            if release.model_ref == proposal.candidate:
                return release
        model, _, version = proposal.candidate.partition("@")
        self._workspace.gates.judge(ACTOR, model, version)
        why = f"goal '{proposal.goal}' was breached (alert:{proposal.alert})"
        return self._workspace.releases.request(ACTOR, proposal.deployment, model, version, why=why)

    def _judge_canary(self, canary: Release, at: datetime) -> None:
        live = next(
            (
                release
                for release in self._workspace.releases.serving(ACTOR)
                if release.deployment == canary.deployment and release.state == "live"
            ),
            None,
        )
        planned = self._workspace.plans.current(ACTOR).plan.deployments
        if live is None or canary.started_at is None or canary.deployment not in planned:
            return
        decision = self._decide(planned[canary.deployment], canary, live, at)
        if decision.action == "advance":
            self._advance(canary, at, decision)
        elif decision.action == "roll-back":
            self._workspace.releases.roll_back(ACTOR, canary.deployment, at, decision.words)
            self._tell(f"{canary.ref} was rolled back: {decision.words}")
        elif decision.action == "hold":
            self._hold(canary, decision.words)

    def _decide(
        self, settings: Deployment, canary: Release, live: Release, at: datetime
    ) -> Decision:
        version = self._workspace.models.show(ACTOR, canary.model, str(canary.version))
        signature = version.manifest.signature
        guards = guarded(settings, signature.task)
        evidence = self._ramps.evidence(canary, live, guards, signature)
        ran = at - (canary.stepped_at or canary.started_at or at)
        lasts = clock.parse_duration(canary.at_step.lasts if canary.at_step else "7d")
        decision = judging.decide(guards, evidence, ran, lasts)
        self._workspace.decisions.record(ACTOR, canary.deployment, canary.number, decision, at)
        return decision

    def _advance(self, canary: Release, at: datetime, decision: Decision) -> None:
        step, words = canary.at_step, decision.words
        if canary.paused or (step is not None and decision.rows < step.rows):
            return
        if step is not None and step.asks:
            self._hold(canary, f"it may go on, and a person has to say so: {words}")
            return
        try:
            after = self._workspace.releases.advance(ACTOR, canary.deployment, at, words)
        except GateFailedError as error:  # the plan has changed since it started
            self._hold(canary, error.message)
            return
        except ConflictError as error:  # the calendar is closed
            self._tell_once(error.message)
            return
        share = "everything" if after.state == "live" else f"{after.weight:.0%} of the traffic"
        self._tell(f"{canary.ref} ({canary.model_ref}) now serves {share}: {words}")

    def _hold(self, canary: Release, words: str) -> None:
        if not canary.why:  # said once
            self._workspace.releases.hold(ACTOR, canary.deployment, f"held: {words}")
            self._tell(f"{canary.ref} waits for a person: {words}")

    def _tell_once(self, words: str) -> None:
        if words != self._told:
            self._tell(words)
        self._told = words

    def _record(self, proposal: Proposal, state: str, **facts: object) -> Proposal:
        actor: Actor = ACTOR
        return self._workspace.improvements.record(
            actor,
            proposal.id,
            state,  # type: ignore[arg-type]
            **facts,  # type: ignore[arg-type]
        )
