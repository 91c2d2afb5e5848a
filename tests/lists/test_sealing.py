"""Sealed lists match as plain ones do: twins, the tables of evasions, and what an index is asked besides."""

import json
import random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sfs.errors import RuleError, UrlError
from sfs.lists.mandatory import MandatoryEntry, Method, Purpose, Report, methods_of
from sfs.lists.mandatory_file import read_mandatory
from sfs.match.entry import Unit, parse_entry
from sfs.match.index import EntryIndex
from sfs.text.url import Url, name_url, parse_url
from tests.evasion_cases import evasions, listed, neighbours
from tests.evasions import evasion_cases, neighbour_cases
from tests.lists.sealed_lists import lines_plain, lines_sealed, sealed_index


def of_lines(*texts: str, methods: frozenset[Method] | None = None) -> list[MandatoryEntry]:
    parsed = ((parse_entry(text), line) for line, text in enumerate(texts, 1))
    found = [(entry, line) for entry, line in parsed if entry is not None]
    return [MandatoryEntry(one, Purpose.POLICY, methods or methods_of(one), line=line) for one, line in found]


def of_rows(*rows: dict) -> tuple[MandatoryEntry, ...]:
    head = {"list": "sample", "purpose": "policy", "serial": 7}
    return read_mandatory([json.dumps(row).encode() for row in (head, *rows)], "l").entries


def url_of(text: str) -> Url | None:
    try:
        return parse_url(text)
    except UrlError:
        return None


LISTED = of_lines(*listed())
INDEX = sealed_index(LISTED)


def test_every_row_of_the_tables_matches_as_in_the_plain_index():
    urls = [row.url for row in evasions()] + [row.url for row in neighbours()]
    urls += [case.url for case in evasion_cases(3000, 11)] + [case.url for case in neighbour_cases(1000, 11)]
    plain = EntryIndex((one.entry, one.line) for one in LISTED)
    hits = 0
    for text in dict.fromkeys(urls):
        if (url := url_of(text)) is None:
            continue
        for seen in (url, url.by_name()):
            found = lines_sealed(INDEX, seen)
            assert found == {hit.line for hit in plain.match(seen)} == lines_plain(LISTED, seen), text
            assert INDEX.of_host(url.host) in (bool(found), None), text
            hits += bool(found)
    assert hits > 3000


LABELS = st.sampled_from(["a", "b", "example", "xn--wgv71a119e", "co", "jp", "%61", "A", "日本"])
HOSTS = st.one_of(
    st.lists(LABELS, min_size=1, max_size=4).map(".".join),
    st.sampled_from(["192.0.2.1", "[2001:db8::1]", "0xC0000201", "a.example.", "192.0.2.1.example"]),
)
PIECES = [
    "a",
    "b",
    "%2F",
    "/",
    "//",
    ".",
    "..",
    ";p=1",
    "%00",
    "%25",
    "%2e",
    "%93%FA",
    "%c0%af",
    "か%E3%82%99",
    "が",
    "%u0061",
]
PATHS = st.lists(st.sampled_from([*PIECES, "/", "/", "a/"]), max_size=6).map(lambda parts: "/" + "".join(parts))
PAIRS = st.sampled_from(
    ["q=a", "q=b", "q", "p=1", "q=a%26b", "q=a+b", "q=a%20b", "%71=a", "x=%93%FA", "x=日", "p=%2531", "", "b"]
)
QUERIES = st.one_of(st.none(), st.lists(PAIRS, max_size=4).map("&".join))
PORTS = st.sampled_from(["", "", "", ":80", ":443", ":8080"])


@st.composite
def urls(draw) -> str:
    query = draw(QUERIES)
    scheme = draw(st.sampled_from(["http", "https", "ftp"]))
    return f"{scheme}://{draw(HOSTS)}{draw(PORTS)}{draw(PATHS)}" + ("" if query is None else f"?{query}")


@st.composite
def rows(draw) -> dict:
    unit = draw(st.sampled_from(["domain-tree", "host", "path-prefix", "url-any-query", "url-exact", "url-query-keys"]))
    row: dict = {"unit": unit, "scheme": draw(st.sampled_from(["any", "any", "http", "https"]))}
    if unit in ("domain-tree", "host"):
        row["host"] = draw(HOSTS)
        row["methods"] = draw(st.sampled_from([["name", "url"], ["name"], ["url"]]))
        row |= draw(st.sampled_from([{}, {}, {"port": 8080}, {"port": 443}]))
    else:
        row["url"] = draw(urls())
        row |= (
            {"keys": draw(st.sampled_from([["q"], ["q", "p"], ["p"], ["q", "p", "x"], [""]]))}
            if unit == "url-query-keys"
            else {}
        )
    return row


def entries_of(drawn: list[dict]) -> list[MandatoryEntry]:
    """Those rows that are entries, each with a line of its own."""
    found = []
    for row in drawn:
        try:
            found.append(of_rows(row)[0])
        except RuleError:
            continue
    return [MandatoryEntry(one.entry, one.purpose, one.methods, one.keys, line=n) for n, one in enumerate(found, 1)]


PREFIX = {"unit": "path-prefix", "url": "http://a/a/b/a/b/"}


@given(drawn=st.lists(rows(), max_size=8), asked=st.lists(urls(), max_size=6))
@example(
    drawn=[{"unit": "path-prefix", "url": "http://a/a%2F"}], asked=["http://a/a%2F../b", "http://a/a%2", "http://a/a"]
)
@example(
    drawn=[{"unit": "path-prefix", "url": "http://a/a%00b/"}], asked=["http://a/ab", "http://a/", "http://a/a%00b"]
)
@example(drawn=[{"unit": "path-prefix", "url": "http://a/a%2F"}], asked=["http://a/a/b/..%2F..%2Fc"])
@example(drawn=[PREFIX, {"unit": "path-prefix", "url": "http://a/b/"}], asked=["http://a/a/b/a/b/c"])
@example(drawn=[{"unit": "url-exact", "url": "http://a/a%3Fb"}], asked=["http://a/a?b"])
def test_any_list_matches_any_url_as_its_plain_twin(drawn, asked):
    entries = entries_of(drawn)
    index = sealed_index(entries)
    plain = EntryIndex((one.entry, one.line) for one in entries)
    # What the entries say is asked too, with and without a part: chance alone would rarely meet them.
    for text in (*asked, *(row.get("url") or f"http://{row['host']}/a" for row in drawn)):
        for spelled in (text, text.replace("?", "&", 1), f"{text}&p=1", text.rpartition("/")[0] + "/", f"{text}/x"):
            if (url := url_of(spelled)) is None:
                continue
            for seen in (url, url.by_name()):
                assert lines_sealed(index, seen) == lines_plain(entries, seen)
            assert index.has_paths(url.host) == plain.has_paths(url.host) or any(one.keys for one in entries)


def test_query_keys_ask_for_their_pairs_and_for_nothing_else():
    entries = of_rows(
        {"unit": "url-query-keys", "url": "http://h.example/s?q=blue+widget&id=7&x=1", "keys": ["q", "id"]}
    )
    index = sealed_index(entries)
    for query in (
        "id=7&q=blue+widget",
        "a=b&q=blue%20widget&c&id=%37",
        "q=blue+widget&q=other&id=7",
        "%71=blue+widget&id=7",
    ):
        assert lines_sealed(index, parse_url(f"http://h.example/s?{query}")) == {2}, query
    for query in (
        "q=blue+widget",
        "id=7",
        "q=blue+widget&id=8",
        "q=blue%26id=7",
        "q=blue+widget%26id=7",
        "id=7&q=Blue+widget",
    ):
        assert not index.match(parse_url(f"http://h.example/s?{query}")), query
    assert not index.match(parse_url("http://h.example/t?q=blue+widget&id=7"))
    assert not index.match(parse_url("http://h.example/s"))


def test_a_method_that_an_entry_does_not_have_does_not_enforce_it():
    by_name = sealed_index(of_lines("listed.example", methods=frozenset({Method.NAME})))
    by_url = sealed_index(of_lines("listed.example", methods=frozenset({Method.URL})))
    url = parse_url("https://listed.example/")
    assert not by_name.match(url) and by_name.match(name_url("listed.example"))
    assert by_url.match(url) and not by_url.match(name_url("listed.example"))
    assert by_name.of_host("listed.example") is by_url.of_host("a.listed.example") is None
    report = Report()
    assert len(sealed_index(of_lines("listed.example", methods=frozenset({Method.DNS})), report)) == 0
    assert report.counts == {"left out: its methods leave this out": 1}


def test_what_an_index_is_asked_besides():
    index = sealed_index(
        of_lines("tree.example", "=host.example", "pages.example/a", "tree.example/b", "x.example:8080")
    )
    assert [index.of_host(host) for host in ("a.tree.example", "host.example", "www.host.example")] == [
        True,
        True,
        False,
    ]
    assert [index.of_host(host) for host in ("pages.example", "x.example", "a.pages.example", "example")] == [
        None, None, False, False,
    ]  # fmt: skip
    assert [index.has_paths(host) for host in ("pages.example", "tree.example", "host.example")] == [True, True, False]
    assert len(index) == 5 and not list(index.names()) and not list(index.lines())
    (hit,) = index.match(parse_url("http://a.tree.example/"))
    assert (hit.entry.unit, hit.entry.host, hit.line) == (Unit.TREE, "tree.example", 1)
    assert len(sealed_index([])) == 0 and not sealed_index([]).match(parse_url("http://a.example/"))


def test_what_stands_in_the_table_are_digests_and_numbers():
    names = [f"marked{number}.example" for number in range(50)]
    index = sealed_index(of_lines(*names, *(f"{name}/marked/{name}?marked" for name in names)))
    table = index._table
    data = table.digests + table.rows + table.directory.tobytes()
    assert b"marked" not in data and b"example" not in data
    assert "marked" not in repr(index) + repr(table)


@pytest.mark.parametrize("size", [0, 1, 2, 3, 1000])
def test_tables_of_all_sizes_find_what_they_hold(size):
    seeded = random.Random(size)
    names = [f"h{seeded.randrange(10**9)}.example" for _ in range(size)]
    index = sealed_index(of_lines(*names))
    assert all(index.match(parse_url(f"http://{name}/")) for name in names)
    assert not any(index.match(parse_url(f"http://n{name}/")) for name in names)
