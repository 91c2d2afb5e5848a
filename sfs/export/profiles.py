"""Configuration profiles of Apple (mobileconfig). Spec: Apple, "Device Management", github.com/apple/device-management.

Identifiers come from what a profile is for, so that a second one replaces the first."""

import plistlib
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sfs.export.way import Way

_BASE: Final = "arpa.home.sfs.policy"


def profile(
    title: str, name: str, payloads: Sequence[Mapping[str, Any]], *, text: str = "", removable: bool = True
) -> dict[str, Any]:
    """A profile for the whole device around `payloads`, each of which has its PayloadType and its own keys."""
    own = f"{_BASE}.{name}"
    return {
        "PayloadType": "Configuration",
        "PayloadVersion": 1,
        "PayloadScope": "System",
        "PayloadIdentifier": own,
        "PayloadUUID": _uuid(own),
        "PayloadDisplayName": title,
        "PayloadDescription": text or "Sends this device through the SFS filter of your home or school.",
        "PayloadRemovalDisallowed": not removable,
        "PayloadContent": [_payload(own, number, payload) for number, payload in enumerate(payloads)],
    }


def _payload(own: str, number: int, payload: Mapping[str, Any]) -> dict[str, Any]:
    identifier = f"{own}.{number}.{payload['PayloadType']}"
    return {"PayloadVersion": 1, "PayloadIdentifier": identifier, "PayloadUUID": _uuid(identifier), **payload}


def _uuid(text: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, text)).upper()


def apple_file(way: Way, wifi: str | None = None) -> bytes:
    """A profile with the proxy and the certificate.

    Without `wifi` the proxy holds in every network: only *supervised* iPhones and iPads take that (Apple Configurator,
    Apple School Manager), and Macs. With `wifi`, the name of a network, it holds in that network on any device; its
    password is asked for on the device, and its owner can remove the profile."""
    payloads = [_certificate(way.certificate)] if way.certificate is not None else []
    if wifi is None:
        payloads += [_global(way), _restrictions()]
        text = "For supervised devices: all web traffic goes through the SFS filter, in every network."
        return plistlib.dumps(profile("SFS filter", "global", payloads, text=text, removable=False))
    payloads.append(_wifi(way, wifi))
    text = f"In the network {wifi} all web traffic goes through the SFS filter."
    return plistlib.dumps(profile("SFS filter (Wi-Fi)", "wifi", payloads, text=text))


def _certificate(der: bytes) -> dict[str, Any]:
    return {
        "PayloadType": "com.apple.security.root",
        "PayloadDisplayName": "SFS filter: certificate",
        "PayloadCertificateFileName": "sfs-ca.cer",
        "PayloadContent": der,
    }


def _global(way: Way) -> dict[str, Any]:
    """com.apple.proxy.http.global: iOS 6 and tvOS 9, supervised; macOS 10.9."""
    common = {
        "PayloadType": "com.apple.proxy.http.global",
        "PayloadDisplayName": "SFS filter: proxy",
        "ProxyCaptiveLoginAllowed": False,
    }
    if way.pac:
        return common | {"ProxyType": "Auto", "ProxyPACURL": way.pac_url, "ProxyPACFallbackAllowed": False}
    return common | {"ProxyType": "Manual", "ProxyServer": way.host, "ProxyServerPort": way.port}


def _restrictions() -> dict[str, Any]:
    """com.apple.applicationaccess: the ways round a proxy that the system itself brings. Private Relay: iOS 15, macOS
    12; VPN: iOS 11, supervised."""
    return {
        "PayloadType": "com.apple.applicationaccess",
        "PayloadDisplayName": "SFS filter: no way round",
        "allowCloudPrivateRelay": False,
        "allowVPNCreation": False,
    }


def _wifi(way: Way, name: str) -> dict[str, Any]:
    """com.apple.wifi.managed; the keys of its proxy: iOS 5, macOS 10.7."""
    common = {
        "PayloadType": "com.apple.wifi.managed",
        "PayloadDisplayName": "SFS filter: Wi-Fi",
        "SSID_STR": name,
        "AutoJoin": True,
        "HIDDEN_NETWORK": False,
        "EncryptionType": "Any",
    }
    if way.pac:
        return common | {"ProxyType": "Auto", "ProxyPACURL": way.pac_url, "ProxyPACFallbackAllowed": False}
    return common | {"ProxyType": "Manual", "ProxyServer": way.host, "ProxyServerPort": way.port}
