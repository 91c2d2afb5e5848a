"""The HTTPS mode in effect: of the configuration, and of one client under `auto`."""

import hashlib
from pathlib import Path

from sfs.core.facts import Https
from sfs.sources.config import Config

OWN_CA = "ca.pem"  # in the state folder: certificate and key, PEM, put there by hand


def own_ca(config: Config) -> Path | None:
    """The CA that the owner put into the state folder, if any. It signs in place of the one made there."""
    path = config.state / OWN_CA
    return path if path.is_file() else None


def ca_id(certificate: Path) -> str:
    """What tells one CA from another, of its certificate's file; "" where there is none."""
    try:
        return hashlib.sha256(certificate.read_bytes()).hexdigest()
    except OSError:
        return ""


def https_mode(config: Config, *, trusted: bool = False) -> Https:
    """What the configuration's `https` means for a client. `auto`: everything is judged where the client has proved
    that it trusts the certificate, else names alone."""
    if config.https == "auto":
        return Https.INSPECT if trusted else Https.SNI
    return Https(config.https)
