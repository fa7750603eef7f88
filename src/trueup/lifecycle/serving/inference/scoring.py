"""Scoring rows with a loaded model without holding up the event loop.

Requests that arrive in the same turn of the loop, or while the model is busy, are scored together:
no timer, no waiting. A model that was measured to be quick scores on the loop, a slow one in a
thread. A request whose rows break the model fails alone.
"""

from __future__ import annotations

import asyncio
import math
import os
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from operator import itemgetter
from typing import Any, Final, NamedTuple

import numpy as np
import polars as pl

from trueup.foundation.errors import BackendError, UserCodeError
from trueup.lifecycle.models.records import ColumnKind
from trueup.lifecycle.serving.inference.source import LoadedModel
from trueup.lifecycle.serving.records import Score
from trueup.ports.format import Extra, Matrix, OfMatrix, Scores

Columns = dict[str, list[Any]]
Scored = tuple[list[Score], float, Extra]

_QUICK_S = 200e-6  # a model that needs no longer for one row scores on the loop
_TURN_S = 1e-3  # and holds it up for no longer than this
_ROWS_AT_ONCE = 4096
_FEW_ROWS = 24  # up to here a frame is built faster from rows than from columns
_DTYPES: Final[dict[ColumnKind, type[pl.DataType]]] = {
    "number": pl.Float64,
    "integer": pl.Int64,
    "text": pl.String,
    "boolean": pl.Boolean,
}
_PROOF_ROWS = 32
_PROOF_ALONE = 8  # of them are asked about one by one, too
_DRAWN: Final[dict[ColumnKind, Callable[[np.random.Generator], Any]]] = {
    "number": lambda random: random.normal() * 10.0 ** random.integers(-2, 4),
    "integer": lambda random: int(random.integers(-100, 1000)),
    "boolean": lambda random: bool(random.integers(2)),
}
_ZEROS: Final[dict[ColumnKind, Any]] = {"number": 0.0, "integer": 0, "text": "", "boolean": False}


class _Job(NamedTuple):
    columns: Columns
    rows: int
    future: asyncio.Future[Scored] | None = None  # None where nobody waits
    until: float = math.inf  # in the time of the loop: nobody waits any longer


def make_pool() -> ThreadPoolExecutor:
    """The threads in which slow models score: one core is left to the event loop."""
    # Models of one row lose more by waking the other cores' threads than they gain.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    return ThreadPoolExecutor(max(1, min(2, (os.cpu_count() or 1) - 1)), "trueup-scoring")


class Scorer:
    """One loaded model, warmed up and measured.

    Attributes:
        on_batch: Told how many rows are scored at once.

    Raises:
        UserCodeError: The model can score neither a row of zeros nor one of missing values.
    """

    def __init__(self, model: LoadedModel, pool: ThreadPoolExecutor) -> None:
        self.model = model
        self._pool = pool
        self._schema = {c.name: _DTYPES[c.kind] for c in model.signature.inputs}
        self.columns = tuple(self._schema)
        of_matrix = getattr(model.predictor, "of_matrix", None)
        self._of_matrix: OfMatrix | None = None if of_matrix is None else of_matrix()
        telling = getattr(model.predictor, "telling", None)
        self._telling = None if telling is None else telling()
        self._waiting: deque[_Job] = deque()
        self.on_batch: Callable[[int], None] = _ignore
        self._busy = False
        pool.submit(limit_native_threads)  # of the libraries that the model brought
        # Here and not in the pool: a model that hangs may hold up nobody who serves.
        self._base_s, self._row_s = self._calibrate()

    @property
    def takes_matrix(self) -> bool:
        """Whether the model is asked with matrices, which takes less time than with frames."""
        return self._of_matrix is not None

    @property
    def row_seconds(self) -> float:
        """Time that a row more takes, as it was measured."""
        return self._row_s or self._base_s

    def score(self, columns: Columns, rows: int, until: float = math.inf) -> asyncio.Future[Scored]:
        """The score of each row, and how many seconds the model took for them.

        To be called on a running event loop.

        Args:
            columns: Of the model's inputs.
            rows: How many rows they have.
            until: When nobody waits any longer, in the time of the loop: then it is not scored.

        Raises:
            UserCodeError: From the future: the model raised, or did not give one finite number
                per row.
            BackendError: From the future: its time was over before the model had time for it.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Scored] = loop.create_future()
        self._waiting.append(_Job(columns, rows, future, until))
        if not self._busy:
            self._busy = True
            loop.call_soon(self._start)  # behind the requests that came in the same turn
        return future

    def _start(self) -> None:
        jobs = self._taken(asyncio.get_running_loop().time())
        if not jobs:
            self._busy = False
            return
        rows = sum(job.rows for job in jobs)
        self.on_batch(rows)
        if self._base_s < _QUICK_S and self._base_s + self._row_s * rows < _TURN_S:
            self._settle(jobs, self._score_together(jobs))
        else:
            loop = asyncio.get_running_loop()
            done = loop.run_in_executor(self._pool, self._score_together, jobs)
            done.add_done_callback(lambda finished: self._settle(jobs, finished.result()))

    def _taken(self, now: float) -> list[_Job]:
        """What is scored next: as much as fits in one call, and nothing that nobody waits for."""
        jobs: list[_Job] = []
        rows = 0
        while self._waiting and (not jobs or rows + self._waiting[0].rows <= _ROWS_AT_ONCE):
            job = self._waiting.popleft()
            if job.future is None or job.future.done():
                continue
            if job.until < now:
                job.future.set_exception(_late())
                continue
            jobs.append(job)
            rows += job.rows
        return jobs

    def _settle(self, jobs: list[_Job], outcomes: list[Scored | UserCodeError]) -> None:
        self._busy = bool(self._waiting)
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._start)
        for job, outcome in zip(jobs, outcomes, strict=True):
            if job.future is None or job.future.done():
                continue
            if isinstance(outcome, UserCodeError):
                job.future.set_exception(outcome)
            else:
                job.future.set_result(outcome)

    def _score_together(self, jobs: list[_Job]) -> list[Scored | UserCodeError]:
        """The outcome of each request; those that break the model are found by halving."""
        try:
            return _split(jobs, *self._timed(jobs))
        except UserCodeError as error:
            if len(jobs) == 1:
                return [self._blamed(jobs[0], error)]
        half = len(jobs) // 2
        return self._score_together(jobs[:half]) + self._score_together(jobs[half:])

    def _blamed(self, job: _Job, error: UserCodeError) -> UserCodeError:
        """The error, with the place of a row that breaks the model by itself."""
        first, rows, found = 0, job.rows, error
        while rows > 1:
            half = rows // 2
            for start, size in ((first, half), (first + half, rows - half)):
                part = {n: values[start : start + size] for n, values in job.columns.items()}
                try:
                    self._timed([_Job(part, size)])
                except UserCodeError as failure:
                    first, rows, found = start, size, failure
                    break
            else:
                return error  # it is none of them alone
        if job.rows == 1:
            return error
        words = f"{found.message.rstrip('.')} (row {first + 1} of {job.rows})."
        return UserCodeError(found.code, words, hint=found.hint, context=found.context)

    def _timed(self, jobs: Sequence[_Job]) -> Scored:
        rows = sum(job.rows for job in jobs)
        started = time.perf_counter()
        try:
            given, extra = self._ask(jobs)
            scores = np.asarray(given, dtype=np.float64)
        except (Exception, SystemExit) as error:  # nothing that a model does ends the server
            # The text of the error may quote the caller's data: only its type goes out.
            raise self._failed(f"raised {type(error).__name__}") from error
        width = self.model.signature.width
        if scores.shape != ((rows, width) if width else (rows,)):
            raise self._failed(f"gave an array of shape {list(scores.shape)} for {rows} rows")
        if not np.isfinite(scores).all():
            raise self._failed("gave a score that is not a finite number")
        return scores.tolist(), time.perf_counter() - started, extra

    def _ask(self, jobs: Sequence[_Job]) -> tuple[Scores, Extra]:
        if self._of_matrix is not None:
            return self._by_matrix(jobs), {}
        if self._telling is not None:
            told: tuple[Scores, Extra] = self._telling(_frame(jobs, self._schema))
            return told
        return self._by_frame(jobs), {}

    def _by_matrix(self, jobs: Sequence[_Job]) -> Scores:
        assert self._of_matrix is not None
        return self._of_matrix(_matrix(jobs, self.columns))

    def _by_frame(self, jobs: Sequence[_Job]) -> Scores:
        return self.model.predictor(_frame(jobs, self._schema))

    def _calibrate(self) -> tuple[float, float]:
        """Seconds for one row, and for each row more."""
        limit_native_threads()
        many = 64
        row = self._row_that_works()
        self._prove_matrix(row)
        one = self._timed([row])[1]
        if one > _TURN_S:
            return one, 0.0  # slow enough to know where it belongs
        one = min(one, *(self._timed([row])[1] for _ in range(4)))
        all_ = min(self._timed([row] * many)[1] for _ in range(3))
        return one, max(0.0, (all_ - one) / (many - 1))

    def _row_that_works(self) -> _Job:
        inputs = self.model.signature.inputs
        zeros: Columns = {column.name: [_ZEROS[column.kind]] for column in inputs}
        missing = {c.name: [None] for c in inputs if c.nullable}
        try:
            self._timed([_Job(zeros, 1)])
        except UserCodeError:
            # Some models know no text that was not in training but do know missing values.
            self._timed([_Job(zeros | missing, 1)])
            return _Job(zeros | missing, 1)
        return _Job(zeros, 1)

    def _prove_matrix(self, row: _Job) -> None:
        """Ask with frames only, unless the model says the same about a matrix.

        Row by row to the last bit. Of many rows together a library of linear algebra rounds as
        the matrix lies in memory, so that the model itself may say one bit more or less of them.
        """
        if self._of_matrix is None:
            return
        random = np.random.default_rng(0)
        kinds = {column.name: column.kind for column in self.model.signature.inputs}
        drawn = [
            _Job({name: [_DRAWN[kind](random)] for name, kind in kinds.items()}, 1)
            for _ in range(_PROOF_ROWS)
        ]
        some = [row, *drawn]
        try:
            same = all(
                np.array_equal(self._by_matrix([job]), self._by_frame([job]))
                for job in some[:_PROOF_ALONE]
            ) and np.allclose(self._by_matrix(some), self._by_frame(some), rtol=1e-9, atol=1e-12)
        except Exception:
            same = False
        if not same:
            self._of_matrix = None

    def _failed(self, what: str) -> UserCodeError:
        return UserCodeError(
            "model-failed",
            f"The model {self.model.model_ref} {what}.",
            hint=f"trueup why {self.model.model_ref}",
            context={"model": self.model.model_ref},
        )


def limit_native_threads() -> None:
    """Let OpenMP and BLAS of the calling thread use one core, where that can be set."""
    try:
        import threadpoolctl  # type: ignore[import-untyped,unused-ignore]
    except ModuleNotFoundError:
        return
    threadpoolctl.threadpool_limits(limits=1)


def _split(
    jobs: list[_Job], scores: list[Score], seconds: float, extra: Extra
) -> list[Scored | UserCodeError]:
    outcomes: list[Scored | UserCodeError] = []
    start = 0
    for job in jobs:
        share = seconds * job.rows / len(scores)
        end = start + job.rows
        own = {name: values[start:end] for name, values in extra.items()} if extra else extra
        outcomes.append((scores[start:end], share, own))
        start = end
    return outcomes


def _ignore(_rows: int) -> None:
    pass


def _late() -> BackendError:
    return BackendError(
        "request-late",
        "The time that the request names was over before the model had time for it.",
        hint="send it again, with a longer timeout or fewer rows",
    )


_first = itemgetter(0)


def _matrix(jobs: Sequence[_Job], names: tuple[str, ...]) -> Matrix:
    """The rows of all jobs as numbers, shape [rows, names]; what is missing is NaN."""
    if len(jobs) == 1 and jobs[0].rows > _FEW_ROWS:
        columns = jobs[0].columns
        by_column = np.array([columns[name] for name in names], dtype=np.float64)
        return np.ascontiguousarray(by_column.T)
    rows: list[Sequence[Any]] = []
    for job in jobs:
        columns = job.columns
        if job.rows == 1 and tuple(columns) == names:
            rows.append(list(map(_first, columns.values())))
        else:
            rows += zip(*(columns[name] for name in names), strict=True)
    return np.array(rows, dtype=np.float64)


def _frame(jobs: Sequence[_Job], schema: dict[str, type[pl.DataType]]) -> pl.DataFrame:
    """The rows of all jobs as a frame."""
    columns = jobs[0].columns
    if len(jobs) > 1:
        columns = {name: [value for job in jobs for value in job.columns[name]] for name in schema}
    if sum(job.rows for job in jobs) > _FEW_ROWS:
        return pl.DataFrame(
            [pl.Series(name, columns[name], dtype) for name, dtype in schema.items()]
        )
    names = list(schema)
    values = zip(*(columns[name] for name in names), strict=True)
    return pl.from_dicts([dict(zip(names, row, strict=True)) for row in values], schema=schema)
