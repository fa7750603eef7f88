"""Versions of pipelines as folders that clients load: an `MLmodel` file beside the model's bytes.

Nothing of it is kept: it is what a version's manifest says, in MLflow's words.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from trueup.doors.mlflow.asking import Call
from trueup.doors.mlflow.failures import Refusal
from trueup.doors.mlflow.server import SPOKEN
from trueup.lifecycle.runs.tracking.files.content import Content
from trueup.lifecycle.runs.tracking.files.table import Listed

if TYPE_CHECKING:
    from trueup.lifecycle.models.records import ModelVersion, Signature
    from trueup.lifecycle.pipeline.code.packages import Environment
    from trueup.ports.format import Flavor

_FOLDER: Final = "trueup"
_LOCATION: Final = re.compile(r"trueup:(?P<model>[^@]+)@(?P<version>\d+)")
_PATH: Final = re.compile(
    rf"{_FOLDER}/(?P<model>[^/]+)/(?P<version>\d{{1,9}})(?:/(?P<file>.*))?", re.DOTALL
)
_KINDS: Final = {"number": "double", "integer": "long", "text": "string", "boolean": "boolean"}


class _Words(NamedTuple):
    """A file that is made when it is asked for."""

    raw: bytes
    digest: str = ""

    @property
    def size(self) -> int:
        return len(self.raw)

    def pieces(self, start: int = 0, length: int | None = None) -> Any:
        """Its bytes from `start` on."""
        yield self.raw[start : None if length is None else start + length]


def uri(location: str) -> str:
    """The URI at which clients find the files of a version.

    Example:
        >>> uri("trueup:lumps@3"), uri("s3://bucket/model")
        ('mlflow-artifacts:/trueup/lumps/3', 's3://bucket/model')
    """
    match = _LOCATION.fullmatch(location)
    return f"mlflow-artifacts:/{_FOLDER}/{match['model']}/{match['version']}" if match else location


def is_ours(path: str) -> bool:
    """Whether a path of the proxy belongs to such a folder, so that no client may write there."""
    return path == _FOLDER or path.startswith(f"{_FOLDER}/")


def check_writable(path: str) -> None:
    """Refuse a path at which only versions of pipelines are.

    Raises:
        Refusal: It is one.
    """
    if is_ours(path):
        raise Refusal(
            "INVALID_PARAMETER_VALUE",
            f"Invalid path: '{path[:200]}'. Below '{_FOLDER}' are versions of pipelines, which "
            "never change.",
        )


def folder(call: Call, path: str) -> list[Listed]:
    """What lies in such a folder."""
    match = _PATH.fullmatch(path)
    if match is None or match["file"]:
        return []
    return [Listed(name, "file", file.size) for name, file in sorted(_files(call, match).items())]


def content(call: Call, path: str) -> Content | _Words:
    """One file of such a folder.

    Raises:
        Refusal: There is none of that name.
        NotFoundError: There is no such version.
    """
    match = _PATH.fullmatch(path)
    found = _files(call, match).get(match["file"] or "") if match else None
    if found is None:
        raise Refusal("RESOURCE_DOES_NOT_EXIST", f"No such artifact: '{path[:300]}'")
    return found


def _files(call: Call, match: re.Match[str]) -> dict[str, Content | _Words]:
    """All files of a version, by name; only those of pipelines are laid out."""
    from trueup.ports.loading import load

    version = call.workspace.models.show(call.actor, match["model"], match["version"])
    manifest = version.manifest
    if manifest.foreign is not None:
        return {}
    backend = load("formats", manifest.format)()
    blobs = call.workspace.blobs
    size = blobs.size(manifest.file)
    files: dict[str, Content | _Words] = {
        f"model{backend.suffix}": Content(blobs, manifest.file, size)
    }
    flavor: Flavor | None = backend.flavor
    if flavor is not None:
        environment = _environment(call, manifest.environment)
        python = environment.python if environment else ""
        files["requirements.txt"] = _Words(_requirements(flavor, environment))
        files["MLmodel"] = _Words(_ml_model(version, flavor, python, size))
    return files


def _ml_model(version: ModelVersion, flavor: Flavor, python: str, size: int) -> bytes:
    """The file by which clients know how to load the rest."""
    import yaml

    said: dict[str, Any] = {
        "flavors": {
            flavor.name: dict(flavor.settings),
            "python_function": {
                "loader_module": f"mlflow.{flavor.name}",
                **flavor.function,
                **({"python_version": python} if python else {}),
            },
        },
        "metadata": {"trueup": version.ref, "digest": version.digest},
        "mlflow_version": SPOKEN,
        "model_size_bytes": size,
        "model_uuid": version.digest.partition(":")[2][:32],
        "signature": _signature(version.manifest.signature),
        "utc_time_created": f"{version.registered_at:%Y-%m-%d %H:%M:%S.%f}",
    }
    words: str = yaml.safe_dump(said, sort_keys=True)
    return words.encode()


def _requirements(flavor: Flavor, environment: Environment | None) -> bytes:
    """What loading needs, in the versions that the model was made with where they are known."""
    known = environment.packages if environment else {}
    pins = (f"{name}=={known[name]}" if name in known else name for name in flavor.packages)
    return "".join(f"{pin}\n" for pin in ("mlflow", *pins)).encode()


def _signature(signature: Signature) -> dict[str, Any]:
    import msgspec

    inputs = [
        {"name": each.name, "type": _KINDS[each.kind], "required": not each.nullable}
        for each in signature.inputs
    ]
    return {"inputs": msgspec.json.encode(inputs).decode(), "outputs": None, "params": None}


def _environment(call: Call, digest: str) -> Environment | None:
    from trueup.foundation.errors import TrueupError
    from trueup.foundation.records import decode
    from trueup.lifecycle.pipeline.code.packages import Environment

    try:
        return decode(call.workspace.blobs.get(digest), Environment)
    except TrueupError:  # one that was collected only takes the versions of packages along
        return None
