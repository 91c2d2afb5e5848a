"""The HTTPS mode in effect. `auto` needs a way to learn which devices trust SFS's certificate; until there is one it
is `inspect` where the owner put a CA of his own into the state folder, else `sni`."""

from pathlib import Path

from sfs.core.facts import Https
from sfs.sources.config import Config

OWN_CA = "ca.pem"  # in the state folder: certificate and key, PEM, put there by hand


def own_ca(config: Config) -> Path | None:
    """The CA that the owner put into the state folder, if any."""
    path = config.state / OWN_CA
    return path if path.is_file() else None


def https_mode(config: Config) -> Https:
    """What the configuration's `https` means now."""
    if config.https == "auto":
        return Https.INSPECT if own_ca(config) is not None else Https.SNI
    return Https(config.https)
