"""Packages a model version: gathers what belongs to it, then writes it whole or not at all."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec

import trueup
from trueup.app.cards.bom import bill
from trueup.app.cards.gathering import gather
from trueup.app.packaging import wheels as wheels_of
from trueup.app.packaging.layers import Layer, layer, own_files, sha256, unpacked
from trueup.app.packaging.layout import Base, Layout, read_base
from trueup.app.packaging.records import MANIFEST, Package, Packaged, Part
from trueup.foundation.errors import ConflictError, GateFailedError, UsageError
from trueup.foundation.records import decode, encode
from trueup.lifecycle.gates.attestation import envelope, summary
from trueup.lifecycle.gates.standing import require_passed
from trueup.lifecycle.models import leave
from trueup.lifecycle.models import service as models
from trueup.lifecycle.models.usable import check_usable
from trueup.lifecycle.pipeline.code.packages import Environment
from trueup.ports.loading import load as load_backend

if TYPE_CHECKING:
    from trueup.app.wiring import Workspace
    from trueup.foundation.actor import Actor
    from trueup.foundation.permissions import Permission
    from trueup.lifecycle.gates.records import Verdict
    from trueup.lifecycle.models.records import ModelVersion

_HOME: Final = "opt/trueup"
_SBOM: Final = "application/vnd.cyclonedx+json"
_ATTESTATION: Final = "application/vnd.dsse.envelope.v1+json"
_START: Final = """\
\"\"\"Serves the model in this folder: python FOLDER --port 8080\"\"\"

import sys
from pathlib import Path

here = Path(__file__).resolve().parent
if (here / "site").is_dir():
    sys.path.insert(0, str(here / "site"))

from trueup.doors.packaged import main

main([str(here / "package"), *sys.argv[1:]])
"""


class Wish(NamedTuple):
    """How a version is to be packaged.

    Attributes:
        output: Folder to make.
        base: Layout of the image to stand on; empty for none.
        wheels: Folder of wheels; empty for none.
        unproven: Why a version without a PASSED verdict is packaged; empty to refuse it.
        is_trial: Whether nothing is written.
    """

    output: str
    base: str = ""
    wheels: str = ""
    unproven: str = ""
    is_trial: bool = False


def make(workspace: Workspace, actor: Actor, model: str, selector: str, wish: Wish) -> Packaged:
    """Write `image`, an OCI layout, and `app`, a folder that runs, into one new folder.

    Raises:
        NotFoundError: There is no such version.
        GateFailedError: It has no PASSED verdict and no reason was given to go without.
        DeniedError: It is quarantined, or code that the plan does not let run.
        UsageError: Wheels are missing, or the base is no image.
        ConflictError: The output is there already.
    """
    output = Path(wish.output)
    if output.exists():
        raise ConflictError(
            "package-exists",
            f"'{output}' is there already; a package replaces nothing.",
            hint=f"mv '{output}' '{output}.old'",
        )
    base = read_base(wish.base) if wish.base else Base(Path(), [], {}, "")
    version, verdict = _allowed(workspace, actor, model, selector, wish)
    package, files = _of_model(workspace, version, verdict, wish)
    wanted = wheels_of.needed(_packages(version), _recorded(workspace, version))
    layers = _layers(package, files, wanted, wish)
    name = f"{version.model}-{version.version}"
    told = Packaged(
        model=version.ref,
        output=str(output),
        image="",
        name=name,
        base=base.digest,
        layers=tuple(_part(one) for one in layers),
        referrers=("sbom", "verdict") if verdict else ("sbom",),
        requirements=() if wish.wheels else tuple(wheels_of.requirements(wanted, None)),
        unproven=package.unproven,
    )
    if wish.is_trial:
        return told
    aside = output.with_name(output.name + ".incoming")
    shutil.rmtree(aside, ignore_errors=True)
    layout = Layout(aside / "image")
    image = layout.image(name, layers, _config(base, version), _notes(version, base), base)
    card = gather(workspace, actor, version.model, str(version.version))
    layout.refer(image, _SBOM, encode(bill(card)), "sbom.cdx.json")
    if verdict is not None:
        said = summary(verdict, files[package.file], trueup.__version__)
        signed = envelope(said, workspace.state.keys)
        layout.refer(image, _ATTESTATION, encode(signed), "verdict.dsse.json")
    layout.close()
    _write_app(aside / "app", package, files, wanted, wish)
    aside.rename(output)
    return msgspec.structs.replace(told, image=image["digest"])


def _allowed(
    workspace: Workspace, actor: Actor, model: str, selector: str, wish: Wish
) -> tuple[ModelVersion, Verdict | None]:
    # Whoever may not judge may not say that a model goes out unjudged, either.
    permission: Permission = "gates.run" if wish.unproven else "read"
    with workspace.state.read(actor, permission) as connection:
        version = models.find(connection, model, selector)
        check_usable(version)
        leave.of_version(connection, version).check(version.manifest.format)
        try:
            return version, require_passed(connection, workspace.state.keys, version)
        except GateFailedError as error:
            if wish.unproven:
                return version, None
            raise GateFailedError(
                error.code,
                error.message,
                hint=error.hint or f"trueup check {version.ref}",
                context=error.context,
            ) from error


def _of_model(
    workspace: Workspace, version: ModelVersion, verdict: Verdict | None, wish: Wish
) -> tuple[Package, dict[str, bytes]]:
    manifest = version.manifest
    raw = workspace.state.blobs.get(manifest.file)
    file = f"model{load_backend('formats', manifest.format).suffix}"
    package = Package(
        model=version.model,
        version=version.version,
        digest=version.digest,
        format=manifest.format,
        file=file,
        sha256=sha256(raw),
        signature=manifest.signature,
        made_by=trueup.__version__,
        verdict=verdict.id if verdict else "",
        unproven="" if verdict else wish.unproven,
    )
    return package, {file: raw}


def _recorded(workspace: Workspace, version: ModelVersion) -> dict[str, str]:
    digest = version.manifest.environment
    return decode(workspace.state.blobs.get(digest), Environment).packages if digest else {}


def _packages(version: ModelVersion) -> list[str]:
    flavor = load_backend("formats", version.manifest.format).flavor
    return list(flavor.packages) if flavor else []


def _layers(
    package: Package, files: dict[str, bytes], wanted: dict[str, str], wish: Wish
) -> list[Layer]:
    """From what changes least to what changes most."""
    found: list[Layer] = []
    if wish.wheels:
        wheels = wheels_of.chosen(Path(wish.wheels), wanted)
        site = {f"{_HOME}/site/{path}": raw for path, raw in unpacked(wheels).items()}
        found.append(layer("packages", site))
    else:
        lines = "".join(f"{line}\n" for line in wheels_of.requirements(wanted, None))
        found.append(layer("requirements", {f"{_HOME}/requirements.txt": lines.encode()}))
    own = {f"{_HOME}/site/{path}": raw for path, raw in own_files().items()}
    found.append(layer("trueup", own))
    found.append(layer("model", {f"{_HOME}/package/{path}": raw for path, raw in files.items()}))
    return [*found, layer("configuration", {f"{_HOME}/package/{MANIFEST}": encode(package)})]


def _write_app(
    folder: Path, package: Package, files: dict[str, bytes], wanted: dict[str, str], wish: Wish
) -> None:
    inside = {f"package/{path}": raw for path, raw in files.items()}
    inside |= {f"package/{MANIFEST}": encode(package), "__main__.py": _START.encode()}
    inside |= {f"site/{path}": raw for path, raw in own_files().items()}
    wheels = Path(wish.wheels) if wish.wheels else None
    if wheels is not None:
        found = unpacked(wheels_of.chosen(wheels, wanted))
        inside |= {f"site/{path}": raw for path, raw in found.items()}
    lines = wheels_of.requirements(wanted, wheels)
    inside["requirements.txt"] = "".join(f"{line}\n" for line in lines).encode()
    for path, raw in inside.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(raw)


def _config(base: Base, version: ModelVersion) -> dict[str, Any]:
    before = base.config.get("config", {})
    path = [f"PYTHONPATH=/{_HOME}/site"]
    return {
        "created": f"{version.registered_at:%Y-%m-%dT%H:%M:%SZ}",
        "architecture": base.config.get("architecture", "amd64"),
        "os": base.config.get("os", "linux"),
        "config": before
        | {
            "User": "65532:65532",
            "ExposedPorts": {"8080/tcp": {}},
            "Env": [*before.get("Env", []), *path],
            "Entrypoint": ["python3", "-m", "trueup.doors.packaged", f"/{_HOME}/package"],
            "Cmd": ["--host", "0.0.0.0", "--port", "8080"],  # noqa: S104 - it wants a token
            "StopSignal": "SIGTERM",
        },
        "history": [],
    }


def _notes(version: ModelVersion, base: Base) -> dict[str, str]:
    notes = {
        "org.opencontainers.image.title": version.model,
        "org.opencontainers.image.version": str(version.version),
        "org.opencontainers.image.created": f"{version.registered_at:%Y-%m-%dT%H:%M:%SZ}",
        "org.opencontainers.image.base.digest": base.digest,
        "trueup.model": version.ref,
        "trueup.model.digest": version.digest,
    }
    return {name: value for name, value in notes.items() if value}


def _part(one: Layer) -> Part:
    return Part(
        name=one.name,
        digest=sha256(one.raw),
        bytes=len(one.raw),
        files=one.files,
        unpacked=one.size,
    )


def check_reason(reason: str) -> None:
    """Refuse an empty reason.

    Raises:
        UsageError: It says nothing.
    """
    if not reason.strip():
        raise UsageError(
            "package-unproven",
            "A version without a PASSED verdict is packaged for a reason only.",
            hint='--unproven "tried out on the bench"',
        )
