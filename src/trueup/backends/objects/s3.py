"""Objects in S3 and what speaks like it: `s3://bucket/prefix`, credentials as AWS tools take them.

Environment: `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`, `AWS_REGION`,
`AWS_ENDPOINT_URL`, `AWS_PROFILE` (keys in `~/.aws/credentials`), or a role of the machine.
"""

from __future__ import annotations

import configparser
import os
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from obstore.store import S3Store

from trueup.backends.objects._cloud import (
    Cloud,
    client_options,
    machine_is_of,
    no_credentials,
    retry_config,
)
from trueup.foundation.errors import UsageError

if TYPE_CHECKING:
    from obstore.store import ObjectStore, S3Config

_LOOPBACK = ("localhost", "::1")
_ROLES = (
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_METADATA_ENDPOINT",
    "AWS_SKIP_SIGNATURE",
)


class Backend(Cloud):
    """A bucket of S3, MinIO, Ceph, R2 and others."""

    scheme = "s3"
    credentials = "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"

    def _open(self, url: str) -> ObjectStore:
        endpoint = _endpoint()
        config: S3Config = {}
        if os.environ.get("AWS_ACCESS_KEY_ID") is None and not any(map(os.environ.get, _ROLES)):
            config = _from_profile()
            if not config and not machine_is_of("Amazon EC2"):
                raise no_credentials(
                    self.shown, "export AWS_ACCESS_KEY_ID=… AWS_SECRET_ACCESS_KEY=…"
                )
        if not (os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")):
            config["region"] = "us-east-1"
        return S3Store(
            self.bucket,
            prefix=self.prefix or None,
            config=config,
            client_options=client_options(allow_http=endpoint.startswith("http://")),
            retry_config=retry_config(),
        )

    def _server(self) -> str:
        return urlsplit(_endpoint()).netloc.rpartition("@")[2] or super()._server()


def _endpoint() -> str:
    """The server that the environment names, checked; empty for Amazon's own.

    Raises:
        UsageError: Requests would go over a network without encryption.
    """
    names = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
    endpoint = next((os.environ[name] for name in names if os.environ.get(name)), "")
    parts = urlsplit(endpoint)
    host = parts.hostname or ""
    is_here = host in _LOOPBACK or host.startswith("127.")
    asked_for = os.environ.get("AWS_ALLOW_HTTP", "").lower() in ("1", "true")
    if parts.scheme == "http" and not is_here and not asked_for:
        raise UsageError(
            "remote-insecure",
            f"AWS_ENDPOINT_URL names {host} with http://, so data would travel in the open.",
            hint=f"export AWS_ENDPOINT_URL=https://{parts.netloc.rpartition('@')[2]}",
        )
    return endpoint


def _from_profile() -> S3Config:
    """The keys of a profile in the file that AWS tools share."""
    file = os.environ.get("AWS_SHARED_CREDENTIALS_FILE") or Path.home() / ".aws" / "credentials"
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read(file, encoding="utf-8")
        profile = parser[os.environ.get("AWS_PROFILE") or "default"]
        config: S3Config = {
            "access_key_id": profile["aws_access_key_id"],
            "secret_access_key": profile["aws_secret_access_key"],
        }
    except (KeyError, configparser.Error, UnicodeDecodeError):
        return {}
    if token := profile.get("aws_session_token"):
        config["session_token"] = token
    return config
