"""Objects in Google Cloud Storage: `gs://bucket/prefix`.

Environment: `GOOGLE_APPLICATION_CREDENTIALS` (or `GOOGLE_SERVICE_ACCOUNT`, a file too), what
`gcloud auth application-default login` wrote, or the account of the machine.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from obstore.store import GCSStore

from trueup.backends.objects._cloud import (
    Cloud,
    client_options,
    machine_is_of,
    no_credentials,
    retry_config,
)
from trueup.foundation.errors import BackendError

if TYPE_CHECKING:
    from obstore.store import ObjectStore

_GIVEN = (
    "GOOGLE_APPLICATION_CREDENTIALS",
    "GOOGLE_SERVICE_ACCOUNT",
    "GOOGLE_SERVICE_ACCOUNT_PATH",
    "GOOGLE_SERVICE_ACCOUNT_KEY",
    "GOOGLE_SKIP_SIGNATURE",
)
_LOGGED_IN = Path(".config/gcloud/application_default_credentials.json")


class Backend(Cloud):
    """A bucket of Google Cloud Storage."""

    scheme = "gs"
    credentials = "GOOGLE_APPLICATION_CREDENTIALS"

    def _open(self, url: str) -> ObjectStore:
        logged_in = (Path.home() / _LOGGED_IN).is_file()
        if not any(map(os.environ.get, _GIVEN)) and not logged_in and not machine_is_of("Google"):
            raise no_credentials(self.shown, "export GOOGLE_APPLICATION_CREDENTIALS=key.json")
        try:
            return GCSStore(
                self.bucket,
                prefix=self.prefix or None,
                client_options=client_options(allow_http=False),
                retry_config=retry_config(),
            )
        except Exception:
            raise BackendError(
                "remote-failed",
                f"The credentials for the remote {self.shown} cannot be read.",
                hint="ls -l $GOOGLE_APPLICATION_CREDENTIALS",
            ) from None  # the cause may quote the credentials
