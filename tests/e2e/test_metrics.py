"""The page of figures of `sfs run`, with real processes: what it counts, and that it names nobody."""

import http.client
import os
import signal

import pytest

from tests.e2e.test_workers import ask, children, one_at_each, wait_for, workers
from tests.programs import free_port
from tests.proxy.test_figures import told

MARK = "Figure7Marker"


def scraped(port: int) -> tuple[str, dict[str, float]]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", "/metrics")
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    assert answer.status == 200
    return text.decode(), told(text)


def test_the_page_has_the_figures_of_all_workers_and_names_nobody(start, origin):
    port = free_port()
    config = {"level": 2, "block": ["listed.test"], "metrics": f"127.0.0.1:{port}"}
    config |= {"keywords": {3: [MARK.lower()]}, "groups": [{"name": MARK, "clients": ["127.0.0.9"], "level": 1}]}
    with start(config, "--workers", "2") as proxy:
        proxy.said("figures for Prometheus")
        with one_at_each(proxy) as socks:
            for sock in socks:
                assert b" 403 " in ask(sock, f"http://listed.test:{origin.http}/{MARK}?q={MARK}")[:20]
                assert b" 200 " in ask(sock, f"http://site.test:{origin.http}/")[:20]
            text, found = scraped(port)
        blocked = "sfs_verdicts_total{check=entry,outcome=blocked}"
        assert found[blocked] == 2
        assert found["sfs_requests_total{kind=request}"] >= 4
        assert found["sfs_workers"] == 2
        assert found["sfs_connections"] >= 2
        assert found["sfs_faults_total"] == 0
        kinds = ("hub", "supervisor", "worker")
        assert all(found[f"sfs_memory_bytes{{process={kind}}}"] > 1 << 20 for kind in kinds)
        assert not any(word in text.lower() for word in (MARK.lower(), "listed", "site.test", "127.0.0.1"))
        # Through the proxy nobody reaches it, though loopback is open here.
        assert proxy.curl(f"http://127.0.0.1:{port}/metrics").status == 403
        before = workers(proxy)
        os.kill(before[0], signal.SIGKILL)
        wait_for(lambda: len(set(workers(proxy)) - {before[0]}) == 2, "nobody came in its place")
        proxy.config_file.write_text("level: [\n")
        proxy.process.send_signal(signal.SIGHUP)
        proxy.said("not in force")
        _, found = scraped(port)
        assert (found["sfs_worker_ends_total"], found["sfs_workers"]) == (1, 2)
        assert found[blocked] == 2  # what the one that was killed had told
        assert found["sfs_reloads_total{result=failed}"] == 1
        assert len(children(proxy)) == 3


@pytest.mark.long
def test_one_process_tells_them_too_and_profile_isp_nothing_of_its_traffic(start, origin):
    port = free_port()
    with start({"profile": "isp", "metrics": f"127.0.0.1:{port}"}) as proxy:
        proxy.said("figures for Prometheus")
        assert proxy.curl(f"http://site.test:{origin.http}/").status == 200
        _, found = scraped(port)
    assert found["sfs_workers"] == 1
    assert not [name for name in found if name.startswith(("sfs_requests", "sfs_verdicts", "sfs_conn", "sfs_tunnels"))]
