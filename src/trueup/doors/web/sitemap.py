"""All pages. A handler that is not in this list does not exist."""

from __future__ import annotations

from typing import Final

from litestar.handlers import HTTPRouteHandler

from trueup.doors.web.pages import (
    alerts,
    audit,
    data,
    deployments,
    differences,
    errors,
    experiments,
    gates,
    home,
    model_cards,
    model_history,
    models,
    people,
    plan,
    run_logs,
    runs,
    schedules,
    sweeps,
    tracked_files,
    tracked_runs,
    why,
)

HANDLERS: Final[list[HTTPRouteHandler]] = [
    home.home,
    plan.plan,
    data.data,
    differences.data,
    differences.model,
    runs.runs,
    runs.run,
    run_logs.logs,
    sweeps.sweeps,
    sweeps.sweep,
    sweeps.drawing,
    schedules.schedules,
    experiments.experiments,
    experiments.experiment,
    tracked_runs.comparison,
    tracked_files.file,
    tracked_files.picture,
    models.models,
    models.model,
    model_history.history,
    model_cards.card,
    model_cards.card_file,
    model_cards.bom,
    model_cards.bom_file,
    gates.verdict,
    people.approval,
    deployments.deployments,
    deployments.deployment,
    alerts.alerts,
    alerts.alert,
    audit.audit,
    why.why,
    errors.errors,
    errors.error,
    deployments.drawing,
]
