"""Connections that are judged by name alone are judged once, when they begin; a browser then keeps them for minutes.
Where what holds changes, those that would not be opened any more are cut: a site that was closed on the page of the
administrator, the end of a pause, the next window of a timetable. Else "from the next request on" would not be true.

Inspected tunnels need none of this: each request in them is judged by what holds then."""

import asyncio
import contextlib
from collections.abc import Callable

from sfs.core.policy import Policy
from sfs.proxy.faults import Faults
from sfs.proxy.pages import local_now
from sfs.proxy.safesearch import forced_name
from sfs.proxy.tunnels import Tunnel, Tunnels
from sfs.proxy.verdicts import Verdicts
from sfs.sources.filter import Filter
from sfs.sources.live import Live

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

    def run(self) -> None:
        """Judge every closed tunnel by what holds now; cut those that are not to be."""
        look = asyncio.get_running_loop().create_task(self._look())
        self._looks.add(look)  # a task that nobody holds may end before its time
        look.add_done_callback(self._looks.discard)

    async def _look(self) -> None:
        for client_id, tunnel in self._tunnels.closed():
            try:
                if await self._is_over(tunnel):
                    self._drop(client_id)
            except Exception as fault:
                self._faults.count(fault)

    async def _is_over(self, tunnel: Tunnel) -> bool:
        filter_, address = self._live.filter, tunnel.address
        policy = filter_.policies.policy_for(address, None, None, local_now())
        self.at_end(policy)
        if self._goes_elsewhere(tunnel, filter_, policy):
            return True
        for url in (tunnel.url, tunnel.named):
            verdict = None if url is None else await self._verdicts.by_name(filter_, url, policy, address)
            if url is not None and verdict is not None and verdict.blocked:
                self._verdicts.note(verdict, url, policy)
                if verdict.check != "mandatory":
                    self._verdicts.list_refused(address, url.host, verdict.reason, verdict, policy)
                return True
        return False

    @staticmethod
    def _goes_elsewhere(tunnel: Tunnel, filter_: Filter, policy: Policy) -> bool:
        """Whether SafeSearch would lead it to another host now than it did."""
        host = tunnel.url.host
        then = forced_name(host, tunnel.policy, tunnel.filter.ruleset.locks, closed=True)
        return forced_name(host, policy, filter_.ruleset.locks, closed=True) != then
