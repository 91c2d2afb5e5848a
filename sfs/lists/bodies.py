"""Mandatory lists as list bodies hand them out: tables, URLs and names one a line, zones. What is made of each line is
counted by what changed of it; a line that is not taken is counted by its reason.

    table   its columns are named in the first row: url, host or domain; and where they are there, unit, scheme, port,
            keys, basis, first, verified, review, expires, status, methods, approved
    lines   http://host/path is that URL and no other; host/path a page as in entries; a bare name all below it too
    zone    name and *.name together are a tree, a name alone is a host

A URL stays a URL: http://host/ is one page, not the site. Regular expressions are refused: nobody can say what one
closes.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from sfs.errors import RuleError, SfsError, Where
from sfs.lists.canary import is_canary
from sfs.lists.files import too_many_bad
from sfs.lists.formats import format_named
from sfs.lists.formats.comma import Table, is_head
from sfs.lists.lines import text_of
from sfs.lists.mandatory import MandatoryEntry, MandatoryList, Purpose, Report, methods_of
from sfs.lists.mandatory_file import MAX_ENTRIES, entry_from, entry_of
from sfs.match.entry import MAX_LINE, Entry, Unit, parse_entry
from sfs.text.url import is_address

LINES: Final = "lines"
FORMATS: Final = (LINES, "csv", "rpz", "plain", "hosts")
_EXPRESSION: Final = re.compile(r"^(?:\^|~|/.*/[a-z]*$|re(?:gex(?:p)?)?:)|\.\*|\.\+|\\[.dws/]|\(\?|\[\^|\$$")
_SCHEME: Final = re.compile(r"(?i)https?://")
_OTHER_SCHEME: Final = re.compile(r"(?i)(?!https?://)[a-z][a-z0-9+.-]*://")
_NETWORK: Final = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}/[0-9]{1,2}|\[?[0-9a-fA-F]*:[0-9a-fA-F:.]*\]?/[0-9]{1,3}")
# The columns of a table by what they mean; the words behind are those of Japanese tables.
_COLUMNS: Final = {
    "url": ("url", "uri", "link", "address", "アドレス", "サイトurl"),
    "host": ("host", "hostname", "fqdn", "ホスト", "ホスト名"),
    "domain": ("domain", "domainname", "site", "website", "ドメイン", "ドメイン名", "サイト"),
    "unit": ("unit", "単位"),
    "scheme": ("scheme", "protocol"),
    "port": ("port", "ポート"),
    "keys": ("keys", "querykeys"),
    "basis": ("basis", "reason", "根拠", "理由"),
    "first": ("first", "listed", "firstlisted", "登録日"),
    "verified": ("verified", "lastverified", "checked", "確認日"),
    "review": ("review", "reviewby", "見直し日"),
    "expires": ("expires", "expiry", "有効期限"),
    "status": ("status", "状態"),
    "methods": ("methods", "enforce", "方法"),
    "approved": ("approved", "approvedby", "承認者"),
}
_LISTS: Final = ("keys", "methods", "approved")
_DATE: Final = re.compile(r"([0-9]{4})[-/.]?([0-9]{2})[-/.]?([0-9]{2})")


@dataclass(slots=True)
class Body:
    """What was read. `made`: what changed of lines that were taken; `refused`: lines that were not, by their reason."""

    entries: list[MandatoryEntry] = field(default_factory=list, repr=False)
    made: Report = field(default_factory=Report)
    refused: Report = field(default_factory=Report)
    exceptions: Report = field(default_factory=Report)
    lines: int = 0

    def as_list(self, name: str, purpose: Purpose, serial: int) -> MandatoryList:
        """The list. RuleError where most of it was refused, where it has exceptions, or nothing."""
        if len(self.exceptions):
            mend = "a mandatory list closes and opens nothing; have the hosts listed in place of the tree"
            raise RuleError(f"exceptions, which would be lost: {'; '.join(self.exceptions.text())}", Where(name), mend)
        refused = "; ".join(self.refused.text())
        # Where most of a short one is refused, it is no list either, and would take the place of one.
        if too_many_bad(len(self.refused), self.lines) or 2 * len(self.refused) > self.lines:
            raise RuleError(f"mostly no such list: {refused}", Where(name), "say its --format, or mend these lines")
        if not self.entries:
            raise RuleError("no entry", Where(name), "look whether it is the right file and format")
        return MandatoryList(name, purpose, tuple(self.entries), serial)


def read_body(lines: Iterable[bytes], name: str, format: str, purpose: Purpose, any_query: bool = False) -> Body:
    """The entries of what a body handed out. `any_query`: a URL without a query stands for those with one too."""
    body = Body()
    numbered = _bounded(lines, name)
    if format == "csv":
        _read_table(numbered, name, purpose, any_query, body)
    elif format == LINES:
        _read_lines(numbered, name, purpose, any_query, body)
    else:
        _read_names(numbered, name, format, purpose, body)
    return body


def guess(start: bytes, name: str) -> str:
    """The format that the first bytes of a file look like."""
    first = next((line for line in start.split(b"\n") if line.strip()), b"")
    if name.lower().endswith(".csv") or is_head(first):
        return "csv"
    is_zone = re.search(rb"(?mi)^[^;#\s]\S*\s+(?:[0-9]+\s+)?(?:in\s+)?(?:soa|cname)\s", start[:65536]) is not None
    return "rpz" if is_zone else LINES


def is_expression(text: str) -> bool:
    """Whether a text looks like a regular expression, where a URL or a name was expected."""
    return _EXPRESSION.search(text) is not None


def _bounded(lines: Iterable[bytes], name: str) -> Iterator[tuple[int, bytes]]:
    for number, line in enumerate(lines, 1):
        if number > MAX_ENTRIES:
            raise RuleError(f"more than {MAX_ENTRIES:,} lines", Where(name, number), "split the list")
        if number == 1 and line.startswith((b"\xff\xfe", b"\xfe\xff")):
            raise RuleError("a list in UTF-16", Where(name, 1), "save it as UTF-8")
        yield number, line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line


def _read_lines(lines: Iterable[tuple[int, bytes]], name: str, purpose: Purpose, any_query: bool, body: Body) -> None:
    for number, line in lines:
        where = Where(name, number)
        try:
            text = text_of(line, where).strip()
            if not text or text.startswith("#"):
                continue
            body.lines += 1
            entry = _of_text(text, where, any_query)
        except SfsError as fault:
            _refuse(body, fault, where)
            continue
        _take(body, MandatoryEntry(entry, purpose, methods_of(entry), line=number), text, where)


def _of_text(text: str, where: Where, any_query: bool) -> Entry:
    _check_site(text, where)
    if _SCHEME.match(text):
        return entry_from(_unit_of_url(text, any_query), {"url": text}, where)
    entry = parse_entry(text, where)
    if entry is None:
        raise RuleError("a line that is no entry", where, "write a URL or a name")
    return entry


def _check_site(text: str, where: Where) -> None:
    """RuleError for what looks like a site and would become another one."""
    if is_expression(text):
        raise RuleError("a regular expression", where, "write the URLs or names that it means")
    if _NETWORK.fullmatch(text):
        raise RuleError("a network, which no unit says", where, "write the addresses that it means")
    if _OTHER_SCHEME.match(text):
        raise RuleError("a scheme that is neither http nor https", where, "leave it out: it is not seen")


def _unit_of_url(text: str, any_query: bool) -> Unit:
    return Unit.PAGE if any_query and "?" not in text else Unit.EXACT


def _read_table(lines: Iterable[tuple[int, bytes]], name: str, purpose: Purpose, any_query: bool, body: Body) -> None:
    table, columns = Table(), dict[str, int]()
    for number, line in lines:
        where = Where(name, number)
        try:
            if not columns:
                if not line.strip():
                    continue
                if not is_head(line):
                    raise RuleError("a table without names of columns", where, "name them in the first row: url, ...")
                columns = _columns(Table().cells(line, where))
                table.line(line, where)
                continue
            cells = table.cells(line, where)
            if not any(cells):
                continue
            body.lines += 1
            text, row = _row(cells, columns, where, any_query)
            one = entry_of(row, purpose, number, where)
        except SfsError as fault:
            if not columns:
                raise
            _refuse(body, fault, where)
            continue
        _take(body, one, text, where)


def _columns(head: list[str]) -> dict[str, int]:
    names = [re.sub(r"[\s_-]+", "", cell.lstrip("\ufeff").casefold()) for cell in head]
    found = {}
    for key, words in _COLUMNS.items():
        place = next((place for place, name in enumerate(names) if name in words), None)
        if place is not None:
            found[key] = place
    return found


def _row(cells: list[str], columns: dict[str, int], where: Where, any_query: bool) -> tuple[str, dict[str, Any]]:
    """The site as it is written, and the fields of its row."""
    said = {key: cells[place] for key, place in columns.items() if place < len(cells) and cells[place]}
    sites = [(key, said.pop(key)) for key in ("url", "host", "domain") if key in said]
    if not sites:
        raise RuleError("a row without a site", where, "write it into its column")
    kind, text = sites[0]  # the narrowest column that says something
    _check_site(text, where)
    row: dict[str, Any] = {key: value for key, value in said.items() if key not in _LISTS}
    for key in said.keys() & set(_LISTS):
        row[key] = [one.strip() for one in re.split("[;,|、]", said[key]) if one.strip()]
    row |= {key: _iso(said[key]) for key in ("first", "verified", "review", "expires") if key in said}
    if row.get("port", "").isdigit():
        row["port"] = int(row["port"])
    unit = row.get("unit") or _unit_of(kind, text, any_query)
    if unit in ("domain-tree", "host"):
        return text, row | {"unit": unit, "host": text}
    return text, row | {"unit": unit, "url": text if _SCHEME.match(text) else f"http://{text}"}


def _unit_of(kind: str, text: str, any_query: bool) -> str:
    if kind == "url" and (_SCHEME.match(text) or "/" in text):
        return "url-any-query" if _unit_of_url(text, any_query) is Unit.PAGE else "url-exact"
    # A name in the column of URLs: that host, which is the least it can mean.
    return "domain-tree" if kind == "domain" and not is_address(text) else "host"


def _iso(text: str) -> str:
    found = _DATE.fullmatch(text)
    return text if found is None else "-".join(found.groups())


def _read_names(lines: Iterable[tuple[int, bytes]], name: str, format: str, purpose: Purpose, body: Body) -> None:
    """Names in a format of category lists; of a zone, name and *.name are told apart."""
    reader = format_named(format)
    found: dict[Unit, dict[str, int]] = {Unit.TREE: {}, Unit.HOST: {}}
    for number, line in lines:
        where = Where(name, number)
        if not line.strip():
            continue
        try:
            said = reader.line(line.rstrip(b"\r\n"), where)
        except SfsError as fault:
            body.lines += 1
            _refuse(body, fault, where)
            continue
        body.lines += bool(said.entries or said.spared or said.why)
        if said.spared:
            # Where a zone exempts a name, dropping that would close more than the body said.
            body.exceptions.add("a name that stays open", f"{name}:{number}")
        for why in said.why:
            body.refused.add(why, f"{name}:{number}")
        for entry in said.entries:
            found[Unit.TREE if entry.unit is Unit.TREE else Unit.HOST].setdefault(entry.host, number)
    for entry, number in _names(found, format == "rpz", name, body):
        one = MandatoryEntry(entry, purpose, methods_of(entry), line=number)
        body.entries.append(one)


def _names(found: dict[Unit, dict[str, int]], zone: bool, name: str, body: Body) -> Iterator[tuple[Entry, int]]:
    trees, hosts = found[Unit.TREE], found[Unit.HOST]
    for host, number in trees.items():
        if is_canary(host):
            continue
        if zone and host not in hosts:
            body.refused.add("*.name without the name itself, which no unit says", f"{name}:{number}")
        else:
            yield Entry(Unit.TREE, host), number
    for host, number in hosts.items():
        if host not in trees and not is_canary(host):
            yield Entry(Unit.HOST, host), number


def _refuse(body: Body, fault: SfsError, where: Where) -> None:
    body.refused.add(_reason(fault.what), f"{where.file}:{where.line}")


def _reason(what: str) -> str:
    """What is wrong, without the text of the line, which stands in quotes: the report may be read by others than the
    list. Quotes that nobody closes take the rest along."""
    rest = re.sub(r"(?s)(['\"]).*\1|['\"].*", "...", what)
    return rest.removeprefix("... ").removeprefix("is ").partition(": ")[0].strip()[:120] or "no entry"


def _take(body: Body, one: MandatoryEntry, text: str, where: Where) -> None:
    place = f"{where.file}:{where.line}"
    for change in changes(text, one.entry):
        body.made.add(change, place)
    body.entries.append(one)


def changes(text: str, entry: Entry) -> Iterator[str]:
    """What of an address as it was written is not in its entry, in a few words each."""
    if len(text) > MAX_LINE:
        return
    rest = _SCHEME.sub("", text, count=1).removeprefix("=")
    authority, path = re.split(r"(?=[/?#\\])", rest, maxsplit=1) if re.search(r"[/?#\\]", rest) else (rest, "")
    host = authority.rpartition("@")[2]
    if "@" in authority:
        yield "a user in front of the host: dropped"
    if "#" in path:
        yield "a fragment: dropped"
    bare = re.sub(r":[0-9]*$", "", host) if not host.endswith("]") and host.count(":") == 1 else host
    if host != bare and entry.port is None:
        yield "the port of the scheme: dropped"
    if not bare.isascii():
        yield "an international name: as A-label"
    elif bare.lower().rstrip(".").strip("[]") != entry.host:
        yield "an odd spelling of a host: made canonical"
    elif bare.rstrip(".") != bare:
        yield "a final dot: dropped"
    elif bare != bare.lower():
        yield "a host in capitals: in lower case"
    if entry.forms and path.partition("#")[0].partition("?")[0] not in ("", entry.forms[-1].path):
        yield "a path with escapes, dots or slashes: made canonical"
