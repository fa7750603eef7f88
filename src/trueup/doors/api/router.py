"""All routes of the API, under one prefix. A handler that is not in this list does not exist."""

from __future__ import annotations

from litestar import Router

from trueup.doors.api import (
    batches,
    data,
    events,
    gates,
    models,
    monitoring,
    people,
    plan,
    releases,
    run_logs,
    runs,
)

PREFIX = "/api/v1"


def router() -> Router:
    """All routes of the API."""
    return Router(
        PREFIX,
        route_handlers=[
            plan.show,
            data.newest,
            data.show,
            data.versions,
            data.branches,
            data.files,
            data.difference,
            runs.newest,
            runs.ask,
            runs.asked,
            runs.show,
            batches.receive,
            run_logs.items,
            run_logs.logs,
            run_logs.cancel,
            models.names,
            models.versions,
            models.show,
            models.difference,
            models.history,
            models.score,
            models.set_alias,
            models.remove_alias,
            gates.of_model,
            gates.show,
            people.everybody,
            people.open_approvals,
            people.approval,
            people.approve,
            people.reject,
            releases.routes,
            releases.of_deployment,
            releases.roll_back,
            releases.stop,
            releases.resume,
            releases.pause,
            releases.promote,
            monitoring.evaluations,
            monitoring.series,
            monitoring.alerts,
            monitoring.alert,
            monitoring.acknowledge,
            events.latest,
            events.verify,
        ],
    )
