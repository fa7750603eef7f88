"""Asking the cache: a call whose result is known is not carried out again; others say why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from trueup.foundation import clock
from trueup.foundation.actor import Actor
from trueup.lifecycle.pipeline import fingerprint, keys, values
from trueup.lifecycle.pipeline import table as pipeline_table
from trueup.lifecycle.pipeline.graph import Node
from trueup.lifecycle.pipeline.records import CacheEntry, CodeFingerprint, Components, StoredValue
from trueup.lifecycle.runs import addressing
from trueup.lifecycle.runs.calls import Call
from trueup.lifecycle.runs.resolution import Items, Resolution, arguments_of
from trueup.lifecycle.runs.scheduling import Need
from trueup.lifecycle.runs.service import Runs
from trueup.lifecycle.runs.sharing import SharedEntry, SharedResults
from trueup.lifecycle.runs.verification import Verification
from trueup.state.unit import State


class Found(NamedTuple):
    """A call whose result is known.

    Attributes:
        item: Number of the item; -1 for a call that is for no item.
        outputs: The result.
        key: Its key.
        why: Why it is reused.
    """

    item: int
    outputs: StoredValue
    key: str
    why: tuple[str, ...]


class Lookup:
    """The cache as one run sees it."""

    def __init__(
        self,
        state: State,
        actor: Actor,
        root: Path,
        resolution: Resolution,
        again: Mapping[int, str],
    ) -> None:
        self._state = state
        self._blobs = state.blobs
        self._actor = actor
        self._root = root
        self._resolution = resolution
        self._again = again
        self.verification: Verification | None = None
        self.shared: SharedResults | None = None
        self._code: dict[int, CodeFingerprint] = {}

    def of(
        self, node: Node, lists: Mapping[str, Items], numbers: Sequence[int], need: Need
    ) -> list[Call | Found]:
        """For the calls of a node: what is known, or the call to be carried out.

        Args:
            node: The node.
            lists: The items of the arguments that it goes over.
            numbers: Which items; -1 for the call of a node that goes over none.
            need: What one call occupies.
        """
        calls = []
        code = self._code.get(node.index)
        if code is None and node.over:  # the same for all items, and by far the slowest part
            code = self._code[node.index] = fingerprint.of_code(node.called, self._root)
        for number in numbers:
            arguments = arguments_of(node, lists, number) if number >= 0 else node.arguments
            found, reasons = addressing.components(
                node.called, arguments, self._root, self._resolution.content, code
            )
            key = keys.key(found) if found else ""
            calls.append(Call(node, number, arguments, found, key, reasons, need))
        if node.index in self._again:
            return [call._replace(why=(self._again[node.index],)) for call in calls]
        with self._state.read(self._actor) as connection:
            known = pipeline_table.entries(connection, [call.key for call in calls if call.key])
            here = {key: self._is_here(entry) for key, entry in known.items()}
            before = None
            if any(call.key and call.key not in known for call in calls):
                before = pipeline_table.latest(connection, node.called.name)
        made_by = self._fetch([call.key for call in calls if call.key and not here.get(call.key)])
        known |= {key: each.entry for key, each in made_by.items()}
        here |= dict.fromkeys(made_by, True)
        answers: list[Call | Found] = []
        for call in calls:
            entry = known.get(call.key)
            if entry is not None and here[call.key] and self._is_verified(entry):
                why = (f"it is computed again to verify the cache; run {entry.run} made it",)
                answers.append(call._replace(why=why))
            elif entry is not None and here[call.key]:
                why = (f"nothing it depends on has changed since run {entry.run}",)
                if call.key in made_by:
                    why = (f"reused from {made_by[call.key].made_by}'s run {entry.run}",)
                answers.append(Found(call.item, entry.outputs, call.key, why))
            elif entry is not None:
                answers.append(call._replace(why=("its stored result is gone",)))
            elif call.components is not None:
                answers.append(call._replace(why=_explained(before, call.components, node.over)))
            else:
                answers.append(call)
        return answers

    def entry(self, run_id: str, call: Call, outputs: StoredValue) -> CacheEntry | None:
        """What the cache keeps of a call that finished; nothing if it is not to be cached."""
        if call.components is None:
            return None
        if self.verification is not None:
            self.verification.compare(call.name, call.key, outputs)
        return CacheEntry(
            key=call.key,
            step=call.step.name,
            run=run_id,
            outputs=outputs,
            components=call.components,
            seconds=call.spent.seconds,
            created_at=clock.now(),
        )

    def metrics(self, outputs: StoredValue) -> dict[str, float]:
        """The numbers in a result."""
        return values.metrics(self._blobs, outputs)

    def _fetch(self, missing: list[str]) -> dict[str, SharedEntry]:
        """What others have made of it; kept here from now on."""
        if self.shared is None:
            return {}
        found = self.shared.fetch(missing)
        if found:
            entries = [each.entry for each in found.values()]
            Runs(self._state).fetched(self._actor, self.shared.name, entries)
        return found

    def _is_verified(self, entry: CacheEntry) -> bool:
        return self.verification is not None and self.verification.takes(entry)

    def _is_here(self, entry: CacheEntry) -> bool:
        return values.is_present(self._blobs, entry.outputs)


def _explained(before: CacheEntry | None, now: Components, over: Sequence[str]) -> tuple[str, ...]:
    if before is None or not over:
        return tuple(keys.explain(before.components if before else None, now))
    # The last result is that of another item: what tells the items apart is no change.
    varying = {
        name: {
            **{n: v for n, v in getattr(before.components, name).items() if not _of(n, over)},
            **{n: v for n, v in getattr(now, name).items() if _of(n, over)},
        }
        for name in ("parameters", "inputs")
    }
    same = msgspec.structs.replace(before.components, **varying)
    return tuple(keys.explain(same, now)) or ("this item has not run before",)


def _of(name: str, over: Sequence[str]) -> bool:
    return name.partition(".")[0] in over
