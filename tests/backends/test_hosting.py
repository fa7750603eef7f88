"""What is said about a commit and under its review, through our own clients."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from trueup.foundation.errors import DeniedError, NotFoundError
from trueup.ports import loading
from trueup.ports.hosting import Hosting, Status
from trueup.state.outbound import Outbound
from trueup.testing.hosting import FakeHosting

COMMIT = "a" * 40
GOOD = Status("success", "trueup/flights", "flights@2: all 6 checks passed" + "!" * 200)
Open = Callable[..., Hosting]


@pytest.fixture
def server() -> Iterator[FakeHosting]:
    with FakeHosting() as running:
        yield running


@pytest.fixture(params=loading.names("hosting"))
def open_(request: pytest.FixtureRequest, server: FakeHosting) -> Iterator[Open]:
    path = {"github": "", "gitlab": "/api/v4"}[request.param]
    with Outbound() as http:

        def connect(token: str = "", repository: str = "ann/flights") -> Hosting:
            backend = loading.load("hosting", request.param)
            service: Hosting = backend(server.url + path, http, token or server.token, repository)
            return service

        yield connect


def test_a_status_is_set_once(open_: Open, server: FakeHosting) -> None:
    for _ in range(2):
        open_().set_status(COMMIT, GOOD)
    (said,) = server.statuses[COMMIT]
    assert (said["state"], len(said["description"])) == ("success", 140)
    open_().set_status(COMMIT, Status("failure", "trueup/flights", "no"))
    assert len(server.statuses[COMMIT]) == 2


def test_the_review_of_a_branch_is_found(open_: Open) -> None:
    assert (open_().review_of("better"), open_().review_of("other")) == (7, 0)
    assert open_().target_of(7) == "main"


def test_one_comment_is_changed_and_those_of_others_stay(open_: Open, server: FakeHosting) -> None:
    for number in range(120):  # more than a page of talk
        server.comments[number + 1] = {"id": number + 1, "body": f"talk {number}"}
    service = open_()
    service.comment(7, "trueup:flights", "first")
    address = service.comment(7, "trueup:flights", "second")
    service.comment(7, "trueup:ships", "of another model")
    ours = [c["body"] for c in server.comments.values() if "trueup" in c["body"]]
    assert ours == ["<!-- trueup:flights -->\nsecond", "<!-- trueup:ships -->\nof another model"]
    assert address and server.comments[1]["body"] == "talk 0"


def test_refusals_name_the_place_and_not_the_token(open_: Open) -> None:
    with pytest.raises(DeniedError, match="refuses this token") as caught:
        open_("wrong-secret").set_status(COMMIT, GOOD)
    assert "wrong-secret" not in str(caught.value)
    with pytest.raises(NotFoundError, match="nothing at"):
        open_(repository="ann/ships").review_of("better")
    with pytest.raises(NotFoundError):
        open_().set_status("b" * 40, GOOD)
