"""The verbs of traces. They come in masses, as points do: recording one is no event."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from trueup.foundation import clock
from trueup.foundation.actor import Actor
from trueup.foundation.errors import NotFoundError
from trueup.lifecycle.runs.tracking import finding
from trueup.lifecycle.runs.tracking.service import active_experiment
from trueup.lifecycle.runs.tracking.traces import rules, search, table
from trueup.lifecycle.runs.tracking.traces.records import (
    Assessment,
    Overlap,
    Span,
    Trace,
    TraceState,
)
from trueup.state.schema import upsert
from trueup.state.unit import State, Unit


class Traces:
    """What calls of programs did.

    Args:
        state: Where it is kept.
        artifacts: The URI below which experiments keep their files.
    """

    def __init__(self, state: State, artifacts: str = "mlflow-artifacts:") -> None:
        self._state = state
        self._artifacts = artifacts

    def record(self, actor: Actor, trace: Trace) -> Trace:
        """Keep a trace as its program tells it; again, it is replaced.

        Raises:
            NotFoundError: There is no such experiment.
            ConflictError: The experiment is deleted.
            UsageError: A part of it cannot be kept.
        """
        rules.check(trace.id, {**trace.metadata, **trace.tags})

        def write(unit: Unit) -> Trace:
            group = active_experiment(unit, trace.experiment, self._artifacts)
            place = f"{group.artifacts.rstrip('/')}/traces/{trace.id}/artifacts"
            tags = {**trace.tags, rules.FILES_TAG: place}
            if table.spans_of(unit.connection, [trace.id]):
                tags[rules.SPANS_TAG] = rules.KEPT_HERE
            table.add(unit.connection, msgspec.structs.replace(trace, tags=tags))
            for each in trace.assessments:
                _add_assessment(unit, each)
            return _known(unit.connection, trace.id)

        return self._state.submit(actor, "runs.write", write).result()

    def end(
        self,
        actor: Actor,
        trace_id: str,
        state: TraceState,
        at: int,
        *,
        metadata: Mapping[str, str] = {},
        tags: Mapping[str, str] = {},
    ) -> Trace:
        """Say how a trace that was recorded when it began has ended; again changes nothing.

        Raises:
            NotFoundError: There is no such trace.
            UsageError: A word cannot be kept.
        """
        rules.check(trace_id, {**metadata, **tags})

        def write(unit: Unit) -> Trace:
            before = _known(unit.connection, trace_id)
            took = max(at - before.started_at, 0)
            ended = msgspec.structs.replace(
                before, state=state, took=took, metadata=dict(metadata), tags=dict(tags)
            )
            table.add(unit.connection, ended)
            return _known(unit.connection, trace_id)

        return self._state.submit(actor, "runs.write", write).result()

    def record_spans(self, actor: Actor, experiment: int, spans: Sequence[Span]) -> None:
        """Keep spans; a trace that nobody told of is drawn from them.

        Raises:
            NotFoundError: There is no such experiment.
            UsageError: A part of it cannot be kept.
        """
        groups: dict[str, list[Span]] = defaultdict(list)
        for span in spans:
            rules.check(span.trace)
            groups[span.trace].append(span)

        def write(unit: Unit) -> None:
            active_experiment(unit, experiment, self._artifacts)
            for trace, found in groups.items():
                table.add_spans(unit.connection, found)
                known = table.known(unit.connection, [trace])
                if not known or known[0].state == "in-progress":
                    every = table.spans_of(unit.connection, [trace])[trace]
                    table.add(unit.connection, rules.drawn(every, experiment))

        if groups:
            self._state.submit(actor, "runs.write", write).result()

    def show(self, actor: Actor, trace_id: str) -> Trace:
        """One trace.

        Raises:
            NotFoundError: There is none.
        """
        with self._state.read(actor) as connection:
            return _known(connection, trace_id)

    def whole(self, actor: Actor, ids: Sequence[str]) -> list[tuple[Trace, list[Span]]]:
        """Those of these traces that exist, with the spans that are kept here."""
        with self._state.read(actor) as connection:
            spans = table.spans_of(connection, ids)
            return [(each, spans.get(each.id, [])) for each in table.known(connection, ids)]

    def known(self, actor: Actor, ids: Sequence[str]) -> list[Trace]:
        """Those of these traces that exist."""
        with self._state.read(actor) as connection:
            return table.known(connection, ids)

    def search(
        self,
        actor: Actor,
        experiments: Sequence[int],
        *,
        where: str = "",
        order_by: Sequence[str] = (),
        limit: int = 100,
        token: str = "",
    ) -> tuple[list[Trace], str]:
        """One page of traces, and the token of the next.

        Raises:
            UsageError: Filter, order or token cannot be read.
        """
        with self._state.read(actor) as connection:
            ids, following = search.page(connection, experiments, where, order_by, limit, token)
            return table.known(connection, ids), following

    def overlap(
        self,
        actor: Actor,
        experiments: Sequence[int],
        first: str,
        second: str,
        *,
        within: str = "",
    ) -> Overlap:
        """How two filters overlap, among the traces that match a third.

        Raises:
            UsageError: A filter cannot be read.
        """
        with self._state.read(actor) as connection:

            def count(*filters: str) -> int:
                return search.count(connection, experiments, within, *filters)

            return Overlap(
                first=count(first), second=count(second), both=count(first, second), total=count()
            )

    def link_run(self, actor: Actor, ids: Sequence[str], run: str) -> None:
        """Say that traces belong to a run, besides that in which they were made.

        Programs tell of a trace later than they link it: it need not be there yet.

        Raises:
            NotFoundError: There is no such run.
            UsageError: One of the identifiers can be none of a trace.
        """
        for each in ids:
            rules.check(each)
        with self._state.write(actor, "runs.write", relaxed=True) as unit:
            finding.number(unit.connection, run)
            table.add_links(unit.connection, ids, "run", [run])

    def link_prompts(self, actor: Actor, trace_id: str, prompts: Sequence[str]) -> None:
        """Say which versions of prompts a trace used, each as `name/version`.

        Raises:
            NotFoundError: There is no such trace.
            UsageError: One of the prompts has too long a name.
        """
        rules.check(trace_id, dict.fromkeys(prompts, ""))
        with self._state.write(actor, "runs.write", relaxed=True) as unit:
            _known(unit.connection, trace_id)
            table.add_links(unit.connection, [trace_id], "prompt", prompts)

    def tag(self, actor: Actor, trace_id: str, tags: Mapping[str, str]) -> None:
        """Set tags.

        Raises:
            NotFoundError: There is no such trace.
            UsageError: A tag cannot be kept.
        """
        rules.check(trace_id, tags)
        with self._state.write(actor, "runs.write", relaxed=True) as unit:
            _known(unit.connection, trace_id)
            table.set_words(unit.connection, table.trace_tags, trace_id, tags)

    def untag(self, actor: Actor, trace_id: str, key: str) -> None:
        """Take a tag away.

        Raises:
            NotFoundError: There is no such trace, or no such tag.
        """
        tags = table.trace_tags
        with self._state.write(actor, "runs.write", relaxed=True) as unit:
            _known(unit.connection, trace_id)
            its = (tags.c.trace == trace_id) & (tags.c.key == key)
            if not unit.execute(tags.delete().where(its)).rowcount:
                raise NotFoundError(
                    "trace-not-found",
                    f"Trace '{trace_id}' has no tag '{key[:100]}'.",
                    hint="mlflow traces get --trace-id ID",
                    context={"trace": trace_id, "key": key[:250]},
                )

    def delete(
        self,
        actor: Actor,
        experiment: int,
        *,
        ids: Sequence[str] = (),
        until: int | None = None,
        limit: int | None = None,
    ) -> list[Trace]:
        """Delete traces of an experiment, the oldest first; those that were.

        Args:
            actor: Who deletes.
            experiment: Number of the experiment.
            ids: These of them.
            until: Those that began no later than this, when no ids are given.
            limit: This many at most.
        """
        with self._state.write(actor, "runs.write") as unit:
            own = table.traces.c
            query = sa.select(own.id).where(own.experiment == experiment)
            query = query.where(own.id.in_(ids) if ids else own.started_at <= (until or 0))
            found = unit.execute(query.order_by(own.started_at, own.id).limit(limit))
            gone = table.known(unit.connection, [row.id for row in found])
            if gone:
                table.delete(unit.connection, [each.id for each in gone])
                unit.emit("traces.deleted", f"experiment:{experiment}", data={"number": len(gone)})
            return gone

    def assess(
        self, actor: Actor, trace_id: str, name: str, body: dict[str, Any], *, id_: str = ""
    ) -> Assessment:
        """Say something about a trace.

        Args:
            actor: Who says it.
            trace_id: What it is about.
            name: What is judged.
            body: All that is said.
            id_: Its identifier, if it was said elsewhere; one that is here comes out as it is.

        Raises:
            NotFoundError: There is no such trace.
            UsageError: Its name or its identifier cannot be kept.
        """
        rules.check(trace_id, {name: ""})
        at = now()
        made = Assessment(
            id=id_ or f"a-{uuid.uuid4().hex}",
            trace=trace_id,
            name=name,
            body=body,
            made_at=at,
            changed_at=at,
        )
        with self._state.write(actor, "runs.write") as unit:
            _known(unit.connection, trace_id)
            if id_ and (known := table.assessment(unit.connection, trace_id, id_)) is not None:
                return known
            _add_assessment(unit, made)
        return made

    def assessment(self, actor: Actor, trace_id: str, id_: str) -> Assessment:
        """One assessment.

        Raises:
            NotFoundError: There is none.
        """
        with self._state.read(actor) as connection:
            return _said(connection, trace_id, id_)

    def reassess(
        self, actor: Actor, trace_id: str, id_: str, changes: dict[str, Any]
    ) -> Assessment:
        """Change what an assessment says.

        Args:
            actor: Who changes it.
            trace_id: The trace it is about.
            id_: The assessment.
            changes: Parts of its body; `assessment_name` names it anew.

        Raises:
            NotFoundError: There is none.
        """
        with self._state.write(actor, "runs.write") as unit:
            before = _said(unit.connection, trace_id, id_)
            body = {**before.body, **changes}
            name = str(changes.get("assessment_name", before.name))
            rules.check(trace_id, {name: ""})
            at = now()
            changed = table.assessments.update().where(table.assessments.c.id == id_)
            unit.execute(changed.values(body=body, name=name, changed_at=at))
            unit.emit("assessment.changed", f"trace:{trace_id}", data={"name": name})
            return msgspec.structs.replace(before, body=body, name=name, changed_at=at)

    def take_back(self, actor: Actor, trace_id: str, id_: str) -> None:
        """Delete an assessment.

        Raises:
            NotFoundError: There is none.
        """
        with self._state.write(actor, "runs.write") as unit:
            gone = _said(unit.connection, trace_id, id_)
            unit.execute(table.assessments.delete().where(table.assessments.c.id == id_))
            unit.emit("assessment.deleted", f"trace:{trace_id}", data={"name": gone.name})


def now() -> int:
    """The time, as traces know it."""
    return round(clock.now().timestamp() * 1000)


def _add_assessment(unit: Unit, made: Assessment) -> None:
    said = table.assessments
    owner = unit.execute(sa.select(said.c.trace).where(said.c.id == made.id)).scalar()
    rules.check_assessment(made.id, made.trace, owner)
    fields = {name: getattr(made, name) for name in Assessment.__struct_fields__}
    upsert(unit.connection, said, [fields], key=("id",))
    unit.emit("assessment.made", f"trace:{made.trace}", data={"name": made.name})


def _known(connection: sa.Connection, trace_id: str) -> Trace:
    found = table.known(connection, [trace_id])
    if not found:
        raise NotFoundError(
            "trace-not-found",
            f"There is no trace '{trace_id[:100]}'.",
            hint="mlflow traces search --experiment-id 0",
            context={"trace": trace_id[:128]},
        )
    return found[0]


def _said(connection: sa.Connection, trace_id: str, id_: str) -> Assessment:
    found = table.assessment(connection, trace_id, id_)
    if found is None:
        raise NotFoundError(
            "trace-not-found",
            f"Trace '{trace_id[:100]}' has no assessment '{id_[:100]}'.",
            hint="mlflow traces get --trace-id ID",
            context={"trace": trace_id[:128], "assessment": id_[:100]},
        )
    return found
