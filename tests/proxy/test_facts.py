"""Flows as facts; requests that mean two things at once are refused."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mitmproxy import http
from mitmproxy.net.encoding import encode
from mitmproxy.test import tflow

from sfs.core.decide import decide
from sfs.core.facts import Kind
from sfs.core.label import LabelAnswer
from sfs.core.levels import Unrated
from sfs.core.policy import policy_of_level
from sfs.core.ruleset import Ruleset
from sfs.core.verdict import Verdict
from sfs.proxy.facts import BadRequest, asked_of, facts_of, has_form, with_mark, without_mark
from sfs.text.fields import MAX_FORM


def request(host="site.test", port=80, path=b"/", scheme="http", **headers) -> http.Request:
    fields = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    made = http.Request.make("GET", f"{scheme}://{host}:{port}/")
    made.data.path = path
    made.headers = http.Headers(fields)  # after the URL, which writes a Host field
    return made


def test_a_request_has_a_canonical_url_and_a_kind():
    asked = asked_of(request("Site.TEST.", path=b"/a/../b?q=%41", Host="site.test", Accept="text/html"))
    assert asked.url.text == "http://site.test/b?q=A"
    assert asked.kind is Kind.DOCUMENT
    assert asked_of(request(Sec_Fetch_Dest="image", Accept="text/html")).kind is Kind.SUBRESOURCE
    assert asked_of(request(Sec_Fetch_Dest="iframe")).kind is Kind.DOCUMENT
    assert asked_of(request(Accept="*/*")).kind is Kind.SUBRESOURCE


@pytest.mark.parametrize(
    "made",
    [
        request(Host="other.test"),
        request(Host="site.test:81"),
        request(port=81, Host="site.test:80"),
        request(path=b"/a b"),
        request(path=b"/a\x00b"),
        request(path=b"/\x7f"),
        request(path=b"@other.test/", Host="other.test"),
        request(path=b".other.test/"),
        request(path=b"?x"),
        request(path=b""),
        request(path=b"/a#/b"),
        request(path=b"/" + b"%25" * 1 + b"25" * 9 + b"41"),
        request(Host="a b"),
        request(Host="site.test/@x"),
    ],
    ids=range(14),
)
def test_ambiguous_requests_are_refused(made):
    with pytest.raises(BadRequest):
        asked_of(made)


@pytest.mark.parametrize("host", ["xn--wgv71a119e.test", "xn--ls8h.test", "site.test"])
def test_an_international_name_in_http2_is_what_it_is_in_http1(host):
    made = request(host, 443, scheme="https")
    made.http_version, made.data.authority = "HTTP/2.0", host.encode()
    assert asked_of(made).url.host == host
    made.data.authority = b"other.test"
    with pytest.raises(BadRequest):
        asked_of(made)


def test_in_http2_a_host_field_says_what_the_authority_says():
    made = request(port=443, scheme="https", Host="other.test")
    made.http_version, made.data.authority = "HTTP/2.0", b"site.test"
    with pytest.raises(BadRequest):
        asked_of(made)


def test_two_host_fields_are_refused():
    made = request(Host="site.test")
    made.headers.add("Host", "site.test")
    with pytest.raises(BadRequest):
        asked_of(made)


def test_a_target_of_more_than_64_kib_is_too_long():
    with pytest.raises(BadRequest) as caught:
        asked_of(request(path=b"/" + b"a" * 65_536))
    assert caught.value.problem == "too-long"


@pytest.mark.parametrize(
    ("host", "port", "header"),
    [
        ("site.test", 80, "SITE.test:80"),
        ("site.test", 80, "site.test."),
        ("192.0.2.1", 80, "192.0.2.1"),
        ("site.test", 8080, "site.test:8080"),
    ],
)
def test_a_host_field_may_be_spelled_otherwise(host, port, header):
    assert asked_of(request(host, port, Host=header)).url.host == host


def test_raw_bytes_in_a_target_are_kept_as_percent():
    assert asked_of(request(path=b"/\x82\xa0")).url.sent.path == "/%82%A0"


@given(st.binary(max_size=40))
def test_any_target_gives_facts_or_a_refusal(path):
    try:
        asked = asked_of(request(path=b"/" + path))
    except BadRequest:
        return
    assert asked.url.host == "site.test"


@pytest.mark.parametrize(
    "url", ["http://f.test/search?q=a", "http://f.test/", "http://f.test/?a=1&b", "https://f.test/x?q=%E6%97%A5"]
)
def test_the_mark_of_going_on_leaves_no_trace(url):
    target = with_mark(url).removeprefix(url[: url.index("f.test") + 6]).encode()
    bare, found = without_mark(target)
    assert found
    assert bare.decode() == url[url.index("f.test") + 6 :]
    assert without_mark(bare) == (bare, False)


def test_a_form_is_waited_for_only_where_it_is_small():
    made = http.Request.make("POST", "http://f.test/", b"q=1", {"Content-Type": "application/x-www-form-urlencoded"})
    assert has_form(made)
    made.headers["content-type"] = "Application/X-WWW-Form-Urlencoded; charset=x"
    assert has_form(made)
    made.headers["content-length"] = "99999999"
    assert not has_form(made)
    for kind in ("application/json", "text/plain;charset=UTF-8", "multipart/form-data; boundary=x", ""):
        assert has_form(http.Request.make("POST", "http://f.test/", b"{}", {"Content-Type": kind})), kind
    for kind in ("image/png", "application/x-protobuf", "application/octet-stream"):
        assert not has_form(http.Request.make("POST", "http://f.test/", b"{}", {"Content-Type": kind})), kind
    assert not has_form(http.Request.make("PUT", "http://f.test/", b"{}", {"Content-Type": "application/json"}))


@pytest.mark.parametrize("coding", ["", "gzip", "deflate", "br"])
def test_what_a_script_sent_is_a_fact_in_the_clear(coding):
    """Compressed or not: what it searches for is read from it."""
    text = b'{"query": "zoo"}'
    flow = tflow.tflow(req=http.Request.make("POST", "http://f.test/", text, {"Content-Type": "application/json"}))
    if coding:
        flow.request.headers["content-encoding"] = coding
        flow.request.raw_content = encode(text, coding)
    facts = facts_of(flow, asked_of(flow.request), datetime(2026, 1, 1, tzinfo=UTC), {})
    assert (facts.form, facts.form_kind) == (text, "application/json")


def test_a_body_that_bursts_or_is_broken_is_a_small_fact():
    for body, most in ((encode(b"q=" + b"a" * 10_000_000, "gzip"), MAX_FORM), (b"no gzip", 7)):
        headers = {"Content-Type": "text/plain", "Content-Encoding": "gzip"}
        flow = tflow.tflow(req=http.Request.make("POST", "http://f.test/", body, headers))
        flow.request.raw_content = body
        form = facts_of(flow, asked_of(flow.request), datetime(2026, 1, 1, tzinfo=UTC), {}).form
        assert form is not None and len(form) <= most


@pytest.mark.parametrize("level", range(5))
def test_a_dns_message_is_closed_for_children_on_any_host(level):
    flow = tflow.tflow(req=request(Host="site.test", Content_Type="application/dns-message"))
    flow.request.method = "POST"
    asked = asked_of(flow.request)
    facts = facts_of(flow, asked, datetime.now(UTC), {asked.url.text: LabelAnswer()}).with_page(None)
    assert facts.form is None
    verdict = decide(facts, policy_of_level(level, unrated=Unrated.SHOW), Ruleset())
    assert isinstance(verdict, Verdict)
    assert verdict.blocked is (level <= 2)
    if level <= 2:
        assert (verdict.check, verdict.reason, verdict.source) == ("subscribed", "circumvention", "DNS over HTTPS")
