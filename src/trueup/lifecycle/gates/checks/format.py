"""The file that a model is kept in: known by its bytes, whole in itself, with nothing that runs."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from typing import Final

from trueup.foundation.errors import TrueupError
from trueup.foundation.text import listing
from trueup.lifecycle.gates.evidence import Evidence, ModelFile
from trueup.lifecycle.gates.methods.parts import told, worst
from trueup.lifecycle.gates.records import CheckOutcome, CheckResult, Part
from trueup.lifecycle.models.contents.containers import danger_in
from trueup.lifecycle.models.contents.reading import format_of
from trueup.lifecycle.models.leave import runs_code
from trueup.lifecycle.plan.demands import FileFormat

TAKES = "evidence"
_MB: Final = 1e6


def check(demand: FileFormat, evidence: Evidence) -> CheckResult:
    """Whether the file is what it says, and safe to hand to a server."""
    file = evidence.file
    if file is None:
        return CheckResult(
            check="format",
            outcome="not-applicable",
            words=f"{evidence.ref} is an object of this process and kept in no file",
        )
    raw = file.read()
    looks: tuple[Callable[[FileFormat, ModelFile, bytes], Part], ...] = (
        *(_contents, _kind, _code, _size, _whole),
    )
    parts: list[Part] = []
    for look in looks:
        parts.append(look(demand, file, raw))
        if look is _contents and parts[0].outcome != "passed":
            break  # what must not be loaded is not loaded to find out more
    return CheckResult(
        check="format",
        outcome=worst(parts),
        words=told(parts, f"the file is {file.format}, {_mb(len(raw))}, and holds data only"),
        value=len(raw) / _MB,
        parts=tuple(parts),
    )


def _contents(demand: FileFormat, file: ModelFile, raw: bytes) -> Part:
    danger = danger_in(io.BytesIO(raw))
    return _part("contents", f"the file {danger}" if danger else "", "nothing in it is a pickle")


def _kind(demand: FileFormat, file: ModelFile, raw: bytes) -> Part:
    found = format_of(f"model.{file.format}", io.BytesIO(raw))
    wrong = ""
    if found != file.format:
        seen = f"are {found}" if found else "are of no format that is known"
        wrong = f"the file is registered as {file.format}, but its bytes {seen}"
    elif demand.allowed and found not in demand.allowed:
        wrong = f"the file is {found}; the plan allows {listing(demand.allowed)}"
    return _part("kind", wrong, f"its bytes are {found}, as registered")


def _code(demand: FileFormat, file: ModelFile, raw: bytes) -> Part:
    has_code = runs_code(file.format)
    wrong = f"a {file.format} file holds code, and the plan refuses that here" if has_code else ""
    if demand.code == "allow":
        wrong = ""
    return _part("code", wrong, "it holds code of the project" if has_code else "it holds no code")


def _size(demand: FileFormat, file: ModelFile, raw: bytes) -> Part:
    size = len(raw)
    if raw.startswith(b"PK\x03\x04"):
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
    limit = demand.unpacked_mb
    wrong = f"it unpacks to {_mb(size)}, more than {limit:g} MB" if size / _MB > limit else ""
    return Part(
        name="size",
        outcome="failed" if wrong else "passed",
        words=wrong or f"{_mb(len(raw))}, unpacked {_mb(size)}",
        value=size / _MB,
        limit=limit,
    )


def _whole(demand: FileFormat, file: ModelFile, raw: bytes) -> Part:
    try:
        file.load()
    except TrueupError as error:  # a format says there what it misses outside of the file
        return _part("whole", f"it cannot be loaded from its bytes alone: {error.message}", "")
    return _part("whole", "", "it loads from its own bytes, nothing beside them")


def _part(name: str, wrong: str, good: str) -> Part:
    outcome: CheckOutcome = "failed" if wrong else "passed"
    return Part(name=name, outcome=outcome, words=wrong or good)


def _mb(size: int) -> str:
    return f"{size / _MB:.3g} MB"
