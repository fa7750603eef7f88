"""Endpoints about the server itself."""

from __future__ import annotations

from typing import Any, Final

from trueup.doors.mlflow.asking import Call

# What clients parse to choose paths: the release whose interface this door speaks.
SPOKEN: Final = "3.17.2"


def health(_call: Call) -> str:
    """Whether it answers."""
    return "OK"


def version(_call: Call) -> str:
    """The version of MLflow whose interface is spoken."""
    return SPOKEN


def info(_call: Call) -> dict[str, Any]:
    """What it can do beyond the least."""
    return {
        "store_type": "SqlStore",
        "workspaces_enabled": False,
        "multipart_uploads_enabled": True,
        "multipart_downloads_enabled": False,
        "presigned_uploads_enabled": False,
        "presigned_downloads_enabled": False,
    }
