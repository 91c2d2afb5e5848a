"""The entry of a mandatory list: units that never widen, purposes that never mix, approvals, dates; and its files."""

import json
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfs.errors import RuleError, SfsError
from sfs.lists.mandatory import UNITS, Method, Purpose, Status, in_force, one_purpose
from sfs.lists.mandatory_file import read_mandatory, write_mandatory
from sfs.match.entry import Unit
from sfs.match.index import entry_matches
from sfs.sources.large import load_large
from sfs.text.url import parse_url

TODAY = date(2026, 11, 28)


def lines(*rows: dict, purpose: str = "policy") -> list[bytes]:
    head = {"list": "sample", "purpose": purpose, "serial": 7}
    return [json.dumps(row).encode() + b"\n" for row in (head, *rows)]


def read(*rows: dict, purpose: str = "policy"):
    return read_mandatory(lines(*rows, purpose=purpose), "sample.jsonl")


def kept(*rows: dict) -> tuple[list[str], dict[str, int]]:
    found, report = in_force(read(*rows), TODAY, load_large().__contains__)
    return [one.entry.host for one in found], report.counts


def test_plain_entries_have_defaults():
    found = read_mandatory(
        [b"# a note\n", b"tree.example\n", b"=host.example\n", b"h.example/a\n", b"192.0.2.1\n"], "l"
    )
    assert (found.purpose, found.serial) == (Purpose.POLICY, 0)
    assert [one.unit for one in found.entries] == ["domain-tree", "host", "url-any-query", "host"]
    assert [sorted(one.methods) for one in found.entries] == [
        ["dns", "name", "url"], ["dns", "name", "url"], ["url"], ["address", "name", "url"],
    ]  # fmt: skip
    assert [one.line for one in found.entries] == [2, 3, 4, 5]


def test_the_unit_stands_in_its_own_word_and_never_widens():
    root = read({"unit": "url-exact", "url": "http://shared.example/"}).entries[0]
    assert root.of_pages
    assert entry_matches(root.entry, parse_url("http://shared.example/"))
    for other in ("http://shared.example/a", "http://shared.example/?q", "http://www.shared.example/"):
        assert not entry_matches(root.entry, parse_url(other))
    for unit in ("url-exact", "url-any-query", "path-prefix"):
        for method in ("dns", "name", "address"):
            with pytest.raises(RuleError, match="would close the whole site"):
                read({"unit": unit, "url": "http://shared.example/", "methods": ["url", method]})


@pytest.mark.parametrize(
    "row",
    [
        {"unit": "host"},
        {"unit": "site", "host": "h.example"},
        {"host": "h.example"},
        {"unit": "host", "host": "h.example/a"},
        {"unit": "host", "host": "h.example:80"},
        {"unit": "host", "host": "a b.example"},
        {"unit": "host", "host": "*.example"},
        {"unit": "domain-tree", "host": "192.0.2.1"},
        {"unit": "path-prefix", "url": "http://h.example/a"},
        {"unit": "url-query-keys", "url": "http://h.example/a?b=1"},
        {"unit": "url-exact", "url": "http://h.example/a?b=1", "keys": ["b"]},
        {"unit": "host", "host": "h.example", "methods": []},
        {"unit": "host", "host": "h.example", "methods": ["dns", "address"]},
        {"unit": "host", "host": "h.example", "expires": "soon"},
        {"unit": "host", "host": "h.example", "first": "2026-01-02", "expires": "2026-01-01"},
        {"unit": "host", "host": "h.example", "purpose": "security"},
        {"unit": "host", "host": "h.example", "colour": "blue"},
    ],
)
def test_what_says_too_little_or_too_much_is_refused_without_its_text(row):
    with pytest.raises(RuleError) as fault:
        read(row)
    assert "h.example" not in str(fault.value) and "sample.jsonl:2" in str(fault.value)


def test_a_purpose_never_changes_and_never_mixes():
    child, policy = read({"unit": "host", "host": "h.example"}, purpose="child-protection"), read()
    assert child.purpose.confidential and not policy.purpose.confidential
    with pytest.raises(SfsError, match="child-protection and policy"):
        one_purpose([child, policy])
    with pytest.raises(SfsError, match="cannot become policy"):
        read_mandatory(lines(purpose="child-protection"), "l", Purpose.POLICY)
    assert one_purpose([child, child]) is Purpose.CHILD_PROTECTION


def test_no_repr_holds_an_entry():
    found = read(
        {"unit": "url-exact", "url": "http://secret.example/x?y", "basis": "b-basis"}, purpose="child-protection"
    )
    assert "secret" not in repr(found) and "secret" not in repr(found.entries) and "b-basis" not in repr(found.entries)


def test_expired_and_withdrawn_entries_drop_out_with_a_notice():
    day = timedelta(days=1)
    assert kept(
        {"unit": "host", "host": "a.example", "expires": str(TODAY)},
        {"unit": "host", "host": "b.example", "expires": str(TODAY - day)},
        {"unit": "host", "host": "c.example", "status": "withdrawn"},
        {"unit": "host", "host": "d.example", "review": str(TODAY - day)},
    ) == (
        ["a.example", "d.example"],
        {"expired, not in force": 1, "withdrawn, not in force": 1, "to be reviewed, still in force": 1},
    )


@pytest.mark.parametrize(
    "row",
    [
        {"unit": "domain-tree", "host": "co.jp"},
        {"unit": "host", "host": "github.io"},
        {"unit": "host", "host": "www.wikipedia.org"},
        {"unit": "url-exact", "url": "http://en.wikipedia.org/wiki/x"},
        {"unit": "domain-tree", "host": "amazonaws.com"},
    ],
)
def test_suffixes_and_very_large_sites_need_a_second_name(row):
    for approved in ([], ["one"], ["one", "one"], ["A. One", "ａ.one "], ["one", " "]):
        hosts, counts = kept({**row, "approved": approved})
        assert hosts == [] and sum(counts.values()) == 1
    assert kept({**row, "approved": ["one", "two"]})[1] == {}


def test_what_a_large_network_carries_for_others_is_no_large_site():
    assert kept({"unit": "host", "host": "bucket.s3.amazonaws.com"})[1] == {}


def test_what_is_written_is_read_again():
    found = read(
        {"unit": "domain-tree", "host": "tree.example", "scheme": "https", "port": 8443},
        {"unit": "url-query-keys", "url": "http://h.example/a?b=1&c=2", "keys": ["c"], "status": "suspended"},
        {"unit": "url-exact", "url": "http://h.example/", "basis": "1 2", "approved": ["a"], "first": "2026-01-02"},
        {"unit": "path-prefix", "url": "http://h.example/%E6%97%A5/x/", "methods": ["url"]},
        {"unit": "host", "host": "2001:db8::1", "methods": ["address"]},
    )  # fmt: skip
    again = read_mandatory([line.encode() for line in write_mandatory(found)], "other")
    assert again == found
    assert again.entries[1].status is Status.SUSPENDED and again.entries[4].methods == {Method.ADDRESS}


NAMES = st.from_regex(r"[a-z]{1,8}(\.[a-z]{1,8}){0,2}\.example", fullmatch=True)
PATHS = st.from_regex(r"/[a-zA-Z0-9._~%-]{0,10}(/[a-z]{0,5}){0,2}", fullmatch=True)


@given(NAMES, PATHS, st.sampled_from(["url-exact", "url-any-query"]), st.sampled_from(["", "?a=b", "?"]))
def test_a_unit_of_pages_is_the_same_after_writing(host, path, unit, query):
    try:
        found = read({"unit": unit, "url": f"http://{host}{path}{query}"})
    except RuleError:
        return
    again = read_mandatory([line.encode() for line in write_mandatory(found)], "l").entries[0]
    assert again.entry.host == host and again.of_pages
    for other in (f"http://{host}{path}{query}", f"http://{host}/other", f"http://x.{host}{path}"):
        url = parse_url(other)
        assert bool(entry_matches(found.entries[0].entry, url)) == bool(entry_matches(again.entry, url))


@given(st.lists(st.binary(max_size=80), max_size=4))
def test_any_bytes_give_a_list_or_an_error(rows):
    for start in ([], lines()):
        try:
            found = read_mandatory([*start, *rows], "any")
        except SfsError as fault:
            assert str(fault)
        else:
            assert {one.unit for one in found.entries} <= set(UNITS) and Unit.TREE in UNITS.values()
