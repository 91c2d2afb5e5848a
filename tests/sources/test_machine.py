"""This machine's addresses and ports, as far as they can be asked for without changing them."""

import errno
import os
import socket
from types import SimpleNamespace

import psutil
import pytest

from sfs.errors import SfsError
from sfs.sources import machine
from sfs.sources.machine import Holder, cannot_listen, check_listen, lan_listen, port_holder, private_addresses
from sfs.sources.values import Listen


@pytest.fixture
def interfaces(monkeypatch):
    """Have the machine these interfaces: name -> (up, addresses)."""

    def have(found: dict[str, tuple[bool, list[str]]]) -> None:
        addresses = {name: [SimpleNamespace(address=a) for a in listed] for name, (_, listed) in found.items()}
        states = {name: SimpleNamespace(isup=up) for name, (up, _) in found.items()}
        monkeypatch.setattr(psutil, "net_if_addrs", lambda: addresses)
        monkeypatch.setattr(psutil, "net_if_stats", lambda: states)

    return have


LOOPBACK = (True, ["127.0.0.1", "::1", "00:00:00:00:00:00"])


def test_private_addresses_are_found_ipv4_first(interfaces):
    interfaces(
        {"lo": LOOPBACK, "eth0": (True, ["fd00::5", "192.168.1.5", "fe80::1%eth0"]), "wlan0": (True, ["10.0.0.5"])}
    )
    assert private_addresses() == ("192.168.1.5", "10.0.0.5", "fd00::5")


def test_public_addresses_are_never_among_them(interfaces):
    public = ["8.8.8.8", "2001:4860::1", "100.64.0.1", "169.254.3.4", "192.0.2.1", "224.0.0.1", "0.0.0.0"]
    interfaces({"lo": LOOPBACK, "eth0": (True, public)})
    assert private_addresses() == ()


def test_interfaces_that_are_down_are_left_out(interfaces):
    interfaces({"eth0": (False, ["192.168.1.5"]), "eth1": (True, ["192.168.2.5"])})
    assert private_addresses() == ("192.168.2.5",)


@pytest.mark.parametrize("name", ["docker0", "br-0123456789ab", "veth12", "virbr0", "tun0", "wg0", "vEthernet (WSL)"])
def test_containers_guests_and_vpns_count_only_where_there_is_nothing_else(interfaces, name):
    interfaces({"eth0": (True, ["192.168.1.5"]), name: (True, ["172.17.0.1"])})
    assert private_addresses() == ("192.168.1.5",)
    interfaces({"lo": LOOPBACK, name: (True, ["172.17.0.1"])})
    assert private_addresses() == ("172.17.0.1",)


def test_a_bridge_of_the_owner_counts(interfaces):
    interfaces({"br0": (True, ["192.168.1.5"]), "docker0": (True, ["172.17.0.1"])})
    assert private_addresses() == ("192.168.1.5",)


def test_the_house_is_served_on_loopback_too_and_on_one_port(interfaces):
    interfaces({"eth0": (True, ["192.168.1.5", "fd00::5"])})
    places = [Listen("127.0.0.1", 8080), Listen("192.168.1.5", 8080), Listen("fd00::5", 8080)]
    assert list(lan_listen(Listen("0.0.0.0", 8080))) == places


def test_no_private_address_is_said(interfaces):
    interfaces({"lo": LOOPBACK, "eth0": (True, ["203.0.113.5"])})
    with pytest.raises(SfsError) as caught:
        lan_listen(Listen("127.0.0.1", 8080))
    assert "no private address" in str(caught.value)


def test_a_free_port_is_one_that_is_free_everywhere(monkeypatch):
    monkeypatch.setattr(machine, "private_addresses", lambda: ("127.0.0.2",))
    first, second = lan_listen(Listen("127.0.0.1", 0))
    assert first.port == second.port != 0
    check_listen([first, second])


def test_a_port_that_is_free_is_free():
    check_listen([Listen("127.0.0.1", 0), Listen("localhost", 0)])


def test_who_has_the_port_is_said():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        place = Listen(*taken.getsockname())
        holder = port_holder(place)
        assert holder is not None and holder.pid == os.getpid()
        with pytest.raises(SfsError) as caught:
            check_listen([place], "--admin")
        name = psutil.Process().name()
        assert f"cannot listen on {place}: {name} (pid {os.getpid()}) has this port" in str(caught.value)
        assert "--admin 127.0.0.1:" in str(caught.value)


def test_a_listener_on_all_addresses_holds_each_of_them():
    with socket.create_server(("0.0.0.0", 0)) as taken:
        holder = port_holder(Listen("127.0.0.1", taken.getsockname()[1]))
    assert holder is not None and holder.pid == os.getpid()


def test_a_client_of_the_port_does_not_hold_it():
    with socket.create_server(("127.0.0.1", 0)) as server:
        place = Listen(*server.getsockname())
        with socket.create_connection(server.getsockname()):
            server.close()
            assert port_holder(place) is None


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.EACCES, "ports below 1024"),
        (errno.EADDRNOTAVAIL, "no such address"),
        (socket.EAI_NONAME, "no such address"),
        (errno.EADDRINUSE, "another program has this port"),
        (errno.EMFILE, f"error {errno.EMFILE}"),
        (None, "error None"),
    ],
)
def test_every_reason_has_words_and_a_way_out(monkeypatch, number, words):
    monkeypatch.setattr(machine, "port_holder", lambda listen: None)
    fault = cannot_listen(Listen("192.0.2.1", 80), "--listen", number)
    assert "cannot listen on 192.0.2.1:80" in str(fault) and words in str(fault) and "--listen" in fault.mend


def test_a_filter_that_runs_already_is_known(monkeypatch):
    monkeypatch.setattr(
        machine, "port_holder", lambda listen: Holder("python3", 5, ("/usr/bin/python3", "/x/sfs", "run"))
    )
    assert "a filter runs there already" in str(cannot_listen(Listen("127.0.0.1", 8080)))


@pytest.mark.parametrize(
    ("command", "is_sfs"),
    [
        (("/usr/bin/python3", "/opt/sfs/bin/sfs", "run", "--level", "2"), True),
        (("python3", "-m", "sfs", "run"), True),
        ((r"C:\sfs\Scripts\sfs.exe", "run"), True),
        (("python3", "-m", "sfs", "explain", "run"), False),
        (("nginx", "run", "sfs"), False),
        ((), False),
    ],
)
def test_another_sfs_is_told_from_other_programs(command, is_sfs):
    assert Holder("python3", 1, command).is_sfs is is_sfs


def test_a_system_that_does_not_tell_is_no_fault(monkeypatch):
    def refuse(**_):
        raise psutil.AccessDenied(1)

    monkeypatch.setattr(psutil, "net_connections", refuse)
    assert port_holder(Listen("127.0.0.1", 80)) is None


def test_the_name_of_a_program_brings_nothing_to_the_terminal(monkeypatch):
    process = SimpleNamespace(name=lambda: "a\x1b[31mb\n", cmdline=list)
    monkeypatch.setattr(psutil, "Process", lambda pid: process)
    assert machine._holder(1).name == "a[31mb"
