"""`sfs policy`: what its options mean."""

import base64
import json
import plistlib
import ssl
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from sfs.cli.policy import CERTIFICATE, command
from sfs.errors import SfsError

PLACE = "192.168.1.10:8080"


@pytest.fixture(scope="module")
def state(tmp_path_factory) -> Path:
    """A state folder with a certificate."""
    folder = tmp_path_factory.mktemp("state")
    (folder / "ca").mkdir()
    key, certificate = folder / "ca" / "key.pem", folder / CERTIFICATE
    made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    made += ["-keyout", str(key), "-out", str(certificate), "-days", "30", "-subj", "/CN=test CA"]
    subprocess.run(made, check=True, capture_output=True)
    return folder


def run(*arguments: object) -> tuple[str, str]:
    """(standard output, standard error)"""
    done = CliRunner().invoke(command, list(map(str, arguments)), standalone_mode=False)
    if done.exception is not None:
        raise done.exception
    return done.stdout, done.stderr


@pytest.mark.parametrize(
    ("level", "locks"),
    [
        (1, {"ForceGoogleSafeSearch": True, "ForceYouTubeRestrict": 2}),
        (2, {"ForceGoogleSafeSearch": True, "ForceYouTubeRestrict": 1}),
        (3, {}),
    ],
)
def test_the_level_locks_search_and_video(tmp_path, level, locks):
    out, _ = run("chrome", "--proxy", PLACE, "--level", level, "--state", tmp_path)
    found = json.loads(out)
    assert {name: value for name, value in found.items() if name.startswith("Force")} == locks


def test_a_configuration_says_the_same(tmp_path):
    (tmp_path / "my.yaml").write_text("level: 3\nsafesearch: strict\nlisten: 192.168.1.20:3128\n")
    out, said = run("edge", "--config", tmp_path / "my.yaml", "--state", tmp_path)
    found = json.loads(out)
    assert found["ForceBingSafeSearch"] == 2 and "ForceYouTubeRestrict" not in found
    assert found["ProxySettings"]["ProxyServer"] == "http://192.168.1.20:3128"
    assert "/etc/opt/edge/policies/managed" in said


def test_the_certificate_goes_in_and_its_key_does_not(state):
    out, _ = run("chrome", "--proxy", PLACE, "--level", 2, "--state", state)
    (found,) = json.loads(out)["CACertificates"]
    body = (state / CERTIFICATE).read_text()
    assert ssl.DER_cert_to_PEM_cert(base64.b64decode(found)) == body
    out, _ = run("apple", "--proxy", PLACE, "--level", 2, "--state", state)
    assert b"PRIVATE KEY" not in out.encode()
    types = [payload["PayloadType"] for payload in plistlib.loads(out.encode())["PayloadContent"]]
    assert types == ["com.apple.security.root", "com.apple.proxy.http.global", "com.apple.applicationaccess"]


def test_a_certificate_that_is_not_there_is_said(tmp_path):
    out, said = run("firefox", "--proxy", PLACE, "--level", 2, "--state", tmp_path)
    assert "Install" not in json.loads(out)["policies"]["Certificates"]
    assert "no certificate is there yet" in said


def test_a_level_that_nobody_chose_is_said(tmp_path):
    _, said = run("firefox", "--proxy", PLACE, "--state", tmp_path)
    assert "no level is chosen" in said


def test_a_proxy_on_loopback_is_for_this_machine_alone(tmp_path):
    out, said = run("chrome", "--level", 2, "--state", tmp_path)
    assert json.loads(out)["ProxySettings"]["ProxyServer"] == "http://127.0.0.1:8080"
    assert "for a browser on the machine of the proxy" in said


def test_an_address_that_nobody_can_go_to_is_refused(tmp_path):
    (tmp_path / "my.yaml").write_text("level: 2\nlisten: 0.0.0.0:8080\n")
    with pytest.raises(SfsError, match="no address to go to"):
        run("chrome", "--config", tmp_path / "my.yaml", "--state", tmp_path)


@pytest.mark.parametrize("arguments", [("chrome", "--proxy", "x"), ("nftables", "--proxy", "filter.example:8080")])
def test_what_is_no_place_is_refused(tmp_path, arguments):
    with pytest.raises(SfsError, match="--proxy"):
        run(*arguments)


@pytest.mark.parametrize("name", ["", "x" * 33, "う" * 11, "a\nb"])
def test_what_is_no_network_is_refused(tmp_path, name):
    with pytest.raises(SfsError, match="--wifi"):
        run("apple", "--proxy", PLACE, "--level", 2, "--state", tmp_path, "--wifi", name)


def test_windows_gets_a_registry_file(tmp_path):
    out, said = run("chrome", "--proxy", PLACE, "--level", 2, "--state", tmp_path, "--system", "windows")
    assert out.startswith("Windows Registry Editor Version 5.00")
    assert "sfs.reg" in said


def test_the_user_of_the_service_goes_out_unless_another_way_is_named():
    assert 'skuid "sfs"' in run("nftables")[0]
    assert 'skuid "sfs"' in run("nftables", "--proxy", "127.0.0.1:8080")[0]
    assert "skuid" not in run("nftables", "--proxy", PLACE)[0]
    assert "skuid" not in run("nftables", "--mark", 5)[0]
    assert "skuid 1000 accept" in run("nftables", "--proxy", PLACE, "--user", "1000")[0]
    assert 'skuid "sfs"' not in run("nftables", "--system", "gateway")[0]


def test_what_the_firewall_leaves_open_is_said():
    assert "--strict" in run("nftables")[1] and "--dns" in run("nftables")[1]
    said = run("nftables", "--strict", "--dns", "192.0.2.53")[1]
    assert "--strict" not in said and "--dns" not in said
