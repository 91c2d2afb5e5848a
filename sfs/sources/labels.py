"""The store of the label bureau: labels of rating services, with all that was ever said of them.

One file (SQLite) or a PostgreSQL database. What `rate` and `withdraw` were told is on the disk when they come back.
Look-ups need nothing but the standard library; making a store, or bringing an older one up to today, needs the
packages of the bureau.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final, Self

from sfs.errors import SfsError, Where
from sfs.pics.keys import keys_of, label_key
from sfs.pics.safetyonline import service_key
from sfs.pics.stored import Change, Counts, StoredLabel, StoredService
from sfs.sources import label_driver as sql
from sfs.sources.label_driver import Driver
from sfs.sources.label_lookup import END, Lookup
from sfs.sources.label_rows import MAX_NAME, OF_LABEL, LabelRow, Texts, change_of, checked_text, label_of
from sfs.sources.label_sqlite import BUSY, SqliteDriver
from sfs.sources.label_writing import Pen
from sfs.text.url import Url

__all__ = ["Change", "Counts", "LabelStore", "StoredLabel", "StoredService"]

DATABASE: Final = "labels.db"  # in the state folder
INSTALL: Final = "pip install 'sfs-filter[bureau]'"
MAX_RAT: Final = 256 * 1024  # characters of a service's description
MAX_URI: Final = 500  # characters of the URL that names a service
PAGE: Final = 1000  # labels or changes that are read at once
_OF_CHANGE: Final = (2, 8, 9, 13)  # columns of a row of `changes` that name texts


class LabelStore:
    """Labels by service and URL. May be used from several threads, and by several processes at once."""

    def __init__(self, driver: Driver, clock: Callable[[], float]) -> None:
        self._driver = driver
        self._clock = clock
        self._generation = driver.generation()
        self._texts = Texts(driver)
        self._services: dict[str, StoredService] = {}
        self._numbers: dict[str, int] = {}
        self._load_services()

    @classmethod
    def open(
        cls,
        database: str | Path,
        *,
        create: bool = True,
        clock: Callable[[], float] = time.time,
        busy: float = BUSY,
    ) -> Self:
        """The store in a file (made where it is missing, for its owner alone) or at an SQLAlchemy URL. `clock`: seconds
        since 1970. `busy`: seconds to wait while another process holds the file. SfsError where it cannot be opened, is
        none or of a later version, or packages are missing."""
        driver = _driver(str(database), create, busy)
        try:
            return cls(driver, clock)
        except BaseException:
            driver.close()
            raise

    def services(self) -> tuple[StoredService, ...]:
        """The rating services, in their order."""
        self._load_services()
        return tuple(sorted(self._services.values(), key=lambda service: service.position))

    def service(self, uri: str) -> StoredService | None:
        """The service that a URL names; http or https, www or not, a slash at the end or not are the same service."""
        key = service_key(uri)
        if key not in self._services:
            self._load_services()
        return self._services.get(key)

    def add_service(self, uri: str, rat: str | None = None, name: str | None = None) -> None:
        """Keep labels of one more service, or give one that is there a new description or name. SfsError where the
        URL, the name or the description cannot be kept."""
        _check_service(uri, rat, name)
        with self._driver.writing() as writing:
            rows = writing.read(sql.SERVICES)
            same = [row for row in rows if service_key(row[1]) == service_key(uri)]
            if same:
                number, kept_uri, old_name, old_rat, position = same[0]
                row = (number, kept_uri, name or old_name, old_rat if rat is None else rat, position)
            else:
                number = max((row[0] for row in rows), default=0) + 1
                row = (number, uri, name or uri, rat, max((row[4] for row in rows), default=-1) + 1)
            writing.many(sql.PUT_SERVICE, [row])
        self._load_services()

    def rate(self, labels: Iterable[StoredLabel], *, who: str) -> Counts:
        """Put labels in place of those of the same service, URL and reach, all of them or none. On the disk when it
        comes back. SfsError names the first label that cannot be kept (LabelError where it is itself at fault)."""
        with self._driver.writing() as writing:
            return self._pen(writing, who).rate(labels)

    def withdraw(self, service: str, for_: str, *, generic: bool, who: str) -> bool:
        """Take a label back; False where there is none. Its history stays."""
        key = label_key(for_, generic)
        number = self._number(service)
        if number is None:
            return False
        with self._driver.writing() as writing:
            return self._pen(writing, who).withdraw(number, key, generic)

    def withdraw_all(self, places: Iterable[tuple[str, str, bool]], *, who: str) -> int:
        """As `withdraw`, of many by service, URL and whether they are generic, in one transaction; how many there
        were."""
        keys = [(self._number(service), label_key(for_, generic), generic) for service, for_, generic in places]
        with self._driver.writing() as writing:
            pen = self._pen(writing, who)
            return sum(pen.withdraw(number, key, generic) for number, key, generic in keys if number is not None)

    def kept(self, labels: Sequence[StoredLabel]) -> list[StoredLabel | None]:
        """What stands now in the place of each of these labels: of the same service, URL and reach. LabelError for a
        URL that no label can have."""
        places = [(self._number(one.service), int(one.generic), label_key(one.for_, one.generic).key) for one in labels]
        groups: dict[tuple[int, int], list[str]] = {}
        for number, generic, key in places:
            if number is not None:
                groups.setdefault((number, generic), []).append(key)
        rows = [
            LabelRow._make(row)
            for (number, generic), keys in groups.items()
            for row in self._driver.read(sql.AT, (self._driver.array(keys), number, generic))
        ]
        rows = [row for row in rows if row.ratings is not None]
        found = {(row.service, row.generic, row.key): one for row, one in zip(rows, self._labels(rows), strict=True)}
        return [None if number is None else found.get((number, generic, key)) for number, generic, key in places]

    def find(
        self, urls: Sequence[Url], services: Sequence[str], now: datetime, *, generic_only: bool = False
    ) -> list[list[StoredLabel | None]]:
        """For each service, for each URL: the label in force at `now` (aware), None where there is none or the service
        is not kept. `for_` of a label tells which reading of the URL it is about where that has several."""
        seconds = now.timestamp()
        while True:
            generation = self._current()
            found = self._found(urls, services, seconds, generic_only)
            if self._driver.generation() == generation:
                return found

    def _found(
        self, urls: Sequence[Url], services: Sequence[str], now: float, generic_only: bool
    ) -> list[list[StoredLabel | None]]:
        found: list[list[StoredLabel | None]] = []
        for uri in services:
            service = self.service(uri)
            if service is None:
                found.append([None] * len(urls))
                continue
            number = self._numbers[service.uri]
            lookup = Lookup(self._driver, self._texts, number, service.uri, now, generic_only)
            found.append(lookup.find(urls))
        return found

    def tree(
        self, url: Url, service: str, now: datetime, *, generic_only: bool = False, limit: int = 1000
    ) -> list[StoredLabel]:
        """The labels in force whose URL or prefix begins with `url`, at most `limit`, in the order of their prefixes;
        of a host's root all labels of that host."""
        self._current()
        found = self.service(service)
        if found is None:
            return []
        exact, _ = keys_of(url)[0]
        start = exact or f"{keys_of(url)[0][1][:-2]}/"
        start = start[:-1] if start.endswith(" /") else start
        rows: list[LabelRow] = []
        for generic in (1,) if generic_only else (0, 1):
            rows += self._range(self._numbers[found.uri], generic, start, now.timestamp(), limit)
        rows.sort(key=lambda row: (row.key, -row.generic))
        return self._labels(rows[:limit])

    def history(self, for_: str, service: str | None = None) -> list[Change]:
        """All that was ever said of one URL or prefix, specific and generic, of one service or all; oldest first."""
        keys = {label_key(for_, generic).key for generic in (False, True)}
        numbers = self._numbers_of(service)
        serials = [
            row[11] for number in numbers for key in sorted(keys) for row in self._driver.read(sql.HEADS, (number, key))
        ]
        rows = []
        while serials:
            change = self._driver.read(sql.CHANGED, (serials.pop(),))[0]
            rows.append(change)
            if change[14] is not None:
                serials.append(change[14])
        return self._changes(sorted(rows))

    def each(self, service: str | None = None) -> Iterator[StoredLabel]:
        """Every label, of one service or all, service by service in the order of keys. Read page by page: a label that
        is written meanwhile may come or not."""
        for number in self._numbers_of(service):
            after: tuple[int, int, str] = (number, 0, "")
            while rows := [LabelRow._make(row) for row in self._driver.read(sql.PAGE, (*after, PAGE))]:
                mine = [row for row in rows if row.service == number]
                yield from self._labels([row for row in mine if row.ratings is not None])
                if len(mine) < len(rows):
                    break
                after = rows[-1].service, rows[-1].generic, rows[-1].key

    def changes(self, after: int, limit: int) -> list[Change]:
        """What was changed after a serial, oldest first, at most `limit`."""
        self._current()
        return self._changes(self._driver.read(sql.CHANGES, (after, limit)))

    def serial(self) -> int:
        """The serial of the last change; 0 where nothing was ever written."""
        self._current()
        return int(self._driver.read(sql.SERIAL)[0][0])

    def close(self) -> None:
        """Let the database go."""
        self._driver.close()

    def _pen(self, writing: sql.Writing, who: str) -> Pen:
        numbers = {service_key(row[1]): row[0] for row in writing.read(sql.SERVICES)}
        return Pen(writing, numbers, who, self._clock())

    def _range(self, number: int, generic: int, start: str, now: float, limit: int) -> list[LabelRow]:
        """Labels in force whose key begins with `start`."""
        kept: list[LabelRow] = []
        upto = f"{start}{END}"
        while len(kept) < limit:
            rows = [LabelRow._make(row) for row in self._driver.read(sql.RANGE, (number, generic, start, upto, PAGE))]
            kept += [row for row in rows if row.ratings is not None and (row.ends is None or row.ends >= now)]
            if len(rows) < PAGE:
                break
            start = f"{rows[-1].key}\x01"  # no key holds a character before the blank
        return kept[:limit]

    def _labels(self, rows: Sequence[LabelRow]) -> list[StoredLabel]:
        names = {number: uri for uri, number in self._numbers.items()}
        self._texts.load(rows, OF_LABEL)
        return [label_of(row, names[row.service], self._texts) for row in rows]

    def _changes(self, rows: Sequence[sql.Row]) -> list[Change]:
        names = {number: uri for uri, number in self._numbers.items()}
        self._texts.load(rows, _OF_CHANGE)
        return [change_of(row, names[row[3]], self._texts) for row in rows]

    def _current(self) -> int:
        """Forget what was known of another database that stood here; its generation."""
        generation = self._driver.generation()
        if generation != self._generation:
            self._texts = Texts(self._driver)
            self._load_services()
            self._generation = generation
        return generation

    def _number(self, uri: str) -> int | None:
        found = self.service(uri)
        return None if found is None else self._numbers[found.uri]

    def _numbers_of(self, service: str | None) -> list[int]:
        self._current()
        if service is None:
            return [self._numbers[found.uri] for found in self.services()]
        number = self._number(service)
        return [] if number is None else [number]

    def _load_services(self) -> None:
        rows = self._driver.read(sql.SERVICES)
        self._numbers = {row[1]: row[0] for row in rows}
        self._services = {service_key(row[1]): StoredService(*row[1:]) for row in rows}


def _driver(database: str, create: bool, busy: float) -> Driver:
    scheme, sign, rest = database.partition("://")
    if not sign:
        return SqliteDriver(Path(database), create=create, prepare=_prepare, busy=busy)
    if scheme == "sqlite" and rest.startswith("/") and len(rest) > 1:
        return SqliteDriver(Path(rest[1:]), create=create, prepare=_prepare, busy=busy)
    if scheme not in ("postgresql", "postgresql+psycopg"):
        what = f"no store of labels is kept in {scheme[:40]!r}"
        raise SfsError(what, mend="name a file, or postgresql+psycopg://user@host/database")
    try:
        from sqlalchemy import make_url
        from sqlalchemy.exc import ArgumentError

        from sfs.sources.label_postgres import PostgresDriver
    except ImportError as fault:
        what = f"a store of labels in PostgreSQL needs more packages: {fault.name} is missing"
        raise SfsError(what, mend=INSTALL) from None
    try:
        url = make_url(database).set(drivername="postgresql+psycopg")
    except (ArgumentError, ValueError):
        raise SfsError("this is no URL of a database", mend="write postgresql+psycopg://user@host/database") from None
    return PostgresDriver(url, prepare=_prepare)


def _prepare(url: str, place: str) -> None:
    """Make or upgrade the tables."""
    try:
        from sqlalchemy.exc import SQLAlchemyError

        from sfs.sources.label_tables import prepare
    except ModuleNotFoundError as fault:
        what = f"a new or an older store of labels needs more packages: {fault.name} is missing"
        raise SfsError(what, Where(place), INSTALL) from None
    try:
        prepare(url, place)
    except SQLAlchemyError as fault:
        original = getattr(fault, "orig", None)
        if isinstance(original, Exception):
            raise original from None
        raise SfsError("the labels cannot be opened", Where(place), "see that it is a store of labels") from None


def _check_service(uri: str, rat: str | None, name: str | None) -> None:
    scheme, sign, rest = uri.partition("://")
    if not sign or not scheme.isalpha() or not rest or not uri.isprintable() or set(uri) & set(' "<>'):
        raise SfsError(f"{uri[:80]!r} names no rating service", mend="write its URL, as http://host/path")
    checked_text(uri, "the URL of the service", MAX_URI)
    checked_text(name, "the name of the service", MAX_NAME)
    if rat is not None and (len(rat) > MAX_RAT or "\0" in rat):
        raise SfsError("the description of the service cannot be kept", mend=f"{MAX_RAT} characters at most, no zeros")
