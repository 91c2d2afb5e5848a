"""What is read from the store for one question. Everything here runs in the thread of look-ups.

The list of services is kept, so that a question for one of them has its answer while the database is away.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from time import monotonic
from typing import Final, Protocol

from sfs.bureau.answer import Answer, Away, Labels, Part, Tree, Trees, write_answer
from sfs.bureau.lookups import Faults
from sfs.bureau.query import Opt, Query
from sfs.errors import SfsError
from sfs.pics.safetyonline import service_key
from sfs.pics.stored import StoredLabel
from sfs.text.url import Url

REFRESH: Final = 5.0  # seconds until a service that was added is known
MAX_TREE: Final = 1000  # labels below one URL
MAX_TREES: Final = 5000  # labels of all trees of one answer


class Service(Protocol):
    """A rating service of the store."""

    @property
    def uri(self) -> str: ...
    @property
    def name(self) -> str | None: ...
    @property
    def rat(self) -> str | None: ...


class Store(Protocol):
    """What the bureau reads of a store of labels (`LabelStore`)."""

    def services(self) -> Sequence[Service]: ...
    def find(
        self, urls: Sequence[Url], services: Sequence[str], now: datetime, *, generic_only: bool = False
    ) -> list[list[StoredLabel | None]]: ...
    def tree(
        self, url: Url, service: str, now: datetime, *, generic_only: bool = False, limit: int = MAX_TREE
    ) -> list[StoredLabel]: ...
    def serial(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Hosted:
    """The services of a bureau in their order, and by every spelling of their ids."""

    services: tuple[Service, ...]
    by_key: dict[str, Service]

    @classmethod
    def of(cls, services: Iterable[Service]) -> "Hosted":
        """From what the store says; the first one of two spellings of an id holds."""
        listed = tuple(services)
        return cls(listed, {service_key(service.uri): service for service in reversed(listed)})

    def find(self, uri: str) -> Service | None:
        """The service that `uri` means: with or without www, https and the slash at its end."""
        return self.by_key.get(service_key(uri))


class Desk:
    """Reads one store. `faults` counts what goes wrong. Made, it has read the services."""

    def __init__(self, store: Store, faults: Faults, clock: Callable[[], float] = monotonic) -> None:
        self._store = store
        self._faults = faults
        self._clock = clock
        self._hosted = Hosted.of(store.services())
        self._read_at = clock()

    def hosted(self) -> Hosted:
        """The services, at most REFRESH old; older ones where they cannot be read."""
        if self.is_due:
            self._read_at = self._clock()
            try:
                self._hosted = Hosted.of(self._store.services())
            except Exception as fault:
                self._faults.note("services", fault)
        return self._hosted

    def kept(self) -> Hosted:
        """The services as they were last read, without the store."""
        return self._hosted

    @property
    def is_due(self) -> bool:
        """Whether the services are to be read again."""
        return self._clock() - self._read_at >= REFRESH

    def answers(self, queries: Sequence[Query]) -> list[Answer]:
        """The label list for each query, whatever happens: what cannot be read is said in it. Queries for the same
        services are looked up together."""
        hosted, now = self.hosted(), datetime.now(UTC)
        kinds: dict[tuple[tuple[str, ...], Opt], list[int]] = {}
        for place, query in enumerate(queries):
            kinds.setdefault((query.services, query.opt), []).append(place)
        found: dict[int, Answer] = {}
        for places in kinds.values():
            alike = [queries[place] for place in places]
            found |= zip(places, self._together(alike, hosted, now), strict=True)
        return [found[place] for place in range(len(queries))]

    def _together(self, alike: Sequence[Query], hosted: Hosted, now: datetime) -> list[Answer]:
        """The answers of queries for the same services with the same opt."""
        asked = _asked_services(alike[0], hosted)
        try:
            parts = self._parts(alike, asked, now)
        except Exception as fault:
            self._faults.note("look-up", fault)
            if len(alike) == 1 or isinstance(fault, SfsError):
                return [away_answer(query, hosted) for query in alike]
            # A fault of ours over one question must not cost the others their answers.
            return [answer for query in alike for answer in self._together([query], hosted, now)]
        return [write_answer(query, part, now) for query, part in zip(alike, parts, strict=True)]

    def serial(self) -> int:
        """The serial of the last change; raises what the store does."""
        return self._store.serial()

    def find(self, urls: Sequence[Url], services: Sequence[str], now: datetime) -> list[list[StoredLabel | None]]:
        """As the store's `find`."""
        return self._store.find(urls, services, now)

    def _parts(self, queries: Sequence[Query], asked: Sequence[Service | None], now: datetime) -> list[list[Part]]:
        """For each query what each of its services says."""
        if queries[0].opt.tree:
            return [self._tree_parts(query, asked, now) for query in queries]
        ids = list(dict.fromkeys(service.uri for service in asked if service is not None))
        # What carries no pages has no label, and is not asked for.
        urls = [one.url for query in queries for one in query.urls if one.url is not None]
        rows: list[list[StoredLabel | None]] = [[] for _ in ids]
        if urls and ids:
            rows = self._store.find(urls, ids, now, generic_only=queries[0].opt.generic_only)
        each = {uri: iter(row) for uri, row in zip(ids, rows, strict=True)}
        parts: list[list[Part]] = []
        for query in queries:
            found = {
                uri: Labels(uri, [next(row) if one.url is not None else None for one in query.urls])
                for uri, row in each.items()
            }
            parts.append([None if service is None else found[service.uri] for service in asked])
        return parts

    def _tree_parts(self, query: Query, asked: Sequence[Service | None], now: datetime) -> list[Part]:
        budget = _Budget(MAX_TREES)
        return [None if service is None else self._trees(query, service.uri, now, budget) for service in asked]

    def _trees(self, query: Query, service: str, now: datetime, budget: "_Budget") -> Trees:
        entries: list[Tree] = []
        for one in query.urls:
            entry: Tree = []
            if one.url is not None and (limit := budget.limit()) > 0:
                found = self._store.tree(one.url, service, now, generic_only=query.opt.generic_only, limit=limit + 1)
                entry = budget.take(found, limit)
            elif one.url is not None:
                entry = None
            entries.append(entry)
        return Trees(service, entries)


@dataclass(slots=True)
class _Budget:
    """How many more labels the trees of an answer may hold."""

    left: int

    def limit(self) -> int:
        return min(MAX_TREE, self.left)

    def take(self, found: list[StoredLabel], limit: int) -> Tree:
        """`found`, or None where there is more than `limit`: a part of a tree would pass for all of it."""
        if len(found) > limit:
            return None
        self.left -= len(found)
        return found


def _asked_services(query: Query, hosted: Hosted) -> list[Service | None]:
    if not query.services:
        return list(hosted.services)
    return [hosted.find(uri) for uri in query.services]


def away_answer(query: Query, hosted: Hosted) -> Answer:
    """What is said while the store cannot be read."""
    parts = [None if service is None else Away(service.uri) for service in _asked_services(query, hosted)]
    return write_answer(query, parts, datetime.now(UTC))
