"""What a list line means."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sfs.errors import RuleError, SfsError, Where
from sfs.match.entry import Unit, parse_entry
from sfs.match.index import ALL_FORMS, DECODED, SENT, EntryIndex, best, entry_matches
from sfs.match.plain import match_plain
from sfs.text.url import parse_url


@pytest.mark.parametrize(
    ("line", "unit", "text"),
    [
        ("example.jp", Unit.TREE, "example.jp"),
        ("  Example.JP.  # a note", Unit.TREE, "example.jp"),
        ("https://example.jp/", Unit.TREE, "example.jp"),
        ("=example.jp", Unit.HOST, "=example.jp"),
        ("example.jp/kids/", Unit.PREFIX, "example.jp/kids/"),
        ("example.jp?", Unit.TREE, "example.jp"),
        ("example.jp/kids", Unit.PAGE, "example.jp/kids"),
        ("example.jp/s?q=1", Unit.EXACT, "example.jp/s?q=1"),
        ("example.jp?q=1", Unit.EXACT, "example.jp/?q=1"),
        ("example.jp:8080", Unit.TREE, "example.jp:8080"),
        ("example.jp:80", Unit.TREE, "example.jp:80"),
        ("|https://example.jp", Unit.TREE, "|https://example.jp"),
        ("192.0.2.1", Unit.HOST, "192.0.2.1"),
        ("3221225985", Unit.HOST, "192.0.2.1"),
        ("[2001:db8::1]", Unit.HOST, "[2001:db8::1]"),
        ("2001:db8::1", Unit.HOST, "[2001:db8::1]"),
        ("日本語.jp", Unit.TREE, "xn--wgv71a119e.jp"),
        ("=github.io", Unit.HOST, "=github.io"),
    ],
)
def test_a_line_is_one_entry_with_one_text(line, unit, text):
    entry = parse_entry(line)
    assert (entry.unit, entry.text) == (unit, text)
    assert parse_entry(entry.text) == entry


@pytest.mark.parametrize("line", ["", "   ", "# note", "\t# note"])
def test_blank_lines_and_comments_are_no_entry(line):
    assert parse_entry(line) is None


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            "exa mple.jp",
            "school.txt:41:4: 'exa mple.jp' is not an entry: it has a space\n"
            "  mend: delete the space, or start the line with # to keep it as a note",
        ),
        (
            "co.jp",
            "school.txt:41:1: 'co.jp' is a public suffix: the sites below it have nothing in common\n"
            "  mend: name the site, as example.co.jp, or =co.jp for this one host",
        ),
        (
            " *.example.jp",
            "school.txt:41:2: '*.example.jp' has a wildcard\n"
            "  mend: a name alone covers all below it: write example.jp for *.example.jp",
        ),
        (
            "|example.jp",
            "school.txt:41:1: | without a scheme\n  mend: write |https://host or leave | out",
        ),
        (
            "gopher://example.jp",
            "school.txt:41:1: scheme 'gopher' is not filtered\n  mend: use http or https, or no scheme",
        ),
        (
            "=example.jp/a/",
            "school.txt:41:1: '=example.jp/a/' has both = and a path\n"
            "  mend: leave = out: a path stands on its host alone",
        ),
    ],
)
def test_a_bad_line_says_what_where_and_how_to_mend(line, message):
    with pytest.raises(RuleError) as caught:
        parse_entry(line, Where("school.txt", 41))
    assert str(caught.value) == message


@given(st.text(max_size=60) | st.text(alphabet="aA./?=|:[]#%*\\1é", max_size=12))
@example("A?")
@example("/a")
@example("|http://?")
def test_any_line_gives_an_entry_none_or_an_error(line):
    try:
        entry = parse_entry(line, Where("f", 1))
    except SfsError:
        return
    if entry is not None:
        assert parse_entry(entry.text) == entry


@pytest.mark.parametrize(
    ("line", "url", "matches"),
    [
        ("example.jp", "http://example.jp/", True),
        ("example.jp", "https://a.b.example.jp/x?y", True),
        ("example.jp", "http://notexample.jp/", False),
        ("example.jp", "http://example.jp.evil.test/", False),
        ("=example.jp", "http://www.example.jp/", False),
        ("example.jp/kids/", "http://example.jp/kids/a", True),
        ("example.jp/kids/", "http://example.jp/kids", True),
        ("example.jp/kids/", "http://example.jp/kidsx", False),
        ("example.jp/kids/", "http://www.example.jp/kids/", False),
        ("example.jp/a", "http://example.jp/a?any=1", True),
        ("example.jp/a", "http://example.jp/A", False),
        ("example.jp/a?x=1", "http://example.jp/a?x=1", True),
        ("example.jp/a?x=1", "http://example.jp/a?x=1&y=2", False),
        ("example.jp:8080", "http://example.jp/", False),
        ("example.jp:8080", "http://example.jp:8080/", True),
        ("example.jp:80", "http://example.jp/", True),
        ("example.jp:80", "https://example.jp/", False),
        ("|https://example.jp", "http://example.jp/", False),
        ("192.0.2.1", "http://3221225985/", True),
        ("192.0.2.1", "http://[::ffff:192.0.2.1]/", True),
    ],
)
def test_an_entry_matches_what_it_covers(line, url, matches):
    assert bool(entry_matches(parse_entry(line), parse_url(url))) is matches


def test_forms_of_a_url_are_matched_apart():
    entry = parse_entry("example.jp/a/")
    assert entry_matches(entry, parse_url("http://example.jp/a/b")) == ALL_FORMS
    assert entry_matches(entry, parse_url("http://example.jp/%61/b")) == ALL_FORMS  # an unreserved letter
    assert entry_matches(entry, parse_url("http://example.jp/a%2Fb")) == DECODED
    assert entry_matches(entry, parse_url("http://example.jp/a/..%2Fb")) == SENT


def test_an_entry_with_a_path_never_widens_to_its_host():
    url = parse_url("https://example.jp/").by_name()
    assert not entry_matches(parse_entry("example.jp/kids/"), url)
    assert not entry_matches(parse_entry("example.jp/?q=1"), url)
    assert entry_matches(parse_entry("example.jp"), url)
    assert entry_matches(parse_entry("=example.jp"), url)


def test_the_most_specific_unit_wins():
    lines = ["example.jp", "=www.example.jp", "www.example.jp/a/", "www.example.jp/a/b/", "www.example.jp/a/b/c"]
    url = parse_url("http://www.example.jp/a/b/c")
    for count in range(1, len(lines) + 1):
        index = EntryIndex((parse_entry(line), n) for n, line in enumerate(lines[:count], 1))
        assert best(index.match(url)).line == count


HOSTS = st.sampled_from(["a.test", "b.a.test", "c.b.a.test", "aa.test", "192.0.2.1", "[2001:db8::1]"])
PATHS = st.sampled_from(["", "/", "/a", "/a/", "/a/b", "/%61/", "/a%2Fb", "/a//b", "/日/", "/a?q=1", "/a?q=%31"])
LINES = st.builds(
    lambda pre, host, port, path: f"{pre if not (pre == '=' and path.strip('/')) else ''}{host}{port}{path}",
    st.sampled_from(["", "=", "|https://", "http://"]),
    HOSTS,
    st.sampled_from(["", ":80", ":8080"]),
    PATHS,
)
URLS = st.builds(
    lambda scheme, host, port, path: f"{scheme}://{host}{port}{path}",
    st.sampled_from(["http", "https"]),
    HOSTS,
    st.sampled_from(["", ":80", ":8080"]),
    PATHS,
)


@given(st.lists(LINES, max_size=12), URLS, st.booleans())
def test_the_index_agrees_with_its_plain_twin(lines, url, by_name):
    entries = [(parse_entry(line), number) for number, line in enumerate(lines, 1)]
    first = {}
    for entry, number in entries:
        first.setdefault(entry, number)
    parsed = parse_url(url).by_name() if by_name else parse_url(url)
    fast = {(hit.entry, hit.forms) for hit in EntryIndex(entries).match(parsed)}
    plain = {(hit.entry, hit.forms) for hit in match_plain(first.items(), parsed)}
    assert fast == plain


def test_an_index_knows_which_hosts_have_paths():
    index = EntryIndex([(parse_entry("a.test"), 1), (parse_entry("b.test/x/"), 2)])
    assert len(index) == 2
    assert index.has_paths("b.test")
    assert not index.has_paths("a.test")
