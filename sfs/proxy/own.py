"""Requests for our own pages: the help page and what hangs on it, the reader's report, the picture that proves a
certificate."""

from typing import Final

from mitmproxy import http

from sfs.proxy.facts import client_of, has_form, is_form
from sfs.proxy.fronting import Fronting
from sfs.proxy.marks import OPEN, answer
from sfs.proxy.pages import Pages, local_now
from sfs.proxy.selfcheck import SelfCheck
from sfs.proxy.shared import Shared
from sfs.proxy.trust import (
    CHECK_HOST,
    Proofs,
    behind_front,
    client_key,
    device_state,
    keeps_trust,
    take_proof,
)
from sfs.proxy.tunnels import Tunnels
from sfs.proxy.verdicts import Verdicts
from sfs.sources.filter import Filter
from sfs.sources.trust import Trust

REPORT: Final = "/report"
HELP_HOST: Final = "sfs.home.arpa"


class OwnForm:
    """Under `OPEN`: a form that was sent to one of our pages and waits for its body."""


class OwnPages:
    """Answers what is asked of SFS itself. Nothing here goes upstream."""

    def __init__(
        self,
        pages: Pages,
        verdicts: Verdicts,
        tunnels: Tunnels,
        fronting: Fronting,
        trust: Trust | None,
        shared: Shared,
    ) -> None:
        self._pages = pages
        self._verdicts = verdicts
        self._tunnels = tunnels
        self._trust = trust
        self._shared = shared
        self._proofs = Proofs(key=shared.key("proof"))
        self.selfcheck = SelfCheck(pages, fronting, shared)

    async def headers(self, flow: http.HTTPFlow, filter_: Filter, *, through_proxy: bool) -> None:
        """Answer, or wait for the form of a report. `through_proxy`: not asked at the proxy's own port."""
        request = flow.request
        if through_proxy and request.host.lower().rstrip(".") == CHECK_HOST:
            self._check(flow, filter_)
        elif is_form(request) and has_form(request) and request.path.partition("?")[0] == REPORT:
            flow.metadata[OPEN] = OwnForm()
        else:
            await self._page(flow, filter_, through_proxy=through_proxy)

    async def body(self, flow: http.HTTPFlow, filter_: Filter) -> None:
        """Answer a report that is complete."""
        policy = self._verdicts.policy(filter_, flow)
        answer(flow, await self._pages.report(flow.request, client_of(flow) or "", policy, _reached(flow)))

    async def _page(self, flow: http.HTTPFlow, filter_: Filter, *, through_proxy: bool) -> None:
        client, policy = client_of(flow) or "", self._verdicts.policy(filter_, flow)
        by_name = through_proxy and flow.request.host.lower().rstrip(".") == HELP_HOST
        if by_name and await self.selfcheck.page(flow, policy):
            return
        await self._shared.settled()
        names = self._verdicts.refused.of(client, local_now())
        front = behind_front(flow.request.headers)
        device = device_state(filter_, self._trust, self._proofs, policy, client_key(client), front=front)
        page = self._pages.own(
            flow.request, policy, names, _reached(flow), through_proxy=through_proxy, device=device, client=client
        )
        answer(flow, page)

    def _check(self, flow: http.HTTPFlow, filter_: Filter) -> None:
        """The host that opens only with the certificate: in a tunnel of its own, never over plain HTTP."""
        policy = self._verdicts.policy(filter_, flow)
        if keeps_trust(filter_, self._trust, policy) and self._proves(flow):
            answer(flow, self._pages.proof(flow.request))
        else:
            answer(flow, self._pages.error(flow.request, "not-found"))

    def _proves(self, flow: http.HTTPFlow) -> bool:
        client, tunnel = client_key(client_of(flow)), self._tunnels.of(flow.client_conn.id)
        if client is None or self._trust is None or tunnel is None or tunnel.front:
            return False
        in_tls = tunnel.in_tls and tunnel.url.host == CHECK_HOST
        return in_tls and take_proof(self._trust, self._proofs, client, flow.request)


def _reached(flow: http.HTTPFlow) -> str:
    """The proxy's address as this client reached it, HOST:PORT."""
    host, port = flow.client_conn.sockname[:2]
    host = host.removeprefix("::ffff:") if "." in host else host
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
