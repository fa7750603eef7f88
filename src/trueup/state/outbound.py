"""The one hardened client for services of others: Jenkins, Git hosting, lineage, web hooks.

Bounded in time and size, certificates checked, no redirects, and secrets leave only over TLS.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import urlsplit

from trueup.foundation.errors import BackendError, UsageError
from trueup.ports.http import Response
from trueup.state.addresses import is_address, is_loopback, public_address

if TYPE_CHECKING:
    import httpx

_SECONDS: Final = 20.0
_MOST_BYTES: Final = 32 << 20
_ATTEMPTS: Final = 3
_SECRET_HEADERS: Final = frozenset({"authorization", "private-token", "cookie"})


class Outbound:
    """Asks other services.

    Args:
        plain: Hosts that may be sent secrets over plain HTTP, beside this machine itself.
        seconds: Longest time of one request.
        private: Where addresses come from somebody who need not know this network: only public
            ones are asked, and these hosts. Without it any host is, as trueup.toml names them.
    """

    def __init__(
        self,
        plain: frozenset[str] = frozenset(),
        seconds: float = _SECONDS,
        *,
        private: frozenset[str] | None = None,
    ) -> None:
        self._plain = plain
        self._seconds = seconds
        self._private = private
        self._client: httpx.Client | None = None

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
        json: Any = None,
        login: tuple[str, str] | None = None,
        content: Iterator[bytes] | bytes | None = None,
    ) -> Response:
        """Ask once; a GET that finds nobody is tried three times. See `ports.http.Http`.

        `content` is a body as it is; one of any length is sent piece by piece.
        """
        names = {name.lower() for name in headers or ()}
        self._check(url, has_secret=login is not None or bool(names & _SECRET_HEADERS))
        import httpx

        attempts = _ATTEMPTS if method == "GET" else 1
        for attempt in range(1, attempts + 1):
            try:
                return self._ask(
                    method,
                    url,
                    headers=dict(headers or {}),
                    params=dict(query) if query else None,
                    data=dict(form) if form is not None else None,
                    json=json,
                    content=content,
                    auth=login,
                )
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                if attempt == attempts:
                    raise self._failed(url, error) from error
                time.sleep(0.2 * 2**attempt)
            except httpx.HTTPError as error:
                raise self._failed(url, error) from error
        raise AssertionError("the last attempt returns or raises")

    @contextmanager
    def lines(
        self, url: str, *, headers: Mapping[str, str] | None = None
    ) -> Iterator[Iterator[str]]:
        """The lines of an answer that goes on for as long as it likes, as they come.

        Raises:
            BackendError: The service cannot be reached, refuses, or says nothing for too long.
            UsageError: The address may not be asked.
        """
        names = {name.lower() for name in headers or ()}
        self._check(url, has_secret=bool(names & _SECRET_HEADERS))
        import httpx

        with httpx.Client(timeout=3 * self._seconds, trust_env=False) as client:
            try:
                with client.stream("GET", url, headers=dict(headers or {})) as answer:
                    answer.raise_for_status()
                    yield answer.iter_lines()
            except httpx.HTTPError as error:
                raise self._failed(url, error) from error

    def pieces(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        login: tuple[str, str] | None = None,
    ) -> Iterator[bytes]:
        """The body of a GET of any length, piece by piece; only each piece has a longest time.

        Raises:
            UsageError: The address may not be asked.
            BackendError: Nobody answers, or not with 200.
        """
        names = {name.lower() for name in headers or ()}
        self._check(url, has_secret=login is not None or bool(names & _SECRET_HEADERS))
        import httpx

        try:
            with self._opened().stream(
                "GET",
                url,
                headers=dict(headers or {}),
                params=dict(query) if query else None,
                auth=login,
            ) as answer:
                if answer.status_code != 200:
                    raise BackendError(
                        "service-refused",
                        f"{shown(url)} answers with {answer.status_code}.",
                        hint=f"curl -I '{shown(url)}'",
                    )
                yield from answer.iter_bytes(1 << 20)
        except httpx.HTTPError as error:
            raise self._failed(url, error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_raised: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all connections."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _opened(self) -> httpx.Client:
        if self._client is None:
            import httpx

            # No proxy, certificate or password from the surroundings: what is asked is what is
            # written in the project. Cookies belong to one client, as sessions of Jenkins need.
            self._client = httpx.Client(
                timeout=self._seconds, follow_redirects=False, trust_env=False, limits=self._limits
            )
        return self._client

    @property
    def _limits(self) -> httpx.Limits:
        import httpx

        # Connections to addresses are not shared: two hosts may have one, and two certificates.
        kept = 20 if self._private is None else 0
        return httpx.Limits(max_connections=100, max_keepalive_connections=kept)

    def _ask(self, method: str, url: str, **parts: Any) -> Response:
        deadline = time.monotonic() + 3 * self._seconds
        parts = self._pinned(url, parts)
        with self._opened().stream(method, parts.pop("url", url), **parts) as answer:
            body = bytearray()
            for piece in answer.iter_bytes():
                body += piece
                if len(body) > _MOST_BYTES or time.monotonic() > deadline:
                    raise BackendError(
                        "service-answer-too-long",
                        f"{shown(url)} answers with more than {_MOST_BYTES >> 20} MiB, "
                        f"or for longer than {3 * self._seconds:.0f} s.",
                        hint="check the address of the service in trueup.toml",
                    )
            headers = {name.lower(): value for name, value in answer.headers.items()}
            return Response(
                status=answer.status_code, headers=headers, body=bytes(body), url=shown(url)
            )

    def _pinned(self, url: str, parts: dict[str, Any]) -> dict[str, Any]:
        """The request, sent to the very address that was checked: a second look-up might differ."""
        host = urlsplit(url).hostname or ""
        if self._private is None or host in self._private:
            return parts
        import httpx

        whole = httpx.URL(url)
        headers = {**parts.pop("headers"), "Host": whole.netloc.decode("ascii")}
        named = {"sni_hostname": whole.raw_host.decode("ascii")} if not is_address(host) else {}
        address = public_address(host)
        return {
            **parts,
            "url": whole.copy_with(host=address),
            "headers": headers,
            "extensions": named,
        }

    def _check(self, url: str, *, has_secret: bool) -> None:
        parts = urlsplit(url)
        host = parts.hostname or ""
        is_web = parts.scheme in ("http", "https") and host
        if trouble := malformed(url) if is_web else "it must begin with https://":
            raise UsageError(
                "service-address",
                f"'{shown(url)}' is no address of a service: {trouble}.",
                hint='url = "https://ci.example.org"',
            )
        if parts.username or parts.password:
            raise UsageError(
                "service-address",
                f"The address {shown(url)} holds a user or password; "
                "they would stand in logs and errors.",
                hint='user = "name" and token = "secret:NAME", beside the url in trueup.toml',
            )
        allowed = is_loopback(host) or host in self._plain
        if has_secret and parts.scheme == "http" and not allowed:
            raise UsageError(
                "service-without-tls",
                f"The token for {host} would travel in the open over plain HTTP.",
                hint="use https, or allow this host: plain_http = true beside its url",
            )

    def _failed(self, url: str, error: Exception) -> BackendError:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        return BackendError(
            "service-unreachable",
            f"{shown(url)} cannot be reached: {reason}.",
            hint=f"curl -I '{shown(url)}'",
        )


def malformed(url: str) -> str:
    """Why an address cannot be asked, however it is looked up; empty when it can.

    Example:
        >>> malformed("https://example.org/hook"), malformed("https://0177.0.0.1/")
        ('', "Invalid IPv4 address: '0177.0.0.1'")
    """
    import httpx

    try:
        httpx.URL(url)
    except httpx.InvalidURL as error:
        return str(error)
    return ""


def shown(url: str) -> str:
    """An address as a message may show it: without user, password, query and fragment."""
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
    try:
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        port = ""
    return f"{parts.scheme}://{host}{port}{parts.path}"
