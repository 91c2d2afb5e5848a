"""policies.json of Firefox."""

import json

from sfs.export.firefox import CERTIFICATE, firefox_file
from sfs.export.way import Way


def policies(way: Way) -> dict:
    return json.loads(firefox_file(way))["policies"]


def test_the_proxy_is_locked_and_nothing_goes_past_it():
    found = policies(Way("192.168.1.10", 8080))
    assert found["Proxy"] == {
        "Mode": "manual",
        "Locked": True,
        "HTTPProxy": "192.168.1.10:8080",
        "UseHTTPProxyForAllProtocols": True,
        "Passthrough": "",
    }
    assert found["DNSOverHTTPS"] == {"Enabled": False, "Locked": True}
    assert found["ExtensionSettings"]["*"]["installation_mode"] == "blocked"
    assert found["IPProtectionAvailable"] is False


def test_a_pac_file_is_locked_too():
    proxy = policies(Way("fd00::1", 8080, pac=True))["Proxy"]
    assert proxy == {"Mode": "autoConfig", "Locked": True, "AutoConfigURL": "http://[fd00::1]:8080/proxy.pac"}


def test_the_certificate_is_named_where_there_is_one():
    assert "Install" not in policies(Way("192.168.1.10", 8080))["Certificates"]
    assert policies(Way("192.168.1.10", 8080, certificate=b"\x30"))["Certificates"]["Install"] == [CERTIFICATE]
