"""The self-check: which ways around the filter are open for this device. The browser tries them, the proxy keeps what
it decided of each, in memory, for ten minutes, and nowhere else. Nothing of it goes upstream."""

import secrets
from dataclasses import dataclass, field
from typing import Final

from cachetools import TTLCache
from mitmproxy import http

from sfs.core.facts import Facts, Https, Need
from sfs.core.policy import Policy
from sfs.core.probes import ADDRESS, PROBES, RUN, probe_of
from sfs.proxy.facts import Asked, BadRequest, asked_of, client_of, facts_of
from sfs.proxy.marks import answer
from sfs.proxy.pages import Pages, local_now
from sfs.sources.filter import Filter
from sfs.text.url import Url, parse_url

PATH: Final = "/check"
RESULT: Final = "/check/result"
SCRIPT: Final = "/check.js"
MAX_RUNS: Final = 256
KEPT: Final = 600.0  # seconds


@dataclass(slots=True)
class Run:
    """One reader's run. `closed`: what was decided of each probe that came."""

    token: str
    client: str
    closed: dict[str, bool] = field(default_factory=dict)


class SelfCheck:
    """The runs of one proxy."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages
        self._runs: TTLCache[str, Run] = TTLCache(MAX_RUNS, KEPT)
        self._latest: TTLCache[str, str] = TTLCache(MAX_RUNS, KEPT)  # the last run of each client

    def page(self, flow: http.HTTPFlow, filter_: Filter, policy: Policy, *, inspected: bool) -> bool:
        """Answer what is asked of the self-check's own pages; False for any other. `inspected`: whether pages over
        HTTPS are seen whole on this device."""
        client, (path, _, query) = client_of(flow) or "", flow.request.path.partition("?")
        if path == PATH:
            run = self._start(client)
            answer(flow, self._pages.check(flow.request, run.token))
        elif path == SCRIPT:
            answer(flow, self._pages.check_script(flow.request))
        elif path == RESULT:
            found = self._run(query, client)
            if found is None:
                answer(flow, http.Response.make(302, b"", {"Location": PATH, "Cache-Control": "no-store"}))
                return True
            states = {probe.name: found.closed.get(probe.name) for probe in PROBES}
            states["fronting"] = inspected and _refuses_another_host()
            by_name = frozenset() if inspected else _open_by_name(filter_, policy, client)
            answer(flow, self._pages.check_result(flow.request, states, by_name, policy))
        else:
            return False
        return True

    def takes(self, asked: Asked, client: str) -> bool:
        """Whether a request is for a probe. The address stands for one only in a run: without it, it is an address."""
        probe = probe_of(asked.url.host)
        return probe is not None and (asked.url.host != ADDRESS or self._of(asked.url, client) is not None)

    def judge(self, flow: http.HTTPFlow, asked: Asked, filter_: Filter, policy: Policy) -> None:
        """Judge a probe by all checks, keep what was decided for its run, and answer it."""
        client = client_of(flow) or ""
        facts = facts_of(flow, asked, local_now(), filter_.labels_of(asked.url, policy))
        said, facts = filter_.judge(facts, policy)
        if isinstance(said, Need):  # nothing more to say against the URL; what it carries is judged with the page
            said, _ = filter_.judge(facts.with_page(None), policy)
        closed = not isinstance(said, Need) and said.blocked
        self._keep(self._of(asked.url, client), asked.url.host, closed=closed)
        answer(flow, self._pages.probe(flow.request, closed=closed))

    def tunnel(self, client: str, host: str, *, closed: bool) -> None:
        """A tunnel to a probe was asked for, as a WebSocket does; it names no run, so the client's last one counts."""
        run = self._runs.get(self._latest.get(client, ""))
        if run is not None:
            self._keep(run, host.lower().rstrip("."), closed=closed)

    def _start(self, client: str) -> Run:
        run = Run(secrets.token_urlsafe(16), client)
        self._runs[run.token] = run
        self._latest[client] = run.token
        return run

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

    @staticmethod
    def _keep(run: Run | None, host: str, *, closed: bool) -> None:
        probe = probe_of(host)
        if run is not None and probe is not None and len(run.closed) < 2 * len(PROBES):
            run.closed[probe] = run.closed.get(probe, True) and closed  # open once is open


def _open_by_name(filter_: Filter, policy: Policy, client: str) -> frozenset[str]:
    """The probes that are open over HTTPS on a device where only names are seen. A frame is no way to try them: it
    would show the same name, and what is decided of that is known here."""
    found = set()
    for probe in PROBES:
        if probe.url is not None:
            url = parse_url(probe.url.replace("http://", "https://", 1)).by_name()
            said, _ = filter_.judge(Facts(url, Https.SNI, client=client or None, time=local_now()), policy)
            found |= {probe.name} if isinstance(said, Need) or not said.blocked else set()
    return frozenset(found)


def _refuses_another_host() -> bool:
    """Whether a request that leads to one site and asks for another is refused, as every request is read."""
    request = http.Request.make("GET", "http://a.example/")
    request.headers["Host"] = "b.example"
    try:
        asked_of(request)
    except BadRequest:
        return True
    return False
