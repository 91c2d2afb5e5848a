"""A list as a whole: what stands twice, is hidden, never matches; each finding against the index itself."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfs.errors import RuleError
from sfs.lists.files import How, read_into
from sfs.lists.survey import KINDS, Finding, Survey, counts, endings, findings
from sfs.match.entry import Entry, parse_entry
from sfs.match.index import EntryIndex
from sfs.text.url import parse_url


def surveyed(folder: Path, text: str, format: str = "entries") -> Survey:
    path = folder / "list"
    path.write_text(text)
    survey = Survey()
    read_into(path, format, survey, How())
    return survey


def found(survey: Survey, kind: str) -> list[tuple[int, str, int]]:
    return [(one.line, one.entry, one.by_line) for one in findings(survey) if one.kind == kind]


def test_what_stands_twice_is_told_with_its_first_line(tmp_path):
    survey = surveyed(tmp_path, "example.com\n=a.example\nEXAMPLE.com\nexample.org/a\n=a.example\nexample.org/a\n")
    assert found(survey, "duplicate") == [(3, "example.com", 1), (5, "=a.example", 2), (6, "example.org/a", 4)]
    assert len(survey) == 3


def test_what_others_hide_is_told_with_the_widest_reason_nearest(tmp_path):
    text = (
        "example.com\na.example.com\n=b.example.com\nexample.com/a/\nc.example.com:8080\n"
        "=d.example\nd.example/x\nx.d.example\n"
        "e.example/a/\ne.example/a/b/\ne.example/a/b.html\ne.example/a/b?q=1\ne.example/b\ne.example/a\n"
    )
    assert found(surveyed(tmp_path, text), "hidden") == [
        (2, "a.example.com", 1),
        (3, "=b.example.com", 1),
        (4, "example.com/a/", 1),
        (5, "c.example.com:8080", 1),
        (7, "d.example/x", 6),
        (10, "e.example/a/b/", 9),
        (11, "e.example/a/b.html", 9),
        (12, "e.example/a/b?q=1", 9),
        (14, "e.example/a", 9),
    ]


def test_an_exception_between_two_names_leaves_the_lower_one_its_meaning(tmp_path):
    text = "||example.com^\n@@||a.example.com^\n||x.a.example.com^\n||b.example.com^\n"
    assert found(surveyed(tmp_path, text, "adblock"), "hidden") == [(4, "b.example.com", 1)]


def test_what_never_matches_is_told_with_why(tmp_path):
    survey = surveyed(
        tmp_path, "=intranet\nexample.com:0\nname.onion\nx.invalid\n192.0.2.1\n[2001:db8::1]\nexample.com\n"
    )
    notes = {(one.entry, one.note) for one in findings(survey) if one.kind == "never"}
    assert notes == {
        ("=intranet", "a name without a dot: only your own network has such"),
        ("example.com:0", "nothing answers on port 0"),
        ("name.onion", "names in .onion are not reached through a proxy"),
        ("x.invalid", "names in .invalid are not reached through a proxy"),
    }


def test_suffixes_paths_and_exceptions_to_nothing_are_told(tmp_path):
    survey = surveyed(tmp_path, "co.jp\nexample.com\ngithub.io\n", "plain")
    assert found(survey, "suffix") == [(1, "=co.jp", 0), (3, "=github.io", 0)]
    assert found(surveyed(tmp_path, "example.com/a\n=example.com\n"), "certificate") == [(1, "example.com/a", 0)]
    text = "||example.com^\n@@||a.example.com^\n@@||a.example.net^\n"
    assert found(surveyed(tmp_path, text, "adblock"), "needless") == [(3, "!a.example.net", 0)]


def test_counts_and_endings(tmp_path):
    text = "example.com\n=a.example.com\nexample.com/a/\nexample.com/a\nexample.com/a?q\n192.0.2.1\nexample.jp:8080\n"
    survey = surveyed(tmp_path, text + "|https://xn--wgv71a.example\n!b.example.com\n")
    assert counts(survey) == {
        "trees": 3,
        "hosts": 2,
        "prefixes": 1,
        "pages": 1,
        "exact": 1,
        "with a port": 1,
        "with a scheme": 1,
        "addresses": 1,
        "international names": 1,
        "exceptions": 1,
    }
    assert endings(survey) == [("com", 5), ("jp", 1), ("example", 1)]


NAMES = ["example.com", "a.example.com", "b.a.example.com", "example.org"]
ENDS = ["", "", "/a/", "/a/b/", "/a/b", "/a/b?q=1", ":8080", "/a%2fb/", "/A/"]
written = st.tuples(st.sampled_from(["", "="]), st.sampled_from(NAMES), st.sampled_from(ENDS))


def entry_of(parts: tuple[str, str, str]) -> Entry | None:
    try:
        return parse_entry("".join(parts))
    except RuleError:
        return None


@given(st.lists(written, max_size=8), st.lists(st.sampled_from(NAMES), max_size=2))
def test_a_hidden_entry_can_be_deleted_and_nothing_opens(rows, spared):
    survey = Survey()
    entries = [entry for entry in map(entry_of, rows) if entry is not None]
    exceptions = [entry for entry in map(parse_entry, spared) if entry is not None]
    for number, entry in enumerate(entries, 1):
        survey.entry(entry, number)
    for entry in exceptions:
        survey.spare(entry, 99)
    hidden = {one.entry for one in findings(survey) if one.kind == "hidden"}
    full = EntryIndex([(entry, 1) for entry in entries], exceptions)
    rest = EntryIndex([(entry, 1) for entry in entries if entry.text not in hidden], exceptions)
    for host in (*NAMES, "x.example.com"):
        for path in ("/", "/a/", "/a", "/a/b/", "/a/b", "/a/b?q=1", "/a/b/c", "/a%2fb/", "/a%2fb/x", "/A/"):
            for port in ("", ":8080"):
                url = parse_url(f"http://{host}{port}{path}")
                assert bool(full.match(url)) == bool(rest.match(url)), (url, hidden)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_found_somewhere(tmp_path, kind):
    text = (
        "||example.com^\n||example.com^\n||a.example.com^\n||x.onion^\n||co.jp^\n@@||n.example.org^\n||example.net/a/\n"
    )
    assert any(isinstance(one, Finding) and one.kind == kind for one in findings(surveyed(tmp_path, text, "adblock")))
