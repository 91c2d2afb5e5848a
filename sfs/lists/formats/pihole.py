"""What Pi-hole exports: its own domains and the lists it fetches.

    gravity.db                          the database, also inside the archive of Teleporter (version 6)
    blacklist.exact.json, adlist.json   and others, of the archive of Teleporter (version 5)
    {"domains": [...], "lists": [...]}  answers of its API          a table of the database as CSV, with its first row

An exact domain stands for that name alone: denied, or an exception. A regular expression that only joins names is
taken as these names; every other one is counted, and so are lists that Pi-hole fetches, each with its address.

Each row becomes one line `what, a tab, text` before it is read, since an export has no lines of its own.
Spec: "Pi-hole databases: Gravity" and "Teleporter" of the Pi-hole documentation.
"""

import csv
import io
import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from sfs.errors import RuleError, Where
from sfs.lists.formats.expressions import left_expression, meaning_of
from sfs.lists.lines import NOTHING, Lines, Said, bare_name, left_out, text_of
from sfs.match.entry import Entry, Unit

MAX_FILE: Final = 64 * 1024 * 1024  # bytes
MAX_ROWS: Final = 1_000_000
MAX_CELL: Final = 8192  # characters
_STEPS: Final = 200_000_000  # of the database's machine, for all rows
_SQLITE: Final = b"SQLite format 3\0"
# The column type of its table domainlist.
_KINDS: Final = {"0": "allow", "1": "deny", "2": "regex-allow", "3": "regex-deny"}
FILES: Final = (
    *("gravity.db", "blacklist.exact.json", "whitelist.exact.json", "blacklist.regex.json", "whitelist.regex.json"),
    "adlist.json",
)


def as_lines(path: Path, where: Where) -> bytes:
    """The rows of an export as lines, one a row. RuleError for what is no export, or one too large."""
    try:
        if path.stat().st_size > MAX_FILE:
            raise RuleError(f"more than {MAX_FILE} bytes", where, "export the domains alone")
        with path.open("rb") as file:
            start = file.read(len(_SQLITE))
            data = b"" if start == _SQLITE else start + file.read()
    except OSError as fault:
        raise RuleError(f"cannot be read: {fault.strerror}", where, "check the path and who may read it") from None
    rows = _of_database(path, where) if start == _SQLITE else _of_text(data, where)
    lines = [f"{what}\t{' '.join(text[:MAX_CELL].split())}\n" for what, text in _bounded(rows, where)]
    return "".join(lines).encode("utf-8", "replace")


def pihole_line(line: bytes, where: Where | None) -> Said:
    """What a row says. RuleError for a domain that is none."""
    what, tab, text = text_of(line, where).strip().partition("\t")
    if what == "off" or not tab:
        return left_out("switched off in Pi-hole") if tab else _no_row(what, where)
    if what == "list":
        return left_out("a list that Pi-hole fetches: write its address under lists", means=text)
    if what not in _KINDS.values():
        return _no_row(what, where)
    allowed = what.endswith("allow")
    if not what.startswith("regex"):
        entries: tuple[Entry, ...] = (Entry(Unit.HOST, bare_name(text, where).host),)
        return Said(spared=entries) if allowed else Said(entries)
    meaning = meaning_of(text)
    if meaning is None or meaning.kind == "words" or not text.endswith("$"):
        return left_expression(text)
    found = tuple(bare_name(value, where) for value in meaning.values)
    entries = found if meaning.kind == "trees" else tuple(Entry(Unit.HOST, entry.host) for entry in found)
    return Said(spared=entries) if allowed else Said(entries)


def _no_row(what: str, where: Where | None) -> Said:
    if not what:
        return NOTHING
    raise RuleError(f"{what[:40]!r} is no row of Pi-hole", where, "export domainlist or adlist")


def _of_database(path: Path, where: Where) -> Iterator[tuple[str, str]]:
    """The rows of the tables domainlist and adlist. The file is somebody else's: nothing in it is run."""
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)) as database:
            database.execute("PRAGMA trusted_schema = OFF")
            database.execute("PRAGMA cell_size_check = ON")
            database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 1_000_000)
            database.text_factory = lambda data: data.decode("utf-8", "replace")
            calls = iter(range(_STEPS // 100_000))
            database.set_progress_handler(lambda: next(calls, None) is None, 100_000)
            tables = {str(row[0]) for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            if "domainlist" in tables:
                rows = database.execute(f"SELECT type, domain, enabled FROM domainlist LIMIT {MAX_ROWS + 1}")  # noqa: S608
                yield from (_domain({"type": a, "domain": b, "enabled": c}) for a, b, c in rows)
            if "adlist" in tables:
                rows = database.execute(f"SELECT address, enabled FROM adlist LIMIT {MAX_ROWS + 1}")  # noqa: S608
                yield from (_list({"address": a, "enabled": b}) for a, b in rows)
    except (sqlite3.Error, sqlite3.Warning, ValueError, OverflowError):
        raise RuleError("the database is damaged, or none of Pi-hole", where, "export it again") from None


def _of_text(data: bytes, where: Where) -> Iterator[tuple[str, str]]:
    text = data.decode("utf-8-sig", "replace").strip()
    if text[:1] in ("[", "{"):
        try:
            tree = json.loads(text)
        except (ValueError, RecursionError):
            raise RuleError("the JSON is cut or damaged", where, "export it again") from None
        return _of_json(tree)
    try:
        rows = list(csv.DictReader(io.StringIO(text)))
    except csv.Error:
        rows = []
    if not rows or not {"domain", "address"} & rows[0].keys():
        raise RuleError("this is no export of Pi-hole", where, "export the tables domainlist and adlist")
    return _of_json(rows)


def _of_json(tree: Any) -> Iterator[tuple[str, str]]:
    groups = [tree.get("domains"), tree.get("lists")] if isinstance(tree, dict) else [tree]
    for row in (row for group in groups if isinstance(group, list) for row in group if isinstance(row, dict)):
        if "domain" in row:
            yield _domain(row)
        elif "address" in row:
            yield _list(row)


def _domain(row: Mapping[str, Any]) -> tuple[str, str]:
    kind = str(row.get("type"))
    if row.get("kind") == "regex":
        kind = f"regex-{kind}"
    what = _KINDS.get(kind, kind)
    return (what if _on(row) else "off"), str(row["domain"])


def _list(row: Mapping[str, Any]) -> tuple[str, str]:
    return ("list" if _on(row) else "off"), str(row["address"])


def _on(row: Mapping[str, Any]) -> bool:
    return str(row.get("enabled", 1)).lower() in ("1", "true")


def _bounded(rows: Iterable[tuple[str, str]], where: Where) -> Iterator[tuple[str, str]]:
    for number, row in enumerate(rows):
        if number >= MAX_ROWS:
            raise RuleError(f"more than {MAX_ROWS} rows", where, "split the export")
        yield row


PIHOLE: Final = Lines(None, str.split, pihole_line)
