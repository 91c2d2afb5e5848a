"""What is told of a host in a few looks, against the rows that decide."""

import random
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sfs.cli.common import Chosen
from sfs.core.facts import Kind
from sfs.core.verdict import Verdict
from sfs.lists.compile import compile_list
from sfs.lists.compiled import open_compiled
from sfs.lists.files import read_list
from sfs.match.index import EntryIndex
from sfs.sources.filter import Filter
from sfs.sources.live import Live
from sfs.squid.answers import AclAnswers
from sfs.squid.asked import Who, judge
from sfs.squid.format import ACL, parse_format
from sfs.squid.helper import Helper
from sfs.squid.hosts import Hosts
from sfs.text.named import NamedHosts, parts_of
from sfs.text.url import MAX_URL, parse_url
from tests.evasions import evasion_cases, neighbour_cases

NOON = datetime(2026, 4, 1, 12, tzinfo=UTC)
ENTRIES = [
    "listed.test",
    "=only.test",
    "path.test/a/",
    "|https://tls.test",
    "port.test:8080",
    "deep.below.test",
    "b.listed2.test",
]
HOSTS = [
    "listed.test",
    "a.listed.test",
    "only.test",
    "a.only.test",
    "path.test",
    "a.path.test",
    "tls.test",
    "port.test",
]
HOSTS += [
    "below.test",
    "deep.below.test",
    "x.deep.below.test",
    "example.test",
    "listed2.test",
    "test",
    "www.google.com",
    "notlisted.test",
]
SETTINGS = {
    "mandatory": "profile: isp\nlists: [{url: LIST, name: law, mandatory: true}]\n",
    "level 2": "level: 2\nlists: [{url: LIST, name: mine, category: gambling}]\nblock: [own.test]\n",
    "level 4": "level: 4\nlists: [{url: LIST, name: mine, category: malware}]\n",
    "unrated": "level: 1\nunrated: block\n",
}


def filter_of(folder: Path, text: str) -> Filter:
    (folder / "list").write_text("".join(f"{line}\n" for line in ENTRIES))
    file = folder / "sfs.yaml"
    file.write_text(f"{text.replace('LIST', str(folder / 'list'))}default_lists: false\nstate: {folder}/state\n")
    return Chosen(file, {}).filter()


def indexes(folder: Path) -> list[EntryIndex]:
    file = folder / "entries"
    file.write_text("".join(f"{line}\n" for line in ENTRIES))
    compile_list(file, "entries", folder / "compiled")
    return [read_list(file, "entries").index, open_compiled(folder / "compiled").index]


def test_what_an_index_says_of_a_host_holds_for_its_urls(tmp_path):
    for index in indexes(tmp_path):
        for host in HOSTS:
            urls = [f"{scheme}://{host}{path}" for scheme in ("http", "https") for path in ("/", "/a/b", ":8080/x")]
            found = {bool(index.match(parse_url(url))) for url in urls}
            said = index.of_host(host)
            assert said is None or found == {said}, host
        assert index.of_host("a.listed.test") is True
        assert index.of_host("example.test") is False


@pytest.mark.parametrize("name", SETTINGS)
def test_the_helper_says_of_every_url_what_the_rows_say(tmp_path, name):
    filter_ = filter_of(tmp_path, SETTINGS[name])
    rng = random.Random(name)
    paths = [
        "/",
        "/a/b",
        "/a/../a/b",
        "/x?q=blue+widget",
        "/dns-query?dns=AAAA",
        "/casino/",
        "/porn/x",
        "/?u=http://listed.test/",
        "/%61/",
    ]
    urls = [f"{rng.choice(('http', 'https'))}://{host}{path}" for host in HOSTS for path in paths]
    urls += [case.url for case in evasion_cases(150, 7)] + [case.url for case in neighbour_cases(80, 7)]
    # As they come from Squid: what has a blank, a fragment or a raw byte does not come so.
    urls = [url for url in urls if url.isascii() and not set(url) & set(" #\t\r\n\0") and url.startswith("http")] * 2
    rng.shuffle(urls)
    for kind, shown in ((Kind.DOCUMENT, "document"), (Kind.SUBRESOURCE, "image")):
        helper = Helper(Live(filter_, lambda old: old), AclAnswers(), parse_format(ACL), now=lambda: NOON)
        lines = [f"1 {url.replace('%', '%25')} 192.0.2.9 - GET - {shown} - -" for url in urls]
        said = [line.split()[1] == "ERR" for line in helper.answer("".join(f"{line}\n" for line in lines)).splitlines()]
        who = Who("192.0.2.9", kind=kind)
        assert said == [judge(url, who, filter_, NOON)[0].blocked for url in urls]


@pytest.mark.parametrize("name", [*SETTINGS, "level 3"])
def test_a_url_without_a_path_or_without_an_end_is_judged_as_it_stands(tmp_path, name):
    """A name that is cut is another one, and what is too long to be read is shown to nobody."""
    filter_ = filter_of(tmp_path, SETTINGS.get(name, "level: 3\n"))
    hosts = ("listed.test", "listed.testx", "own.test", "example.test")
    urls = [f"{scheme}://{host}{end}" for scheme in ("http", "https") for host in hosts for end in ("", "?q")]
    if name != "mandatory":  # which shows whatever stands on no list, and reads no path
        urls.append(f"http://example.test/{'a' * MAX_URL}")
    helper = Helper(Live(filter_, lambda old: old), AclAnswers(), parse_format(ACL), now=lambda: NOON)
    lines = [f"1 {url} 192.0.2.9 - GET - document - -" for url in urls] * 2
    said = [line.split()[1] == "ERR" for line in helper.answer("".join(f"{line}\n" for line in lines)).splitlines()]
    assert said == [judge(url, Who("192.0.2.9"), filter_, NOON)[0].blocked for url in urls] * 2


def plainly_of_host(filter_: Filter, host: str, *, any_path: bool) -> Verdict | bool:
    """What `Hosts.of_host` says, with nothing kept and each list asked for the whole host."""
    rules = filter_.ruleset
    names = rules.names | filter_.policies.default.names | (NamedHosts() if any_path else filter_.labels.names)
    if names.may_name(parts_of(host)) or (not any_path and "xn--" in host):
        return False
    lists = [*((lst, True) for lst in rules.mandatory), *((lst, False) for lst in rules.lists if not any_path)]
    for lst, mandatory in lists:
        found = lst.index.of_host(host)
        if found is not False:
            return f"{lst.id} {lst.serial}" if found and mandatory and any_path else False
    return True


@pytest.mark.parametrize("name", ["mandatory", "level 2", "compiled"])
def test_what_is_kept_of_parents_changes_nothing(tmp_path, name, monkeypatch):
    monkeypatch.setattr("sfs.squid.hosts.MAX_PARENTS", 8)
    compiled = name == "compiled"
    filter_ = filter_of(tmp_path, SETTINGS["level 2" if compiled else name])
    if compiled:  # one list in memory, one that is not
        (tmp_path / "more").write_text("example.test/page\n=a.notlisted.test\n")
        compile_list(tmp_path / "more", "entries", tmp_path / "files")
        rules = filter_.ruleset
        lists = (*rules.lists, replace(rules.lists[0], index=open_compiled(tmp_path / "files").index))
        filter_ = replace(filter_, ruleset=replace(rules, lists=lists))
    hosts, rng = Hosts(filter_, filter_.policies.default), random.Random(name)
    names = HOSTS + [f"{part}.{host}" for host in HOSTS for part in ("a", "google", "b", "deep", "own", "xn--a")]
    for host in rng.choices(names, k=600):
        found = hosts.of_host(host)
        found = found.source if isinstance(found, Verdict) else found
        assert found == plainly_of_host(filter_, host, any_path=hosts.any_path), host
    assert len(hosts._parents) <= 8


def test_most_hosts_are_told_in_a_few_looks(tmp_path):
    filter_ = filter_of(tmp_path, SETTINGS["mandatory"])
    hosts = Hosts(filter_, filter_.policies.default)
    assert hosts.usable
    assert hosts.any_path
    assert hosts.of_host("example.test") is True
    assert isinstance(hosts.of_host("a.listed.test"), Verdict)
    assert hosts.of_host("path.test") is False
    quick = Hosts(second := filter_of(tmp_path, SETTINGS["level 2"]), second.policies.default)
    assert quick.usable
    assert quick.of_host("example.test") is True
    assert quick.of_host("own.test") is False
    assert quick.of_host("listed.test") is False
    assert quick.silent(parse_url("http://example.test/a/b"))
    assert not quick.silent(parse_url("http://example.test/?u=http://listed.test/"))
