"""The nouns of a plan, in the shape that `trueup.toml` has."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Final, Literal

import msgspec

from trueup.foundation.records import Record
from trueup.lifecycle.plan.calendars import Calendar
from trueup.lifecycle.plan.demands import AnyDemand, Better, GateName, OnMissing, PairRule
from trueup.lifecycle.plan.deployments import Deployment
from trueup.people.records import Role

# `alert`, `retrain`, or a build on Jenkins: `build:Team/train`.
Reaction = Annotated[str, msgspec.Meta(pattern="^(alert|retrain|build:.*[^/ ])$")]
BUILD: Final = "build:"


class Project(Record):
    """What the project is called and why it exists."""

    name: str
    objective: str


class Gate(Record):
    """What a goal demands before a release.

    Attributes:
        on: The data to judge on: `holdout`, the rows the candidate keeps aside.
        at_least: Smallest value that will do (give this or `at_most`).
        at_most: Largest value that will do.
        beats: `champion` demands a paired win over the live model on the same rows.
        margin: How much better than the champion; negative allows a little worse.
        rule: How the two are compared: `paired-bootstrap`; `delong` for roc_auc; `mcnemar` for
            accuracy; `t` for means over rows. Left out: DeLong's for roc_auc, the jackknife for
            smooth metrics, the paired bootstrap for all others.
        confidence: One-sided confidence of every statement.
        min_rows: With fewer labelled rows the answer is "not enough data".
        on_missing: What rows without a label mean: `refuse` makes the check an error, `leave-out`
            judges the others and says how many were left out. Nothing makes them pass.
    """

    on: Literal["holdout"] = "holdout"
    at_least: float | None = None
    at_most: float | None = None
    beats: Literal["", "champion"] = ""
    margin: float = 0.0
    rule: PairRule = ""
    confidence: float = 0.95
    min_rows: int = 500
    on_missing: OnMissing = "refuse"


class Watch(Record):
    """What a goal demands of a live deployment, for ever after.

    Attributes:
        window: How far back one evaluation looks.
        labels_within: How late labels may come; younger predictions are not judged.
        min_rows: With fewer labelled rows the answer is "not enough data".
        at_least: Limit of the watch; the gate's when left out.
        at_most: Limit of the watch; the gate's when left out.
    """

    window: str = "7d"
    labels_within: str = "3d"
    min_rows: int = 500
    at_least: float | None = None
    at_most: float | None = None


class Goal(Record):
    """A claim about the model that evidence can prove wrong.

    Attributes:
        id: Short name, unique in the plan.
        claim: One sentence for people.
        metric: Name of the metric that gate and watch both use; empty for a goal of checks alone.
            A function of the project is written as `module:function`.
        better: Which direction is better, for a metric of the project.
        gate: Before release.
        watch: After release; none for a goal of checks alone, or a metric that counts do not give.
        on_breach: What follows when the watch finds harm: `alert`, `retrain`, `build:JOB`.
        checks: What else must be proven before release.
        gates: The gates that demand all this; every gate when left out.
    """

    id: str
    claim: str
    metric: str = ""
    better: Better = ""
    gate: Gate = Gate()
    watch: Watch | None = None
    on_breach: tuple[Reaction, ...] = ("alert",)
    checks: tuple[AnyDemand, ...] = ()
    gates: tuple[GateName, ...] = ()

    @property
    def watching(self) -> Watch:
        """The watch of a goal that has one."""
        assert self.watch is not None, f"goal {self.id} has no watch"
        return self.watch


class Risk(Record):
    """Something that may go wrong, and the live check that would see it.

    Attributes:
        id: Short name.
        threat: One sentence.
        likelihood: 1 (rare) to 5 (certain).
        impact: 1 (slight) to 5 (ruinous).
        detect: `<goal>.gate` or `<goal>.watch`.
        treat: `<goal>.on_breach`, `<goal>.gate` or `<goal>.watch`.
    """

    id: str
    threat: str
    likelihood: int
    impact: int
    detect: str
    treat: str


class Milestone(Record):
    """A point reached when evidence says so; nobody ticks it.

    Attributes:
        id: Short name.
        due: Calendar day.
        done_when: Conditions: `<goal>.gate`, `<goal>.watch` or `released:<deployment>`.
    """

    id: str
    due: date
    done_when: tuple[str, ...]


class Process(Record):
    """How a model moves to production.

    Attributes:
        template: `team` demands one approval by a second person; `solo` demands none.
        protected: Aliases and stages of models that move with a passed verdict and that approval
            only, whichever door they are moved by.
        runs_code: Models whose versions may be code of this project: gates and servers run it.
    """

    template: Literal["team", "solo"] = "team"
    protected: tuple[str, ...] = ("champion", "production")
    runs_code: tuple[str, ...] = ()


class Dataset(Record):
    """A file or folder of Parquet or CSV inside the project."""

    path: str


class Plan(Record):
    """The whole of `trueup.toml`."""

    project: Project
    team: dict[str, tuple[Role, ...]] = {}
    goals: tuple[Goal, ...] = ()
    risks: tuple[Risk, ...] = ()
    milestones: tuple[Milestone, ...] = ()
    process: Process = Process()
    datasets: dict[str, Dataset] = {}
    deployments: dict[str, Deployment] = {}
    calendar: Calendar = Calendar()

    def calendar_of(self, deployment: str) -> Calendar:
        """When releases of a place may start and go on."""
        planned = self.deployments.get(deployment)
        own = planned.calendar if planned else None
        return self.calendar if own is None else own

    @property
    def watched(self) -> tuple[Goal, ...]:
        """The goals that live on as monitors."""
        return tuple(goal for goal in self.goals if goal.watch is not None)

    def goal(self, goal_id: str) -> Goal:
        """The goal of that id (the plan was checked: ids in use exist)."""
        return next(goal for goal in self.goals if goal.id == goal_id)


class RemoteStore(Record):
    """A store elsewhere that data and results are pushed to and pulled from."""

    url: str


class Connection(Record):
    """A service of somebody else's that Trueup speaks to, such as Jenkins or GitHub.

    Attributes:
        url: Its address.
        user: Who logs in; empty where a token is enough.
        token: Name of the secret that holds token or password: `secret:NAME`.
        repository: The repository there, `owner/name`, for Git hosting.
        plain_http: Whether the token may travel without TLS.
    """

    url: str
    user: str = ""
    token: str = ""
    repository: str = ""
    plain_http: bool = False


class Costs(Record):
    """What computing costs here; 0 leaves a resource out of the figure.

    Attributes:
        cpu_hour: One processor core for one hour.
        gb_hour: One gigabyte of memory for one hour.
        gpu_hour: One graphics processor for one hour.
        currency: The unit of all three.
    """

    cpu_hour: float = 0.0
    gb_hour: float = 0.0
    gpu_hour: float = 0.0
    currency: str = ""


class SharedCache(Record):
    """Where results of steps are shared: the name of a remote; empty for nowhere."""

    remote: str = ""


class WebhookHosts(Record):
    """Where web hooks may point, beside the public internet.

    Attributes:
        private_hosts: Hosts of this network, or this machine, that may be told; plain HTTP will
            do for these.
    """

    private_hosts: tuple[str, ...] = ()


class Surroundings(Record):
    """What a project works with. It stands in `trueup.toml`, but belongs to no plan: no verdict
    and no approval depends on it, and it counts as soon as it is written.

    Attributes:
        remotes: Stores elsewhere, by name.
        connections: Services of others, by name.
        costs: What computing costs.
        cache: Where results of steps are shared.
        webhooks: Where web hooks may point.
    """

    remotes: dict[str, RemoteStore] = {}
    connections: dict[str, Connection] = {}
    costs: Costs = Costs()
    cache: SharedCache = SharedCache()
    webhooks: WebhookHosts = WebhookHosts()


class AdoptedPlan(Record):
    """A plan that was put in force.

    Attributes:
        version: From 1, rising with every change of content.
        digest: Address of plan and metric code together: verdicts are bound to it.
        plan: The content.
        metrics: Fingerprint of the code of every metric the goals name.
        adopted_by: Who put it in force.
        adopted_at: When.
        commit: Git commit of `trueup.toml`, if it was committed.
    """

    version: int
    digest: str
    plan: Plan
    metrics: dict[str, str]
    adopted_by: str
    adopted_at: datetime
    commit: str = ""


class MilestoneStatus(Record):
    """Whether a milestone is reached, computed from evidence.

    Attributes:
        milestone: The milestone.
        reached: Whether all conditions hold.
        missing: The conditions that do not hold yet.
    """

    milestone: Milestone
    reached: bool
    missing: tuple[str, ...]
