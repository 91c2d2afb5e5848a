import base64
import plistlib
import re
import ssl
import uuid
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sfs.errors import SfsError
from sfs.web.device import (
    SYSTEMS,
    CertificateKind,
    certificate_answer,
    is_firefox,
    on_image,
    pac_file,
    proof_image,
    system_of,
)
from sfs.web.texts import LANGUAGES, Language, texts_for

DER = b"\x30\x82\x01\x00" + bytes(range(256))
PEM = ssl.DER_cert_to_PEM_cert(DER).encode()
KEY = b"-----BEGIN PRIVATE KEY-----\n" + base64.b64encode(b"a secret that stays") + b"\n-----END PRIVATE KEY-----\n"
KINDS: tuple[CertificateKind, ...] = ("pem", "cer", "mobileconfig")


@pytest.mark.parametrize("address", ["192.0.2.1:8080", "filter.example.com:1", "[2001:db8::1]:8080", "127.0.0.1:65535"])
def test_pac_sends_everything_to_the_proxy_and_never_falls_back_to_direct(address: str) -> None:
    answer = pac_file(address)
    body = answer.body.decode("ascii")
    assert dict(answer.headers)["Content-Type"] == "application/x-ns-proxy-autoconfig"
    assert re.findall(r"return ([^;]+);", body) == ["PROXY", '"DIRECT"', "PROXY"]
    assert re.findall(r"var PROXY = (.*);", body) == [f'"PROXY {address}"']
    assert body.count("DIRECT") == 1


@pytest.mark.parametrize(
    "address",
    [
        "",
        "a",
        "a:",
        "a:0",
        "a:65536",
        "a:1:2",
        'a";//:80',
        "a b:80",
        "a:80\n",
        "2001:db8::1:80",
        "[x]:80",
        "a" * 300 + ":1",
    ],
)
def test_pac_refuses_what_is_no_address(address: str) -> None:
    with pytest.raises(SfsError, match="HOST:PORT"):
        pac_file(address)


@settings(deadline=None)
@given(st.text(max_size=60))
def test_pac_gives_an_answer_or_an_error_for_any_text(address: str) -> None:
    try:
        assert f'"PROXY {address}"'.encode() in pac_file(address).body
    except SfsError as error:
        assert error.mend


def test_the_certificate_is_the_same_in_all_forms() -> None:
    assert certificate_answer(PEM, "cer").body == DER
    assert ssl.PEM_cert_to_DER_cert(certificate_answer(PEM, "pem").body.decode()) == DER
    profile = plistlib.loads(certificate_answer(PEM, "mobileconfig").body)
    (payload,) = profile["PayloadContent"]
    assert (profile["PayloadType"], payload["PayloadType"]) == ("Configuration", "com.apple.security.root")
    assert payload["PayloadContent"] == DER


def test_the_profile_is_stable_for_one_certificate_and_its_own_for_another() -> None:
    first, again = (plistlib.loads(certificate_answer(PEM, "mobileconfig").body) for _ in range(2))
    other_pem = ssl.DER_cert_to_PEM_cert(DER + b"x").encode()
    other = plistlib.loads(certificate_answer(other_pem, "mobileconfig").body)
    assert first == again
    assert first["PayloadUUID"] != other["PayloadUUID"]
    assert first["PayloadIdentifier"] != other["PayloadIdentifier"]
    assert first["PayloadUUID"] != first["PayloadContent"][0]["PayloadUUID"]
    assert uuid.UUID(first["PayloadUUID"]).version == 5


@pytest.mark.parametrize("kind", KINDS)
def test_a_private_key_beside_the_certificate_is_never_given_out(kind: CertificateKind) -> None:
    for pem in (KEY + PEM, PEM + KEY):
        body = certificate_answer(pem, kind).body
        assert body == certificate_answer(PEM, kind).body
        assert b"PRIVATE" not in body
        assert b"secret" not in body


@pytest.mark.parametrize("kind", KINDS)
def test_a_certificate_is_offered_as_a_file_of_its_type(kind: CertificateKind) -> None:
    headers = dict(certificate_answer(PEM, kind).headers)
    assert headers["Content-Disposition"] == f'attachment; filename="sfs-ca.{kind}"'
    assert headers["Content-Type"].startswith("application/x-")


@pytest.mark.parametrize(
    "pem",
    [
        b"",
        KEY,
        b"-----BEGIN CERTIFICATE-----",
        b"-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----",
        b"-----BEGIN CERTIFICATE-----\n\xff\n-----END CERTIFICATE-----",
        b"-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----",
        b"x" * 70_000 + PEM,
    ],
)
def test_a_file_without_a_good_certificate_is_an_error_with_a_mend(pem: bytes) -> None:
    with pytest.raises(SfsError, match="certificate file") as raised:
        certificate_answer(pem, "cer")
    assert raised.value.mend


FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"


@pytest.mark.parametrize(
    ("agent", "system"),
    [
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/140.0.0.0 Safari/537.36", "windows"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/18.0 Safari/605.1.15", "macos"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 Mobile/15E148", "ios"),
        ("Mozilla/5.0 (iPad; CPU OS 17_0 like Mac OS X) AppleWebKit/605.1.15", "ios"),
        ("Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 Chrome/140.0.0.0 Mobile Safari/537.36", "android"),
        ("Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 Chrome/140.0.0.0 Safari/537.36", "chromeos"),
        ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0.0.0 Safari/537.36", "linux"),
        (FIREFOX, "windows"),
        ("curl/8.9", None),
        ("", None),
        (None, None),
    ],
)
def test_the_system_is_the_one_that_the_browser_names(agent: str | None, system: str | None) -> None:
    assert system_of(agent) == system


@settings(deadline=None)
@given(st.none() | st.text())
def test_any_user_agent_gives_a_system_or_none(agent: str | None) -> None:
    assert system_of(agent) in (None, *SYSTEMS)


def test_firefox_is_known_where_it_has_settings_of_its_own() -> None:
    assert is_firefox(FIREFOX)
    assert not is_firefox("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) FxiOS/140.0 Mobile/15E148")
    assert not is_firefox(None)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_pictures_say_it_in_words_and_load_nothing(language: Language) -> None:
    for answer, key in ((proof_image(language), "help.proof"), (on_image(language), "help.on")):
        headers = dict(answer.headers)
        assert answer.status == 200
        assert headers["Content-Type"] == "image/svg+xml; charset=utf-8"
        assert headers["Cache-Control"] == "no-store"
        assert headers["Content-Security-Policy"] == "default-src 'none'"
        root = ElementTree.fromstring(answer.body.decode())
        words = texts_for(language).text(key)
        assert [node.text for node in root if node.text] == [words, words]
        assert not {"href", "src", "style"} & {name for node in root.iter() for name in node.attrib}
