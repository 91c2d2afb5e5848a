"""Mixed URLs, a part of them oddly spelled, by raw socket to the live proxy, through a real Squid with `sfs squid`,
and to `sfs explain`: one verdict.

What is let through goes to a stub that answers everything: Squid has it as its parent, the proxy a network in which
each name and address leads there. A URL that is no request to one of the two it answers itself (400, or a connection
closed): that opens nothing. Squid takes white space out of a URL and reads a user before the host as browsers do; what
it makes of a URL is judged, since that is what it fetches."""

import random
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest
import yaml

from sfs.cli.common import Chosen
from sfs.core.facts import Https, Kind
from sfs.sources.explained import Asked, explain_url
from tests.bench.peers import upstream
from tests.e2e.proxy import Proxy
from tests.evasion_cases import configuration
from tests.evasions import covered_page, evasion_cases, neighbour_cases
from tests.spellings import SENT, fragment, respelled, user
from tests.squid.squids import Squid, ask, printed

LEVEL = 2
COUNT, LONG = 240, 20_000  # URLs
AT_ONCE = 12
# A fragment is never sent: explain leaves it out as browsers do, and a proxy refuses who sends one.
SPELLINGS = tuple(one for one in SENT if one not in (fragment, user))


LAW = ("law.example", "folder.example/law/")  # a mandatory list
# Which URLs are no request, and why: to Squid, and to the proxy. What a URL has behind its ? may be any bytes to both.
REFUSES: dict[str, dict[str, Callable[[str], bool]]] = {
    "Squid": {"a port without a number": lambda url: authority(url).endswith(":")},
    "proxy": {
        "a port without a number": lambda url: authority(url).endswith(":"),
        "letters beyond ASCII": lambda url: not url.partition("?")[0].isascii(),
        "an escape in the host": lambda url: "%" in authority(url),
        "two dots in the host": lambda url: ".." in authority(url),
    },
}


def authority(url: str) -> str:
    """Host and port as they are spelled."""
    return url.split("/")[2]


# Put on before anything else is imported: every name has an address, and every address leads to the stub.
NETWORK = """
import asyncio.selector_events as loops, os, socket
stub = int(os.environ["SFS_TEST_STUB"])
lookup, connect = socket.getaddrinfo, loops.BaseSelectorEventLoop.sock_connect

def named(host, port, family=0, type=0, proto=0, flags=0):
    try:
        return lookup(host, port, family, type, proto, socket.AI_NUMERICHOST)
    except OSError:
        return lookup("192.0.2.99", port, socket.AF_INET, type, proto, flags)

def there(loop, sock, address):
    host = "::ffff:127.0.0.1" if sock.family == socket.AF_INET6 else "127.0.0.1"
    return connect(loop, sock, (host, stub))

socket.getaddrinfo, loops.BaseSelectorEventLoop.sock_connect = named, there
"""


@dataclass(frozen=True)
class Three:
    """Who is asked: a Squid and a proxy on their ports, and `sfs explain` with the same configuration."""

    squid: int
    proxy: int
    config: Path


@pytest.fixture(scope="module")
def three(tmp_path_factory) -> Iterator[Three]:
    folder = tmp_path_factory.mktemp("one")
    config = folder / "sfs.yaml"
    (folder / "law.txt").write_text("\n".join(LAW))
    (folder / "sitecustomize.py").write_text(NETWORK)
    made = configuration(LEVEL) | {"default_lists": False}
    made["lists"] = [{"name": "law", "url": str(folder / "law.txt"), "mandatory": True}]
    config.write_text(yaml.safe_dump(made | {"state": str(folder / "state")}, allow_unicode=True), encoding="utf-8")
    lines = printed("config", "--config", config, "--children", 1)
    with upstream() as port:
        more = f"cache_peer 127.0.0.1 parent {port} 0 no-query no-digest default\nnever_direct allow all\n"
        there = {"PYTHONPATH": str(folder), "SFS_TEST_STUB": str(port)}
        proxy = Proxy(made, folder / "live", folder / "names", environment=there)
        with Squid(folder, lines, more=more, log=False) as squid, proxy:
            yield Three(squid.port, proxy.port, config)


def urls(count: int, seed: int) -> list[str]:
    """Three quarters as the tables spell listed pages and look-alikes, oddly, and pages of the mandatory list; the rest
    plain."""
    rng = random.Random(seed)
    odd = [case.url for case in evasion_cases(count // 2, seed, SPELLINGS)]
    odd += [case.url for case in neighbour_cases(count // 4, seed, SPELLINGS)]
    for number in range(count // 40):
        page = covered_page(LAW[number % len(LAW)], rng)
        respelled(page, rng, SPELLINGS)
        odd.append(page.text)
    plain = [
        f"http://h{rng.randint(0, 999)}.example.com/{rng.choice(('', 'a/b', 'x?y=1', 'casino/', '%41/b'))}"
        for _ in range(count - len(odd))
    ]
    found = [url for url in odd + plain if url.lower().startswith("http://") and not set(url) & set(" \t\r\n\0\\")]
    rng.shuffle(found)
    return found


def said(port: int, url: str) -> str:
    """shown, blocked, or refused as no request."""
    target = url.encode("utf-8", "surrogateescape")
    answer = ask(port, target, host=authority(url).encode("utf-8", "surrogateescape"))
    head = answer.partition(b"\r\n\r\n")[0]
    if head.startswith(b"HTTP/1.1 200") and answer.endswith(b"passed"):
        return "shown"
    ours = b"X-Squid-Error" not in head and head.startswith((b"HTTP/1.1 403 ", b"HTTP/1.1 451 "))
    if ours or b"X-Squid-Error: 403:ERR_SFS" in head:
        return "blocked"
    return "refused" if not head or head.startswith(b"HTTP/1.1 400") else head[:60].decode("latin-1")


def of_explain(config: Path, asked: list[str]) -> list[str]:
    filter_ = Chosen(config, {}).filter()
    document = Asked(datetime.now().astimezone(), Https.INSPECT, Kind.DOCUMENT, "127.0.0.1")
    verdicts = (explain_url(url, filter_, document, with_trace=False).verdict for url in asked)
    return ["blocked" if verdict.blocked else "shown" for verdict in verdicts]


def agree(three: Three, asked: list[str]) -> Counter[str]:
    """How often each verdict was given; no URL has two. Who refuses one has a reason for it, and refuses each that
    has one."""
    explained = of_explain(three.config, asked)
    for name, port in (("Squid", three.squid), ("proxy", three.proxy)):
        with ThreadPoolExecutor(AT_ONCE) as pool:
            got = list(pool.map(lambda url, port=port: said(port, url), asked))
        rows = list(zip(asked, explained, got, strict=True))
        assert [(name, *row) for row in rows if row[2] not in ("refused", row[1])] == []
        reasons = [[why for why, is_so in REFUSES[name].items() if is_so(url)] for url in asked]
        assert [
            (name, *row) for row, why in zip(rows, reasons, strict=True) if (row[2] == "refused") != bool(why)
        ] == []
        found = {why for some in reasons for why in some}
        assert found == REFUSES[name].keys(), "a reason that no URL has"
    return Counter(explained)


def test_oddly_spelled_urls_have_one_verdict(three):
    counted = agree(three, urls(COUNT, 7))
    assert counted["blocked"] > COUNT / 3
    assert counted["shown"] > COUNT / 3


@pytest.mark.long
def test_many_urls_have_one_verdict(three):
    counted = agree(three, urls(LONG, 2026))
    assert counted["blocked"] > LONG / 3
    assert counted["shown"] > LONG / 3
