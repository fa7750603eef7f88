"""Whether a version can be loaded and asked at all; what keeps it from that is said with its cure.

Versions of pipelines always can. A client of another tool may register anything.
"""

from __future__ import annotations

from trueup.foundation.errors import DeniedError, GateFailedError
from trueup.lifecycle.models.records import ModelVersion


def check_usable(version: ModelVersion) -> None:
    """Refuse a version that no rows in the world could say anything about.

    Raises:
        DeniedError: It is quarantined.
        GateFailedError: It cannot be loaded here, or nobody has said what it takes.
    """
    check_loadable(version)
    if not version.manifest.signature.inputs:
        raise GateFailedError(
            "model-without-signature",
            f"{version.ref} has no signature: its files do not say which columns it takes.",
            hint=f"trueup model signature {version.ref} --from-example FILE",
        )


def check_loadable(version: ModelVersion) -> None:
    """Refuse a version whose files cannot be loaded here.

    Raises:
        DeniedError: It is quarantined.
        GateFailedError: Its files are not here, or are of no format that is loaded here.
    """
    manifest = version.manifest
    foreign = manifest.foreign
    if foreign is None:
        return
    if manifest.quarantined:
        raise quarantined(version.ref, manifest.quarantined)
    if not foreign.files:
        raise GateFailedError(
            "model-not-inspected",
            f"The files of {version.ref} are at {foreign.source[:200]}, where this server does not "
            "look, so nobody knows what they are.",
            hint="trueup explain model-not-inspected",
        )
    if not manifest.file:
        names = ", ".join(file.path for file in foreign.files[:5])
        raise GateFailedError(
            "model-not-loadable",
            f"{version.ref} is not one model file of a format that Trueup loads; its files are "
            f"{names[:300]}{' and others' if len(foreign.files) > 5 else ''}.",
            hint="trueup explain model-not-loadable",
        )


def quarantined(what: str, danger: str) -> DeniedError:
    """The refusal to load what might run code."""
    return DeniedError(
        "model-quarantined",
        f"{what} is quarantined: {danger}. To load it would be to run it, so it is kept but never "
        "loaded; log the model again as skops, ONNX, XGBoost JSON or LightGBM text.",
        hint="trueup explain model-quarantined",
    )
