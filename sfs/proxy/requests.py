"""The verdict on a request: before its body is read and before anything goes upstream; a search form is waited for."""

from collections.abc import Awaitable
from typing import NamedTuple

from mitmproxy import http

from sfs.core.facts import Facts, Need
from sfs.core.verdict import Verdict
from sfs.proxy import stock
from sfs.proxy.decode import accepted
from sfs.proxy.facts import (
    Asked,
    asked_of,
    client_of,
    facts_of,
    has_form,
    hide_mark,
    is_form,
    may_hold_words,
    settle_path,
    without_mark,
)
from sfs.proxy.faults import Guard
from sfs.proxy.loop import LoopGuard
from sfs.proxy.marks import OPEN, Open, answer
from sfs.proxy.own import OwnPages
from sfs.proxy.pages import Pages, local_now
from sfs.proxy.reach import Reason
from sfs.proxy.resolver import Resolver
from sfs.proxy.safesearch import lock_request
from sfs.proxy.stock.fields import add, table_of
from sfs.proxy.verdicts import Verdicts
from sfs.sources.filter import Filter
from sfs.sources.live import Live
from sfs.sources.waiting import is_open, judged_later
from sfs.text.fields import MAX_FORM

_TO_US = frozenset({b"proxy-authorization", b"proxy-connection"})  # said to us, not to the server
# Part of a page, or none because the browser has it, is nothing to judge.
_OF_A_PART = frozenset({b"range", b"if-range", b"if-modified-since", b"if-none-match"})
_OF_BODIES = frozenset({b"content-length", b"transfer-encoding"})
_NOT_SENT = _TO_US | _OF_A_PART
MAX_UPLOAD = 65_536  # bytes of a request body that are buffered; longer ones stream


class _Going(NamedTuple):
    """A request on its way through this file. `opened`: what it is let through as, if it is."""

    flow: http.HTTPFlow
    asked: Asked
    opened: Open
    streams: bool


class Requests:
    """Judges the requests of one proxy and sends on what may go."""

    def __init__(
        self,
        live: Live,
        resolver: Resolver,
        pages: Pages,
        own: OwnPages,
        verdicts: Verdicts,
        guard: Guard,
        loop_guard: LoopGuard,
    ):
        self._live = live
        self._resolver = resolver
        self._pages = pages
        self._own = own
        self._verdicts = verdicts
        self._guard = guard
        self._loop_guard = loop_guard

    def headers(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        """Answer with a page of our own, or let the request go; one with a form waits for `body`."""
        filter_ = self._live.filter
        if stock.ORIGIN_FORM in flow.metadata:
            return self._own.headers(flow, filter_, through_proxy=False)
        asked = asked_of(flow.request)
        # Our own pages: by our name, or by the address of the proxy itself in any spelling.
        if asked.url.host in filter_.ruleset.own_hosts:
            return self._own.headers(flow, filter_, through_proxy=True)
        ours = self._resolver.is_self_now(flow.request.host, flow.request.port)
        if ours is None:
            return self._when_looked_up(flow, asked, filter_)
        return self._own.headers(flow, filter_, through_proxy=True) if ours else self._others(flow, asked, filter_)

    async def _when_looked_up(self, flow: http.HTTPFlow, asked: Asked, filter_: Filter) -> None:
        if await self._resolver.listening_self(flow.request.host, flow.request.port):
            await self._own.headers(flow, filter_, through_proxy=True)
        elif (waits := self._others(flow, asked, filter_)) is not None:
            await waits

    def _others(self, flow: http.HTTPFlow, asked: Asked, filter_: Filter) -> Awaitable[None] | None:
        """A request that is not for us."""
        request = flow.request
        if self._own.selfcheck.takes(asked, client_of(flow) or ""):
            self._own.selfcheck.judge(flow, asked, filter_, self._verdicts.policy(filter_, flow))
            return None
        if "via" in request.headers and self._loop_guard.seen(request.headers.get_all("via")):
            self._error(flow, "loop")
            return None
        if may_hold_words(request):
            if has_form(request):
                flow.metadata[OPEN] = asked  # `body` will judge it, with the form
                return None
            if not stock.stock_mode and _searches(asked, filter_):
                flow.metadata[OPEN] = asked  # `body` too where it ends in time, else `form_head`
                flow.metadata[stock.FORM] = MAX_FORM
                return None
        return self._judge(flow, asked, filter_, streams=True)

    def body(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        """Judge what waited for its form."""
        asked = flow.metadata.pop(OPEN)
        assert isinstance(asked, Asked)
        return self._judge(flow, asked, self._live.filter)

    def form_head(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        """Judge a form by as much of it as is searched for words. An urlencoded one is refused, as a URL of its length
        is: no search is so long, and what follows would be padding's end."""
        if is_form(flow.request):
            self._error(flow, "too-long")
            return None
        return self.body(flow)

    def _judge(
        self, flow: http.HTTPFlow, asked: Asked, filter_: Filter, *, streams: bool = False
    ) -> Awaitable[None] | None:
        """`streams`: its body is still to come, and need not be kept where it is long."""
        policy = self._verdicts.policy(filter_, flow)
        facts = facts_of(flow, asked, local_now(), filter_.labels_of(asked.url, policy))
        said, facts = filter_.judge(facts, policy, last=False)
        going = _Going(flow, asked, Open(filter_, facts, policy, isinstance(said, Need)), streams)
        return self._judge_later(going, said) if is_open(said) else self._answer(going, said)

    async def _judge_later(self, going: "_Going", said: Verdict | Need) -> None:
        filter_, policy = going.opened.filter, going.opened.policy
        said, facts = await judged_later(filter_, said, going.opened.facts, policy)
        opened = Open(filter_, facts, policy, isinstance(said, Need))
        waits = self._answer(_Going(going.flow, going.asked, opened, going.streams), said)
        if waits is not None:
            await waits

    def _answer(self, going: "_Going", said: Verdict | Need) -> Awaitable[None] | None:
        """Carry out what was said of a request."""
        flow, facts, policy = going.flow, going.opened.facts, going.opened.policy
        if isinstance(said, Verdict) and said.blocked:
            verdict, code = said, self._verdicts.note(said, facts.url, policy)
            answer(flow, self._guard.made(lambda: self._pages.blocked(flow.request, facts.url, verdict, code)))
            return None
        if said.notice and not going.asked.went_on and facts.method in ("GET", "HEAD"):
            answer(flow, self._pages.help_words(flow.request, facts.url))
            return None
        locks = going.opened.filter.ruleset.locks
        forced = locks.forced_host(facts.url.host, policy.safesearch, policy.youtube, closed=False)
        problem = self._resolver.reason_now(flow.request.host, flow.request.port, forced=forced)
        if problem == "unknown":
            return self._reach_later(going, said, forced)
        self._reach(going, said, problem)
        return None

    async def _reach_later(self, going: "_Going", said: Verdict | Need, forced: str | None) -> None:
        request = going.flow.request
        self._reach(going, said, await self._resolver.refuse_reason(request.host, request.port, forced=forced))

    def _reach(self, going: "_Going", said: Verdict | Need, problem: Reason | None) -> None:
        """Let a request go where it may be gone to."""
        flow, opened = going.flow, going.opened
        request, url, policy = flow.request, opened.facts.url, opened.policy
        if problem:
            self._error(flow, {"name": "unreachable", "busy": "no-answer"}.get(problem, problem), url.host)
            return
        flow.metadata[OPEN] = opened
        if isinstance(said, Verdict):
            self._verdicts.note(said, url, policy)
        uploads = going.streams and _uploads(request)
        self._let_through(request, going.asked, opened.facts, asks_page=opened.asks_page)
        lock_request(request, url, policy, opened.filter.ruleset.locks)
        if uploads:
            request.stream = True

    def _let_through(self, request: http.Request, asked: Asked, facts: Facts, *, asks_page: bool) -> None:
        """Make the request what the server is to get: nothing that was said to us alone."""
        if asked.went_on:
            request.data.path, _ = without_mark(request.data.path)
        settle_path(request, facts.url)
        headers = request.headers
        hide_mark(request)
        _leave_out(headers, _NOT_SENT if asks_page else _TO_US)
        if asks_page:
            _ask_for_readable(headers)
        if request.scheme == "http":
            add(headers, b"via", self._loop_guard.mark().encode("ascii"))

    def _error(self, flow: http.HTTPFlow, problem: str, host: str = "") -> None:
        answer(flow, self._guard.made(lambda: self._pages.error(flow.request, problem, host)))


def _leave_out(headers: http.Headers, names: frozenset[bytes]) -> None:
    if not names.isdisjoint(table_of(headers)):
        headers.fields = tuple(field for field in headers.fields if field[0].lower() not in names)


def _ask_for_readable(headers: http.Headers) -> None:
    codings = headers.get("accept-encoding")
    if codings is not None and (kept := accepted(codings)) != codings:
        headers["accept-encoding"] = kept


def _searches(asked: Asked, filter_: Filter) -> bool:
    engines = filter_.ruleset.engines
    return any(engines.takes_fields(asked.url.host, form.path) for form in asked.url.forms)


def _uploads(request: http.Request) -> bool:
    """Whether a body comes that is too long to keep: it streams, since its verdict is already given."""
    if not request.is_http2 and _OF_BODIES.isdisjoint(table_of(request.headers)):
        return False  # as of nearly every request
    length = request.headers.get("content-length", "")
    if "transfer-encoding" in request.headers or (request.is_http2 and not length):
        return True  # HTTP/2 needs no length; where no body comes at all, streaming it changes nothing
    return length.isdigit() and int(length) > MAX_UPLOAD
