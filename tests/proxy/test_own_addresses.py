"""The addresses of this machine."""

import ipaddress
import socket
from collections.abc import Iterator
from ipaddress import IPv4Address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfs.proxy import own_addresses as module
from sfs.proxy.own_addresses import is_own_address, parse_proc

FIB_TRIE = """Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     +-- 127.0.0.0/8 2 0 2
           |-- 127.0.0.0
              /8 host LOCAL
           |-- 127.0.0.1
              /32 host LOCAL
        |-- 127.255.255.255
           /32 link BROADCAST
        +-- 192.0.2.0/30 2 0 2
           |-- 192.0.2.0
              /24 link UNICAST
           |-- 192.0.2.2
              /32 host LOCAL
"""
IF_INET6 = """20010db8000000000000000000000002 04 40 00 82     eth0
00000000000000000000000000000001 01 80 10 80       lo
"""


def test_proc_files_give_the_local_addresses_and_no_others() -> None:
    assert {str(ip) for ip in parse_proc(FIB_TRIE, IF_INET6)} == {"127.0.0.1", "192.0.2.2", "2001:db8::2", "::1"}


@given(st.text(max_size=300), st.text(max_size=300))
def test_any_text_in_place_of_the_proc_files_gives_a_set(fib_trie: str, if_inet6: str) -> None:
    assert isinstance(parse_proc(fib_trie, if_inet6), frozenset)


def test_the_system_tells_own_addresses_from_others() -> None:
    for text in ("127.0.0.1", "127.200.3.4", "0.0.0.0", "::1", "::"):
        assert is_own_address(ipaddress.ip_address(text))
    for text in ("240.0.0.1", "198.51.100.77", "100::1", "2001:db8:ffff::77"):
        assert not is_own_address(ipaddress.ip_address(text))


def test_every_address_the_system_lists_is_an_own_one() -> None:
    try:
        with open("/proc/net/fib_trie") as trie:
            listed = parse_proc(trie.read(), "")
    except OSError:
        pytest.skip("no /proc here")
    assert listed
    assert all(is_own_address(ip) for ip in listed)


@pytest.fixture
def fresh_list() -> Iterator[None]:
    module._asked_own.cache_clear()
    module._listed_addresses.cache_clear()
    yield
    module._asked_own.cache_clear()
    module._listed_addresses.cache_clear()


@pytest.mark.usefixtures("fresh_list")
def test_where_anything_can_be_bound_the_list_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_binds", lambda host: True)
    monkeypatch.setattr(module, "parse_proc", lambda *texts: frozenset({IPv4Address("192.0.2.2")}))
    assert is_own_address(IPv4Address("192.0.2.2"))
    assert is_own_address(IPv4Address("127.0.0.1"))
    assert not is_own_address(IPv4Address("192.0.2.3"))


@pytest.mark.usefixtures("fresh_list")
def test_doubt_counts_as_own(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not is_own_address(IPv4Address("198.51.100.77"))
    monkeypatch.setattr(module, "_listed_addresses", lambda minute: None)
    module._asked_own.cache_clear()

    def no_descriptor(*_: Any) -> Any:
        raise OSError(24, "too many open files")

    monkeypatch.setattr(socket, "socket", no_descriptor)
    assert is_own_address(IPv4Address("198.51.100.77"))
