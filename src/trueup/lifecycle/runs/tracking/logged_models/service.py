"""The verbs of logged models."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from trueup.foundation import clock
from trueup.foundation.actor import Actor
from trueup.foundation.errors import NotFoundError
from trueup.lifecycle.runs.tracking import rules as tracking_rules
from trueup.lifecycle.runs.tracking import table as words
from trueup.lifecycle.runs.tracking.logged_models import rules, search, table
from trueup.lifecycle.runs.tracking.logged_models.records import (
    Dataset,
    LoggedModel,
    ModelPoint,
    ModelState,
    Order,
)
from trueup.lifecycle.runs.tracking.service import active_experiment
from trueup.state.unit import State


class LoggedModels:
    """Models that clients' code saved.

    Args:
        state: Where they are kept.
        artifacts: The URI below which experiments keep their files.
    """

    def __init__(self, state: State, artifacts: str = "mlflow-artifacts:") -> None:
        self._state = state
        self._artifacts = artifacts

    def create(
        self,
        actor: Actor,
        experiment: int,
        *,
        name: str = "",
        kind: str = "",
        run: str = "",
        params: Mapping[str, str] = {},
        tags: Mapping[str, str] = {},
        id_: str = "",
    ) -> LoggedModel:
        """Make a logged model, whose files come next; without a name it gets one.

        One that was made elsewhere may keep its identifier (`id_`); if that is here already, it
        comes out as it is.

        Raises:
            NotFoundError: There is no such experiment.
            ConflictError: The experiment is deleted.
            UsageError: The name, a parameter or a tag cannot be kept.
        """
        model_id = id_ if rules.is_model_id(id_) else f"m-{uuid.uuid4().hex}"
        chosen = name or tracking_rules.name_of(model_id[2:])
        rules.check_name(chosen)
        rules.check_words(params, "parameter", tracking_rules.PARAM)
        rules.check_words(tags, "tag", rules.TAG)
        with self._state.write(actor, "runs.write", relaxed=True) as unit:
            known = table.model(unit.connection, model_id) if id_ else None
            if known is not None:
                return known
            group = active_experiment(unit, experiment, self._artifacts)
            at = _now()
            model = LoggedModel(
                id=model_id,
                experiment=experiment,
                name=chosen,
                kind=kind[:500],
                run=run[:256],
                state="pending",
                life="active",
                created_at=at,
                updated_at=at,
                artifacts=f"{group.artifacts.rstrip('/')}/models/{model_id}/artifacts",
                params=dict(params),
                tags=dict(tags),
            )
            fields = {key: getattr(model, key) for key in model.__struct_fields__}
            columns = {key: value for key, value in fields.items() if key in table.logged_models.c}
            number = unit.execute(
                table.logged_models.insert().values(**columns)
            ).inserted_primary_key[0]  # type: ignore[index]
            words.set_words(unit.connection, table.logged_model_params, number, params)
            words.set_words(unit.connection, table.logged_model_tags, number, tags)
            data = {"experiment": experiment, "name": chosen, "run": model.run}
            unit.emit("logged-model.created", f"logged-model:{model_id}", data=data)
            return model

    def show(self, actor: Actor, model_id: str, *, deleted: bool = False) -> LoggedModel:
        """One logged model; a deleted one only when asked for.

        Raises:
            NotFoundError: There is none.
        """
        with self._state.read(actor) as connection:
            model = find(connection, model_id)
        if model.life == "deleted" and not deleted:
            raise _no_model(model_id)
        return model

    def finalize(self, actor: Actor, model_id: str, state: ModelState) -> LoggedModel:
        """Say whether its files are complete.

        Raises:
            NotFoundError: There is none.
        """
        return self._changed(actor, model_id, "state", state)

    def delete(self, actor: Actor, model_id: str) -> None:
        """Take it out of every list; its files stay until they are collected.

        Raises:
            NotFoundError: There is none.
        """
        self._changed(actor, model_id, "life", "deleted")

    def tag(self, actor: Actor, model_id: str, tags: Mapping[str, str]) -> LoggedModel:
        """Set tags.

        Raises:
            NotFoundError: There is none.
            UsageError: A tag cannot be kept.
        """
        rules.check_words(tags, "tag", rules.TAG)
        with self._state.write(actor, "runs.write", relaxed=True) as unit:
            number = _number(unit.connection, model_id)
            words.set_words(unit.connection, table.logged_model_tags, number, tags)
            return find(unit.connection, model_id)

    def untag(self, actor: Actor, model_id: str, key: str) -> None:
        """Take one tag away.

        Raises:
            NotFoundError: There is no such model, or it has no such tag.
        """
        with self._state.write(actor, "runs.write", relaxed=True) as unit:
            number = _number(unit.connection, model_id)
            tags = table.logged_model_tags
            gone = unit.execute(tags.delete().where(tags.c.model == number, tags.c.key == key))
            if not gone.rowcount:
                raise NotFoundError(
                    "tag-not-found",
                    f"Logged model {model_id} has no tag '{key[:250]}'.",
                    hint="trueup explain tag-not-found",
                    context={"model": model_id, "key": key[:250]},
                )

    def add_params(self, actor: Actor, model_id: str, params: Mapping[str, str]) -> None:
        """Set parameters; the same again changes nothing.

        Raises:
            NotFoundError: There is no such model.
            ConflictError: One has another value already.
            UsageError: One cannot be kept.
        """
        rules.check_words(params, "parameter", tracking_rules.PARAM)
        with self._state.write(actor, "runs.write", relaxed=True) as unit:
            number = _number(unit.connection, model_id)
            known = words.words_of(unit.connection, table.logged_model_params, number)
            rules.check_params(model_id, known, params)
            words.set_words(unit.connection, table.logged_model_params, number, params)

    def measure(self, actor: Actor, given: Mapping[str, Sequence[ModelPoint]]) -> None:
        """Keep points of metrics, by model; the same point again changes nothing.

        Raises:
            NotFoundError: There is no such model; nothing was kept.
            UsageError: A name of a metric cannot be kept.
        """
        for each in given.values():
            for point in each:
                tracking_rules.check_key(point.key, "metric")
        with self._state.write(actor, "runs.write", relaxed=True) as unit:
            for model_id, each in sorted(given.items()):
                number = _number(unit.connection, model_id)
                table.add_points(unit.connection, number, each)

    def search(
        self,
        actor: Actor,
        experiments: Sequence[int],
        *,
        filter_: str = "",
        order: Sequence[Order] = (),
        datasets: Sequence[Dataset] = (),
        limit: int = 100,
        token: str = "",
    ) -> tuple[list[LoggedModel], str]:
        """One page of the models of these experiments, and the token of the next.

        Raises:
            UsageError: Filter, order or token cannot be read.
        """
        with self._state.read(actor) as connection:
            numbers, following = search.page(
                connection, experiments, filter_, order, datasets, limit, token
            )
            return table.models_of(connection, numbers), following

    def _changed(self, actor: Actor, model_id: str, column: str, value: Any) -> LoggedModel:
        with self._state.write(actor, "runs.write", relaxed=True) as unit:
            before = find(unit.connection, model_id)
            if getattr(before, column) == value:
                return before
            columns = table.logged_models
            unit.execute(
                columns.update()
                .where(columns.c.id == model_id)
                .values(**{column: value, "updated_at": _now()})
            )
            subject = f"logged-model:{model_id}"
            if value == "deleted":
                unit.emit("logged-model.deleted", subject)
            else:
                unit.emit("logged-model.finalized", subject, before=before.state, after=value)
            return find(unit.connection, model_id)


def find(connection: sa.Connection, model_id: str) -> LoggedModel:
    """One logged model, deleted or not, inside a transaction of the caller's.

    Raises:
        NotFoundError: There is none.
    """
    found = table.model(connection, model_id)
    if found is None:
        raise _no_model(model_id)
    return found


def _number(connection: sa.Connection, model_id: str) -> int:
    found = table.number(connection, model_id)
    if found is None:
        raise _no_model(model_id)
    return found


def _no_model(model_id: str) -> NotFoundError:
    return NotFoundError(
        "logged-model-not-found",
        f"There is no logged model '{model_id[:100]}'.",
        hint="trueup explain logged-model-not-found",
        context={"model": model_id[:300]},
    )


def _now() -> int:
    return round(clock.now().timestamp() * 1000)
