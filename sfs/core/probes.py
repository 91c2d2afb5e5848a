"""What the self-check tries: ways around a filter, each against a name of ours that only the proxy answers.

The names are judged by the checks like any other host. Those of PRETENDED stand for a site that is closed (as if rated
4, so that at level 4 it opens); the ways lead to it, or are closed for what they are: the rows of our own in
rules/wrappers.yaml and rules/circumvention.txt, the shape of a question to a name server."""

from base64 import urlsafe_b64encode
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import quote

type Manner = Literal["frame", "form", "fetch", "socket", "ourselves"]

PROBE_HOST: Final = "probe.sfs.home.arpa"
ADDRESS: Final = "192.0.2.33"  # TEST-NET-1 (RFC 5737): no site; stands for one that is opened by its number
PRETENDED: Final = ("listed", "spelled", "dot", "port", "socket", "inner")
FRONT: Final = f"fronting.{PROBE_HOST}"  # stands for a site that is open
HIDDEN: Final = f"listed.{PROBE_HOST}"  # what is asked for behind it
RUN: Final = "run"  # the field that says which run a request belongs to
SCHEMES: Final = ("http", "https")

_INNER: Final = f"http://inner.{PROBE_HOST}/"
_CODED: Final = urlsafe_b64encode(_INNER.encode()).decode().rstrip("=")
_BROWSE: Final = f"/browse.php?u={_CODED}"  # where Glype, a program of web proxies, shows a page
_BEHIND: Final = f"http://webproxy.{PROBE_HOST}{_BROWSE}"
QUESTION: Final = "AAABAAABAAAAAAAAA3d3dwdleGFtcGxlA2NvbQAAAQAB"  # RFC 8484, section 4.1.1: www.example.com

FORM_FIELDS: Final = (("u", _INNER), ("allowCookies", "on"))  # as Glype's own form sends them


@dataclass(frozen=True, slots=True)
class Probe:
    """One way, and the manner in which it is tried: the browser loads `url` in a frame, sends a form or a question of
    the page's script to it, or opens a WebSocket; `ourselves`: what no browser can be told to do, the proxy does."""

    name: str
    url: str
    manner: Manner = "frame"

    def of_run(self, run: str, scheme: str = "http") -> str:
        """The URL over `scheme`, with the run that it belongs to."""
        url = scheme + self.url.removeprefix("http")
        return f"{url}{'&' if '?' in url else '?'}{RUN}={run}"


PROBES: Final = (
    Probe("listed", f"http://listed.{PROBE_HOST}/"),
    Probe("spelled", f"http://SPELLED.{PROBE_HOST}/a/../%2561"),
    Probe("dot", f"http://dot.{PROBE_HOST}./"),
    Probe("port", f"http://port.{PROBE_HOST}:8099/"),
    Probe("address", f"http://{ADDRESS}/"),
    Probe("translator", f"http://translator.{PROBE_HOST}/translate?u={quote(_INNER, safe='')}"),
    Probe("wrapped", f"http://inner-{PROBE_HOST.replace('.', '-')}.wrapped.{PROBE_HOST}/?_x_tr_sl=en"),
    Probe("archive", f"http://archive.{PROBE_HOST}/web/20200101000000/{_INNER}"),
    Probe("webproxy", _BEHIND),
    Probe("form", f"http://form.{PROBE_HOST}/includes/process.php?action=update", "form"),
    Probe("nested", f"http://nested.{PROBE_HOST}/translate?u={quote(_BEHIND, safe='')}"),
    Probe("vpn", f"http://vpn.{PROBE_HOST}/"),
    Probe("dns", f"http://dns.{PROBE_HOST}/dns-query?dns={QUESTION}"),
    Probe("question", f"http://question.{PROBE_HOST}/dns-query", "fetch"),
    Probe("socket", f"http://socket.{PROBE_HOST}/", "socket"),
    Probe("fronting", f"http://{FRONT}/", "ourselves"),
)
BY_NAME: Final = {probe.name: probe for probe in PROBES}


def probe_of(host: str) -> str | None:
    """The name of the probe that a canonical host is for; None for every other host."""
    if host == ADDRESS:
        return "address"
    above = host.removesuffix(f".{PROBE_HOST}")
    return above.rpartition(".")[2] if above != host else None


def form_leads_to(run: str) -> str:
    """Where a web proxy sends a browser that filled in its form: the path and query that show the page."""
    return f"{_BROWSE}&{RUN}={run}"
