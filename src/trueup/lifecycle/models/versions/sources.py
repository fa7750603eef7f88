"""Where a version that a client registers comes from: its URI is checked before anything else."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, unquote_plus, urlsplit
from urllib.request import url2pathname

import sqlalchemy as sa

from trueup.foundation.errors import ConflictError, UsageError
from trueup.lifecycle.models import table as models
from trueup.lifecycle.models.records import ForeignFile, ModelVersion
from trueup.lifecycle.models.registry import table as registry
from trueup.lifecycle.models.registry.records import RegisteredVersion
from trueup.lifecycle.runs.tracking import table as tracking
from trueup.lifecycle.runs.tracking.files import table as files
from trueup.lifecycle.runs.tracking.files.plain import PlainFolder
from trueup.lifecycle.runs.tracking.logged_models import service as logged_models
from trueup.ports.blobs import Blobs

PROXIED = "mlflow-artifacts"
PROMPT_SOURCES = frozenset(("dummy-source", "prompt-template"))
_MODEL = re.compile(r"(?P<name>[^/@]+)(?:/(?P<version>[^/@]+)|@(?P<alias>[^/@]+))")
_LONGEST = 2000


class Origin(NamedTuple):
    """What a source turned out to be.

    Attributes:
        source: The URI as it is kept.
        location: Where its files are.
        run: The run that made it; empty when unknown.
        logged_model: The logged model it is; empty for none.
        copied: The registered version it is a copy of.
    """

    source: str
    location: str
    run: str
    logged_model: str
    copied: ModelVersion | None = None


def resolve(
    connection: sa.Connection, source: str, run: str | None, logged_model: str | None
) -> Origin:
    """What a client's source is, if it may be used.

    Raises:
        UsageError: It leaves its place, or is not of the run or logged model that the client names.
        NotFoundError: The model or version it names does not exist.
    """
    if not source or len(source) > _LONGEST or "\x00" in source:
        raise _refused(source, "")
    if _is_local(source):
        return _local(connection, source, run or "", logged_model or "")
    _check_path(source)
    split = urlsplit(source)
    if split.scheme == "models":
        return _of_models(connection, source, run, logged_model)
    if split.scheme == "runs":
        named = split.path.strip("/").partition("/")[0]
        if split.netloc or logged_model or not run or named != run:
            raise _foreign(source, "model_id" if logged_model else "run_id")
        found = tracking.run(connection, run)
        below = split.path.strip("/").partition("/")[2]
        location = f"{found.artifacts.rstrip('/')}/{below}".rstrip("/") if found else source
        return Origin(source, location, run, "")
    if _is_proxied(source):
        root = _root(connection, source, run or "", logged_model or "")
        if root is None or not _is_within(source, root):
            raise _foreign(source, "model_id" if logged_model else "run_id")
    of_model = logged_models.find(connection, logged_model) if logged_model else None
    return Origin(source, source, run or (of_model.run if of_model else ""), logged_model or "")


def files_at(connection: sa.Connection, location: str) -> tuple[ForeignFile, ...]:
    """The files below a URI that this server keeps; none when it keeps none there."""
    split = urlsplit(location)
    if split.scheme != PROXIED:
        return ()
    found = files.below(connection, unquote(split.path).strip("/"))
    return tuple(ForeignFile(path=path, digest=each.digest, size=each.size) for path, each in found)


def take(blobs: Blobs, folder: PlainFolder, location: str) -> tuple[ForeignFile, ...]:
    """The files below a URI of the folder that clients write to, kept; none for another URI."""
    path = folder.path_of(location)
    if path is None:
        return ()
    below = folder.below(path)
    with blobs.batch() as batch:
        return tuple(
            ForeignFile(path=name, digest=batch.put_file(place), size=place.stat().st_size)
            for name, place in below
        )


def _of_models(
    connection: sa.Connection, source: str, run: str | None, logged_model: str | None
) -> Origin:
    split = urlsplit(source)
    named = split.path.strip("/")
    if split.netloc:
        raise _refused(source, "Registered model sources must use the active model registry.")
    match = _MODEL.fullmatch(unquote(named))
    if match is None:
        if logged_model != named:
            raise _foreign(source, "model_id")
        found = logged_models.find(connection, named)
        return Origin(source, found.artifacts, run or found.run, named)
    version = _registered(connection, source, match)
    if (run is not None and run != version.run) or (
        logged_model is not None and logged_model != version.logged_model
    ):
        raise _refused(
            source,
            "The run_id and model_id request parameters must match the referenced model version.",
        )
    whole = models.version(connection, version.model, version.version)
    kept = f"models:/{version.model}/{version.version}"
    return Origin(kept, version.location, version.run, version.logged_model, whole)


def _registered(connection: sa.Connection, source: str, match: re.Match[str]) -> RegisteredVersion:
    name = match["name"]
    if registry.require(connection, name).kind == "prompt":
        raise _refused(source, "Prompt versions cannot be used as model version sources.")
    wanted = match["version"] or ""
    number: int | None
    if match["alias"]:
        number = models.alias(connection, name, match["alias"])
    elif wanted.lower() == "latest":
        number = registry.newest(connection, name)
    else:
        number = int(wanted) if wanted.isdecimal() and len(wanted) < 10 else None
    if number is None:
        raise _refused(source, "It names no version.")
    return registry.require_version(connection, name, number)


def _is_local(source: str) -> bool:
    split = urlsplit(source)
    return split.scheme in ("", "file") or len(split.scheme) == 1  # C:\\ is no scheme


def _local(connection: sa.Connection, source: str, run: str, logged_model: str) -> Origin:
    root = _root(connection, source, run, logged_model)
    if root is not None and urlsplit(root).scheme == "file":
        inside = _path(root)
        if inside in (place := _path(source), *place.parents):
            return Origin(source, source, run, logged_model)
    what, word = ("model", "model_id") if logged_model else ("run", "run_id")
    raise _refused(
        source,
        f"To use a local path as a model version source, the {word} request parameter has to be "
        "specified and the local path has to be contained within the artifact directory of the "
        f"{what} specified by the {word}.",
    )


def _root(connection: sa.Connection, source: str, run: str, logged_model: str) -> str | None:
    """Where the run or logged model that the client names keeps its files."""
    if logged_model:
        return logged_models.find(connection, logged_model).artifacts
    found = tracking.run(connection, run) if run else None
    return found.artifacts if found else None


def _path(uri: str) -> Path:
    split = urlsplit(uri)
    if split.scheme == "file" and split.netloc not in ("", "localhost"):
        raise _refused(uri, "It names another machine.")
    return Path(url2pathname(split.path) if split.scheme == "file" else uri).resolve()


def _check_path(source: str) -> None:
    """Refuse a URI that goes up or round about, however often it is encoded."""
    plain, before = source, ""
    while plain != before:
        plain, before = unquote_plus(plain), plain
    parts = re.split(r"[/\\?#]", plain)
    body = urlsplit(plain).path.rstrip("/")
    round_about = re.search(r"/\.(/|$)", body) is not None
    if ".." in parts or round_about or any(ord(each) < 32 for each in plain):
        raise _refused(
            source,
            "If supplying a source as an http, https, local file path, ftp, objectstore, or "
            "mlflow-artifacts uri, an absolute path must be provided without relative path "
            "references present. Please provide an absolute path.",
        )


def _is_proxied(source: str) -> bool:
    scheme, _, parts = _parts(source)
    route = ("api", "2.0", "mlflow-artifacts", "artifacts")
    return scheme == PROXIED or (
        scheme in ("http", "https")
        and any(parts[i : i + len(route)] == route for i in range(len(parts)))
    )


def _is_within(source: str, root: str) -> bool:
    scheme, place, parts = _parts(source)
    of_root, place_of_root, inside = _parts(root)
    return (
        (scheme, place) == (of_root, place_of_root)
        and bool(inside)
        and parts[: len(inside)] == inside
    )


def _parts(uri: str) -> tuple[str, str, tuple[str, ...]]:
    split = urlsplit(uri)
    parts = tuple(unquote(part) for part in split.path.split("/") if part)
    return split.scheme.lower(), split.netloc.lower(), parts


def _foreign(source: str, name: str) -> UsageError:
    return _refused(
        source,
        f"The {name} request parameter must identify the resource that contains the source.",
    )


def _refused(source: str, because: str) -> UsageError:
    words = f"Invalid model version source: '{source[:300]}'. {because}".rstrip()
    return UsageError(
        "model-source", words, hint="trueup explain model-source", context={"words": words}
    )


def check_prompt(source: str) -> None:
    """Refuse that a version of a prompt has files.

    Raises:
        UsageError: The source is not one of those that stand for none.
    """
    if source not in PROMPT_SOURCES:
        words = (
            f"Invalid prompt source: '{source[:300]}'. Prompt sources must use an MLflow "
            "placeholder."
        )
        raise UsageError(
            "model-source", words, hint="trueup explain model-source", context={"words": words}
        )


def require_kind(name: str, kind: str, wanted: str) -> None:
    """Refuse a version of a prompt under a model's name, and the other way round.

    Raises:
        ConflictError: The name is of the other kind.
    """
    if kind != wanted:
        raise ConflictError(
            "model-exists",
            f"'{name}' is a {kind}, so it has no versions of a {wanted}.",
            hint="register it under another name",
            context={"name": name, "is": kind, "wanted": wanted},
        )
