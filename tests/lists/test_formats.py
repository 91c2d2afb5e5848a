"""What a line says in each format: cases in tests/vectors/lists, runs against their parsers, any bytes at all."""

import re
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sfs.errors import RuleError
from sfs.lists.formats import FORMATS, WORD_FORMATS, format_named, squidguard
from sfs.lists.formats.rpz import MAX_INSIDE
from sfs.lists.lines import LineFormat, odd_names
from sfs.match.entry import Entry, Unit, parse_entry

VECTORS = Path(__file__).parents[1] / "vectors" / "lists"
FILES = tuple(sorted(path.stem for path in VECTORS.glob("*.txt")))
# How a format writes one name; what it means.
WRITTEN = {
    "entries": "{}",
    "plain": "{}",
    "hosts": "0.0.0.0 {}",
    "adblock": "||{}^",
    "dnsmasq": "server=/{}/",
    "unbound": 'local-zone: "{}" always_nxdomain',
    "rpz": "*.{} CNAME .",
    "squidguard": "{}",
    "e2guardian": "{}",
    "v2fly": "{}",
    "csv": "{},a note",
    "adguard": "- '||{}^'",
    "pihole": "regex-deny\t(^|\\.){}$",
}
ABOVE = {"adguard": b"user_rules:"}  # a line without which it is read as something else
NO_RUNS = {"csv", "adguard", "pihole"}


def read_as(name: str) -> LineFormat:
    if name == "squidguard-urls":
        return squidguard.FILES["urls"]
    format, at, only = name.partition("@")
    found = format_named(format, (f"@{only}",) if at else ())
    if format in ABOVE:
        found.line(ABOVE[format], None)
    return found


def said(line_format: LineFormat, line: bytes) -> str:
    try:
        found = line_format.line(line, None)
    except RuleError as fault:
        assert fault.what
        assert fault.mend
        return "bad"
    words = [entry.text for entry in found.entries] + [f"!{entry.text}" for entry in found.spared]
    words += ["important"] * found.important + ([] if found.include is None else [f"-> {found.include.name}"])
    words += [
        f"{'|'.join(f'<{part}>' for part in parts)} {weight} {category}" for parts, weight, category in found.phrases
    ]
    words += [f"~ {', '.join(found.why)}"] * bool(found.why) + [f"= {found.means}"] * bool(found.means)
    return " ".join(words) or "-"


@pytest.mark.parametrize("name", FILES)
def test_lines_say_what_the_vectors_tell(name):
    line_format, wrong = read_as(name), []
    for row in (VECTORS / f"{name}.txt").read_text(encoding="utf-8").splitlines()[1:]:
        wanted, _, written = row.partition("\t")
        line = written.replace("\\t", "\t").encode().replace(b"\\xe6", b"\xe6")
        if (found := said(line_format, line)) != wanted:
            wrong.append((written, wanted, found))
    assert wrong == []


def test_every_format_has_a_file_of_cases():
    assert {name.partition("@")[0].partition("-")[0] for name in FILES} == {*FORMATS, *WORD_FORMATS} - {"entries"}


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_reads_a_name_it_writes(name):
    assert set(WRITTEN) == set(FORMATS)
    found = said(read_as(name), WRITTEN[name].format("example.com").encode())
    assert found == "example.com"


@pytest.mark.parametrize("name", sorted(set(FORMATS) - NO_RUNS))
def test_every_format_takes_runs_of_names_at_once(name):
    block = "".join(WRITTEN[name].format(f"site{n}.example.com").lower() + "\n" for n in range(100)).encode()
    names, end = format_named(name).run(block, 0)
    assert names == [f"site{n}.example.com" for n in range(100)]
    assert end == len(block)


def test_a_run_of_a_zone_tells_hosts_from_trees():
    block = b"a.example cname .\n*.a.example cname .\nb.example 60 in cname .\nc.example a 192.0.2.1\n"
    names, end = format_named("rpz").run(block, 0)
    assert names == ["=a.example", "a.example", "=b.example"]
    assert block[end:] == b"c.example a 192.0.2.1\n"


def test_a_run_of_dnsmasq_takes_its_keywords_mixed():
    block = b"server=/a.example/\naddress=/b.example/0.0.0.0\nlocal=/c.example/\r\naddress=/d.example/#\n"
    assert format_named("dnsmasq").run(block, 0) == (["a.example", "b.example", "c.example", "d.example"], len(block))


def test_a_run_of_plain_names_takes_stars():
    assert format_named("plain").run(b"*.a.example\nb.example\n", 0)[0] == ["a.example", "b.example"]


labels = st.from_regex(r"[a-z0-9_-]{1,12}", fullmatch=True)
names = st.lists(labels, min_size=1, max_size=4).map(".".join)
odd = st.sampled_from(["co.jp", "a.b.ck", "www.ck", "xn--wgv71a.example", "xn--0.example", "a..b", "1.2.3.4"])


@settings(max_examples=200)
@given(st.one_of(names, odd), st.sampled_from(FORMATS))
@example("r3---s.example", "dnsmasq")
def test_name_taken_by_the_fast_way_is_what_the_parser_reads(name, format):
    line = WRITTEN[format].format(name).lower().encode()
    found, end = format_named(format).run(line + b"\n", 0)
    if found and not odd_names(found):
        assert end == len(line) + 1
        assert found == [name]
        assert read_as(format).line(line, None).entries == (Entry(Unit.TREE, name),)


@settings(max_examples=100)
@given(names)
def test_host_of_a_zone_taken_by_the_fast_way_is_what_the_parser_reads(name):
    line = f"{name} cname .".encode()
    found, _ = format_named("rpz").run(line + b"\n", 0)
    if found and not odd_names(found):
        assert found == [f"={name}"]
        assert format_named("rpz").line(line, None).entries == (Entry(Unit.HOST, name),)


PIECES = r"""
local-zone: local-data: static "example.com" ' server: < > <blue> <50> .Include<a> ** *ip #listcategory: + full: domain:
keyword: regexp: include:a @ads @-cn & url, , ; (^|\.)example\.com$ (a|b) - user_rules: filters: deny regex-deny | 1
|| @@ ^ $ , / # ## ! [ ] = * . .. example.com co.jp 0.0.0.0 :: :80 address server local CNAME A IN SOA ( ) ; @ $ORIGIN
$TTL rpz-passthru. rpz-ip important third-party % %2F \ 日本 xn-- http:// 60
"""
pieces = st.sampled_from(["\t", " ", "\0", *PIECES.split()])
lines = st.one_of(
    st.binary(max_size=80),
    st.lists(pieces, max_size=8).map("".join).map(str.encode),
    st.text(max_size=40).map(str.encode),
)


@settings(max_examples=200)
@given(st.lists(lines, max_size=6), st.sampled_from(sorted({*FILES, *FORMATS, *WORD_FORMATS})))
def test_any_line_says_something_or_is_a_rule_error(written, name):
    line_format = read_as(name)
    for line in written:
        try:
            found = line_format.line(line, None)
        except RuleError:
            continue
        for entry in (*found.entries, *found.spared):
            assert parse_entry(entry.text) == entry
        assert not (found.passed_over and found.entries)


def test_parenthesis_that_is_never_closed_does_not_swallow_the_zone():
    zone = format_named("rpz")
    zone.line(b"@ SOA ns.example. host.example. (", None)
    for _ in range(MAX_INSIDE - 1):
        assert said(zone, b"1") == "-"
    assert said(zone, b"1") == "bad"
    assert said(zone, b"example.com CNAME .") == "=example.com"


def test_unknown_format_is_named_with_those_there_are():
    with pytest.raises(RuleError, match="'abp' is no format") as caught:
        format_named("abp")
    assert all(re.search(rf"\b{name}\b", caught.value.mend) for name in FORMATS)
