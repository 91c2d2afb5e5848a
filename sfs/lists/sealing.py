"""A mandatory list made into keyed digests: the rows of match/sealed.py, out of entries in clear."""

from collections.abc import Iterable
from typing import Final

from sfs.lists.mandatory import CANARY, MandatoryEntry, Method, Report
from sfs.match.entry import Entry, Unit
from sfs.match.index import ALL_FORMS, DECODED, SENT
from sfs.match.sealed import ALWAYS, BY_NAME, BY_URL, DIGEST, ROW, SCHEMES, Digests, Kind, Table, table_of
from sfs.text.readings import pairs_of_query
from sfs.text.url import Form, parents

MAX_SLASHES: Final = 1000  # in a prefix; each is looked up


class Sealing:
    """A list on its way into a table."""

    def __init__(self, digests: Digests) -> None:
        self.count = 0
        self._digests = digests
        self._rows: list[tuple[bytes, bytes]] = []
        self._names: set[str] = set()  # of the hosts, and all above them
        self._own: set[str] = set()  # those at which entries stand
        self._kinds: dict[str, int] = {}  # by host: the kinds of units of pages, a bit each
        self._slashes: dict[str, int] = {}  # by host: of its longest prefix

    def add(self, entries: Iterable[MandatoryEntry], report: Report, name: str) -> None:
        """Take entries in. What a proxy cannot enforce goes to the report. `name`: of the list, for its lines."""
        for one in entries:
            if reason := left_out(one):
                report.add(f"left out: {reason}", f"{name}:{one.line}")
                continue
            self.count += 1
            if one.of_pages:
                self._pages(one)
            else:
                self._row("n", one.entry.host, "", Kind(one.entry.unit), _asks(one, ALL_FORMS), one)
            self._names.update(parents(one.entry.host))
            self._own.add(one.entry.host)

    def add_canaries(self, own: str) -> None:
        """Take in the harmless names by which it can be seen that a list holds: the one of all lists, and that of this
        list alone with all below it. Their number is 0."""
        for name, kind in ((CANARY, Kind.HOST), (own, Kind.TREE)):
            self._rows.append((self._digests.of("n", name), ROW.pack(kind, ALWAYS, 0, 0)))
            self._names.update(parents(name))
            self._own.add(name)

    def table(self) -> Table:
        """The table of all that was taken in."""
        of = self._digests.of
        inner = ROW.pack(Kind.INNER, 0, 0, 0)
        rows = self._rows + [(of("n", name), inner) for name in self._names - self._own]
        for host, kinds in self._kinds.items():
            rows.append((of("n", host), ROW.pack(Kind.PATHS, 0, kinds, self._slashes.get(host, 0))))
        return table_of(rows)

    def _row(self, letter: str, host: str, more: str, kind: Kind, asks: int, one: MandatoryEntry) -> None:
        row = ROW.pack(kind, asks, one.entry.port or 0, one.line)
        self._rows.append((self._digests.of(letter, host, more), row))

    def _pages(self, one: MandatoryEntry) -> None:
        host, pairs = one.entry.host, wanted_pairs(one)
        kind = Kind(Kind.KEYS + len(pairs) - 1) if one.keys else Kind(one.entry.unit)
        self._kinds[host] = self._kinds.get(host, 0) | 1 << kind
        for form, forms in forms_of(one.entry).items():
            asks = _asks(one, forms)
            if kind == Kind.EXACT:
                row = ROW.pack(kind, asks, one.entry.port or 0, one.line)
                self._rows.append((self._digests.exact(host, form), row))
            elif kind == Kind.PREFIX:
                self._prefix(one, form.path, asks)
            else:
                self._row("g", host, form.path, kind, asks, one)
        for number, pair in enumerate(pairs):
            for reading in pair:
                row = ROW.pack(Kind.PAIR, number, 0, one.line)
                self._rows.append((self._digests.of("q", host, reading), row))

    def _prefix(self, one: MandatoryEntry, path: str, asks: int) -> None:
        host = one.entry.host
        self._row("p", host, path, Kind.PREFIX, asks, one)
        self._row("g", host, path[:-1], Kind.PREFIX, asks, one)
        if path.endswith("/"):
            self._slashes[host] = max(self._slashes.get(host, 0), path.count("/"))
        else:  # as it was sent, or as some server reads it
            self._kinds[host] |= 1 << Kind.LENGTH
            self._rows.append((self._digests.of("n", host), ROW.pack(Kind.LENGTH, 0, 0, len(path))))


def changed_rows(before: Table, now: Table) -> tuple[int, int]:
    """How many digests of entries went, and how many came; both tables with one key and one salt."""
    was, has = _of_entries(before), _of_entries(now)
    return len(was - has), len(has - was)


def _of_entries(table: Table) -> set[tuple[bytes, int]]:
    rows = range(len(table.digests) // DIGEST)
    kinds = ((number, table.rows[number * ROW.size]) for number in rows)
    return {(table.digests[n * DIGEST : (n + 1) * DIGEST], kind) for n, kind in kinds if kind < Kind.PAIR}


def left_out(one: MandatoryEntry) -> str:
    """Why a proxy cannot be told of an entry; '' where it can."""
    if not one.methods & {Method.NAME, Method.URL}:
        return "its methods leave this out"
    if one.keys and len(wanted_pairs(one)) != len(one.keys):
        return "a key that stands not once in the query"
    if one.entry.unit is Unit.PREFIX and one.entry.forms[0].path.count("/") > MAX_SLASHES:
        return f"a path of more than {MAX_SLASHES} parts"
    return ""


def wanted_pairs(one: MandatoryEntry) -> list[tuple[str, ...]]:
    """The pairs of the query that an entry with keys asks for, each in its readings."""
    if not one.keys:
        return []
    pairs = pairs_of_query(one.entry.forms[0].query or "")
    return [pair for pair in pairs if pair[0].partition("=")[0] in one.keys]


def forms_of(entry: Entry) -> dict[Form, int]:
    """The forms of an entry, each with the form of a URL that it is held against (index.py, entry_matches)."""
    forms = dict.fromkeys((entry.forms[-1], *entry.readings), DECODED)
    forms[entry.forms[0]] = forms.get(entry.forms[0], 0) | SENT
    return forms


def _asks(one: MandatoryEntry, forms: int) -> int:
    by = BY_NAME * (Method.NAME in one.methods) | BY_URL * (Method.URL in one.methods)
    return forms | SCHEMES[one.entry.scheme] << 2 | by
