"""The evasions on the wire: request lines, Host fields and tunnels in odd spellings, as bytes to a running proxy.

What is listed is answered with 403, or with 400 where no client sends such a request; any other answer means that the
proxy went on to fetch it. A look-alike is fetched."""

import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache

import pytest

from sfs.match.entry import Unit, parse_entry
from tests import spellings
from tests.e2e.origin import Names
from tests.e2e.proxy import WRAPPER, Proxy
from tests.e2e.raw import RawServer, talk
from tests.e2e.test_bad_input import statuses
from tests.e2e.tunnels import in_tls
from tests.evasion_cases import configuration, evasions, listed
from tests.evasions import covered_page, more_neighbours
from tests.spellings import SENT, Transform, pieces_of, respelled

SEED = 2026
CHAINS, LOOK_ALIKES, TUNNELS, IN_TLS, LONG = 1000, 240, 240, 40, 10  # LONG: times as many in the long part
AT_ONCE = 12
MOST_NAMES = 50
# Hosts of listed pages that exist: a tunnel gets there, so that what is asked for inside is judged.
LISTED_HOSTS = frozenset(
    ["paths.test", "pages.test", "query.test", "deep.test", "listed.test", "only.test", "site.test"]
)
CLIENTS = {0: "127.0.0.10", 1: "127.0.0.11", 2: "127.0.0.1"}  # by level
CLOSED = {400, 403}
GRANTED = b"HTTP/1.1 200 Connection established\r\n\r\n"

# What programs really send; the rest of SENT is refused with 400 in some places, which is no answer for a look-alike.
HONEST: tuple[Transform, ...] = (
    *(spellings.capitals, spellings.encoded_path, spellings.dot_segments, spellings.more_slashes),
    *(spellings.parameters, spellings.overlong, spellings.u_escapes, spellings.other_charset, spellings.apart),
    *(spellings.encoded_query, spellings.blanks, spellings.encoded_again),
)
PATHS: tuple[Transform, ...] = (*HONEST[1:], spellings.encoded_slash, spellings.nul_behind)


@dataclass(frozen=True)
class Sent:
    """One conversation: what it asks for, and the bytes."""

    of: str
    level: int
    data: bytes
    tunnel: bytes = b""  # said first, and answered before the rest is said


def head(target: str, host: str | None) -> bytes:
    """A request head. Text beyond ASCII goes as UTF-8, as a careless program sends it."""
    lines = [f"GET {target} HTTP/1.1", *([] if host is None else [f"Host: {host}"])]
    return "\r\n".join([*lines, "Accept: text/html", "Connection: close", "", ""]).encode("utf-8", "surrogateescape")


def connect(authority: str) -> bytes:
    return f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n\r\n".encode("utf-8", "surrogateescape")


def chains(count: int, seed: int, port: int) -> Iterator[Sent]:
    """Respelled pages in absolute form with three kinds of Host field, and in origin form inside a tunnel."""
    rng = random.Random(seed)
    lines = [line for line in listed() if "|" not in line]
    for number in range(count):
        line = lines[number % len(lines)]
        page = covered_page(line, rng)
        plain, asked = "".join(page.host) + page.port, "".join(page.host)
        in_tunnel = number // 3 % 4 == 3 and asked in LISTED_HOSTS
        if in_tunnel:
            page.port = f":{port}"
        respelled(page, rng, SENT)
        page.scheme = "http" if page.scheme.islower() else "HTTP"
        odd = "".join(page.host) + page.port
        level, form = number % 3, number // 9 % 3
        target = "".join((*page.path, *page.query)) or "/"
        if in_tunnel:
            yield Sent(line, level, head(target, odd), connect(f"{asked}:{port}"))
        else:
            yield Sent(line, level, head(page.text, (odd, plain, None)[form]))


def rows() -> Iterator[Sent]:
    """The tables: each row whose URL is plain HTTP, as it stands, between blanks or not."""
    for number, row in enumerate(evasions()):
        if row.url.strip().lower().startswith("http:") and not row.entry.startswith("|"):
            yield Sent(f"{row.place} {row.url}", number % 3, head(row.url, None))


def tunnels(count: int, seed: int) -> Iterator[Sent]:
    """CONNECT to respelled names and addresses that are listed whole: all that is seen where HTTPS stays closed."""
    rng = random.Random(seed)
    hosts = [line for line in listed() if (entry := parse_entry(line)) and entry.unit in (Unit.TREE, Unit.HOST)]
    hosts = [line for line in hosts if ":8080" not in line and "|" not in line]
    for number in range(count):
        line = hosts[number % len(hosts)]
        page = covered_page(line, rng)
        respelled(page, rng, SENT)
        user = page.user if number % 4 == 0 else ""
        yield Sent(line, number % 3, connect(f"{user}{''.join(page.host)}:{rng.choice(('443', '8443', '0443'))}"))


def look_alikes(count: int, seed: int, port: int) -> Iterator[Sent]:
    """Respelled look-alikes at the server's port."""
    rng = random.Random(seed)
    urls = named_look_alikes()
    for number in range(count):
        url = urls[number % len(urls)]
        page = pieces_of(url)
        page.port = f":{port}"
        respelled(page, rng, HONEST)
        authority = "".join(page.host) + page.port
        target = "".join((*page.path, *page.query)) or "/"
        if number % 3 == 2:
            yield Sent(url, number % 2 + 1, head(target, authority), connect(authority))
        else:
            # mitmproxy gives a request without Host one of its own, an international name in its own letters: refused.
            host = authority if number % 3 == 0 or "xn--" in url else None
            yield Sent(url, number % 2 + 1, head(page.text, host))


@lru_cache(maxsize=1)
def named_look_alikes() -> list[str]:
    """Look-alikes by plain HTTP whose hosts are names; nss_wrapper takes a hundred names or so."""
    hosts: set[str] = set()
    found = []
    for url, line in more_neighbours(1000, SEED).items():
        page = pieces_of(url)
        host = "".join(page.host)
        if page.scheme != "http" or host[-1].isdigit() or page.address or not host.isascii() or "ports" in line:
            continue
        if host in hosts or len(hosts) < MOST_NAMES:
            hosts.add(host)
            found.append(url)
    return found


def paths_in_tls(count: int, seed: int) -> Iterator[Sent]:
    """Respelled paths of a listed folder in origin form, for inside an opened tunnel."""
    rng = random.Random(seed)
    for number in range(count):
        page = pieces_of(f"https://site.test/secret/{rng.choice(('', 'x', 'a/b?c=d'))}")
        respelled(page, rng, PATHS)
        yield Sent("site.test/secret/", number % 3, head("".join((*page.path, *page.query)), "site.test:{tls}"))


def hold(proxy: Proxy, sent: list[Sent]) -> list[tuple[Sent, int, bytes]]:
    """All conversations, several at once: each with the last status that came."""

    def one(case: Sent) -> tuple[Sent, int, bytes]:
        steps = [case.tunnel, "listen", case.data] if case.tunnel else [case.data]
        until = b"\r\n\r\n" if case.data.startswith(b"CONNECT") else None  # that connection stays open
        got = talk(proxy.port, steps, CLIENTS[case.level], wait=20, until=until)
        if case.tunnel:
            got = got.removeprefix(GRANTED)
        return case, statuses(got)[0], got

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(one, sent))


def opened(proxy: Proxy, sent: list[Sent]) -> list[tuple]:
    return [
        (case.of, case.level, case.tunnel, case.data, status)
        for case, status, _ in hold(proxy, sent)
        if status not in CLOSED
    ]


@pytest.fixture(scope="module")
def server(certificates) -> Iterator[RawServer]:
    with RawServer((str(certificates[1]), str(certificates[2]))) as running:
        yield running


@pytest.fixture(scope="module")
def open_names(tmp_path_factory) -> Names:
    """Every look-alike's host is on loopback: what is let through reaches the server."""
    if WRAPPER is None:
        pytest.skip("libnss-wrapper is not installed: names of the tests cannot be resolved")
    hosts = {"".join(pieces_of(url).host).lower() for url in named_look_alikes()} | LISTED_HOSTS
    names = Names(tmp_path_factory.mktemp("evasions") / "hosts", {host: ["127.0.0.1"] for host in hosts})
    names.write()
    return names


@pytest.fixture(scope="module")
def proxy(tmp_path_factory, open_names, certificates) -> Iterator[Proxy]:
    trusting = {"upstream_ca": str(certificates[0])}
    with Proxy(_configured("inspect") | trusting, tmp_path_factory.mktemp("state"), open_names.file) as running:
        yield running


@pytest.fixture(scope="module")
def by_name(tmp_path_factory, open_names) -> Iterator[Proxy]:
    with Proxy(_configured("sni"), tmp_path_factory.mktemp("state"), open_names.file) as running:
        yield running


def _configured(https: str) -> dict:
    groups = [{"name": f"level {n}", "clients": [CLIENTS[n]], "level": n, "unrated": "show"} for n in (0, 1)]
    made = configuration(2) | {"https": https, "groups": groups, "reach": ["127.0.0.0/8"]}
    return made | {"block": [*made["block"], "site.test/secret/"]}


def test_no_row_of_the_tables_is_fetched(proxy):
    sent = list(rows())
    assert len(sent) > 350
    assert opened(proxy, sent) == []


def test_no_chain_is_fetched_in_any_form_of_request(proxy, server):
    sent = list(chains(CHAINS, SEED, server.http))
    assert sum(bool(case.tunnel) for case in sent) > CHAINS / 20
    assert opened(proxy, sent) == []


def test_no_respelled_name_gets_a_tunnel(by_name):
    assert opened(by_name, list(tunnels(TUNNELS, SEED))) == []


def test_look_alikes_are_fetched_in_every_form_of_request(proxy, server):
    sent = list(look_alikes(LOOK_ALIKES, SEED, server.http))
    assert len(sent) == LOOK_ALIKES
    closed = [(case.of, case.level, case.data, got[:99]) for case, status, got in hold(proxy, sent) if status != 200]
    assert closed == []


def test_no_respelled_path_is_fetched_inside_tls(proxy, server):
    sent = list(paths_in_tls(IN_TLS, SEED))
    with ThreadPoolExecutor(AT_ONCE) as pool:
        got = list(pool.map(lambda case: in_tls(case.data)(proxy, server), sent))
    assert [(case.data, one[:99]) for case, one in zip(sent, got, strict=True) if statuses(one)[0] not in CLOSED] == []
    assert statuses(in_tls(head("/secrets/", "site.test:{tls}"))(proxy, server)) == [200]


@pytest.mark.long
@pytest.mark.parametrize(
    "make", [lambda seed, port: chains(CHAINS * LONG, seed, port), lambda seed, _: tunnels(TUNNELS * LONG, seed)]
)
def test_nor_are_ten_thousand_chains(proxy, by_name, server, make: Callable[[int, int], Iterator[Sent]], capsys):
    seed = random.randrange(10**6)
    with capsys.disabled():
        print(f"\n  seed {seed}")
    sent = list(make(seed, server.http))
    assert opened(by_name if sent[0].data.startswith(b"CONNECT") else proxy, sent) == []
