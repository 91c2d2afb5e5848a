"""The self-check: which ways around the filter are open for this device. The browser tries them over plain HTTP and
over HTTPS, the proxy keeps what it decided of each, in memory, for ten minutes, and nowhere else. Nothing of it goes
upstream."""

import secrets
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Final

from cachetools import TTLCache
from mitmproxy import http, tls

from sfs.core.facts import Need
from sfs.core.policy import Policy
from sfs.core.probes import ADDRESS, BY_NAME, RUN, form_leads_to, probe_of
from sfs.proxy.facts import Asked, client_of, facts_of
from sfs.proxy.fronting import Fronting
from sfs.proxy.marks import answer
from sfs.proxy.pages import Pages, local_now, response_of
from sfs.proxy.shared import Shared
from sfs.proxy.trust import behind_front, is_refusal
from sfs.sources.filter import Filter
from sfs.text.url import Url
from sfs.web.checkpage import Came, Sight, Ways, form_answer, preflight_answer, probe_answer

PATH: Final = "/check"
RESULT: Final = "/check/result"
SCRIPT: Final = "/check.js"
MAX_RUNS: Final = 256
MAX_OF_CLIENT: Final = 4  # runs; a fifth takes the place of the client's oldest
KEPT: Final = 600.0  # seconds


@dataclass(slots=True)
class Run:
    """One reader's run. `closed`: what was decided of each probe that came, by its name and whether over HTTPS.
    `fronting`: what came of that try; `tried`: that it was made."""

    token: str
    client: str
    closed: dict[tuple[str, bool], bool] = field(default_factory=dict)
    scripted: bool = False
    looked_inside: bool = False
    by_name: bool = False
    distrusted: bool = False
    tried: bool = False
    fronting: bool | None = None

    def keep(self, probe: str | None, *, secure: bool, closed: bool) -> None:
        """Keep what was decided of a probe that the browser tries. Open once is open."""
        if probe in BY_NAME and BY_NAME[probe].manner != "ourselves":
            self.closed[probe, secure] = self.closed.get((probe, secure), True) and closed

    def said(self) -> dict[str, Any]:
        """What came so far, as JSON has it."""
        return {
            "closed": [[probe, secure, closed] for (probe, secure), closed in self.closed.items()],
            "flags": [self.scripted, self.looked_inside, self.by_name, self.distrusted, self.tried],
            "fronting": self.fronting,
        }

    def add(self, said: dict[str, Any]) -> None:
        """Add what came to another worker. In whatever order that is done, the sum is the same."""
        for probe, secure, closed in said["closed"]:
            self.keep(probe, secure=secure, closed=closed)
        flags = ("scripted", "looked_inside", "by_name", "distrusted", "tried")
        for name, there in zip(flags, said["flags"], strict=True):
            setattr(self, name, getattr(self, name) or there)
        self.fronting = said["fronting"] if self.fronting is None else self.fronting

    def came(self) -> Came:
        """What came of the run, for its page."""
        said = self.closed.get
        ways = {name: Ways(said((name, False)), said((name, True))) for name in BY_NAME}
        ways["fronting"] = Ways(None, self.fronting)
        return Came(ways, self._sight(), scripted=self.scripted)

    def _sight(self) -> Sight:
        if self.looked_inside:
            return "whole"
        return "name" if self.by_name else "refused" if self.distrusted else "none"


class SelfCheck:
    """The runs of one proxy."""

    def __init__(self, pages: Pages, fronting: Fronting, shared: Shared) -> None:
        self._pages = pages
        self._fronting = fronting
        self._shared = shared
        shared.on("run", self._told)
        self._runs: TTLCache[str, Run] = TTLCache(MAX_RUNS, KEPT)
        self._of_client: TTLCache[str, deque[str]] = TTLCache(MAX_RUNS, KEPT)

    async def page(self, flow: http.HTTPFlow, policy: Policy) -> bool:
        """Answer what is asked of the self-check's own pages; False for any other."""
        client, (path, _, query) = client_of(flow) or "", flow.request.path.partition("?")
        if path == RESULT:
            await self._shared.settled()
        run = self._run(query, client)
        if path == PATH:
            answer(flow, self._pages.check(flow.request, self._start(client).token))
        elif path == SCRIPT:
            if run is not None:
                run.scripted = True
                self._tell(run)
            answer(flow, self._pages.check_script(flow.request))
        elif path == RESULT and run is None:
            answer(flow, http.Response.make(302, b"", {"Location": PATH, "Cache-Control": "no-store"}))
        elif path == RESULT and run is not None:
            await self._try_fronting(run, flow)
            answer(flow, self._pages.check_result(flow.request, run.came(), policy))
        else:
            return False
        return True

    def takes(self, asked: Asked, client: str) -> bool:
        """Whether a request is for a probe. The address stands for one only in a run: without it, it is an address."""
        probe = probe_of(asked.url.host)
        return probe is not None and (asked.url.host != ADDRESS or self._of(asked.url, client) is not None)

    def judge(self, flow: http.HTTPFlow, asked: Asked, filter_: Filter, policy: Policy) -> None:
        """Judge a probe by all checks, keep what was decided for its run, and answer it."""
        run, secure = self._of(asked.url, client_of(flow) or ""), asked.url.scheme == "https"
        facts = facts_of(flow, asked, local_now(), filter_.labels_of(asked.url, policy))
        said, facts = filter_.judge(facts, policy)
        if isinstance(said, Need):  # nothing more to say against the URL; what it carries is judged with the page
            said, _ = filter_.judge(facts.with_page(None), policy)
        closed = not isinstance(said, Need) and said.blocked
        if run is not None and secure:
            run.looked_inside = True
        probe = probe_of(asked.url.host)
        if not closed and flow.request.method == "OPTIONS":
            answer(flow, response_of(preflight_answer()))  # a browser's own question before it asks; no try yet
        elif not closed and probe == "form" and flow.request.method == "POST":
            # A web proxy shows nothing yet: it sends the browser on to the page, which is judged as it comes.
            answer(flow, response_of(form_answer(form_leads_to(run.token if run is not None else ""))))
        else:
            if run is not None:
                run.keep(probe, secure=secure, closed=closed)
                self._tell(run)
            answer(flow, response_of(probe_answer(closed=closed)))

    def tunnel(self, flow: http.HTTPFlow) -> None:
        """A tunnel was refused, or let through without a look inside. It names no run, so the client's last one counts.
        To port 80 goes a WebSocket that is not secure."""
        host, secure, closed = flow.request.host, flow.request.port != 80, flow.response is not None
        probe, run = probe_of(host.lower().rstrip(".")), self._latest(client_of(flow))
        if probe is not None and run is not None:
            run.by_name = run.by_name or (secure and not closed)
            run.keep(probe, secure=secure, closed=closed)
            self._tell(run)

    def failed(self, data: tls.TlsData) -> None:
        """A handshake failed: where it names a probe, the browser may not trust our certificate."""
        peer, sni = data.context.client.peername, data.context.client.sni
        run = self._latest(peer[0] if peer else None)
        if run is not None and sni is not None and probe_of(sni) is not None and is_refusal(data.conn.error or ""):
            run.distrusted = True
            self._tell(run)

    async def _try_fronting(self, run: Run, flow: http.HTTPFlow) -> None:
        """Once a run; the page waits for it."""
        if not run.tried:
            run.tried = True
            front = behind_front(flow.request.headers)
            run.fronting = await self._fronting.refused(run.client, flow.client_conn.sockname, front=front)
            self._tell(run)

    def _start(self, client: str) -> Run:
        run = self._begin(secrets.token_urlsafe(16), client)
        self._tell(run)
        return run

    def _tell(self, run: Run) -> None:
        self._shared.tell("run", run.token, run.client, run.said())

    def _told(self, token: str, client: str, said: dict[str, Any]) -> None:
        (self._runs.get(token) or self._begin(token, client)).add(said)

    def _begin(self, token: str, client: str) -> Run:
        run = Run(token, client)
        tokens = self._of_client.get(client, deque())
        if len(tokens) >= MAX_OF_CLIENT:
            self._runs.pop(tokens.popleft(), None)
        tokens.append(run.token)
        self._of_client[client] = tokens
        self._runs[run.token] = run
        return run

    def _latest(self, client: str | None) -> Run | None:
        tokens = self._of_client.get(client or "")
        return self._runs.get(tokens[-1]) if tokens else None

    def _of(self, url: Url, client: str) -> Run | None:
        return self._run(url.sent.query or "", client)

    def _run(self, query: str, client: str) -> Run | None:
        """The run that a query names, if it is this client's."""
        for part in query[-4096:].split("&")[-8:]:
            name, _, token = part.partition("=")
            run = self._runs.get(token) if name == RUN else None
            if run is not None and run.client == client:
                return run
        return None
