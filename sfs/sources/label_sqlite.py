"""The store of labels in one file, by the standard library's driver alone."""

import json
import os
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic
from typing import Any, Final

from sfs.errors import SfsError, Where
from sfs.lists.private import make_private
from sfs.sources import label_driver as sql
from sfs.sources.label_driver import Row

BUSY: Final = 5.0  # seconds to wait while another process writes
LOOK_EVERY: Final = 1.0  # seconds between looks whether the file is still the one that is open
CACHE: Final = 64  # MiB of pages that are kept; those of a million labels fit
_PIECES: Final = {
    "keys": "json_each(?) AS k",
    "numbers": "json_each(?) AS k",
    "in_order": "",
    "labels": "labels l WHERE",
    "spellings": "spellings s WHERE",
    "texts": "texts t WHERE",
    **dict.fromkeys("lst", ""),
}
_FAULTS: Final = {
    sqlite3.SQLITE_BUSY: ("another program is writing to the labels", "try again when it is done"),
    sqlite3.SQLITE_READONLY: ("the labels may not be written", "make the file and its folder writable"),
    sqlite3.SQLITE_PERM: ("the labels may not be opened", "make the file and its folder writable"),
    sqlite3.SQLITE_FULL: ("the disk is full: nothing was written", "make room on it, then do it again"),
    sqlite3.SQLITE_IOERR: ("the disk does not take or give data: nothing was written", "see to the disk and its room"),
    sqlite3.SQLITE_NOTADB: ("it is no store of labels", "name another file, or move this one away"),
    sqlite3.SQLITE_CORRUPT: ("the labels are damaged", "put back a copy of the file"),
    sqlite3.SQLITE_CANTOPEN: ("the labels cannot be opened", "check the folder and its rights"),
}
_encode: Final = json.JSONEncoder(ensure_ascii=False, check_circular=False).encode
_OTHER: Final = ("the labels cannot be read or written", "see that the file is a store of labels and is writable")


class SqliteDriver:
    """One connection that reads, one that writes, each held by one thread at a time."""

    def __init__(self, path: Path, *, create: bool, prepare: Callable[[str, str], None], busy: float = BUSY) -> None:
        self._path = path
        self._busy = busy
        self._where = Where(str(path))
        self._reading, self._writing = threading.RLock(), threading.RLock()
        self._connections: list[sqlite3.Connection] = []
        self._file, self._look_at, self._generation = (0, 0), 0.0, 0
        self._statements: dict[str, str] = {}
        with self._told():
            if create:
                make_private(path.parent)
                # SQLite gives its side files (-wal, -shm) the rights of the main file, so that one is made here.
                os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
            self._open(prepare)

    def read(self, statement: str, values: Sequence[object] = ()) -> list[Row]:
        """As `Reading`."""
        try:
            with self._reading:
                return self._connections[0].execute(self._text(statement), values).fetchall()
        except sqlite3.Error as fault:
            raise told(fault, self._where) from None

    def array(self, values: Sequence[Any]) -> str:
        """As `Reading`."""
        return _encode(values)

    def generation(self) -> int:
        """As `Driver`."""
        if monotonic() >= self._look_at:
            with self._writing, self._reading, self._told():
                self._follow()
        return self._generation

    @contextmanager
    def writing(self) -> Iterator["_Transaction"]:
        """As `Driver`."""
        with self._writing, self._told():
            self._look_at = 0.0
            self.generation()
            connection = self._connections[1]
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield _Transaction(self, connection)
                connection.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):  # a full disk may have ended it already
                    connection.execute("ROLLBACK")
                raise

    def close(self) -> None:
        """As `Driver`."""
        with self._writing, self._reading:
            for connection in self._connections:
                connection.close()
            self._connections = []

    def _open(self, prepare: Callable[[str, str], None]) -> None:
        version = self._version()
        if version != sql.VERSION:  # made, brought up to today, or refused
            prepare(f"sqlite:///{self._path.resolve()}", str(self._path))
        self._connect_both()

    def _connect_both(self) -> None:
        stat = self._path.stat()
        self._file, self._look_at = (stat.st_dev, stat.st_ino), monotonic() + LOOK_EVERY
        self._connections.append(self._connect())
        try:
            self._connections.append(self._connect())
        except BaseException:
            self.close()
            raise

    def _follow(self) -> None:
        """Go on with the file that stands at the path now, where it was put in place of ours: what is written into one
        that has no name any more is lost. SfsError where none stands there, or none that is a store of this version."""
        self._look_at = 0.0  # until it is well: the next one is not to read what has no name any more
        try:
            stat = self._path.stat()
        except FileNotFoundError:
            raise SfsError("the file of the labels is gone", self._where, "put it back, or start anew") from None
        except OSError as fault:
            raise _no_file(fault, self._where) from None
        if self._connections and (stat.st_dev, stat.st_ino) != self._file:
            if self._version() != sql.VERSION:
                raise SfsError(
                    "another file was put in its place, and is no store of labels", self._where, "put it back"
                )
            self.close()
            self._connect_both()
            self._generation += 1
        self._look_at = monotonic() + LOOK_EVERY

    def _connect(self) -> sqlite3.Connection:
        uri = f"{self._path.resolve().as_uri()}?mode=rw"
        connection = sqlite3.connect(uri, uri=True, timeout=self._busy, isolation_level=None, check_same_thread=False)
        try:
            connection.execute(f"PRAGMA cache_size=-{CACHE * 1024}").close()
            connection.execute("PRAGMA synchronous=FULL").close()
        except BaseException:
            connection.close()
            raise
        return connection

    def _version(self) -> int:
        """The version of the tables; 0 where ours are not there."""
        connection = self._connect()
        try:
            rows = connection.execute(sql.SCHEMA).fetchall()
            return int(rows[0][0])
        except (sqlite3.OperationalError, IndexError, ValueError, TypeError) as fault:
            if isinstance(fault, sqlite3.OperationalError) and _code(fault) != sqlite3.SQLITE_ERROR:
                raise
            return 0
        finally:
            connection.close()

    def _text(self, statement: str) -> str:
        found = self._statements.get(statement)
        if found is None:
            found = self._statements[statement] = statement.format(**_PIECES)
        return found

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as fault:
            raise told(fault, self._where) from None
        except OSError as fault:
            raise _no_file(fault, self._where) from None


class _Transaction:
    """As `Writing`."""

    def __init__(self, driver: SqliteDriver, connection: sqlite3.Connection) -> None:
        self._driver = driver
        self._connection = connection

    def read(self, statement: str, values: Sequence[object] = ()) -> list[Row]:
        return self._connection.execute(self._driver._text(statement), values).fetchall()

    def array(self, values: Sequence[Any]) -> str:
        return self._driver.array(values)

    def many(self, statement: str, rows: Iterable[Row]) -> None:
        self._connection.executemany(self._driver._text(statement), rows)


def _no_file(fault: OSError, where: Where) -> SfsError:
    return SfsError(f"the labels cannot be opened: {fault.strerror}", where, "check the folder and its rights")


def told(fault: sqlite3.Error, where: Where) -> SfsError:
    """What is wrong with the file, and how to mend it."""
    what, mend = _FAULTS.get(_code(fault) & 0xFF, _OTHER)
    return SfsError(what, where, mend)


def _code(fault: sqlite3.Error) -> int:
    return int(getattr(fault, "sqlite_errorcode", 0) or 0)
