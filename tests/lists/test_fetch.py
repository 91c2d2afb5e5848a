"""Fetching one list: what is asked, what is taken, where no list may come from."""

import gzip
import hashlib
import socket
import ssl
import threading
import zlib
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from sfs.errors import SfsError
from sfs.lists import connect, fetch
from sfs.lists.connect import names_near
from sfs.lists.faults import ListFault
from sfs.lists.fetch import Limits
from tests.lists.mirror import Mirror, page, raw, serving

BODY = b"a.example\nb.example\n" * 1000


@pytest.fixture
def mirror():
    with serving() as running:
        yield running


def test_what_is_served_comes_whole_with_its_hash(mirror: Mirror, tmp_path):
    url = mirror.put("/names", BODY, "Last-Modified: Sun, 22 Nov 2026 10:00:00 GMT", etag='"1"')
    told = []
    found = fetch.fetch(url, tmp_path / "x", progress=lambda size, total: told.append((size, total)))
    assert (tmp_path / "x").read_bytes() == BODY
    assert (found.changed, found.etag, found.size) == (True, '"1"', len(BODY))
    assert found.last_modified == "Sun, 22 Nov 2026 10:00:00 GMT"
    assert found.sha256 == found.sent_sha256 == hashlib.sha256(BODY).hexdigest()
    assert told[-1] == (len(BODY), len(BODY))


def test_what_is_here_already_is_not_sent_again(mirror: Mirror, tmp_path):
    url = mirror.put("/names", BODY, etag='"1"')
    assert not fetch.fetch(url, tmp_path / "x", etag='"1"', last_modified="Sun, 22 Nov 2026 10:00:00 GMT").changed
    assert not (tmp_path / "x").exists()
    assert mirror.asked[-1].headers["if-none-match"] == '"1"'
    assert mirror.asked[-1].headers["if-modified-since"] == "Sun, 22 Nov 2026 10:00:00 GMT"
    assert fetch.fetch(url, tmp_path / "x", etag='"0"').changed


def test_304_without_a_question_is_a_fault(mirror: Mirror, tmp_path):
    url = mirror.put("/names", b"", status="304 Not Modified")
    with pytest.raises(ListFault, match="304"):
        fetch.fetch(url, tmp_path / "x")


def test_nothing_of_the_owner_is_told(mirror: Mirror, tmp_path):
    fetch.fetch(mirror.put("/names", BODY), tmp_path / "x")
    assert set(mirror.asked[-1].headers) == {"host", "user-agent", "accept", "accept-encoding"}


@pytest.mark.parametrize(
    ("coding", "packed"),
    [
        ("gzip", gzip.compress(BODY, mtime=0)),  # a time would be part of the test's name, another one in each worker
        ("X-GZIP", gzip.compress(BODY, mtime=0)),
        ("gzip", gzip.compress(BODY[:999], mtime=0) + gzip.compress(BODY[999:], mtime=0)),
        ("deflate", zlib.compress(BODY)),
        ("deflate", zlib.compress(BODY, wbits=-15)),
        ("identity", BODY),
    ],
)
def test_what_is_packed_on_the_way_is_unpacked(mirror: Mirror, tmp_path, coding, packed):
    found = fetch.fetch(mirror.put("/names", packed, f"Content-Encoding: {coding}"), tmp_path / "x")
    assert (tmp_path / "x").read_bytes() == BODY
    assert found.sha256 == hashlib.sha256(BODY).hexdigest()
    assert found.sent_sha256 == hashlib.sha256(packed).hexdigest()


def test_redirects_are_followed_up_to_five(mirror: Mirror, tmp_path):
    mirror.put("/end", BODY)
    for number in range(6):
        target = "/end" if number == 5 else f"/{number + 1}"
        mirror.answers[f"/{number}"] = page(b"", f"Location: {target}", status="302 Found")
    assert fetch.fetch(mirror.url("/1"), tmp_path / "x").size == len(BODY)
    with pytest.raises(ListFault) as caught:
        fetch.fetch(mirror.url("/0"), tmp_path / "y")
    assert caught.value.reason == "redirect"


def test_chunks_are_put_together(mirror: Mirror, tmp_path):
    chunks = b"".join(b"%x\r\n%b\r\n" % (len(BODY[i : i + 777]), BODY[i : i + 777]) for i in range(0, len(BODY), 777))
    mirror.answers["/names"] = raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\n\r\n")
    assert fetch.fetch(mirror.url("/names"), tmp_path / "x").size == len(BODY)


@pytest.mark.parametrize("host", ["127.0.0.1", "10.1.2.3", "[::1]", "localhost", "nas", "nas.local", "a.home.arpa"])
def test_a_machine_in_the_house_is_one_that_is_named_as_such(host):
    assert names_near(host.strip("[]"))


@pytest.mark.parametrize("host", ["example.com", "8.8.8.8", "2606:4700::1111", "local.example.com"])
def test_what_the_internet_knows_is_not_in_the_house(host):
    assert not names_near(host)


def resolving(monkeypatch, **hosts: str) -> None:
    """Make names resolve to addresses; what is connected to is refused."""
    known = {name.replace("_", "."): address for name, address in hosts.items()}

    def ask(host, port, **more):
        address = known.get(host, host)
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        return [(family, socket.SOCK_STREAM, 0, "", (address, port))]

    monkeypatch.setattr(connect.socket, "getaddrinfo", ask)


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.0.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0", "100.64.0.1", "224.0.0.1"),
        *("::1", "fe80::1", "fc00::1", "::ffff:127.0.0.1", "64:ff9b::a00:1"),
    ],
)
def test_a_public_name_that_leads_into_the_house_is_refused(monkeypatch, mirror: Mirror, tmp_path, address):
    resolving(monkeypatch, lists_example_com=address)
    with pytest.raises(ListFault) as caught:
        fetch.fetch(f"http://lists.example.com:{mirror.port}/names", tmp_path / "x")
    assert caught.value.reason == "near"
    assert mirror.asked == []


def test_a_redirect_does_not_lead_into_the_house_from_outside(monkeypatch, mirror: Mirror, tmp_path):
    asked = fetch._Asked("http://lists.example.com/", tmp_path / "x", Limits(), None, None)
    place = fetch._parsed(mirror.put("/names", BODY), "")
    with connect.Guard(5, near=False) as guard, pytest.raises(ListFault) as caught:
        asked.follow(place, dict(fetch._HEADERS), guard)
    assert caught.value.reason == "near"
    assert mirror.asked == []


def test_from_https_no_redirect_leads_to_http(tmp_path):
    asked = fetch._Asked("https://lists.example.com/", tmp_path / "x", Limits(), None, None)
    with pytest.raises(ListFault, match="https") as caught:
        asked._next(fetch._parsed("https://lists.example.com/", ""), "http://lists.example.com/names")
    assert caught.value.reason == "redirect"
    assert asked._next(fetch._parsed("http://lists.example.com/", ""), "https://lists.example.com/").scheme == "https"


@pytest.fixture(scope="module")
def secure(tmp_path_factory):
    """A server with TLS whose certificate no system knows: its address, and the file that makes it trusted."""
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = self_signed(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with suppress(OSError), context.wrap_socket(connection, server_side=True) as tls:
                tls.recv(65_536)
                tls.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield f"https://127.0.0.1:{listener.getsockname()[1]}/names", certificate
    with suppress(OSError):
        listener.shutdown(socket.SHUT_RDWR)
    listener.close()
    thread.join(timeout=5)


def self_signed(folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "lists.test")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    hosts = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    made = made.add_extension(hosts, False).add_extension(x509.BasicConstraints(True, None), True)
    certificate = made.sign(key, hashes.SHA256())
    (folder / "cert.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    (folder / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return folder / "cert.pem", folder / "key.pem"


def test_certificates_are_verified_and_upstream_ca_is_trusted(secure, tmp_path):
    url, certificate = secure
    with pytest.raises(ListFault) as caught:
        fetch.fetch(url, tmp_path / "x")
    assert caught.value.reason == "certificate"
    assert fetch.fetch(url, tmp_path / "y", ca=certificate).size == len(BODY)


def test_a_handshake_that_never_ends_is_ended(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(ListFault) as caught:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}/"
        fetch.fetch(url, tmp_path / "x", limits=Limits(total=0.3))
    assert caught.value.reason == "timeout"


def test_a_proxy_of_the_environment_is_used(monkeypatch, mirror: Mirror, tmp_path):
    mirror.put("http://lists.example.com/names", BODY)
    monkeypatch.setenv("http_proxy", mirror.url(""))
    assert fetch.fetch("http://lists.example.com/names", tmp_path / "x").size == len(BODY)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    mirror.put("/direct", BODY)
    assert fetch.fetch(mirror.url("/direct"), tmp_path / "y").size == len(BODY)


def test_a_file_of_certificates_that_holds_none_is_named(tmp_path):
    (tmp_path / "ca.pem").write_text("nothing")
    with pytest.raises(ListFault, match="upstream_ca") as caught:
        fetch.fetch("https://127.0.0.1:1/", tmp_path / "x", ca=tmp_path / "ca.pem")
    assert caught.value.reason == "certificate"


@given(st.binary(max_size=3000))
@settings(max_examples=60, deadline=None)
def test_any_bytes_of_a_server_give_a_list_or_a_fault(answering, data):
    mirror, folder = answering
    mirror.answers["/any"] = raw(data)
    target = folder / "any"
    target.unlink(missing_ok=True)
    try:
        assert fetch.fetch(mirror.url("/any"), target, limits=Limits(total=20)).size == target.stat().st_size
    except SfsError as fault:
        assert isinstance(fault, ListFault)


@given(st.binary(max_size=2000), st.sampled_from(["gzip", "deflate"]))
@settings(max_examples=40, deadline=None)
def test_any_bytes_that_are_called_packed_give_a_list_or_a_fault(answering, data, coding):
    mirror, folder = answering
    target = folder / "packed"
    target.unlink(missing_ok=True)
    url = mirror.put("/packed", data, f"Content-Encoding: {coding}")
    try:
        fetch.fetch(url, target, limits=Limits(size=100_000, total=20))
    except SfsError as fault:
        assert isinstance(fault, ListFault)


@pytest.fixture(scope="module")
def answering(tmp_path_factory):
    with serving() as running:
        yield running, tmp_path_factory.mktemp("any")
