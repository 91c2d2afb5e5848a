"""Files that set up a device: the proxy's address (PAC) and the certificate in three forms."""

import hashlib
import json
import plistlib
import re
import ssl
import uuid
from typing import Final, Literal

from sfs.errors import SfsError
from sfs.web.answer import PageAnswer, plain_headers

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
# A name with a colon is an IPv6 address: it has no dot, and some browsers call that a plain host name.
# 127.* is tested as a number: the name 127.example.com is a host like any other.
_PAC: Final = """\
// Proxy settings for this device: the filter SFS.
function FindProxyForURL(url, host) {
  var name = host.toLowerCase();
  if (name === "localhost" || /\\.localhost$/.test(name) || /^127(\\.[0-9]{1,3}){3}$/.test(name) ||
      name === "::1" || name === "[::1]" || (isPlainHostName(name) && name.indexOf(":") < 0)) {
    return "DIRECT";
  }
  return %s;
}
"""


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
