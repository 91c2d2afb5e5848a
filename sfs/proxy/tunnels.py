"""CONNECT and what follows it: a closed tunnel is judged by host, port and SNI; in an open one each request is.

http_connect         by name: refused with 403, kept closed, or to be opened (under `auto` by client and host)
tls_clienthello      closed tunnels stay closed; where the SNI names another host, that name is judged too
tls_failed_client, tls_established_client, client_disconnected: what a client made of our certificate (trust.py)
server_connect       the last lock: what may be connected to at all
"""

from dataclasses import dataclass, replace

from mitmproxy import connection, http, tls
from mitmproxy.proxy import server_hooks

from sfs.core.facts import Https
from sfs.core.levels import Unrated
from sfs.core.policy import Policy
from sfs.core.probes import FRONT, probe_of
from sfs.core.sight import stays_closed
from sfs.errors import UrlError
from sfs.proxy.facts import client_of
from sfs.proxy.faults import Faults, Guard
from sfs.proxy.fronting import Fronting
from sfs.proxy.marks import answer
from sfs.proxy.pages import Pages, local_now
from sfs.proxy.reach import connect_port_allowed
from sfs.proxy.resolver import Going, Resolver, going_to
from sfs.proxy.safesearch import forced_name
from sfs.proxy.trust import Handshakes, behind_front, client_key, keeps_trust, mode_for
from sfs.proxy.verdicts import Verdicts
from sfs.sources.filter import Filter
from sfs.sources.live import Live
from sfs.sources.trust import Trust
from sfs.text.url import Url, name_url, parse_url


@dataclass(frozen=True, slots=True)
class Tunnel:
    """A CONNECT. `closed`: judged by name, never opened. `learns`: opened because `client` proved trust. `front`: it
    came through another proxy. `in_tls`: the client took our certificate in it. `named`: another host that its
    handshake names; `refused`: why that is not shown."""

    url: Url
    closed: bool
    filter: Filter
    policy: Policy
    address: str | None = None
    client: str | None = None  # what trust is kept under
    learns: bool = False
    front: bool = False
    in_tls: bool = False
    named: Url | None = None
    refused: str | None = None


class Tunnels:
    """The open tunnels of one proxy, by client connection."""

    def __init__(
        self,
        live: Live,
        pages: Pages,
        resolver: Resolver,
        verdicts: Verdicts,
        guard: Guard,
        faults: Faults,
        fronting: Fronting,
        trust: Trust | None = None,
    ) -> None:
        self._live = live
        self._pages = pages
        self._resolver = resolver
        self._verdicts = verdicts
        self._guard = guard
        self._faults = faults
        self._fronting = fronting
        self._trust = trust
        self._handshakes = Handshakes(trust)
        self._open: dict[str, Tunnel] = {}

    def end(self, client_id: str) -> None:
        """A tunnel ends with its connection."""
        self._open.pop(client_id, None)
        self._handshakes.ended(client_id)

    def of(self, client_id: str) -> Tunnel | None:
        """The tunnel of a client connection."""
        return self._open.get(client_id)

    def closed(self) -> list[tuple[str, Tunnel]]:
        """Those that are judged by name, each with its client connection."""
        return [(client_id, tunnel) for client_id, tunnel in self._open.items() if tunnel.closed]

    def renew(self, client_id: str, filter_: Filter, policy: Policy) -> None:
        """From now on a tunnel goes on by this filter; else it would keep the one that it began with in memory."""
        if (tunnel := self._open.get(client_id)) is not None:
            self._open[client_id] = replace(tunnel, filter=filter_, policy=policy)

    def opened(self) -> list[tuple[str, Tunnel]]:
        """Those whose requests are judged, each with its client connection."""
        return [(client_id, tunnel) for client_id, tunnel in self._open.items() if not tunnel.closed]

    def asked(self, client_id: str) -> None:
        """A request came out of this connection."""
        self._handshakes.asked(client_id)

    async def connect(self, flow: http.HTTPFlow) -> None:
        """Judge a tunnel by name, or let it be opened so that its requests are judged."""
        request, filter_ = flow.request, self._live.filter
        policy = self._verdicts.policy(filter_, flow)
        try:
            url = name_url(request.host, request.port)
        except UrlError:
            self._error(flow, "bad-request")
            return
        tunnel = self._tunnel(flow, filter_, url, policy)
        if probe_of(url.host):
            self._probe(flow, tunnel)
            return
        if url.host not in filter_.ruleset.own_hosts and await self._out_of_reach(flow, tunnel):
            return
        if tunnel.closed and await self._refused_by_name(flow, filter_, url, policy):
            return
        self._keep(flow.client_conn, tunnel)

    def _keep(self, client: connection.Client, tunnel: Tunnel) -> None:
        """A tunnel is open, unless its client left while it was judged: nobody would end it any more."""
        if client.timestamp_end is None:
            self._open[client.id] = tunnel

    def _probe(self, flow: http.HTTPFlow, tunnel: Tunnel) -> None:
        """A name of the self-check: judged like any other, but no name server hears of it, nothing is connected to,
        nothing is recorded, and a browser that does not take our certificate for it teaches nothing. FRONT stands for a
        site that is open; a tunnel to it leads somewhere only where it is our own try."""
        if not connect_port_allowed(tunnel.url.port or 443, self._resolver.reach):
            self._error(flow, "port", tunnel.url.host)
            return
        if tunnel.closed and tunnel.url.host != FRONT:
            verdict = self._verdicts.by_name_now(tunnel.filter, tunnel.url, tunnel.policy, tunnel.address)
            if verdict.blocked:
                url = tunnel.url
                answer(flow, self._guard.made(lambda: self._pages.blocked(flow.request, url, verdict, None)))
                return
        ours = tunnel.url.host == FRONT and self._fronting.server(flow.client_conn.id) is not None
        self._keep(flow.client_conn, replace(tunnel, learns=False, refused=None if ours else "self-check"))

    def _tunnel(self, flow: http.HTTPFlow, filter_: Filter, url: Url, policy: Policy) -> Tunnel:
        address, front = client_of(flow), behind_front(flow.request.headers)
        client = client_key(address)
        if url.host in filter_.ruleset.own_hosts:
            return Tunnel(url, False, filter_, policy, address, client, front=front)
        mode = mode_for(filter_, self._trust, client, url.host, front=front)
        closed = stays_closed(parse_url(url.origin), mode, policy, filter_.ruleset)
        learns = not closed and keeps_trust(filter_, self._trust, policy)
        return Tunnel(url, closed, filter_, policy, address, client, learns, front)

    async def _out_of_reach(self, flow: http.HTTPFlow, tunnel: Tunnel) -> bool:
        request, host, policy = flow.request, tunnel.url.host, tunnel.policy
        forced = forced_name(host, policy, tunnel.filter.ruleset.locks, closed=tunnel.closed)
        problem = await self._resolver.refuse_reason(request.host, request.port, connect=True, forced=forced)
        if problem not in ("address", "loop", "port"):
            return False
        client = client_of(flow)
        verdict = self._verdicts.by_name_now(tunnel.filter, tunnel.url, policy, client)
        self._verdicts.list_refused(client, host, problem, verdict, policy)
        self._error(flow, problem, host)
        return True

    async def _refused_by_name(self, flow: http.HTTPFlow, filter_: Filter, url: Url, policy: Policy) -> bool:
        client = client_of(flow)
        verdict = await self._verdicts.by_name(filter_, url, policy, client)
        if verdict.blocked:
            code = self._verdicts.note(verdict, url, policy, "tunnel")
            if verdict.check != "mandatory":  # what a law blocks is named nowhere
                self._verdicts.list_refused(client, url.host, verdict.reason, verdict, policy)
            answer(flow, self._guard.made(lambda: self._pages.blocked(flow.request, url, verdict, code)))
        elif verdict.check != "help":
            self._verdicts.note(verdict, url, policy, "tunnel")
        return verdict.blocked

    def _error(self, flow: http.HTTPFlow, problem: str, host: str = "") -> None:
        answer(flow, self._guard.made(lambda: self._pages.error(flow.request, problem, host)))

    async def clienthello(self, data: tls.ClientHelloData) -> None:
        """Keep a closed tunnel closed; where its SNI names another host than CONNECT did, judge that name too."""
        client = data.context.client
        tunnel = self._open.get(client.id)
        if tunnel is None:
            return
        try:
            tunnel = await self._at_handshake(tunnel, data.client_hello.sni)
        except Exception as fault:
            self._faults.count(fault)
            if tunnel.policy.on_error is Unrated.BLOCK:
                tunnel = replace(tunnel, refused="error")
        self._keep(client, tunnel)
        data.ignore_connection = tunnel.closed

    async def _at_handshake(self, tunnel: Tunnel, sni: str | None) -> Tunnel:
        """The tunnel as it goes on. A browser opens several at once: where the first taught that this client is not to
        be inspected, the others are closed before they fail as well."""
        if tunnel.learns:
            mode = mode_for(tunnel.filter, self._trust, tunnel.client, tunnel.url.host, front=tunnel.front)
            if mode is Https.SNI:
                refused = await self._judge_late(tunnel, tunnel.url)
                tunnel = replace(tunnel, closed=True, learns=False, refused=refused)
        if tunnel.closed and tunnel.refused is None:
            tunnel = await self._judge_sni(tunnel, sni)
        return tunnel

    def failed(self, data: tls.TlsData) -> None:
        """A client did not take our certificate, or left before it did."""
        tunnel = self._open.get(data.context.client.id)
        if tunnel is not None and tunnel.learns and tunnel.client is not None:
            self._handshakes.failed(tunnel.client, tunnel.url.host, data.conn.error or "")

    def established(self, data: tls.TlsData) -> None:
        """A client took our certificate; whether it means it, its first request says."""
        client_id = data.context.client.id
        tunnel = self._open.get(client_id)
        if tunnel is None:
            return
        self._open[client_id] = replace(tunnel, in_tls=True)
        if tunnel.learns and tunnel.client is not None:
            self._handshakes.established(client_id, tunnel.client, tunnel.url.host)

    async def _judge_sni(self, tunnel: Tunnel, sni: str | None) -> Tunnel:
        try:
            named = name_url(sni, tunnel.url.port) if sni else tunnel.url
        except UrlError:
            return replace(tunnel, refused="bad-request")
        if named.host == tunnel.url.host:
            return tunnel
        refused = await self._judge_late(tunnel, named) or self._elsewhere(tunnel, named)
        return replace(tunnel, named=named, refused=refused)

    def _elsewhere(self, tunnel: Tunnel, named: Url) -> str | None:
        """What the handshake names has to be reached at the engine's filtering host, and this tunnel goes past it: to
        an address of the client's choice, or another host."""
        locks, policy = tunnel.filter.ruleset.locks, tunnel.policy
        forced = forced_name(named.host, policy, locks, closed=True)
        past = forced is not None and forced != forced_name(tunnel.url.host, policy, locks, closed=True)
        return "safesearch" if past else None

    async def _judge_late(self, tunnel: Tunnel, url: Url) -> str | None:
        verdict = await self._verdicts.by_name(tunnel.filter, url, tunnel.policy, tunnel.address)
        self._verdicts.note(verdict, url, tunnel.policy, "tunnel")
        return verdict.reason if verdict.blocked else None

    def server_connect(self, data: server_hooks.ServerConnectionHookData) -> None:
        """The last lock on what is connected to; the resolver judges names."""
        try:
            self._lock(data)
        except Exception as fault:
            self._faults.count(fault)
            data.server.error = "not connected"

    def _lock(self, data: server_hooks.ServerConnectionHookData) -> None:
        tunnel = self._open.get(data.client.id)
        address = data.server.address
        if tunnel is not None and tunnel.refused is not None:
            data.server.error = f"refused: {tunnel.refused}"
            return
        if address is None:
            data.server.error = "no address"
            return
        if tunnel is not None and tunnel.url.host == FRONT and (server := self._fronting.server(data.client.id)):
            data.server.address = server
            return
        connect = tunnel is not None
        udp = data.server.transport_protocol == "udp"
        if reason := self._resolver.reach.judge_server((address[0], address[1]), udp=udp, connect=connect):
            data.server.error = f"{address[0]}: not reachable through this proxy ({reason})"
        peer = data.client.peername[0] if data.client.peername else None
        going_to(Going(address[0], self._forced(tunnel, address[0], peer), peer, connect))

    def _forced(self, tunnel: Tunnel | None, name: str, peer: str | None) -> str | None:
        """The host whose addresses stand in for those of `name`; SNI, Host and the pool still see `name`."""
        if tunnel is not None:
            return forced_name(name, tunnel.policy, tunnel.filter.ruleset.locks, closed=tunnel.closed)
        filter_ = self._live.filter
        policy = filter_.policies.policy_for(peer, None, None, local_now())
        return forced_name(name, policy, filter_.ruleset.locks, closed=False)
