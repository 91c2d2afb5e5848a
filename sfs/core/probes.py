"""What the self-check tries: ways around a filter, each against a name of ours that only the proxy answers.

The names are judged by the checks like any other host. Those of PRETENDED stand for a site that is closed (as if rated
4, so that at level 4 it opens); the ways lead to it, or are closed for what they are."""

from base64 import urlsafe_b64encode
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

PROBE_HOST: Final = "probe.sfs.home.arpa"
ADDRESS: Final = "192.0.2.33"  # TEST-NET-1 (RFC 5737): no site; stands for one that is opened by its number
PRETENDED: Final = ("listed", "spelled", "port", "socket", "inner")
RUN: Final = "run"  # the field that says which run a request belongs to

_INNER: Final = f"http://inner.{PROBE_HOST}/"
_CODED: Final = urlsafe_b64encode(_INNER.encode()).decode().rstrip("=")
_BEHIND: Final = f"http://webproxy.{PROBE_HOST}/browse.php?u={_CODED}"
_QUESTION: Final = "AAABAAABAAAAAAAAA3d3dwdleGFtcGxlA2NvbQAAAQAB"  # RFC 8484, section 4.1.1: www.example.com


@dataclass(frozen=True, slots=True)
class Probe:
    """One way. `url` is loaded by the browser in a frame; None for what is tried in another manner."""

    name: str
    url: str | None = None

    def of_run(self, run: str) -> str:
        """The URL with the run that it belongs to."""
        url = self.url or ""
        return f"{url}{'&' if '?' in url else '?'}{RUN}={run}"


PROBES: Final = (
    Probe("listed", f"http://listed.{PROBE_HOST}/"),
    Probe("spelled", f"http://SPELLED.{PROBE_HOST}/a/../%2561"),
    Probe("port", f"http://port.{PROBE_HOST}:8099/"),
    Probe("address", f"http://{ADDRESS}/"),
    Probe("translator", f"http://translator.{PROBE_HOST}/translate?u={quote(_INNER, safe='')}"),
    Probe("webproxy", _BEHIND),
    Probe("nested", f"http://nested.{PROBE_HOST}/translate?u={quote(_BEHIND, safe='')}"),
    Probe("dns", f"http://dns.{PROBE_HOST}/dns-query?dns={_QUESTION}"),
    Probe("socket"),  # a WebSocket, by a script of the page
    Probe("fronting"),  # no browser can ask one site for another's pages: the proxy says how it would read that
)


def probe_of(host: str) -> str | None:
    """The name of the probe that a canonical host is for; None for every other host."""
    if host == ADDRESS:
        return "address"
    name, dot, rest = host.partition(".")
    return name if dot and rest == PROBE_HOST else None
