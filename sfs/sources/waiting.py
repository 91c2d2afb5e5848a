"""Verdicts that wait for label bureaus, all in all no longer than the slowest of them may take: a page with others
inside it asks several times."""

import asyncio
from concurrent.futures import Future
from time import monotonic

from sfs.core.decide import Step
from sfs.core.facts import Fact, Facts, Need
from sfs.core.policy import Policy
from sfs.core.verdict import Verdict
from sfs.sources.filter import Filter


async def judged(filter_: Filter, facts: Facts, policy: Policy) -> tuple[Verdict | Need, Facts]:
    """As Filter.judge, on the loop of a proxy: others go on meanwhile. Without bureaus it waits for nothing."""
    said, facts = filter_.judge(facts, policy, last=False)
    return await judged_later(filter_, said, facts, policy) if is_open(said) else (said, facts)


async def judged_later(
    filter_: Filter, said: Verdict | Need, facts: Facts, policy: Policy
) -> tuple[Verdict | Need, Facts]:
    """What `judged` does from there on where Filter.judge, asked with `last=False`, left it open: for who need not
    wait in any other case."""
    waits = Waits(filter_, policy)
    while (asked := waits.ask(said, facts)) is not None:
        await asyncio.wait([asyncio.wrap_future(asked)], timeout=waits.left)
        said, facts = filter_.judge(facts, policy, last=waits.left <= 0)
        if not is_open(said):
            return said, facts
    return filter_.judge(facts, policy)


def judged_here(
    filter_: Filter, facts: Facts, policy: Policy, trace: list[Step] | None = None
) -> tuple[Verdict | Need, Facts]:
    """The same for who may wait in place: a command, a thread of its own."""
    said, facts = filter_.judge(facts, policy, trace, last=False)
    if not is_open(said):
        return said, facts
    waits = Waits(filter_, policy)
    while (asked := waits.ask(said, facts)) is not None:
        try:
            asked.result(waits.left)
        except TimeoutError:
            break
        said, facts = filter_.judge(facts, policy, trace, last=waits.left <= 0)
        if not is_open(said):
            return said, facts
    return filter_.judge(facts, policy, trace)


def is_open(said: Verdict | Need) -> bool:
    """Whether label bureaus may still say something that is worth waiting for."""
    return isinstance(said, Need) and said.fact is Fact.LABELS


class Waits:
    """The time of one request."""

    def __init__(self, filter_: Filter, policy: Policy) -> None:
        assert filter_.bureaus is not None
        self._filter, self._policy = filter_, policy
        self._asked: set[str] = set()
        self._end = monotonic() + filter_.bureaus.timeout

    @property
    def left(self) -> float:
        """Seconds."""
        return max(self._end - monotonic(), 0.0)

    def ask(self, said: Verdict | Need, facts: Facts) -> "Future[None] | None":
        """Have the bureaus asked for what is needed; None where nothing is left to wait for. Of one page they are asked
        once: who did not answer will not the next moment."""
        assert isinstance(said, Need) and self._filter.bureaus is not None
        if self.left <= 0 or said.url.text in self._asked:
            return None
        self._asked.add(said.url.text)
        return self._filter.bureaus.fetch(self._filter.ask_bureaus(said.url, facts, self._policy).missing)
