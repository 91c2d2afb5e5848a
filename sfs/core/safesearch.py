"""SafeSearch of search engines and the restricted mode of YouTube, forced as a policy says. Pure.

    seen whole        the request is rewritten: parameters, form, cookies, header fields (`Locks.lock`)
    by name alone     the connection goes to the host of the engine that serves nothing else (`Locks.forced_host`)
    neither helps     the engine has a rating, and the level decides (`Locks.unlocked`)

Most requests are to no engine: one look-up by host tells that. A request that asks for enough already, or for more, is
not touched; nothing is ever redirected, so nothing can loop.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sfs.core.levels import Strictness
from sfs.core.lock_rows import Knob, LockRow, lock_rows
from sfs.errors import RuleError, Where
from sfs.text.pairs import Wanted, settle_cookie, settle_query, without_words
from sfs.text.patterns import HostRows
from sfs.text.url import Url

FILE: Final = "rules/safesearch.yaml"


@dataclass(frozen=True, slots=True)
class Lock:
    """What one request has to say. `searches`: its path is one where the engine searches."""

    name: str
    params: tuple[Wanted, ...]
    cookies: tuple[Wanted, ...]
    headers: tuple[tuple[str, str, frozenset[str]], ...]  # name, value, values that are right
    off_words: tuple[bytes, ...]
    searches: bool

    def query(self, raw: bytes | None) -> bytes | None:
        """The query to send (without its question mark; None for none): `raw` itself where it is right. An urlencoded
        form is settled in the same way."""
        return without_words(settle_query(raw, self.params), self.off_words)

    def cookie(self, fields: Sequence[bytes]) -> list[bytes]:
        """The Cookie fields to send."""
        return settle_cookie(fields, self.cookies)


@dataclass(frozen=True, slots=True)
class _Found:
    """A row as one of its hosts finds it. `main`: the host has the row's forced host."""

    row: LockRow
    main: bool


class Locks:
    """The table, ready to be asked. Frozen once made; RuleError where a row is wrong or a host stands twice."""

    def __init__(self, rows: object = (), file: str = FILE) -> None:
        """`rows`: what a YAML reader made of rules/safesearch.yaml, a list of mappings."""
        self.rows = lock_rows(list(rows) if isinstance(rows, tuple) else rows, file)
        found = [(host, _Found(row, True)) for row in self.rows for host in row.hosts]
        found += [(host, _Found(row, False)) for row in self.rows for host in row.also]
        seen: set[str] = set()
        for host, one in found:
            if host in seen:
                raise RuleError(f"{host} stands twice ({one.row.name})", Where(file), "delete one of them")
            seen.add(host)
        self._found: HostRows[_Found] = HostRows(found)
        self.patterns = self._found.patterns

    def lock(self, url: Url, safesearch: Strictness, youtube: Strictness) -> Lock | None:
        """What a request to `url` has to say; None where nothing is asked of it, or only its name is known."""
        rows = self._found.of(url.host)
        if not rows or url.name_only:
            return None
        row = rows[0].row
        strictness = _strictness(row, safesearch, youtube)
        if strictness is Strictness.OFF or not row.rewrites:
            return None
        paths = {form.path.lower() for form in url.forms}
        searches = not row.paths or any(_below(path, row.paths) for path in paths)
        return Lock(
            row.name,
            tuple(
                _wanted(knob, strictness, added=searches or bool(knob.paths))
                for knob in row.params
                if not knob.paths or any(_below(path, knob.paths) for path in paths)
            ),
            tuple(_wanted(knob, strictness, added=True) for knob in row.cookies),
            tuple((knob.name, knob.value(strictness), knob.right(strictness)) for knob in row.headers),
            tuple(word.encode() for word in row.off_words),
            searches,
        )

    def forced_host(self, host: str, safesearch: Strictness, youtube: Strictness, *, closed: bool = True) -> str | None:
        """The host whose addresses a connection to `host` (canonical) has to go to; None for its own. `closed`: only
        its name is seen. Otherwise its requests are rewritten, and few engines need another host as well."""
        rows = self._found.of(host)
        if not rows:
            return None
        row = rows[0].row
        strictness = _strictness(row, safesearch, youtube)
        if strictness is Strictness.OFF or row.forced is None or not rows[0].main or not (closed or row.always):
            return None
        return row.forced.value(strictness)

    def unlocked(self, url: Url, safesearch: Strictness, youtube: Strictness) -> tuple[int, str] | None:
        """The rating of an engine that cannot be locked for this policy as far as `url` is seen, with its name; None
        where it can, where nothing is asked of it, and for what is no engine."""
        rows = self._found.of(url.host)
        if not rows:
            return None
        row, main = rows[0].row, rows[0].main
        if _strictness(row, safesearch, youtube) is Strictness.OFF or not row.unlocked:
            return None
        forced = row.forced is not None and main and (url.name_only or row.always)
        by_name = url.name_only and not main  # it leads to the main host, which is judged in its turn
        locked = forced or by_name or (row.rewrites and not url.name_only)
        return None if locked and row.checked else (row.unlocked, row.name)


def _strictness(row: LockRow, safesearch: Strictness, youtube: Strictness) -> Strictness:
    return youtube if row.setting == "youtube" else safesearch


def _wanted(knob: Knob, strictness: Strictness, *, added: bool) -> Wanted:
    right = frozenset(value.encode() for value in knob.right(strictness))
    return Wanted(knob.name.encode(), knob.value(strictness).encode(), right, added)


def _below(path: str, paths: tuple[str, ...]) -> bool:
    """Whether `path` is one of `paths` or below it; "/" stands for the root page alone."""
    return any(path == one or (one != "/" and path.startswith(f"{one}/")) for one in paths)
