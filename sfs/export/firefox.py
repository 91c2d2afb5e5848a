"""policies.json for Firefox: the proxy is the only way out.

Names as in Mozilla's reference for administrators (the policy templates of Firefox 154 and ESR 140). Firefox shows on
about:policies what it took. It has no policy for SafeSearch: the filter sees to that.
"""

import json
from typing import Any, Final

from sfs.export.way import Way

CERTIFICATE: Final = "sfs-ca.pem"  # where Firefox looks for it: see PLACE_OF_CERTIFICATE
PLACE: Final = "policies.json in /etc/firefox/policies, or in the folder `distribution` beside the program"
PLACE_OF_CERTIFICATE: Final = (
    r"put the certificate as sfs-ca.pem into /usr/lib/mozilla/certificates, on Windows into "
    r"%USERPROFILE%\AppData\Local\Mozilla\Certificates, on macOS into /Library/Application Support/Mozilla/Certificates"
)


def firefox_file(way: Way) -> bytes:
    """policies.json, ASCII. Extensions are closed as a whole: one with the right `proxy` goes round a locked proxy,
    and Firefox has no policy for that right alone."""
    policies: dict[str, Any] = {
        "BlockAboutConfig": True,
        "Certificates": {"ImportEnterpriseRoots": True},  # the system's own store counts too
        "DisableEncryptedClientHello": True,  # Firefox 127
        "DisablePrivateBrowsing": True,
        "DNSOverHTTPS": {"Enabled": False, "Locked": True},
        "ExtensionSettings": {"*": {"installation_mode": "blocked"}},
        "IPProtectionAvailable": False,  # the VPN that Firefox brings; not in ESR 140
        "Proxy": _proxy(way),
    }
    if way.certificate is not None:
        policies["Certificates"]["Install"] = [CERTIFICATE]  # a file's name: the policy takes no certificate itself
    return (json.dumps({"policies": policies}, indent=2) + "\n").encode("ascii")


def _proxy(way: Way) -> dict[str, Any]:
    if way.pac:
        return {"Mode": "autoConfig", "Locked": True, "AutoConfigURL": way.pac_url}
    return {
        "Mode": "manual",
        "Locked": True,
        "HTTPProxy": way.place,
        "UseHTTPProxyForAllProtocols": True,
        "Passthrough": "",
    }
