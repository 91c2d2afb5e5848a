"""Policies of Chrome and Edge: every value in every form."""

import base64
import json
import plistlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sfs.core.levels import Strictness
from sfs.export.browsers import browser_policies
from sfs.export.managed import PLACES, managed_file, registry_file
from sfs.export.way import Way

WAY = Way("192.168.1.10", 8080)
STRICT = Way("fd00::10", 8080, Strictness.STRICT, Strictness.MODERATE, b"\x30certificate", pac=True)
BROWSERS = ("chrome", "edge")


def read_registry(data: bytes) -> dict[str, dict[str, object]]:
    """A .reg file as key -> name -> value; keys that are taken away have None."""
    text = data.decode("ascii")
    assert text.startswith("Windows Registry Editor Version 5.00\r\n\r\n") and text.endswith("\r\n")
    found: dict[str, dict[str, object]] = {}
    key = ""
    for line in text.split("\r\n")[1:]:
        if match := re.fullmatch(r"\[(.+)\]", line):
            key = match[1]
            found[key] = {}
        elif line:
            name, value = re.fullmatch(r'"((?:[^"\\]|\\.)*)"=(.*)', line).groups()
            number = re.fullmatch("dword:([0-9a-f]{8})", value)
            found[key][plain(name)] = int(number[1], 16) if number else plain(value[1:-1])
    return found


def plain(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


@pytest.mark.parametrize("browser", BROWSERS)
def test_the_proxy_is_the_only_way_out(browser):
    policies = browser_policies(WAY, browser)
    assert policies["ProxySettings"] == {
        "ProxyMode": "fixed_servers",
        "ProxyServer": "http://192.168.1.10:8080",
        "ProxyBypassList": "",
    }
    assert policies["DnsOverHttpsMode"] == "off"
    assert policies["QuicAllowed"] is policies["EncryptedClientHelloEnabled"] is False
    assert set(policies["ExtensionSettings"]["*"]["blocked_permissions"]) >= {"proxy", "vpnProvider"}


def test_a_pac_file_that_cannot_be_had_opens_nothing():
    proxy = browser_policies(STRICT, "chrome")["ProxySettings"]
    assert (proxy["ProxyPacUrl"], proxy["ProxyPacMandatory"]) == ("http://[fd00::10]:8080/proxy.pac", True)


def test_each_browser_has_its_own_word_for_windows_that_keep_nothing():
    assert "InPrivateModeAvailability" not in browser_policies(WAY, "chrome")
    assert "IncognitoModeAvailability" not in browser_policies(WAY, "edge")


def test_what_the_level_leaves_open_is_not_locked():
    assert not {name for name in browser_policies(WAY, "edge") if "Safe" in name or "Restrict" in name}
    assert "CACertificates" not in browser_policies(WAY, "chrome")


def test_what_the_level_locks_is_locked():
    edge = browser_policies(STRICT, "edge")
    assert (edge["ForceGoogleSafeSearch"], edge["ForceBingSafeSearch"], edge["ForceYouTubeRestrict"]) == (True, 2, 1)
    assert base64.b64decode(edge["CACertificates"][0]) == b"\x30certificate"


@pytest.mark.parametrize("browser", BROWSERS)
@pytest.mark.parametrize("way", [WAY, STRICT], ids=["plain", "strict"])
def test_all_systems_are_told_the_same(browser, way):
    policies = browser_policies(way, browser)
    assert json.loads(managed_file(policies, browser, "linux")) == policies
    profile = plistlib.loads(managed_file(policies, browser, "macos"))
    payload = profile["PayloadContent"][0]
    assert payload["PayloadType"] == {"chrome": "com.google.Chrome", "edge": "com.microsoft.Edge"}[browser]
    assert {name: value for name, value in payload.items() if not name.startswith("Payload")} == policies
    registry = read_registry(managed_file(policies, browser, "windows"))
    top = next(iter(registry))
    assert top.startswith("HKEY_LOCAL_MACHINE\\SOFTWARE\\Policies\\")
    for name, value in policies.items():
        if isinstance(value, list):
            assert list(registry[f"{top}\\{name}"].values()) == value
            assert registry[f"-{top}\\{name}"] == {}
        else:
            found = registry[top][name]
            assert (json.loads(found) if isinstance(value, dict) else found) == value


@pytest.mark.parametrize("browser", BROWSERS)
def test_every_system_has_a_place(browser):
    assert all(PLACES[browser, system] for system in ("linux", "windows", "macos"))


@given(st.dictionaries(st.from_regex("[A-Za-z]{1,20}", fullmatch=True), st.text(alphabet='ab"\\[]=%', max_size=20)))
def test_a_registry_file_gives_back_what_was_put_in(values):
    found = read_registry(registry_file(values, r"HKEY_LOCAL_MACHINE\SOFTWARE\Policies\X"))
    assert found[r"HKEY_LOCAL_MACHINE\SOFTWARE\Policies\X"] == values
