"""Oddly spelled URLs by raw socket through a real Squid: what Squid says is what `sfs explain` says of the URL.

Squid passes what it lets through to a stub that answers everything. What is no request to Squid it answers itself (400,
or a connection closed): such a URL opens nothing, and the filter is not asked. Squid takes white space out of a URL and
reads a user before the host as browsers do; what it makes of a URL is judged, since that is what it fetches."""

import random
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path

import pytest
import yaml

from sfs.cli.common import Chosen
from sfs.core.facts import Https, Kind
from sfs.sources.explained import Asked, explain_url
from tests.bench.peers import upstream
from tests.evasion_cases import configuration
from tests.evasions import evasion_cases, neighbour_cases
from tests.spellings import SENT, fragment, user
from tests.squid.squids import Squid, ask, printed

LEVEL = 2
COUNT, LONG = 240, 20_000  # URLs
AT_ONCE = 12
# A fragment is never sent: explain leaves it out as browsers do, and a proxy refuses who sends one.
SPELLINGS = tuple(one for one in SENT if one not in (fragment, user))


@pytest.fixture(scope="module")
def squid(tmp_path_factory) -> Iterator[tuple[Squid, Path]]:
    folder = tmp_path_factory.mktemp("one")
    config = folder / "sfs.yaml"
    made = configuration(LEVEL) | {"default_lists": False, "state": str(folder / "state")}
    config.write_text(yaml.safe_dump(made, allow_unicode=True), encoding="utf-8")
    lines = printed("config", "--config", config, "--children", 1)
    with upstream() as port:
        more = f"cache_peer 127.0.0.1 parent {port} 0 no-query no-digest default\nnever_direct allow all\n"
        with Squid(folder, lines, more=more, log=False) as running:
            yield running, config


def urls(count: int, seed: int) -> list[str]:
    """A tenth as the tables spell listed pages and look-alikes, oddly; the rest plain."""
    rng = random.Random(seed)
    odd = [case.url for case in evasion_cases(count // 2, seed, SPELLINGS)]
    odd += [case.url for case in neighbour_cases(count // 4, seed, SPELLINGS)]
    plain = [
        f"http://h{rng.randint(0, 999)}.example.com/{rng.choice(('', 'a/b', 'x?y=1', 'casino/', '%41/b'))}"
        for _ in range(count - len(odd))
    ]
    found = [url for url in odd + plain if url.lower().startswith("http://") and not set(url) & set(" \t\r\n\0\\")]
    rng.shuffle(found)
    return found


def said(port: int, url: str) -> str:
    """shown, blocked, or refused by Squid itself."""
    target = url.encode("utf-8", "surrogateescape")
    answer = ask(port, target, host=url.split("/")[2].encode("utf-8", "surrogateescape"))
    head = answer.partition(b"\r\n\r\n")[0]
    if head.startswith(b"HTTP/1.1 200") and answer.endswith(b"passed"):
        return "shown"
    return "blocked" if b"X-Squid-Error: 403:ERR_SFS" in head else "refused"


def agree(running: tuple[Squid, Path], asked: list[str]) -> Counter[tuple[str, str]]:
    squid, config = running
    filter_ = Chosen(config, {}).filter()
    document = Asked(datetime.now().astimezone(), Https.INSPECT, Kind.DOCUMENT, "127.0.0.1")
    with ThreadPoolExecutor(AT_ONCE) as pool:
        got = list(pool.map(lambda url: said(squid.port, url), asked))
    blocked = [explain_url(url, filter_, document, with_trace=False).verdict.blocked for url in asked]
    pairs = [(answer, "blocked" if closed else "shown") for answer, closed in zip(got, blocked, strict=True)]
    wrong = [(url, *pair) for url, pair in zip(asked, pairs, strict=True) if pair[0] not in ("refused", pair[1])]
    assert wrong == []
    return Counter(pairs)


def test_oddly_spelled_urls_have_one_verdict(squid):
    counted = agree(squid, urls(COUNT, 7))
    assert counted["blocked", "blocked"] > COUNT / 5
    assert counted["shown", "shown"] > COUNT / 5
    assert counted["refused", "shown"] + counted["refused", "blocked"] < COUNT / 4


@pytest.mark.long
def test_many_urls_have_one_verdict(squid):
    counted = agree(squid, urls(LONG, 2026))
    assert counted["blocked", "blocked"] > LONG / 5
    assert counted["shown", "shown"] > LONG / 5
