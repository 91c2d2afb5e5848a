"""What Squid, a proxy and a stop page answer for the canaries."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from sfs.export.selftest.fetching import Reply, fetch
from sfs.export.selftest.findings import Finding, Kind
from sfs.export.selftest.plan import StopPage, WebProxy
from sfs.lists.canary import canary_tree, neighbours

BLOCKED: Final = 451  # RFC 7725
TRIES: Final = ((0.0, 5.0), (0.3, 8.0), (1.0, 12.0))  # seconds: the pause before, the time for an answer


@dataclass(frozen=True, slots=True)
class Asked:
    """A request to a proxy, and what came of it. `unsteady`: it was answered in another way before."""

    tunnel: bool
    spelling: str
    reply: Reply
    unsteady: bool

    @property
    def blocked(self) -> bool:
        """Whether it is closed."""
        return self.reply.status == BLOCKED

    @property
    def opened(self) -> bool:
        """Whether it was answered, and not closed."""
        return self.reply.status not in (0, BLOCKED)


async def look_at_proxy(proxy: WebProxy, gate: asyncio.Semaphore) -> tuple[int, tuple[Finding, ...]]:
    """How many requests, and what is wrong."""
    parts = await asyncio.gather(*(_list_at(proxy, zone, gate) for zone in proxy.lists))
    return sum(count for count, _ in parts), tuple(dict.fromkeys(one for _, said in parts for one in said))


async def look_at_page(page: StopPage, zone: str, gate: asyncio.Semaphore) -> tuple[int, tuple[Finding, ...]]:
    """How many requests, and what is wrong: it is there, says 451, and who blocks."""
    reply, _ = await _settled(page.address, page.port, "GET", page.path, canary_tree(zone), gate)
    if reply.status == 0:
        return 1, (Finding(Kind.PAGE_DOWN, "", f"the stop page is not there: {reply.trouble}"),)
    if reply.status != BLOCKED:
        return 1, (Finding(Kind.PAGE_STATUS, "", f"the stop page answers {reply.status}, not {BLOCKED}"),)
    if not reply.blocked_by:
        return 1, (Finding(Kind.PAGE_LINK, "", 'no Link field with rel="blocked-by" says who blocks'),)
    return 1, ()


async def _list_at(proxy: WebProxy, zone: str, gate: asyncio.Semaphore) -> tuple[int, list[Finding]]:
    tree = canary_tree(zone)
    below = f"www.{tree}"
    pages = {"name": tree, "below": below, "case": tree.upper(), "dot": f"{tree}."}
    tunnels = {"name": tree, "below": below}
    listed = await asyncio.gather(
        *(_page(proxy, word, host, gate) for word, host in pages.items()),
        *(_tunnel(proxy, word, host, gate) for word, host in tunnels.items()),
    )
    beside = await asyncio.gather(*(_page(proxy, "", host, gate, wanted=False) for host in neighbours(zone)))
    return len(listed) + len(beside), list(_faults(listed, beside, zone))


async def _page(proxy: WebProxy, word: str, host: str, gate: asyncio.Semaphore, *, wanted: bool = True) -> Asked:
    found = await _settled(proxy.address, proxy.port, "GET", f"http://{host}/", host, gate, wanted=wanted)
    return Asked(False, word, *found)


async def _tunnel(proxy: WebProxy, word: str, host: str, gate: asyncio.Semaphore) -> Asked:
    place = f"{host}:443"
    return Asked(True, word, *await _settled(proxy.address, proxy.port, "CONNECT", place, place, gate))


def _faults(listed: Sequence[Asked], beside: Sequence[Asked], zone: str) -> Iterator[Finding]:
    if all(one.reply.status == 0 for one in (*listed, *beside)):
        yield Finding(Kind.NO_ANSWER, "", f"does not answer: {listed[0].reply.trouble}")
        return
    if any(one.blocked for one in beside):
        yield Finding(Kind.OVERBLOCKING, zone, "a name that is not listed is closed")
    if mute := next((one for one in listed if one.reply.status == 0), None):
        yield Finding(Kind.NO_ANSWER, zone, f"no answer for the canary: {mute.reply.trouble}")
    if any(one.unsteady for one in listed):
        yield Finding(Kind.UNSTEADY, zone, "the same request has different answers")
    if not any(one.blocked for one in listed):
        if any(one.opened for one in listed):
            yield Finding(Kind.NOT_FILTERING, zone, "the list is not in force: its canary is open")
        return
    page, tunnel = ({one.spelling: one for one in listed if one.tunnel is kind} for kind in (False, True))
    if page["name"].opened:
        yield Finding(Kind.TYPE, zone, "closed over https (CONNECT), open over http")
    if tunnel["name"].opened and page["name"].blocked:
        yield Finding(Kind.TUNNEL, zone, "closed over http, open over https (CONNECT)")
    if any(part["name"].blocked and part["below"].opened for part in (page, tunnel)):
        yield Finding(Kind.NO_WILDCARD, zone, "names below a listed tree are open")
    if page["name"].blocked and (page["case"].opened or page["dot"].opened):
        yield Finding(Kind.CASE, zone, "capitals in a name, or a dot at its end, open it")


async def _settled(
    address: str, port: int, method: str, target: str, host: str, gate: asyncio.Semaphore, *, wanted: bool = True
) -> tuple[Reply, bool]:
    """The answer, asked for again where it is not as it should be, and whether it was another before. `wanted`: whether
    it should be a block."""
    last, bad = Reply(0, trouble="no time was left"), False
    for pause, seconds in TRIES:
        await asyncio.sleep(pause)
        async with gate:
            reply = await fetch(address, port, method, target, host, seconds)
        if reply.status and (reply.status == BLOCKED) == wanted:
            return reply, bad
        if reply.status or not last.status:
            last = reply
        bad = bad or reply.status != 0
    return last, False
