"""What the demo's report says of versions, and what a second demo says instead of working."""

from __future__ import annotations

from pathlib import Path

from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from trueup.app.demo.again import Looked
from trueup.app.demo.versions import Again, Copy, DataChange, ModelChange, Store, Versions
from trueup.foundation import digests
from trueup.foundation.text import listing, plural, seconds, size
from trueup.lifecycle.runs.preview.records import RunPlan
from trueup.lifecycle.runs.reproductions.records import Reproduction

_METRICS = ("brier", "roc_auc")


def kept(versions: Versions) -> Group:
    """A line for each thing that version control did."""
    parts = [("push", _copy(versions.copy)), ("data verify", _store(versions.store))]
    if versions.change is not None:
        parts += [("data diff", _data(change)) for change in versions.change.data]
        parts.append(("diff", _model(versions.change)))
    if versions.reproduction is not None:
        parts.append(("reproduce", _reproduction(versions.reproduction)))
    if versions.again is not None:
        parts.append(("run again", _again(versions.again)))
    return _section("\nVersions", "", parts)


def looked(found: Looked, folder: Path) -> Group:
    """Why there is nothing to do, or what has changed and what it would take."""
    parts = [
        ("story", f"{plural(found.weeks, 'look')} of the monitors on record, to {found.last:%F}"),
        ("plan", f"trueup.toml {'differs from' if found.plan_changed else 'is'} {found.plan}"),
        *(
            (
                "data",
                f"{each.version} {digests.short(each.digest)}: {plural(each.files, 'file')} "
                f"{'changed since' if each.changed else 'unchanged'}",
            )
            for each in found.data
        ),
        ("code", _edited(found)),
        ("steps", _steps(found.run)),
        ("backup", listing(found.to_send) or "nothing to send"),
    ]
    if found.nothing_to_do:
        said = f"Nothing was done: nothing has changed. Looked in {seconds(found.seconds)}."
        return Group(_section("Told already", said, parts), "")
    said = "Something has changed since. The finished demo is left as it is."
    told = _section("Told already", said, parts)
    return Group(told, _section("What it takes", "", _needed(found, folder)), "")


def _needed(found: Looked, folder: Path) -> list[tuple[str, str]]:
    parts = [
        (step.step, f"would {'run' if step.decision == 'run' else 'perhaps run'}: {why}")
        for step in found.run.steps
        if step.decision != "reuse"
        for why in step.why[:1]
    ]
    commands = [f"cd '{folder}'"]
    if found.plan_changed:
        commands.append("trueup plan adopt")
    if found.edited:
        commands.append("git commit -am 'Describe the change'")
    if parts:
        least, most = seconds(found.run.seconds), seconds(found.run.seconds_at_most)
        parts.append(("computing", least if least == most else f"{least} to {most}"))
        commands.append("trueup run flights")
    if found.to_send:
        commands.append("trueup data push")
    return [*parts, ("to go on", " && ".join(commands)), ("afresh", "trueup demo another-folder")]


def _copy(copy: Copy) -> str:
    if copy.faults:
        return f"{copy.remote}: {copy.faults[0]}"
    left = f"{listing(copy.missing)} to send" if copy.missing else "nothing left to send"
    return (
        f"{plural(copy.versions, 'version')} of data and {plural(copy.results, 'result')} of steps "
        f"in '{copy.remote}', {size(copy.size)}, every byte verified there; pushed again: {left}"
    )


def _store(store: Store) -> str:
    what = f"{plural(store.versions, 'version')}, {plural(store.blobs, 'blob')}, {size(store.size)}"
    return f"{what} read again: {store.broken[0] if store.broken else 'all whole'}"


def _data(change: DataChange) -> str:
    moved = f"; {plural(len(change.moved), 'column')} moved" if change.moved else ""
    return (
        f"{change.before} → {change.after}: {change.added:,} rows added, "
        f"{change.removed:,} removed, {change.changed:,} changed{moved}"
    )


def _model(change: ModelChange) -> str:
    parts = [f"data of {plural(len(change.data), 'dataset')}" if change.data else "the same data"]
    parts.append(listing(change.parameters) if change.parameters else "the same parameters")
    parts.append("the same code" if change.same_code else "other code")
    parts += [
        f"{metric.name} {metric.before:.4f} → {metric.after:.4f}"
        for metric in change.metrics
        if metric.name.rpartition(".")[2] in _METRICS
        and metric.before is not None
        and metric.after is not None
    ]
    return f"{change.before} → {change.after}: {'; '.join(parts)}"


def _reproduction(made: Reproduction) -> str:
    said = f"run:{made.run} from its record alone: {made.outcome}"
    if made.outcome == "impossible":
        return f"{said}: {made.missing[0]}"
    differing = f"; {made.differences[0]}" if made.differences else ""
    return f"{said}, {plural(made.steps, 'step')} in {seconds(made.seconds)}{differing}"


def _again(again: Again) -> str:
    done = f"{again.reused} of {plural(again.reused + again.ran, 'step')} reused"
    return f"run:{again.run}: {done} in {seconds(again.seconds)}; {'; '.join(again.why)}"


def _steps(run: RunPlan) -> str:
    reused = run.count("reuse")
    why = next((why for step in run.steps if step.decision == "reuse" for why in step.why), "")
    return f"{reused} of {len(run.steps)} would be reused{': ' if why else ''}{why}"


def _edited(found: Looked) -> str:
    if not found.edited:
        return "no file differs from the commit"
    reaches = "" if found.run.count("reuse") < len(found.run.steps) else "; no step depends on that"
    return f"{listing(found.edited)} differ{'s' if len(found.edited) == 1 else ''}{reaches}"


def _section(title: str, said: str, parts: list[tuple[str, str]]) -> Group:
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True, style="dim")
    table.add_column()
    for name, words in parts:
        table.add_row(name, Text(words))
    return Group(Text.assemble((title, "bold"), f"  {said}"), Padding(table, (0, 0, 0, 2)))
