import ipaddress
from ipaddress import IPv4Address, IPv6Address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfs.proxy.reach import (
    BAD_PORTS,
    CONNECT_PORTS,
    Reach,
    client_allowed,
    connect_port_allowed,
    plain_port_allowed,
)
from sfs.text.address import Address, parse_reach

OUTER = "192.168.7.7"  # this machine's own address in the tests


def _owns(ip: Address) -> bool:
    return ip.is_loopback or str(ip) in ("0.0.0.0", "::", OUTER, "fd00::7")


def _reach(*entries: str, **fields: Any) -> Reach:
    base = Reach(tuple(parse_reach(entry) for entry in entries), owns=_owns, **fields)
    return base.with_ports([8080], [8081])


# What may be reached.


@pytest.mark.parametrize(
    ("ip", "port", "reason"),
    [
        ("8.8.8.8", 80, None),
        ("2606:4700::1", 443, None),
        ("192.168.1.1", 80, None),
        ("127.0.0.1", 80, "address"),
        ("127.1", 80, "address"),
        ("::ffff:127.0.0.1", 80, "address"),
        ("64:ff9b::7f00:1", 80, "address"),
        ("2002:7f00:1::", 80, "address"),
        ("0.0.0.0", 80, "address"),
        ("::", 80, "address"),
        ("169.254.1.1", 80, "address"),
        ("fe80::1%eth0", 80, "address"),
        ("169.254.169.254", 80, "address"),
        ("fd00:ec2::254", 80, "address"),
        ("224.0.0.1", 80, "address"),
        (OUTER, 80, "address"),
        ("8.8.8.8", 25, "port"),
        ("no address", 80, "address"),
    ],
)
def test_by_default_the_internet_and_inner_networks_are_open_and_this_machine_is_not(
    ip: str, port: int, reason: str | None
) -> None:
    assert _reach().allowed(ip, port) == reason


@pytest.mark.parametrize("ip", ["127.0.0.1", "127.9.9.9", "::1", "0.0.0.0", "::", OUTER, "fd00::7", f"::ffff:{OUTER}"])
def test_the_proxys_own_port_is_a_loop_on_every_address_of_this_machine_whatever_reach_says(ip: str) -> None:
    reach = _reach("127.0.0.0/8", "127.0.0.1:8080", "[::1]:8080", f"{OUTER}:8080", "fd00::/8")
    assert reach.allowed(ip, 8080) == "loop"
    assert reach.is_self(ip, 8080)
    assert not reach.is_self(ip, 80)


def test_the_proxys_port_number_on_another_machine_is_nothing_special() -> None:
    assert _reach().allowed("192.168.1.1", 8080) is None
    assert not _reach().is_self("192.168.1.1", 8080)


def test_other_own_ports_open_only_to_an_entry_with_address_and_port() -> None:
    assert _reach("127.0.0.0/8").allowed("127.0.0.1", 8081) == "address"
    assert _reach("127.0.0.1").allowed("127.0.0.1", 8081) == "address"
    assert _reach("127.0.0.0/8:8081").allowed("127.0.0.1", 8081) == "address"
    assert _reach(machine=True).allowed(OUTER, 8081) == "address"
    assert _reach("127.0.0.1:8081").allowed("127.0.0.1", 8081) is None


def test_an_entry_opens_what_it_names_in_every_spelling_and_no_more() -> None:
    reach = _reach("127.0.0.0/8", "[::1]:8000")
    assert reach.allowed("127.0.0.5", 9999) is None
    assert reach.allowed("::ffff:127.0.0.1", 9999) is None
    assert reach.allowed("2130706433", 9999) is None
    assert reach.allowed("::1", 8000) is None
    assert reach.allowed("::1", 8001) == "address"
    assert reach.allowed("169.254.1.1", 80) == "address"


def test_metadata_addresses_open_to_no_network_but_to_their_own_name() -> None:
    assert _reach("169.254.0.0/16").allowed("169.254.1.1", 80) is None
    assert _reach("169.254.0.0/16").allowed("169.254.169.254", 80) == "address"
    assert _reach("fd00::/8").allowed("fd00:ec2::254", 80) == "address"
    assert _reach("169.254.169.254").allowed("169.254.169.254", 80) is None


def test_where_no_single_machine_answers_nothing_is_reached_even_inside_a_named_network() -> None:
    assert _reach("255.255.255.0/24").allowed("255.255.255.7", 80) is None
    assert _reach("255.255.255.0/24").allowed("255.255.255.255", 80) == "address"


def test_own_outer_addresses_and_inner_networks_follow_their_switches() -> None:
    assert _reach(machine=True).allowed(OUTER, 80) is None
    assert _reach(machine=True).allowed("127.0.0.1", 80) == "address"
    assert _reach(private=False).allowed("192.168.1.1", 80) == "address"
    assert _reach(private=False).allowed("100.64.0.1", 80) == "address"
    assert _reach("192.168.1.1", private=False).allowed("192.168.1.1", 80) is None
    assert _reach(private=False).allowed("8.8.8.8", 80) is None


@given(
    st.integers(0, 2**32 - 1).map(IPv4Address) | st.integers(0, 2**128 - 1).map(IPv6Address),
    st.integers(0, 65535),
    st.booleans(),
)
def test_what_the_standard_library_calls_global_or_local_agrees(ip: Address, port: int, connect: bool) -> None:
    if _reach().allowed(str(ip), port, connect) is None:
        plain = ip.ipv4_mapped or ip if isinstance(ip, IPv6Address) else ip
        assert not (plain.is_loopback or plain.is_link_local or plain.is_multicast or plain.is_unspecified)


def test_judge_server_looks_at_literals_and_leaves_names_to_the_resolver() -> None:
    assert _reach().judge_server(("127.0.0.1", 80)) == "address"
    assert _reach().judge_server(("::ffff:127.0.0.1", 8080)) == "loop"
    assert _reach().judge_server(("8.8.8.8", 443)) is None
    assert _reach().judge_server(("example.com", 80)) is None
    assert _reach().judge_server(("8.8.8.8", 22), connect=True) == "port"


def test_over_udp_a_name_is_refused_since_nobody_of_ours_resolves_it() -> None:
    assert _reach().judge_server(("example.com", 443), udp=True) == "address"
    assert _reach().judge_server(("8.8.8.8", 443), udp=True) is None


# Ports.


def test_connect_opens_the_ports_of_https_and_those_an_entry_names() -> None:
    assert connect_port_allowed(443, _reach())
    assert not connect_port_allowed(22, _reach())
    assert not connect_port_allowed(3128, _reach())
    assert connect_port_allowed(3128, _reach("10.0.0.5:3128"))
    assert _reach("10.0.0.5:3128").allowed("10.0.0.5", 3128, connect=True) is None
    assert _reach("10.0.0.5:3128").allowed("10.0.0.6", 3128, connect=True) == "port"
    assert _reach("10.0.0.5").allowed("10.0.0.5", 4433, connect=True) is None


def test_a_port_no_browser_opens_needs_an_entry_that_names_it() -> None:
    assert not plain_port_allowed(25, _reach("10.0.0.5"))
    assert not connect_port_allowed(25, _reach("10.0.0.5"))
    assert _reach("10.0.0.5").allowed("10.0.0.5", 25) == "port"
    assert _reach("10.0.0.5").allowed("10.0.0.5", 25, connect=True) == "port"
    assert plain_port_allowed(25, _reach("10.0.0.5:25"))
    assert _reach("10.0.0.5:25").allowed("10.0.0.5", 25) is None
    assert _reach("10.0.0.5:25").allowed("8.8.8.8", 25) == "port"


@pytest.mark.parametrize("port", [80, 443, 591, 3000, 8000, 8008, 8080, 8888, 65535])
def test_plain_http_goes_to_any_port_a_browser_opens(port: int) -> None:
    assert plain_port_allowed(port, _reach())


@pytest.mark.parametrize("port", [-1, 0, 65536, 10**9])
def test_a_number_that_is_no_port_is_refused(port: int) -> None:
    assert not plain_port_allowed(port, _reach("10.0.0.5"))
    assert not connect_port_allowed(port, _reach("10.0.0.5"))


def test_no_connect_port_is_a_bad_port() -> None:
    assert not CONNECT_PORTS & BAD_PORTS


# Clients.


@pytest.mark.parametrize(
    ("peer", "served"),
    [
        ("127.0.0.1", True),
        ("192.168.1.20", True),
        ("::ffff:192.168.1.20", True),
        ("10.1.2.3", True),
        ("172.20.0.1", True),
        ("169.254.7.7", True),
        ("fe80::1%eth0", True),
        ("fd12::1", True),
        ("8.8.8.8", False),
        ("::ffff:8.8.8.8", False),
        ("100.64.0.1", False),
        ("2a00::1", False),
        ("2002:c0a8:101::1", False),
        ("64:ff9b::c0a8:101", False),
        ("198.51.100.7", True),  # named
        ("198.51.101.7", False),
        ("", False),
    ],
)
def test_a_listener_that_is_not_loopback_serves_private_ranges_and_named_networks(peer: str, served: bool) -> None:
    named = [ipaddress.ip_network("198.51.100.0/24"), ipaddress.ip_network("2a00:1::/32")]
    assert client_allowed(peer, False, named) is served


def test_a_loopback_listener_serves_whoever_can_reach_it() -> None:
    assert client_allowed("127.0.0.1", True)
    assert client_allowed("8.8.8.8", True)
