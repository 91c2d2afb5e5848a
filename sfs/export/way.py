"""The one way out that the exports of this folder leave open: the proxy, its certificate, and what the level locks."""

import ipaddress
import re
from dataclasses import dataclass
from typing import Final

from sfs.core.levels import Strictness
from sfs.errors import SfsError
from sfs.text.address import parse_address

_LABEL: Final = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL}){{0,32}}")
MAX_PLACE: Final = 270  # characters: the longest name, brackets and a port


@dataclass(frozen=True, slots=True)
class Way:
    """`host`: an address or a name, IPv6 without brackets. `certificate`: of the CA, DER; None to leave it out. `pac`:
    whether browsers read the proxy from its PAC file instead of having it written down."""

    host: str
    port: int
    safesearch: Strictness = Strictness.OFF
    youtube: Strictness = Strictness.OFF
    certificate: bytes | None = None
    pac: bool = False

    @property
    def place(self) -> str:
        """HOST:PORT, as in a URL."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def pac_url(self) -> str:
        """Where the proxy gives its PAC file."""
        return f"http://{self.place}/proxy.pac"


def parse_place(text: str) -> tuple[str, int]:
    """HOST:PORT, [IPv6]:PORT: (host without brackets, port). SfsError for anything else, so that nothing else comes
    into a file that a system believes."""
    host, colon, port = text.strip().rpartition(":") if len(text) <= MAX_PLACE else ("", "", "")
    if not (colon and port.isascii() and port.isdigit() and len(port) <= 5 and 0 < int(port) < 65_536):
        raise _no_place(text)
    if host.startswith("[") and host.endswith("]") and "%" not in host:  # a zone means something here alone
        try:
            return str(ipaddress.IPv6Address(host[1:-1])), int(port)
        except ValueError:
            raise _no_place(text) from None
    if not host.isascii() or not _HOST.fullmatch(host):
        raise _no_place(text)
    ip = parse_address(host)
    return (host.lower() if ip is None else str(ip)), int(port)


def _no_place(text: str) -> SfsError:
    return SfsError(
        f"--proxy {text[:80]!r} is no address with a port", mend="write HOST:PORT, such as 192.168.1.10:8080"
    )
