"""`notebook("report.ipynb", inputs=…, outputs=…, parameters=…)`: a Jupyter notebook as a step.

Parameters go into a cell after the one tagged `parameters`, as papermill does it. The key is made
of the code cells; what an earlier execution left in the file does not matter.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, cast

import msgspec

from trueup.foundation import digests, text
from trueup.foundation.errors import MissingExtraError, UsageError, UserCodeError
from trueup.lifecycle.pipeline import options, origin
from trueup.lifecycle.pipeline.code import scripts
from trueup.lifecycle.pipeline.decorators import Step
from trueup.lifecycle.pipeline.drawing import tracing
from trueup.lifecycle.pipeline.passing import handing
from trueup.lifecycle.pipeline.records import Place
from trueup.lifecycle.pipeline.steps import shell
from trueup.lifecycle.pipeline.steps.calling import Call

RESULT: Final = "notebook"
_TAG: Final = "parameters"
_INJECTED: Final = "injected-parameters"


def notebook(
    path: str,
    *,
    inputs: Mapping[str, Any] | None = None,
    outputs: Mapping[str, str] | None = None,
    parameters: Mapping[str, Any] | None = None,
    name: str = "",
    **asked: Any,
) -> dict[str, Path]:
    """Run a notebook of the project as a step of a pipeline; needs the extra `notebooks`.

    Args:
        path: The notebook, relative to the project's folder. It runs in that folder.
        inputs: By name: results of steps, datasets, or files of the project. The notebook gets
            their paths as variables.
        outputs: By name: files that the notebook writes, folders with a `/` at the end. It gets the
            paths as variables.
        parameters: By name: plain values that replace those of its cell tagged `parameters`.
        name: Another name for the step than that of the file.
        **asked: The options of `@step`.

    Returns:
        The outputs by name, and the executed notebook as `notebook`.

    Raises:
        UsageError: Something about the call is wrong, or it is outside a pipeline.
    """
    trace = tracing.tracing()
    at = origin.caller(sys._getframe(1), trace.root if trace else None)
    if trace is None:
        raise UsageError(
            "outside-pipeline",
            f"{at}: notebook(…) has a meaning only inside a @pipeline function.",
            hint="outside a pipeline open the notebook itself",
        )
    call = Call("notebook", at)
    place = call.path(RESULT, path)
    given = call.inputs(inputs or {})
    wanted = call.outputs(outputs or {})
    plain = call.parameters(parameters or {})
    call.distinct(given, wanted, plain, {RESULT: path})
    root = trace.root or Path()
    cells = _code_cells(_read(root / place, place, at))
    stands_on = scripts.of_code(cells, (root / place).parent, root)
    files = scripts.of_files([v for v in given.values() if isinstance(v, str)], root).files
    read = options.read(asked, "notebook(…)", at)
    made: Step[..., Any] = Step(
        run_notebook,
        name=name or shell.name_of([Path(place).stem]),
        options=shell.with_files(read, [*files, *stands_on.files]),
    )
    arguments = {
        "path": place,
        "cells": digests.of_record(cells),
        "inputs": given,
        "outputs": wanted,
        "parameters": plain,
        "libraries": stands_on.libraries,
    }
    return cast("dict[str, Path]", trace.call(made, (), arguments))


def run_notebook(
    path: str,
    cells: str,
    inputs: dict[str, Path | str],
    outputs: dict[str, str],
    parameters: dict[str, Any],
    libraries: dict[str, str],
) -> dict[str, Path]:
    """Run the notebook of a step; `cells` and `libraries` belong to its key alone.

    Raises:
        MissingExtraError: nbclient is not installed.
        UserCodeError: A cell raised, or an output is missing.
    """
    around = handing.surroundings()
    try:
        import nbformat
        from nbclient import NotebookClient
        from nbclient.exceptions import CellExecutionError, DeadKernelError
        from nbformat.v4.rwbase import rejoin_lines
    except ModuleNotFoundError as error:
        raise MissingExtraError(error.name or "nbclient", "notebooks") from error
    raw = _read(around.root / path, path, around.at)
    # In the file a text is a list of its lines.
    book = rejoin_lines(nbformat.from_dict(raw))  # type: ignore[no-untyped-call]
    places = shell.output_places(around, outputs)
    values = {n: str(p) for n, p in shell.input_places(around, inputs).items()}
    values |= {n: str(p) for n, p in places.items()}
    injected = _inject(book, values | parameters)
    client = NotebookClient(
        book,
        timeout=None,
        kernel_name="python3",  # of this environment, whatever made the notebook
        resources={"metadata": {"path": str(around.root)}},
        record_timing=False,
    )
    try:
        client.execute(env=shell.environment(around, {}))
    except CellExecutionError as error:
        raise _failed(around, path, book, f"{error.ename}: {error.evalue}") from error
    except DeadKernelError as error:
        raise _failed(around, path, book, "its Python process died") from error
    injected["source"] = injected["source"].replace(str(around.folder()), ".")
    result = around.folder() / Path(path).name
    nbformat.write(book, result)  # type: ignore[no-untyped-call]
    found = {n: shell.present(around, n, p, outputs[n]) for n, p in places.items()}
    return found | {RESULT: result}


def _read(file: Path, path: str, at: Place) -> dict[str, Any]:
    try:
        book = msgspec.json.decode(file.read_bytes())
        if int(book["nbformat"]) < 4 or not isinstance(book["cells"], list):
            raise ValueError("its format is older than version 4")
        language = book.get("metadata", {}).get("kernelspec", {}).get("language", "python")
        if language.lower() != "python":
            raise ValueError(f"it is written in {language}, and only Python can be run")
    except (OSError, msgspec.DecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(
            "notebook-unreadable",
            text.sentence(f"{at}: the notebook '{path}' cannot be read: {error}"),
            hint=f"jupyter lab '{path}'",
            context={"file": at.file, "line": at.line},
        ) from error
    return cast("dict[str, Any]", book)


def _code_cells(book: Mapping[str, Any]) -> list[str]:
    """The code of a notebook; outputs, counts, prose and metadata do not matter."""
    sources = []
    for cell in book["cells"]:
        if cell.get("cell_type") == "code" and _INJECTED not in _tags(cell):
            source = cell.get("source", "")
            sources.append(source if isinstance(source, str) else "".join(source))
    return sources


def _tags(cell: Mapping[str, Any]) -> list[str]:
    tags = cell.get("metadata", {}).get("tags", [])
    return tags if isinstance(tags, list) else []


def _inject(book: Any, values: Mapping[str, Any]) -> Any:
    """Put a cell with these values after the tagged one, else first; an earlier one goes."""
    import nbformat

    book.cells = [cell for cell in book.cells if _INJECTED not in _tags(cell)]
    source = "".join(f"{name} = {value!r}\n" for name, value in values.items())
    new = nbformat.v4.new_code_cell(source, metadata={"tags": [_INJECTED]})  # type: ignore[no-untyped-call]
    if (int(book.nbformat), int(book.nbformat_minor)) < (4, 5):
        new.pop("id", None)
    else:
        new["id"] = _INJECTED
    tagged = [i for i, cell in enumerate(book.cells) if _TAG in _tags(cell)]
    book.cells.insert(tagged[0] + 1 if tagged else 0, new)
    return new


def _failed(around: handing.Surroundings, path: str, book: Any, said: str) -> UserCodeError:
    cells = (cell for cell in book.cells if cell.cell_type == "code")
    counted = [cell for cell in cells if _INJECTED not in _tags(cell)]
    number = next(
        (
            i
            for i, cell in enumerate(counted, 1)
            if any(output.output_type == "error" for output in cell.get("outputs", ()))
        ),
        0,
    )
    where = f"cell {number} of '{path}'" if number else f"'{path}'"
    return UserCodeError(
        "notebook-failed",
        text.sentence(f"{around.at}: {where} failed in step '{around.name}': {said[:400]}"),
        hint=f"jupyter lab '{path}'",
        context={
            "file": around.at.file,
            "line": around.at.line,
            "step": around.name,
            "cell": number,
        },
    )
