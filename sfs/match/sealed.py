"""An index that holds no entry: of each, keyed digests alone (BLAKE2b, RFC 7693). Who has the key can ask whether a URL
is listed; nobody can read from it what is.

A host is looked up from its right end, one digest a name: jp, example.jp, www.example.jp. A name below which nothing is
listed has no row, and the look-up ends there. A row is found by the first bits of its digest:

    directory   where the digests begin that have these first bits; one more at the end
    digests     16 bytes each, sorted
    rows        8 bytes each, in the same order: what the digest means (ROW)

What is digested, each with the key, the salt of the list, and a letter in front:

    n host          a name. TREE and HOST: entries; INNER: something is listed below; PATHS: units of pages stand here,
                    of these kinds, and prefixes of so many slashes at most; LENGTH: of a prefix that does not end in /
    g host path     a whole path: PAGE; KEYS with the number of its pairs; PREFIX without its last character
    p host path     a path up to a slash: PREFIX
    x host path ?   a path and a query: EXACT
    q host pair     name=value: PAIR, one of those that an entry with this number asks for

It matches as EntryIndex does (index.py), in the same forms and readings; tests hold one against the other.
"""

import struct
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from hashlib import blake2b
from typing import Final

from sfs.match.entry import Entry, Unit
from sfs.match.index import ALL_FORMS, DECODED, SENT, EntryIndex, Hit, port_of
from sfs.text.readings import further_readings, pairs_of_query
from sfs.text.url import Form, Url, parents

DIGEST: Final = 16  # bytes; among 2**33 digests two are alike once in 2**63 lists
SALT: Final = 16  # bytes
ROW: Final = struct.Struct("<BBHI")  # kind; what it asks for; port, 0 for any; number of the entry
MAX_BITS: Final = 24  # of the directory
_WIDTH: Final = ROW.size
SCHEMES: Final = {None: 0, "http": 1, "https": 2}
BY_NAME: Final = (
    0x10  # what it asks for, bits: 0x03 forms, 0x0C scheme, then whether it holds by name, by the whole URL
)
BY_URL: Final = 0x20
ALWAYS: Final = BY_NAME | BY_URL | ALL_FORMS  # of a whole name, by any scheme


class Kind(IntEnum):
    """What a row means. Those of entries have the numbers of Unit."""

    TREE = 1
    HOST = 2
    PREFIX = 3
    PAGE = 4
    EXACT = 5
    KEYS = 6  # with one pair
    KEYS_TWO = 7
    KEYS_THREE = 8
    PAIR = 9
    INNER = 10
    PATHS = 11  # port: its kinds, a bit each
    LENGTH = 12


_TREE, _HOST, _INNER, _PATHS = int(Kind.TREE), int(Kind.HOST), int(Kind.INNER), int(Kind.PATHS)  # compared for each row


class Digests:
    """Digests with the key and the salt of a list. SALT bytes of salt; the key has 64 bytes at most."""

    __slots__ = ("_base",)

    def __init__(self, key: bytes, salt: bytes) -> None:
        self._base = blake2b(digest_size=DIGEST, key=key, salt=salt, person=b"sfs sealed list1")

    def of(self, letter: str, host: str, more: str = "") -> bytes:
        """The digest of a host with what stands behind it. No host has a zero byte."""
        state = self._base.copy()
        state.update(f"{letter}{host}\0{more}".encode("utf-8", "surrogatepass"))
        return state.digest()

    def exact(self, host: str, form: Form) -> bytes:
        """The digest of a path and a query; no query is not an empty one."""
        query = "" if form.query is None else f"?{form.query}"
        return self.of("x", host, f"{len(form.path)}:{form.path}{query}")


@dataclass(frozen=True, slots=True)
class Table:
    """Rows by their digests; `bits`: of the directory. Nothing of it is for a repr."""

    bits: int
    directory: "array[int]" = field(repr=False)
    digests: bytes = field(repr=False)
    rows: bytes = field(repr=False)

    def at(self, digest: bytes) -> list[tuple[int, int, int, int]]:
        """The rows of a digest, as ROW says; none where it has none."""
        first = self.place(digest)
        return self.rows_at(first) if first >= 0 else []

    def rows_at(self, first: int) -> list[tuple[int, int, int, int]]:
        """The rows from this one on that have its digest."""
        digests, at, end = self.digests, first * DIGEST, (first + 1) * DIGEST
        digest = digests[at:end]
        while digests[end : end + DIGEST] == digest:
            end += DIGEST
        return [ROW.unpack_from(self.rows, number * _WIDTH) for number in range(first, end // DIGEST)]

    def place(self, digest: bytes) -> int:
        """The number of the first row of a digest; -1 for none."""
        first = int.from_bytes(digest[:4]) >> 32 - self.bits
        at, end = self.directory[first] * DIGEST, self.directory[first + 1] * DIGEST
        while (at := self.digests.find(digest, at, end)) >= 0:
            if not at % DIGEST:
                return at // DIGEST
            at += 1  # the end of one digest and the begin of the next
        return -1


def table_of(pairs: Iterable[tuple[bytes, bytes]]) -> Table:
    """The table of digests, each with its packed row. The same pair twice is one row."""
    ordered = sorted(set(pairs))
    bits = min(max(len(ordered).bit_length() - 1, 0), MAX_BITS)
    starts = array("I", bytes(4 * ((1 << bits) + 1)))
    for digest, _ in ordered:
        starts[(int.from_bytes(digest[:4]) >> 32 - bits) + 1] += 1
    for number in range(1, len(starts)):
        starts[number] += starts[number - 1]
    return Table(bits, starts, b"".join(digest for digest, _ in ordered), b"".join(row for _, row in ordered))


class SealedIndex(EntryIndex):
    """The index over a table. A hit names its entry by number; the Entry in it is made of what was asked, and has the
    unit and no path."""

    __slots__ = ("_count", "_digests", "_table")
    in_memory = False

    def __init__(self, table: Table, digests: Digests, count: int) -> None:
        super().__init__()
        self._table, self._digests, self._count = table, digests, count

    def __len__(self) -> int:
        return self._count

    def match(self, url: Url) -> list[Hit]:
        """As EntryIndex says."""
        hits: list[Hit] = []
        for name, at in self._walk(url.host):
            for kind, asks, port, number in self._table.rows_at(at):
                if kind == _TREE or (kind == _HOST and name == url.host):
                    if _holds(asks, port, url):
                        hits.append(Hit(Entry(Unit(kind), name), number, ALL_FORMS))
                elif kind == _PATHS and name == url.host and not url.name_only:
                    hits += self._pages(url, port, number, at)
        return hits

    def of_host(self, host: str) -> bool | None:
        """As EntryIndex says."""
        found = False
        for name, at in self._walk(host):
            for kind, asks, port, _ in self._table.rows_at(at):
                of_all = kind == _TREE or (kind == _HOST and name == host)
                if of_all and asks == ALWAYS and not port:
                    return True
                found = found or of_all or (kind == _PATHS and name == host)
        return None if found else False

    def names(self) -> Iterator[str]:
        """None: they cannot be read."""
        return iter(())

    def lines(self) -> Iterator[str]:
        """None: they cannot be read."""
        return iter(())

    def has_paths(self, host: str) -> bool:
        """As EntryIndex says."""
        return any(row[0] == _PATHS for row in self._table.at(self._digests.of("n", host)))

    def _walk(self, host: str) -> list[tuple[str, int]]:
        """Where entries may stand for a host: it and its parents, from the right end, each with its first row; without
        those that only say that something is listed below. It ends where nothing is."""
        found: list[tuple[str, int]] = []
        table, digest = self._table, self._digests.of
        place, rows = table.place, table.rows
        for name in reversed(parents(host)):
            at = place(digest("n", name))
            if at < 0:
                break
            if rows[at * _WIDTH] != _INNER:
                found.append((name, at))
        return found

    def _pages(self, url: Url, kinds: int, slashes: int, at: int) -> Iterator[Hit]:
        """The units of pages of this host that match, each once. `kinds`: that stand here; `slashes`: of the longest
        prefix; `at`: the first row of the host."""
        found: dict[tuple[int, int], int] = {}
        for form, forms in _forms(url).items():
            for digest in self._asked(url.host, form, kinds, slashes, at):
                for kind, asks, port, number in self._table.at(digest):
                    if asks & forms and _holds(asks, port, url):
                        found[kind, number] = found.get((kind, number), 0) | (asks & forms)
        for (kind, number), forms in found.items():
            if kind < Kind.KEYS:
                yield Hit(Entry(Unit(kind), url.host), number, forms)
        wanted = {number: (kind - Kind.KEYS + 1, forms) for (kind, number), forms in found.items() if kind >= Kind.KEYS}
        if wanted:
            yield from self._with_pairs(url, wanted)

    def _asked(self, host: str, form: Form, kinds: int, slashes: int, at: int) -> Iterator[bytes]:
        """The digests of one form under which an entry may stand."""
        digest, path = self._digests.of, form.path
        yield digest("g", host, path)
        if kinds & 1 << Kind.EXACT:
            yield self._digests.exact(host, form)
        if kinds & 1 << Kind.PREFIX:
            end = -1
            for _ in range(slashes):
                end = path.find("/", end + 1)
                if end < 0:
                    break
                yield digest("p", host, path[: end + 1])
        if kinds & 1 << Kind.LENGTH:
            lengths = [number for kind, _, _, number in self._table.rows_at(at) if kind == Kind.LENGTH]
            yield from (digest("p", host, path[:length]) for length in lengths if length <= len(path))

    def _with_pairs(self, url: Url, wanted: dict[int, tuple[int, int]]) -> Iterator[Hit]:
        """The entries whose pairs all stand in the query. `wanted`: by number, how many those are, and the forms of the
        path that match."""
        found: dict[int, set[int]] = {}
        for readings in pairs_of_query(url.sent.query or ""):
            for pair in readings:
                for kind, asks, _, number in self._table.at(self._digests.of("q", url.host, pair)):
                    if kind == Kind.PAIR and number in wanted:
                        found.setdefault(number, set()).add(asks)
        for number, (count, forms) in wanted.items():
            if len(found.get(number, ())) == count:
                yield Hit(Entry(Unit.EXACT, url.host), number, forms)


def _forms(url: Url) -> dict[Form, int]:
    """The forms of a URL in which an entry may match it, each with what it counts as."""
    forms = dict.fromkeys((url.decoded, *further_readings(url.forms)), DECODED)
    forms[url.sent] = forms.get(url.sent, 0) | SENT
    return forms


def _holds(asks: int, port: int, url: Url) -> bool:
    """Whether a row holds by this scheme, on this port, and by what is seen of the URL."""
    scheme = asks >> 2 & 3
    if scheme and scheme != SCHEMES.get(url.scheme):
        return False
    if port and port != port_of(url):
        return False
    return bool(asks & (BY_NAME if url.name_only else BY_URL))
