"""What nobody should send: each case ends with a clear error or the policy's word, nothing that is blocked comes
through, and the proxy goes on. The cases stand in bad_requests.py and bad_responses.py."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest

from tests.e2e.bad_requests import Bad, bad_requests
from tests.e2e.bad_responses import HTML, Odd, bad_responses
from tests.e2e.proxy import Proxy
from tests.e2e.raw import PLAIN, SECRET, RawServer, talk
from tests.e2e.tunnels import ODD_TUNNELS, TUNNELS, get_of, in_pieces, in_tls, in_tunnel, with_ports

REQUESTS = {case.id: case for case in bad_requests()}
RESPONSES = {case.id: case for case in bad_responses()}
LEVEL_1 = "127.0.0.11"
AT_ONCE = 12  # conversations
FAULTS = re.compile("Traceback|crashed|Addon error|a check failed|raised|Unhandled|exception")
STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})")

CONFIGURATION = {
    "level": 2,
    "https": "inspect",
    "groups": [{"name": "level 1", "clients": [LEVEL_1], "level": 1}],
    "keywords": {3: ["penguin", "ペンギン"]},
    "block": ["listed.test", "site.test/secret/"],
}


def statuses(got: bytes) -> list[int]:
    """The statuses of the answers in these bytes, [0] where there is none."""
    found, rest = [], got
    while match := STATUS.match(rest):
        head, _, rest = rest.partition(b"\r\n\r\n")
        found.append(int(match[1]))
        length = re.search(rb"(?i)\r\ncontent-length: (\d+)", head)
        rest = rest[int(length[1]) :] if length else b""
    return found or [0]


@dataclass
class Spoken:
    """What came back for each case, and what was said in between."""

    requests: dict[str, bytes] = field(default_factory=dict)
    responses: dict[str, bytes] = field(default_factory=dict)
    strict: dict[str, bytes] = field(default_factory=dict)
    tunnels: dict[str, bytes] = field(default_factory=dict)
    after: dict[str, bytes] = field(default_factory=dict)
    passed_on: list[bytes] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    alive: bool = False

    @property
    def everything(self) -> dict[str, bytes]:
        """All answers."""
        parts = {"request": self.requests, "response": self.responses, "level 1": self.strict, "tunnel": self.tunnels}
        return {f"{part} {name}": got for part, table in parts.items() for name, got in table.items()}


@pytest.fixture(scope="module")
def server(certificates) -> Iterator[RawServer]:
    """The other end of all conversations."""
    scripts = {f"odd{number}".encode(): case.steps for number, case in enumerate(RESPONSES.values())}
    with RawServer((str(certificates[1]), str(certificates[2])), scripts) as running:
        yield running


@pytest.fixture(scope="module")
def proxy(start) -> Iterator[Proxy]:
    """One proxy for all that is bad."""
    with start(CONFIGURATION) as running:
        yield running


@pytest.fixture(scope="module")
def spoken(proxy, server) -> Spoken:
    """All conversations, several at once; then a good one."""
    found = Spoken()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        requests = pool.map(lambda case: _request(proxy, server, case), REQUESTS.values())
        responses = pool.map(lambda pair: _response(proxy, server, *pair), enumerate(RESPONSES.values()))
        strict = [(number, case) for number, case in enumerate(RESPONSES.values()) if case.strict]
        stricter = pool.map(lambda pair: _response(proxy, server, *pair, client=LEVEL_1), strict)
        tunnels = pool.map(lambda name: TUNNELS[name](proxy, server), TUNNELS)
        found.requests = dict(zip(REQUESTS, requests, strict=True))
        found.responses = dict(zip(RESPONSES, responses, strict=True))
        found.strict = dict(zip([case.id for _, case in strict], stricter, strict=True))
        found.tunnels = dict(zip(TUNNELS, tunnels, strict=True))
    for host in ("site.test", "listed.test"):
        found.after[host] = _ask(proxy, server, host, "/after")
    found.passed_on, found.lines = list(server.heads), list(proxy.lines)
    found.alive = proxy.process is not None and proxy.process.poll() is None
    return found


def _request(proxy: Proxy, server: RawServer, case: Bad) -> bytes:
    steps = [with_ports(step, server) for step in case.steps]
    if case.slow:
        steps = [bytes([byte]) for step in steps for byte in step]
    return talk(proxy.port, steps, wait=case.wait)


def _response(proxy: Proxy, server: RawServer, number: int, case: Odd, client: str = "127.0.0.1") -> bytes:
    return _ask(proxy, server, "site.test", f"/odd{number}", case.method, client, case.wait)


def _ask(
    proxy: Proxy,
    server: RawServer,
    host: str,
    path: str,
    method: str = "GET",
    client: str = "127.0.0.1",
    wait: float = 8.0,
    until: bytes | None = None,
) -> bytes:
    lines = [f"{method} http://{host}:{server.http}{path} HTTP/1.1", f"Host: {host}:{server.http}"]
    lines += ["Accept: text/html", "Accept-Encoding: gzip, br, zstd, deflate", "Connection: close", "", ""]
    return talk(proxy.port, ["\r\n".join(lines).encode()], client, wait, until)


@pytest.mark.parametrize("name", REQUESTS)
def test_a_bad_request_ends_as_the_table_says(spoken, name):
    case, got = REQUESTS[name], spoken.requests[name]
    found = statuses(got)
    assert found[0] in case.says, got[:300]
    assert not case.all_of or tuple(found) == case.all_of, got[:600]


@pytest.mark.parametrize("name", RESPONSES)
def test_a_bad_response_ends_as_the_table_says(spoken, name):
    case, got = RESPONSES[name], spoken.responses[name]
    assert statuses(got)[0] in case.says, got[:300]
    if case.strict:
        assert statuses(spoken.strict[name])[0] in case.strict, spoken.strict[name][:300]


def test_a_page_that_is_shown_is_whole(spoken):
    whole = ("trailers-shown", "interim-100-shown", "two-answers", "no-type-text", "field-labels")
    assert [name for name in whole if PLAIN not in spoken.responses[name]] == []


@pytest.mark.parametrize("name", TUNNELS)
def test_a_tunnel_does_not_get_round_the_filter(spoken, name):
    got = spoken.tunnels[name]
    assert statuses(got)[0] in (0, 400, 403, 404, 502), got[:300]


def test_a_page_in_a_tunnel_is_shown_where_nothing_is_against_it(proxy, server):
    assert PLAIN in in_tls(get_of("/x", "site.test:{tls}"))(proxy, server)
    assert PLAIN in in_tunnel(get_of("/x", "site.test:{port}"), tls=False)(proxy, server)


def test_nor_does_one_where_https_is_judged_by_name(start, server):
    with start(CONFIGURATION | {"https": "sni"}) as by_name, ThreadPoolExecutor(AT_ONCE) as pool:
        got = dict(zip(ODD_TUNNELS, pool.map(lambda run: run(by_name, server), ODD_TUNNELS.values()), strict=True))
        refused = in_tunnel(get_of("/x", "listed.test"), host="listed.test")(by_name, server)
        for name in ("site.test", "other.test", ""):  # shown: what is not listed, and a hello without a name
            assert PLAIN in in_tls(get_of("/x", "site.test:{tls}"), sni=name)(by_name, server)
        for size in (7, 100):  # by name no path is seen
            assert SECRET in in_pieces("site.test", size)(by_name, server)
        lines = "".join(by_name.lines)
    assert [name for name, answer in got.items() if SECRET in answer] == []
    assert statuses(refused)[0] == 403
    assert not FAULTS.search(lines), lines


def test_nothing_that_is_blocked_came_through(spoken):
    """Nor inside the page of an error: it repeats nothing of what a server said instead of an answer."""
    assert len(spoken.everything) > 400
    assert [name for name, got in spoken.everything.items() if SECRET in got] == []


def test_empty_lines_before_a_request_are_ignored(spoken):
    assert statuses(spoken.requests["line-ends-first"]) == [200]


def test_no_ambiguous_request_was_passed_on(spoken):
    def lines(head: bytes, name: bytes) -> int:
        return len(re.findall(rb"(?im)^" + name + rb"[ \t]*:", head.partition(b"\r\n\r\n")[0]))

    assert spoken.passed_on
    for head in spoken.passed_on:
        assert lines(head, b"host") == 1, head[:300]
        assert lines(head, b"content-length") + lines(head, b"transfer-encoding") <= 1, head[:300]
        assert not re.search(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", head.partition(b"\r\n\r\n")[0]), head[:300]


def test_the_proxy_goes_on_and_says_nothing_of_a_crash(spoken):
    assert spoken.alive
    assert statuses(spoken.after["site.test"]) == [200]
    assert PLAIN in spoken.after["site.test"]
    assert statuses(spoken.after["listed.test"]) == [403]
    text = "".join(spoken.lines)
    assert not FAULTS.search(text), text


def test_a_head_that_stalls_is_judged_after_ten_seconds_and_is_unrated(proxy, server):
    server.scripts[b"stalls"] = [
        b"HTTP/1.1 200 OK\r\n" + HTML + b"Content-Length: 9999\r\n\r\n<title>Slow</title>",
        "wait",
    ]
    server.scripts[b"stalls-word"] = [
        b"HTTP/1.1 200 OK\r\n" + HTML + b"\r\n<title>The penguin</title>" + SECRET,
        "wait",
    ]
    asked = [("127.0.0.1", "/stalls"), (LEVEL_1, "/stalls"), ("127.0.0.1", "/stalls-word")]
    with ThreadPoolExecutor(3) as pool:
        got = list(pool.map(lambda ask: _stalled(proxy, server, *ask), asked))
    assert [statuses(one)[0] for one in got] == [200, 403, 403]
    assert b"<title>Slow" in got[0]
    assert SECRET not in got[2]


def _stalled(proxy: Proxy, server: RawServer, client: str, path: str) -> bytes:
    return _ask(proxy, server, "site.test", path, client=client, wait=20, until=b"<title>")


@pytest.mark.long
def test_a_request_head_that_does_not_end_is_given_up(proxy):
    got = talk(proxy.port, [b"GET http://site.test/ HTTP/1.1\r\nX-A: "], wait=40)
    assert statuses(got) == [408]
