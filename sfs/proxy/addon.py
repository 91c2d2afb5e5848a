"""The mitmproxy addon: each hook turns a flow into facts, asks for the verdict, and carries it out.

    http_connect      by name: a closed connection is judged by host, port and (tls_clienthello) SNI
    requestheaders    the verdict before anything goes upstream; a search form waits for `request`
    responseheaders   pages are held until their head is there, all else streams through
    html_head         (ours, stock.py) the held head is judged: our page, or release
    server_connect    the last lock: what may be connected to at all

In mitmproxy a hook that raises shows the page. Every hook here therefore runs inside `_guarded`, which decides as the
policy says (design, section 3), counts, and logs type and place once, never a value.

`sfs run` loads this addon in a tuned master; `mitmdump -s sfs/proxy/addon.py` loads it with the user's configuration.
"""

import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import PurePath
from traceback import extract_tb

from mitmproxy import connection, http, tls
from mitmproxy.proxy import server_hooks

from sfs.core.facts import Facts, Https, Need
from sfs.core.levels import Unrated
from sfs.core.page import may_be_html, page_from
from sfs.core.policy import Policy
from sfs.core.sight import stays_closed
from sfs.core.verdict import Action, Verdict
from sfs.errors import UrlError
from sfs.proxy import stock
from sfs.proxy.decode import accepted
from sfs.proxy.facts import (
    Asked,
    BadRequest,
    asked_of,
    client_of,
    facts_of,
    has_form,
    hide_mark,
    settle_path,
    without_mark,
)
from sfs.proxy.held import HeldHead
from sfs.proxy.pages import Pages, decision_code, local_now
from sfs.proxy.reach import Going, LoopGuard, Resolver, client_allowed, going_to
from sfs.proxy.refused import Refusal, Refused
from sfs.sources.filter import Filter
from sfs.sources.https import https_mode
from sfs.sources.journal import Journal, Record
from sfs.text.address import Network
from sfs.text.url import Url, name_url, parse_url

log = logging.getLogger("sfs.proxy")

OURS = "sfs.ours"  # flow.metadata: this answer is our own page; it is not judged again
OPEN = "sfs.open"  # flow.metadata: an Open, a request that was let through and whose response is to be judged
BUFFERED = 65_536  # bytes: shorter bodies cost less buffered than streamed (measured in mitmproxy: 849 to 1,091 us)
_REDIRECTS = frozenset({301, 302, 303, 307, 308})  # those a browser follows; of any other it shows the body
MAX_UPLOAD = 65_536  # bytes of a request body that are buffered; longer ones stream


@dataclass(frozen=True, slots=True)
class Tunnel:
    """A CONNECT. `closed`: judged by name, never opened. `refused`: why what the SNI names is not shown."""

    url: Url
    closed: bool
    policy: Policy
    refused: str | None = None


@dataclass(frozen=True, slots=True)
class Open:
    """A request that was let through: what is known of it, and whether the response has a say."""

    facts: Facts
    policy: Policy
    asks_page: bool


class SfsAddon:
    """One running proxy. `filter` may be replaced between two requests; each request keeps the one it began with."""

    def __init__(
        self,
        filter_: Filter,
        pages: Pages,
        journal: Journal | None,
        resolver: Resolver,
        *,
        listens_on_loopback: bool = True,
        named_clients: tuple[Network, ...] = (),
    ) -> None:
        self.filter = filter_
        self.pages = pages
        self.journal = journal
        self.resolver = resolver
        self.refused = Refused()
        self.faults: Counter[str] = Counter()
        self._loop_guard = LoopGuard()
        self._tunnels: dict[str, Tunnel] = {}
        self._https = https_mode(filter_.config)
        self._on_loopback = listens_on_loopback
        self._named_clients = named_clients

    # Connections

    def client_connected(self, client: connection.Client) -> None:
        """Turn strangers away before they say anything."""
        try:
            peer = client.peername[0] if client.peername else ""
            if not client_allowed(peer, self._on_loopback, self._named_clients):
                client.error = "this proxy does not serve your address"
        except Exception as fault:
            self._count(fault)
            client.error = "not served"

    def client_disconnected(self, client: connection.Client) -> None:
        """A tunnel ends with its connection."""
        self._tunnels.pop(client.id, None)

    async def http_connect(self, flow: http.HTTPFlow) -> None:
        """Judge a tunnel by name, or let it be opened so that its requests are judged."""
        await self._guarded(flow, self._connect)

    async def _connect(self, flow: http.HTTPFlow) -> None:
        request = flow.request
        policy = self._policy(flow)
        try:
            url = name_url(request.host, request.port)
        except UrlError:
            self._answer(flow, self._made(lambda: self.pages.error(request, "bad-request")))
            return
        closed = stays_closed(parse_url(url.origin), self._https, policy, self.filter.ruleset)
        if url.host in self.filter.ruleset.own_hosts:
            closed = False
        else:
            problem = await self.resolver.refuse_reason(request.host, request.port, connect=True)
            if problem in ("address", "loop", "port"):
                self._refuse(flow, url, problem)
                self._answer(flow, self._made(lambda: self.pages.error(request, problem, url.host)))
                return
        if closed:
            verdict = self._verdict(Facts(url, Https.SNI, client=client_of(flow), time=local_now()), policy)
            if verdict.blocked:
                code = self._note(verdict, url, policy)
                self._remember(flow, url, verdict)
                self._answer(flow, self._made(lambda: self.pages.blocked(request, url, verdict, code)))
                return
            if verdict.check != "help":
                self._note(verdict, url, policy)
        self._tunnels[flow.client_conn.id] = Tunnel(url, closed, policy)

    def tls_clienthello(self, data: tls.ClientHelloData) -> None:
        """Keep a closed tunnel closed; where its SNI names another host than CONNECT did, judge that name too."""
        client = data.context.client
        tunnel = self._tunnels.get(client.id)
        if tunnel is None:
            return
        try:
            refused = self._judge_sni(tunnel, data.client_hello.sni) if tunnel.closed else None
        except Exception as fault:
            self._count(fault)
            refused = "error" if tunnel.policy.on_error is Unrated.BLOCK else None
        if refused is not None:
            self._tunnels[client.id] = Tunnel(tunnel.url, tunnel.closed, tunnel.policy, refused)
        data.ignore_connection = tunnel.closed

    def _judge_sni(self, tunnel: Tunnel, sni: str | None) -> str | None:
        if not sni:
            return None
        try:
            url = name_url(sni, tunnel.url.port)
        except UrlError:
            return "bad-request"
        if url.host == tunnel.url.host:
            return None
        verdict = self._verdict(Facts(url, Https.SNI, time=local_now()), tunnel.policy)
        self._note(verdict, url, tunnel.policy)
        return verdict.reason if verdict.blocked else None

    def server_connect(self, data: server_hooks.ServerConnectionHookData) -> None:
        """The last lock on what is connected to; the resolver judges names."""
        try:
            tunnel = self._tunnels.get(data.client.id)
            address = data.server.address
            peer = data.client.peername[0] if data.client.peername else None
            if tunnel is not None and tunnel.refused is not None:
                data.server.error = f"refused: {tunnel.refused}"
            elif address is None:
                data.server.error = "no address"
            else:
                connect = tunnel is not None
                udp = data.server.transport_protocol == "udp"
                if reason := self.resolver.reach.judge_server((address[0], address[1]), udp=udp, connect=connect):
                    data.server.error = f"{address[0]}: not reachable through this proxy ({reason})"
                going_to(Going(address[0], client=peer, connect=connect))
        except Exception as fault:
            self._count(fault)
            data.server.error = "not connected"

    # Requests

    async def requestheaders(self, flow: http.HTTPFlow) -> None:
        """The verdict on a request, before its body is read and before anything goes upstream."""
        if flow.error is not None:
            return  # refused as malformed; the client gets 400
        await self._guarded(flow, self._request_headers)

    async def _request_headers(self, flow: http.HTTPFlow) -> None:
        request = flow.request
        if stock.ORIGIN_FORM in flow.metadata:
            self._own_page(flow, through_proxy=False)
            return
        asked = asked_of(request)
        if await self._is_for_us(flow, asked):
            return
        if self._loop_guard.seen(request.headers.get_all("via")):
            self._answer(flow, self._made(lambda: self.pages.error(request, "loop")))
            return
        if has_form(request):
            flow.metadata[OPEN] = asked  # `request` will judge it, with the form
            return
        await self._judge_request(flow, asked)
        if flow.response is None and _uploads(request):
            request.stream = True

    async def request(self, flow: http.HTTPFlow) -> None:
        """Judge what waited for its form."""
        asked = flow.metadata.get(OPEN)
        if isinstance(asked, Asked) and flow.response is None:
            flow.metadata.pop(OPEN)
            await self._guarded(flow, lambda flow: self._judge_request(flow, asked))

    async def _is_for_us(self, flow: http.HTTPFlow, asked: Asked) -> bool:
        """Our own pages: by our name, or by the address of the proxy itself in any spelling."""
        if asked.url.host in self.filter.ruleset.own_hosts:
            self._own_page(flow, through_proxy=True)
            return True
        if await self.resolver.listening_self(flow.request.host, flow.request.port):
            self._own_page(flow, through_proxy=True)
            return True
        return False

    def _own_page(self, flow: http.HTTPFlow, *, through_proxy: bool) -> None:
        client = client_of(flow) or ""
        names = self.refused.of(client, local_now())
        policy = self._policy(flow)
        page = self.pages.own(flow.request, policy, names, _reached(flow), through_proxy=through_proxy)
        self._answer(flow, page)

    async def _judge_request(self, flow: http.HTTPFlow, asked: Asked) -> None:
        policy = self._policy(flow)
        facts = facts_of(flow, asked, local_now())
        answer, facts = self.filter.judge(facts, policy)
        if isinstance(answer, Verdict) and answer.blocked:
            self._block(flow, facts, policy, answer)
            return
        if answer.notice and not asked.went_on and facts.method in ("GET", "HEAD"):
            self._answer(flow, self.pages.help_words(flow.request, facts.url))
            return
        if problem := await self.resolver.refuse_reason(flow.request.host, flow.request.port):
            page = {"name": "unreachable", "busy": "no-answer"}.get(problem, problem)
            self._answer(flow, self._made(lambda: self.pages.error(flow.request, page, facts.url.host)))
            return
        self._let_through(flow, facts, policy, answer, asked)

    def _let_through(
        self, flow: http.HTTPFlow, facts: Facts, policy: Policy, answer: Verdict | Need, asked: Asked
    ) -> None:
        request = flow.request
        asks_page = isinstance(answer, Need)
        flow.metadata[OPEN] = Open(facts, policy, asks_page)
        if isinstance(answer, Verdict):
            self._note(answer, facts.url, policy)
        if asked.went_on:
            request.data.path, _ = without_mark(request.data.path)
        settle_path(request, facts.url)
        hide_mark(request)
        for name in ("proxy-authorization", "proxy-connection"):  # said to us, not to the server
            request.headers.pop(name, None)
        if asks_page:
            # Part of a page, or none because the browser has it, is nothing to judge.
            for name in ("range", "if-range", "if-modified-since", "if-none-match"):
                request.headers.pop(name, None)
        if "accept-encoding" in request.headers and asks_page:
            request.headers["accept-encoding"] = accepted(request.headers["accept-encoding"])
        if request.scheme == "http":
            request.headers.add("via", self._loop_guard.mark())

    # Responses

    async def responseheaders(self, flow: http.HTTPFlow) -> None:
        """Hold a page until its head is there; judge what is no page by its header; stream the rest."""
        if OURS in flow.metadata or flow.response is None:
            return
        await self._guarded(flow, self._response_headers)

    async def _response_headers(self, flow: http.HTTPFlow) -> None:
        response = flow.response
        opened = flow.metadata.get(OPEN)
        assert response is not None
        if not isinstance(opened, Open):
            raise RuntimeError("a response to a request that was not judged")
        if not opened.asks_page:
            response.stream = _streams(response)
            return
        content_type = response.headers.get("content-type")
        if _has_body(flow) and may_be_html(content_type):
            head = HeldHead(content_type, response.headers.get("content-encoding"))
            flow.metadata[stock.HOLD] = head
            return
        self._judge_page(flow, opened, None, cut=False)
        if stock.ANSWER not in flow.metadata:
            response.stream = _streams(response)

    async def html_head(self, flow: http.HTTPFlow) -> None:
        """Judge the held head of a page (stock.py calls it once for each held response)."""
        await self._guarded(flow, self._html_head)

    async def _html_head(self, flow: http.HTTPFlow) -> None:
        opened, head = flow.metadata.get(OPEN), flow.metadata.pop(stock.HOLD, None)
        assert isinstance(opened, Open) and isinstance(head, HeldHead)
        if flow.metadata.get(stock.ENDED) == "error":
            raise RuntimeError("the head could not be read")
        body = head.body()
        whole = flow.metadata.get(stock.ENDED) == "end"
        self._judge_page(flow, opened, body, cut=body is not None and head.is_cut(whole=whole))

    def _judge_page(self, flow: http.HTTPFlow, opened: Open, body: bytes | None, *, cut: bool) -> None:
        assert flow.response is not None
        headers = tuple((name.lower(), value) for name, value in flow.response.headers.items(multi=True))
        page = page_from(opened.facts.url, headers, body, local_now(), cut=cut)
        answer, facts = self.filter.judge(opened.facts.with_page(page), opened.policy)
        assert isinstance(answer, Verdict)
        if answer.blocked:
            code = self._note(answer, facts.url, opened.policy)
            flow.metadata[OURS] = True
            flow.metadata[stock.ANSWER] = self._made(lambda: self.pages.blocked(flow.request, facts.url, answer, code))
        else:
            self._note(answer, facts.url, opened.policy)

    async def response(self, flow: http.HTTPFlow) -> None:
        """Where mitmproxy has changed and nothing can be held: judge the whole page, bounded as ever."""
        if (
            not stock.stock_mode
            or flow.response is None
            or (OURS in flow.metadata and stock.ANSWER not in flow.metadata)
        ):
            return
        await self._guarded(flow, self._whole_response)
        if stock.ANSWER in flow.metadata:
            flow.response = flow.metadata[stock.ANSWER]

    async def _whole_response(self, flow: http.HTTPFlow) -> None:
        head, response = flow.metadata.get(stock.HOLD), flow.response
        if isinstance(head, HeldHead) and response is not None:
            head.feed(response.raw_content or b"")
            flow.metadata[stock.ENDED] = "end"
            await self._html_head(flow)

    # Verdicts

    def _policy(self, flow: http.HTTPFlow) -> Policy:
        return self.filter.policies.policy_for(client_of(flow), None, None, local_now())

    def _verdict(self, facts: Facts, policy: Policy) -> Verdict:
        answer, _ = self.filter.judge(facts, policy)
        assert isinstance(answer, Verdict)
        return answer

    def _block(self, flow: http.HTTPFlow, facts: Facts, policy: Policy, verdict: Verdict) -> None:
        code = self._note(verdict, facts.url, policy)
        self._answer(flow, self._made(lambda: self.pages.blocked(flow.request, facts.url, verdict, code)))

    def _note(self, verdict: Verdict, url: Url, policy: Policy) -> str | None:
        """Count and record a verdict as far as it may be; its code for the page, where there is a record of it."""
        try:
            return self._recorded(verdict, url, policy)
        except Exception as fault:  # what cannot be recorded is decided all the same
            self._count(fault)
            return None

    def _recorded(self, verdict: Verdict, url: Url, policy: Policy) -> str | None:
        if verdict.fault is not None:
            self._count_fault(verdict.fault)
        if self.journal is None:
            return None
        now = local_now()
        self.journal.count(verdict, now)
        if not self.journal.wants(verdict, policy.record):
            return None
        code = decision_code() if verdict.blocked else None
        self.journal.note(Record(now, policy.name, url.host, verdict, code))
        return code

    def _remember(self, flow: http.HTTPFlow, url: Url, verdict: Verdict) -> None:
        """For /why; not what a law blocks, and not in profile isp."""
        client = client_of(flow)
        policy = self._policy(flow)
        if client and verdict.record and verdict.check != "mandatory" and policy.checks is None:
            self.refused.note(client, Refusal(local_now(), url.host, verdict.reason))

    def _refuse(self, flow: http.HTTPFlow, url: Url, problem: str) -> None:
        client = client_of(flow)
        policy = self._policy(flow)
        verdict = self._verdict(Facts(url, Https.SNI, client=client, time=local_now()), policy)
        if client and verdict.record and policy.checks is None:  # a help host is named nowhere
            self.refused.note(client, Refusal(local_now(), url.host, problem))

    def _answer(self, flow: http.HTTPFlow, response: http.Response) -> None:
        flow.metadata[OURS] = True
        flow.response = response

    # Faults

    async def _guarded(self, flow: http.HTTPFlow, work: Callable[[http.HTTPFlow], Awaitable[None]]) -> None:
        try:
            await work(flow)
        except BadRequest as fault:
            problem = fault.problem
            self._answer(flow, self._made(lambda: self.pages.error(flow.request, problem)))
        except Exception as fault:
            self._count(fault)
            self._decide_fault(flow)

    def _decide_fault(self, flow: http.HTTPFlow) -> None:
        """Something of ours failed: blocked at levels 0 to 2 and in allowlist-only, else shown."""
        opened = flow.metadata.get(OPEN)
        policy = opened.policy if isinstance(opened, Open) else self._policy_or_default(flow)
        if policy.on_error is not Unrated.BLOCK:
            flow.metadata.pop(stock.HOLD, None)
            if not isinstance(opened, Open):
                flow.metadata[OPEN] = Open(Facts(parse_url("http://fault.invalid/")), policy, asks_page=False)
            return
        verdict = Verdict(Action.BLOCK, "error", "error", policy.level)
        page = self._made(lambda: self._fault_page(flow.request, verdict))
        answers_upstream = flow.response is not None and OURS not in flow.metadata
        flow.metadata[OURS] = True
        if answers_upstream:  # set as the response itself, the page would be sent with the server's body
            flow.metadata[stock.ANSWER] = page
        else:
            flow.response = page

    def _fault_page(self, request: http.Request, verdict: Verdict) -> http.Response:
        if verdict.level <= 2:
            return self.pages.blocked(request, parse_url("http://fault.invalid/"), verdict, None)
        return self.pages.error(request, "internal")

    def _made(self, make: Callable[[], http.Response]) -> http.Response:
        """A page of ours; where it cannot be made the answer is no all the same, in fewer words."""
        try:
            return make()
        except Exception as fault:
            self._count(fault)
            return http.Response.make(403, b"Not shown.\n", {"Content-Type": "text/plain", "Cache-Control": "no-store"})

    def _policy_or_default(self, flow: http.HTTPFlow) -> Policy:
        try:
            return self._policy(flow)
        except Exception as fault:
            self._count(fault)
            return self.filter.policies.default

    def _count(self, fault: Exception) -> None:
        place = extract_tb(fault.__traceback__)[-1]
        self._count_fault(f"{type(fault).__name__} at {PurePath(place.filename).name}:{place.lineno}")

    def _count_fault(self, text: str) -> None:
        self.faults[text] += 1
        if self.faults[text] == 1:
            log.error("a check failed, the policy decides: %s", text)


def _reached(flow: http.HTTPFlow) -> str:
    """The proxy's address as this client reached it, HOST:PORT."""
    host, port = flow.client_conn.sockname[:2]
    host = host.removeprefix("::ffff:") if "." in host else host
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _uploads(request: http.Request) -> bool:
    """Whether a body comes that is too long to keep: it streams, since its verdict is already given."""
    length = request.headers.get("content-length", "")
    if "transfer-encoding" in request.headers or (request.is_http2 and not length):
        return True  # HTTP/2 needs no length; where no body comes at all, streaming it changes nothing
    return length.isdigit() and int(length) > MAX_UPLOAD


def _streams(response: http.Response) -> bool:
    length = response.headers.get("content-length", "")
    return response.status_code != 101 and not (length.isdigit() and int(length) <= BUFFERED)


def _has_body(flow: http.HTTPFlow) -> bool:
    """Whether there is a page to look at. A redirect is followed, and judged where it leads."""
    assert flow.response is not None
    status = flow.response.status_code
    # 100 to 199, not less: browsers take "HTTP/1.1 -20" for 200.
    if flow.request.method == "HEAD" or 100 <= status < 200 or status in (204, 304):
        return False
    return not (status in _REDIRECTS and flow.response.headers.get("location", "").strip())


def __getattr__(name: str) -> object:
    """`addons`: what stock mitmproxy asks of a script. Made when asked for, so that an import costs nothing."""
    if name != "addons":
        raise AttributeError(name)
    from sfs.proxy.script import Script

    made = globals()["addons"] = [Script()]
    return made
