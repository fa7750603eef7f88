"""The verb of commits: say once that one is new."""

from __future__ import annotations

from typing import Final

from trueup.foundation.actor import Actor
from trueup.lifecycle.runs.commits import table
from trueup.state.unit import State

HERE: Final = "HEAD"  # stands for the branch that is checked out, whatever its name


class Commits:
    """Commits that were seen."""

    def __init__(self, state: State) -> None:
        self._state = state

    def saw(
        self, actor: Actor, branch: str, commit: str, *, why: str = "", told: bool = False
    ) -> bool:
        """Note a commit; true when it is news.

        The first commit ever seen on a branch is where things stood, and no news, unless somebody
        told of it. A commit that was seen before is none either: a repeated push repeats nothing.

        Args:
            actor: Who saw it.
            branch: Where; `HEAD` for what is checked out.
            commit: Its hash.
            why: How it came, in words.
            told: Whether somebody told of it, rather than it being found there.
        """
        with self._state.read(actor) as connection:
            if table.knows(connection, branch, commit):
                return False
        with self._state.write(actor, "runs.write") as unit:
            if table.knows(unit.connection, branch, commit):
                return False
            is_news = told or table.knows_branch(unit.connection, branch)
            row = {"branch": branch, "commit": commit, "seen_at": unit.at}
            unit.execute(table.commits.insert().values(**row))
            if is_news:
                data = {"branch": branch, "commit": commit}
                unit.emit("commit.seen", f"commit:{commit}", why=why, data=data)
            return is_news
