"""What every request to the pages must be before anything looks at it, and what every answer says to the browser.

A page of another site can make a browser send requests here: under a name of its own that it points at this machine
(DNS rebinding: the Host field tells), or by a form (Origin and Sec-Fetch-Site tell, besides the CSRF token).
"""

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sfs.web.screens import content_policy

MAX_TARGET: Final = 4096  # bytes of path and query: the longest is an address to be explained
MAX_HEAD: Final = 16_384  # bytes of all header fields: the server alone bounds a head only while it comes in pieces
MAX_HEADERS: Final = 100
METHODS: Final = ("GET", "HEAD", "POST")
SAFE: Final = ("GET", "HEAD")

_HOST: Final = re.compile(r"(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9.-]{1,253})(?::([0-9]{1,5}))?")
_WRONG_HOST: Final = "This address is not one of the filter's. Open the one that the filter printed at start.\n"


@dataclass(frozen=True, slots=True)
class Hosts:
    """What may stand in the Host field: `names` with a port where it is not the scheme's own. `any_address`: any IP
    address too, with any port, for a listener on all addresses (a container): a name is what rebinding needs."""

    names: frozenset[str]
    any_address: bool = False

    def allows(self, host: str) -> bool:
        """Whether a Host field is one of ours."""
        plain = host.lower()
        if plain in self.names:
            return True
        found = _HOST.fullmatch(plain)
        return self.any_address and found is not None and _is_address(found[1])


def hosts_of(address: str, port: int, secure: bool, names: Iterable[str] = ()) -> Hosts:
    """The Host fields of a listener: its address and `names`; on loopback the names of loopback as well."""
    parsed = ipaddress.ip_address(address.partition("%")[0])
    shown = {str(parsed), *names}
    if parsed.is_loopback or parsed.is_unspecified:
        shown |= {"localhost", "127.0.0.1", "::1"}
    bare = {f"[{name}]" if ":" in name else name.lower() for name in shown}
    own = {f"{name}:{port}" for name in bare}
    return Hosts(frozenset(own | bare if port == (443 if secure else 80) else own), parsed.is_unspecified)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def own_origin(headers: Headers, scheme: str) -> bool:
    """Whether a request that changes something comes from a page of ours: by Sec-Fetch-Site where the browser sends
    it, and by Origin. A browser sends one of both with every POST; a request with neither comes from no page.

    Origin is `null` where a page forbids to say where it comes from; Sec-Fetch-Site alone decides then."""
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None and site != "same-origin":
        return False
    if origin is None or origin == "null":
        return site == "same-origin"
    return origin.lower() == f"{scheme}://{headers.get('host', '').lower()}"


class Guard:
    """ASGI middleware around everything else."""

    def __init__(self, app: ASGIApp, hosts: Hosts) -> None:
        self._app = app
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = _with_ours(message.get("headers", ()), scope["scheme"])
            await send(message)

        refused = self._refused(scope)
        await (self._app if refused is None else refused)(scope, receive, answer)

    def _refused(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not self._hosts.allows(hosts[0]):
            return PlainTextResponse(_WRONG_HOST, 421)
        if len(scope.get("raw_path", b"")) + len(scope["query_string"]) > MAX_TARGET:
            return PlainTextResponse("This address is too long.\n", 414)
        head = scope["headers"]
        if len(head) > MAX_HEADERS or sum(len(name) + len(value) for name, value in head) > MAX_HEAD:
            return PlainTextResponse("The browser says too much about itself.\n", 431)
        if scope["method"] not in METHODS:
            return PlainTextResponse("This is not done here.\n", 405, {"Allow": ", ".join(METHODS)})
        if scope["method"] not in SAFE and not own_origin(headers, scope["scheme"]):
            return PlainTextResponse("This was not sent from a page of the filter.\n", 403)
        return None


def _with_ours(headers: Iterable[tuple[bytes, bytes]], scheme: str) -> list[tuple[bytes, bytes]]:
    ours: dict[bytes, bytes] = {
        b"content-security-policy": content_policy().encode(),
        b"x-content-type-options": b"nosniff",
        # Not `no-referrer`: with it a form says `Origin: null`, and browsers without Sec-Fetch-Site could send none.
        b"referrer-policy": b"same-origin",
        b"cache-control": b"no-store",
        b"cross-origin-opener-policy": b"same-origin",
        b"cross-origin-resource-policy": b"same-origin",
        b"x-frame-options": b"DENY",
    }
    # No Strict-Transport-Security: it holds for every port of a name, and the proxy's own is plain HTTP.
    kept: list[tuple[Any, Any]] = [(name, value) for name, value in headers if name.lower() not in ours]
    return [*kept, *ours.items()]
