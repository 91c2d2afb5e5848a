"""How the store of labels speaks to its database: the driver itself, with statements whose text never changes.

Statements are written once, with `?` for a value and these pieces, which each database spells in its own way:

    {keys}      rows of one array of texts, as k.value and k.key (its place)
    {numbers}   the same of an array of numbers
    {in_order}  puts the rows of {keys} in the order of the array
    {labels} condition {l}     the labels l that meet a condition with k, looked up for one k after the other;
                               {spellings} and {s}, {texts} and {t} the same
"""

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

type Row = tuple[Any, ...]

VERSION = 1  # of the tables that these statements are for: the number of steps in label_tables.py

LABEL = "service, generic, key, scheme, below, ratings, rater, made, ends, comment, source"
_L = ", ".join(f"l.{name}" for name in f"{LABEL}, serial".split(", "))

BEFORE = (
    "SELECT (SELECT l.key FROM labels l WHERE l.service = ? AND l.generic = 1 AND l.key <= k.value "
    "ORDER BY l.key DESC LIMIT 1) FROM {keys} {in_order}"
)
SPELLED_BEFORE = (
    "SELECT (SELECT s.spelling FROM spellings s WHERE s.service = ? AND s.generic = 1 AND s.spelling <= k.value "
    "ORDER BY s.spelling DESC LIMIT 1) FROM {keys} {in_order}"
)
AT = (
    f"SELECT {_L} FROM {{keys}} CROSS JOIN {{labels}} "  # noqa: S608
    "l.service = ? AND l.generic = ? AND l.key = k.value {l}"
)
# Sites: between "example.com " and "example.com /" nothing else stands.
ABOVE = (
    f"SELECT {_L} FROM {{keys}} CROSS JOIN {{labels}} l.service = ? AND l.generic = 1 "  # noqa: S608
    "AND l.key >= k.value AND l.key <= k.value || '/' {l}"
)
FOUND = f"{AT} UNION ALL {AT} UNION ALL {ABOVE}"
SPELLED = (
    "SELECT s.spelling, s.key FROM {keys} CROSS JOIN {spellings} "
    "s.service = ? AND s.generic = ? AND s.spelling = k.value {s}"
)
RANGE = (
    f"SELECT {_L} FROM labels l WHERE l.service = ? AND l.generic = ? AND l.key >= ? AND l.key < ? "  # noqa: S608
    "ORDER BY l.key LIMIT ?"
)
PAGE = (
    f"SELECT {_L} FROM labels l WHERE (l.service, l.generic, l.key) > (?, ?, ?) "  # noqa: S608
    "ORDER BY l.service, l.generic, l.key LIMIT ?"
)
HEADS = f"SELECT {_L} FROM labels l WHERE l.service = ? AND l.key = ? AND l.generic IN (0, 1)"  # noqa: S608
CHANGE = f"serial, at, who, {LABEL}, previous"
CHANGED = f"SELECT {CHANGE} FROM changes WHERE serial = ?"  # noqa: S608
CHANGES = f"SELECT {CHANGE} FROM changes WHERE serial > ? ORDER BY serial LIMIT ?"  # noqa: S608
SERIAL = "SELECT coalesce(max(serial), 0) FROM changes"
TEXTS = "SELECT t.id, t.text FROM {numbers} CROSS JOIN {texts} t.id = k.value {t}"
TEXT_IDS = "SELECT t.text, t.id FROM {keys} CROSS JOIN {texts} t.text = k.value {t}"
LAST_TEXT = "SELECT coalesce(max(id), 0) FROM texts"
SERVICES = "SELECT id, uri, name, rat, position FROM services ORDER BY position, id"
SCHEMA = "SELECT version FROM label_schema"

ADD_TEXT = "INSERT INTO texts (id, text) VALUES (?, ?)"
ADD_CHANGE = f"INSERT INTO changes ({CHANGE}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608
_SET = ", ".join(f"{name} = excluded.{name}" for name in f"{LABEL}, serial".split(", ")[3:])
PUT_LABEL = (
    f"INSERT INTO labels ({LABEL}, serial) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "  # noqa: S608
    f"ON CONFLICT (service, generic, key) DO UPDATE SET {_SET}"
)
ADD_SPELLING = "INSERT INTO spellings (service, generic, spelling, key) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING"
PUT_SERVICE = (
    "INSERT INTO services (id, uri, name, rat, position) VALUES (?, ?, ?, ?, ?) "
    "ON CONFLICT (id) DO UPDATE SET name = excluded.name, rat = excluded.rat"
)


class Reading(Protocol):
    """Reads rows."""

    def read(self, statement: str, values: Sequence[object] = ()) -> list[Row]:
        """The rows of a statement of this file. SfsError where the database cannot answer."""
        ...

    def array(self, values: Sequence[Any]) -> object:
        """An array as a value of {keys} or {numbers}."""
        ...


class Writing(Reading, Protocol):
    """Writes inside one transaction."""

    def many(self, statement: str, rows: Iterable[Row]) -> None:
        """Run a statement that inserts, for each row; none may stand for the same label as another. SfsError as
        `Driver.writing`."""
        ...


class Driver(Reading, Protocol):
    """A database that has been prepared. May be used from several threads."""

    def writing(self) -> AbstractContextManager[Writing]:
        """A transaction, one at a time; what it wrote survives a crash once it has ended without an exception, and is
        as if it had never been where it ended with one. SfsError where it cannot be written."""
        ...

    def generation(self) -> int:
        """Another number where what is read now may be another database than what was read before: numbers of services
        and texts that were kept are to be forgotten. SfsError where there is none any more."""
        ...

    def close(self) -> None:
        """Let the database go."""
        ...
