"""The certificate of the admin pages: signed by the CA of the filter, for its addresses, renewed in time."""

import ssl
import stat
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from mitmproxy.certs import CertStore

from sfs.admin.app import make_app
from sfs.admin.server import AdminServer
from sfs.admin.tls import CA_FILE, LASTS, RENEW, server_certificate, server_context
from sfs.errors import SfsError
from sfs.web.door import open_door
from sfs.web.permissions import Role
from tests.admin.browser import Browser
from tests.admin.conftest import PASSWORD, TEST_PAGES, control_stub

NOW = datetime(2027, 3, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def ca(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ca")
    CertStore.from_store(folder, "mitmproxy", 2048)
    return folder


@pytest.fixture
def folder(ca, tmp_path):
    (tmp_path / CA_FILE).write_bytes((ca / CA_FILE).read_bytes())
    return tmp_path


def read(path):
    return x509.load_pem_x509_certificates(path.read_bytes())[0]


def test_a_browser_with_the_ca_logs_in_over_tls(ca, tmp_path):
    from sfs.admin.account_pages import PAGES

    door = open_door(tmp_path / "accounts.db")
    door.accounts.add("admin", PASSWORD, Role.ADMINISTRATOR)
    context = server_context(ca, ["127.0.0.1", "::1"])
    server = AdminServer(
        lambda hosts: make_app(control_stub(), door, (*PAGES, *TEST_PAGES), hosts), ("127.0.0.1", 0), context
    )
    try:
        port = server.start()[1]
        browser = Browser("127.0.0.1", port, ssl.create_default_context(cafile=ca / "mitmproxy-ca-cert.pem"))
        first = browser.get("/login")
        done = browser.post("/login", {"name": "admin", "password": PASSWORD})
        assert done.status == 303 and set(browser.cookies) == {"__Host-sfs"}
        for line in [*first.headers.get_all("Set-Cookie"), *done.headers.get_all("Set-Cookie")]:
            assert line.startswith("__Host-") and "; Secure" in line and "; Path=/" in line and "omain" not in line
        assert browser.get("/account").status == 200
        old = ssl.create_default_context(cafile=ca / "mitmproxy-ca-cert.pem")
        with pytest.warns(DeprecationWarning):
            old.maximum_version = ssl.TLSVersion.TLSv1_1
        with pytest.raises(ssl.SSLError):
            Browser("127.0.0.1", port, old).get("/login")
        with pytest.raises(ssl.SSLCertVerificationError):
            Browser("127.0.0.1", port, ssl.create_default_context()).get("/login")
    finally:
        server.stop()
        door.close()


def test_it_names_addresses_and_hosts_and_lasts_as_long_as_browsers_take(folder):
    path = server_certificate(folder, ["192.0.2.7", "2001:db8::1", "Filter.example", "例え.example"], NOW)
    certificate = read(path)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert {str(name.value) for name in names} == {
        "192.0.2.7",
        "2001:db8::1",
        "filter.example",
        "xn--r8jz45g.example",
    }
    assert certificate.not_valid_after_utc - certificate.not_valid_before_utc == LASTS
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [found.name for found in folder.iterdir() if found.name not in (CA_FILE, path.name)] == []


def test_it_is_kept_until_names_or_ca_change_or_it_grows_old(folder, tmp_path_factory):
    first = server_certificate(folder, ["192.0.2.7", "192.0.2.8"], NOW).read_bytes()
    assert server_certificate(folder, ["192.0.2.8", "192.0.2.7"], NOW + timedelta(days=300)).read_bytes() == first
    other = server_certificate(folder, ["192.0.2.7"], NOW).read_bytes()
    assert other != first
    late = NOW + LASTS - RENEW
    renewed = server_certificate(folder, ["192.0.2.7"], late).read_bytes()
    assert renewed != other
    fresh = tmp_path_factory.mktemp("other-ca")
    CertStore.from_store(fresh, "mitmproxy", 2048)
    (folder / CA_FILE).write_bytes((fresh / CA_FILE).read_bytes())
    assert server_certificate(folder, ["192.0.2.7"], late).read_bytes() != renewed
    (folder / "admin.pem").write_bytes(b"broken")
    read(server_certificate(folder, ["192.0.2.7"], NOW))


@pytest.mark.parametrize(
    "content", [None, b"", b"\xff", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----"]
)
def test_without_a_ca_it_says_so(tmp_path, content):
    if content is not None:
        (tmp_path / CA_FILE).write_bytes(content)
    with pytest.raises(SfsError):
        server_certificate(tmp_path, ["192.0.2.7"], NOW)


@pytest.mark.parametrize("names", [[], ["a" * 70 + ".example"], ["..", ""]])
def test_what_is_no_name_gets_no_certificate(folder, names):
    with pytest.raises(SfsError):
        server_certificate(folder, names, NOW)
