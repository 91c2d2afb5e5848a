"""`https: auto` in the proxy: who is inspected where, what handshakes teach, and how a device proves its certificate.

A device proves it when a picture of the help page loads from https://check.sfs.home.arpa: no reader can click through
the warning of a picture. The address of the picture holds a token for this client alone, for ten minutes.

What a handshake says (mitmproxy.md, section 3): the alert of a client that refuses the certificate comes as an error
of mitmproxy's own words, which are matched, not those of OpenSSL, which change. A client that pins another certificate
often says nothing: it takes the handshake and leaves at once.
"""

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from typing import Final, Literal

from mitmproxy import http

from sfs.core.facts import Https, Kind
from sfs.core.identity import fold_login
from sfs.core.policy import Policy
from sfs.core.sight import kind_of
from sfs.sources.filter import Filter
from sfs.sources.https import https_mode
from sfs.sources.trust import State, Trust
from sfs.web.device import DeviceState

CHECK_HOST: Final = "check.sfs.home.arpa"
PROOF_SECONDS: Final = 600
LEFT_AT_ONCE: Final = 3.0  # seconds; a browser keeps a connection that it opened ahead for longer
_REFUSED: Final = (
    "The client does not trust the proxy's certificate",
    "The client may not trust the proxy's certificate",
)
_NO_HELLO: Final = "Cannot parse ClientHello"
_STATES: Final[dict[State, Literal["yes", "no", "shared"]]] = {"trusted": "yes", "not yet": "no", "shared": "shared"}
_FORWARDED: Final = ("via", "x-forwarded-for", "forwarded")


def client_key(address: str | None, login: str | None = None) -> str | None:
    """What trust is kept under: the address, with the login where one is known. None without an address."""
    if not address:
        return None
    plain = address.removeprefix("::ffff:") if "." in address else address
    return plain if login is None else f"{plain} {fold_login(login)}"


def behind_front(headers: http.Headers) -> bool:
    """Whether another proxy asks for its own clients, which all have its address here."""
    return any(name in headers for name in _FORWARDED)


def is_refusal(error: str) -> bool:
    """Whether this error of a handshake says that the client does not trust our certificate."""
    return error.startswith(_REFUSED)


class Proofs:
    """The addresses of the proof picture. They hold for one client, ten minutes and the life of this process, or of
    those that share `key`."""

    def __init__(self, clock: Callable[[], float] = time.time, key: bytes | None = None) -> None:
        self._key = key or secrets.token_bytes(32)
        self._clock = clock

    def url(self, client: str) -> str:
        """A fresh address for this client."""
        until = int(self._clock()) + PROOF_SECONDS
        return f"https://{CHECK_HOST}/proof/{until:x}-{self._mac(client, until)}.svg"

    def holds(self, client: str, path: str) -> bool:
        """Whether a path is one that this client was given and that still holds."""
        token = path.removeprefix("/proof/").removesuffix(".svg")
        until, dash, mac = token.partition("-")
        if path != f"/proof/{token}.svg" or not dash or len(token) > 100 or not token.isascii():
            return False
        try:
            number = int(until, 16)
        except ValueError:
            return False
        if f"{number:x}" != until or not 0 < number - self._clock() <= PROOF_SECONDS:
            return False
        return secrets.compare_digest(mac, self._mac(client, number))

    def _mac(self, client: str, until: int) -> str:
        return hmac.new(self._key, f"{until} {client}".encode(), hashlib.sha256).hexdigest()[:40]


def mode_for(filter_: Filter, trust: Trust | None, client: str | None, host: str, *, front: bool) -> Https:
    """How much is seen of this client's connections to this host. `front`: it came through another proxy."""
    if filter_.config.https != "auto":
        return https_mode(filter_.config)
    if trust is None or client is None or front:
        return Https.SNI
    return https_mode(filter_.config, trusted=trust.trusted(client) and not trust.pinned(client, host))


def keeps_trust(filter_: Filter, trust: Trust | None, policy: Policy) -> bool:
    """Whether anything of this reader's certificate is asked or kept: only under `auto`, and not in profile isp."""
    return trust is not None and filter_.config.https == "auto" and policy.checks is None


def take_proof(trust: Trust, proofs: Proofs, client: str, request: http.Request) -> bool:
    """What a request to the check host over TLS teaches. True: the picture is to be shown, the certificate works. For
    a document: that its reader went on through the browser's warning."""
    destination = request.headers.get("sec-fetch-dest", "").strip().lower()
    if request.method != "GET":
        return False
    if _opens_document(request):
        trust.withdraw(client)
        return False
    if destination not in ("", "image") or request.headers.get("sec-fetch-mode", "").strip().lower() == "navigate":
        return False
    if not proofs.holds(client, request.path):
        return False
    # At a shared address the picture tells the truth of this device; the page around it says the rest.
    return trust.proved(client) or trust.state(client) == "shared"


class Handshakes:
    """What the connections that were opened because their client proved trust teach."""

    def __init__(self, trust: Trust | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._trust = trust
        self._clock = clock
        self._quiet: dict[str, tuple[float, str, str]] = {}  # connection -> since, client, host; no request so far
        self._asking: dict[str, tuple[str, str]] = {}

    def established(self, connection_id: str, client: str, host: str) -> None:
        """The handshake ended well; that is no proof of anything yet."""
        self._quiet[connection_id] = (self._clock(), client, host)

    def failed(self, client: str, host: str, error: str) -> None:
        """The handshake ended with this error of mitmproxy."""
        if self._trust is None or error.startswith(_NO_HELLO):
            return
        if is_refusal(error):
            self._trust.refused(client, host)
        else:
            self._trust.silent(client, host)

    def asked(self, connection_id: str) -> None:
        """A request came: this client does trust the certificate, for this host as well."""
        if quiet := self._quiet.pop(connection_id, None):
            self._asking[connection_id] = quiet[1:]
        if self._trust is not None and (asking := self._asking.get(connection_id)):
            self._trust.seen(*asking)

    def ended(self, connection_id: str) -> None:
        """The connection is gone."""
        self._asking.pop(connection_id, None)
        since, client, host = self._quiet.pop(connection_id, (0.0, "", ""))
        if client and self._trust is not None and self._clock() - since < LEFT_AT_ONCE:
            self._trust.silent(client, host)


def _opens_document(request: http.Request) -> bool:
    """Whether a reader opened this in a window. What another site opens or frames teaches nothing: a page could keep
    its reader from proving trust with it."""
    fetch = {name: request.headers.get(f"sec-fetch-{name}", "").strip().lower() for name in ("dest", "mode", "site")}
    if fetch["site"] == "cross-site":
        return False
    if fetch["dest"] or fetch["mode"]:
        return fetch["dest"] == "document" or (not fetch["dest"] and fetch["mode"] == "navigate")
    return kind_of(None, request.headers.get("accept")) is Kind.DOCUMENT


def device_state(
    filter_: Filter, trust: Trust | None, proofs: Proofs, policy: Policy, client: str | None, *, front: bool
) -> DeviceState:
    """What the help page says of this device, with a fresh address of the proof picture where there is something to
    prove."""
    mode: Literal["auto", "inspect", "sni"] = filter_.config.https.value if policy.checks is None else "sni"
    if trust is None or client is None or mode != "auto":
        return DeviceState(mode)
    if front:
        return DeviceState(mode, "shared")
    pinned = sum(pin.client == client for pin in trust.pins())
    return DeviceState(mode, _STATES[trust.state(client)], proofs.url(client), pinned)
