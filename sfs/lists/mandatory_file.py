"""Mandatory lists as files: one JSON object a line, the first of them of the list; or plain entries with defaults.

    {"list": "sample", "purpose": "policy", "serial": 2026112801}
    {"unit": "domain-tree", "host": "blocked.example"}
    {"unit": "url-exact", "url": "http://shared.example/a?b", "methods": ["url"], "expires": "2027-01-01", ...}

The unit stands in its own word, so that no spelling of a URL decides how much is closed.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import date
from typing import Any, Final

from sfs.errors import RuleError, UrlError, Where
from sfs.lists.mandatory import (
    MAX_APPROVALS,
    QUERY_KEYS,
    UNITS,
    MandatoryEntry,
    MandatoryList,
    Method,
    Purpose,
    Status,
    check_entry,
    methods_of,
)
from sfs.match.entry import MAX_LINE, Entry, Unit, parse_entry
from sfs.text.readings import further_readings
from sfs.text.url import Form, is_address, parse_url

MAX_ENTRIES: Final = 5_000_000
MAX_BASIS: Final = 500
_BLANK: Final = re.compile(r"\s")
_NAME: Final = re.compile(r"[A-Za-z0-9._-]*")
_DATES: Final = ("first", "verified", "review", "expires")
_KEYS: Final = frozenset(
    ("unit", "host", "url", "port", "scheme", "keys", "basis", "status", "methods", "approved", *_DATES)
)


def read_mandatory(lines: Iterable[bytes], name: str, purpose: Purpose | None = None) -> MandatoryList:
    """The list in `lines`. `purpose`: of a list of plain entries (default: policy); a list with a header has its own.

    RuleError with the line for the first fault: a mandatory list is taken whole or not at all. No message holds what
    stands in an entry, whatever the purpose: who reads it may know less than who reads the list."""
    rows = enumerate(lines, 1)
    first = next(rows, None)
    if first is None:
        raise RuleError("an empty list", Where(name), "look whether it is the right file")
    if first[1].lstrip().startswith(b"{"):
        return _with_header(first[1], rows, name, purpose)
    said = purpose or Purpose.POLICY
    return MandatoryList(name, said, tuple(_plain([first, *rows], name, said)), file=name)


def _plain(rows: Iterable[tuple[int, bytes]], name: str, purpose: Purpose) -> Iterator[MandatoryEntry]:
    for number, line in rows:
        where = Where(name, number)
        _bounded(number, line, where)
        try:
            entry = parse_entry(line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n"), where)
        except UnicodeDecodeError:
            raise RuleError("bytes that are not UTF-8", where, "save the list as UTF-8") from None
        except RuleError as fault:
            mend = "look at that line" if purpose.confidential else "`sfs lists check` says why"
            raise RuleError("a line that is no entry", fault.where, mend) from None
        if entry is not None:
            yield MandatoryEntry(entry, purpose, methods_of(entry), line=number)


def _with_header(header: bytes, rows: Iterable[tuple[int, bytes]], name: str, purpose: Purpose | None) -> MandatoryList:
    head = _object(header, Where(name, 1))
    where = Where(name, 1)
    own = _word(head.get("purpose"), Purpose, where, "purpose")
    if purpose is not None and purpose is not own:
        raise RuleError(f"the list has the purpose {own}, which cannot become {purpose}", where, "leave --purpose out")
    serial = head.get("serial", 0)
    if type(serial) is not int or not 0 <= serial < 1 << 32:  # true is an int too
        raise RuleError("a serial is a number below 4294967296", where, "mend it")
    entries = []
    for number, line in rows:
        place = Where(name, number)
        _bounded(number, line, place)
        if line.strip():
            entries.append(entry_of(_object(line, place), own, number, place))
    title = head.get("list")
    shown = title[:80] if isinstance(title, str) and title.isprintable() else ""  # on terminals, in reports
    return MandatoryList(shown or name, own, tuple(entries), serial, name)


def entry_of(row: Mapping[str, Any], purpose: Purpose, line: int, where: Where) -> MandatoryEntry:
    """The entry that the fields of a row mean; RuleError as `read_mandatory`."""
    unknown = sorted(row.keys() - _KEYS - {"purpose"})
    if unknown:
        raise RuleError("a field that is not known", where, f"known are {', '.join(sorted(_KEYS))}")
    if row.get("purpose", purpose) != purpose:
        raise RuleError("an entry with another purpose than its list", where, "one list has one purpose")
    word = row.get("unit")
    if not isinstance(word, str) or word not in UNITS:
        raise RuleError("an entry without a unit that is known", where, f"write one of {', '.join(UNITS)}")
    keys = _texts(row.get("keys", []), where, "keys")
    if (word == QUERY_KEYS) != bool(keys):
        raise RuleError("keys belong to the unit url-query-keys", where, "name them there, and only there")
    entry = entry_from(UNITS[word], row, where)
    methods = row.get("methods")
    found = MandatoryEntry(
        entry,
        purpose,
        methods_of(entry)
        if methods is None
        else frozenset(_word(one, Method, where, "methods") for one in _texts(methods, where, "methods")),
        keys,
        str(row.get("basis", ""))[:MAX_BASIS],
        first=_date(row.get("first"), where, "first"),
        verified=_date(row.get("verified"), where, "verified"),
        review=_date(row.get("review"), where, "review"),
        expires=_date(row.get("expires"), where, "expires"),
        status=_word(row.get("status", Status.ACTIVE), Status, where, "status"),
        approved=_texts(row.get("approved", []), where, "approved"),
        line=line,
    )
    check_entry(found, where)
    return found


def entry_from(unit: Unit, row: Mapping[str, Any], where: Where) -> Entry:
    """The entry with this unit of a host or a URL; it covers what the unit says, whatever the spelling."""
    scheme = row.get("scheme", "any")
    if scheme not in ("any", "http", "https"):
        raise RuleError("a scheme is any, http or https", where, "mend it")
    field = "host" if unit <= Unit.HOST else "url"
    text, port = row.get(field), row.get("port")
    if not isinstance(text, str) or not text or len(text) > MAX_LINE or _BLANK.search(text):
        raise RuleError(f"an entry of this unit has a {field}", where, "write it without blanks")
    if port is not None and (type(port) is not int or not 0 < port < 65536):
        raise RuleError("a port is a number, 1 to 65535", where, "mend it")
    if unit <= Unit.HOST and (set("/?#@\\%") & set(text) or text.count(":") == 1):
        raise RuleError("no name or address of a host", where, "write the name alone, and the port into port")
    try:
        shown = f"[{text}]" if unit <= Unit.HOST and ":" in text and text[0] != "[" else text
        url = parse_url(f"http://{shown}/" if unit <= Unit.HOST else shown)
    except UrlError:
        raise RuleError(f"no {field} that a browser opens", where, "mend it") from None
    if not _is_name(url.host) or (unit <= Unit.HOST and (url.sent != Form("/", None) or url.port is not None)):
        raise RuleError("no name or address of a host", where, "write the name alone, and the port into port")
    pinned = None if scheme == "any" else scheme
    if unit <= Unit.HOST:
        if unit is Unit.TREE and is_address(url.host):
            raise RuleError("an address has nothing below it", where, "write the unit host")
        return Entry(unit, url.host, pinned, port)
    forms = url.forms if unit is Unit.EXACT else tuple(dict.fromkeys(Form(form.path, None) for form in url.forms))
    if unit is Unit.PREFIX and not forms[-1].path.endswith("/"):
        raise RuleError("a prefix that does not end in /", where, "end it in /, or write another unit")
    return Entry(unit, url.host, pinned, port or url.port, forms, further_readings(forms))


def write_mandatory(found: MandatoryList) -> Iterator[str]:
    """The list as lines that `read_mandatory` reads."""
    yield json.dumps({"list": found.name, "purpose": found.purpose, "serial": found.serial}, ensure_ascii=False)
    for one in found.entries:
        yield json.dumps(row_of(one), ensure_ascii=False)


def row_of(one: MandatoryEntry) -> dict[str, Any]:
    """The fields of an entry, without those that have their default."""
    entry = one.entry
    row: dict[str, Any] = {"unit": one.unit}
    if one.of_pages:
        host = f"[{entry.host}]" if ":" in entry.host else entry.host
        form = entry.forms[0]
        row["url"] = f"{entry.scheme or 'http'}://{host}{form.path}" + (
            f"?{form.query}" if form.query is not None else ""
        )
    else:
        row["host"] = entry.host
    row |= {"scheme": entry.scheme} if entry.scheme else {}
    row |= {"port": entry.port} if entry.port is not None else {}
    if one.methods != methods_of(entry):
        row["methods"] = sorted(one.methods)
    row |= {key: list(value) for key, value in (("keys", one.keys), ("approved", one.approved)) if value}
    row |= {"basis": one.basis} if one.basis else {}
    row |= {"status": one.status} if one.status is not Status.ACTIVE else {}
    days = ((key, getattr(one, key)) for key in _DATES)
    return row | {key: day.isoformat() for key, day in days if day is not None}


def _is_name(host: str) -> bool:
    return _NAME.fullmatch(host) is not None or is_address(host)


def _bounded(number: int, line: bytes, where: Where) -> None:
    if number > MAX_ENTRIES:
        raise RuleError(f"more than {MAX_ENTRIES:,} lines", where, "split the list")
    if len(line) > 4 * MAX_LINE:
        raise RuleError("a line that is too long", where, f"an entry has {MAX_LINE} characters at most")


def _object(line: bytes, where: Where) -> dict[str, Any]:
    with suppress(ValueError, RecursionError):
        found = json.loads(line)
        if isinstance(found, dict):
            return found
    raise RuleError("a line that is no JSON object", where, "write one object a line")


def _word[T: (Purpose, Method, Status)](value: Any, kind: type[T], where: Where, key: str) -> T:
    try:
        return kind(value)
    except ValueError:
        raise RuleError(f"{key} that is not known", where, f"write {', '.join(kind)}") from None


def _texts(value: object, where: Where, key: str) -> tuple[str, ...]:
    if not isinstance(value, list) or len(value) > MAX_APPROVALS or not all(isinstance(one, str) for one in value):
        raise RuleError(f"{key} is a short list of texts", where, 'write it as ["a", "b"]')
    return tuple(one for one in value if one.strip())


def _date(value: object, where: Where, key: str) -> date | None:
    if value is None:
        return None
    try:
        return date.fromisoformat(value) if isinstance(value, str) and len(value) == 10 else _no_date()
    except ValueError:
        raise RuleError(f"{key} is no date", where, "write it as 2026-04-01") from None


def _no_date() -> date:
    raise ValueError
