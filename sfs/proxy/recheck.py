"""Connections that are judged by name alone are judged once, when they begin; a browser then keeps them for minutes.
Where what holds changes, those that would not be opened any more are cut: a site that was closed on the page of the
administrator, the end of a pause, the next window of a timetable. Else "from the next request on" would not be true.

Inspected tunnels are not judged again: each request in them is judged by what holds then. But a few search engines are
held to SafeSearch by the address that the tunnel goes to, whatever its requests say; where that is another one now, it
is cut as well. A WebSocket is the last request of its connection, and may stay open for hours: it is judged again as
that request."""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from dataclasses import replace

from mitmproxy import http

from sfs.core.facts import Facts
from sfs.core.policy import Policy
from sfs.core.verdict import Verdict
from sfs.proxy.faults import Faults
from sfs.proxy.marks import OPEN, Open
from sfs.proxy.pages import local_now
from sfs.proxy.safesearch import forced_name
from sfs.proxy.tunnels import Tunnel, Tunnels
from sfs.proxy.verdicts import Verdicts
from sfs.sources.filter import Filter
from sfs.sources.live import Live
from sfs.sources.waiting import judged

AT_ONCE = 50  # connections that are judged before others on the loop get their turn (3 ms)
LATE = 0.2  # seconds after a policy's end: then the clock has passed it for certain


class Recheck:
    """`drop` ends the client connection with this id."""

    def __init__(
        self, live: Live, tunnels: Tunnels, verdicts: Verdicts, faults: Faults, drop: Callable[[str], None]
    ) -> None:
        self._live = live
        self._tunnels = tunnels
        self._verdicts = verdicts
        self._faults = faults
        self._drop = drop
        self._sockets: dict[str, Facts] = {}  # the request that each WebSocket began with, by client connection
        self._looks: set[asyncio.Task[None]] = set()
        self._ends: dict[object, asyncio.TimerHandle] = {}  # when a policy ends -> the look that is due then

    def follow(self, loop: asyncio.AbstractEventLoop) -> None:
        """Look at every new filter, from this loop on."""

        def changed(_: Filter) -> None:  # in the thread that reloads
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is served any more
                loop.call_soon_threadsafe(self.run)

        self._live.on_change(changed)

    def at_end(self, policy: Policy) -> None:
        """Look again when this policy ends: one look for all tunnels of that time."""
        until = policy.valid_until
        if until is None or until in self._ends:
            return
        seconds = max((until - local_now()).total_seconds(), 0.0) + LATE
        self._ends[until] = asyncio.get_running_loop().call_later(seconds, self._ended, until)

    def _ended(self, until: object) -> None:
        self._ends.pop(until, None)
        self.run()

    def began(self, tunnel: Tunnel) -> None:
        """A tunnel was let through: look again when its policy ends, or at once where it was judged by a filter that
        was replaced meanwhile."""
        self.at_end(tunnel.policy)
        if tunnel.filter is not self._live.filter:
            self.run()

    def answered(self, flow: http.HTTPFlow) -> None:
        """A response begins; where it opens a WebSocket, that is kept in mind."""
        opened, gone = flow.metadata.get(OPEN), flow.client_conn.timestamp_end is not None
        if flow.response is not None and flow.response.status_code == 101 and isinstance(opened, Open) and not gone:
            self._sockets[flow.client_conn.id] = opened.facts
            self.at_end(opened.policy)
            if opened.filter is not self._live.filter:
                self.run()

    def disconnected(self, client_id: str) -> None:
        """What was open there is not any more."""
        self._sockets.pop(client_id, None)

    def run(self) -> None:
        """Judge every closed tunnel and WebSocket by what holds now; cut those that are not to be."""
        look = asyncio.get_running_loop().create_task(self._look())
        self._looks.add(look)  # a task that nobody holds may end before its time
        look.add_done_callback(self._looks.discard)

    async def _look(self) -> None:
        """All at once: where bureaus are away, each waits as long as they may take."""
        opened = [(client_id, self._is_astray(client_id, tunnel)) for client_id, tunnel in self._tunnels.opened()]
        closed = [(client_id, self._is_over(client_id, tunnel)) for client_id, tunnel in self._tunnels.closed()]
        checks = [self._check(client_id, is_over) for client_id, is_over in (*opened, *closed)]
        checks += [self._check(client_id, self._is_shut(facts)) for client_id, facts in self._sockets.items()]
        tasks = []
        for number, check in enumerate(checks, 1):
            tasks.append(asyncio.create_task(check))
            if not number % AT_ONCE:
                await asyncio.sleep(0)
        await asyncio.gather(*tasks)

    async def _check(self, client_id: str, is_over: Coroutine[None, None, bool]) -> None:
        try:
            if await is_over:
                self._drop(client_id)
        except Exception as fault:
            self._faults.count(fault)

    async def _is_shut(self, facts: Facts) -> bool:
        """Whether the request that a WebSocket began with would be refused now."""
        filter_, now = self._live.filter, local_now()
        policy = filter_.policies.policy_for(facts.client, None, None, now)
        self.at_end(policy)
        known = filter_.labels_of(facts.url, policy)
        verdict, _ = await judged(filter_, replace(facts, time=now, labels=known).with_page(None), policy)
        if not isinstance(verdict, Verdict) or not verdict.blocked:
            return False
        self._verdicts.note(verdict, facts.url, policy, "recheck")
        return True

    async def _is_astray(self, client_id: str, tunnel: Tunnel) -> bool:
        """Whether an inspected tunnel goes to an address that it would not go to now."""
        filter_ = self._live.filter
        policy = filter_.policies.policy_for(tunnel.address, None, None, local_now())
        self.at_end(policy)
        if self._goes_elsewhere(tunnel, filter_, policy):
            return True
        self._tunnels.renew(client_id, filter_, policy)
        return False

    async def _is_over(self, client_id: str, tunnel: Tunnel) -> bool:
        filter_, address = self._live.filter, tunnel.address
        policy = filter_.policies.policy_for(address, None, None, local_now())
        self.at_end(policy)
        if self._goes_elsewhere(tunnel, filter_, policy):
            return True
        for url in (tunnel.url, tunnel.named):
            verdict = None if url is None else await self._verdicts.by_name(filter_, url, policy, address)
            if url is not None and verdict is not None and verdict.blocked:
                self._verdicts.note(verdict, url, policy, "recheck")
                if verdict.check != "mandatory":
                    self._verdicts.list_refused(address, url.host, verdict.reason, verdict, policy)
                return True
        self._tunnels.renew(client_id, filter_, policy)
        return False

    @staticmethod
    def _goes_elsewhere(tunnel: Tunnel, filter_: Filter, policy: Policy) -> bool:
        """Whether SafeSearch would lead it to another host now than it did."""
        host, closed = tunnel.url.host, tunnel.closed
        then = forced_name(host, tunnel.policy, tunnel.filter.ruleset.locks, closed=closed)
        return forced_name(host, policy, filter_.ruleset.locks, closed=closed) != then
