"""What one caller may ask of a deployment, as its plan says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from trueup.foundation.errors import BackendError
from trueup.lifecycle.plan.deployments import Limits
from trueup.lifecycle.serving.server.rates import Rates

NO_LIMITS: Final = Limits()
_MIB: Final = 1 << 20


class Limiter:
    """Holds callers to the limits of each deployment.

    Args:
        limits: Gives the limits of all deployments as they are now; asked for each request.
        rates: Remembers what callers took.
    """

    def __init__(self, limits: Callable[[], Mapping[str, Limits]], rates: Rates) -> None:
        self._limits = limits
        self._rates = rates

    def of(self, deployment: str) -> Limits:
        """The limits of one."""
        return self._limits().get(deployment, NO_LIMITS)

    def body_bytes(self, deployment: str) -> int:
        """Largest body of a request to it."""
        return int(self.of(deployment).body_mib * _MIB)

    def largest_body(self) -> int:
        """Largest body of a request to any."""
        return int(max((each.body_mib for each in self._limits().values()), default=16) * _MIB)

    def check_request(self, caller: str, deployment: str) -> None:
        """Count a request.

        Raises:
            BackendError: The caller sent too many.
        """
        limits = self.of(deployment)
        if limits.requests_per_second:
            self._check("requests", caller, deployment, 1, limits.requests_per_second, limits)

    def check_rows(self, caller: str, deployment: str, rows: int) -> None:
        """Count rows.

        Raises:
            BackendError: The caller sent too many.
        """
        limits = self.of(deployment)
        if limits.rows_per_second:
            self._check("rows", caller, deployment, rows, limits.rows_per_second, limits)

    def _check(
        self,
        what: str,
        caller: str,
        deployment: str,
        amount: int,
        per_second: float,
        limits: Limits,
    ) -> None:
        bucket = f"{what}/{deployment}/{caller}"
        wait_s = self._rates.take(bucket, amount, per_second, limits.burst_seconds)
        if wait_s > 0:
            raise BackendError(
                "rate-limited",
                f"Deployment '{deployment}' takes {per_second:g} {what} a second of one caller; "
                "this one sent more.",
                hint="send the request again after the seconds in Retry-After",
                context={"retry_after_s": wait_s},
            )
