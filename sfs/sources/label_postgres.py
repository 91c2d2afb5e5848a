"""The store of labels in PostgreSQL, by psycopg alone: the statements of label_driver.py, prepared once a connection.

A connection that broke is made anew: what is read is asked once more, what is being written is told to the writer,
and nothing of it is kept.
"""

import re
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Final, Literal

import psycopg
from psycopg import Connection, pq
from psycopg import errors as pg
from sqlalchemy import URL

from sfs.errors import SfsError, Where
from sfs.sources.label_driver import Row

CONNECT: Final = 5  # seconds to wait for the server
BUSY: Final = "5s"  # to wait while another program writes
SLOW: Final = "30s"  # the longest that one look-up may take

_PIECES: Final = {
    "keys": "unnest(%s::text[]) WITH ORDINALITY AS k(value, key)",
    "numbers": "unnest(%s::bigint[]) WITH ORDINALITY AS k(value, key)",
    "in_order": "ORDER BY k.key",
    # What is lateral and has an offset is looked up key by key, also where it was planned while the tables were empty.
    "labels": "LATERAL (SELECT * FROM labels l WHERE",
    "spellings": "LATERAL (SELECT * FROM spellings s WHERE",
    "texts": "LATERAL (SELECT * FROM texts t WHERE",
    **{alias: f"OFFSET 0) {alias}" for alias in "lst"},
}
_INSERT: Final = re.compile(r"(INSERT INTO \w+ \(([a-z, ]+)\)) VALUES \([?, ]+\)(.*)")
_TEXTS: Final = frozenset({"text", "key", "spelling", "comment", "uri", "name", "rat"})  # columns; all others: numbers
_PLANS: Final = ("enable_seqscan = off", "enable_bitmapscan = off", "enable_sort = off")  # always by an index
_READING: Final = "; ".join(f"SET {one}" for one in (*_PLANS, "jit = off", f"statement_timeout = '{SLOW}'"))
# One writer at a time, so that serials are seen in their order; on the disk before COMMIT answers, whatever else holds.
_WRITING: Final = (
    "SET LOCAL lock_timeout = '{busy}'; SET LOCAL synchronous_commit = on; "
    + "".join(f"SET LOCAL {one}; " for one in _PLANS)
    + "LOCK TABLE changes IN SHARE ROW EXCLUSIVE MODE"
)


class PostgresDriver:
    """One connection that reads, one that writes, each held by one thread at a time."""

    def __init__(self, url: URL, *, prepare: Callable[[str, str], None]) -> None:
        self._arguments: dict[str, Any] = dict(url.translate_connect_args(username="user", database="dbname"))
        self._arguments |= {key: value for key, value in url.query.items() if isinstance(value, str)}
        self._where = Where(url.render_as_string(hide_password=True))
        self._locks = {"reading": threading.RLock(), "writing": threading.RLock()}
        self._connections: dict[str, Connection[Row]] = {}
        self._statements: dict[str, bytes] = {}
        self._many: dict[str, bytes] = {}
        self._generation = 0
        with self._told():
            prepare(url.render_as_string(hide_password=False), str(self._where))

    def read(self, statement: str, values: Sequence[object] = ()) -> list[Row]:
        """As `Reading`."""
        with self._locks["reading"]:
            try:
                return self._rows(self._connection("reading"), statement, values)
            except psycopg.Error as fault:
                if not self._lost("reading"):
                    raise self._fault(fault) from None
            with self._told():
                return self._rows(self._connection("reading"), statement, values)

    def array(self, values: Sequence[Any]) -> list[Any]:
        """As `Reading`."""
        return list(values)

    def generation(self) -> int:
        """As `Driver`."""
        return self._generation

    @contextmanager
    def writing(self) -> Iterator["_Transaction"]:
        """As `Driver`."""
        with self._locks["writing"], self._told():
            connection = self._begun()
            try:
                yield _Transaction(self, connection)
                connection.execute("COMMIT")
            except BaseException:
                with suppress(psycopg.Error):  # the connection may be gone, and the transaction with it
                    connection.execute("ROLLBACK")
                self._lost("writing")
                raise

    def close(self) -> None:
        """As `Driver`."""
        for use, lock in self._locks.items():
            with lock:
                connection = self._connections.pop(use, None)
                if connection is not None:
                    connection.close()

    def _begun(self) -> Connection[Row]:
        """A connection inside a transaction; one that broke while nobody wrote is made anew."""
        for attempt in (1, 2):
            connection = self._connection("writing")
            try:
                connection.execute("BEGIN")
                connection.execute(_WRITING.format(busy=BUSY).encode())
                return connection
            except psycopg.Error:
                with suppress(psycopg.Error):
                    connection.execute("ROLLBACK")
                if not self._lost("writing") or attempt == 2:
                    raise
        raise AssertionError("the loop returns or raises")

    def _connection(self, use: Literal["reading", "writing"]) -> Connection[Row]:
        found = self._connections.get(use)
        if found is None:
            found = psycopg.connect(
                **{"connect_timeout": CONNECT, "application_name": "sfs", **self._arguments}, autocommit=True
            )
            self._connections[use] = found
            if use == "reading":
                found.execute(_READING)
        return found

    def _lost(self, use: str) -> bool:
        """Whether the connection is gone; then the next use makes a new one."""
        connection = self._connections.get(use)
        if connection is None:
            return False
        if not connection.closed and connection.info.status == pq.ConnStatus.OK:
            return False
        connection.close()
        del self._connections[use]
        self._generation += 1  # what comes back may have been put back from a copy
        return True

    def _rows(self, connection: Connection[Row], statement: str, values: Sequence[object]) -> list[Row]:
        return connection.execute(self.text(statement), values, prepare=True).fetchall()

    def text(self, statement: str) -> bytes:
        """A statement of label_driver.py as this database spells it."""
        found = self._statements.get(statement)
        if found is None:
            found = statement.replace("?", "%s").format(**_PIECES).encode()
            self._statements[statement] = found
        return found

    def many(self, statement: str) -> bytes:
        """A statement that inserts one row as one that inserts many, given column by column: a row at a time would
        take longer than the whole."""
        found = self._many.get(statement)
        if found is None:
            match = _INSERT.fullmatch(statement)
            assert match is not None
            head, names, tail = match.groups()
            arrays = ", ".join(f"%s::{'text' if name in _TEXTS else 'bigint'}[]" for name in names.split(", "))
            found = self._many[statement] = f"{head} SELECT * FROM unnest({arrays}){tail}".encode()  # noqa: S608
        return found

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except psycopg.Error as fault:
            raise self._fault(fault) from None

    def _fault(self, fault: psycopg.Error) -> SfsError:
        what, mend = _words(fault)
        return SfsError(what, self._where, mend)


class _Transaction:
    """As `Writing`."""

    def __init__(self, driver: PostgresDriver, connection: Connection[Row]) -> None:
        self._driver = driver
        self._connection = connection

    def read(self, statement: str, values: Sequence[object] = ()) -> list[Row]:
        return self._connection.execute(self._driver.text(statement), values, prepare=True).fetchall()

    def array(self, values: Sequence[Any]) -> list[Any]:
        return self._driver.array(values)

    def many(self, statement: str, rows: Iterable[Row]) -> None:
        columns = [list(column) for column in zip(*rows, strict=True)]
        if columns:
            self._connection.execute(self._driver.many(statement), columns)


def _words(fault: psycopg.Error) -> tuple[str, str]:
    """What is wrong, and how to mend it. A message of the server's stands in its first line; it holds no password."""
    if isinstance(fault, pg.LockNotAvailable | pg.DeadlockDetected):
        return "another program is writing to the labels", "try again when it is done"
    if isinstance(fault, pg.DiskFull | pg.OutOfMemory):
        return "the disk of the database is full: nothing was written", "make room on it, then do it again"
    if isinstance(fault, pg.ReadOnlySqlTransaction | pg.InsufficientPrivilege):
        return "the labels may not be written", "give the user of the database the right to write"
    if isinstance(fault, psycopg.OperationalError | psycopg.InterfaceError):
        message = (str(fault).strip().splitlines() or ["no answer"])[0]
        return f"the database does not answer: {message[:200]}", "see that it runs, then do it again"
    return f"the database refuses: {type(fault).__name__}", "see that it is a store of labels"
