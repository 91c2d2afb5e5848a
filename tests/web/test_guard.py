"""The Host field, where a form comes from, cookies and forms: any bytes give an answer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers
from starlette.requests import Request

from sfs.web.cookies import cookie
from sfs.web.forms import MAX_FIELDS, FormError, parse_fields
from sfs.web.guard import Hosts, hosts_of, own_origin
from sfs.web.route import Button, Message


@pytest.mark.parametrize(
    ("address", "port", "secure", "names", "yes", "no"),
    [
        (
            "127.0.0.1",
            8081,
            False,
            (),
            ["127.0.0.1:8081", "localhost:8081", "[::1]:8081"],
            ["localhost", "127.0.0.1:80"],
        ),
        ("::1", 80, False, (), ["[::1]", "[::1]:80", "localhost"], ["::1", "[::1]:443"]),
        ("192.0.2.7", 8443, True, ("pi.test",), ["192.0.2.7:8443", "pi.test:8443"], ["localhost:8443", "pi.test"]),
        ("2001:db8::7", 443, True, (), ["[2001:db8::7]", "[2001:DB8::7]:443"], ["2001:db8::7", "localhost"]),
        (
            "0.0.0.0",
            8443,
            True,
            (),
            ["192.0.2.9:8443", "192.0.2.9:1", "[2001:db8::1]:8443", "localhost:8443"],
            ["pi.test:8443", "localhost:1", "192.0.2.9.test", "192.0.2.999", ""],
        ),
    ],
)
def test_a_listener_is_reached_by_its_own_names(address, port, secure, names, yes, no):
    hosts = hosts_of(address, port, secure, names)
    assert [host for host in yes if not hosts.allows(host)] == []
    assert [host for host in no if hosts.allows(host)] == []


@given(st.text(max_size=300))
def test_a_name_is_never_taken_for_an_address(host):
    assert not Hosts(frozenset(("ours.test:1",)), any_address=True).allows(host + ".example")
    Hosts(frozenset(), any_address=True).allows(host)


LATIN = st.text(st.characters(max_codepoint=255), max_size=80)  # what a header field can hold


@given(LATIN | st.just("same-origin"), LATIN | st.sampled_from(["null", "http://127.0.0.1:8081", "http://a.test"]))
def test_a_form_of_another_page_is_refused_whatever_it_says(site, origin):
    fields = {"host": "127.0.0.1:8081", "sec-fetch-site": site, "origin": origin}
    allowed = own_origin(Headers(fields), "http")
    assert not allowed or (site == "same-origin" and origin.lower() in ("null", "http://127.0.0.1:8081"))


def request(**headers: str) -> Request:
    lines = [(name.encode(), value.encode("latin-1", "replace")) for name, value in headers.items()]
    return Request(
        {"type": "http", "scheme": "http", "method": "GET", "path": "/", "query_string": b"", "headers": lines}
    )


@given(st.text(max_size=500))
def test_any_cookie_field_gives_one_value_or_none(line):
    value = cookie(request(cookie=line), "sfs")
    assert value == "" or line.count("sfs") == 1
    assert cookie(request(cookie=f"sfs=mine; {line.replace('sfs', '')}"), "sfs") == "mine"


@given(st.text(max_size=500))
def test_any_text_is_a_form_or_refused(text):
    try:
        fields = parse_fields(text)
    except FormError as fault:
        assert fault.status == 400
    else:
        assert len(fields) <= MAX_FIELDS


@given(st.dictionaries(st.text("abc", min_size=1), st.text(max_size=50)), st.text(max_size=20))
def test_a_message_is_read_as_it_was_written(values, key):
    for button in (None, Button("/undo", "a.b"), Button("/undo", "a.b", "7")):
        assert Message.parse(Message(key, values, button).write()) == Message(key, values, button)


@given(
    st.text(max_size=100) | st.sampled_from(["[]", "null", "1", '["a",1,2]', '["a",{},[]]', '["a",{},"x"]', '{"a":1}'])
)
def test_any_text_is_a_message_or_none(text):
    found = Message.parse(text)
    assert found is None or isinstance(found.key, str)
