"""The error tree is cut by who must act; one shape on the command line and over HTTP."""

from __future__ import annotations

import pytest

from trueup.foundation import errors
from trueup.foundation.errors import MissingExtraError, NotFoundError, TrueupError

FAMILIES = {
    "UsageError": (2, 400, ValueError),
    "NotFoundError": (3, 404, LookupError),
    "ConflictError": (4, 409, Exception),
    "DeniedError": (5, 403, Exception),
    "GateFailedError": (6, 422, Exception),
    "UserCodeError": (7, 422, Exception),
    "BackendError": (8, 503, Exception),
    "InternalError": (70, 500, Exception),
}


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_has_its_exit_code_status_and_natural_kind(name: str) -> None:
    exit_code, status, kind = FAMILIES[name]
    error = getattr(errors, name)("some-code", "Something.", hint="do this")
    assert (error.exit_code, error.http_status) == (exit_code, status)
    assert isinstance(error, TrueupError)
    assert isinstance(error, kind)


def test_a_missing_package_is_a_back_end_error_with_its_install_line() -> None:
    error = MissingExtraError("skops", "sklearn")
    assert isinstance(error, ImportError)
    assert (error.exit_code, error.code) == (8, "missing-extra")
    assert error.hint == "pip install 'trueup[sklearn]'"


def test_a_problem_says_all_that_is_known_and_no_more() -> None:
    full = NotFoundError("model-not-found", "There is no model 'x'.", hint="list", context={"n": 1})
    assert full.as_problem() == {
        "type": "trueup:error/model-not-found",
        "title": "NotFoundError",
        "status": 404,
        "code": "model-not-found",
        "detail": "There is no model 'x'.",
        "hint": "list",
        "context": {"n": 1},
    }
    assert {"hint", "context"}.isdisjoint(NotFoundError("a-b", "Gone.").as_problem())
