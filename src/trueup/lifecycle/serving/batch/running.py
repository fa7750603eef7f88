"""A batch from its first chunk to its last, whatever interrupts it.

A chunk's records are written to the journal, then its part, then the checkpoint. Identifiers
follow from the batch: a chunk that is done again looks for its own records first.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec
import numpy as np
import polars as pl

from trueup.foundation import clock, digests
from trueup.foundation.errors import ConflictError, UsageError
from trueup.foundation.identifiers import short_id
from trueup.foundation.records import builtins
from trueup.foundation.text import did_you_mean, plural
from trueup.lifecycle.serving.batch import fitting
from trueup.lifecycle.serving.batch.answering import (
    BLOCK_ROWS,
    Answering,
    Answers,
    request_of,
)
from trueup.lifecycle.serving.batch.output import Output
from trueup.lifecycle.serving.batch.records import Batch, Checkpoint, Order
from trueup.lifecycle.serving.batch.sources import Source
from trueup.lifecycle.serving.journal import lookup
from trueup.lifecycle.serving.journal.writer import Journal

Tell = Callable[[Checkpoint, int | None], None]
_NAMED: Final = 5
_OWN: Final = ("row", "prediction_id", "release", "model")


class Running:
    """One call.

    Args:
        order: What is asked.
        target: Deployment or version, as it was named.
        source: The rows.
        answering: Who answers.
        journal: Where predictions are recorded; None where they are not.
        tell: Hears of each finished chunk.
    """

    def __init__(
        self,
        order: Order,
        target: str,
        source: Source,
        answering: Answering,
        journal: Path | None,
        tell: Tell,
    ) -> None:
        self._order = order
        self._target = target
        self._source = source
        self._answering = answering
        self._folder = journal
        self._tell = tell
        self._route = answering.route
        self._entity = order.entity or self._route.entity
        present = source.columns()
        fitting.check_columns(answering.columns, present)
        self._keep = present if order.keep == ("*",) else list(order.keep)
        self._check_names(present)
        self._total = source.total()

    def trial(self) -> Batch:
        """Answer the first chunk and write nothing."""
        began = time.perf_counter()
        state = Checkpoint(order="", batch="trial", started_at=clock.now())
        for rows, _ in self._source.chunks(state.next, self._order.chunk_rows):
            table, bad, _ = self._answered(rows, state, is_recorded=False)
            state = msgspec.structs.replace(state, rows=table.height, bad=len({b[0] for b in bad}))
            break
        return self._told(state, time.perf_counter() - began, is_trial=True)

    def run(self) -> Batch:
        """Make the output.

        Raises:
            ConflictError: It is there already, or an interrupted batch was another one.
            UsageError: Rows do not fit, and bad rows are not to be left out.
        """
        output = Output(self._order.output)
        with output.held():
            began = output.checkpoint()
            state = self._begun(output, began)
            if not state.is_read:
                state = self._read_on(output, state)
            output.finish(state.chunks)
        return self._told(state, state.seconds, resumed=began is not None)

    def _begun(self, output: Output, state: Checkpoint | None) -> Checkpoint:
        facts = [
            *self._source.identity(),
            builtins(self._order) | {"output": ""},
            builtins(self._route),
            self._folder is not None,
        ]
        order = digests.of_bytes(msgspec.json.encode(facts, enc_hook=str))
        if state is None:
            output.restart()
            state = Checkpoint(order=order, batch=short_id(), started_at=clock.now())
            output.keep(state)
        elif state.order != order:
            raise ConflictError(
                "batch-changed",
                f"The batch that was making '{output.path}' was interrupted after "
                f"{plural(state.read, 'row')}, and since then its input, its options or the "
                "release that answers have changed.",
                hint=f"rm -r '{output.work}'   (to begin again; what was recorded stays)",
            )
        return state

    def _read_on(self, output: Output, state: Checkpoint) -> Checkpoint:
        journal = None if self._folder is None else Journal(self._folder)
        is_again = state.chunks > 0 or self._folder is not None
        began, before = time.perf_counter(), state.seconds
        try:
            for rows, after in self._source.chunks(state.next, self._order.chunk_rows):
                table, bad, answers = self._answered(rows, state, is_recorded=journal is not None)
                if journal is not None:
                    self._record(journal, answers, is_again=is_again)
                    is_again = False  # only the chunk that was interrupted can be there already
                output.write(state.chunks, table)
                if self._order.on_bad == "report":
                    output.write_bad(state.chunks, bad)
                state = msgspec.structs.replace(
                    state,
                    next=after,
                    chunks=state.chunks + 1,
                    read=state.read + rows.height,
                    rows=state.rows + table.height,
                    bad=state.bad + rows.height - table.height,
                    seconds=before + time.perf_counter() - began,
                )
                output.keep(state)
                self._tell(state, self._total)
        finally:
            if journal is not None:
                journal.close()
        if state.chunks == 0:  # an input without rows gives an output without rows
            output.write(0, self._empty())
            state = msgspec.structs.replace(state, chunks=1)
        state = msgspec.structs.replace(state, is_read=True)
        output.keep(state)
        return state

    def _record(self, journal: Journal, answers: list[Answers], *, is_again: bool) -> None:
        for block in answers:
            if not block.records:
                continue
            if is_again and self._folder is not None:
                row = block.records[0].rows[0]
                if lookup.find(self._folder, f"{block.request}-{row}") is not None:
                    continue
            journal.write(block.records)

    def _answered(
        self, rows: pl.DataFrame, state: Checkpoint, *, is_recorded: bool
    ) -> tuple[pl.DataFrame, list[tuple[int, str, str]], list[Answers]]:
        fitted, wrong = fitting.fit(rows, self._answering.columns, is_typed=self._source.is_typed)
        bad = [(state.read + one.row + 1, one.column, one.rule) for one in wrong]
        self._refuse(bad)
        good = np.ones(rows.height, dtype=np.bool_)
        good[[one.row for one in wrong]] = False
        places = np.flatnonzero(good)
        kept = rows if good.all() else rows[places]
        if wrong:
            fitted = fitted[places]
        blocks = -(-kept.height // BLOCK_ROWS)
        requests = [
            request_of(state.batch, state.started_at, state.chunks, block)
            for block in range(blocks)
        ]
        answers = self._answering.answer(
            fitted, self._entities(kept), self._order.at, requests, is_recorded=is_recorded
        )
        broken = {
            number * BLOCK_ROWS + row: rule
            for number, block in enumerate(answers)
            for row, rule in block.failed.items()
        }
        failed = [(state.read + int(places[row]) + 1, "", rule) for row, rule in broken.items()]
        self._refuse(failed)
        table = self._table(kept, state.read + places + 1, answers, broken)
        return table, sorted(bad + failed), answers

    def _table(
        self, kept: pl.DataFrame, numbers: Any, answers: list[Answers], broken: dict[int, str]
    ) -> pl.DataFrame:
        if not kept.height:
            return self._empty(kept)
        made = [pl.Series("row", numbers, pl.Int64), *(kept[name] for name in self._keep)]
        scores = np.concatenate([block.scores for block in answers])
        names = self._score_names()
        columns = [scores] if scores.ndim == 1 else list(scores.T)
        made += [pl.Series(name, own) for name, own in zip(names, columns, strict=True)]
        arms = np.concatenate([np.asarray(block.arms, dtype=np.int64) for block in answers])
        refs = [arm.model_ref for arm in self._route.arms]
        made.append(pl.Series("model", refs, pl.String)[arms])
        if self._route.deployment:
            made.append(pl.Series("release", [arm.release for arm in self._route.arms])[arms])
        if self._folder is not None:
            ids = [f"{block.request}-{row}" for block in answers for row in range(len(block.arms))]
            made.append(pl.Series("prediction_id", ids))
        table = pl.DataFrame(made)
        if broken:
            table = table[[row for row in range(table.height) if row not in broken]]
        return table

    def _empty(self, kept: pl.DataFrame | None = None) -> pl.DataFrame:
        schema: dict[str, Any] = {"row": pl.Int64}
        schema |= {name: pl.String if kept is None else kept.schema[name] for name in self._keep}
        schema |= dict.fromkeys(self._score_names(), pl.Float64) | {"model": pl.String}
        if self._route.deployment:
            schema["release"] = pl.Int64
        if self._folder is not None:
            schema["prediction_id"] = pl.String
        return pl.DataFrame(schema=schema)

    def _score_names(self) -> list[str]:
        signature = self._answering.signature
        several = signature.classes or signature.levels
        return [f"{signature.output}_{each}" for each in several] or [signature.output]

    def _entities(self, rows: pl.DataFrame) -> list[str] | None:
        if not self._route.entity:
            return None
        if self._entity not in rows.columns:
            return [""] * rows.height
        return ["" if value is None else str(value) for value in rows[self._entity]]

    def _check_names(self, present: list[str]) -> None:
        wanted = [*self._keep, *filter(None, [self._order.entity])]
        for name in wanted:
            if name not in present:
                raise UsageError(
                    "batch-rows",
                    f"The input has no column '{name}'.{did_you_mean(name, present)}",
                    hint="--keep id,carrier",
                )
        if taken := sorted({*_OWN, *self._score_names()} & set(self._keep)):
            raise UsageError(
                "batch-rows",
                f"The column '{taken[0]}' of the input cannot be kept: the output has one of "
                "that name.",
                hint="--keep id,carrier",
            )

    def _refuse(self, bad: list[tuple[int, str, str]]) -> None:
        if not bad or self._order.on_bad != "fail":
            return
        told = "; ".join(
            f"row {row:,} {f'column {column!r} ' if column else ''}{rule}"
            for row, column, rule in bad[:_NAMED]
        )
        more = f"; and {len(bad) - _NAMED:,} more" if len(bad) > _NAMED else ""
        raise UsageError(
            "batch-bad-rows",
            f"Rows of the input do not fit the model: {told}{more}.",
            hint="mend them, or leave them out: --on-bad report",
            context={"bad": [list(one) for one in bad[:100]]},
        )

    def _told(
        self, state: Checkpoint, seconds: float, *, is_trial: bool = False, resumed: bool = False
    ) -> Batch:
        reported = self._order.on_bad == "report" and not is_trial
        return Batch(
            batch="" if is_trial else state.batch,
            target=self._target,
            models=tuple(dict.fromkeys(arm.model_ref for arm in self._route.arms)),
            output=self._order.output,
            report=str(Output(self._order.output).report) if reported else "",
            rows=state.rows,
            bad=state.bad,
            total=self._total,
            chunks=state.chunks,
            seconds=round(seconds, 3),
            resumed=resumed,
            recorded=self._folder is not None and not is_trial,
        )
