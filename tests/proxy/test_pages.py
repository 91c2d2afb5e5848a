"""Our own pages as the proxy answers them: the help page, the files of a device, the reader's report."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlencode

import pytest
from click.testing import CliRunner
from mitmproxy import http
from mitmproxy.certs import CertStore
from selectolax.lexbor import LexborHTMLParser

from sfs.cli.main import cli
from sfs.core.facts import Facts
from sfs.core.policy import Policy
from sfs.core.verdict import Action, Verdict
from sfs.proxy.pages import Pages, common_name
from sfs.sources.config import load_config
from sfs.sources.filter import load_filter
from sfs.sources.live import Live
from sfs.sources.reports import MAX_WAITING, Reports
from sfs.text.url import parse_url
from sfs.web.device import DeviceState

CLIENT, HERE = "192.168.0.9", "192.168.0.2:8080"
HELPLINE = "childline.or.jp"  # of rules/helplines.yaml
CONFIG = """
state: {folder}
level: 1
block: [listed.test]
groups:
  - {{name: quiet, clients: [192.168.1.0/24], record: nothing}}
"""


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Live:
    folder = tmp_path_factory.mktemp("state")
    (folder / "c.yaml").write_text(CONFIG.format(folder=folder))
    filter_ = load_filter(load_config(folder / "c.yaml"))
    return Live(filter_, lambda old: old)


@pytest.fixture(scope="module")
def isp(tmp_path_factory: pytest.TempPathFactory) -> Live:
    folder = tmp_path_factory.mktemp("isp")
    (folder / "law.txt").write_text("law.test\n")
    (folder / "c.yaml").write_text(
        f"state: {folder}\nprofile: isp\nlists:\n  - {{name: law, url: {folder}/law.txt, mandatory: true}}\n"
    )
    filter_ = load_filter(load_config(folder / "c.yaml"))
    return Live(filter_, lambda old: old)


@pytest.fixture
def reports(tmp_path: Path) -> Reports:
    return Reports(tmp_path / "reports.jsonl")


@pytest.fixture
def pages(live: Live, reports: Reports) -> Pages:
    return Pages(live, lambda: None, reports)


def policy_of(live: Live, client: str = CLIENT) -> Policy:
    return live.filter.policies.policy_for(client, None, None, None)


def made(method: str, url: str, body: bytes, fields: dict[str, str]) -> http.Request:
    """A request with this Host field; `make` would put the URL's host into it."""
    request = http.Request.make(method, url, body)
    request.headers.update(fields)
    return request


def get(path: str, host: str = "sfs.home.arpa", **headers: str) -> http.Request:
    fields = {"host": host} | {name.replace("_", "-"): value for name, value in headers.items()}
    return made("GET", f"http://sfs.home.arpa{path}", b"", fields)


def own(pages: Pages, live: Live, request: http.Request, client: str = CLIENT, **more: object) -> http.Response:
    given = {"through_proxy": True, "client": client} | more
    return pages.own(request, policy_of(live, client), (), HERE, **given)  # type: ignore[arg-type]


def tree(response: http.Response) -> LexborHTMLParser:
    return LexborHTMLParser(response.text or "")


def token_of(pages: Pages, live: Live, client: str = CLIENT) -> str:
    field = tree(own(pages, live, get("/report?kind=blocked"), client)).css_first("input[name=token]")
    return field.attributes["value"] or "" if field else ""


def send(
    pages: Pages, live: Live, fields: dict[str, str], client: str = CLIENT, host: str = "sfs.home.arpa", **headers: str
) -> http.Response:
    body = urlencode({"kind": "blocked", "address": "a.test"} | fields).encode()
    form = {"host": host, "content-type": "application/x-www-form-urlencoded"}
    form |= {name.replace("_", "-"): value for name, value in headers.items()}
    request = made("POST", "http://sfs.home.arpa/report", body, form)
    return asyncio.run(pages.report(request, client, policy_of(live, client), HERE))


# The report


def test_a_report_is_on_the_disk_before_the_reader_is_thanked(pages: Pages, live: Live, reports: Reports) -> None:
    fields = {"token": token_of(pages, live), "kind": "shown", "address": "Games.Example.com", "note": "too\r\nhard"}
    answer = send(pages, live, fields | {"code": "ABCDE2FGHJ"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/report/sent")
    (kept,) = reports.waiting()
    assert (kept.kind, kept.address, kept.note, kept.code) == ("shown", "games.example.com", "too hard", "ABCDE2FGHJ")
    assert kept.group == policy_of(live).name
    assert CLIENT not in json.dumps([str(kept)])
    assert own(pages, live, get("/report/sent")).status_code == 200


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("example.com", "example.com"),
        ("http://example.com/", "example.com"),
        ("https://user:word@example.com/a?b=c#d", "example.com/a?b=c"),
        ("example.com:8443/x", "example.com:8443/x"),
        ("日本.example", "xn--wgv71a.example"),
        ("[2001:db8::1]", "[2001:db8::1]"),
    ],
)
def test_an_address_is_kept_as_host_and_path(pages: Pages, live: Live, reports: Reports, typed: str, kept: str) -> None:
    assert send(pages, live, {"token": token_of(pages, live), "address": typed}).status_code == 303
    assert [report.address for report in reports.waiting()] == [kept]


@pytest.mark.parametrize(
    ("fields", "headers", "status", "key"),
    [
        ({"token": ""}, {}, 403, "token"),
        ({"token": "1800000000-" + "0" * 32}, {}, 403, "token"),
        ({}, {"sec_fetch_site": "cross-site"}, 403, "token"),
        ({}, {"content_type": "text/plain"}, 403, "token"),
        ({"kind": "else"}, {}, 400, "kind"),
        ({"address": " "}, {}, 400, "address_missing"),
        ({"address": "http://"}, {}, 400, "address_bad"),
        ({"address": "gopher://example.com/"}, {}, 400, "address_bad"),
        ({"address": "javascript:alert(1)"}, {}, 400, "address_bad"),
        ({"note": "x" * 501}, {}, 400, "note_long"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_kept(
    pages: Pages,
    live: Live,
    reports: Reports,
    fields: dict[str, str],
    headers: dict[str, str],
    status: int,
    key: str,
) -> None:
    answer = send(pages, live, {"token": token_of(pages, live)} | fields, **headers)
    assert answer.status_code == status
    assert tree(answer).css(".fault")
    assert token_of(pages, live) and tree(answer).css("input[name=token]")
    assert reports.waiting() == ()


def test_a_form_of_another_client_is_not_taken(pages: Pages, live: Live, reports: Reports) -> None:
    assert send(pages, live, {"token": token_of(pages, live, "192.168.0.77")}).status_code == 403
    assert reports.waiting() == ()


@pytest.mark.parametrize(
    "address",
    [
        HELPLINE,
        f"https://www.{HELPLINE}/chat?id=1",
        "http://sfs.home.arpa/why",
        "https://www.google.com/search?q=i+am+being+bullied",
        "https://www.google.com/search?q=%E6%AD%BB%E3%81%AB%E3%81%9F%E3%81%84",
    ],
)
@pytest.mark.parametrize("kind", ["blocked", "shown"])
def test_places_that_help_and_searches_for_help_are_never_kept(
    pages: Pages, live: Live, reports: Reports, address: str, kind: str
) -> None:
    answer = send(pages, live, {"token": token_of(pages, live), "address": address, "kind": kind})
    assert (answer.status_code, reports.waiting()) == (200, ())
    assert tree(answer).css_first("#address").attributes["value"] == ""


def test_what_a_law_closes_is_never_kept(tmp_path: Path, reports: Reports) -> None:
    (tmp_path / "law.txt").write_text("law.test\n|https://pinned.test\n")
    (tmp_path / "c.yaml").write_text(
        f"state: {tmp_path}\nlevel: 1\nlists:\n  - {{name: law, url: {tmp_path}/law.txt, mandatory: true}}\n"
    )
    live = Live(load_filter(load_config(tmp_path / "c.yaml")), lambda old: old)
    pages = Pages(live, lambda: None, reports)
    for address in ("law.test", "www.law.test/a", "pinned.test", "http://pinned.test/"):
        assert send(pages, live, {"token": token_of(pages, live), "address": address}).status_code == 200
    assert reports.waiting() == ()
    assert send(pages, live, {"token": token_of(pages, live), "address": "outlaw.test"}).status_code == 303


def test_readers_of_whom_nothing_is_recorded_send_nothing(
    pages: Pages, live: Live, isp: Live, reports: Reports
) -> None:
    quiet = "192.168.1.4"
    assert policy_of(live, quiet).record == "nothing"
    for ours, of, client in ((pages, live, quiet), (Pages(isp, lambda: None, reports), isp, CLIENT)):
        assert not tree(own(ours, of, get("/report"), client)).css("form")
        assert send(ours, of, {"token": token_of(pages, live)}, client).status_code == 404
        assert not tree(own(ours, of, get("/"), client)).css("a[href*='/report?']")
    assert reports.waiting() == ()


def test_ten_reports_an_hour_and_a_full_queue_are_said(
    pages: Pages, live: Live, reports: Reports, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = token_of(pages, live)
    sent = [send(pages, live, {"token": token, "address": f"a{n}.test"}).status_code for n in range(11)]
    assert sent == [303] * 10 + [429]
    monkeypatch.setattr(reports, "waiting", lambda: (None,) * MAX_WAITING)
    monkeypatch.setattr("sfs.sources.reports.MAX_WAITING", 10)
    other = "192.168.0.50"
    assert send(pages, live, {"token": token_of(pages, live, other), "address": "b.test"}, other).status_code == 503


def test_a_disk_that_takes_nothing_is_said(live: Live, tmp_path: Path) -> None:
    (tmp_path / "reports.jsonl").mkdir()
    pages = Pages(live, lambda: None, Reports(tmp_path / "reports.jsonl"))
    answer = send(pages, live, {"token": token_of(pages, live)})
    assert answer.status_code == 503
    assert str(tmp_path) not in (answer.text or "")


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8080", "192.0.2.1.evil.example", "sfs.home.arpa.test"])
def test_a_site_that_gives_itself_our_address_reads_and_sends_nothing(
    pages: Pages, live: Live, reports: Reports, host: str
) -> None:
    for path in ("/why?a=b", "/report", "/report/sent"):
        answer = own(pages, live, get(path, host), through_proxy=False)
        assert (answer.status_code, answer.content) == (302, b"")
        assert answer.headers["location"] == f"http://sfs.home.arpa{path}"
    assert send(pages, live, {"token": token_of(pages, live)}, host=host).status_code == 404
    assert reports.waiting() == ()


@pytest.mark.parametrize(
    "host", ["192.168.0.2:8080", "[2001:db8::1]:8080", "localhost:8080", "nas", "pc.local:8080", "SFS.home.arpa"]
)
def test_our_pages_open_by_any_name_that_no_site_can_have(pages: Pages, live: Live, host: str) -> None:
    assert own(pages, live, get("/why", host), through_proxy=False).status_code == 200


# The other pages


def test_a_block_page_leads_to_the_report_with_the_host_alone(pages: Pages, live: Live) -> None:
    url = parse_url("http://listed.test/secret/path?q=word")
    verdict = Verdict(Action.BLOCK, "entry", "own-block", 1)
    request = http.Request.make("GET", url.text, headers={"accept": "text/html"})

    def links(ours: Pages, code: str | None) -> list[str | None]:
        page = tree(ours.blocked(request, url, verdict, code))
        return [node.attributes["href"] for node in page.css("a[href*='/report?']")]

    code = "ABCDE2FGHJ"
    assert links(pages, code) == [f"http://sfs.home.arpa/report?kind=blocked&code={code}&host=listed.test"]
    assert links(pages, None) == []  # nothing of it may be kept
    assert links(Pages(live, lambda: None), code) == []


def test_a_law_s_page_is_the_same_bytes_for_all_and_offers_no_report(pages: Pages) -> None:
    verdict = Verdict(Action.BLOCK, "mandatory", "mandatory", 1, source="law 7")
    bodies = set()
    for host in ("one.test", "two.test"):
        url = parse_url(f"http://{host}/x?y=z")
        request = http.Request.make("GET", url.text, headers={"accept": "text/html"})
        bodies.add(pages.blocked(request, url, verdict, "ABCDE2FGHJ").content)
    assert len(bodies) == 1
    assert b"/report?" not in bodies.pop()


def test_the_help_page_knows_device_system_and_certificate(live: Live, tmp_path: Path) -> None:
    CertStore.from_store(tmp_path, "mitmproxy", 2048)
    certificate = tmp_path / "mitmproxy-ca-cert.pem"
    pages = Pages(live, lambda: certificate, None, lambda: "192.168.0.2:8080")
    url = "https://check.sfs.home.arpa/proof/1-2.svg"
    agent = "Mozilla/5.0 (Linux; Android 15) Chrome/140.0.0.0 Mobile"
    answer = own(pages, live, get("/", user_agent=agent), device=DeviceState("auto", "no", url, 2))
    page = tree(answer)
    assert [node.attributes["src"] for node in page.css("img")] == [url]
    assert page.css_first("section[aria-labelledby=setup] details[open] summary").text().startswith("Android")
    assert '"mitmproxy"' in page.text()
    assert page.css("svg.qr")
    for kind in ("pem", "cer", "mobileconfig"):
        assert own(pages, live, get(f"/ca.{kind}")).status_code == 200
    assert common_name(certificate.read_bytes()) == "mitmproxy"
    assert common_name(b"no certificate") is None


def test_the_help_page_leads_each_client_to_the_settings_that_it_reaches(live: Live) -> None:
    pages = Pages(live, lambda: None, settings={CLIENT: "http://127.0.0.1:8081/"}.get)
    for client, there in ((CLIENT, True), ("192.0.2.99", False)):
        page = tree(own(pages, live, get("/"), client=client))
        assert bool(page.css("a[href='http://127.0.0.1:8081/']")) == there


def test_the_picture_that_the_filter_is_on_exists_only_through_it(pages: Pages, live: Live) -> None:
    assert own(pages, live, get("/on.svg")).headers["content-type"].startswith("image/svg+xml")
    assert own(pages, live, get("/on.svg"), through_proxy=False).status_code == 404
    assert pages.proof(get("/proof/x.svg", accept_language="ja")).status_code == 200


@pytest.mark.parametrize("path", ["/proxy.pac", "/wpad.dat", "/proxy.pac?x=1"])
def test_the_pac_file_names_the_address_that_was_reached(pages: Pages, live: Live, path: str) -> None:
    answer = own(pages, live, get(path, "wpad"), through_proxy=False)
    assert answer.headers["content-type"] == "application/x-ns-proxy-autoconfig"
    assert f'"PROXY {HERE}"' in (answer.text or "")


def test_pages_follow_the_filter_in_force(tmp_path: Path) -> None:
    def load(level: int) -> Callable[[object], object]:
        path = tmp_path / f"{level}.yaml"
        path.write_text(f"state: {tmp_path}\nlevel: {level}\nlanguage: {'ja' if level else 'en'}\n")
        return lambda _: load_filter(load_config(path))

    live = Live(load(0)(None), load(2))  # type: ignore[arg-type]
    pages = Pages(live, lambda: None)
    assert pages.language(get("/")) == "en"
    live.reload()
    assert pages.language(get("/")) == "ja"
    assert "レベル2" in (own(pages, live, get("/")).text or "")


def test_without_lists_the_pages_say_so(pages: Pages, live: Live) -> None:
    words = "has no lists of sites yet"
    assert words in (own(pages, live, get("/why")).text or "")
    assert tree(own(pages, live, get("/"))).css("section[aria-labelledby=orange]")
    url = parse_url("http://listed.test/")
    request = http.Request.make("GET", url.text, headers={"accept": "text/html"})
    assert words in (pages.blocked(request, url, Verdict(Action.BLOCK, "entry", "own-block", 1), None).text or "")


def test_a_mandatory_list_that_says_its_purpose_gives_that_reason(tmp_path: Path) -> None:
    """Two lists of one provider: a sealed one that says why it exists, and a plain one, of which the provider does."""
    header = '{"list": "court", "purpose": "court-order", "serial": 7}\n'
    (tmp_path / "court.jsonl").write_text(header + '{"unit": "host", "host": "court.test"}\n')
    (tmp_path / "plain.txt").write_text("plain.test\n")
    runner = CliRunner()
    for words in (
        ("isp", "key", "-o", tmp_path / "key"),
        ("lists", "seal", tmp_path / "court.jsonl", "-o", tmp_path / "court.sealed", "--key", tmp_path / "key"),
    ):
        done = runner.invoke(cli, [str(word) for word in words], standalone_mode=False)
        assert done.exception is None, done.exception
    sealed = f"{{name: court, url: {tmp_path}/court.sealed, mandatory: true, key: {tmp_path}/key}}"
    plain = f"{{name: plain, url: {tmp_path}/plain.txt, mandatory: true}}"
    stop = "{name: Net, about: 'https://net.example', contact: [a@net.example], purpose: security}"
    (tmp_path / "c.yaml").write_text(
        f"state: {tmp_path}\nprofile: isp\nlists: [{sealed}, {plain}]\nstop_page: {stop}\n"
    )
    filter_ = load_filter(load_config(tmp_path / "c.yaml"))
    pages = Pages(Live(filter_, lambda old: old), lambda: None)
    for host, words in (("court.test", "A court or a law"), ("plain.test", "may harm your computer")):
        url = parse_url(f"http://{host}/")
        verdict, _ = filter_.judge(Facts(url), filter_.policies.default)
        assert isinstance(verdict, Verdict)
        answer = pages.blocked(get("/", host, accept="text/html"), url, verdict, None)
        assert (answer.status_code, words in answer.text) == (451, True), host
