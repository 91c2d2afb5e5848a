"""Apple's configuration profiles."""

import plistlib

import pytest

from sfs.export.profiles import apple_file
from sfs.export.way import Way

WAY = Way("192.168.1.10", 8080, certificate=b"\x30certificate")


def payloads(data: bytes) -> dict[str, dict]:
    """The payloads by type; their names are all different."""
    profile = plistlib.loads(data)
    assert profile["PayloadType"] == "Configuration"
    found = {payload["PayloadType"]: payload for payload in profile["PayloadContent"]}
    everyone = [profile, *found.values()]
    assert len({one["PayloadUUID"] for one in everyone}) == len({one["PayloadIdentifier"] for one in everyone})
    assert len({one["PayloadUUID"] for one in everyone}) == len(everyone) == len(profile["PayloadContent"]) + 1
    assert all(one["PayloadVersion"] == 1 for one in everyone)
    return found


def test_a_supervised_device_goes_through_the_proxy_in_every_network():
    found = payloads(apple_file(WAY))
    proxy = found["com.apple.proxy.http.global"]
    assert (proxy["ProxyType"], proxy["ProxyServer"], proxy["ProxyServerPort"]) == ("Manual", "192.168.1.10", 8080)
    assert proxy["ProxyCaptiveLoginAllowed"] is False
    assert found["com.apple.applicationaccess"]["allowCloudPrivateRelay"] is False
    assert found["com.apple.security.root"]["PayloadContent"] == b"\x30certificate"
    assert plistlib.loads(apple_file(WAY))["PayloadRemovalDisallowed"] is True


def test_any_device_goes_through_it_in_one_network():
    found = payloads(apple_file(WAY, "うちの Wi-Fi"))
    wifi = found["com.apple.wifi.managed"]
    assert (wifi["SSID_STR"], wifi["ProxyServer"], wifi["ProxyServerPort"]) == ("うちの Wi-Fi", "192.168.1.10", 8080)
    assert "Password" not in wifi
    assert "com.apple.proxy.http.global" not in found
    assert plistlib.loads(apple_file(WAY, "x"))["PayloadRemovalDisallowed"] is False


@pytest.mark.parametrize("wifi", [None, "Home"])
def test_a_pac_file_that_cannot_be_had_opens_nothing(wifi):
    found = payloads(apple_file(Way("192.168.1.10", 8080, pac=True), wifi))
    assert "com.apple.security.root" not in found
    proxy = found["com.apple.proxy.http.global" if wifi is None else "com.apple.wifi.managed"]
    assert (proxy["ProxyType"], proxy["ProxyPACFallbackAllowed"]) == ("Auto", False)
    assert proxy["ProxyPACURL"] == "http://192.168.1.10:8080/proxy.pac"


def test_a_second_profile_replaces_the_first():
    names = [plistlib.loads(apple_file(Way(host, 8080)))["PayloadUUID"] for host in ("192.168.1.10", "192.168.1.11")]
    assert names[0] == names[1]
    assert plistlib.loads(apple_file(WAY, "Home"))["PayloadUUID"] != names[0]
