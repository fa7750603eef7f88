"""One deployment in a server: route, score, record, reply. Swapping models is one assignment."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeVar

import msgspec

from trueup.foundation import clock
from trueup.foundation.errors import BackendError, ConflictError, UsageError, UserCodeError
from trueup.foundation.identifiers import time_ordered_hex
from trueup.lifecycle.models.records import Column, Signature
from trueup.lifecycle.releases.records import Arm, Route
from trueup.lifecycle.serving import tracing
from trueup.lifecycle.serving.inference.idempotency import Answered, Keys
from trueup.lifecycle.serving.inference.routing import assign
from trueup.lifecycle.serving.inference.scoring import Columns, Scorer
from trueup.lifecycle.serving.inference.shadowing import Shaded, Shadows
from trueup.lifecycle.serving.inference.source import LoadedModel
from trueup.lifecycle.serving.journal import lookup
from trueup.lifecycle.serving.journal.tail import Place
from trueup.lifecycle.serving.metrics import Metrics
from trueup.lifecycle.serving.protocol import intake, replies
from trueup.lifecycle.serving.protocol.intake import Asked, Intake
from trueup.lifecycle.serving.protocol.requests import Reader
from trueup.lifecycle.serving.protocol.rows import Rows
from trueup.lifecycle.serving.records import AnyRecord, Failure, Labels, Predictions, Truth

QUEUE_ROWS = 20_000
_LONGEST_WAIT_S = 60

_T = TypeVar("_T")


class Appender(Protocol):
    """What an endpoint needs of the journal."""

    def append(self, records: Sequence[AnyRecord]) -> asyncio.Future[Place]:
        """Record durably; see `journal.Journal.append`."""
        ...


class Loader(Protocol):
    """How a model is loaded: `ModelSource.load`."""

    def __call__(self, model_ref: str, release: int, deployment: str, /) -> LoadedModel:
        """The model, or an error that says why not."""
        ...


class Serving:
    """What a deployment serves at one moment: never changed, only replaced.

    Args:
        route: Where the traffic goes.
        scorers: The model of each arm.

    Raises:
        ConflictError: The arms' models cannot take the same requests, or a shadow needs more than
            callers send.
    """

    def __init__(self, route: Route, scorers: Sequence[Scorer]) -> None:
        self.route = route
        self.scorers = tuple(scorers)
        arms_ = list(zip(route.arms, scorers, strict=True))
        self.shadows = tuple((arm, scorer) for arm, scorer in arms_ if arm.shadow)
        signatures = [scorer.model.signature for arm, scorer in arms_ if not arm.shadow]
        columns = intake.merged(signatures)
        for arm, scorer in self.shadows:
            _check_shadow(arm, scorer.model.signature, columns, signatures[0])
        self.intake = Intake(columns, route.entity)
        self.reader = Reader(self.intake)
        self.rows = Rows(self.intake)
        arms = {arm.release: arm.weight for arm in route.arms}
        self.weights = arms if len(arms) > 1 else {}
        self.places: dict[str, int] = {}
        for place, arm in enumerate(route.arms):
            if not arm.shadow:
                self.places.setdefault(arm.model_ref.rpartition("@")[2], place)
        self.metadata = replies.metadata(
            route.deployment, list(self.places), columns, signatures[0]
        )


def _check_shadow(
    arm: Arm, signature: Signature, columns: Sequence[Column], answered: Signature
) -> None:
    """Refuse a shadow that could not be fed by what the others are asked."""
    sent = {column.name: column for column in columns}
    for column in signature.inputs:
        known = sent.get(column.name)
        if known is None or known.kind != column.kind or (known.nullable and not column.nullable):
            raise ConflictError(
                "signature-conflict",
                f"{arm.model_ref} cannot run beside the others: callers do not send its input "
                f"'{column.name}' as a {column.kind}{'' if column.nullable else ' in each row'}.",
                hint="trueup explain signature-conflict",
            )
    intake.merged([answered, signature])


class _Feedback(msgspec.Struct):
    predictions: list[str]
    labels: list[Truth]
    at: str = ""


_feedback_decoder = msgspec.json.Decoder(_Feedback)


class Endpoint:
    """Answers for one deployment.

    Args:
        name: The deployment.
        journal: Where answers are recorded before they go out.
        keys: Idempotency keys used before.
        queue_rows: Rows that may be under way at once; more are refused at once.
        metrics: Where batches and dropped shadows are counted.
    """

    def __init__(
        self,
        name: str,
        journal: Appender,
        keys: Keys,
        queue_rows: int = QUEUE_ROWS,
        metrics: Metrics | None = None,
    ) -> None:
        self.name = name
        self._metrics = metrics or Metrics()
        self._shadows = Shadows(
            journal, lambda rows: self._metrics.count("trueup_shadows_dropped_total", name, by=rows)
        )
        self.queued_rows = 0
        self._journal = journal
        self._keys = keys
        self._queue_rows = queue_rows
        self._serving: Serving | None = None
        self._previous: Serving | None = None

    @property
    def serving(self) -> Serving | None:
        """What it serves now; None before the first model and after the last."""
        return self._serving

    def loaded(self) -> list[LoadedModel]:
        """The models that it holds, each once: those that answer, and those kept to go back to."""
        held = {
            scorer.model.model_ref: scorer.model
            for serving in (self._previous, self._serving)
            if serving is not None
            for scorer in serving.scorers
        }
        return list(held.values())

    @property
    def shaded_rows(self) -> int:
        """Rows that wait for shadows."""
        return self._shadows.rows

    def prepare(self, route: Route, load: Loader, pool: ThreadPoolExecutor) -> Serving:
        """Make ready what a route needs, aside; models of the present and last one are reused.

        Raises:
            TrueupError: A model cannot be loaded or does not work.
        """
        loaded = {
            (scorer.model.model_ref, scorer.model.release): scorer
            for serving in (self._previous, self._serving)
            if serving is not None
            for scorer in serving.scorers
        }
        scorers: list[Scorer] = []
        for arm in route.arms:
            wanted = (arm.model_ref, arm.release)
            scorer = loaded.get(wanted) or Scorer(load(*wanted, self.name), pool)
            scorer.on_batch = self._count_batch
            scorers.append(scorer)
        return Serving(route, scorers)

    def swap(self, serving: Serving | None) -> None:
        """Serve this from the next request on; requests under way keep what they began with."""
        now = self._serving
        if now is not None and (serving is None or now.scorers != serving.scorers):
            self._previous = now  # stays loaded: going back takes no time
        self._serving = serving

    def admit(self) -> Serving:
        """What answers a request that comes now; it keeps to that, whatever is swapped meanwhile.

        Raises:
            BackendError: It serves nothing, was stopped, or its queue is full: no work is
                spent on that.
        """
        if self._serving is None:
            raise not_serving(self.name)
        if self._serving.route.stopped:
            raise stopped(self._serving.route)
        if self.queued_rows >= self._queue_rows:
            raise self._full()
        return self._serving

    async def infer(
        self,
        serving: Serving,
        asked: Asked,
        *,
        key: str = "",
        body: str = "",
        pinned: int | None = None,
    ) -> list[Predictions]:
        """Answer a request: its records, one for each arm, which are on disk now.

        Args:
            serving: What answers, as `admit` gave it.
            asked: The request, as an intake of `serving` read it.
            key: The caller's idempotency key; the same again gives what is on record.
            body: Digest of the request's body, where there is a key.
            pinned: Place of the arm that answers all rows, where the caller named a version.

        Raises:
            UsageError: It has more rows than are taken at once.
            UserCodeError: The model failed; the failure is on record.
            BackendError: The queue is full or the journal cannot be written.
            ConflictError: The key was used for another request.
        """
        if not key:
            return (await self._answer(serving, asked, "", "", pinned))[0]
        return await self._keys.once(
            key, body, lambda: self._answer(serving, asked, key, body, pinned)
        )

    async def feedback(self, body: bytes) -> bytes:
        """Record labels; the same again changes nothing.

        Raises:
            UsageError: The request does not fit.
            BackendError: The journal cannot be written.
        """
        told = intake.decode(_feedback_decoder, body)
        if len(told.predictions) != len(told.labels):
            raise intake.invalid("'predictions' and 'labels' must have the same length")
        if self._serving is not None:
            _check_truths(told.labels, self._serving.scorers[0].model.signature.task)
        if any(lookup.parse_id(prediction) is None for prediction in told.predictions):
            raise intake.invalid("every one of 'predictions' must be a prediction id")
        received_at = clock.now()
        if told.predictions:
            labels = Labels(
                deployment=self.name,
                received_at=received_at,
                predictions=told.predictions,
                labels=told.labels,
                at=intake.moment("at", told.at) if told.at else received_at,
            )
            await self._journal.append([labels])
        return b'{"recorded":%d}' % len(told.predictions)

    async def _answer(
        self, serving: Serving, asked: Asked, key: str, body: str, pinned: int | None
    ) -> Answered:
        if asked.rows > self._queue_rows:
            raise UsageError(
                "request-too-large",
                f"The request has {asked.rows} rows; at most {self._queue_rows} are taken at once.",
                hint="send it in parts",
            )
        if self.queued_rows + asked.rows > self._queue_rows:
            raise self._full()
        self.queued_rows += asked.rows
        try:
            with tracing.span("score"):
                answered = await self._score(serving, asked, key, body, pinned)
            with tracing.span("journal"):
                place = await self._journal.append(answered)
        finally:
            self.queued_rows -= asked.rows
        if serving.shadows:
            self._shade(serving, asked, answered[0])
        return answered, place

    def _shade(self, serving: Serving, asked: Asked, answered: Predictions) -> None:
        every = list(range(asked.rows))
        for arm, scorer in serving.shadows:
            inputs = _inputs(scorer, asked, every)
            entities = asked.entities or []
            shaded = Shaded(arm, scorer, inputs, answered, asked.rows, entities)
            self._shadows.offer(shaded)

    async def _score(
        self, serving: Serving, asked: Asked, key: str, body: str, pinned: int | None
    ) -> list[Predictions]:
        request = time_ordered_hex()
        received_at = clock.now()
        at = asked.at or received_at
        until = math.inf
        if asked.timeout is not None:
            until = asyncio.get_running_loop().time() + asked.timeout
        answered: list[Predictions] = []
        of_arms = (
            _rows_of_arms(serving.route, asked, request)
            if pinned is None
            else [(pinned, list(range(asked.rows)))]
        )
        # Who names a version was assigned to nothing: no share of any split.
        weights = serving.weights if pinned is None else {}
        for index, rows in of_arms:
            scorer = serving.scorers[index]
            arm = serving.route.arms[index]
            inputs = _inputs(scorer, asked, rows)
            entities = _pick(asked.entities, rows, asked.rows) if asked.entities else []
            try:
                scores, seconds, extra = await scorer.score(inputs, len(rows), until)
            except UserCodeError as error:
                failure = Failure(
                    deployment=self.name,
                    received_at=received_at,
                    request=request,
                    at=at,
                    model_ref=arm.model_ref,
                    rows=len(rows),
                    code=error.code,
                    release=arm.release,
                    entities=entities,
                    weights=weights,
                )
                await self._journal.append([failure])
                raise
            answered.append(
                Predictions(
                    deployment=self.name,
                    received_at=received_at,
                    request=request,
                    key=key,
                    at=at,
                    release=arm.release,
                    model_ref=arm.model_ref,
                    rows=rows,
                    entities=entities,
                    inputs=inputs,
                    scores=scores,
                    seconds=seconds,
                    body=body,
                    salt=serving.route.salt if weights else "",
                    pinned=pinned is not None,
                    weights=weights,
                    extra=extra,
                )
            )
        return answered

    def _count_batch(self, rows: int) -> None:
        self._metrics.observe("trueup_batch_rows", rows, self.name)

    def _full(self) -> BackendError:
        scorers = self._serving.scorers if self._serving else ()
        slowest = max((scorer.row_seconds for scorer in scorers), default=0.0)
        wait = min(max(math.ceil(self.queued_rows * slowest), 1), _LONGEST_WAIT_S)
        return BackendError(
            "queue-full",
            f"Deployment '{self.name}' has {self.queued_rows} rows under way and takes no more.",
            hint="send the request again after the seconds in Retry-After",
            context={"retry_after_s": wait},
        )


def stopped(route: Route) -> BackendError:
    """The error for a deployment that a person has stopped."""
    return BackendError(
        "deployment-stopped",
        f"Deployment '{route.deployment}' answers nobody: it was stopped by {route.stopped}.",
        hint=f"trueup release resume {route.deployment}",
    )


def not_serving(name: str) -> BackendError:
    """The error for a deployment without a model."""
    return BackendError(
        "model-not-ready",
        f"Deployment '{name}' serves no model at present.",
        hint=f"trueup deployment show {name}",
    )


def _check_truths(labels: Sequence[Truth], task: str) -> None:
    if task == "binary" and any(label not in (0, 1) for label in labels):
        raise intake.invalid("every one of 'labels' must be 0 or 1, or true or false")
    if task in ("regression", "quantiles") and any(
        isinstance(label, bool | str) or not math.isfinite(label) for label in labels
    ):
        raise intake.invalid("every one of 'labels' must be a number")


def _rows_of_arms(route: Route, asked: Asked, request: str) -> list[tuple[int, list[int]]]:
    if len(route.arms) == 1:
        return [(0, list(range(asked.rows)))]
    entities = [entity or request for entity in asked.entities or [""] * asked.rows]
    rows: list[list[int]] = [[] for _ in route.arms]
    for row, arm in enumerate(assign(route, entities)):
        rows[arm].append(row)
    return [(arm, own) for arm, own in enumerate(rows) if own]


def _inputs(scorer: Scorer, asked: Asked, rows: list[int]) -> Columns:
    names = scorer.columns
    if len(rows) == asked.rows and tuple(asked.columns) == names:
        return asked.columns
    return {name: _pick(asked.columns[name], rows, asked.rows) for name in names}


def _pick(values: list[_T], rows: list[int], of: int) -> list[_T]:
    return values if len(rows) == of else [values[row] for row in rows]
