"""`sfs run --lan`: the private addresses of the machine, for the devices of the house alone.

this machine: loopback, 10.77.0.1, fd77::1, a public address, a bridge of containers -- a device: 10.77.0.2, fd77::2
"""

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.network import Namespace, why_no_namespaces
from tests.e2e.proxy import ROOT, Proxy, read_all

PUBLIC, STRANGER, CONTAINERS = "198.51.100.1", "198.51.100.7", "172.17.0.1"


@pytest.fixture(scope="module")
def house() -> Iterator[tuple[Namespace, Namespace]]:
    """(this machine, a device that also has the address of a stranger)"""
    if reason := why_no_namespaces():
        pytest.skip(reason)
    machine, device = Namespace(), Namespace()
    try:
        machine.ip(f"link add eth7 type veth peer name out netns {device.thread}", "link set eth7 up")
        machine.ip("addr add 10.77.0.1/24 dev eth7", "addr add fd77::1/64 dev eth7 nodad")
        machine.ip(f"addr add {PUBLIC}/24 dev eth7", "addr add 2001:db8::1/64 dev eth7 nodad")
        machine.ip("link add docker0 type bridge", f"addr add {CONTAINERS}/16 dev docker0", "link set docker0 up")
        device.ip("link set out up", "addr add 10.77.0.2/24 dev out", "addr add fd77::2/64 dev out nodad")
        device.ip(f"addr add {STRANGER}/24 dev out", "addr add 2001:db8::7/64 dev out nodad")
        device.ip(f"route add {CONTAINERS} via 10.77.0.1")
        yield machine, device
    finally:
        machine.close()
        device.close()


@pytest.fixture(scope="module")
def proxy(house, tmp_path_factory) -> Iterator[Proxy]:
    running = Proxy({"level": 2}, tmp_path_factory.mktemp("lan"), "", "--lan")
    house[0].run(running.__enter__)
    yield running
    running.__exit__()


def ask(host: str, port: int, path: str = "/", source: str = "") -> bytes:
    """The answer to a request to the proxy itself; b"" where it hangs up, "refused" where nothing listens."""
    try:
        with socket.create_connection((host, port), 15, source_address=(source, 0) if source else None) as sock:
            shown = f"[{host}]" if ":" in host else host
            sock.sendall(f"GET {path} HTTP/1.1\r\nHost: {shown}:{port}\r\n\r\n".encode())
            return read_all(sock, 15)
    except ConnectionRefusedError:
        return b"refused"
    except ConnectionError:
        return b""


@pytest.mark.parametrize("host", ["10.77.0.1", "fd77::1"])
def test_a_device_of_the_house_gets_the_help_page_and_the_pac_file(house, proxy, host):
    assert house[1].run(ask, host, proxy.port).startswith(b"HTTP/1.1 200")
    pac = house[1].run(ask, host, proxy.port, "/proxy.pac")
    shown = f"[{host}]" if ":" in host else host
    assert f"PROXY {shown}:{proxy.port}".encode() in pac


def test_the_machine_itself_is_served_on_loopback(house, proxy):
    assert house[0].run(ask, "127.0.0.1", proxy.port).startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("host", [PUBLIC, "2001:db8::1", CONTAINERS])
def test_nothing_listens_on_a_public_address_or_for_containers(house, proxy, host):
    assert house[1].run(ask, host, proxy.port) == b"refused"


def test_a_stranger_is_turned_away(house, proxy):
    assert house[1].run(ask, "10.77.0.1", proxy.port, "/", STRANGER) == b""


def test_the_addresses_to_type_are_printed(proxy):
    end = time.monotonic() + 30
    while not any("also on" in line for line in proxy.lines):  # after the ready line, with the page that sets it
        assert time.monotonic() < end, proxy.lines
        time.sleep(0.02)
    text = "".join(proxy.lines)
    assert f"sfs: ready on 127.0.0.1:{proxy.port}, level 2" in text
    assert f"help page    http://10.77.0.1:{proxy.port}/" in text
    assert f"http://10.77.0.1:{proxy.port}/proxy.pac" in text
    assert f"also on      [fd77::1]:{proxy.port}" in text
    assert PUBLIC not in text and CONTAINERS not in text
    assert "█" not in text and "▀" not in text  # no QR code in a file


def run(*arguments: str, state: Path) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "sfs", "run", "--level", "2", "--state", str(state), *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=60)


def test_a_machine_without_a_private_address_says_so(tmp_path):
    if reason := why_no_namespaces():
        pytest.skip(reason)
    alone = Namespace()
    try:
        alone.ip("link add eth7 type bridge", "addr add 198.51.100.9/24 dev eth7", "link set eth7 up")
        done = alone.run(lambda: run("--lan", state=tmp_path))
    finally:
        alone.close()
    assert done.returncode == 2
    assert "no private address" in done.stderr and "mend: " in done.stderr


def test_who_holds_the_port_on_a_private_address_is_said(house, tmp_path):
    holder = house[0].run(socket.create_server, ("10.77.0.1", 0))
    with holder:
        port = holder.getsockname()[1]
        done = house[0].run(lambda: run("--lan", "--listen", f"127.0.0.1:{port}", state=tmp_path))
    assert done.returncode == 2
    found = re.search(r"cannot listen on 10\.77\.0\.1:(\d+): (\S+) \(pid (\d+)\) has this port", done.stderr)
    assert found and (int(found[1]), int(found[3])) == (port, os.getpid())
