"""Everything that can be known to be wrong before a pipeline runs, in one place and all at once.

`problems` looks at the drawn graph, the project's files, the secrets and the machine. Calls that
are wrong in themselves were found while the graph was drawn.
"""

from __future__ import annotations

import io
import os
import types
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path, PurePath
from typing import Any, Final

from trueup.foundation import text
from trueup.foundation.amounts import bytes_of
from trueup.foundation.configuration import HOME
from trueup.foundation.errors import TrueupError, UsageError
from trueup.foundation.records import Record
from trueup.lifecycle.pipeline import devices, matching, origin, rules, secrets
from trueup.lifecycle.pipeline.code import fingerprint
from trueup.lifecycle.pipeline.decorators import Pipeline
from trueup.lifecycle.pipeline.devices import Devices
from trueup.lifecycle.pipeline.drawing.graph import Graph, Node, Output, Secret
from trueup.lifecycle.pipeline.records import Place

# What is used up or bound to this process: drawing the pipeline again would give another one.
_ONCE: Final = (io.IOBase, types.GeneratorType, types.CoroutineType, types.AsyncGeneratorType)


class Machine(Record):
    """What steps may ask for.

    Attributes:
        cpus: Processor cores.
        memory: Bytes of memory.
        devices: Graphics processors.
    """

    cpus: float
    memory: int
    devices: Devices = Devices()


def this_machine() -> Machine:
    """The machine that asks."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return Machine(cpus=float(cores or 1), memory=memory, devices=devices.here())


def checked(
    pipeline: Pipeline[..., Any],
    parameters: Mapping[str, Any],
    root: Path,
    datasets: Collection[str],
    machine: Machine | None = None,
) -> Graph:
    """The graph of a pipeline that may run.

    Args:
        pipeline: What is to run.
        parameters: Values of its parameters, typed.
        root: The project's folder.
        datasets: The datasets that the project has.
        machine: What steps may ask for; None where the engine knows better.

    Raises:
        UsageError: Something is wrong; all that could be found is named, with file and line.
        UserCodeError: The pipeline function raised.
    """
    graph = pipeline.trace(parameters, root)
    found = problems(graph, root, datasets, machine)
    if found:
        raise rules.together(found)
    return graph


def problems(
    graph: Graph, root: Path, datasets: Collection[str], machine: Machine | None = None
) -> list[UsageError]:
    """All that is wrong with a drawn pipeline, in the order of its lines where they are known."""
    found: list[UsageError] = list(graph.problems)
    for dataset, at in graph.datasets.items():
        try:
            rules.check_datasets({dataset: at}, datasets)
        except UsageError as error:
            found.append(error)
    known = secrets.known(root / HOME)
    for name, value in graph.parameters.items():
        if any(word in str(value) for word in secrets.words(known)):
            found.append(_secret_parameter(graph.pipeline, name))
    for node in graph.nodes:
        if node.step is not None:
            found += _arguments(node, root)
            found += _secrets(node, root / HOME)
            found += _files(node, root)
            found += _result(node)
            found += _resources(node, machine) if machine else ()
    return sorted(found, key=lambda error: _line(error.context))


def uncached(graph: Graph, root: Path) -> list[str]:
    """The steps that run every time because their code cannot be told from other code, and why."""
    found: list[str] = []
    for node in graph.nodes:
        if node.step is not None and node.called.options.cache:
            described = fingerprint.of_code(node.called, root)
            if described.problem:
                where = f"{node.at}: step '{node.name}'"
                found.append(f"{where} runs every time: {text.sentence(described.problem)}")
    return found


def _arguments(node: Node, root: Path) -> Iterator[UsageError]:
    for name, value in node.arguments.items():
        problem, hint = _unkeyed(value, node, root)
        if problem:
            yield _problem_at(
                node.at,
                "argument-unusable",
                f"step '{node.name}' is given as '{name}' {problem}",
                hint,
                argument=name,
            )


def _unkeyed(value: Any, node: Node, root: Path) -> tuple[str, str]:
    """Why a plain argument cannot be told from others, and what to do instead."""
    if isinstance(value, Output | Secret) or type(value) in (str, int, bool, float, type(None)):
        return "", ""
    if isinstance(value, dict | list | tuple):
        inner = value.values() if isinstance(value, dict) else value
        found = (_unkeyed(item, node, root) for item in inner)
        return next((problem for problem in found if problem[0]), ("", ""))
    return _unkeyed_object(value, node, root)


def _unkeyed_object(value: Any, node: Node, root: Path) -> tuple[str, str]:
    what = f"a {type(value).__name__}"
    if isinstance(value, _ONCE) or (hasattr(value, "__next__") and hasattr(value, "__iter__")):
        hint = "give the step what it needs to open or make it: a name, a list, numbers"
        return f"{what}, which is used up or bound to this process", hint
    asked = node.called.options
    if isinstance(value, PurePath):
        if not asked.cache or value.as_posix() in asked.depends_on:
            return "", ""
        hint = f'@step(depends_on=["{value.as_posix()}"]), or read it with data("…")'
        return f"the path '{value}', whose content would not count", hint
    described = fingerprint.of_code(value, root) if asked.cache else None
    if described is not None and described.problem:
        return f"{what}: {described.problem}", "give plain values, or write @step(cache=False)"
    return "", ""


def _secrets(node: Node, home: Path) -> Iterator[UsageError]:
    asked = {*node.called.options.secrets, *(s.name for s in secrets.placeholders(node.arguments))}
    for name in sorted(asked):
        try:
            secrets.value_of(name, home)
        except TrueupError as error:
            yield _problem_at(
                node.at, error.code, f"step '{node.name}': {error.message}", error.hint, secret=name
            )


def _files(node: Node, root: Path) -> Iterator[UsageError]:
    for name in node.called.options.depends_on:
        place = root / name
        inside = place.resolve().is_relative_to(root.resolve())
        if not place.exists() or not inside:
            what = "is not there" if inside else "lies outside the project"
            yield _problem_at(
                node.at,
                "step-file-missing",
                f"step '{node.name}' depends on '{name}', which {what}",
                f"ls '{name}'",
                path=name,
            )


def _result(node: Node) -> Iterator[UsageError]:
    returned = node.called.types.get("return", Any)
    if cure := matching.cure(returned):
        written = origin.of_function(node.called.function)
        yield _problem_at(
            node.at,
            "result-unusable",
            f"step '{node.name}' says that it returns {matching.shown(returned)}, which has no "
            f"safe stored form (its function begins at line {written.line})",
            cure,
        )


def _resources(node: Node, machine: Machine) -> Iterator[UsageError]:
    asked = node.called.options
    memory, gpus = bytes_of(asked.memory), len(machine.devices.names)
    for what, wanted, there, shown in (
        ("cpus", asked.cpus, machine.cpus, f"{asked.cpus:g} of {machine.cpus:g} cores"),
        ("memory", memory, machine.memory, f"{asked.memory} of {text.size(machine.memory)}"),
        ("gpus", asked.gpus, gpus, f"{asked.gpus:g} of {gpus} GPUs"),
    ):
        if wanted > there:
            yield _problem_at(
                node.at,
                "step-too-large",
                f"step '{node.name}' asks for {shown}, more than this machine has",
                f"@step({what}=…) with what this machine has, or a larger machine",
                option=what,
            )


def _secret_parameter(pipeline: str, name: str) -> UsageError:
    return UsageError(
        "parameter-secret",
        f"The parameter '{name}' of pipeline '{pipeline}' holds a secret, and parameters are "
        "recorded.",
        hint='name it in the pipeline instead: secret("NAME")',
        context={"pipeline": pipeline, "parameter": name},
    )


def _problem_at(at: Place, code: str, what: str, hint: str, **more: Any) -> UsageError:
    return UsageError(
        code,
        text.sentence(f"{at}: {what}"),
        hint=hint,
        context={"file": at.file, "line": at.line, **more},
    )


def _line(context: Mapping[str, Any]) -> tuple[str, int]:
    return str(context.get("file", "")), int(context.get("line", 0))
