"""Whoever names an address to us must not reach what only we can reach."""

from __future__ import annotations

import ipaddress
import socket
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trueup.foundation.errors import BackendError, UsageError
from trueup.state import addresses
from trueup.state.addresses import is_public, public_address

PRIVATE = [
    *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"),
    *("172.16.0.0/12", "192.168.0.0/16", "198.18.0.0/15", "224.0.0.0/4", "240.0.0.0/4"),
]
inside = st.sampled_from(PRIVATE).flatmap(
    lambda text: st.integers(0, ipaddress.ip_network(text).num_addresses - 1).map(
        lambda at: ipaddress.IPv4Network(text)[at]
    )
)


def answer(monkeypatch: pytest.MonkeyPatch, *found: str) -> list[str]:
    """Let the look-up of any host find these addresses; the hosts that were looked up."""
    asked: list[str] = []

    def look_up(host: str, port: object, **_more: Any) -> list[Any]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, 0)) for each in found]

    monkeypatch.setattr(addresses.socket, "getaddrinfo", look_up)
    return asked


@given(inside)
def test_no_private_address_is_public_however_it_is_wrapped(address: ipaddress.IPv4Address) -> None:
    number = int(address)
    wrapped = (
        f"::ffff:{address}",
        str(ipaddress.IPv6Address((0x2002 << 112) | (number << 80))),  # 6to4
        str(ipaddress.IPv6Address((0x64FF9B << 96) | number)),  # NAT64
    )
    assert not any(map(is_public, (str(address), *wrapped)))


@pytest.mark.parametrize("address", ["::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "ff02::1"])
def test_no_inner_address_of_version_6_is_public(address: str) -> None:
    assert not is_public(address)


def test_addresses_of_the_internet_are_public() -> None:
    assert all(map(is_public, ("93.184.216.34", "2606:2800:220:1::1", "::ffff:8.8.8.8")))


def test_one_private_address_among_public_ones_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    answer(monkeypatch, "93.184.216.34", "10.0.0.1")
    with pytest.raises(UsageError, match=r"10\.0\.0\.1"):
        public_address("example.org")
    answer(monkeypatch, "93.184.216.34")
    assert public_address("example.org") == "93.184.216.34"


@pytest.mark.parametrize("host", ["127.1", "0177.0.0.1", "2130706433", "0x7f000001"])
def test_an_odd_way_to_write_this_machine_is_seen_through(host: str) -> None:
    with pytest.raises((UsageError, BackendError)):
        public_address(host)


def test_a_host_that_nobody_knows_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_words: object, **_more: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(addresses.socket, "getaddrinfo", fail)
    with pytest.raises(BackendError, match="Nobody knows the host"):
        public_address("nobody.invalid")
