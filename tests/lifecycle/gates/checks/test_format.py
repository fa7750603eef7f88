"""A model's file is known by its bytes; what is unsafe, odd or not whole is refused."""

from __future__ import annotations

import io
import pickle
import zipfile
from dataclasses import replace

import pytest

from trueup.backends.formats.skops import Backend as Skops
from trueup.foundation.errors import UsageError
from trueup.lifecycle.gates.checks import format as file_format
from trueup.lifecycle.gates.evidence import Evidence, ModelFile
from trueup.lifecycle.gates.records import CheckResult
from trueup.lifecycle.plan.demands import FileFormat
from trueup.ports.format import Predictor

from ...conftest import model_of
from .kept_models import evidence

PLAIN = FileFormat()


def kept_as(form: str, raw: bytes) -> Evidence:
    """Evidence of a model in such a file, which loads."""
    known = evidence()
    return replace(known, file=ModelFile(form, lambda: raw, lambda: known.predict))


def outcomes(found: CheckResult) -> dict[str, str]:
    """The outcome of each part."""
    return {part.name: part.outcome for part in found.parts}


def skops() -> bytes:
    """A model in a good file."""
    return Skops().dump(model_of([1.0, 0.0]))


def test_a_good_file_passes() -> None:
    found = file_format.check(PLAIN, kept_as("skops", skops()))
    assert found.outcome == "passed"
    assert set(outcomes(found)) == {"contents", "kind", "code", "size", "whole"}
    assert "holds data only" in found.words


def test_a_pickle_is_refused_and_not_loaded() -> None:
    def load() -> Predictor:
        raise AssertionError("it was loaded")

    raw = pickle.dumps(model_of([1.0, 0.0]))
    held = replace(evidence(), file=ModelFile("skops", lambda: raw, load))
    found = file_format.check(PLAIN, held)
    assert (found.outcome, found.words) == ("failed", "the file is a pickle")
    assert outcomes(found) == {"contents": "failed"}


def test_another_format_than_registered_is_refused() -> None:
    found = file_format.check(PLAIN, kept_as("onnx", skops()))
    assert found.outcome == "failed"
    assert "registered as onnx, but its bytes are skops" in found.words


def test_a_format_that_the_plan_does_not_name_is_refused() -> None:
    found = file_format.check(FileFormat(allowed=("onnx",)), kept_as("skops", skops()))
    assert outcomes(found)["kind"] == "failed"
    assert "the plan allows onnx" in found.words


def test_code_is_refused_unless_the_plan_allows_it() -> None:
    assert outcomes(file_format.check(PLAIN, evidence()))["code"] == "failed"
    assert file_format.check(FileFormat(code="allow"), evidence()).outcome == "passed"


def test_an_archive_that_unpacks_to_too_much_is_refused() -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("schema.json", b" " * 3_000_000)
    found = file_format.check(FileFormat(unpacked_mb=2.0), kept_as("skops", packed.getvalue()))
    assert outcomes(found)["size"] == "failed"
    assert "it unpacks to 3 MB, more than 2 MB" in found.words


def test_what_the_file_needs_beside_it_is_said() -> None:
    def load() -> Predictor:
        raise UsageError("model-unsafe", "tensor 'w' lies in another file", hint="trueup doctor")

    held = replace(evidence(), file=ModelFile("skops", skops, load))
    found = file_format.check(PLAIN, held)
    assert outcomes(found)["whole"] == "failed"
    assert "tensor 'w' lies in another file" in found.words


@pytest.mark.parametrize("raw", [b"", b"hello", b"PK\x03\x04broken"])
def test_bytes_of_no_format_are_refused(raw: bytes) -> None:
    assert file_format.check(PLAIN, kept_as("skops", raw)).outcome == "failed"


def test_an_object_has_no_file() -> None:
    found = file_format.check(PLAIN, evidence(file=False))
    assert (found.outcome, found.refuses) == ("not-applicable", False)
