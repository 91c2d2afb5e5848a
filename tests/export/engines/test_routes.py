"""What SFS writes for nftables and BIRD, loaded in each of them: packets are sent, routes are looked up."""

import shutil
import socket
import subprocess
import time

import pytest

from tests.e2e.network import Namespace, Sink, why_no_namespaces
from tests.export.engines.expressed import output, table_rows
from tests.export.engines.programs import WAIT, program

LISTED4, OPEN4, LISTED6, OPEN6 = "192.0.2.10", "192.0.2.11", "2001:db8::10", "2001:db8::11"
CLIENT, EXEMPT = "127.0.0.1", "127.0.0.2"


def reached(target: str, port: int, source: str = "") -> bool:
    # From loopback: from the listed address itself, the refusal would go to it and be refused in turn.
    source = source or ("::1" if ":" in target else CLIENT)
    with socket.socket(socket.AF_INET6 if ":" in target else socket.AF_INET) as sock:
        sock.settimeout(8)
        sock.bind((source, 0))
        try:
            sock.connect((target, port))
        except OSError:
            return False
        return True


def test_packets_to_listed_addresses_are_refused(tmp_path):
    if shutil.which("nft") is None:
        pytest.skip("nft is not installed (Debian's package nftables)")
    if reason := why_no_namespaces():
        pytest.skip(reason)
    text, report = output("nftables", exempt=True, lines="192.0.2.10\n[2001:db8::10]\n192.0.2.12:81\ntree.example\n")
    assert report.counts == {"left out: a name, and addresses alone are seen": 1}
    network = Namespace()
    try:
        for address in (LISTED4, OPEN4, "192.0.2.12"):
            network.ip(f"address add {address}/32 dev lo")
        for address in (LISTED6, OPEN6):
            network.ip(f"address add {address}/128 dev lo nodad")
        with network.run(Sink, "::", 80), network.run(Sink, "::", 81):
            targets = [(LISTED4, 80), (OPEN4, 80), (LISTED6, 80), (OPEN6, 80), ("192.0.2.12", 80), ("192.0.2.12", 81)]

            def look() -> list[bool]:
                return [network.run(reached, host, port) for host, port in targets]

            end = time.monotonic() + WAIT
            while look() != [True] * 6:  # the kernel's route of a new IPv6 address comes a moment after it
                assert time.monotonic() < end, look()
                time.sleep(0.05)
            for _ in range(2):  # loaded again, it replaces itself
                network.run(
                    lambda: subprocess.run(["nft", "-f", "-"], input=text, text=True, check=True, capture_output=True)
                )
            assert look() == [False, True, False, True, True, False]
            exempt = "yes" if network.run(reached, LISTED4, 80, EXEMPT) else "no"
    finally:
        network.close()
    assert table_rows()["nftables"] == ("nftables", "no", "no", "no", "yes", "-", exempt, "-", "no")


def test_routes_of_listed_addresses_lead_nowhere_and_stay_here(tmp_path):
    text, _ = output("bird", exempt=False)
    (tmp_path / "output.bird").write_text(text)
    (tmp_path / "bird.conf").write_text(
        f'router id 192.0.2.1;\nprotocol device {{ }}\ninclude "{tmp_path}/output.bird";\n'
    )
    control = tmp_path / "bird.ctl"
    bird, client = program("bird", "bird2"), program("birdc", "bird2")
    process = subprocess.Popen(
        [bird, "-f", "-c", tmp_path / "bird.conf", "-s", control, "-P", tmp_path / "pid"], stderr=subprocess.PIPE
    )

    def asked(*words: str) -> str:
        return subprocess.run([client, "-s", control, *words], capture_output=True, text=True, timeout=30).stdout

    try:
        end = time.monotonic() + WAIT
        while "Daemon is up" not in asked("show", "status"):
            assert process.poll() is None and time.monotonic() < end, process.stderr and process.stderr.read()
            time.sleep(0.05)
        for listed, neighbour, table in ((LISTED4, OPEN4, "master4"), (LISTED6, OPEN6, "master6")):
            said = asked("show", "route", "for", listed, "table", table, "all")
            assert "prohibit" in said and "(65535,65281)" in said, said
            assert "Network not found" in asked("show", "route", "for", neighbour, "table", table)
        assert asked("show", "route", "count").count("2 of 2 routes") == 2  # the canary and the listed one
    finally:
        process.terminate()
        process.wait(20)
        assert process.stderr is not None
        process.stderr.close()
    assert table_rows()["bird"] == ("bird", "no", "no", "no", "yes", "-", "no", "-", "no")
