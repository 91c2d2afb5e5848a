"""What happens where something of ours fails: the policy decides, the fault is counted, its place logged once.

In mitmproxy a hook that raises shows the page. Every hook that can show one runs inside `Guard.run`."""

import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import PurePath
from traceback import extract_tb

from mitmproxy import http

from sfs.core.facts import Facts
from sfs.core.levels import Unrated
from sfs.core.policy import Policy
from sfs.core.verdict import Action, Verdict
from sfs.proxy import stock
from sfs.proxy.facts import BadRequest
from sfs.proxy.marks import OPEN, OURS, Open, answer
from sfs.proxy.pages import Pages
from sfs.sources.filter import Filter
from sfs.text.url import parse_url

log = logging.getLogger("sfs.proxy")


class Faults:
    """Faults by type and place; never a value of a request."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()

    def count(self, fault: Exception) -> None:
        """Count an exception under its type and the line that raised it."""
        place = extract_tb(fault.__traceback__)[-1]
        self.count_text(f"{type(fault).__name__} at {PurePath(place.filename).name}:{place.lineno}")

    def count_text(self, text: str) -> None:
        """Count a fault that is described already; the first of a kind is logged."""
        self.counts[text] += 1
        if self.counts[text] == 1:
            log.error("a check failed, the policy decides: %s", text)


class Guard:
    """Runs hooks. `policy_of` finds the policy of a flow; where that fails too it is the filter's default."""

    def __init__(
        self,
        faults: Faults,
        pages: Pages,
        filter_now: Callable[[], Filter],
        policy_of: Callable[[Filter, http.HTTPFlow], Policy],
    ) -> None:
        self._faults = faults
        self._pages = pages
        self._filter_now = filter_now
        self._policy_of = policy_of

    def run(
        self, flow: http.HTTPFlow, work: Callable[[http.HTTPFlow], Awaitable[None] | None]
    ) -> Awaitable[None] | None:
        """Do `work(flow)`; what it raises becomes an answer, or leave to go on where the policy says so. Where the work
        waits for something there is more to await, which is guarded as well: nearly all requests wait for nothing, and
        a coroutine for each of them would cost more than what is done in it."""
        try:
            waits = work(flow)
        except Exception as fault:
            self._failed(flow, fault)
            return None
        return None if waits is None else self._rest(flow, waits)

    async def _rest(self, flow: http.HTTPFlow, waits: Awaitable[None]) -> None:
        try:
            await waits
        except Exception as fault:
            self._failed(flow, fault)

    def _failed(self, flow: http.HTTPFlow, fault: Exception) -> None:
        if isinstance(fault, BadRequest):
            problem = fault.problem
            answer(flow, self.made(lambda: self._pages.error(flow.request, problem)))
        else:
            self._faults.count(fault)
            self._decide(flow)

    def made(self, make: Callable[[], http.Response]) -> http.Response:
        """A page of ours; where it cannot be made the answer is no all the same, in fewer words."""
        try:
            return make()
        except Exception as fault:
            self._faults.count(fault)
            return http.Response.make(403, b"Not shown.\n", {"Content-Type": "text/plain", "Cache-Control": "no-store"})

    def _decide(self, flow: http.HTTPFlow) -> None:
        """Something of ours failed: blocked at levels 0 to 2 and in allowlist-only, else shown."""
        opened = flow.metadata.get(OPEN)
        filter_ = opened.filter if isinstance(opened, Open) else self._filter_now()
        policy = opened.policy if isinstance(opened, Open) else self._policy_or_default(filter_, flow)
        if policy.on_error is not Unrated.BLOCK:
            flow.metadata.pop(stock.HOLD, None)
            if not isinstance(opened, Open):
                flow.metadata[OPEN] = Open(filter_, Facts(parse_url("http://fault.invalid/")), policy, asks_page=False)
            return
        verdict = Verdict(Action.BLOCK, "error", "error", policy.level)
        page = self.made(lambda: self._page(flow.request, verdict))
        answers_upstream = flow.response is not None and OURS not in flow.metadata
        flow.metadata[OURS] = True
        if answers_upstream:  # set as the response itself, the page would be sent with the server's body
            flow.metadata[stock.ANSWER] = page
        else:
            flow.response = page

    def _page(self, request: http.Request, verdict: Verdict) -> http.Response:
        if verdict.level <= 2:
            return self._pages.blocked(request, parse_url("http://fault.invalid/"), verdict, None)
        return self._pages.error(request, "internal")

    def _policy_or_default(self, filter_: Filter, flow: http.HTTPFlow) -> Policy:
        try:
            return self._policy_of(filter_, flow)
        except Exception as fault:
            self._faults.count(fault)
            return filter_.policies.default
