"""The line in front of a connection that a load balancer makes for somebody."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfs.errors import SfsError
from sfs.text.proxied import HEAD, MAX_REST, SIGNATURE, client_of_head, client_of_line, rest_of_head

IP4 = bytes((192, 0, 2, 7, 198, 51, 100, 1)) + (51000).to_bytes(2, "big") + (8080).to_bytes(2, "big")
IP6 = bytes.fromhex("20010db8" + "00" * 11 + "05") * 2 + (51000).to_bytes(2, "big") + (8080).to_bytes(2, "big")


def head(command: int, family: int, length: int) -> bytes:
    return SIGNATURE + bytes((command, family)) + length.to_bytes(2, "big")


@pytest.mark.parametrize(
    ("line", "client"),
    [
        (b"PROXY TCP4 192.0.2.7 198.51.100.1 51000 8080\r\n", ("192.0.2.7", 51000)),
        (b"PROXY TCP6 2001:db8::5 2001:db8::1 1 65535\r\n", ("2001:db8::5", 1)),
        (b"PROXY UNKNOWN\r\n", None),
        (b"PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n", None),
    ],
)
def test_version_1(line, client):
    assert client_of_line(line) == client


@pytest.mark.parametrize(
    "line",
    [
        b"GET / HTTP/1.1\r\n",
        b"PROXY TCP4 192.0.2.7 198.51.100.1 51000 8080\n",
        b"PROXY TCP4 192.0.2.7 198.51.100.1 51000 99999 \r\n",
        b"PROXY TCP4 192.0.2.7 198.51.100.1 65536 80\r\n",
        b"PROXY TCP4 192.0.2.300 198.51.100.1 51000 8080\r\n",
        b"PROXY TCP4 2001:db8::5 2001:db8::1 1 2\r\n",
        b"PROXY TCP6 192.0.2.7 198.51.100.1 51000 8080\r\n",
        b"PROXY TCP4 192.0.2.7 198.51.100.1 51000\r\n",
        b"PROXY UNKNOWN " + b"x" * 200 + b"\r\n",
        b"",
    ],
)
def test_what_is_no_line_of_version_1(line):
    with pytest.raises(SfsError):
        client_of_line(line)


def test_version_2():
    assert client_of_head(head(0x21, 0x11, 12), IP4) == ("192.0.2.7", 51000)
    assert client_of_head(head(0x21, 0x21, 36), IP6) == ("2001:db8::5", 51000)
    assert client_of_head(head(0x21, 0x11, 20), IP4 + b"\x04\0\x05hello") == ("192.0.2.7", 51000)  # more is passed over
    assert client_of_head(head(0x20, 0x00, 0), b"") is None
    assert client_of_head(head(0x21, 0x00, 0), b"") is None


@pytest.mark.parametrize(
    ("command", "family", "length"),
    [
        (0x11, 0x11, 12),
        (0x22, 0x11, 12),
        (0x21, 0x11, MAX_REST + 1),
        (0x21, 0x31, 12),
        (0x21, 0x21, 12),
        (0x21, 0x11, 4),
    ],
)
def test_what_is_nothing_of_version_2(command, family, length):
    with pytest.raises(SfsError):
        client_of_head(head(command, family, length), (IP4 * 300)[:length])


@given(st.binary(max_size=80), st.binary(max_size=60))
def test_any_bytes_give_a_client_or_an_error(begin, rest):
    for read in (
        lambda: client_of_line(begin),
        lambda: client_of_head(SIGNATURE + begin, rest),
        lambda: rest_of_head(begin),
    ):
        try:
            found = read()
        except SfsError:
            continue
        assert found is None or isinstance(found, int) or 0 <= found[1] <= 65535
    assert HEAD == 16
