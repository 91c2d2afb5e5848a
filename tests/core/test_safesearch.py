"""SafeSearch as values: what a request has to say, where a closed connection has to go, what is left to the level."""

import json
from itertools import pairwise
from pathlib import Path
from urllib.parse import parse_qsl, quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfs.core.levels import LEVELS, Strictness
from sfs.core.lock_rows import LockRow
from sfs.core.safesearch import Locks
from sfs.errors import RuleError
from sfs.sources.yaml_nodes import load_plain
from sfs.text.url import Url, name_url, parse_url

ROOT = Path(__file__).parents[2]
CASES = json.loads((ROOT / "tests" / "vectors" / "core" / "safesearch.json").read_text("utf-8"))
LOCKS = Locks(load_plain(ROOT / "rules" / "safesearch.yaml"))
OFF, MODERATE, STRICT = Strictness.OFF, Strictness.MODERATE, Strictness.STRICT


def split(url: str) -> bytes | None:
    """The raw query of a URL."""
    _, mark, query = url.partition("?")
    return query.encode() if mark else None


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['url']} {case['safesearch']} {case['youtube']}")
def test_requests_leave_as_the_cases_say(case):
    safesearch, youtube = Strictness(case["safesearch"]), Strictness(case["youtube"])
    lock = LOCKS.lock(parse_url(case["url"]), safesearch, youtube)
    raw = split(case["url"])
    sent = raw if lock is None else lock.query(raw)
    assert sent == (raw if case["sends"] is None else case["sends"].encode())
    cookies = [] if lock is None else lock.cookie([])
    assert cookies == ([case["cookie"].encode()] if "cookie" in case else [])
    headers = {} if lock is None else {name: value for name, value, _ in lock.headers}
    assert headers == case.get("headers", {})


def test_cookies_that_ask_for_less_are_replaced_and_others_are_kept():
    lock = LOCKS.lock(parse_url("https://search.brave.com/search?q=a"), STRICT, OFF)
    assert lock is not None
    assert lock.cookie([b"a=1; SafeSearch=off; b=2"]) == [b"a=1; b=2; safesearch=strict"]
    assert lock.cookie([b"a=1", b"safesearch=off"]) == [b"a=1; safesearch=strict"]
    assert lock.cookie([b"safesearch=off"]) == [b"safesearch=strict"]
    assert lock.cookie([b"safesearch=strict;a=1"]) == [b"safesearch=strict;a=1"]
    assert lock.cookie([b'safesearch="strict"']) == [b"safesearch=strict"]


def test_nothing_is_asked_of_a_request_of_which_only_the_name_is_known():
    assert LOCKS.lock(name_url("www.google.com"), STRICT, STRICT) is None


@pytest.mark.parametrize(
    ("host", "strict", "moderate"),
    [
        ("www.google.com", "forcesafesearch.google.com", "forcesafesearch.google.com"),
        ("www.google.co.jp", "forcesafesearch.google.com", "forcesafesearch.google.com"),
        ("www.bing.com", "strict.bing.com", "strict.bing.com"),
        ("duckduckgo.com", "safe.duckduckgo.com", "safe.duckduckgo.com"),
        ("search.brave.com", "forcesafe.search.brave.com", "forcesafe.search.brave.com"),
        ("www.ecosia.org", "strict-safe-search.ecosia.org", "strict-safe-search.ecosia.org"),
        ("ya.ru", "familysearch.yandex.ru", "familysearch.yandex.ru"),
        ("yandex.com.tr", "familysearch.yandex.ru", "familysearch.yandex.ru"),
        ("pixabay.com", "safesearch.pixabay.com", "safesearch.pixabay.com"),
        ("search.yahoo.co.jp", None, None),
        ("google.example.com", None, None),
        ("www.google.zip", None, None),
        ("mail.google.com", None, None),
        ("www.example.com", None, None),
    ],
)
def test_closed_connections_go_to_the_host_that_filters(host, strict, moderate):
    assert LOCKS.forced_host(host, STRICT, OFF) == strict
    assert LOCKS.forced_host(host, MODERATE, OFF) == moderate
    assert LOCKS.forced_host(host, OFF, STRICT) is None


@pytest.mark.parametrize(
    "host",
    [
        "www.youtube.com",
        "m.youtube.com",
        "youtubei.googleapis.com",
        "youtube.googleapis.com",
        "www.youtube-nocookie.com",
    ],
)
def test_youtube_follows_its_own_setting(host):
    assert LOCKS.forced_host(host, OFF, STRICT) == "restrict.youtube.com"
    assert LOCKS.forced_host(host, OFF, MODERATE) == "restrictmoderate.youtube.com"
    assert LOCKS.forced_host(host, STRICT, OFF) is None


def test_only_engines_that_no_request_can_lock_are_forced_where_requests_are_seen():
    assert LOCKS.forced_host("www.ecosia.org", STRICT, OFF, closed=False) == "strict-safe-search.ecosia.org"
    assert LOCKS.forced_host("yandex.ru", STRICT, OFF, closed=False) == "familysearch.yandex.ru"
    assert LOCKS.forced_host("www.google.com", STRICT, OFF, closed=False) is None


@pytest.mark.parametrize(
    ("host", "seen", "closed"),
    [
        ("www.google.com", None, None),
        ("google.com", None, None),
        ("music.youtube.com", None, None),
        ("www.ecosia.org", None, None),
        ("www.qwant.com", None, None),
        ("search.yahoo.co.jp", None, 1),
        ("us.search.yahoo.com", None, 1),
        ("www.mojeek.com", None, 3),
        ("www.startpage.com", 1, 1),
        ("html.duckduckgo.com", 3, 3),
        ("searx.example.org", 3, 3),
        ("www.baidu.com", 1, 1),
        ("explicit.bing.net", 4, 4),
        ("www.example.com", None, None),
    ],
)
def test_engines_that_cannot_be_locked_are_rated(host, seen, closed):
    whole, name = parse_url(f"https://{host}/search?q=a"), name_url(host)
    found = [LOCKS.unlocked(url, STRICT, STRICT) for url in (whole, name)]
    assert [rating and rating[0] for rating in found] == [seen, closed]
    assert LOCKS.unlocked(name, OFF, STRICT) is None


# Properties.

REWRITTEN = [(row, host) for row in LOCKS.rows if row.params for host in (row.hosts + row.also)[:2]]
NAMES = sorted({knob.name for row in LOCKS.rows for knob in row.params})
VALUES = [
    "off",
    "active",
    "strict",
    "moderate",
    "0",
    "1",
    "-1",
    "-2",
    "p",
    "i",
    "r",
    "none",
    "true",
    "",
    "a b",
    "!safeoff",
]


def spelled(name: str) -> st.SearchStrategy[str]:
    """A name as somebody might spell it to get past."""
    odd = "".join(f"%{ord(char):02x}" for char in name)
    return st.sampled_from(
        [
            name,
            name.upper(),
            name.title(),
            odd,
            odd.replace("%", "%25"),
            f"%20{name}",
            f"+{name}",
            f"{name}[]",
            f"{name}%00",
        ]
    )


PIECES = st.one_of(
    st.tuples(st.sampled_from(NAMES).flatmap(spelled), st.sampled_from(VALUES)).map(lambda x: f"{x[0]}={quote(x[1])}"),
    st.tuples(st.sampled_from(["q", "p2", "hl"]), st.text(max_size=8)).map(lambda x: f"{x[0]}={quote(x[1])}"),
    st.sampled_from(["", "=", "safe", "&", "q=a;safe=off", "kp", "%", "vm=p;vm=p"]),
)
QUERIES = st.none() | st.lists(PIECES, max_size=6).map("&".join)


def read_by_servers(query: str) -> list[tuple[str, str]]:
    """Names (lower case) and values, as the most generous server would read them."""
    pairs = parse_qsl(query.replace("%25", "%").replace(";", "&"), keep_blank_values=True)
    return [(name.strip().partition("[")[0].partition("\0")[0].strip().lower(), value) for name, value in pairs]


def below(url: Url, row: LockRow) -> bool:
    return not row.paths or any(url.sent.path == path or url.sent.path.startswith(path + "/") for path in row.paths)


@given(st.sampled_from(REWRITTEN), QUERIES, st.sampled_from([MODERATE, STRICT]), st.booleans())
def test_no_request_to_a_locked_engine_leaves_with_a_weaker_value(which, query, strictness, searching):
    row, pattern = which
    path = (row.paths or ("/x",))[0] if searching else "/else"
    url = parse_url(
        f"https://{pattern.removeprefix('*.')}{path}" + ("" if query is None else f"?{quote(query, safe='%&=;+[]')}")
    )
    lock = LOCKS.lock(url, strictness, strictness)
    assert lock is not None
    raw = None if query is None else query.encode()
    sent = lock.query(raw)
    assert lock.query(sent) == sent, "asked twice it changes nothing more"
    pairs = read_by_servers((sent or b"").decode("latin-1"))
    for knob in row.params:
        if knob.paths:
            continue
        values = [value for name, value in pairs if name == knob.name.lower()]
        assert set(values) <= knob.right(strictness)
        assert values or not below(url, row)
    assert not any(word in value.lower() for word in row.off_words for _, value in pairs)


@given(st.lists(st.sampled_from(["q=%E7%8C%AB", "hl=ja", "x", "", "a=b=c", "z=%zz", "=1", "%", "q=a+b"]), max_size=6))
def test_what_is_not_asked_for_stays_byte_for_byte(pieces):
    raw = "&".join(pieces).encode()
    lock = LOCKS.lock(parse_url("https://www.bing.com/search"), STRICT, OFF)
    assert lock is not None
    sent = lock.query(raw)
    assert sent == (raw + b"&adlt=strict" if raw else b"adlt=strict")
    assert lock.query(sent) == sent


@given(st.binary(max_size=200))
def test_any_bytes_can_be_settled(raw):
    for host in ("www.google.com", "duckduckgo.com"):
        lock = LOCKS.lock(parse_url(f"https://{host}/search"), STRICT, OFF)
        assert lock is not None
        sent = lock.query(raw)
        assert lock.query(sent) == sent
        assert lock.cookie(lock.cookie([raw])) == lock.cookie([raw])


@pytest.mark.parametrize("row", LOCKS.rows, ids=lambda row: row.name)
def test_a_lower_level_never_asks_for_less(row):
    order = [OFF, MODERATE, STRICT]
    for lower, upper in pairwise(LEVELS):
        for key in ("safesearch", "youtube"):
            assert order.index(getattr(lower, key)) >= order.index(getattr(upper, key))
    url = name_url(row.hosts[0].removeprefix("*.").replace(".*", ".example"))
    rated = [LOCKS.unlocked(url, level.safesearch, level.youtube) for level in LEVELS]
    blocked = [found is not None and found[0] > level.level for found, level in zip(rated, LEVELS, strict=True)]
    assert blocked == sorted(blocked, reverse=True)


def test_a_host_in_two_rows_is_refused():
    row = {"name": "a", "hosts": ["a.test"], "unlocked": 1}
    with pytest.raises(RuleError, match=r"a\.test stands twice"):
        Locks([row, row | {"name": "b"}])


def test_without_a_table_nothing_is_locked():
    assert Locks().lock(parse_url("https://www.google.com/search?q=a"), STRICT, STRICT) is None
