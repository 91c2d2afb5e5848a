"""The reader's report through a real `sfs run`: from the block page to the file that the simple page reads."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sfs.sources.reports import Reports
from tests.e2e.proxy import Proxy

ENTRY = {"level": 1, "https": "sni", "block": ["listed.test"]}


@pytest.fixture(scope="module")
def proxy(start: Callable[..., Proxy]) -> Iterator[Proxy]:
    with start(ENTRY) as running:
        yield running


def kept(proxy: Proxy) -> list[tuple[str, str, str]]:
    return [(report.kind, report.address, report.note) for report in Reports(reports_file(proxy)).waiting()]


def reports_file(proxy: Proxy) -> Path:
    return proxy.state / "reports.jsonl"


def field(page: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    return found[1] if found else ""


def test_a_reader_tells_of_a_page_that_was_closed_by_mistake(proxy: Proxy) -> None:
    blocked = proxy.curl("http://listed.test/secret?q=word")
    link = re.search(r'href="(http://sfs\.home\.arpa/report\?[^"]*)"', blocked.text)
    assert link
    assert "secret" not in link[1] and "word" not in link[1]
    form = proxy.curl(link[1].replace("&amp;", "&"))
    assert form.status == 200
    fields = [f"{name}={field(form.text, name)}" for name in ("token", "code", "address")]
    assert fields[2] == "address=listed.test"
    sent = proxy.curl(
        "http://sfs.home.arpa/report",
        *(part for one in (*fields, "kind=blocked", "note=homework") for part in ("--data-urlencode", one)),
    )
    assert sent.status == 303
    assert kept(proxy) == [("blocked", "listed.test", "homework")]
    assert reports_file(proxy).stat().st_mode & 0o777 == 0o600


def test_a_form_that_was_not_given_out_sends_nothing(proxy: Proxy) -> None:
    before = kept(proxy)
    forged = proxy.curl("http://sfs.home.arpa/report", "-d", "token=1-2&kind=blocked&address=b.test")
    assert forged.status == 403
    body = b"token=1-2&kind=blocked&address=b.test"
    head = b"POST /report HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n"
    kind = b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n" % len(body)
    assert proxy.raw(head + kind + body).startswith(b"HTTP/1.1 404")
    assert kept(proxy) == before


def test_the_proxys_own_port_answers_a_device_before_it_uses_the_proxy(proxy: Proxy) -> None:
    here = f"http://{proxy.address}"
    for path, kind in (
        ("/", "text/html"),
        ("/report", "text/html"),
        ("/why", "text/html"),
        ("/proxy.pac", "application/x-ns-proxy-autoconfig"),
        ("/wpad.dat", "application/x-ns-proxy-autoconfig"),
        ("/ca.cer", "application/x-x509-ca-cert"),
    ):
        answer = proxy.raw(f"GET {path} HTTP/1.1\r\nHost: {proxy.address}\r\nConnection: close\r\n\r\n".encode())
        assert answer.startswith(b"HTTP/1.1 200"), (here, path)
        assert f"content-type: {kind}".encode() in answer.partition(b"\r\n\r\n")[0].lower()
