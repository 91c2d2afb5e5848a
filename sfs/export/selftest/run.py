"""A self-test: everybody is asked at once, within bounds. What is not as it should be is asked again before it is
called a fault; what then has two answers is called that."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from sfs.errors import SfsError
from sfs.export.selftest import asking
from sfs.export.selftest.asking import Answer
from sfs.export.selftest.findings import Finding, findings, stays_open
from sfs.export.selftest.plan import AskedList, Engine, Plan, Resolver, StopPage, Transport, Way, WebProxy
from sfs.export.selftest.questions import ADDRESSES, Question, Role, questions
from sfs.export.selftest.verdicts import Expected, Outcome, judge
from sfs.export.selftest.versions import Versions, versions
from sfs.export.selftest.web import look_at_page, look_at_proxy

# Seconds to pause before, and to wait for, each try. A busy resolver needs the last ones, what is open is so at once.
TRIES: Final = ((0.0, 2.0), (0.2, 3.0), (0.6, 5.0), (1.5, 8.0))
EXTRA_TRIES: Final = TRIES[:2]  # where nobody has to be
BAD_TRIES: Final = 3
GRACE: Final = 60  # seconds for Squid, proxies and pages past the time for the whole
STREAMS: Final = 1  # connections at once on one way


@dataclass(frozen=True, slots=True)
class Target:
    """Who was asked, and what came of it. `asked`: questions; `unasked`: those of names outside the list that nobody
    answered, which says nothing of the list."""

    name: str
    engine: Engine
    asked: int
    unasked: int
    findings: tuple[Finding, ...]
    stays_open: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Result:
    """Of a whole self-test. `serials` and `ages`: by zone."""

    began: datetime
    serials: dict[str, int | None]
    ages: dict[str, timedelta | None]
    targets: tuple[Target, ...]

    @property
    def well(self) -> bool:
        """Whether nothing is wrong."""
        return not any(target.findings for target in self.targets)


async def run(plan: Plan, now: datetime) -> Result:
    """Ask everybody of the plan. Past the time for the whole, what has no answer yet has none. SfsError for a key that
    is none, and where even that takes too long."""
    try:
        async with asyncio.timeout(plan.within.total_seconds() + GRACE):
            return await _run(plan, now)
    except TimeoutError:
        raise SfsError("the self-test does not come to an end", mend="give it more time with within:") from None


async def _run(plan: Plan, now: datetime) -> Result:
    known = {one.zone: found for one, found in zip(plan.lists, await _versions(plan, now), strict=True)}
    asker = _Asker(plan)
    found = await asyncio.gather(
        *(asker.resolver(one, known) for one in plan.resolvers),
        *(asker.proxy(one) for one in plan.proxies),
        *(asker.page(one) for one in plan.stop_pages),
    )
    lists = [
        Target(zone, engine, 1, 0, said)
        for zone, one in known.items()
        for engine, said in ((Engine.LIST, one.at_list), (Engine.PRIMARY, one.at_primary))
        if engine is Engine.LIST or plan.of(zone).primary is not None
    ]
    serials = {zone: one.expected.serial for zone, one in known.items()}
    return Result(now, serials, {zone: one.age for zone, one in known.items()}, (*lists, *found))


async def _versions(plan: Plan, now: datetime) -> list[Versions]:
    return await asyncio.gather(*(versions(one, now) for one in plan.lists))


class _Asker:
    """Asks resolvers; `gate` bounds how many wait at once, `end` is when it has to be over."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.gate = asyncio.Semaphore(plan.at_once)
        # Few connections at once: Unbound takes 10 of all its clients, unless it is told otherwise.
        self.streams = {
            way: asyncio.Semaphore(plan.at_once if way.transport is Transport.UDP else STREAMS)
            for one in plan.resolvers
            for way in one.ways
        }
        self.quiet: set[Way] = set()  # where nobody answered at all
        self.end = asyncio.get_running_loop().time() + plan.within.total_seconds()

    async def resolver(self, one: Resolver, known: dict[str, Versions]) -> Target:
        said: list[Finding] = []
        still: list[str] = []
        asked = unasked = 0
        for zone in one.lists:
            tested, expected = self.plan.of(zone), known[zone].expected
            outcomes = await self._outcomes(one, tested, expected)
            asked += len(outcomes)
            unasked += sum(1 for out in outcomes if out.good is None and out.question.role in _OUTSIDE)
            said += findings(one, tested, expected, outcomes)
            still += stays_open(one, outcomes)
        known_once = tuple(dict.fromkeys(said)), tuple(dict.fromkeys(still))
        return Target(one.name, one.engine, asked, unasked, *known_once)

    async def proxy(self, one: WebProxy) -> Target:
        asked, said = await look_at_proxy(one, self.gate)
        return Target(one.name, one.engine, asked, 0, said)

    async def page(self, one: StopPage) -> Target:
        asked, said = await look_at_page(one, self.plan.lists[0].zone, self.gate)
        return Target(one.url, Engine.STOP_PAGE, asked, 0, said)

    async def _outcomes(self, one: Resolver, tested: AskedList, expected: Expected) -> list[Outcome]:
        by_way: dict[Way, list[Question]] = {}
        for question in questions(one, tested):
            by_way.setdefault(question.way, []).append(question)
        found = await asyncio.gather(*(self._way(asked, tested, expected) for asked in by_way.values()))
        return [outcome for part in found for outcome in part]

    async def _way(self, asked: Sequence[Question], tested: AskedList, expected: Expected) -> list[Outcome]:
        """First whether somebody is there at all: who is not costs time once, not for each question and list."""
        doors = [one for one in asked if one.role is Role.SERIAL or (one.role is Role.APEX and one.type in ADDRESSES)]
        way = doors[0].way
        first = await self._settled(doors[:1], tested, expected)
        if first[0].good is None:
            self.quiet.add(way)
        first += await self._settled(doors[1:], tested, expected)
        if all(one.good is None for one in first):
            return first
        self.quiet.discard(way)
        again = [one.question for one in first if one.good is None]  # it is there, and may only have been slow
        first = [one for one in first if one.good is not None] + await self._settled(again, tested, expected)
        return first + await self._settled([one for one in asked if one not in doors], tested, expected)

    async def _settled(self, asked: Sequence[Question], tested: AskedList, expected: Expected) -> list[Outcome]:
        return await asyncio.gather(*(self._settle(one, tested, expected) for one in asked))

    async def _settle(self, question: Question, tested: AskedList, expected: Expected) -> Outcome:
        """Ask until the answer is as it should be, or is not so for the third time, or nothing comes."""
        last = Outcome(question, None, Answer("", trouble="no time was left"))
        bad = 0
        tries = TRIES[:1] if question.way in self.quiet else EXTRA_TRIES if question.way.extra else TRIES
        for pause, seconds in tries:
            if self._left() <= pause:
                break
            await asyncio.sleep(pause)
            async with self.streams[question.way], self.gate:
                answer = await asking.ask(question, min(seconds, max(self._left(), 0.01)))
            good = judge(question, answer, tested, expected)
            if good is not None or last.good is None:
                last = Outcome(question, good, answer, unsteady=bool(good and bad))
            bad += good is False
            if good or bad == BAD_TRIES:
                break
        # A new version may come while it is asked for.
        return replace(last, unsteady=False) if question.role is Role.SERIAL else last

    def _left(self) -> float:
        return self.end - asyncio.get_running_loop().time()


_OUTSIDE: Final = frozenset({Role.NEIGHBOUR, Role.OPEN, Role.ALIAS, Role.EXEMPT})
