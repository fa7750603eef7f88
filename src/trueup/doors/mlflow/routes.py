"""All endpoints: method, path, permission, handler. What is not in this list does not exist."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from trueup.doors.mlflow import (
    artifacts,
    curation,
    experiments,
    inputs,
    logged_models,
    metrics,
    model_versions,
    old_traces,
    people,
    registered_models,
    runs,
    searching,
    server,
    trace_links,
    traces,
    uploads,
    webhooks,
)
from trueup.foundation.permissions import Permission

Handler = Callable[..., Any]


class Endpoint(NamedTuple):
    """One thing that clients can ask.

    Attributes:
        method: HTTP method.
        path: Below the prefixes; `{name}` stands for one part of it, `{name:path}` for the rest.
        permission: What the caller must be allowed to do; `public` needs nobody.
        handler: Given the call; answers with JSON, with text, or with a `Reply` or `Stream`. It is
            called in a thread, unless it is a coroutine function.
        prefixes: Where it stands; the pages of MLflow ask under the second.
        streams: The handler is also given the body, and takes it piece by piece.
        usual: Reads a body of the usual shape at once; any other is read as it comes.
    """

    method: str
    path: str
    permission: Permission
    handler: Handler
    prefixes: Sequence[str] = ("/api/2.0/mlflow", "/ajax-api/2.0/mlflow")
    streams: bool = False
    usual: msgspec.json.Decoder[Any] | None = None


_ROOT: Final = ("",)
_FILES: Final = ("/api/2.0/mlflow-artifacts", "/ajax-api/2.0/mlflow-artifacts")
_V2: Final = ("/api/2.0/mlflow", "/ajax-api/2.0/mlflow")
_V3: Final = ("/api/3.0/mlflow", "/ajax-api/3.0/mlflow")


def _traces() -> tuple[Endpoint, ...]:
    """Traces; tags, links and deletion stand in both versions."""
    one, said = "/traces/{trace_id}", "/traces/{trace_id}/assessments"
    both, old = (*_V3, *_V2), _V2
    reading: tuple[tuple[str, str, Handler, Sequence[str]], ...] = (
        ("POST", "/traces/search", traces.search, _V3),
        ("GET", "/traces/batchGet", traces.batch_get, _V3),
        ("POST", "/traces/batchGetInfos", traces.batch_get_infos, _V3),
        ("POST", "/traces/calculate-filter-correlation", trace_links.correlate, _V3),
        ("GET", "/traces/get", traces.get, _V3),
        ("GET", one, traces.get_info, _V3),
        ("GET", f"{said}/{{assessment_id}}", traces.assessment, _V3),
        ("GET", "/traces", old_traces.search, old),
        ("GET", f"{one}/info", old_traces.get, old),
    )
    writing: tuple[tuple[str, str, Handler, Sequence[str]], ...] = (
        ("POST", "/traces", traces.create, _V3),
        ("POST", "/traces/delete-traces", traces.delete, both),
        ("PATCH", f"{one}/tags", traces.tag, both),
        ("DELETE", f"{one}/tags", traces.untag, both),
        ("POST", "/traces/link-to-run", trace_links.link_run, both),
        ("POST", "/traces/link-prompts", trace_links.link_prompts, both),
        ("POST", said, traces.assess, _V3),
        ("PATCH", f"{said}/{{assessment_id}}", traces.reassess, _V3),
        ("DELETE", f"{said}/{{assessment_id}}", traces.take_back, _V3),
        ("POST", "/traces", old_traces.begin, old),
        ("PATCH", one, old_traces.end, old),
    )
    return (
        Endpoint("POST", "/v1/traces", "runs.write", traces.export, _ROOT, streams=True),
        *(Endpoint(method, path, "read", handler, at) for method, path, handler, at in reading),
        *(
            Endpoint(method, path, "runs.write", handler, at)
            for method, path, handler, at in writing
        ),
    )


def _registry() -> tuple[Endpoint, ...]:
    """Registered models and their versions; GET reads, all else writes models."""
    names, versions = registered_models, model_versions
    table: tuple[tuple[str, str, Handler], ...] = (
        ("POST", "/registered-models/create", names.create),
        ("POST", "/registered-models/rename", names.rename),
        ("PATCH", "/registered-models/update", names.update),
        ("DELETE", "/registered-models/delete", names.delete),
        ("GET", "/registered-models/get", names.get),
        ("GET", "/registered-models/search", names.search),
        ("GET", "/registered-models/get-latest-versions", names.latest),
        ("POST", "/registered-models/set-tag", names.set_tag),
        ("DELETE", "/registered-models/delete-tag", names.delete_tag),
        ("POST", "/registered-models/alias", names.set_alias),
        ("DELETE", "/registered-models/alias", names.delete_alias),
        ("GET", "/registered-models/alias", names.get_alias),
        ("POST", "/model-versions/create", versions.create),
        ("PATCH", "/model-versions/update", versions.update),
        ("DELETE", "/model-versions/delete", versions.delete),
        ("GET", "/model-versions/get", versions.get),
        ("GET", "/model-versions/search", versions.search),
        ("GET", "/model-versions/get-download-uri", versions.download_uri),
        ("POST", "/model-versions/transition-stage", versions.transition),
        ("POST", "/model-versions/set-tag", versions.set_tag),
        ("DELETE", "/model-versions/delete-tag", versions.delete_tag),
    )
    return (
        *(
            Endpoint(method, path, "read" if method == "GET" else "models.write", handler)
            for method, path, handler in table
        ),
        Endpoint("POST", "/registered-models/get-latest-versions", "read", names.latest),
        Endpoint(
            "GET",
            "/model-versions/get-artifact",
            "read",
            versions.file,
            ("", "/ajax-api/2.0/mlflow"),
        ),
    )


def _webhooks() -> tuple[Endpoint, ...]:
    """Web hooks: their addresses may be secrets themselves, so reading is no lesser right."""
    one = "/webhooks/{webhook_id}"
    table: tuple[tuple[str, str, Handler], ...] = (
        ("POST", "/webhooks", webhooks.create),
        ("GET", "/webhooks", webhooks.list_),
        ("GET", one, webhooks.get),
        ("PATCH", one, webhooks.update),
        ("DELETE", one, webhooks.delete),
        ("POST", f"{one}/test", webhooks.test),
    )
    return tuple(
        Endpoint(method, path, "webhooks.write", handler) for method, path, handler in table
    )


def _people() -> tuple[Endpoint, ...]:
    """Users and roles. Whoever belongs to the project sees both; owners change them."""
    reading: tuple[tuple[str, Handler, Sequence[str]], ...] = (
        ("/users/get", people.get, _V2),
        ("/users/list", people.list_, _V2),
        ("/users/current", people.current, _V2),
        ("/users/current/permissions", people.current_permissions, _V3),
        ("/users/permissions/list", people.user_permissions, _V3),
        ("/users/permissions/get", people.user_permission, _V3),
        ("/users/roles/list", people.user_roles, _V3),
        ("/roles/list", people.roles, _V3),
        ("/roles/get", people.get_role, _V3),
        ("/roles/permissions/list", people.role_permissions, _V3),
        ("/roles/users/list", people.role_users, _V3),
        ("/experiments/permissions/get", people.experiment_permission, _V2),
        ("/registered-models/permissions/get", people.model_permission, _V2),
    )
    writing: tuple[tuple[str, str, Handler, Sequence[str]], ...] = (
        ("POST", "/users/create", people.create, _V2),
        ("PATCH", "/users/update-admin", people.set_admin, _V2),
        ("DELETE", "/users/delete", people.delete, _V2),
        ("POST", "/roles/assign", people.assign, _V3),
        ("DELETE", "/roles/unassign", people.unassign, _V3),
        ("POST", "/roles/create", people.no_role, _V3),
        ("PATCH", "/roles/update", people.no_role, _V3),
        ("DELETE", "/roles/delete", people.no_role, _V3),
        ("POST", "/roles/permissions/add", people.no_role, _V3),
        ("PATCH", "/roles/permissions/update", people.no_role, _V3),
        ("DELETE", "/roles/permissions/remove", people.no_role, _V3),
        ("POST", "/users/permissions/grant", people.no_grant, _V3),
        ("POST", "/users/permissions/revoke", people.no_grant, _V3),
        *(
            (method, f"/{things}/permissions/{verb}", people.no_grant, _V2)
            for things in ("experiments", "registered-models")
            for method, verb in (("POST", "create"), ("PATCH", "update"), ("DELETE", "delete"))
        ),
    )
    return (
        # Everybody may change their own; the verb asks more of who changes another's.
        Endpoint("PATCH", "/users/update-password", "read", people.set_password),
        *(Endpoint("GET", path, "read", handler, at) for path, handler, at in reading),
        *(
            Endpoint(method, path, "people.write", handler, at)
            for method, path, handler, at in writing
        ),
    )


ENDPOINTS: Final[tuple[Endpoint, ...]] = (
    Endpoint("GET", "/health", "public", server.health, _ROOT),
    Endpoint("GET", "/version", "public", server.version, _ROOT),
    Endpoint("GET", "/server-info", "public", server.info, _V3),
    Endpoint("POST", "/experiments/create", "runs.write", experiments.create),
    Endpoint("GET", "/experiments/get", "read", experiments.get),
    Endpoint("GET", "/experiments/get-by-name", "read", experiments.get_by_name),
    Endpoint("POST", "/experiments/search", "read", searching.experiments),
    Endpoint("GET", "/experiments/search", "read", searching.experiments),
    Endpoint("POST", "/experiments/search-datasets", "read", searching.datasets),
    Endpoint("POST", "/experiments/update", "runs.write", curation.update_experiment),
    Endpoint("POST", "/experiments/delete", "runs.write", curation.delete_experiment),
    Endpoint("POST", "/experiments/restore", "runs.write", curation.restore_experiment),
    Endpoint("POST", "/experiments/set-experiment-tag", "runs.write", curation.tag_experiment),
    Endpoint("POST", "/experiments/delete-experiment-tag", "runs.write", curation.untag_experiment),
    Endpoint("POST", "/runs/search", "read", searching.runs),
    Endpoint("POST", "/runs/delete", "runs.write", curation.delete_run),
    Endpoint("POST", "/runs/restore", "runs.write", curation.restore_run),
    Endpoint("POST", "/runs/delete-tag", "runs.write", curation.untag_run),
    Endpoint("POST", "/runs/log-inputs", "runs.write", inputs.log_inputs),
    Endpoint("POST", "/runs/outputs", "runs.write", inputs.log_outputs),
    Endpoint("POST", "/runs/create", "runs.write", runs.create),
    Endpoint("GET", "/runs/get", "read", runs.get),
    Endpoint("POST", "/runs/update", "runs.write", runs.update),
    Endpoint("POST", "/runs/log-metric", "runs.write", runs.log_metric),
    Endpoint("POST", "/runs/log-parameter", "runs.write", runs.log_parameter),
    Endpoint("POST", "/runs/log-batch", "runs.write", runs.log_batch, usual=runs.BATCH),
    Endpoint("POST", "/runs/set-tag", "runs.write", runs.set_tag),
    Endpoint("POST", "/runs/log-model", "runs.write", inputs.log_model),
    Endpoint("POST", "/logged-models", "runs.write", logged_models.create),
    Endpoint("POST", "/logged-models/search", "read", logged_models.search),
    Endpoint("GET", "/logged-models/{model_id}", "read", logged_models.get),
    Endpoint("PATCH", "/logged-models/{model_id}", "runs.write", logged_models.finalize),
    Endpoint("DELETE", "/logged-models/{model_id}", "runs.write", logged_models.delete),
    Endpoint("PATCH", "/logged-models/{model_id}/tags", "runs.write", logged_models.tag),
    Endpoint("DELETE", "/logged-models/{model_id}/tags/{key}", "runs.write", logged_models.untag),
    Endpoint("POST", "/logged-models/{model_id}/params", "runs.write", logged_models.add_params),
    Endpoint(
        "GET", "/logged-models/{model_id}/artifacts/directories", "read", logged_models.folder
    ),
    Endpoint("GET", "/logged-models/{model_id}/artifacts/files", "read", logged_models.file),
    *_registry(),
    *_webhooks(),
    *_people(),
    *_traces(),
    Endpoint("GET", "/metrics/get-history", "read", metrics.history),
    Endpoint("GET", "/metrics/get-history-bulk", "read", searching.points),
    Endpoint("GET", "/metrics/get-history-bulk-interval", "read", searching.samples),
    Endpoint("GET", "/artifacts", "read", artifacts.list_, _FILES),
    Endpoint("GET", "/artifacts/{path:path}", "read", artifacts.get, _FILES),
    Endpoint("PUT", "/artifacts/{path:path}", "runs.write", artifacts.put, _FILES, streams=True),
    Endpoint("DELETE", "/artifacts/{path:path}", "runs.write", artifacts.delete, _FILES),
    Endpoint("POST", "/mpu/create/{path:path}", "runs.write", uploads.create, _FILES),
    Endpoint("POST", "/mpu/complete/{path:path}", "runs.write", uploads.complete, _FILES),
    Endpoint("POST", "/mpu/abort/{path:path}", "runs.write", uploads.abort, _FILES),
    Endpoint("GET", "/parts/{upload}", "runs.write", uploads.arrived, _FILES),
    # Who sends a part proves by its token that the upload was begun by somebody who may.
    Endpoint("PUT", "/parts/{upload}/{number}", "public", uploads.part, _FILES, streams=True),
    Endpoint("GET", "/artifacts/list", "read", artifacts.list_of_run),
    Endpoint("GET", "/get-artifact", "read", artifacts.get_of_run, ("", "/ajax-api/2.0/mlflow")),
    Endpoint("POST", "/upload-artifact", "runs.write", artifacts.upload, streams=True),
)
