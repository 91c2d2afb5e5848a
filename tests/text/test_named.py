"""Whether a table may speak of a host: never no where it does."""

from hypothesis import given
from hypothesis import strategies as st

from sfs.match.entry import Entry, Unit, parse_entry
from sfs.match.index import EntryIndex
from sfs.text.named import NamedHosts, parts_of, telling_part
from sfs.text.patterns import HostRows, host_keys, is_host_pattern
from sfs.text.url import parse_url

PARTS = st.sampled_from(["www", "example", "museum", "co", "jp", "com", "x", "192", "0", "2", "search", "a-b", "ne"])
NAMES = st.lists(PARTS, min_size=1, max_size=5).map(".".join)
PATTERNS = NAMES.flatmap(
    lambda name: st.sampled_from([name, f"*.{name}", f"{name}.{{}}", f"*.{name}.{{}}", f"{name.partition('.')[0]}.*"])
).filter(is_host_pattern)


def named(hosts, host):
    return NamedHosts(hosts).may_name(parts_of(host))


def test_the_telling_part_is_the_one_that_few_names_have():
    assert telling_part("www.example.co.jp") == "example"
    assert telling_part("*.museum.{}") == "museum"
    assert telling_part("search.*") == "search"
    assert telling_part("x.com") == telling_part("*.x.com") == "x.com"
    assert telling_part("www.news.com") == "news.com"
    assert telling_part("localhost") == "localhost"
    assert telling_part("2001:db8::1") == "2001:db8::1"
    assert telling_part("*") == ""


def test_most_hosts_are_named_by_nothing():
    tables = ["www.example.com", "*.museum.{}", "x.com"]
    assert not named(tables, "www.elsewhere.com")
    assert named(tables, "a.x.com") and named(tables, "museum.jp")
    assert named([*tables, "*"], "www.elsewhere.com")
    assert not named([], "example.com")


@given(st.lists(PATTERNS, max_size=4), NAMES)
def test_a_host_that_a_row_speaks_of_is_named(patterns, host):
    rows = dict.fromkeys(patterns)
    spoken_of = {key for key in host_keys(host) if key in rows}
    assert not spoken_of or named(patterns, host)
    assert set(HostRows((pattern, pattern) for pattern in rows).of(host)) == spoken_of


@given(st.lists(st.tuples(NAMES, st.sampled_from(["", "=", "/a/", ":8080"])), max_size=4), NAMES)
def test_a_host_that_an_entry_matches_is_named(written, host):
    entries = []
    for name, more in written:
        try:
            entry = parse_entry(f"={name}" if more == "=" else name + more)
        except Exception:
            entry = Entry(Unit.HOST, name)
        assert entry is not None
        entries.append((entry, 1))
    index = EntryIndex(entries)
    for url in (f"http://{host}/a/b", f"http://{host}:8080/"):
        try:
            found = index.match(parse_url(url))
        except Exception:
            continue  # a name that ends in a number is an address, or nothing
        assert not found or named(index.names(), parse_url(url).host)
