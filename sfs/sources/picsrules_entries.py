"""URL patterns of PICSRules as entries. An allow entry must show nothing that its pattern does not match, a block entry
must close all that its pattern matches; where no entry does, what is lost is said.

Two things no allow entry can leave out, and they are said too: the entry of a folder (example.org/kids/) is that of its
page without the slash as well, and an entry on a scheme's own port (example.org:80) does not name the scheme.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sfs.errors import RuleError, Where
from sfs.match.entry import Entry, Unit, parse_entry
from sfs.pics.rule_patterns import Network, Pattern
from sfs.text.url import DEFAULT_PORTS


class Effect(StrEnum):
    """What follows from something that was not carried over as it stands."""

    MORE = "shows more"
    LESS = "shows less"
    NEARLY = "shows nearly the same"
    SAME = "no effect"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was not carried over, where it stands, and what follows."""

    effect: Effect
    what: str
    where: Where | None = None

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        return f"{place}{self.effect}: {self.what}"


@dataclass(frozen=True, slots=True)
class Taken:
    """An entry that a pattern became, and the place of the pattern."""

    entry: Entry
    where: Where | None


class _LeftOut(Exception):
    """No entry says this; the message is the reason."""


_WEB: Final = ("http", "https", "ftp")


def entries_of(
    patterns: Iterable[tuple[Pattern, Where | None]], accept: bool
) -> tuple[tuple[Taken, ...], tuple[Finding, ...]]:
    """The entries of one clause's patterns, allow entries where it accepts, else block entries; and what was lost."""
    pairs = tuple(patterns)
    whole = {_site(pattern) for pattern, _ in pairs if not pattern.host_star and pattern.any_path}
    below = {_site(pattern) for pattern, _ in pairs if pattern.host_star and pattern.any_path}
    paths = {
        (_site(pattern), pattern.path[0], pattern.path_end)
        for pattern, _ in pairs
        if pattern.path and not pattern.path_start
    }
    taken: dict[Entry, Taken] = {}
    findings: list[Finding] = []
    for pattern, where in pairs:
        if _is_rest(pattern, paths):
            continue
        maker = _Maker(pattern, accept, joined=_site(pattern) in whole & below, paths=paths)
        try:
            maker.check_scheme()
        except _LeftOut as reason:
            findings.append(Finding(Effect.SAME, f"{pattern.text[:120]} is left out: {reason}", where))
            continue
        try:
            for entry in maker.entries():
                taken.setdefault(entry, Taken(entry, where))
        except _LeftOut as reason:
            effect = Effect.LESS if accept else Effect.MORE
            findings.append(Finding(effect, f"{pattern.text[:120]} is left out: {reason}", where))
        else:
            findings += (Finding(effect, f"{pattern.text[:120]}: {what}", where) for effect, what in maker.notes)
    return tuple(taken.values()), tuple(findings)


def _site(pattern: Pattern) -> tuple[object, ...]:
    """What a pattern of a host and one of the names below it have in common."""
    host = pattern.host.removeprefix(".") if isinstance(pattern.host, str) else pattern.host
    dotted = pattern.host_star and isinstance(pattern.host, str) and not pattern.host.startswith(".")
    return (pattern.scheme, pattern.user, pattern.port, host, dotted)


type _Paths = set[tuple[tuple[object, ...], str, bool]]  # site, path, whether more may follow


def _is_rest(pattern: Pattern, paths: _Paths) -> bool:
    """Whether the pattern is the part of another pattern's entry that the other alone leaves out: of a page /a that
    with queries /a?*, of a folder /a/* the page /a with and without them."""
    if not pattern.is_url or pattern.path_start or pattern.host_star:
        return False
    site, path = _site(pattern), pattern.path[0]
    with_queries = pattern.path_end and path.endswith("?")
    page = path[:-1] if with_queries else path
    if with_queries and (site, page, False) in paths:
        return True
    return page != "" and _has_page(site, page, paths) and (site, f"{page}/", True) in paths


def _has_page(site: tuple[object, ...], page: str, paths: _Paths) -> bool:
    return (site, page, False) in paths and (site, f"{page}?", True) in paths


class _Maker:
    """The entries of one pattern. `joined`: another pattern of the clause has the rest of the domain tree. `paths`:
    those of all patterns of the clause."""

    def __init__(self, pattern: Pattern, accept: bool, joined: bool, paths: _Paths) -> None:
        self.pattern = pattern
        self.accept = accept
        self.joined = joined
        self.paths = paths
        self.site = _site(pattern)
        self.notes: list[tuple[Effect, str]] = []

    def check_scheme(self) -> None:
        """_LeftOut where the pattern matches nothing that ever reaches the proxy."""
        if not self.pattern.is_url or self.pattern.scheme not in ("*", *_WEB):
            raise _LeftOut("the proxy carries no such URL")

    def entries(self) -> Iterator[Entry]:
        pattern = self.pattern
        if self.accept and pattern.user not in (None, "", "*"):
            raise _LeftOut("a user in a URL never reaches the proxy")
        if isinstance(pattern.host, Network):
            raise _LeftOut("an entry names one address, not a network")
        unit, host = self._unit_and_host(pattern.host)
        path = self._path() if unit is None else None
        for scheme, port in self._ways():
            entry = self._entry(unit, host, scheme, port, path)
            if self.accept and scheme is None and port is not None and pattern.scheme != "*":
                self.notes.append((Effect.NEARLY, f"taken as {entry.text}, whatever the scheme"))
            if self.accept and entry.unit is Unit.PREFIX and not self._has_page():
                self.notes.append((Effect.NEARLY, f"{entry.text[:-1]} without the slash is shown too"))
            yield entry

    def _has_page(self) -> bool:
        return _has_page(self.site, self.pattern.path[0].removesuffix("/"), self.paths)

    def _unit_and_host(self, host: str) -> tuple[Unit | None, str]:
        """The unit where the pattern covers whole hosts, None where its path decides."""
        if not self.pattern.host_star:
            if not self.pattern.any_path:
                return None, host
            return (Unit.TREE if self.joined else Unit.HOST), host
        if not host:
            raise _LeftOut("an entry names a host")
        if not self.pattern.any_path:
            raise _LeftOut("an entry with a path names one host")
        name = host.removeprefix(".")
        if host == name:
            if self.accept:
                self.notes.append((Effect.LESS, f"taken as {name} and the names below it; others end so too"))
            else:
                self.notes.append(
                    (Effect.MORE, f"taken as {name} and the names below it; others that end so stay open")
                )
        elif not self.joined:
            if self.accept:
                raise _LeftOut(f"an entry for the names below {name} shows {name} too; write {name} if that is meant")
            self.notes.append((Effect.LESS, f"{name} itself is closed too"))
        return Unit.TREE, name

    def _ways(self) -> Iterator[tuple[str | None, int | None]]:
        """Scheme and port of each entry; None for any. A scheme's own port is written as a port alone."""
        scheme, port = self.pattern.scheme or "*", self.pattern.port
        if port == "*":
            yield (None if scheme == "*" else scheme), None
        elif port is None:
            for name in _WEB if scheme == "*" else (scheme,):
                yield None, DEFAULT_PORTS[name]
        else:
            own = scheme != "*" and DEFAULT_PORTS[scheme] == int(port)
            yield (None if own or scheme == "*" else scheme), int(port)

    def _path(self) -> str:
        """The path, and query if any, of the entry."""
        pattern, path = self.pattern, self.pattern.path[0]
        if pattern.path_start:
            raise _LeftOut("an entry has the beginning of a path, or all of it")
        if not pattern.path_end:
            return self._whole_path(path)
        if "?" in path:
            raise _LeftOut("no entry has the beginning of a query")
        if path.endswith("/"):
            return path
        if self.accept:
            self.notes.append((Effect.LESS, f"taken as the folder /{path}/; other names begin so too"))
        else:
            self.notes.append((Effect.MORE, f"taken as the folder /{path}/; other names that begin so stay open"))
        return f"{path}/"

    def _whole_path(self, path: str) -> str:
        if "?" in path and not path.endswith("?"):
            return path
        if not path:
            raise _LeftOut("no entry is the first page of a host alone")
        if self.accept and not self._has_page():
            raise _LeftOut("an entry of a page shows it with every query too")
        if path.endswith("/"):
            self.notes.append((Effect.LESS, f"all below /{path} is closed"))
        return path

    def _entry(self, unit: Unit | None, host: str, scheme: str | None, port: int | None, path: str | None) -> Entry:
        shown = f"[{host}]" if ":" in host else host
        text = f"{'=' if unit is Unit.HOST else ''}{f'|{scheme}://' if scheme else ''}{shown}"
        text += f":{port}" if port is not None else ""
        try:
            entry = parse_entry(f"{text}/{path}" if path is not None else text)
        except RuleError as fault:
            raise _LeftOut(fault.what) from None
        if entry is None or (entry.host, entry.scheme, entry.port) != (host, scheme, port):
            raise _LeftOut("no entry can be written so")
        if unit is not None and entry.unit is not unit:
            raise _LeftOut("no entry can be written so")
        if path is not None and (not entry.forms or _text_of(entry) != f"/{path}"):
            raise _LeftOut("no entry can be written so")
        return entry


def _text_of(entry: Entry) -> str:
    form = entry.forms[0]
    return form.path if form.query is None else f"{form.path}?{form.query}"


def may_overlap(one: Entry, other: Entry) -> bool:
    """Whether some URL may match both; True where that is not plain."""
    if None not in (one.scheme, other.scheme) and one.scheme != other.scheme:
        return False
    if None not in (one.port, other.port) and one.port != other.port:
        return False
    if not (_covers_host(one, other.host) or _covers_host(other, one.host)):
        return False
    if not (one.forms and other.forms):
        return True
    first, second = one.forms[-1].path, other.forms[-1].path
    return first.startswith(second.rstrip("/")) or second.startswith(first.rstrip("/"))


def _covers_host(entry: Entry, host: str) -> bool:
    return host == entry.host or (entry.unit is Unit.TREE and host.endswith(f".{entry.host}"))
