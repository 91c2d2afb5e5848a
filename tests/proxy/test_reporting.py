"""What readers report through the proxy, and what of it may never be written down."""

import asyncio
import re
from datetime import datetime
from urllib.parse import quote, urlencode

import pytest
from mitmproxy import http

from sfs.proxy.reporting import FORM_TYPE, Reporting
from sfs.sources.config import load_config
from sfs.sources.filter import Filter, load_filter
from sfs.sources.helplines import helplines_from
from sfs.sources.places import rules_dir
from sfs.sources.reports import Reports
from sfs.sources.yaml_nodes import load_plain
from sfs.web.answer import PageAnswer

CLIENT = "192.0.2.7"
NOW = datetime(2026, 4, 1, 12).astimezone()
HELP_HOSTS = tuple(
    dict.fromkeys(
        host.lstrip("=") for line in helplines_from(load_plain(rules_dir() / "helplines.yaml")) for host in line.hosts
    )
)
ASKED = ("i am being bullied", "死にたい")


class House:
    """A filter at one level, and its file of reports."""

    def __init__(self, folder, level: int, more: str = "") -> None:
        (folder / "law.txt").write_text("law.test\n")
        (folder / "sfs.yaml").write_text(
            f"state: {folder / 'state'}\nlevel: {level}\n{more}lists: [{{name: law, url: law.txt, mandatory: true}}]\n"
        )
        self.filter: Filter = load_filter(load_config(folder / "sfs.yaml"))
        self.path = folder / "reports.jsonl"
        self.reporting = Reporting(Reports(self.path))

    def send(self, address: str, note: str = "", kind: str = "blocked") -> PageAnswer:
        policy = self.filter.policies.default
        form = self.reporting.form(_request("GET"), "en", CLIENT, policy, (), orange=False).body.decode()
        found = re.search('name="token" value="([^"]+)"', form)
        fields = {"token": found[1] if found else "", "kind": kind, "address": address, "note": note}
        request = _request("POST", urlencode(fields).encode())
        return asyncio.run(self.reporting.send(request, "en", CLIENT, policy, (), self.filter, NOW))

    @property
    def written(self) -> str:
        return self.path.read_text() if self.path.exists() else ""


def _request(method: str, body: bytes = b"") -> http.Request:
    return http.Request.make(method, "http://sfs.home.arpa/report", body, {"Content-Type": FORM_TYPE})


@pytest.fixture(params=[0, 2, 4])
def house(request, tmp_path) -> House:
    return House(tmp_path, request.param)


def test_a_page_is_reported_with_its_address_and_the_reader_s_words(house):
    assert house.send("page.test/x", "homework").status == 303
    assert '"page.test/x"' in house.written
    assert "homework" in house.written
    assert CLIENT not in house.written


def test_no_help_host_is_written_down_in_any_spelling(house):
    assert len(HELP_HOSTS) > 50
    for number, host in enumerate(HELP_HOSTS):
        address = (host, f"http://{host}/page", f"https://{host.upper()}./")[number % 3]
        answer = house.send(address)
        assert (address, answer.status) == (address, 200)
        assert host.encode() not in answer.body.lower()
    assert house.written == ""


def test_no_search_for_help_is_written_down(house):
    for words in ASKED:
        for engine in ("www.google.com/search?q=", "https://search.yahoo.co.jp/search?p="):
            assert house.send(engine + quote(words)).status == 200
    assert house.written == ""


def test_words_of_who_needs_help_are_not_written_down_as_a_note(house):
    for words in ASKED:
        assert house.send("page.test", f"please, {words} ").status == 200
    for host in HELP_HOSTS[:3]:
        assert house.send("page.test", f"I looked at https://{host}/ and then").status == 200
    assert house.written == ""


def test_nothing_of_a_law_s_list_is_written_down(house):
    assert house.send("www.law.test/x").status == 200
    assert house.written == ""


@pytest.mark.parametrize("more", ["record: nothing\n", "profile: isp\n"])
def test_where_nothing_is_recorded_no_report_is_taken(tmp_path, more):
    house = House(tmp_path, 2, more)
    assert house.send("page.test").status == 404
    assert house.written == ""
