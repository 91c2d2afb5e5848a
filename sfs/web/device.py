"""One device: what the filter knows of it, the picture that proves its certificate, and the files that set it up
(the proxy's address as PAC, the certificate in three forms)."""

import hashlib
import json
import plistlib
import re
import ssl
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from markupsafe import escape

from sfs.errors import SfsError
from sfs.web.answer import PageAnswer, plain_headers
from sfs.web.texts import Language, texts_for

System = Literal["windows", "macos", "ios", "android", "chromeos", "linux"]
SYSTEMS: Final[tuple[System, ...]] = ("windows", "macos", "ios", "android", "chromeos", "linux")

CertificateKind = Literal["pem", "cer", "mobileconfig"]

MAX_CERTIFICATE: Final = 65_536  # bytes; a usual one has under 3,000
_ADDRESS: Final = re.compile(r"(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\]):([0-9]{1,5})")
_BEGIN: Final = b"-----BEGIN CERTIFICATE-----"
_END: Final = b"-----END CERTIFICATE-----"

_TYPES: Final[dict[CertificateKind, str]] = {
    "pem": "application/x-pem-file",
    "cer": "application/x-x509-ca-cert",
    "mobileconfig": "application/x-apple-aspen-config",
}

# No `; DIRECT` after the proxy: where the filter is off, a browser would go round it without a word.
# What is local goes there itself: this device, names without a dot, mDNS (RFC 6762), names inside a home (RFC 8375,
# but for our own and all below it), private and link-local addresses (RFC 1918, RFC 3927, RFC 4193, RFC 4291).
# Addresses are tested as such: the names 127.example.com and fc00.example.com are hosts like any other.
# A name with a colon is an IPv6 address: it has no dot, and some browsers call that a plain host name.
_PAC: Final = """\
// Proxy settings for this device: the filter SFS.
function FindProxyForURL(url, host) {
  var name = host.toLowerCase().replace(/^\\[|\\]$/g, "");
  var v6 = name.indexOf(":") >= 0;
  if (/(^|\\.)sfs\\.home\\.arpa\\.?$/.test(name)) {
    return PROXY;
  }
  if (v6 ? /^(::1$|f[cd][0-9a-f]{2}:|fe[89ab][0-9a-f]:)/.test(name) : isPlainHostName(name) ||
      /\\.(localhost|local|home\\.arpa)$/.test(name) || /^(127|10)(\\.[0-9]{1,3}){3}$/.test(name) ||
      /^(192\\.168|169\\.254|172\\.(1[6-9]|2[0-9]|3[01]))(\\.[0-9]{1,3}){2}$/.test(name)) {
    return "DIRECT";
  }
  return PROXY;
}
var PROXY = %s;
"""


@dataclass(frozen=True, slots=True)
class DeviceState:
    """The certificate as the filter knows it of one device. `mode`: the configured one. `trust`: whether this device
    proved that it has the certificate; `shared`: its address is that of several devices, which differ. `proof_url`:
    where the picture stands that loads only with the certificate, None where nothing can be proved. `pinned`: hosts
    judged by name for this device because its programs refuse the certificate there."""

    mode: Literal["auto", "inspect", "sni"]
    trust: Literal["yes", "no", "shared"] = "no"
    proof_url: str | None = None
    pinned: int = 0


def proof_image(language: Language = "en") -> PageAnswer:
    """200: the picture at `proof_url`, a tick and words that say that the certificate works."""
    return _tick_image(texts_for(language).text("help.proof"))


def on_image(language: Language = "en") -> PageAnswer:
    """200: the picture at http://sfs.home.arpa/on.svg, which loads only through the filter."""
    return _tick_image(texts_for(language).text("help.on"))


def _tick_image(words: str) -> PageAnswer:
    # Colours of its own: a picture does not know the page's ink. White on this green has a contrast of 5.5.
    width = 64 + sum(17 if ord(letter) > 0x2FF else 10 for letter in words)
    body = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="44" viewBox="0 0 {width} 44" role="img">'
        f'<title>{escape(words)}</title><rect width="{width}" height="44" rx="10" fill="#1c7440"/>'
        '<path d="M14 23l6 6 12-13" fill="none" stroke="#fff" stroke-width="4" stroke-linecap="round"/>'
        f'<text x="44" y="28" fill="#fff" font-family="system-ui,sans-serif" font-size="17" font-weight="700">'
        f"{escape(words)}</text></svg>\n"
    )
    policy = ("Content-Security-Policy", "default-src 'none'")
    return PageAnswer(200, (*plain_headers("image/svg+xml; charset=utf-8"), policy), body.encode())


# The first that stands in a User-Agent: Android's names Linux too, an iPhone's "like Mac OS X". An iPad asks for
# desktop pages by default and cannot be told from a Mac.
_SIGNS: Final[Mapping[str, System]] = {
    "iPhone": "ios",
    "iPad": "ios",
    "iPod": "ios",
    "Android": "android",
    "CrOS": "chromeos",
    "Windows": "windows",
    "Macintosh": "macos",
    "Linux": "linux",
    "X11": "linux",
}


def system_of(user_agent: str | None) -> System | None:
    """The system a browser says it runs on; None where it says none that we have steps for."""
    said = (user_agent or "")[:400]
    return next((system for sign, system in _SIGNS.items() if sign in said), None)


def is_firefox(user_agent: str | None) -> bool:
    """Whether the browser is Firefox with settings of its own; on an iPhone it has none."""
    return "Firefox/" in (user_agent or "")[:400]


def pac_file(host_port: str) -> PageAnswer:
    """The proxy auto-configuration for `/proxy.pac` and `/wpad.dat`; `host_port` is where devices reach the proxy
    (`192.0.2.1:8080`, `[2001:db8::1]:8080`). SfsError where it is no address: it may come from a Host field."""
    found = _ADDRESS.fullmatch(host_port)
    if not found or not 0 < int(found[1]) < 65_536:
        raise SfsError("the proxy's address is not HOST:PORT", mend="open the page by the proxy's own address and port")
    body = _PAC % json.dumps(f"PROXY {host_port}")
    return PageAnswer(200, plain_headers("application/x-ns-proxy-autoconfig"), body.encode("ascii"))


def certificate_answer(pem: bytes, kind: CertificateKind) -> PageAnswer:
    """The first certificate of `pem` as PEM, DER or an Apple profile; nothing else of it, so a file that also holds
    the private key gives no key away. SfsError where there is no certificate."""
    der = _first_certificate(pem)
    body = der if kind == "cer" else _pem(der) if kind == "pem" else _apple_profile(der)
    named = ("Content-Disposition", f'attachment; filename="sfs-ca.{kind}"')
    return PageAnswer(200, (*plain_headers(_TYPES[kind]), named), body)


def _first_certificate(pem: bytes) -> bytes:
    _, begin, rest = pem[:MAX_CERTIFICATE].partition(_BEGIN)
    body, end, _ = rest.partition(_END)
    mend = "point at the PEM file that sfs wrote, it starts a part with BEGIN CERTIFICATE"
    if not (begin and end):
        raise SfsError("the certificate file holds no certificate", mend=mend)
    try:
        der = ssl.PEM_cert_to_DER_cert((begin + body + end).decode("ascii"))
    except ValueError:  # also UnicodeDecodeError and binascii.Error
        der = b""
    if not der.startswith(b"\x30"):  # a certificate is an ASN.1 SEQUENCE: RFC 5280 section 4.1
        raise SfsError("the certificate file is damaged", mend=mend)
    return der


def _pem(der: bytes) -> bytes:
    return ssl.DER_cert_to_PEM_cert(der).encode("ascii")


def _apple_profile(der: bytes) -> bytes:
    """A configuration profile with one root certificate. Its identifiers come from the certificate, so a second
    download replaces the first instead of standing beside it. Spec: Apple, "CertificateRoot" payload."""
    digest = hashlib.sha256(der).hexdigest()
    name = f"arpa.home.sfs.ca.{digest[:16]}"
    payload = {
        "PayloadType": "com.apple.security.root",
        "PayloadVersion": 1,
        "PayloadIdentifier": f"{name}.root",
        "PayloadUUID": _stable_uuid(digest, "root"),
        "PayloadDisplayName": "SFS filter: certificate",
        "PayloadDescription": "Lets the SFS filter look at HTTPS pages of this device.",
        "PayloadCertificateFileName": "sfs-ca.cer",
        "PayloadContent": der,
    }
    profile = {
        "PayloadType": "Configuration",
        "PayloadVersion": 1,
        "PayloadIdentifier": name,
        "PayloadUUID": _stable_uuid(digest, "profile"),
        "PayloadDisplayName": "SFS filter",
        "PayloadDescription": "The certificate of the SFS filter in your home or school.",
        "PayloadRemovalDisallowed": False,
        "PayloadContent": [payload],
    }
    return plistlib.dumps(profile)


def _stable_uuid(digest: str, part: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"urn:sha256:{digest}#{part}")).upper()
