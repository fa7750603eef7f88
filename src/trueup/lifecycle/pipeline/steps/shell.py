"""`sh("python old.py {rows} --out {model}", inputs=…, outputs=…)`: a program as a step.

The command line is split before anything is filled in, so no data becomes syntax. It runs in the
project's folder; inputs are files that it may read, outputs are paths that it is to write.
`calling.py` checks how it is called.
"""

from __future__ import annotations

import codecs
import os
import re
import shlex
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NoReturn, cast

from trueup.foundation import text
from trueup.foundation.errors import UserCodeError
from trueup.lifecycle.pipeline import options, origin, secrets
from trueup.lifecycle.pipeline.code import scripts
from trueup.lifecycle.pipeline.decorators import Step
from trueup.lifecycle.pipeline.drawing import tracing
from trueup.lifecycle.pipeline.passing import handing
from trueup.lifecycle.pipeline.records import StepOptions
from trueup.lifecycle.pipeline.steps.calling import PLACEHOLDER, Call, outside

_SHELL: Final = "/bin/sh"
_TAIL_BYTES: Final = 4000
_TAIL_LINES: Final = 20


def sh(
    command: str,
    *,
    inputs: Mapping[str, Any] | None = None,
    outputs: Mapping[str, str] | None = None,
    parameters: Mapping[str, Any] | None = None,
    shell: bool = False,
    name: str = "",
    **asked: Any,
) -> dict[str, Path]:
    """Run a program as a step of a pipeline; existing scripts run as they are.

    It runs in the project's folder, with this environment's Python first in `PATH`. Files of the
    project that the command names, and what a Python script among them imports, belong to its key.

    Args:
        command: The command line. `{name}` becomes the path of that input or output, or the text of
            that parameter, always as one word or a part of one. It goes through no shell.
        inputs: By name: results of steps, datasets, or files of the project. A result that is a
            frame is given as Parquet, plain data as JSON; files and datasets are given as they are.
        outputs: By name: the file to be written, or a folder when it ends with `/`. One that the
            command does not name is taken from that path in the project's folder.
        parameters: By name: plain values to fill in.
        shell: Hand the command to `/bin/sh -c` as it stands. Nothing is filled in: inputs, outputs
            and parameters are variables there, to be written `"$name"`.
        name: Another name for the step than that of its program or script.
        **asked: The options of `@step`.

    Returns:
        The outputs by name; a later step gets them as files.

    Raises:
        UsageError: Something about the call is wrong, or it is outside a pipeline.

    Example:
        >>> from trueup import data, pipeline
        >>> @pipeline
        ... def old() -> None:
        ...     fitted = sh("Rscript fit.R {rows}", inputs={"rows": data("rows")}, outputs={})
        >>> [node.name for node in old.draw({}).nodes]
        ['fit']
    """
    trace = tracing.tracing()
    at = origin.caller(sys._getframe(1), trace.root if trace else None)
    if trace is None:
        outside(at, "sh")
    call = Call("sh", at)
    words = call.split(command)
    given = call.inputs(inputs or {})
    wanted = call.outputs(outputs or {})
    plain = call.parameters(parameters or {})
    call.distinct(given, wanted, plain)
    call.placeholders(words, command, {*given, *wanted, *plain}, for_shell=shell)
    read = options.read(asked, "sh(…)", at)
    root = trace.root or Path()
    named = [value for value in given.values() if isinstance(value, str)]
    stands_on = scripts.of_files([*named, *scripts.named_in(words, root)], root)
    made: Step[..., Any] = Step(
        run_command,
        name=name or name_of(words),
        options=with_files(read, stands_on.files),
    )
    arguments = {
        "command": command,
        "inputs": given,
        "outputs": wanted,
        "parameters": plain,
        "shell": bool(shell),
        "libraries": stands_on.libraries,
    }
    return cast("dict[str, Path]", trace.call(made, (), arguments))


def run_command(
    command: str,
    inputs: dict[str, Path | str],
    outputs: dict[str, str],
    parameters: dict[str, Any],
    shell: bool,
    libraries: dict[str, str],
) -> dict[str, Path]:
    """Run the command of a step; `libraries` belong to its key alone.

    Raises:
        UserCodeError: It could not be started, it failed, or an output is missing.
    """
    around = handing.surroundings()
    named = _named(command, outputs, for_shell=shell)
    places = output_places(around, {n: p for n, p in outputs.items() if n in named})
    left = {n: around.root / p for n, p in outputs.items() if n not in named}
    before = {n: _state(path) for n, path in left.items()}
    values = {n: str(path) for n, path in input_places(around, inputs).items()}
    values |= {n: str(path) for n, path in places.items()}
    values |= {n: as_text(value) for n, value in parameters.items()}
    line = [_SHELL, "-c", command] if shell else _filled(shlex.split(command), values)
    _run(line, around, environment(around, values))
    for name, path in left.items():
        if _state(path) == before[name]:
            _missing(around, name, outputs[name], "it did not write")
    return {
        name: present(around, name, path, outputs[name]) for name, path in (places | left).items()
    }


def input_places(around: handing.Surroundings, inputs: Mapping[str, Path | str]) -> dict[str, Path]:
    """Where each input lies: results are laid out already, files of the project lie in it.

    Raises:
        UserCodeError: A file of the project is not there, or a link leads out of it.
    """
    found: dict[str, Path] = {}
    for name, given in inputs.items():
        place = given if isinstance(given, Path) else around.root / given
        inside = isinstance(given, Path) or place.resolve().is_relative_to(around.root.resolve())
        if not place.exists() or not inside:
            raise UserCodeError(
                "command-input-missing",
                f"{around.at}: the input '{name}' of step '{around.name}' is "
                f"{'not there' if inside else 'outside the project'}: {given}.",
                hint=f"ls '{given}'",
            )
        found[name] = place
    return found


def output_places(around: handing.Surroundings, outputs: Mapping[str, str]) -> dict[str, Path]:
    """Where each output is to be written: a folder of this call, its parent folders made."""
    folder = around.folder() / "outputs"
    places = {name: folder / path for name, path in outputs.items()}
    for name, place in places.items():
        (place if outputs[name].endswith("/") else place.parent).mkdir(parents=True, exist_ok=True)
    return places


def environment(around: handing.Surroundings, values: Mapping[str, str]) -> dict[str, str]:
    """The environment of a program: this one's without other secrets, and what it was given."""
    mine = {n: v for n, v in os.environ.items() if not n.startswith(secrets.VARIABLE)}
    mine["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), mine.get("PATH", os.defpath)])
    return mine | dict(values) | dict(around.secrets)


def present(around: handing.Surroundings, name: str, path: Path, wanted: str) -> Path:
    """An output that was written.

    Raises:
        UserCodeError: It is not there, or is a file where a folder is wanted.
    """
    if not path.exists():
        _missing(around, name, wanted, "it did not write")
    if wanted.endswith("/") != path.is_dir():
        _missing(around, name, wanted, f"it wrote a {'folder' if path.is_dir() else 'file'} as")
    return path


def as_text(value: Any) -> str:
    """A parameter as one word: text as it is, anything else as JSON."""
    import msgspec

    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def with_files(asked: StepOptions, files: Sequence[str]) -> StepOptions:
    """The options, with more files whose content belongs to the key."""
    values = {name: getattr(asked, name) for name in asked.__struct_fields__}
    values["depends_on"] = tuple(dict.fromkeys([*asked.depends_on, *files]))
    return StepOptions(**values)


def _named(command: str, outputs: Mapping[str, str], *, for_shell: bool) -> set[str]:
    """The outputs whose path the command asks for."""
    if for_shell:
        return {n for n in outputs if re.search(rf"\$(\{{{n}\b|{n}\b)", command)}
    return {m["name"] for m in PLACEHOLDER.finditer(command) if m["name"]} & set(outputs)


def _filled(words: Sequence[str], values: Mapping[str, str]) -> list[str]:
    def fill(match: re.Match[str]) -> str:
        return f"{{{match['literal']}}}" if match["literal"] else values[match["name"]]

    return [PLACEHOLDER.sub(fill, word) for word in words]


def _run(line: Sequence[str], around: handing.Surroundings, variables: Mapping[str, str]) -> None:
    tail: deque[str] = deque([""], maxlen=_TAIL_LINES)
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    try:
        process = subprocess.Popen(  # noqa: S603 - the user's own program, split into words
            line,
            cwd=around.root,
            env=dict(variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
    except (OSError, ValueError) as error:
        raise UserCodeError(
            "command-not-started",
            f"{around.at}: '{line[0]}' of step '{around.name}' could not be started: {error}.",
            hint=f"command -v '{line[0]}'",
            context={"file": around.at.file, "line": around.at.line, "step": around.name},
        ) from error
    assert process.stdout is not None
    pipe = cast("Any", process.stdout)
    try:
        while piece := pipe.read1(1 << 16):
            printed = decoder.decode(piece)
            sys.stdout.write(printed)
            sys.stdout.flush()
            _remember(tail, printed)
        code = process.wait()
    except BaseException:
        process.kill()
        process.wait()
        raise
    finally:
        pipe.close()
    if code:
        said = [entry for entry in tail if entry.strip()]
        ending = f"ended with exit code {code}"
        if code < 0:
            ending = f"was ended by {signal.Signals(-code).name}"
        raise UserCodeError(
            "command-failed",
            text.sentence(
                f"{around.at}: '{line[0]}' of step '{around.name}' {ending}"
                f"{f': {said[-1][:400]}' if said else ''}"
            ),
            hint=f"mend the program, or its call at {around.at}",
            context={
                "file": around.at.file,
                "line": around.at.line,
                "step": around.name,
                "exit": code,
                "tail": said,
            },
        )


def _remember(tail: deque[str], printed: str) -> None:
    """Keep the last lines, each cut to a length for messages."""
    first, *rest = printed.split("\n")
    tail[-1] = (tail[-1] + first)[-_TAIL_BYTES:]
    tail.extend(line[-_TAIL_BYTES:] for line in rest)


def _state(path: Path) -> tuple[int, ...] | None:
    try:
        found = path.lstat()
    except OSError:
        return None
    return (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def _missing(around: handing.Surroundings, name: str, path: str, what: str) -> NoReturn:
    raise UserCodeError(
        "command-output-missing",
        f"{around.at}: step '{around.name}' ended well, but {what} its output '{name}' ({path}).",
        hint=f"let the program write to {{{name}}}",
        context={"file": around.at.file, "line": around.at.line, "step": around.name},
    )


def name_of(words: Sequence[str]) -> str:
    """A name for the step: that of the script, else that of the program."""
    script = next((w for w in words[1:] if re.fullmatch(r"[\w./-]+\.(py|R|sh|jl|pl|js)", w)), "")
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", Path(script or words[0]).stem).strip("-._")
    return plain or "command"
