"""What is counted, what never is, and how the figures of several workers become one page."""

import asyncio
import http.client
import socket
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from sfs.cli.common import Chosen
from sfs.core.policy import Policy
from sfs.core.verdict import Action, Verdict
from sfs.proxy.figures import Figures, Row
from sfs.proxy.metrics import FAMILIES, memory, of_filter, page
from sfs.proxy.metrics_server import MAX_CONNECTIONS, MAX_HEAD, MetricsServer
from sfs.proxy.workers.figures import WorkerFigures, row_of, said_of_rows
from sfs.sources.config import load_config
from sfs.sources.live import Live
from sfs.sources.values import Listen

BLOCK = Verdict(Action.BLOCK, "entry", "own-block", 2)


def live_of(folder: Path, text: str = "level: 2\n") -> Live:
    file = folder / "sfs.yaml"
    file.write_text(f"{text}default_lists: false\nstate: {folder}/state\n")
    chosen = Chosen(file, {})
    return Live(chosen.filter(), chosen.filter)


@pytest.fixture(scope="module")
def live(tmp_path_factory) -> Live:
    folder = tmp_path_factory.mktemp("figures")
    (folder / "list.txt").write_text("a.example\nb.example\n")
    return live_of(folder, f"level: 2\nlists: [{{name: own, url: '{folder}/list.txt', format: plain, rating: 4}}]\n")


def told(text: bytes) -> dict[str, float]:
    """A page, as Prometheus reads it: sample with its labels -> value."""
    found = {}
    for family in text_string_to_metric_families(text.decode()):
        for sample in family.samples:
            labels = ",".join(f"{name}={value}" for name, value in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return found


def test_verdicts_are_counted_by_check_and_outcome(live):
    figures, policy = Figures(), live.filter.policies.default
    for verdict, of in ((BLOCK, "request"), (BLOCK, "tunnel"), (replace(BLOCK, action=Action.ALLOW), "request")):
        figures.judged(verdict, policy, of)
    figures.judged(BLOCK, policy, "recheck")
    found = told(page(figures.rows(), live))
    assert found["sfs_verdicts_total{check=entry,outcome=blocked}"] == 3
    assert found["sfs_verdicts_total{check=entry,outcome=shown}"] == 1
    assert found["sfs_requests_total{kind=request}"] == 2
    assert found["sfs_requests_total{kind=tunnel}"] == 1
    assert found["sfs_list_entries{list=own}"] == 2
    assert found["sfs_list_age_seconds{list=own}"] < 3600


@pytest.mark.parametrize(
    "change", [{"record": False}, {"check": "mandatory"}, {"check": "help", "record": False, "action": Action.ALLOW}]
)
def test_what_may_leave_no_trace_is_in_no_figure(live, change):
    figures = Figures()
    figures.judged(replace(BLOCK, **change), live.filter.policies.default, "request")
    assert list(figures.rows()) == []


def test_profile_isp_tells_nothing_of_the_traffic(tmp_path):
    live = live_of(tmp_path, "profile: isp\n")
    policy: Policy = live.filter.policies.default
    figures = Figures()
    figures.judged(BLOCK, policy, "request")
    assert list(figures.rows()) == []
    rows = [Row(name, ("x",) * len(family.labels), 7) for name, family in FAMILIES.items()]
    figures.also(lambda: rows)  # whatever some part counts all the same
    quiet = {name.partition("{")[0].removesuffix("_total") for name in told(page(figures.rows(), live))}
    assert quiet == {f"sfs_{name}" for name, family in FAMILIES.items() if not family.traffic}
    assert not quiet & {"sfs_requests", "sfs_verdicts", "sfs_connections", "sfs_tunnels", "sfs_label_lookups"}


def test_reloads_are_counted(tmp_path):
    live = live_of(tmp_path)
    live.reload()
    (tmp_path / "sfs.yaml").write_text("level: nine\n")
    with pytest.raises(Exception, match="nine"):
        live.reload()
    found = told(page((), live))
    assert (found["sfs_reloads_total{result=done}"], found["sfs_reloads_total{result=failed}"]) == (1, 1)


def test_a_file_is_as_old_as_its_last_change(live):
    ((name, file),) = live.filter.report.lists
    rows = of_filter(live, file.mtime + timedelta(days=2))
    ages = {row.labels: row.value for row in rows if row.family == "list_age_seconds"}
    assert ages == {(name,): 2 * 86_400}


def test_a_count_of_a_worker_that_ended_stays_and_its_connections_are_gone():
    figures = WorkerFigures()
    for number in (1, 2):
        figures.took(number, [["requests", ["request"], 5], ["connections", [], 3]])
    figures.ended(1)
    figures.ended(7)  # one that never told anything
    rows = {(row.family, row.labels): 0.0 for row in figures.rows(1)}
    for row in figures.rows(1):
        rows[row.family, row.labels] += row.value
    assert rows["requests", ("request",)] == 10
    assert rows["connections", ()] == 3
    assert (rows["workers", ()], rows["worker_ends", ()]) == (1, 2)


@given(st.sampled_from(sorted(FAMILIES)), st.text(max_size=20), st.integers(0, 10**12))
def test_a_row_comes_out_as_it_went_in(family, label, value):
    row = Row(family, (label,) * len(FAMILIES[family].labels), value)
    (said,) = said_of_rows([row])
    assert row_of(said) == row


@pytest.mark.parametrize("said", [[], ["requests"], ["no such", [], 1], ["requests", [], 1], ["connections", [], "1"]])
def test_what_is_no_row_is_refused(said):
    with pytest.raises((ValueError, KeyError)):
        row_of(said)


def test_memory_is_told_of_what_is_there():
    import os

    rows = list(memory({"worker": (os.getpid(),), "gone": (2**22 + 1,)}))
    assert [row.labels for row in rows] == [("worker",)]
    assert rows[0].value > 1 << 20


@pytest.mark.parametrize("value", ["192.0.2.1:9464", "0.0.0.0:9464", "127.0.0.1:0", "example.com:9464"])
def test_figures_are_told_on_loopback_alone(tmp_path, value):
    (tmp_path / "sfs.yaml").write_text(f"level: 2\nmetrics: {value}\n")
    with pytest.raises(Exception, match=r"loopback|known to nobody|not an IP address"):
        load_config(tmp_path / "sfs.yaml")


# --- the server


def answered(*requests: bytes, fails: bool = False) -> list[bytes]:
    """What comes back for each."""

    async def told() -> bytes:
        if fails:
            raise RuntimeError("secret")
        return b"figures"

    def ask(port: int, request: bytes) -> bytes:
        with socket.create_connection(("127.0.0.1", port), 20) as sock:
            sock.sendall(request)
            got = b""
            while piece := sock.recv(65536):
                got += piece
            return got

    async def run() -> list[bytes]:
        server = MetricsServer(Listen("127.0.0.1", 0), told)
        await server.start()
        try:
            return [await asyncio.to_thread(ask, server.port, request) for request in requests]
        finally:
            server.stop()

    return asyncio.run(run())


@pytest.mark.parametrize("host", [b"127.0.0.1:9464", b"localhost", b"[::1]:9464"])
def test_the_figures_are_at_one_path(host):
    first, second, third = answered(
        b"GET /metrics HTTP/1.1\r\nHost: " + host + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: " + host + b"\r\n\r\n",
        b"POST /metrics HTTP/1.1\r\nHost: " + host + b"\r\n\r\n",
    )
    assert first.startswith(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4")
    assert first.endswith(b"\r\n\r\nfigures")
    assert second.split()[1] == third.split()[1] == b"404"


def test_a_name_that_points_here_gets_nothing():
    for request in (b"GET /metrics HTTP/1.1\r\nHost: rebound.test\r\n\r\n", b"GET /metrics HTTP/1.1\r\n\r\n"):
        (got,) = answered(request)
        assert got.split()[1] == b"421"
        assert b"figures" not in got


def test_a_fault_says_nothing(caplog):
    (got,) = answered(b"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", fails=True)
    assert got.split()[1] == b"500"
    assert "secret" not in caplog.text + got.decode()


def test_a_head_without_end_is_cut_off():
    assert answered(b"GET /metrics HTTP/1.1\r\nX: " + b"a" * (2 * MAX_HEAD)) == [b""]


def test_connections_have_a_bound():
    async def run() -> None:
        async def told() -> bytes:
            return b"figures"

        server = MetricsServer(Listen("127.0.0.1", 0), told)
        await server.start()
        held = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(MAX_CONNECTIONS)]
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        assert await asyncio.wait_for(reader.read(), 20) == b""
        for _, one in (*held, (reader, writer)):
            one.close()
            await one.wait_closed()
        server.stop()

    asyncio.run(run())


def test_who_waits_for_another_to_leave_gets_the_port():
    async def run() -> None:
        async def told() -> bytes:
            return b"figures"

        before = MetricsServer(Listen("127.0.0.1", 0), told)
        await before.start()
        after = MetricsServer(Listen("127.0.0.1", before.port), told)
        with pytest.raises(OSError):
            await after.start()
        waiting = asyncio.create_task(after.start(tries=40))
        await asyncio.sleep(0)
        before.stop()
        await waiting
        assert after.port
        after.stop()

    asyncio.run(run())


def test_http_client_of_the_standard_library_is_answered():
    async def told() -> bytes:
        return b"figures"

    def ask(port: int) -> bytes:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        connection.request("GET", "/metrics")
        body = connection.getresponse().read()
        connection.close()
        return body

    async def run() -> bytes:
        server = MetricsServer(Listen("127.0.0.1", 0), told)
        await server.start()
        try:
            return await asyncio.to_thread(ask, server.port)
        finally:
            server.stop()

    assert asyncio.run(run()) == b"figures"
