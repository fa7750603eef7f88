"""Objects in Azure Blob Storage: `az://container/prefix`.

Environment: `AZURE_STORAGE_ACCOUNT_NAME` and one of `AZURE_STORAGE_ACCOUNT_KEY`,
`AZURE_STORAGE_SAS_TOKEN`, `AZURE_CLIENT_ID` with `AZURE_CLIENT_SECRET` and `AZURE_TENANT_ID`,
`AZURE_FEDERATED_TOKEN_FILE`, or the identity of the machine.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from obstore.store import AzureStore

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
    "AZURE_STORAGE_ACCOUNT_KEY",
    "AZURE_STORAGE_ACCESS_KEY",
    "AZURE_STORAGE_SAS_TOKEN",
    "AZURE_STORAGE_SAS_KEY",
    "AZURE_CLIENT_SECRET",
    "AZURE_STORAGE_CLIENT_SECRET",
    "AZURE_FEDERATED_TOKEN_FILE",
    "AZURE_STORAGE_TOKEN",
    "AZURE_SKIP_SIGNATURE",
)


class Backend(Cloud):
    """A container of Azure Blob Storage."""

    scheme = "az"
    credentials = "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY"

    def _open(self, url: str) -> ObjectStore:
        named = os.environ.get("AZURE_STORAGE_ACCOUNT_NAME")
        if not named or not (
            any(map(os.environ.get, _GIVEN)) or machine_is_of("Microsoft Corporation")
        ):
            raise no_credentials(
                self.shown, "export AZURE_STORAGE_ACCOUNT_NAME=… AZURE_STORAGE_ACCOUNT_KEY=…"
            )
        try:
            return AzureStore(
                self.bucket,
                prefix=self.prefix or None,
                client_options=client_options(allow_http=False),
                retry_config=retry_config(),
            )
        except Exception:
            raise BackendError(
                "remote-failed",
                f"The credentials for the remote {self.shown} cannot be used.",
                hint="check AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY",
            ) from None  # the cause may quote the credentials
