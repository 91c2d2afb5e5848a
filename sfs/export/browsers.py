"""Policies for managed Chrome, Chromium and Edge: the proxy is the only way out.

Names and values as in Chromium's components/policy/resources/templates/policy_definitions and in Microsoft's list for
Edge. A browser ignores a policy it does not know and shows it on chrome://policy (edge://policy).

Left alone: WebRtcIPHandling, since closing UDP ends video lessons; installed extensions without those rights.
"""

import base64
from typing import Final, Literal

from sfs.core.levels import Strictness
from sfs.export.way import Way

Browser = Literal["chrome", "edge"]
type Value = str | int | bool | list[str] | dict[str, object]

_STRICTNESS: Final = {Strictness.MODERATE: 1, Strictness.STRICT: 2}
_DISABLED: Final = 1  # of IncognitoModeAvailability and InPrivateModeAvailability


def browser_policies(way: Way, browser: Browser) -> dict[str, Value]:
    """The policies by name. A dict as value stands for JSON."""
    found: dict[str, Value] = {
        "ProxySettings": _proxy(way),  # Chrome 18, Edge 77; wins over the command line and the system
        "DnsOverHttpsMode": "off",  # Chrome 78, Edge 83
        "QuicAllowed": False,  # Chrome 43, Edge 77
        "EncryptedClientHelloEnabled": False,  # Chrome 105, Edge 108
        "BrowserGuestModeEnabled": False,  # Chrome 38, Edge 77
        "ExtensionSettings": _extensions(),  # Chrome 62, Edge 77
    }
    # Chrome 14, Edge 77
    found["InPrivateModeAvailability" if browser == "edge" else "IncognitoModeAvailability"] = _DISABLED
    # What is off stays the reader's own choice: a policy would lock it off.
    if way.safesearch is not Strictness.OFF:
        found["ForceGoogleSafeSearch"] = True  # Chrome 41, Edge 77
        if browser == "edge":
            found["ForceBingSafeSearch"] = _STRICTNESS[way.safesearch]  # Edge 77
    if way.youtube is not Strictness.OFF:
        found["ForceYouTubeRestrict"] = _STRICTNESS[way.youtube]  # Chrome 55, Edge 77
    if way.certificate is not None:
        found["CACertificates"] = [base64.b64encode(way.certificate).decode("ascii")]  # Chrome 128, Edge 133
    return dict(sorted(found.items()))


def _proxy(way: Way) -> dict[str, object]:
    """What is on this machine stays direct by a rule of the browser's own, so that the page of the administrator
    opens; nothing else does."""
    if way.pac:
        return {"ProxyMode": "pac_script", "ProxyPacUrl": way.pac_url, "ProxyPacMandatory": True}  # the last: Chrome 92
    return {"ProxyMode": "fixed_servers", "ProxyServer": f"http://{way.place}", "ProxyBypassList": ""}


def _extensions() -> dict[str, object]:
    """No extension that may set a proxy or be a VPN, or attach to pages as a debugger."""
    return {"*": {"blocked_permissions": ["proxy", "vpnProvider", "debugger"]}}
