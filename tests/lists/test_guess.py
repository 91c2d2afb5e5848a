"""The look of a list tells its format."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfs.lists.formats import FORMATS, WORD_FORMATS
from sfs.lists.formats.guess import MAX_START, guess_format

DATA = os.environ.get("SFS_TEST_DATA")


@pytest.mark.parametrize(
    ("text", "format"),
    [
        ("# a note\n\nexample.com\nexample.net # note\n", "plain"),
        ("*.example.com\n.example.net\n192.0.2.1\n", "plain"),
        ("127.0.0.1 localhost\n0.0.0.0 example.com\n", "hosts"),
        ("[Adblock Plus]\n! note\n||example.com^\n##.banner\nexample.com#@#.x\n", "adblock"),
        ("@@||example.com^\n/banner/\n", "adblock"),
        ("server=/example.com/\naddress=/example.net/0.0.0.0\n", "dnsmasq"),
        ("$TTL 60\n@ SOA a. b. 1 2 3 4 5\nexample.com CNAME .\n*.example.com 60 IN CNAME .\n", "rpz"),
        ("=example.com\nexample.com/kids/\nexample.com\n", "entries"),
        ("example.com\nexample.net\nexample.org\nexample.com/a\n", "entries"),
        ("||a.example^\n||b.example^\n||c.example^\nd.example\n", "adblock"),
        ("||a.example^\nb.example\n", None),
        ("this is no list\nof anything\n", None),
        ("# only\n! notes\n\n", None),
        ("", None),
        ("\ufeffEXAMPLE.com\r\nexample.net\r\n", "plain"),
        ('<!doctype html>\n<html lang="ja">\n<p>Not found.</p>\n', None),
        ('{"a": [1.5]}', None),
        ('server:\n  local-zone: "example.com" always_nxdomain\nlocal-data: "example.net A 0.0.0.0"\n', "unbound"),
        ("example.com\nfull:www.example.net\ninclude:other @ads\n", "v2fly"),
        ("example.com\nexample.net @ads\n", "v2fly"),
        ('#listcategory: "x"\nexample.com\nexample.net/a\n', "e2guardian"),
        (".Include</etc/lists/a>\n.Include</etc/lists/b>\n", "e2guardian"),
        ("**\n*ip\nexample.com\n", "e2guardian"),
        ("<blue widget><50>\n<a>,< b >\n# note\n", "phrases"),
        ("url,category\nhttps://example.com/,games\n", "csv"),
        ("番号;ドメイン\n1;example.com\n", "csv"),
        ("http:\n  address: 0.0.0.0:3000\nuser_rules:\n  - '||example.com^'\n", "adguard"),
        ('[{"id": 1, "type": 1, "domain": "example.com"}]', "pihole"),
        ('{"domains": [{"domain": "example.com"}]}', "pihole"),
        ("id,type,domain,enabled,date_added\n1,1,example.com,1,0\n", "pihole"),
        ("SQLite format 3\0...", "pihole"),
    ],
)
def test_format_is_told_by_most_lines(text, format):
    assert guess_format(text.encode()) == format


@pytest.mark.parametrize(
    ("name", "text", "format"),
    [
        ("bannedsitelist", "example.com\n", "e2guardian"),
        ("exceptionurllist.txt", "example.com/a\n", "e2guardian"),
        ("bannedphraselist", "# only\n", "phrases"),
        ("weighted_japanese", "# only\n", "phrases"),
        ("bannedsearchtermlist", "blue+widget\nred gadget\n", "searches"),
        ("bannedregexpurllist", "(blue|red)widget\n", "expressions"),
        ("bannedsitelist", "0.0.0.0 example.com\n", "hosts"),
        ("banned", "||example.com^\n", "adblock"),
        ("bannedsitelist", "<html>\n", None),
    ],
)
def test_names_of_files_tell_where_lines_do_not(name, text, format):
    assert guess_format(text.encode(), name) == format


def test_only_the_start_is_read_and_a_cut_line_is_left_out():
    names = b"example.com\n" * (MAX_START // 12)
    assert guess_format(names + b"||a.example^\n" * 100_000) == "plain"


@pytest.mark.skipif(DATA is None, reason="SFS_TEST_DATA names no folder of test data")
@pytest.mark.parametrize("name", ["ransomware", "torrent"])
def test_formats_of_a_known_list_are_told(name):
    folder = Path(DATA or "") / "formats" / name
    found = {path.stem: guess_format(path.read_bytes()) for path in folder.iterdir()}
    assert found == {"adblock": "adblock", "dnsmasq": "dnsmasq", "domains": "plain", "hosts": "hosts"}


@given(st.binary(max_size=300))
def test_any_bytes_give_a_format_or_none(data):
    assert guess_format(data) in (None, *FORMATS, *WORD_FORMATS)
