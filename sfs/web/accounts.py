"""Accounts: names, roles, passwords. Every call reads or writes the database and some hash, so they run in a thread."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Engine, Row, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from sfs.web.answer import clean
from sfs.web.passwords import AccountError, check_password, hash_password, is_old, normalized, verify
from sfs.web.permissions import Role
from sfs.web.store import SESSIONS, USERS

FIRST_NAME: Final = "admin"  # the account of a household; nobody there needs to think of a name
MAX_NAME: Final = 40

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class User:
    """An account. Times: seconds since 1970, UTC. The hash of its password never leaves this file."""

    id: int
    name: str
    role: Role
    created: int
    changed: int
    disabled: bool


class Accounts:
    """The table of accounts. `clock` gives seconds since 1970."""

    def __init__(self, engine: Engine, clock: Clock = time.time) -> None:
        self._engine = engine
        self._clock = clock

    def has_administrator(self) -> bool:
        """Whether anybody can log in as an administrator; while nobody can, a setup link is offered."""
        with self._engine.connect() as connection:
            return administrators(connection) > 0

    def only(self) -> User | None:
        """The account where there is exactly one that can log in, as in a household; else None."""
        users = [user for user in self.all() if not user.disabled]
        return users[0] if len(users) == 1 else None

    def all(self) -> tuple[User, ...]:
        """Every account, oldest first."""
        with self._engine.connect() as connection:
            return tuple(user_of(row) for row in connection.execute(select(USERS).order_by(USERS.c.id)))

    def find(self, name: str) -> User | None:
        """The account of this name, disabled or not; case and width do not count."""
        with self._engine.connect() as connection:
            row = connection.execute(select(USERS).where(USERS.c.name_key == name_key(name))).first()
            return user_of(row) if row else None

    def add(self, name: str, password: str, role: Role) -> User:
        """A new account. AccountError for a name that is taken, empty or too long, or a password that is not taken."""
        checked = check_name(name)
        hash_ = hash_password(check_password(password, checked))
        with self._engine.begin() as connection:
            return insert_user(connection, checked, hash_, role, int(self._clock()))

    def check(self, name: str, password: str) -> User | None:
        """The account, where name and password fit and it is not disabled; else None, after the same time."""
        with self._engine.connect() as connection:
            row = connection.execute(select(USERS).where(USERS.c.name_key == name_key(name))).first()
        fits = verify(row.password if row else None, password)
        if row is None or not fits or row.disabled:
            return None
        if is_old(row.password):
            self._replace_hash(row.id, row.password, hash_password(normalized(password)))
        return user_of(row)

    def set_password(self, user: User, password: str, *, since: int | None = None) -> int:
        """A new password; every session of the account ends. Comes back with when it was set. AccountError where the
        password is not taken, or where the one that was set at `since` is no longer the account's."""
        hash_ = hash_password(check_password(password, user.name))
        with self._engine.begin() as connection:
            mine = USERS.c.id == user.id
            same = mine if since is None else mine & (USERS.c.changed == since)
            # The first statement writes, so that a reset comes before it or after it.
            if connection.execute(update(USERS).where(same).values(password=hash_)).rowcount != 1:
                raise AccountError("current_wrong", "the password was changed meanwhile", "log in again")
            return replace_password(connection, user.id, hash_, int(self._clock()))

    def disable(self, user: User, disabled: bool = True) -> None:
        """Close an account, or open it again; a closed one has no sessions. AccountError for the last administrator."""
        with self._engine.begin() as connection:
            connection.execute(update(USERS).where(USERS.c.id == user.id).values(disabled=disabled))
            connection.execute(delete(SESSIONS).where(SESSIONS.c.user_id == user.id))
            if not administrators(connection):
                raise AccountError("last_administrator", "nobody could log in any more", "make another account first")

    def _replace_hash(self, user_id: int, old: str, new: str) -> None:
        """The same password, hashed with today's parameters; nothing where it was changed meanwhile."""
        with self._engine.begin() as connection:
            unchanged = (USERS.c.id == user_id) & (USERS.c.password == old)
            connection.execute(update(USERS).where(unchanged).values(password=new))


def check_name(name: str) -> str:
    """The name as it is kept: NFKC, no hidden characters. AccountError where it is empty or too long."""
    plain = " ".join(normalized(name[: MAX_NAME * 4]).split())
    if not plain or len(plain) > MAX_NAME or clean(plain, MAX_NAME) != plain:
        raise AccountError("name_bad", "this cannot be a name", f"write 1 to {MAX_NAME} visible characters")
    return plain


def name_key(name: str) -> str:
    """What names are compared by: case and width do not count. At most 160 characters of whatever was typed."""
    sent = name[: MAX_NAME * 4].encode("utf-8", "replace").decode()  # a lone surrogate fits no database
    return " ".join(normalized(normalized(sent).casefold()).split())[: MAX_NAME * 4].rstrip()


def user_of(row: Row[Any]) -> User:
    """The account in a row that holds the columns of the table, alone or joined to another."""
    of = row._mapping
    name, role = of[USERS.c.name], Role(of[USERS.c.role])
    return User(of[USERS.c.id], name, role, of[USERS.c.created], of[USERS.c.changed], bool(of[USERS.c.disabled]))


def administrators(connection: Connection) -> int:
    """How many administrators can log in."""
    can = (USERS.c.role == Role.ADMINISTRATOR.value) & USERS.c.disabled.is_(False)
    return connection.execute(select(func.count()).select_from(USERS).where(can)).scalar_one()


def insert_user(connection: Connection, name: str, hash_: str, role: Role, now: int) -> User:
    """A new row. AccountError where the name is taken."""
    values = {
        "name": name,
        "name_key": name_key(name),
        "role": role.value,
        "password": hash_,
        "created": now,
        "changed": now,
        "disabled": False,
    }
    try:
        done = connection.execute(insert(USERS).values(**values))
    except IntegrityError:
        raise AccountError("name_taken", "this name is taken", "choose another one") from None
    key = done.inserted_primary_key
    assert key is not None
    return User(key[0], name, role, now, now, False)


def replace_password(connection: Connection, user_id: int, hash_: str, now: int) -> int:
    """A new hash; all sessions of the account end with the old one. When it was set: never the same twice, so that it
    tells one password from the next. The row was written in this transaction, so nobody else writes it meanwhile."""
    mine = USERS.c.id == user_id
    before: int = connection.execute(select(USERS.c.changed).where(mine)).scalar_one()
    changed = max(now, before + 1)
    connection.execute(update(USERS).where(mine).values(password=hash_, changed=changed))
    connection.execute(delete(SESSIONS).where(SESSIONS.c.user_id == user_id))
    return changed
