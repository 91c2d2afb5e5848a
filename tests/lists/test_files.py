"""Lists on disk: what is taken, what is skipped, what is refused."""

import gzip
import hashlib
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfs.errors import RuleError
from sfs.lists import files, opening
from sfs.lists.files import ListFile, read_entries, read_list
from sfs.lists.formats import format_named
from sfs.match.entry import Entry, Unit
from sfs.text.url import parse_url

FORMATS = ("entries", "plain", "hosts")
GOOD = [f"site{number}.example.com" for number in range(100)]


@pytest.fixture
def read(tmp_path):
    def reader(content: str | bytes, format: str = "entries") -> ListFile:
        path = tmp_path / "list.txt"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_list(path, format)

    return reader


def as_line(name: str, format: str) -> str:
    return f"0.0.0.0 {name}" if format == "hosts" else name


def matches(file: ListFile, url: str) -> list[tuple[str, int]]:
    return [(hit.entry.text, hit.line) for hit in file.index.match(parse_url(url))]


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_keeps_names_with_their_lines(read, format):
    lines = ["# a comment", "", as_line("example.com", format), as_line("a.example.net", format) + "  # note"]
    file = read("\n".join(lines), format)
    assert (file.count, file.skipped_count, len(file.index)) == (2, 0, 2)
    assert matches(file, "http://www.example.com/x") == [("example.com", 3)]
    assert matches(file, "http://a.example.net/") == [("a.example.net", 4)]
    assert matches(file, "http://example.net/") == []


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("end", ["\n", "\r\n", " \t\n"])
def test_line_ends_and_trailing_blanks_make_no_difference(read, format, end):
    file = read(end.join(as_line(name, format) for name in GOOD), format)
    assert (file.count, file.skipped_count) == (100, 0)
    assert matches(file, "http://site99.example.com/") == [("site99.example.com", 100)]


@pytest.mark.parametrize("format", FORMATS)
def test_bad_line_is_skipped_counted_and_named(read, format):
    lines = [as_line(name, format) for name in GOOD]
    lines[6] = as_line("exa*mple.com", format)
    file = read("\n".join(lines), format)
    assert (file.count, file.skipped_count) == (99, 1)
    assert file.skipped[0].where.line == 7
    assert matches(file, "http://site99.example.com/") == [("site99.example.com", 100)]


@pytest.mark.parametrize("format", FORMATS)
def test_a_public_suffix_is_that_one_host_on_a_list_of_names_and_no_entry_elsewhere(read, format):
    lines = [as_line(name, format) for name in [*GOOD, "co.jp", "github.io", "x.ck", "www.ck", "a.kawasaki.jp"]]
    file = read("\n".join(lines), format)
    skipped = sorted(fault.where.line for fault in file.skipped)
    assert skipped == ([101, 102, 103, 105] if format == "entries" else [])
    assert matches(file, "http://www.ck/") == [("www.ck", 104)]
    assert matches(file, "http://github.io/") == ([] if format == "entries" else [("=github.io", 102)])
    assert matches(file, "http://someone.github.io/") == []


@pytest.mark.parametrize("format", FORMATS)
def test_of_a_name_that_stands_twice_the_first_line_counts(read, format):
    lines = ["example.com", "EXAMPLE.com", "example.net", "example.com"]
    file = read("\n".join(as_line(name, format) for name in lines), format)
    assert matches(file, "http://example.com/") == [("example.com", 1)]
    assert len(file.index) == 2


@pytest.mark.parametrize("format", FORMATS)
def test_byte_order_mark_is_no_part_of_the_first_name(read, format):
    file = read(b"\xef\xbb\xbf" + as_line("example.com", format).encode(), format)
    assert matches(file, "http://example.com/") == [("example.com", 1)]


@pytest.mark.parametrize("format", FORMATS)
def test_empty_file_is_an_empty_list(read, format):
    assert read("", format).count == 0
    assert read("\n \n# nothing\n", format).skipped_count == 0


def test_entries_may_be_of_every_unit(read):
    lines = [
        "=example.com",
        "example.com/kids/",
        "example.com/a.html",
        "example.com/s?q=x",
        "192.0.2.1",
        "[2001:db8::1]",
    ]
    file = read("\n".join(lines))
    assert (file.count, file.skipped_count) == (6, 0)
    assert matches(file, "http://example.com/kids/x") == [("=example.com", 1), ("example.com/kids/", 2)]
    assert file.index.has_paths("example.com")


def test_plain_names_only_in_the_format_plain(read):
    lines = [*GOOD, "example.com/path", "https://example.com:8443", "=example.com", "192.0.2.1"]
    file = read("\n".join(lines), "plain")
    assert (file.count, [fault.where.line for fault in file.skipped]) == (101, [101, 102, 103])


def test_hosts_lines_of_the_machine_itself_are_passed_over(read):
    text = "127.0.0.1 localhost\n127.0.0.1 localhost.localdomain\n::1 ip6-localhost ip6-loopback\n0.0.0.0 0.0.0.0\n"
    file = read(text + "0.0.0.0 a.example.com b.example.com\n", "hosts")
    assert (file.count, file.skipped_count) == (2, 0)
    assert matches(file, "http://b.example.com/") == [("b.example.com", 5)]
    assert matches(file, "http://localhost.localdomain/") == []


def test_hosts_line_that_leads_somewhere_is_no_block(read):
    file = read("0.0.0.0 a.example.com\n192.0.2.9 intranet.example.com\n", "hosts")
    assert (file.count, file.skipped_count) == (1, 1)
    assert "leads nowhere" in file.skipped[0].what


def test_few_bad_lines_refuse_no_file_however_short(read):
    assert read("not a name\n" * 20 + "example.com\n").skipped_count == 20


def test_too_many_bad_lines_refuse_the_file(read):
    with pytest.raises(RuleError, match="mostly not a list in the format entries: 21 of 22 lines are bad"):
        read("not a name\n" * 21 + "example.com\n")


def test_bound_on_bad_lines_is_one_in_twenty(read):
    good = "".join(f"site{number}.example.com\n" for number in range(399))
    assert read(good + "a b\n" * 21).skipped_count == 21  # 21 of 420
    with pytest.raises(RuleError, match="22 of 421"):
        read(good + "a b\n" * 22)


def test_hopeless_file_is_not_read_to_its_end(read, monkeypatch):
    monkeypatch.setattr(files, "HOPELESS", 50)
    with pytest.raises(RuleError, match="50 of 50 lines"):
        read("not a name\n" * 1000)


def test_only_the_first_bad_lines_are_kept(read):
    good = "".join(f"site{number}.example.com\n" for number in range(4000))
    file = read(good + "a b\n" * 150)
    assert (len(file.skipped), file.skipped_count) == (100, 150)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\n  <!DOCTYPE html><html>", "web page"),
        (b"<HTML lang=ja>", "web page"),
        (b'\xef\xbb\xbf<?xml version="1.0"?>', "web page"),
        (gzip.compress(b"example.com", mtime=0), "packed with gzip"),
        ("example.com\n".encode("utf-16"), "UTF-16"),
        (b"a\0b", "not text"),
    ],
)
def test_what_is_plainly_no_list_has_a_message_of_its_own(read, content, said):
    with pytest.raises(RuleError, match=said) as caught:
        read(content)
    assert caught.value.mend
    assert caught.value.where.line == 1


def test_line_that_is_not_utf8_is_named_with_its_column(read):
    file = read(b"example.com\n" + "日本.example.com\n".encode("shift_jis"))
    assert (file.count, file.skipped_count) == (1, 1)
    assert file.skipped[0].what == "a byte that is not UTF-8"
    assert (file.skipped[0].where.line, file.skipped[0].where.column) == (2, 1)


def test_missing_file_and_folder_are_clear_errors(tmp_path):
    for path in (tmp_path / "none.txt", tmp_path):
        with pytest.raises(RuleError, match="no such file") as caught:
            read_list(path, "plain")
        assert caught.value.where.file == str(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(RuleError, match="no such file"):
        read_list(tmp_path / "pipe", "plain")


def test_size_is_bounded(read, monkeypatch):
    monkeypatch.setattr(opening, "MAX_FILE", 100)
    with pytest.raises(RuleError, match="at most 100 are read"):
        read("example.com\n" * 20)


def test_endless_line_is_one_bad_line(read, monkeypatch):
    monkeypatch.setattr(files, "_CHUNK", 1000)
    file = read("a" * 200_000 + "\nexample.com\n" + "b." * 100_000, "plain")
    assert (file.count, file.skipped_count) == (1, 2)
    assert [fault.where.line for fault in file.skipped] == [1, 3]
    assert matches(file, "http://example.com/") == [("example.com", 2)]


@pytest.mark.parametrize("chunk", [1, 7, 64, 1 << 20])
@pytest.mark.parametrize("format", FORMATS)
def test_where_chunks_end_makes_no_difference(read, monkeypatch, chunk, format):
    monkeypatch.setattr(files, "_CHUNK", chunk)
    lines = [as_line(name, format) for name in [*GOOD[:5], "b a d!", "co.jp", "日本.example.com", "last.example.com"]]
    file = read("\n".join(lines), format)
    assert matches(file, "http://last.example.com/") == [("last.example.com", 9)]
    assert sorted(fault.where.line for fault in file.skipped) == ([6, 7] if format == "entries" else [6])


def test_what_was_read_is_told_by_hash_and_time(read, tmp_path):
    content = b"example.com\r\nbad line\n"
    read(content)
    os.utime(tmp_path / "list.txt", (1_700_000_000, 1_700_000_000))
    file = read_list(tmp_path / "list.txt", "entries")
    assert file.sha256 == hashlib.sha256(content).hexdigest()
    assert file.mtime == datetime.fromtimestamp(1_700_000_000, UTC)


def test_entries_can_be_had_apart_from_an_index(tmp_path):
    path = tmp_path / "list.txt"
    path.write_text("# x\nexample.com\n=www.example.net  # note\nbad line\n")
    entries, skipped = read_entries(path)
    assert entries == ((Entry(Unit.TREE, "example.com"), 2), (Entry(Unit.HOST, "www.example.net"), 3))
    assert [fault.where.line for fault in skipped] == [4]


labels = st.from_regex(r"[a-z0-9_-]{1,12}", fullmatch=True)
names = st.lists(labels, min_size=1, max_size=4).map(".".join)
odd = st.sampled_from(
    [
        "co.jp",
        "a.b.ck",
        "www.ck",
        "xn--wgv71a.example",
        "xn--0.example",
        "a..b",
        "1.2.3.4",
        "example.0x1",
        "a_b.example",
        "r3---s.example",
    ]
)


@settings(max_examples=300)
@given(st.binary(max_size=200), st.sampled_from(FORMATS))
def test_any_bytes_are_entries_or_a_rule_error(tmp_path_factory, data, format):
    path: Path = tmp_path_factory.mktemp("lists", numbered=True) / "list.txt"
    path.write_bytes(data)
    try:
        file = read_list(path, format)
    except RuleError:
        return
    assert file.count >= len(file.index)


@given(st.lists(st.one_of(names, odd, st.sampled_from(["", "# x", "bad line", "exa*mple.com"])), max_size=30))
def test_list_agrees_with_parsing_each_of_its_lines(tmp_path_factory, lines):
    path: Path = tmp_path_factory.mktemp("lists", numbered=True) / "list.txt"
    path.write_text("\n".join(lines))
    wanted, bad = {}, 0
    for number, line in enumerate(lines, 1):
        try:
            for entry in format_named("plain").line(line.encode(), None).entries:
                wanted.setdefault(entry, number)
        except RuleError:
            bad += 1
    if bad > 20:
        return
    entries, _ = read_entries_of_plain(path)
    assert entries == wanted


def read_entries_of_plain(path: Path) -> tuple[dict[Entry, int], int]:
    file = read_list(path, "plain")
    found = {}
    for host in {entry.host for entry in entries_in(path)}:
        url = parse_url(f"http://{f'[{host}]' if ':' in host else host}/")
        for hit in file.index.match(url):
            if hit.entry.host == host:
                found.setdefault(hit.entry, hit.line)
    return found, file.skipped_count


def entries_in(path: Path) -> list[Entry]:
    found = []
    for line in path.read_text().splitlines():
        try:
            found += format_named("plain").line(line.encode(), None).entries
        except RuleError:
            continue
    return found
