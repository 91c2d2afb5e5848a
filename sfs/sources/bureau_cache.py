"""What bureaus said, for as long as it may be kept.

An answer is used alone in the first half of its time, refreshed behind the reader's back in the second, and asked for
again and waited for after that. What has run out is kept a while longer for one purpose: while the bureau is away it
may still close what it closed, never open anything. Times run on a clock that is never set; only `until` of a label is
a time of the calendar, and is looked at whenever the label is used.

Where the bureau has told all labels of a host (`put_tree`), those alone count: a generic label serves all URLs with its
prefix, and nothing more is asked of that host. Where it has not, a generic label that was told of one page says nothing
of the next, which may have a label of its own: each is asked for."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from cachetools import TLRUCache

from sfs.sources.bureau_answer import RatedPrefix, Told
from sfs.sources.bureau_query import Opt, Question
from sfs.text.url import Url

MAX_ANSWERS: Final = 65_536
MAX_HOSTS: Final = 16_384
MAX_TREE: Final = 256  # labels of a host that are kept as all there are; with more, each page is asked for
GRACE: Final = 86_400.0  # seconds for which an answer that has run out may still close something


@dataclass(frozen=True, slots=True)
class Held:
    """An answer in the cache. `soft`, `hard`: until when it is fresh, and until when it may be used; by our clock."""

    told: Told
    soft: float
    hard: float


@dataclass(frozen=True, slots=True)
class Known:
    """What the cache says of a question. `fresh`: nothing need be asked; `valid`: nothing need be waited for."""

    told: Told
    fresh: bool
    valid: bool


@dataclass(frozen=True, slots=True)
class _Host:
    """The generic labels that were told of a host; with `whole` all labels there are."""

    labels: tuple[tuple[RatedPrefix, Held], ...]
    whole: Held | None = None
    hard: float = 0.0


class Cache:
    """Not thread-safe. With a `size` of 0 it keeps nothing."""

    def __init__(self, size: int = MAX_ANSWERS, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._answers: TLRUCache[Question, Held] = TLRUCache(size, lambda _, held, now: held.hard + GRACE, clock)
        self._hosts: TLRUCache[str, _Host] = TLRUCache(
            min(size, MAX_HOSTS), lambda _, host, now: host.hard + GRACE, clock
        )

    @property
    def keeps(self) -> bool:
        """Whether it keeps anything."""
        return self._answers.maxsize > 0

    def get(self, question: Question, url: Url, now: datetime) -> Known | None:
        """What is known; None where it is nothing at all. `url`: the URL of the question; `now`: the wall clock."""
        host = self._hosts.get(_site(url))
        if host is not None and host.whole is not None and self._clock() < host.whole.hard:
            about = _best(label for label in host.whole.told.labels if _about(label, url, question.opt))
            return self._known(host.whole, replace(host.whole.told, labels=about), now)
        held = self._answers.get(question)
        if held is not None and self._clock() < held.hard:
            return self._known(held, held.told, now)
        return self._ran_out(question, url, host, held, now)

    def _ran_out(
        self, question: Question, url: Url, host: _Host | None, held: Held | None, now: datetime
    ) -> Known | None:
        """What was known once of the page, or is known of all that begins alike."""
        labels = () if held is None else held.told.labels
        if host is not None:
            labels += tuple(label for label, _ in host.labels if _about(label, url))
            labels += () if host.whole is None else host.whole.told.labels
        about = _best(label for label in labels if _about(label, url, question.opt))
        if held is None and not about:
            return None
        return Known(Told(tuple(x for x in about if x.until is None or now < x.until)), fresh=False, valid=False)

    def put(self, question: Question, url: Url, told: Told, seconds: float) -> None:
        """Keep an answer for so long."""
        held = self._held(told, seconds)
        _store(self._answers, question, held)
        generic = tuple((label, held) for label in told.labels if label.generic)
        if generic:
            host = self._hosts.get(_site(url))
            old = () if host is None else host.labels
            mine = {(label.service, label.for_) for label, _ in generic}
            kept = [pair for pair in old if (pair[0].service, pair[0].for_) not in mine][-MAX_TREE:]
            self._put_host(url, (*kept, *generic), None if host is None else host.whole)

    def put_tree(self, url: Url, told: Told, seconds: float) -> None:
        """Keep all labels of the host of `url`: what the bureau told of its tree, and of its root."""
        host = self._hosts.get(_site(url))
        self._put_host(url, () if host is None else host.labels, self._held(told, seconds))

    def _put_host(self, url: Url, labels: tuple[tuple[RatedPrefix, Held], ...], whole: Held | None) -> None:
        ends = [held.hard for _, held in labels] + ([] if whole is None else [whole.hard])
        _store(self._hosts, _site(url), _Host(labels, whole, max(ends, default=0.0)))

    def _held(self, told: Told, seconds: float) -> Held:
        now = self._clock()
        return Held(told, now + seconds / 2, now + seconds)

    def _known(self, held: Held, told: Told, now: datetime) -> Known:
        """The labels that still hold. Where one has ended, the bureau may have another, which it stood before."""
        clock = self._clock()
        labels = tuple(label for label in told.labels if label.until is None or now < label.until)
        ended = len(labels) < len(told.labels)
        return Known(replace(told, labels=labels), clock < held.soft and not ended, clock < held.hard and not ended)


def seconds_of(told: Told, keep: float, keep_none: float, max_age: float | None, now: datetime) -> float:
    """How long an answer is kept: as the configuration says, no longer than the bureau lets us or a label holds. At
    least a second, or one reader's page would ask for the same thing again and again."""
    seconds = keep if told.labels else min(keep, keep_none)
    ends = [(label.until - now).total_seconds() for label in told.labels if label.until is not None]
    return max(min([seconds, *ends, *([] if max_age is None else [max_age])]), 1.0)


def _site(url: Url) -> str:
    return url.host if url.port is None else f"{url.host}:{url.port}"


def _about(label: RatedPrefix, url: Url, opt: Opt = Opt.NORMAL) -> bool:
    return (label.generic or opt is Opt.NORMAL) and label.prefix.covers(url, 0, label.generic)


def _best(labels: Iterable[RatedPrefix]) -> tuple[RatedPrefix, ...]:
    """Of each service the label that a bureau would answer: specific before generic, the longest, newest, highest."""
    best: dict[str, RatedPrefix] = {}
    for label in labels:
        other = best.get(label.service)
        if other is None or _rank(label) > _rank(other):
            best[label.service] = label
    return tuple(best.values())


def _rank(label: RatedPrefix) -> tuple[bool, int, float, int]:
    newest = label.on.timestamp() if label.on is not None else float("-inf")
    return (not label.generic, label.prefix.length if label.generic else 0, newest, label.rating)


def _store[K, V](cache: TLRUCache[K, V], key: K, value: V) -> None:
    if cache.maxsize:
        cache[key] = value
