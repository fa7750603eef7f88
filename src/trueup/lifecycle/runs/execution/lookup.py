"""Asking the cache: a call whose result is known is not carried out again; others say why.

What the pipeline's last run used or made is read in one statement and kept at hand, and whatever
can be asked together is asked together: most runs change little.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from trueup.foundation import clock
from trueup.foundation.actor import Actor
from trueup.lifecycle.pipeline import keys
from trueup.lifecycle.pipeline import table as pipeline_table
from trueup.lifecycle.pipeline.code import fingerprint
from trueup.lifecycle.pipeline.drawing.graph import Node, StepLike
from trueup.lifecycle.pipeline.passing import openings, values
from trueup.lifecycle.pipeline.records import CacheEntry, CodeFingerprint, Components, StoredValue
from trueup.lifecycle.runs import table
from trueup.lifecycle.runs.execution import addressing
from trueup.lifecycle.runs.execution.calls import Call
from trueup.lifecycle.runs.execution.resolution import Items, Resolution, arguments_of
from trueup.lifecycle.runs.execution.scheduling import Need
from trueup.lifecycle.runs.execution.sharing import SharedEntry, SharedResults
from trueup.lifecycle.runs.execution.verification import Verification
from trueup.lifecycle.runs.execution.worker import Given
from trueup.lifecycle.runs.service import Runs
from trueup.state.unit import State


class Found(NamedTuple):
    """A call whose result is known.

    Attributes:
        item: Number of the item; -1 for a call that is for no item.
        outputs: The result.
        key: Its key.
        why: Why it is reused.
        run: The run that made it.
    """

    item: int
    outputs: StoredValue
    key: str
    why: tuple[str, ...]
    run: str


class Lookup:
    """The cache as one run sees it, which is as it was before: its own results are no news to it.

    Attributes:
        run: Identifier of the run; empty before there is one.
        verification: Says which results are computed again.
        shared: Results of others.
    """

    def __init__(
        self,
        state: State,
        actor: Actor,
        root: Path,
        resolution: Resolution,
        again: Mapping[int, str],
        *,
        only_looks: bool = False,
    ) -> None:
        self._state = state
        self._only_looks = only_looks
        self._blobs = state.blobs
        self._actor = actor
        self._root = root
        self._resolution = resolution
        self._again = again
        self.run = ""
        self.verification: Verification | None = None
        self.shared: SharedResults | None = None
        self._code: dict[StepLike, CodeFingerprint] = {}
        self._at_hand: dict[str, CacheEntry] | None = None
        self._former: dict[str, list[Components]] = {}  # of each step, the newest first
        self._of_items: dict[int, Components | None] = {}  # the closest former one, by node

    def address(self, node: Node, lists: Mapping[str, Items], item: int, need: Need) -> Call:
        """A call with its key.

        Args:
            node: The node.
            lists: The items of the arguments that it goes over.
            item: Which item; -1 for the call of a node that goes over none.
            need: What the call occupies.

        Raises:
            UserCodeError: A step returned no such part as the call takes.
        """
        code = self._code.get(node.called)
        if code is None:  # the same for all calls of a step, and by far the slowest part
            code = self._code[node.called] = fingerprint.of_code(node.called, self._root)
        arguments = arguments_of(node, lists, item) if item >= 0 else node.arguments
        found, reasons = addressing.components(
            node.called, arguments, self._root, self._resolution.content, code
        )
        key = keys.key(found) if found else ""
        return Call(node, item, arguments, found, key, reasons, need)

    def ask(self, calls: Sequence[Call]) -> list[Call | Found]:
        """For each call its result, if that is known, or the call to be carried out and why."""
        asked = [call for call in calls if call.key and call.node.index not in self._again]
        known = self._known(asked)
        gone = self._gone(known)
        made_by = self._fetch([c.key for c in asked if c.key not in known or c.key in gone])
        known |= {key: each.entry for key, each in made_by.items()}
        gone -= made_by.keys()
        current = openings.now(self._root, {n for each in known.values() for n in each.opened})
        unfit = {key: openings.changes(each.opened, current) for key, each in known.items()}
        unfit |= dict.fromkeys(gone, ("its stored result is gone",))
        return [
            self._answer(call, known.get(call.key), unfit.get(call.key, ()), made_by)
            for call in calls
        ]

    def _answer(
        self,
        call: Call,
        entry: CacheEntry | None,
        unfit: tuple[str, ...],
        made_by: Mapping[str, SharedEntry],
    ) -> Call | Found:
        if call.node.index in self._again:
            return call._replace(why=(self._again[call.node.index],))
        if call.components is None:
            return call
        if entry is None:
            return call._replace(why=self._explained(call, call.components))
        if unfit:
            return call._replace(why=unfit)
        if self._is_verified(entry):
            why = f"it is computed again to verify the cache; run {entry.run} made it"
            return call._replace(why=(why,))
        why = f"nothing it depends on has changed since run {entry.run}"
        if call.key in made_by:
            why = f"reused from {made_by[call.key].made_by}'s run {entry.run}"
        return Found(call.item, entry.outputs, call.key, (why,), entry.run)

    def _explained(self, call: Call, now: Components) -> tuple[str, ...]:
        """Why a call is not known, told by the former call that differs least."""
        former, over = self._former[call.step.name], call.node.over
        if not over:
            return keys.explained(keys.closest(former, now), now)
        if call.node.index not in self._of_items:  # what tells the items apart does not count
            self._of_items[call.node.index] = keys.closest(former, now, over)
        return keys.explained(self._of_items[call.node.index], now, over)

    def _known(self, asked: Sequence[Call]) -> dict[str, CacheEntry]:
        """What is kept under the keys; what steps of other calls stood on before is read, too."""
        if not asked:
            return {}
        if self._at_hand is None:
            with self._state.read(self._actor) as connection:
                self._at_hand = table.results_at_hand(connection, self._resolution.pipeline)
        known = {c.key: self._at_hand[c.key] for c in asked if c.key in self._at_hand}
        left = {call.key: call.step.name for call in asked if call.key not in known}
        if left:
            with self._state.read(self._actor) as connection:
                known |= pipeline_table.entries(connection, list(left), but_of=self.run)
                for name in {name for key, name in left.items() if key not in known}:
                    if name not in self._former:
                        found = pipeline_table.recent(connection, name, but_of=self.run)
                        self._former[name] = [each.components for each in found]
        return known

    def _gone(self, known: Mapping[str, CacheEntry]) -> set[str]:
        here = values.present(self._blobs, [entry.outputs for entry in known.values()])
        return {key for key, is_here in zip(known, here, strict=True) if not is_here}

    def entry(self, run_id: str, call: Call, given: Given) -> CacheEntry | None:
        """What the cache keeps of a call that finished; nothing if it is not to be cached."""
        outputs = given.outputs
        if call.components is None or outputs is None or given.unclear:
            return None
        if self.verification is not None:
            self.verification.compare(call.name, call.key, outputs)
        kept = CacheEntry(
            key=call.key,
            step=call.step.name,
            run=run_id,
            outputs=outputs,
            components=call.components,
            seconds=call.spent.seconds,
            created_at=clock.now(),
            opened={n: d for n, d in given.opened.items() if n not in call.components.files},
        )
        if call.item < 0 and self._at_hand is not None:  # it may be asked for before it is recorded
            self._at_hand[call.key] = kept
        return kept

    def metrics(self, outputs: StoredValue) -> dict[str, float]:
        """The numbers in a result."""
        return values.metrics(self._blobs, outputs)

    def _fetch(self, missing: list[str]) -> dict[str, SharedEntry]:
        """What others have made of it; kept here from now on."""
        if self.shared is None:
            return {}
        if self._only_looks:
            return self.shared.look(missing)
        found = self.shared.fetch(missing)
        if found:
            entries = [each.entry for each in found.values()]
            Runs(self._state).fetched(self._actor, self.shared.name, entries)
        return found

    def _is_verified(self, entry: CacheEntry) -> bool:
        return self.verification is not None and self.verification.takes(entry)
