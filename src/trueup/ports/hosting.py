"""The hosting port: where a repository's commits and reviews live, such as GitHub or GitLab."""

from __future__ import annotations

from typing import Literal, Protocol

from trueup.foundation.records import Record
from trueup.ports.http import Http

StatusState = Literal["pending", "success", "failure", "error"]


class Status(Record):
    """What is said about a commit.

    Attributes:
        state: Whether it is good.
        context: Name of the statement; a later one with this name replaces it.
        description: One sentence, cut to 140 characters.
        url: Where more stands; may be empty.
    """

    state: StatusState
    context: str
    description: str
    url: str = ""


class Hosting(Protocol):
    """One repository on a hosting service. A back end is made with the service's address."""

    def __init__(self, url: str, http: Http, token: str, repository: str) -> None: ...

    def set_status(self, commit: str, status: Status) -> None:
        """Say something about a commit; the same statement again changes nothing.

        Raises:
            NotFoundError: The service shows this token no such repository or commit.
            DeniedError: The token may not.
        """
        ...

    def review_of(self, branch: str) -> int:
        """The number of the open review (pull or merge request) of a branch; 0 for none."""
        ...

    def target_of(self, review: int) -> str:
        """The branch that a review wants to change."""
        ...

    def comment(self, review: int, mark: str, text: str) -> str:
        """Write a comment, or change the one that has this mark, and return its address.

        Args:
            review: Number of the review.
            mark: A text that no reader sees, by which the comment is found again.
            text: Markdown.
        """
        ...
