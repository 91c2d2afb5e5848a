"""The mitmproxy addon: each hook turns a flow into facts, asks for the verdict, and carries it out.

    http_connect      by name: a closed connection is judged by host, port and (tls_clienthello) SNI     tunnels.py
    tls_*_client      under `https: auto`: who trusts our certificate, and where it is refused             trust.py
    requestheaders    the verdict before anything goes upstream; a search form waits for `request`      requests.py
    form_head         (ours, stock/) the first bytes of a search form that is long, or of unknown length
    responseheaders   pages are held until their head is there, all else streams through               responses.py
    html_head         (ours, stock/) the held head is judged: our page, or release
    server_connect    the last lock: what may be connected to at all                                     tunnels.py
    (our own names)   the help page, the reader's report, the proof of a certificate                         own.py
    (probes)          names below probe.sfs.home.arpa: judged like any other, answered here          selfcheck.py
    client_connected  the self-check's own connection stands for the client that it tries for           fronting.py

In mitmproxy a hook that raises shows the page. Every hook here therefore runs guarded (faults.py): the policy decides
(design, section 3), the fault is counted, and its type and place are logged once, never a value.

`sfs run` loads this addon in a tuned master; `mitmdump -s sfs/proxy/addon.py` loads it with the user's configuration.
"""

import asyncio
from collections.abc import Awaitable, Callable

from mitmproxy import connection, http, tls
from mitmproxy.proxy import server_hooks

from sfs.proxy import stock
from sfs.proxy.facts import Asked
from sfs.proxy.faults import Faults, Guard
from sfs.proxy.fronting import Fronting
from sfs.proxy.loop import LoopGuard
from sfs.proxy.marks import OPEN, OURS
from sfs.proxy.own import OwnForm, OwnPages
from sfs.proxy.pages import Pages
from sfs.proxy.reach import client_allowed
from sfs.proxy.recheck import Recheck
from sfs.proxy.requests import Requests
from sfs.proxy.resolver import Resolver
from sfs.proxy.responses import Responses
from sfs.proxy.shared import Shared
from sfs.proxy.tunnels import Tunnel, Tunnels
from sfs.proxy.verdicts import Verdicts
from sfs.sources.journal import Journal
from sfs.sources.live import Live
from sfs.sources.trust import Trust
from sfs.text.address import Network


class SfsAddon:
    """One running proxy. The filter of `live` may be replaced at any time; each request keeps the one it began with."""

    def __init__(
        self,
        live: Live,
        pages: Pages,
        journal: Journal | None,
        resolver: Resolver,
        *,
        trust: Trust | None = None,
        listens_on_loopback: bool = True,
        named_clients: tuple[Network, ...] = (),
        shared: Shared | None = None,
    ) -> None:
        shared = shared or Shared()
        self.live = live
        self.resolver = resolver
        self.faults = Faults()
        self.verdicts = Verdicts(journal, self.faults, shared)
        self._guard = Guard(self.faults, pages, lambda: live.filter, self.verdicts.policy)
        self._fronting = Fronting(shared)
        self._tunnels = Tunnels(live, pages, resolver, self.verdicts, self._guard, self.faults, self._fronting, trust)
        self._recheck = Recheck(live, self._tunnels, self.verdicts, self.faults, stock.drop)
        self._own = OwnPages(pages, self.verdicts, self._tunnels, self._fronting, trust, shared)
        loops = LoopGuard(shared.key("loop"))
        self._requests = Requests(live, resolver, pages, self._own, self.verdicts, self._guard, loops)
        self._responses = Responses(pages, self.verdicts, self._guard)
        self._on_loopback = listens_on_loopback
        self._named_clients = named_clients

    def open_tunnels(self) -> "dict[str, list[Tunnel]]":
        """The tunnels that are open, by how they are judged: by `name`, or `whole`."""
        found = {"name": self._tunnels.closed(), "whole": self._tunnels.opened()}
        return {judged: [tunnel for _, tunnel in tunnels] for judged, tunnels in found.items()}

    def running(self) -> None:
        """The loop runs: from now on a new filter is looked at as soon as it holds."""
        self._recheck.follow(asyncio.get_running_loop())

    # Connections

    def client_connected(self, client: connection.Client) -> None:
        """Turn strangers away before they say anything."""
        try:
            self._fronting.connected(client)
            peer = client.peername[0] if client.peername else ""
            if not client_allowed(peer, self._on_loopback, self._named_clients):
                client.error = "this proxy does not serve your address"
        except Exception as fault:
            self.faults.count(fault)
            client.error = "not served"

    def client_disconnected(self, client: connection.Client) -> None:
        """A tunnel ends with its connection."""
        self._quietly(lambda: self._tunnels.end(client.id))
        self._quietly(lambda: self._fronting.ended(client.id))
        self._quietly(lambda: self._recheck.disconnected(client.id))

    async def http_connect(self, flow: http.HTTPFlow) -> None:
        """Judge a tunnel by name, or let it be opened so that its requests are judged."""
        if (waits := self._guard.run(flow, self._tunnels.connect)) is not None:
            await waits
        if (tunnel := self._tunnels.of(flow.client_conn.id)) is not None:
            self._quietly(lambda: self._recheck.began(tunnel))
        if flow.response is not None or (tunnel is not None and tunnel.closed):  # else its requests will be judged
            self._quietly(lambda: self._own.selfcheck.tunnel(flow))

    async def tls_clienthello(self, data: tls.ClientHelloData) -> None:
        """Keep a closed tunnel closed; where its SNI names another host than CONNECT did, judge that name too."""
        await self._tunnels.clienthello(data)
        if (tunnel := self._tunnels.of(data.context.client.id)) is not None and tunnel.closed:
            self._quietly(lambda: self._recheck.began(tunnel))

    def tls_established_client(self, data: tls.TlsData) -> None:
        """A client took our certificate."""
        self._quietly(lambda: self._tunnels.established(data))

    def tls_failed_client(self, data: tls.TlsData) -> None:
        """A client did not take our certificate."""
        self._quietly(lambda: self._tunnels.failed(data))
        self._quietly(lambda: self._own.selfcheck.failed(data))

    def _quietly(self, learn: Callable[[], None]) -> None:
        """Run what shows nothing to anybody."""
        try:
            learn()
        except Exception as fault:
            self.faults.count(fault)

    def server_connect(self, data: server_hooks.ServerConnectionHookData) -> None:
        """The last lock on what is connected to; the resolver judges names."""
        self._tunnels.server_connect(data)

    # Requests

    # What need not wait is a plain function that returns None; else what is to be awaited.

    def requestheaders(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        """The verdict on a request, before its body is read and before anything goes upstream."""
        try:
            self._tunnels.asked(flow.client_conn.id)
        except Exception as fault:
            self.faults.count(fault)
        if flow.error is not None:  # refused as malformed; the client gets 400
            return None
        return self._guard.run(flow, self._requests.headers)

    def request(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        """Judge what waited for its form; take a report. What waited for nothing goes on at once."""
        waits = flow.metadata.get(OPEN)
        if flow.response is not None:
            return None
        if isinstance(waits, Asked):
            return self._guard.run(flow, self._requests.body)
        if isinstance(waits, OwnForm):
            return self._guard.run(flow, lambda flow: self._own.body(flow, self.live.filter))
        return None

    def form_head(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        """Judge a long form by its first bytes (stock/ calls it once for each that `requestheaders` marked)."""
        return self._guard.run(flow, self._requests.form_head)

    # Responses

    def responseheaders(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        """Hold a page until its head is there; judge what is no page by its header; stream the rest."""
        if OURS in flow.metadata or flow.response is None:
            return None
        waits = self._guard.run(flow, self._responses.headers)
        if waits is not None:
            return self._answered_later(flow, waits)
        self._answered(flow)
        return None

    async def _answered_later(self, flow: http.HTTPFlow, waits: Awaitable[None]) -> None:
        await waits
        self._answered(flow)

    def _answered(self, flow: http.HTTPFlow) -> None:
        try:
            self._recheck.answered(flow)
        except Exception as fault:
            self.faults.count(fault)
        if stock.HOLD not in flow.metadata:
            flow.metadata.pop(OPEN, None)  # what streams for hours keeps no old filter in memory

    def html_head(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        """Judge the held head of a page (stock/ calls it once for each held response)."""
        return self._guard.run(flow, self._responses.html_head)

    def response(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        """Where mitmproxy has changed and nothing can be held: judge the whole page, bounded as ever."""
        if not stock.stock_mode or flow.response is None:
            return None
        if OURS in flow.metadata and stock.ANSWER not in flow.metadata:
            return None
        return self._whole(flow)

    async def _whole(self, flow: http.HTTPFlow) -> None:
        if (waits := self._guard.run(flow, self._responses.whole)) is not None:
            await waits
        if stock.ANSWER in flow.metadata:
            flow.response = flow.metadata[stock.ANSWER]


def __getattr__(name: str) -> object:
    """`addons`: what stock mitmproxy asks of a script. Made when asked for, so that an import costs nothing."""
    if name != "addons":
        raise AttributeError(name)
    from sfs.proxy.script import Script

    made = globals()["addons"] = [Script()]
    return made
