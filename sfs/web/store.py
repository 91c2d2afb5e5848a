"""The database of accounts: STATE/accounts.db (SQLite, 0600), or any database whose URL SQLAlchemy knows."""

import os
import sqlite3
import time
from pathlib import Path
from typing import Any, Final

from sqlalchemy import (
    URL,
    Boolean,
    Column,
    Engine,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    create_engine,
    event,
    insert,
    select,
)
from sqlalchemy.exc import SQLAlchemyError

from sfs.errors import SfsError, Where

VERSION: Final = 1  # of the tables below; a higher one in the file was written by a later version of SFS
TRIES: Final = 5  # to make the tables, while another process does
PAUSE: Final = 0.1  # seconds between them
BUSY: Final = 5.0  # seconds to wait while `sfs admin link` writes in another process

METADATA: Final = MetaData()

# Times are whole seconds since 1970, UTC: every database has integers, and they need no time zone.
SCHEMA: Final = Table("schema_version", METADATA, Column("version", Integer, nullable=False))
USERS: Final = Table(
    "users",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("name", String(40), nullable=False),
    Column("name_key", String(160), nullable=False, unique=True),  # NFKC, case folded: what a login compares
    Column("role", String(20), nullable=False),
    Column("password", Text, nullable=False),
    Column("created", Integer, nullable=False),
    Column("changed", Integer, nullable=False),
    Column("disabled", Boolean, nullable=False, default=False),
)
SESSIONS: Final = Table(
    "sessions",
    METADATA,
    Column("hash", String(64), primary_key=True),
    Column("user_id", Integer, ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    Column("created", Integer, nullable=False),
    Column("seen", Integer, nullable=False),
    Column("client", String(20), nullable=False),
    Column("message", Text),
    Index("sessions_of_user", "user_id"),
)
LINKS: Final = Table(
    "links",
    METADATA,
    Column("hash", String(64), primary_key=True),
    Column("purpose", String(20), nullable=False),
    Column("user_id", Integer, ForeignKey("users.id", ondelete="CASCADE")),
    Column("made", Integer, nullable=False),
    Column("expires", Integer, nullable=False),
    Column("used", Integer),
)


def open_store(where: Path | str) -> Engine:
    """The database with its tables: a file (made where it is missing, its folder too), or a URL. SfsError where it
    cannot be opened, is no database, or was written by a later version."""
    place = where if isinstance(where, str) else str(where)
    engine: Engine | None = None
    try:
        engine = create_engine(where) if isinstance(where, str) else _file_engine(where)
        _prepared(engine, place)
        return engine
    except SfsError:
        _close(engine)
        raise
    except (OSError, SQLAlchemyError, sqlite3.Error) as fault:
        _close(engine)
        reason = fault.strerror if isinstance(fault, OSError) else "it is no database of accounts, or cannot be written"
        raise SfsError(
            f"the accounts cannot be opened: {reason}",
            Where(_shown(place)),
            "make the file and its folder writable, or move the file away: a new one is made, and `sfs admin link` "
            "gives a link to set the password",
        ) from None


def _close(engine: Engine | None) -> None:
    if engine is not None:
        engine.dispose()


def _shown(place: str) -> str:
    """A URL without what stands before the host: a password may."""
    scheme, sign, rest = place.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}" if sign else place


def _file_engine(path: Path) -> Engine:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # SQLite gives its side files (-wal, -shm) the rights of the main file, so that one is made here.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    path.chmod(0o600)
    url = URL.create("sqlite", database=str(path))
    engine = create_engine(url, pool_size=2, max_overflow=8, connect_args={"timeout": BUSY})
    event.listen(engine, "connect", _on_connect)
    return engine


def _on_connect(connection: Any, _record: object) -> None:
    try:
        # FULL: what was answered survives a power cut, a new password and the end of a session above all.
        for pragma in ("journal_mode=WAL", "foreign_keys=ON", "synchronous=FULL", "cache_size=-256"):
            connection.execute(f"PRAGMA {pragma}").close()
    except BaseException:  # the pool has not heard of it yet, so nobody else would close it
        connection.close()
        raise


def _prepared(engine: Engine, place: str) -> None:
    """Make what is missing. `sfs run` and a `sfs admin link` right behind it both find no tables, and who comes second
    can make none: it finds them when it looks again."""
    for left in reversed(range(TRIES)):
        try:
            _prepare(engine, place)
            return
        except (SQLAlchemyError, sqlite3.Error):
            if not left:
                raise
            time.sleep(PAUSE)


def _prepare(engine: Engine, place: str) -> None:
    METADATA.create_all(engine)
    with engine.begin() as connection:
        found = connection.execute(select(SCHEMA.c.version)).scalars().all()
        if not found:
            connection.execute(insert(SCHEMA).values(version=VERSION))
        elif max(found) > VERSION:
            raise SfsError("the accounts were written by a later version of SFS", Where(_shown(place)), "update SFS")
