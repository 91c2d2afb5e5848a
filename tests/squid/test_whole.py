"""Answers about whole hosts: never one that a URL of the host does not have, by lines and through a real Squid."""

import re
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfs.cli.common import Chosen
from sfs.core.facts import Kind
from sfs.sources.filter import Filter
from sfs.sources.live import Live
from sfs.squid.answers import AclAnswers
from sfs.squid.asked import Who, judge
from sfs.squid.format import HOST, parse_format
from sfs.squid.fragment import PLAIN
from sfs.squid.whole import WholeHosts
from tests.bench.peers import upstream
from tests.squid.squids import Squid, ask, printed
from tests.squid.test_one_verdict import LAW, authority, urls

NOON = datetime(2026, 4, 1, 12, tzinfo=UTC)
LISTED = [*LAW, "listed.test", "=only.test", "path.test/a/", "|https://tls.test", "port.test:8080", "deep.below.test"]
GROUPS = """\
groups:
- {name: anna, users: [anna], checks: all, level: 1, block: [quiet.test]}
- {name: net, clients: [192.0.2.0/28], checks: all, level: 2}
"""
HOSTS = ["quiet.test", "a.only.test", "below.test", "listed.test", "a.listed.test", "only.test", "path.test"]
HOSTS += ["tls.test", "port.test", "deep.below.test", "x.path.test", "www.google.com", "test", "xn--a.test"]
CHARS = "".join(map(chr, range(33, 127)))
BLOCKED_PAGE = "http://pages.test/b?c={code}"


def filter_of(folder: Path, more: str = "", listed: list[str] = LISTED) -> Filter:
    return Chosen(config_in(folder, more, listed), {}).filter()


def config_in(folder: Path, more: str = "", listed: list[str] = LISTED) -> Path:
    (folder / "list").write_text("\n".join(listed))
    file = folder / "sfs.yaml"
    file.write_text(
        f"profile: isp\nlists: [{{url: {folder}/list, name: law, mandatory: true}}]\nstate: {folder}/state\n{more}"
    )
    return file


@pytest.fixture(scope="module")
def filter_(tmp_path_factory) -> Filter:
    return filter_of(tmp_path_factory.mktemp("filter"), GROUPS)


def whole(live: Live, **more) -> WholeHosts:
    return WholeHosts(live, AclAnswers(), parse_format(HOST), now=lambda: NOON, say=lambda text: None, **more)


def asked(helper: WholeHosts, *lines: str) -> list[str]:
    """Its answers, without their channels."""
    said = helper.answer("".join(f"7 {line}\n" for line in lines)).splitlines()
    assert all(answer.startswith("7 ") for answer in said)
    return [answer[2:] for answer in said]


def test_only_a_host_of_which_nothing_speaks_is_shown_whole(filter_):
    helper = whole(Live(filter_, lambda old: old))
    said = dict(zip(HOSTS, asked(helper, *(f"{host} 192.0.2.99 -" for host in HOSTS)), strict=True))
    assert [host for host, answer in said.items() if answer == "OK"] == [
        *("quiet.test", "below.test", "test", "xn--a.test"),
    ]
    assert set(said.values()) == {"OK", "ERR"}


def test_who_has_more_than_mandatory_lists_is_asked_about_each_url(filter_):
    helper = whole(Live(filter_, lambda old: old))
    lines = [f"quiet.test {who}" for who in ("192.0.2.99 -", "192.0.2.99 Anna", "192.0.2.99 %61nna", "192.0.2.3 -")]
    assert asked(helper, *lines, *lines) == ["OK", "ERR", "ERR", "ERR"] * 2


@pytest.mark.parametrize(
    "line",
    [
        *("", " ", "-", "- - -", "quiet.test", "quiet.test 192.0.2.99 %zz", "192.0.2.7 192.0.2.99 -"),
        *("[2001:db8::1] 192.0.2.99 -", "Quiet.test 192.0.2.99 -", "quiet.test. 192.0.2.99 -", "q\0 192.0.2.99 -"),
        *("http://quiet.test/ 192.0.2.99 -", f"quiet.test {'x' * 2000} -", f"{'a.' * 200}test 192.0.2.99 -"),
    ],
)
def test_a_line_that_is_no_host_and_reader_is_asked_about_as_a_url(filter_, line):
    helper = whole(Live(filter_, lambda old: old))
    known = "quiet.test 192.0.2.99 -"
    assert asked(helper, known, line, known) == ["OK", "ERR", "OK"]


def test_a_fault_is_asked_about_as_a_url(filter_):
    class Broken:
        def policy_for(self, *_: object) -> None:
            raise RuntimeError

    assert asked(whole(Live(replace(filter_, policies=Broken()), lambda old: old)), "quiet.test 192.0.2.99 -") == [
        "ERR"
    ]


def test_a_new_list_is_felt_at_the_next_line_and_readers_are_bounded(tmp_path, filter_, monkeypatch):
    live = Live(filter_, lambda old: filter_of(tmp_path, listed=["quiet.test"]))
    helper = whole(live)
    lines = ("quiet.test 192.0.2.99 -", "listed.test 192.0.2.99 -")
    assert asked(helper, *lines) == ["OK", "ERR"]
    live.reload()
    assert asked(helper, *lines) == ["ERR", "OK"]
    monkeypatch.setattr("sfs.squid.whole.MAX_WHO", 20)
    assert asked(helper, *(f"a.test 192.0.2.99 u{n}" for n in range(100))) == ["OK"] * 100
    assert len(helper._lanes) <= 20


@given(st.sampled_from(HOSTS), st.sampled_from(["http", "https"]), st.text(CHARS, max_size=60), st.booleans())
def test_what_is_shown_whole_is_shown_by_the_rows_too(filter_, host, scheme, path, image):
    url = f"{scheme}://{host}/{path}"
    said = asked(whole(Live(filter_, lambda old: old)), f"{host} 192.0.2.99 -")
    if said == ["OK"] and re.fullmatch(PLAIN.strip("^$"), url):
        who = Who("192.0.2.99", kind=Kind.SUBRESOURCE if image else Kind.DOCUMENT)
        assert not judge(url, who, filter_, NOON)[0].blocked


def test_squid_asks_about_hosts_where_mandatory_lists_alone_count(tmp_path):
    config = config_in(tmp_path)
    for more in ((), ("--mode", "rewrite", "--page", BLOCKED_PAGE)):
        assert "sfs_whole" in printed("config", "--config", config, *more)
        assert "sfs_whole" not in printed("config", "--config", config, "--ttl", 0, *more)
        assert "sfs_whole" not in printed("config", "--level", 2, *more)


@pytest.fixture(scope="module", params=["acl", pytest.param("rewrite", marks=pytest.mark.long)])
def filtered(request, tmp_path_factory) -> Iterator[tuple[Squid, Path]]:
    """A Squid with mandatory lists alone, and its configuration."""
    folder = tmp_path_factory.mktemp(request.param)
    config = config_in(folder)
    more = ("--mode", "rewrite", "--page", BLOCKED_PAGE) if request.param == "rewrite" else ()
    lines = printed("config", "--config", config, "--children", 1, "--ttl", 1, *more)
    with upstream() as port:
        parent = f"cache_peer 127.0.0.1 parent {port} 0 no-query no-digest default\nnever_direct allow all\n"
        squid = Squid(folder, lines, more=parent)
        (folder / "errors" / "ERR_SFS").write_text("closed %o")
        with squid:
            yield squid, config


def through(squid: Squid, url: str) -> str:
    """shown, blocked, or what else came."""
    target = url.encode("utf-8", "surrogateescape")
    answer = ask(squid.port, target, host=authority(url).encode("utf-8", "surrogateescape"))
    if answer.startswith(b"HTTP/1.1 200") and answer.endswith(b"passed"):
        return "shown"
    ours = b"X-Squid-Error: 403:ERR_SFS" in answer or b"\r\nLocation: http://pages.test/b?c=" in answer
    return "blocked" if ours else answer[:60].decode("latin-1")


def test_every_url_of_known_hosts_has_its_own_verdict(filtered):
    agree(*filtered, urls(60, 11))


@pytest.mark.long
def test_many_urls_of_known_hosts_have_their_own_verdict(filtered):
    agree(*filtered, urls(5000, 2026))


def agree(squid: Squid, config: Path, more: list[str]) -> None:
    """Through Squid each page has the verdict of the rows, also when Squid knows its host."""
    pages = [f"http://{host}{path}" for host in HOSTS for path in ("/", "/a/b", "/%61/b", "/b/../a/", "/x%23y", "/?%")]
    pages += ["http://port.test:8080/", "http://port.test:8081/", "http://quiet.test/a#b", "http://u@listed.test/"]
    pages += [url for url in more if not authority(url).endswith(":")]
    filter_, who = Chosen(config, {}).filter(), Who("127.0.0.1")
    expected = ["blocked" if judge(url, who, filter_, NOON)[0].blocked else "shown" for url in pages]
    for _ in range(2):
        with ThreadPoolExecutor(8) as pool:
            got = list(pool.map(lambda url: through(squid, url), pages))
        assert [row for row in zip(pages, expected, got, strict=True) if row[1] != row[2]] == []
    assert set(expected) == {"shown", "blocked"}


def test_a_list_that_changes_is_felt_though_squid_knew_the_host(filtered):
    squid, config = filtered
    assert through(squid, "http://later.test/x") == "shown"
    before = squid.helpers()
    file = config.with_name("list")
    old = file.read_text()
    file.write_text(f"{old}\nlater.test\n")
    until(lambda: through(squid, "http://later.test/x") == "blocked")
    file.write_text(old)
    until(lambda: through(squid, "http://later.test/y") == "shown")
    assert squid.helpers() == before
    assert len(before) == 2


def until(holds: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "did not come to hold"
        time.sleep(0.1)
