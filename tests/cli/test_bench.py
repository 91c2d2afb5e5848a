"""`sfs bench` measures real verdicts; what it says is for people to read."""

import json
import socket
import subprocess
import sys
import threading
from dataclasses import fields

import pytest

from sfs.cli.bench_load import run
from sfs.cli.bench_origin import PAGE, SIZE
from sfs.cli.bench_proxy import Cost
from sfs.cli.bench_sample import sample_names, sample_urls
from sfs.cli.bench_server import server
from sfs.errors import SfsError
from sfs.text.url import parse_url

ONE = ("--names", "1000", "--urls", "100")


def ran(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "sfs", "bench", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


def bench(*arguments: str) -> str:
    done = ran(*arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_figures_are_those_of_the_list_and_the_urls():
    said = json.loads(bench("--names", "2000", "--urls", "300", "--seconds", "0", "--json"))
    assert (said["names"], said["urls"]) == (2000, 300)
    assert "pages" not in said
    assert said["words"] > 400
    assert 300 > said["blocked"] >= 10  # one in ten is for a listed site
    assert 0 < said["p50"] <= said["p99"] and said["bytes_per_name"] > 0


def test_people_read_it_in_three_lines():
    lines = bench(*ONE, "--level", "1", "--seconds", "0").splitlines()
    assert len(lines) == 3
    assert "1,000 names" in lines[0] and "level 1" in lines[1] and "one verdict: median" in lines[2]


def test_the_proxy_is_held_against_mitmproxy_without_a_filter():
    # At level 0 what nobody has rated is closed; the pages of the bench are shown all the same.
    said = json.loads(bench(*ONE, "--level", "0", "--seconds", "0.05", "--json"))
    cost = Cost(**{item.name: said[item.name] for item in fields(Cost)})
    assert min(cost.pages, cost.bare_pages, cost.ratio, cost.cpu_ms, cost.bare_cpu_ms) > 0
    assert len(said) > len(fields(Cost))


def test_people_read_what_the_proxy_costs():
    assert Cost(1_000, 500, 2.01, 0.8, 1.6, 0.41, -1.26, 0.1).lines() == [
        "pages of 40 KB through the proxy: 1,000 a second, 2.01 times what mitmproxy does without a filter (500)",
        "processor time of such a page: 0.80 ms, without a filter 1.60 ms",
        "added time to the first byte: pages +0.4 ms (median) and -1.3 ms (99 % under), pictures +0.1 ms (99 % under)",
    ]


def test_a_filter_that_shows_none_of_its_pages_cannot_be_measured():
    done = ran(*ONE, "--profile", "only-allowed", "--level", "2", "--seconds", "0.05")
    assert done.returncode == 2
    assert "no page comes through the proxy: the server answered b'HTTP/1.1 403" in done.stderr
    assert "--seconds 0" in done.stderr


def test_the_load_takes_every_answer_and_its_first_byte():
    with server(["sfs.cli.bench_origin"], None) as (port, _):
        request = f"GET {PAGE}1.html HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
        load = run(port, [request] * 50, 4)
        paced = run(port, [request] * 20, 4, 200)
    assert SIZE > 10_000 and len(load.times) == len(load.first) == 50 and len(paced.first) == 20
    assert 0 < load.first_part(0.5) <= load.part(0.5) and paced.seconds > 0.09


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", "did not say how long"),
        (b"HTTP/1.1 503 No\r\n\r\n", "the server answered b'HTTP/1.1 503"),
        (b"", "closed a connection"),
    ],
)
def test_a_server_that_does_not_answer_as_it_should_is_a_fault(answer, said):
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            peer, _ = listening.accept()
            with peer:
                peer.recv(1000)
                peer.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(SfsError, match=said):
            run(listening.getsockname()[1], [b"GET / HTTP/1.1\r\n\r\n"], 1)
        thread.join()


def test_the_sample_is_always_the_same_and_its_urls_are_urls():
    names = sample_names(500)
    assert names == sample_names(500) and len(set(names)) == 500
    asked = sample_urls(1000, names)
    assert asked == sample_urls(1000, names)
    hosts = [parse_url(one.url).host for one in asked]
    listed = sum(host in set(names) for host in hosts)
    assert 50 < listed < 200
    assert len(set(hosts)) > 700
