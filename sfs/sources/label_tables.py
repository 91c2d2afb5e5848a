"""The tables of the store of labels, in SQLite and PostgreSQL, and how an older store becomes one of today.

`STEPS` is a chain: step n makes a store of version n out of one of version n - 1, and the version of today is its
length. A step is never changed once a store may have been made with it: a new one is added. All steps that a store
lacks run in one transaction, so that a crash leaves the old store.

Times are whole seconds since 1970, UTC. What is said again and again (raters, sources, ratings) stands once in `texts`.
`changes` is the whole history, never rewritten; `labels` holds what its last word on each label was.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Engine,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    create_engine,
    event,
    insert,
    inspect,
    select,
    text,
    update,
)
from sqlalchemy.types import TypeEngine

from sfs.errors import SfsError, Where
from sfs.pics.safetyonline import SERVICE

type Step = Callable[[Connection], None]

# One order of texts in every database: that of their code points, as Python compares them.
_KEY: Final = Text().with_variant(Text(collation="C"), "postgresql")
_SERIAL: Final = BigInteger().with_variant(Integer(), "sqlite")
_LOCK: Final = 0x5F5_1AB  # of ours among the advisory locks of a PostgreSQL database

_VERSION: Final = Table("label_schema", MetaData(), Column("version", Integer, nullable=False))


def _label_columns() -> list[Column[Any]]:
    def column(name: str, kind: TypeEngine[Any], *, nullable: bool = False) -> Column[Any]:
        return Column(name, kind, nullable=nullable)

    return [
        column("service", Integer()),
        column("generic", SmallInteger()),
        column("key", _KEY),  # sfs/pics/keys.py
        column("scheme", SmallInteger()),  # place in keys.SCHEMES
        column("below", SmallInteger()),
        column("ratings", Integer(), nullable=True),  # of texts, as the other three; NULL where it was withdrawn
        column("rater", Integer(), nullable=True),
        column("made", BigInteger(), nullable=True),
        column("ends", BigInteger(), nullable=True),
        column("comment", Text(), nullable=True),
        column("source", Integer(), nullable=True),
    ]


def _first(connection: Connection) -> None:
    """Version 1: services, texts, labels, their further spellings, changes."""
    tables = MetaData()
    services = Table(
        "services",
        tables,
        Column("id", Integer, primary_key=True),
        Column("uri", _KEY, nullable=False, unique=True),
        Column("name", Text, nullable=False),
        Column("rat", Text),
        Column("position", Integer, nullable=False),
    )
    Table("texts", tables, Column("id", Integer, primary_key=True), Column("text", _KEY, nullable=False, unique=True))
    Table(
        "labels",
        tables,
        *_label_columns(),
        Column("serial", _SERIAL, nullable=False),
        PrimaryKeyConstraint("service", "generic", "key"),
        sqlite_with_rowid=False,
    )
    Table(
        "spellings",
        tables,
        Column("service", Integer, nullable=False),
        Column("generic", SmallInteger, nullable=False),
        Column("spelling", _KEY, nullable=False),
        Column("key", _KEY, nullable=False),
        PrimaryKeyConstraint("service", "generic", "spelling", "key"),
        sqlite_with_rowid=False,
    )
    Table(
        "changes",
        tables,
        Column("serial", _SERIAL, primary_key=True, autoincrement=False),
        Column("at", BigInteger, nullable=False),
        Column("who", Integer, nullable=False),
        *_label_columns(),
        Column("previous", _SERIAL),  # the last change before of the same label
    )
    tables.create_all(connection)
    connection.execute(insert(services).values(id=1, uri=SERVICE, name="SafetyOnline2", position=0))


STEPS: Final[tuple[Step, ...]] = (_first,)


def prepare(url: str, place: str, steps: Sequence[Step] = STEPS) -> None:
    """Make the tables of the database at an SQLAlchemy URL, or bring them up to today. SfsError where it holds other
    tables, or was written by a later version; SQLAlchemyError where it cannot be reached, read or written."""
    engine = create_engine(url)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _on_connect)
        event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    try:
        _upgrade(engine, place, steps)
    finally:
        engine.dispose()


def _on_connect(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # the driver would begin late, and end at each table that is made
    try:
        connection.execute("PRAGMA journal_mode=WAL").close()
        connection.execute("PRAGMA synchronous=FULL").close()
    except BaseException:  # the pool has not heard of it yet, so nobody else would close it
        connection.close()
        raise


def _upgrade(engine: Engine, place: str, steps: Sequence[Step]) -> None:
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
        found = _version(connection, place)
        if found > len(steps):
            raise newer(place)
        for step in steps[found:]:
            step(connection)
        if found < len(steps):
            connection.execute(update(_VERSION).values(version=len(steps)))


def _version(connection: Connection, place: str) -> int:
    """The version of the tables that are there; 0 for none, and then its table is made."""
    names = set(inspect(connection).get_table_names())
    if _VERSION.name in names:
        version = connection.execute(select(_VERSION.c.version)).scalar()
        if not isinstance(version, int):
            raise foreign(place)
        return version
    if names and connection.dialect.name == "sqlite":
        raise foreign(place)
    _VERSION.create(connection)
    connection.execute(insert(_VERSION).values(version=0))
    return 0


def newer(place: str) -> SfsError:
    """What is said of a store that a later version has written."""
    return SfsError("the labels were written by a later version of SFS", Where(place), "update SFS")


def foreign(place: str) -> SfsError:
    """What is said of a database that is none of ours."""
    return SfsError("it is no store of labels", Where(place), "name another file, or move this one away")
