"""The verdict on a response: pages are held until their head is there, all else is judged by its header and streams."""

import asyncio
from collections.abc import Awaitable
from concurrent.futures import ThreadPoolExecutor

from mitmproxy import http

from sfs.core.body import body_from
from sfs.core.facts import Body, Facts, Need
from sfs.core.page import CONTENT_TYPE, Headers, may_be_html, may_be_text, page_from
from sfs.core.policy import Policy
from sfs.core.ruleset import Ruleset
from sfs.core.verdict import Verdict
from sfs.pics.selflabels import HEADER_NAMES
from sfs.proxy import stock
from sfs.proxy.faults import Guard
from sfs.proxy.held import HeldBody, HeldHead
from sfs.proxy.marks import OPEN, OURS, Open
from sfs.proxy.pages import Pages, local_now
from sfs.proxy.stock.fields import table_of
from sfs.proxy.verdicts import Verdicts
from sfs.sources.waiting import is_open, judged_later
from sfs.text.plain_head import PlainHead

BUFFERED = 65_536  # bytes: shorter bodies cost less buffered than streamed (measured in mitmproxy: 849 to 1,091 us)
AT_ONCE = 65_536  # bytes of a body that are searched on the loop; longer ones in a thread, so that nobody waits
SEARCHES = 2  # long bodies that are searched at a time: each takes some ten times its size while it is
_LABELS = frozenset(name.encode() for name in HEADER_NAMES)
_TYPE = CONTENT_TYPE.encode()
_READ = _LABELS | {_TYPE}
_REDIRECTS = frozenset({301, 302, 303, 307, 308})  # those a browser follows; of any other it shows the body


class Responses:
    """Judges the responses of one proxy."""

    def __init__(self, pages: Pages, verdicts: Verdicts, guard: Guard) -> None:
        self._pages = pages
        self._verdicts = verdicts
        self._guard = guard
        self._searches = ThreadPoolExecutor(SEARCHES, "sfs-body")  # starts no thread before the first long body

    def headers(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        """Hold a page, or judge the header and let the body stream."""
        response = flow.response
        opened = flow.metadata.get(OPEN)
        assert response is not None
        if not isinstance(opened, Open):
            raise RuntimeError("a response to a request that was not judged")
        if not opened.asks_page:
            response.stream = _streams(response)
            return None
        content_type = response.headers.get("content-type")
        if _has_body(flow) and may_be_html(content_type):
            flow.metadata[stock.HOLD] = HeldHead(content_type, response.headers.get("content-encoding"))
            return None
        waits = self._judge(flow, opened, None, cut=False)
        if waits is not None:
            return self._headers_later(flow, waits)
        _stream(flow, response)
        return None

    async def _headers_later(self, flow: http.HTTPFlow, waits: Awaitable[None]) -> None:
        await waits
        assert flow.response is not None
        _stream(flow, flow.response)

    def html_head(self, flow: http.HTTPFlow) -> Awaitable[None] | None:
        """Judge the held head of a page, or its whole text."""
        opened, head = flow.metadata.get(OPEN), flow.metadata.pop(stock.HOLD, None)
        assert isinstance(opened, Open) and isinstance(head, HeldHead | HeldBody)
        if flow.metadata.get(stock.ENDED) == "error":
            raise RuntimeError("the head could not be read")
        if isinstance(head, HeldBody):
            return self._judge_body(flow, opened, head.body())
        body = head.body()
        whole = flow.metadata.get(stock.ENDED) == "end"
        return self._judge(flow, opened, body, cut=body is not None and head.is_cut(whole=whole), plain=head.plain)

    async def whole(self, flow: http.HTTPFlow) -> None:
        """Judge a page that is complete, where nothing could be held: its head, then its text where that is asked."""
        for _ in range(2):
            held, response = flow.metadata.get(stock.HOLD), flow.response
            if isinstance(held, HeldHead | HeldBody) and response is not None:
                held.feed(response.raw_content or b"")
                flow.metadata[stock.ENDED] = "end"
                if (waits := self.html_head(flow)) is not None:
                    await waits

    def _judge(
        self, flow: http.HTTPFlow, opened: Open, body: bytes | None, *, cut: bool, plain: PlainHead | None = None
    ) -> Awaitable[None] | None:
        assert flow.response is not None
        now = opened.facts.time or local_now()  # that of the request, as its policy is
        page = page_from(opened.facts.url, _headers(flow.response), body, now, cut=cut, plain=plain)
        said, facts = opened.filter.judge(opened.facts.with_page(page), opened.policy, last=False)
        return self._settle(flow, opened, body, said, facts)

    def _settle(
        self, flow: http.HTTPFlow, opened: Open, body: bytes | None, said: Verdict | Need, facts: Facts
    ) -> Awaitable[None] | None:
        """Carry out the verdict, or hold the page on where its text is needed for one."""
        response = flow.response
        assert response is not None
        if is_open(said):
            return self._settle_later(flow, opened, body, said, facts)
        if isinstance(said, Verdict):
            self._carry_out(flow, opened, said, facts)
        elif body is None and not (_has_body(flow) and may_be_text(response.headers.get("content-type"))):
            said, facts = opened.filter.judge(facts.with_body(None), opened.policy, last=False)
            return self._settle(flow, opened, body, said, facts)
        else:
            flow.metadata[OPEN] = Open(opened.filter, facts, opened.policy, opened.asks_page)
            flow.metadata[stock.HOLD] = HeldBody(response.headers.get("content-encoding"))
        return None

    async def _settle_later(
        self, flow: http.HTTPFlow, opened: Open, body: bytes | None, said: Verdict | Need, facts: Facts
    ) -> None:
        said, facts = await judged_later(opened.filter, said, facts, opened.policy)
        if (waits := self._settle(flow, opened, body, said, facts)) is not None:
            await waits

    def _judge_body(self, flow: http.HTTPFlow, opened: Open, body: bytes) -> Awaitable[None] | None:
        if len(body) > AT_ONCE:
            return self._judge_long(flow, opened, body)
        return self._judge_text(flow, opened, body, body_from(*self._asked(flow, opened, body)))

    async def _judge_long(self, flow: http.HTTPFlow, opened: Open, body: bytes) -> None:
        asked = self._asked(flow, opened, body)
        found = await asyncio.get_running_loop().run_in_executor(self._searches, body_from, *asked)
        if (waits := self._judge_text(flow, opened, body, found)) is not None:
            await waits

    @staticmethod
    def _asked(flow: http.HTTPFlow, opened: Open, body: bytes) -> tuple[Headers, bytes, Policy, Ruleset]:
        assert flow.response is not None
        return _headers(flow.response), body, opened.policy, opened.filter.ruleset

    def _judge_text(self, flow: http.HTTPFlow, opened: Open, body: bytes, found: Body) -> Awaitable[None] | None:
        said, facts = opened.filter.judge(opened.facts.with_body(found), opened.policy, last=False)
        return self._settle(flow, opened, body, said, facts)

    def _carry_out(self, flow: http.HTTPFlow, opened: Open, verdict: Verdict | Need, facts: Facts) -> None:
        assert isinstance(verdict, Verdict)
        code = self._verdicts.note(verdict, facts.url, opened.policy)
        if verdict.blocked:
            flow.metadata[OURS] = True
            flow.metadata[stock.ANSWER] = self._guard.made(
                lambda: self._pages.blocked(flow.request, facts.url, verdict, code)
            )


def _headers(response: http.Response) -> Headers:
    """Those fields that anything of a page is read from."""
    table = table_of(response.headers)
    if _LABELS.isdisjoint(table):  # as of nearly every page
        fields = [(_TYPE, value) for value in table.get(_TYPE, ())]
    else:
        fields = [(name.lower(), value) for name, value in response.headers.fields]
    return tuple((name.decode(), value.decode("utf-8", "surrogateescape")) for name, value in fields if name in _READ)


def _stream(flow: http.HTTPFlow, response: http.Response) -> None:
    if stock.ANSWER not in flow.metadata and stock.HOLD not in flow.metadata:
        response.stream = _streams(response)


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
